# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Plans: what is desired and what was observed become what has to be done.

Pure. Each finding is in an open round, or closed, or was sent back; a plan says which, and what makes it so. First each
finding is classified, then problems and warnings are phrased.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ._errors import StateError, as_list
from ._notes import has_note
from ._rounds import CANCELLED, COMPLETED, FINISHED, REQUESTED, Round, holders_of, numbers_of, youngest_with
from ._vulnerabilities import CLOSED, OPEN, READY, Finding, names_of
from ._windows import Window, window_text

# What becomes of a finding.
IN_SCOPE = "in_scope"
REOPENED = "reopened"

# Why a finding makes the task fail.
_MISSING = "missing"
_NOT_READY = "not ready"
_UNCLEAR = "unclear"
_SENT_BACK = "sent back"

Findings = Mapping[str, Finding]


class Desired(NamedTuple):
    """What ``state: requested`` asks for."""

    ids: tuple[str, ...]
    window: Window
    note: str | None = None
    note_type: str = "PLAINTEXT"
    mark_ready: bool = False
    on_window_change: str = "keep"
    on_duplicate: str = "warn"
    on_reopened: str = "report"
    selected: bool = False  # by conditions, of which a closed finding is no surprise


class Step(NamedTuple):
    """What becomes of one finding: requested, in_scope, closed or reopened; what is written before the request."""

    finding: Finding
    outcome: str
    note: str | None = None  # to be added, None where it stands already
    mark: bool = False  # to be made ready for retest


class Plan(NamedTuple):
    """What has to be done so that each finding is in an open round, or closed, or known to be sent back."""

    steps: tuple[Step, ...]
    withdraw: tuple[Round, ...] = ()  # rounds to cancel first
    holder: Round | None = None  # the youngest open round that stays and holds some of them
    kept: tuple[Round, ...] = ()  # all open rounds that stay and hold some of them
    warnings: tuple[str, ...] = ()

    @property
    def request(self) -> tuple[Finding, ...]:
        """The findings of one new round."""
        return tuple(step.finding for step in self.steps if step.outcome == REQUESTED)

    @property
    def preparation(self) -> list[Step]:
        """The steps with something to write before the request."""
        return [step for step in self.steps if step.note is not None or step.mark]

    def new_round(self, window: Window) -> Round | None:
        """The round that the request will make, or None; its number is not known yet."""
        return Round(None, REQUESTED, window.start, window.end, self.request) if self.request else None


def undecided(desired: Desired, rounds: list[Round]) -> tuple[str, ...]:
    """The ids of which the service must be asked what they are before a plan can be made."""
    if desired.note is not None:
        return desired.ids
    surplus = doubled(desired, rounds)[0]
    staying = [
        one
        for one in rounds
        if one not in surplus and not (desired.on_window_change == "replace" and _moved(desired, one))
    ]
    return tuple(finding_id for finding_id in desired.ids if not holders_of(finding_id, staying))


def may_be_sent_back(finding: Finding, rounds: Iterable[Round]) -> bool:
    """Whether a finding was tested in its youngest round and is open: then its notes decide what it is."""
    youngest = youngest_with(finding.id, rounds)
    return finding.status == OPEN and youngest is not None and youngest.status == COMPLETED


def plan_request(desired: Desired, rounds: list[Round], findings: Findings, project_id: str) -> Plan:
    """Make the plan for ``state: requested``.

    ``findings`` maps the ids of `undecided` to a Finding; an id that is missing there is not in the project.
    Raises StateError with every problem at once; then nothing may be sent.
    """
    surplus, warnings = doubled(desired, rounds)
    staying = [one for one in rounds if one not in surplus]
    replaced, problems = _replaced(desired, staying, findings)
    staying = [one for one in staying if one not in replaced]

    classes = {finding_id: _class_of(finding_id, desired, rounds, staying, findings) for finding_id in desired.ids}
    problems = _unknown_scopes(rounds) + problems + _problems(classes, rounds, findings, project_id)
    if problems:
        raise StateError(f"No retest was requested:{as_list(problems)}")

    steps = tuple(_step(finding_id, classes[finding_id], desired, staying, findings) for finding_id in desired.ids)
    kept = tuple(one for one in staying if one.open and one.ids & set(desired.ids))
    return Plan(
        steps=steps,
        withdraw=(*surplus, *replaced),
        holder=kept[-1] if kept else None,
        kept=kept,
        warnings=(*warnings, *other_windows(desired, kept), *_outcome_warnings(desired, steps, rounds)),
    )


def _class_of(finding_id: str, desired: Desired, rounds: list[Round], staying: list[Round], findings: Findings) -> str:
    """What a finding is: one of the outcomes, or a reason to fail."""
    finding = findings.get(finding_id)
    if holders_of(finding_id, staying):
        return IN_SCOPE
    if finding is not None and finding.status == CLOSED:
        return CLOSED
    if any(finding_id in one.ids for one in rounds if not one.known):
        return _UNCLEAR
    if finding is None:
        return _MISSING
    if finding.status == READY:
        return REQUESTED
    if _sent_back(finding, desired, rounds) and desired.on_reopened != "request":
        return REOPENED if desired.on_reopened == "report" else _SENT_BACK
    return REQUESTED if desired.mark_ready else _NOT_READY


def _sent_back(finding: Finding, desired: Desired, rounds: list[Round]) -> bool:
    """Whether a tester sent a finding back and nothing says that it was fixed again since."""
    return may_be_sent_back(finding, rounds) and (desired.note is None or has_note(finding, desired.note))


def _step(finding_id: str, outcome: str, desired: Desired, staying: list[Round], findings: Findings) -> Step:
    finding = findings.get(finding_id)
    if finding is None:  # nothing is written to it, so only its names are needed
        scopes = (found for one in holders_of(finding_id, staying) for found in one.scope or ())
        return Step(next(found for found in scopes if found.id == finding_id), outcome)
    wanted = outcome in (REQUESTED, IN_SCOPE) and finding.status != CLOSED
    note = desired.note if wanted and desired.note is not None and not has_note(finding, desired.note) else None
    return Step(finding, outcome, note, mark=outcome == REQUESTED and finding.status != READY)


def _unknown_scopes(rounds: Iterable[Round]) -> list[str]:
    return [
        f"Round {one.number} is open, but AttackForge does not show which findings it holds, so another request could "
        "be a second one. Finish or cancel that round in AttackForge."
        for one in rounds
        if one.scope_unknown
    ]


def _problems(classes: Mapping[str, str], rounds: list[Round], findings: Findings, project_id: str) -> list[str]:
    def of(kind: str) -> list[str]:
        return [finding_id for finding_id, found in classes.items() if found == kind]

    def names(kind: str) -> str:
        return names_of(findings[finding_id] for finding_id in of(kind))

    problems = [_unclear(finding_id, rounds) for finding_id in of(_UNCLEAR)]
    if of(_NOT_READY):
        problems.append(
            f"Not ready for retest: {names(_NOT_READY)}. Set mark_ready: true if they are fixed, or leave them out."
        )
    if of(_SENT_BACK):
        problems.append(
            f"Sent back by the testers and not fixed again since: {names(_SENT_BACK)}; on_reopened is fail. Fix them "
            "and declare a new remediation_note, or set on_reopened to report or request."
        )
    if of(_MISSING):
        problems.append(
            f"Not among the findings of project {project_id} that this key can see: {', '.join(of(_MISSING))}. Correct "
            "vulnerability_ids or project_id."
        )
    return problems


def _unclear(finding_id: str, rounds: list[Round]) -> str:
    one = next(one for one in reversed(rounds) if not one.known and finding_id in one.ids)
    name = names_of(finding for finding in one.scope or () if finding.id == finding_id)
    return (
        f"{name} is in round {one.number}, whose status is '{one.status}'. It is not known whether that is open, so "
        "another request could be a second one. Finish or cancel that round in AttackForge."
    )


def _outcome_warnings(desired: Desired, steps: tuple[Step, ...], rounds: list[Round]) -> list[str]:
    warnings = []
    closed = [step.finding for step in steps if step.outcome == CLOSED]
    if closed and not desired.selected:
        warnings.append(f"Closed already, so there is nothing to retest: {names_of(closed)}.")
    for one in rounds:
        back = [s.finding for s in steps if s.outcome == REOPENED and youngest_with(s.finding.id, rounds) is one]
        if back:
            warnings.append(
                f"Sent back by the testers in round {one.number}, so not requested again: {names_of(back)}. When they "
                "are fixed again, declare a new remediation_note (for example with the name of the new release), or "
                "set on_reopened: request."
            )
    return warnings


def _moved(desired: Desired, one: Round) -> bool:
    return desired.window.differs_from(one.start, one.end)


def doubled(desired: Desired, rounds: Iterable[Round]) -> tuple[list[Round], list[str]]:
    """Find findings that two open rounds hold. Returns (younger identical rounds to withdraw, if so desired; warnings).

    Every run sees the same numbers, so concurrent runs agree on which round is the younger.
    """
    withdraw: list[Round] = []
    warnings: list[str] = []
    concerned = [one for one in rounds if one.open and one.ids & set(desired.ids)]
    for position, younger in enumerate(concerned):
        older = [one for one in concerned[:position] if one.ids & younger.ids]
        identical = [one for one in older if one.ids == younger.ids]
        if identical and desired.on_duplicate == "cancel":
            withdraw.append(younger)
        elif older:
            warnings.append(_duplicate_warning((identical or older)[0], younger, bool(identical)))
    return withdraw, warnings


def _duplicate_warning(older: Round, younger: Round, identical: bool) -> str:
    shared = names_of(finding for finding in younger.scope or () if finding.id in older.ids)
    advice = (
        "Cancel one of them, or set on_duplicate: cancel."
        if identical
        else "They do not hold the same findings, so a person has to decide which one to cancel."
    )
    return (
        f"Rounds {older.number} and {younger.number} are both open and both hold {shared}, so the same retest is "
        f"requested twice. {advice}"
    )


def _replaced(desired: Desired, rounds: list[Round], findings: Findings) -> tuple[list[Round], list[str]]:
    """Find the open rounds that another window makes obsolete. Returns (rounds, problems).

    A round of which everything is closed is left alone: there would be nothing to request in its place.
    """
    if desired.on_window_change == "keep":
        return [], []
    concerned = [one for one in rounds if one.open and one.ids & set(desired.ids) and _moved(desired, one)]
    if desired.on_window_change == "fail":
        return [], [_other_window_problem(desired, one) for one in concerned]
    concerned = [one for one in concerned if not _all_closed(one.ids & set(desired.ids), findings)]
    shared = [one for one in concerned if not one.ids <= set(desired.ids)]
    return [one for one in concerned if one not in shared], [_shared_round_problem(desired, one) for one in shared]


def _all_closed(ids: Iterable[str], findings: Findings) -> bool:
    return all(finding_id in findings and findings[finding_id].status == CLOSED for finding_id in ids)


def _other_window_problem(desired: Desired, one: Round) -> str:
    held = names_of(finding for finding in one.scope or () if finding.id in desired.ids)
    return (
        f"Round {one.number} holds {held} in another window ({one.window_text}), and on_window_change is fail. Declare "
        "that window, or set on_window_change to keep or replace."
    )


def _shared_round_problem(desired: Desired, one: Round) -> str:
    others = names_of(finding for finding in one.scope or () if finding.id not in desired.ids)
    return (
        f"Round {one.number} ({one.window_text}) cannot be replaced, because it also holds findings that are not "
        f"declared: {others}. Declare them too, or set on_window_change: keep."
    )


def other_windows(desired: Desired, rounds: Iterable[Round]) -> list[str]:
    """Warn of each round that stays although its window is not the declared one."""
    advice = " It is kept; on_window_change: replace would replace it." if desired.on_window_change == "keep" else ""
    declared = window_text(desired.window.start, desired.window.end)
    return [
        f"Round {one.number} has the window {one.window_text}, which is not the one declared: {declared}.{advice}"
        for one in rounds
        if _moved(desired, one)
    ]


def changed_window(desired: Desired, one: Round) -> list[str]:
    """Warn where the service gave a new round another window than the one that was sent."""
    if not _moved(desired, one):
        return []
    advice = (
        " With on_window_change: replace, each run would request again; set it to keep."
        if desired.on_window_change == "replace"
        else ""
    )
    sent = window_text(desired.window.start, desired.window.end)
    return [
        f"AttackForge gave round {one.number} the window {one.window_text}, which is not the one that was sent: {sent}."
        f"{advice}"
    ]


def new_holder(before: Iterable[Round], after: Iterable[Round], ids: Iterable[str]) -> Round | None:
    """Find the round that a request made: one that was not there before and holds some of ``ids``.

    An open one comes before one that somebody has finished already. Where several are new, it is the one that holds
    most, and of these the oldest. None if there is none.
    """
    ids = set(ids)
    before = list(before)
    numbers = {one.number for one in before}
    in_use = {one.number for one in before if one.status not in FINISHED}
    candidates = [
        one for one in after if one.ids & ids and one.number not in (numbers if one.status in FINISHED else in_use)
    ]
    return max(
        candidates, key=lambda one: (one.status not in FINISHED, len(one.ids & ids), -(one.number or 0)), default=None
    )


def plan_finish(state: str, rounds: list[Round], number: int | None, ids: tuple[str, ...]) -> tuple[Round | None, bool]:
    """Find the round that ``state: cancelled`` or ``completed`` is about. Returns (round or None, to be changed).

    ``number`` None means the one open round; with ``ids`` given, the one open round that holds some of them.
    """
    verb = "cancel" if state == CANCELLED else "complete"
    if number is not None:
        return _finish_numbered(state, rounds, number)
    candidates = [one for one in rounds if one.open and (not ids or one.scope_unknown or one.ids & set(ids))]
    if len(candidates) > 1:
        raise StateError(
            f"Several rounds are open ({numbers_of(candidates)}), so it is not clear which one to {verb}. Name it with "
            "the option round."
        )
    if candidates:
        _check_scope(candidates[0], ids, verb)
        return candidates[0], True
    last = next((one for one in reversed(rounds) if not ids or one.ids & set(ids)), None)
    if last is not None:
        return _finish_numbered(state, rounds, last.number)
    if state == CANCELLED:
        return None, False  # nothing is open, which is what was asked for
    raise StateError("There is no open round to complete: no retest was ever requested for this.")


def _check_scope(one: Round, ids: tuple[str, ...], verb: str) -> None:
    """Raise StateError where a round that was found by findings holds others, or nobody knows what it holds."""
    if not ids:
        return
    if one.scope_unknown:
        raise StateError(
            f"Round {one.number} is open, but AttackForge does not show which findings it holds. To {verb} it all the "
            "same, name it with the option round."
        )
    others = [finding for finding in one.scope or () if finding.id not in ids]
    if others:
        raise StateError(
            f"Round {one.number} also holds findings that are not in vulnerability_ids: {names_of(others)}. To {verb} "
            "it all the same, name it with the option round."
        )


def _finish_numbered(state: str, rounds: list[Round], number: int | None) -> tuple[Round, bool]:
    one = numbered(rounds, number)
    if one.open:
        return one, True
    if one.status == state:
        return one, False
    if one.known:
        raise StateError(f"Round {number} is {one.status} already, so it cannot become {state}.")
    raise StateError(
        f"Round {number} has the status '{one.status}'. It is not known whether that is open or finished; look at it "
        "in AttackForge."
    )


def numbered(rounds: Iterable[Round], number: int | None) -> Round:
    """The round with a number; where a number was used again, the youngest. Raises StateError where there is none."""
    rounds = list(rounds)
    found = [one for one in rounds if one.number == number]
    if not found:
        raise StateError(f"round: there is no round {number} in this project (there is: {numbers_of(rounds)}).")
    return found[-1]


# What is to be done to findings by itself, without a request


class Marking(NamedTuple):
    """What is desired of findings: a status (or None), a remediation note (or None) and how the note is written."""

    ids: tuple[str, ...]
    status: str | None
    note: str | None
    note_type: str = "PLAINTEXT"


class Change(NamedTuple):
    """What has to be done to one finding."""

    finding: Finding
    status: str | None  # the new one, None where it is so already
    note: str | None  # to be added, None where it stands already

    @property
    def empty(self) -> bool:
        return self.status is None and self.note is None

    @property
    def parts(self) -> list[Change]:
        """The note and the status, each by itself."""
        return [part for part in (self._replace(status=None), self._replace(note=None)) if not part.empty]

    @property
    def after(self) -> str | None:
        return self.status or self.finding.status

    def as_result(self) -> dict[str, Any]:
        """A change as the modules return it."""
        return {
            "id": self.finding.id,
            "alternate_id": self.finding.alternate_id,
            "before": self.finding.status,
            "after": self.after,
            "marked": self.status is not None,
            "noted": self.note is not None,
        }


def plan_marking(marking: Marking, findings: Findings, project_id: str) -> list[Change]:
    """Make the changes, one for each finding and in their order. ``findings`` maps ids to Findings.

    Raises StateError naming each finding that is not in the project; then nothing may be sent.
    """
    missing = [finding_id for finding_id in marking.ids if finding_id not in findings]
    if missing:
        raise StateError(
            f"Nothing was changed: not among the findings of project {project_id} that this key can see: "
            f"{', '.join(missing)}. Correct vulnerability_ids or project_id."
        )
    return [change_of(marking, findings[finding_id]) for finding_id in marking.ids]


def change_of(marking: Marking, finding: Finding) -> Change:
    """What has to be done to a finding."""
    return Change(
        finding=finding,
        status=marking.status if marking.status and marking.status != finding.status else None,
        note=marking.note if marking.note and not has_note(finding, marking.note) else None,
    )


def is_made(change: Change, findings: Findings) -> bool:
    """Whether a change can be seen in findings as they are now, ``{id: Finding}``."""
    finding = findings.get(change.finding.id)
    return (
        finding is not None
        and change.status in (None, finding.status)
        and (change.note is None or has_note(finding, change.note))
    )
