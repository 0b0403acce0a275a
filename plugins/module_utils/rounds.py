# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Retest rounds: history rows become rounds; what is wanted and what is there become a plan.

Pure: no I/O, neither requests nor Ansible. Everything that can be decided without the service is decided here.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from .errors import StateError
from .vulnerabilities import CLOSED, OPEN, READY, named
from .windows import Window, format_instant

REQUESTED = "requested"
COMPLETED = "completed"
CANCELLED = "cancelled"
_FINISHED = (CANCELLED, COMPLETED)


class Row(NamedTuple):
    """One row of a project's history as the service tells it: one for a round, or one for each action on it."""

    number: int
    status: str
    start: datetime | None
    end: datetime | None
    scope: tuple | None  # of Finding: what is to be tested; None where the row does not say
    retested: tuple  # of Finding: what was


class _Round(NamedTuple):
    number: int | None  # None as long as the service has not given one
    status: str
    start: datetime | None
    end: datetime | None
    scope: tuple | None  # of Finding
    retested: frozenset  # of ids


class Round(_Round):
    """A retest round. ``status`` is requested, completed, cancelled, or a word that nobody documents."""

    @property
    def open(self):
        return self.status == REQUESTED

    @property
    def known(self):
        """Whether the status is one that this collection understands."""
        return self.open or self.status in _FINISHED

    @cached_property
    def ids(self):
        return frozenset(finding.id for finding in self.scope or ())


class Wish(NamedTuple):
    """What ``state: requested`` asks for."""

    ids: tuple
    window: Window
    on_window_change: str = "keep"
    on_duplicate: str = "warn"


class Plan(NamedTuple):
    """What has to be done so that each finding is in an open round, or closed."""

    withdraw: tuple = ()  # rounds to cancel first
    request: tuple = ()  # findings for one new round
    in_scope: tuple = ()  # ids that an open round holds already
    closed: tuple = ()  # ids with nothing to retest
    holder: Round | None = None  # the youngest open round that stays and holds some of them
    warnings: tuple = ()

    @property
    def empty(self):
        return not (self.withdraw or self.request)

    def new_round(self, window):
        """The round that the request will make, or None; its number is not known yet."""
        return Round(None, REQUESTED, window.start, window.end, self.request, frozenset()) if self.request else None


def rounds_of(rows):
    """Group history rows into rounds, oldest first, whatever the rows' order and however many a round has."""
    by_number = {}
    for row in rows:
        by_number.setdefault(row.number, []).append(row)
    return [_round_of(number, by_number[number]) for number in sorted(by_number)]


def _round_of(number, rows):
    # The row that asked for the round knows its window and scope best; then whichever row has any.
    rows = sorted(rows, key=lambda row: row.status != REQUESTED)
    return Round(
        number=number,
        status=_status_of({row.status for row in rows}),
        start=next((row.start for row in rows if row.start), None),
        end=next((row.end for row in rows if row.end), None),
        scope=_scope_of(rows),
        retested=frozenset(finding.id for row in rows for finding in row.retested),
    )


def _scope_of(rows):
    told = [row.scope for row in rows if row.scope is not None]
    return tuple({finding.id: finding for scope in told for finding in scope}.values()) if told else None


def _status_of(statuses):
    """A finished round stays finished; a word that nobody knows makes a round neither open nor finished."""
    for finished in _FINISHED:
        if finished in statuses:
            return finished
    unknown = sorted(statuses - {REQUESTED})
    return unknown[0] if unknown else REQUESTED


def hides_history(project):
    """Whether a project's record, as the service writes it, counts requested retests and does not show them.

    An empty history is believed also where all that was requested is completed: then nothing is open.
    """
    history = project.get("project_retesting_history")
    requested, completed = (str(project.get("project_retests_" + what) or 0) for what in ("requested", "completed"))
    return not history and requested not in ("0", "0" if history is None else completed)


def holders_of(finding_id, rounds):
    """The open rounds that hold a finding, oldest first."""
    return [one for one in rounds if one.open and finding_id in one.ids]


def undecided(wish, rounds):
    """The ids of which the service must be asked what they are before a plan can be made."""
    surplus = doubled(wish, rounds)[0]
    staying = [
        one for one in rounds if one not in surplus and not (wish.on_window_change == "replace" and _moved(wish, one))
    ]
    return tuple(finding_id for finding_id in wish.ids if not holders_of(finding_id, staying))


def plan_request(wish, rounds, findings, project_id):
    """Make the plan for ``state: requested``.

    ``findings`` maps the ids of `undecided` to a Finding; an id that is missing there is not in the project.
    Raises StateError with every problem at once; then nothing may be sent.
    """
    problems = [
        "round %d is open, but AttackForge does not tell which findings it holds, so another request could be a "
        "second one. Finish or cancel that round in AttackForge" % one.number
        for one in rounds
        if one.open and one.scope is None
    ]
    withdraw, warnings = doubled(wish, rounds)
    staying = [one for one in rounds if one not in withdraw]

    replaced, unreplaceable = _replaced(wish, staying, findings)
    problems += unreplaceable
    withdraw += replaced
    staying = [one for one in staying if one not in replaced]

    in_scope, closed, request, unready, missing = [], [], [], [], []
    for finding_id in wish.ids:
        finding = findings.get(finding_id)
        unclear = [one for one in rounds if not one.known and finding_id in one.ids]
        if holders_of(finding_id, staying):
            in_scope.append(finding_id)
        elif finding and finding.status == CLOSED:
            closed.append(finding)
        elif unclear:
            problems.append(_say_unclear(finding_id, unclear[-1]))
        elif finding is None:
            missing.append(finding_id)
        elif finding.status == READY:
            request.append(finding)
        else:
            unready.append(finding)

    if unready:
        problems.append(
            f"not ready for retest: {named(unready)}. Mark them with attackforge.retest.attackforge_vulnerability (status: retest), "
            "or leave them out of vulnerability_ids"
        )
    if missing:
        problems.append(
            "not among the findings of project {} that this key can see: {}. Correct vulnerability_ids or project_id".format(
                project_id, ", ".join(missing)
            )
        )
    if problems:
        raise StateError("No retest was requested: {}.".format("; ".join(problems)))

    kept = [one for one in staying if one.open and one.ids & set(wish.ids)]
    warnings += other_windows(wish, kept)
    if closed:
        warnings.append(f"Closed already, so there is nothing to retest: {named(closed)}.")
    return Plan(
        withdraw=tuple(withdraw),
        request=tuple(request),
        in_scope=tuple(in_scope),
        closed=tuple(finding.id for finding in closed),
        holder=kept[-1] if kept else None,
        warnings=tuple(warnings),
    )


def _moved(wish, one):
    return wish.window.differs_from(one.start, one.end)


def doubled(wish, rounds):
    """Find findings that two open rounds hold. Returns (younger identical rounds to withdraw, if so wished; warnings).

    Every run sees the same numbers, so concurrent runs agree on which round is the younger.
    """
    withdraw, warnings = [], []
    concerned = [one for one in rounds if one.open and one.ids & set(wish.ids)]
    for position, younger in enumerate(concerned):
        older = [one for one in concerned[:position] if one.ids & younger.ids]
        identical = [one for one in older if one.ids == younger.ids]
        if identical and wish.on_duplicate == "cancel":
            withdraw.append(younger)
        elif older:
            warnings.append(_say_doubled((identical or older)[0], younger, bool(identical)))
    return withdraw, warnings


def _say_doubled(older, younger, identical):
    return "Rounds %d and %d are both open and both hold %s, so the same retest is asked for twice. %s." % (
        older.number,
        younger.number,
        named(finding for finding in younger.scope if finding.id in older.ids),
        "Cancel one of them, or set on_duplicate: cancel"
        if identical
        else "They do not hold the same findings, so a person has to decide which one to cancel",
    )


def _replaced(wish, rounds, findings):
    """Find the open rounds that another window makes obsolete. Returns (rounds, problems).

    A round of which everything is closed is left alone: there would be nothing to request in its place.
    """
    replaced, problems = [], []
    for one in rounds:
        shared = one.ids & set(wish.ids)
        if not (one.open and shared and _moved(wish, one)) or wish.on_window_change == "keep":
            continue
        others = [finding for finding in one.scope if finding.id not in wish.ids]
        if wish.on_window_change == "fail":
            problems.append(
                "round %d holds %s in another window (%s), and on_window_change is fail. Declare that window, or set "
                "on_window_change to keep or replace"
                % (one.number, named(finding for finding in one.scope if finding.id in shared), window_text(one))
            )
        elif all(finding_id in findings and findings[finding_id].status == CLOSED for finding_id in shared):
            continue
        elif others:
            problems.append(
                "round %d (%s) cannot be replaced, because it also holds findings that are not in vulnerability_ids: "
                "%s. Add them, or set on_window_change: keep" % (one.number, window_text(one), named(others))
            )
        else:
            replaced.append(one)
    return replaced, problems


def other_windows(wish, rounds):
    """Warn of each round that stays although its window is not the declared one."""
    return [
        "Round %d has the window %s, which is not the one declared: %s.%s"
        % (
            one.number,
            window_text(one),
            window_text(wish.window),
            " It is kept; on_window_change: replace would replace it." if wish.on_window_change == "keep" else "",
        )
        for one in rounds
        if _moved(wish, one)
    ]


def changed_window(wish, one):
    """Warn where the service gave a new round another window than the one that was sent."""
    if not _moved(wish, one):
        return []
    return [
        "AttackForge gave round %d the window %s, which is not the one that was sent: %s.%s"
        % (
            one.number,
            window_text(one),
            window_text(wish.window),
            " With on_window_change: replace, each run would ask again; set it to keep."
            if wish.on_window_change == "replace"
            else "",
        )
    ]


def unknown_status(one):
    """Warn where a round's status is a word that nobody documents."""
    return (
        []
        if one.known
        else [
            "Round %d has the status '%s', which is neither open nor finished as far as is known."
            % (one.number, one.status)
        ]
    )


def _say_unclear(finding_id, one):
    return (
        "%s is in round %d, whose status '%s' is neither open nor finished as far as is known, so another request "
        "could be a second one. Finish or cancel that round in AttackForge"
        % (named(finding for finding in one.scope if finding.id == finding_id), one.number, one.status)
    )


def window_text(one):
    """The window of a round or of a wish, for people."""
    return "{} to {}".format(format_instant(one.start) or "no start", format_instant(one.end) or "no end")


def new_holder(before, after, ids):
    """Find the round that a request made: one that was not there before and holds some of ``ids``.

    One that is finished already does not count: it holds nothing any more. A number that is used again does. Where
    several rounds are new, it is the one that holds most, and of these the oldest. None if there is none.
    """
    old = {one.number for one in before if one.status not in _FINISHED}
    candidates = [one for one in after if one.number not in old and one.status not in _FINISHED and one.ids & set(ids)]
    return max(candidates, key=lambda one: (len(one.ids & set(ids)), -one.number), default=None)


def plan_finish(state, rounds, number, ids):
    """Find the round that ``state: cancelled`` or ``completed`` is about. Returns (round or None, to be changed).

    ``number`` None means the one open round; with ``ids`` given, the one open round that holds some of them.
    """
    verb = "cancel" if state == CANCELLED else "complete"
    if number is not None:
        return _finish_numbered(state, rounds, number)
    candidates = [one for one in rounds if one.open and (not ids or one.scope is None or one.ids & set(ids))]
    if len(candidates) > 1:
        raise StateError(
            "Several rounds are open ({}), so it is not clear which one to {}. Name it with the option round.".format(
                ", ".join(str(one.number) for one in candidates), verb
            )
        )
    if candidates:
        if ids and candidates[0].scope is None:
            raise StateError(
                "Round %d is open, but AttackForge does not tell which findings it holds. To %s it all the same, "
                "name it with the option round." % (candidates[0].number, verb)
            )
        others = [finding for finding in candidates[0].scope or () if ids and finding.id not in ids]
        if others:
            raise StateError(
                "Round %d also holds findings that are not in vulnerability_ids: %s. To %s it all the same, "
                "name it with the option round." % (candidates[0].number, named(others), verb)
            )
        return candidates[0], True
    last = next((one for one in reversed(rounds) if not ids or one.ids & set(ids)), None)
    if last is None and state == CANCELLED:
        return None, False  # nothing is open, which is what was asked for
    if last is None:
        raise StateError("There is no open round to complete: no retest was ever requested for this.")
    return _finish_numbered(state, rounds, last.number)


def _finish_numbered(state, rounds, number):
    one = next((one for one in rounds if one.number == number), None)
    if one is None:
        there = ", ".join(str(one.number) for one in rounds) or "none"
        raise StateError("round: there is no round %d in this project (there is: %s)." % (number, there))
    if one.open:
        return one, True
    if one.status == state:
        return one, False
    if one.known:
        raise StateError("Round %d is %s already, so it cannot become %s." % (number, one.status, state))
    raise StateError(
        "Round %d has the status '%s', which is neither open nor finished as far as is known; "
        "look at it in AttackForge." % (number, one.status)
    )


def as_result(project_id, one):
    """A round as the modules return it."""
    return {
        "project_id": project_id,
        "round": one.number if one else None,
        "status": one.status if one else None,
        "retesting_window_start": format_instant(one.start) if one else None,
        "retesting_window_end": format_instant(one.end) if one else None,
        "vulnerabilities": [
            {"id": finding.id, "alternate_id": finding.alternate_id, "title": finding.title}
            for finding in ((one and one.scope) or ())
        ],
    }


class Outcome(NamedTuple):
    """How the findings of a round fared: how many are closed, were reopened, are still to be tested."""

    closed: int
    reopened: int
    pending: int


def outcome_of(one, findings):
    """Tell how a round went. ``findings`` maps the ids of its scope to Findings as they are now.

    A finding that is ready for retest still waits for a tester. One that is open and no longer ready was tested and
    sent back. Of one that cannot be seen nothing is known, so it counts as pending. None where the scope is not told.
    """
    if one.scope is None:
        return None
    statuses = [findings[finding_id].status if finding_id in findings else READY for finding_id in one.ids]
    return Outcome(statuses.count(CLOSED), statuses.count(OPEN), statuses.count(READY))


def outcome_text(one, findings=None):
    """Say for people how a round stands; with ``findings`` as in `outcome_of`, how they fared."""
    text = "Round %d is %s" % (one.number, "open" if one.open else one.status)
    outcome = None if findings is None else outcome_of(one, findings)
    return text + (": %d closed, %d reopened, %d pending." % outcome if outcome else ".")
