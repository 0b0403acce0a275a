# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The diff of a plan, as YAML that people can read: a project's open rounds, or the findings that are marked.

Pure. It is written by hand because a module's interpreter need not have a YAML library; strings are written as JSON,
which YAML understands.
"""

from __future__ import annotations

import json

from .windows import format_instant


def rounds_diff(project_id, rounds, gone=(), new=None):
    """Tell the open rounds before and after a plan that takes away ``gone`` and adds ``new``."""
    before = [one for one in rounds if one.open]
    after = [one for one in before if one not in gone] + ([new] if new else [])
    return _diff(f"open retest rounds of project {project_id}", _rounds_text(before), _rounds_text(after))


def marking_diff(project_id, changes):
    """Tell the findings that changes touch, before and after."""
    touched = [change for change in changes if not change.empty]
    before = [_finding_text(change.finding, change.finding.status, None) for change in touched]
    after = [_finding_text(change.finding, change.after, change.note) for change in touched]
    return _diff(
        f"findings of project {project_id}",
        *("vulnerabilities:\n" + "".join(texts) if texts else "vulnerabilities: []\n" for texts in (before, after)),
    )


def _diff(title, before, after):
    return {"before_header": title, "before": before, "after_header": title, "after": after}


def _finding_text(finding, status, note):
    lines = [f"- vulnerability: {_string(_name(finding))}", f"  status: {status}"]
    if note is not None:
        lines.append(f"  new_remediation_note: {_string(note)}")
    return "\n".join(lines) + "\n"


def _rounds_text(rounds):
    if not rounds:
        return "open_rounds: []\n"
    return "open_rounds:\n" + "".join(_round_text(one) for one in rounds)


def _round_text(one):
    lines = [
        "- round: %s" % ("new" if one.number is None else one.number),
        f"  retesting_window_start: {_string(format_instant(one.start))}",
        f"  retesting_window_end: {_string(format_instant(one.end))}",
        "  vulnerabilities:",
    ]
    lines += [f"    - {_string(_name(finding))}" for finding in one.scope or ()]
    return "\n".join(lines) + "\n"


def _name(finding):
    return " ".join(part for part in (finding.alternate_id, finding.id, finding.title) if part)


def _string(value):
    return "".join(
        letter if letter.isprintable() else ("\\u%04x" if ord(letter) < 0x10000 else "\\U%08x") % ord(letter)
        for letter in json.dumps(value, ensure_ascii=False)
    )
