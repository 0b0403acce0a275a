# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""The verdict of a retest: what became of each finding, and whether the release may pass.

Pure. A finding is fixed, accepted (closed for another reason than a fix), reopened, pending, or removed (asked for, no
longer in the round, and not closed). The verdict passes when every round is completed and no finding blocks it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ._errors import as_list
from ._notes import closing_of
from ._projects import Project
from ._rounds import CANCELLED, COMPLETED, Round, numbers_of
from ._vulnerabilities import CLOSED, PRIORITIES, READY, Finding, folded
from ._windows import format_instant

FIXED = "fixed"
ACCEPTED = "accepted"
REOPENED = "reopened"
PENDING = "pending"
REMOVED = "removed"
OUTCOMES = (FIXED, ACCEPTED, REOPENED, PENDING, REMOVED)
_WORST_FIRST = (REOPENED, REMOVED, PENDING, ACCEPTED, FIXED)


class Policy(NamedTuple):
    """What may pass: findings of these priorities need not be closed; with ``fixed_only`` accepted is not enough."""

    ignore_priorities: tuple[str, ...] = ()
    fixed_only: bool = False


class Outcome(NamedTuple):
    """What became of a finding. ``at`` is an instant as the service writes it."""

    finding: Finding
    outcome: str
    reason: str | None = None  # why it was closed, as far as a note says it
    by: str | None = None  # who closed it
    at: str | None = None
    ignored: bool = False
    blocks: bool = False

    def as_result(self) -> dict[str, Any]:
        """An outcome as the modules return it."""
        finding = self.finding
        return {
            "id": finding.id,
            "alternate_id": finding.alternate_id,
            "title": finding.title,
            "priority": finding.priority,
            "status": finding.status,
            "outcome": self.outcome,
            "reason": self.reason,
            "closed_by": self.by,
            "closed_at": self.at,
            "ignored": self.ignored,
            "blocks": self.blocks,
        }


class RoundVerdict(NamedTuple):
    """The verdict on one round. ``notices`` are what a reader should know of other rounds."""

    project: Project
    round: Round
    outcomes: tuple[Outcome, ...]
    notices: tuple[str, ...] = ()

    @property
    def blocking(self) -> list[Outcome]:
        return [one for one in self.outcomes if one.blocks]

    @property
    def passed(self) -> bool:
        return self.round.status == COMPLETED and bool(self.outcomes) and not self.blocking

    @property
    def totals(self) -> dict[str, int]:
        counted = Counter(one.outcome for one in self.outcomes)
        return {**{outcome: counted[outcome] for outcome in OUTCOMES}, "ignored": sum(o.ignored for o in self.outcomes)}

    def as_result(self) -> dict[str, Any]:
        """The verdict on a round as the modules return it, the findings that block it first."""
        ordered = sorted(self.outcomes, key=_outcome_badness)
        return {
            "project_id": self.project.id,
            "project_name": self.project.name,
            "project_code": self.project.code,
            "round": self.round.number,
            "status": self.round.status,
            "open": self.round.open,
            "passed": self.passed,
            "message": round_message(self),
            "retesting_window_start": format_instant(self.round.start),
            "retesting_window_end": format_instant(self.round.end),
            "totals": self.totals,
            "vulnerabilities": [one.as_result() for one in ordered],
        }


def _outcome_badness(one: Outcome) -> tuple[bool, int, int]:
    priorities = (*PRIORITIES, None)
    priority = one.finding.priority if one.finding.priority in priorities else None
    return not one.blocks, _WORST_FIRST.index(one.outcome), priorities.index(priority)


def outcomes_of(
    one: Round, findings: Mapping[str, Finding], asked: Iterable[str], policy: Policy
) -> tuple[Outcome, ...]:
    """What became of the findings of a round, and of those that were asked for and are not in it.

    ``findings`` maps ids to Findings as they are now, with their notes. One that is not there cannot be seen.
    """
    found = [
        _with_policy(_outcome_in_scope(one, scoped, findings.get(scoped.id)), policy) for scoped in one.scope or ()
    ]
    for finding_id in dict.fromkeys(asked):
        if finding_id not in one.ids:
            found.append(_with_policy(_outcome_outside(finding_id, findings.get(finding_id)), policy))
    return tuple(found)


def _outcome_in_scope(one: Round, scoped: Finding, finding: Finding | None) -> Outcome:
    if finding is None:
        return Outcome(scoped, PENDING)  # nothing is known of it
    if finding.status == CLOSED:
        return _closed(finding)
    # Some tenants may take readiness away when a round is requested: then open does not mean that it was tested.
    untested = one.open and finding.id not in one.retested
    return Outcome(finding, PENDING if finding.status == READY or untested else REOPENED)


def _outcome_outside(finding_id: str, finding: Finding | None) -> Outcome:
    if finding is not None and finding.status == CLOSED:
        return _closed(finding)
    return Outcome(finding or Finding(finding_id), REMOVED)


def _closed(finding: Finding) -> Outcome:
    closing = closing_of(finding)
    if closing is None:
        return Outcome(finding, FIXED)
    return Outcome(finding, FIXED if closing.is_fix else ACCEPTED, closing.reason, closing.by, closing.at)


def _with_policy(outcome: Outcome, policy: Policy) -> Outcome:
    passes = outcome.outcome == FIXED or (outcome.outcome == ACCEPTED and not policy.fixed_only)
    ignored = not passes and folded(outcome.finding.priority) in map(folded, policy.ignore_priorities)
    return outcome._replace(ignored=ignored, blocks=not passes and not ignored)


def notices_of(one: Round, rounds: Iterable[Round]) -> tuple[str, ...]:
    """What a reader of the verdict should know of a project's other rounds."""
    others = [other for other in rounds if other is not one]
    since = [other for other in others if other.status == CANCELLED and (other.number or 0) > (one.number or 0)]
    still_open = [other for other in others if other.open]
    notices = []
    if since:
        notices.append(
            f"Requested later, but cancelled: round {numbers_of(since)}. What it held is not retested by this one."
        )
    if still_open:
        notices.append(f"Also open, and not part of this verdict: round {numbers_of(still_open)}.")
    return tuple(notices)


def verdict_result(verdicts: Iterable[RoundVerdict]) -> dict[str, Any]:
    """The verdict on all rounds as the modules return it, the worst round first."""
    verdicts = sorted(verdicts, key=_badness)
    totals = Counter[str]()
    for verdict in verdicts:
        totals.update(verdict.totals)
    return {
        "passed": bool(verdicts) and all(verdict.passed for verdict in verdicts),
        "message": _message(verdicts),
        "totals": {name: totals[name] for name in (*OUTCOMES, "ignored")},
        "blocking": [outcome.finding.id for verdict in verdicts for outcome in verdict.blocking],
        "rounds": [verdict.as_result() for verdict in verdicts],
        "table": [line for verdict in verdicts for line in _table(verdict, several=len(verdicts) > 1)],
    }


def _badness(verdict: RoundVerdict) -> tuple[Any, ...]:
    return verdict.passed, -len(verdict.blocking), verdict.project.code or verdict.project.id, verdict.round.number or 0


def _message(verdicts: list[RoundVerdict]) -> str:
    if len(verdicts) == 1:
        return _prefix(verdicts[0].passed) + round_message(verdicts[0])
    if not verdicts:
        return f"{_prefix(False)}there is no round to decide on."
    failed = [verdict for verdict in verdicts if not verdict.passed]
    if not failed:
        counted = _counted(sum((Counter(v.totals) for v in verdicts), Counter()))
        return f"{_prefix(True)}all {len(verdicts)} rounds are completed: {counted}."
    lines = [f"{verdict.project.label}: {round_message(verdict)}" for verdict in failed]
    return f"{_prefix(False)}{len(failed)} of {len(verdicts)} rounds do not pass:{as_list(lines)}"


def _prefix(passed: bool) -> str:
    return "Passed: " if passed else "Not passed: "


def _counted(totals: Mapping[str, int]) -> str:
    return ", ".join(f"{totals[outcome]} {outcome}" for outcome in OUTCOMES if totals.get(outcome)) or "no findings"


def round_message(verdict: RoundVerdict) -> str:
    """Say for people how a round stands, and what to do where it does not pass."""
    return " ".join([_round_state(verdict), *verdict.notices])


def _round_state(verdict: RoundVerdict) -> str:
    one, totals = verdict.round, _counted(verdict.totals)
    if verdict.passed:
        reasons = [f"{o.finding.name}: {o.reason}" for o in verdict.outcomes if o.outcome == ACCEPTED]
        accepted = f" Accepted: {'; '.join(reasons)}." if reasons else ""
        return f"round {one.number} is completed: {totals}.{accepted}"
    if one.open:
        return (
            f"round {one.number} is still open: {totals}. Run this again when the testers have completed it, or wait "
            "for it."
        )
    if one.status == CANCELLED:
        return f"round {one.number} was cancelled, so it proves nothing. Request a new retest."
    if one.status != COMPLETED:
        return (
            f"round {one.number} has the status '{one.status}'; it is not known whether that is open or finished. Look "
            "at it in AttackForge."
        )
    if not verdict.outcomes:
        return f"round {one.number} is completed, but AttackForge shows no findings of it. Look at it in AttackForge."
    return f"round {one.number} is completed, but {_blocking_text(verdict.blocking)}"


_ADVICE = {
    REOPENED: "Fix what was reopened, then request a new retest.",
    REMOVED: "Ask the testers why findings were taken out of the round, or request a new retest of them.",
    PENDING: "Request a new retest of what was not tested.",
    ACCEPTED: "With fixed_only, an accepted finding does not pass.",
}


def _blocking_text(blocking: list[Outcome]) -> str:
    names = ", ".join(" ".join(f"{o.finding.name} ({_described(o)})".split()) for o in blocking)
    advice = " ".join(text for outcome, text in _ADVICE.items() if any(o.outcome == outcome for o in blocking))
    verb = "these findings do" if len(blocking) > 1 else "this finding does"
    return f"{verb} not pass: {names}. {advice}"


def _described(outcome: Outcome) -> str:
    parts = [outcome.finding.priority or "no priority", outcome.outcome, outcome.reason]
    return ", ".join(part for part in parts if part)


def _table(verdict: RoundVerdict, several: bool) -> list[str]:
    """One line for the round and one for each finding, in columns; no name or title may begin another line."""
    one = verdict.round
    where = f"{verdict.project.label}: round" if several else "Round"
    state = "still open" if one.open else one.status
    lines = [f"{where} {one.number} is {state}: {_counted(verdict.totals)}"]
    for outcome in verdict.as_result()["vulnerabilities"]:
        columns = (
            outcome["alternate_id"] or outcome["id"],
            outcome["priority"] or "-",
            outcome["outcome"] + (", ignored" if outcome["ignored"] else ""),
            " ".join(filter(None, [outcome["title"], f"[{outcome['reason']}]" if outcome["reason"] else None])),
        )
        lines.append("{:<12} {:<9} {:<18} {}".format(*(" ".join(text.split()) for text in columns)).rstrip())
    return lines


def progress_text(one: Round, findings: Mapping[str, Finding] | None = None) -> str:
    """Say for people how far a round is; with ``findings`` as in `outcomes_of`, what became of them."""
    text = f"Round {one.number} is {'open' if one.open else one.status}"
    if findings is None or one.scope is None:
        return f"{text}."
    counted = Counter(outcome.outcome for outcome in outcomes_of(one, findings, (), Policy()))
    return f"{text}: {_counted(counted)}."
