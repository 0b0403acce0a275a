# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""The diff of a plan, as YAML that people can read: a project's open rounds, and the findings that are changed.

Pure. It is written by hand because a module's interpreter need not have a YAML library; strings are written as JSON,
which YAML understands.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from ._plan import Change, Step
from ._rounds import Round
from ._vulnerabilities import READY, Finding
from ._windows import format_instant

Diff = dict[str, str]


def rounds_diff(
    project_id: str,
    rounds: Iterable[Round],
    withdrawn: Iterable[Round] = (),
    new: Round | None = None,
    steps: Iterable[Step] = (),
) -> Diff:
    """Show the open rounds before and after a plan that withdraws some and adds a new one, and what it changes
    first."""
    open_rounds = [one for one in rounds if one.open]
    gone = list(withdrawn)
    after = [one for one in open_rounds if one not in gone] + ([new] if new else [])
    touched = [step for step in steps if step.mark or step.note is not None]
    return _diff(
        f"retest of project {project_id}",
        _rounds_text(open_rounds)
        + _optional([_finding_text(step.finding, step.finding.status, None) for step in touched]),
        _rounds_text(after)
        + _optional([_finding_text(s.finding, READY if s.mark else s.finding.status, s.note) for s in touched]),
    )


def marking_diff(project_id: str, changes: Iterable[Change]) -> Diff:
    """Show the findings that are changed, before and after."""
    touched = [change for change in changes if not change.empty]
    before = [_finding_text(change.finding, change.finding.status, None) for change in touched]
    after = [_finding_text(change.finding, change.after, change.note) for change in touched]
    return _diff(f"findings of project {project_id}", _findings_text(before), _findings_text(after))


def _diff(title: str, before: str, after: str) -> Diff:
    return {"before_header": title, "before": before, "after_header": title, "after": after}


def _optional(texts: list[str]) -> str:
    return _findings_text(texts) if texts else ""


def _findings_text(texts: list[str]) -> str:
    return "vulnerabilities:\n" + "".join(texts) if texts else "vulnerabilities: []\n"


def _finding_text(finding: Finding, status: str | None, note: str | None) -> str:
    lines = [f"- vulnerability: {_string(_name(finding))}"]
    if status is not None:
        lines.append(f"  status: {status}")
    if note is not None:
        lines.append(f"  new_remediation_note: {_string(note)}")
    return "\n".join(lines) + "\n"


def _rounds_text(rounds: list[Round]) -> str:
    if not rounds:
        return "open_rounds: []\n"
    return "open_rounds:\n" + "".join(map(_round_text, rounds))


def _round_text(one: Round) -> str:
    lines = [
        f"- round: {'new' if one.number is None else one.number}",
        f"  retesting_window_start: {_string(format_instant(one.start))}",
        f"  retesting_window_end: {_string(format_instant(one.end))}",
        "  vulnerabilities:",
    ]
    lines += [f"    - {_string(_name(finding))}" for finding in one.scope or ()]
    return "\n".join(lines) + "\n"


def _name(finding: Finding) -> str:
    return " ".join(part for part in (finding.alternate_id, finding.id, finding.title) if part)


def _string(value: str | None) -> str:
    return "".join(
        letter if letter.isprintable() else ("\\u%04x" if ord(letter) < 0x10000 else "\\U%08x") % ord(letter)
        for letter in json.dumps(value, ensure_ascii=False)
    )
