# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""The operation of attackforge_retest_info: rounds, what became of their findings, and the verdict."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from .._answers import History, Revision, revisions_of
from .._client import Client
from .._errors import AttackForgeError, OptionsError, PlayEnded, Refused, SSAPIError, StateError
from .._options import AskedRound, RoundsOptions
from .._plan import numbered
from .._rounds import CANCELLED, Round, round_result, unknown_status
from .._search import find_vulnerabilities, read_vulnerability, resolve_project
from .._verdict import OUTCOMES, Policy, RoundVerdict, notices_of, outcomes_of, progress_text, verdict_result
from .._vulnerabilities import CLOSED, Finding, folded
from ._history import read_history

_NO_REVISIONS = "GetVulnerabilityRevisionHistory is not granted"


class _Read(NamedTuple):
    """What was read of one asked round's project: the rounds that are meant, newest first, and their findings."""

    asked: AskedRound
    project_id: str
    history: History
    rounds: list[Round]
    findings: dict[str, Finding]


def run(options: RoundsOptions, client: Client, check_mode: bool) -> dict[str, Any]:
    """Read rounds, newest first. Returns the keys of the result."""
    warnings: list[str] = []
    found = _wait(options, client, warnings) if options.wait else _read(options, client)
    result: dict[str, Any] = {
        "changed": False,
        "rounds": [_round_result(options, read, one) for read in found for one in read.rounds],
        "warnings": [*warnings, *(doubt for read in found for doubt in _doubts(read))],
    }
    if options.verdict:
        result["verdict"] = _verdict(options, client, found, result["warnings"])
    return result


def _doubts(read: _Read) -> Iterator[str]:
    yield from read.history.warnings
    for one in read.rounds:
        yield from unknown_status(one)
        if one.scope is None:
            yield (
                f"AttackForge does not show which findings round {one.number} holds, so what became of them is not "
                "known."
            )


def _read(options: RoundsOptions, client: Client) -> list[_Read]:
    return [_read_project(options, client, asked) for asked in options.asked]


def _read_project(options: RoundsOptions, client: Client, asked: AskedRound) -> _Read:
    project_id = resolve_project(client, asked.project)
    history = read_history(client, project_id)
    rounds = _meant(options, asked, history.rounds)
    findings: dict[str, Finding] = {}
    if options.outcome:
        ids = sorted({finding_id for one in rounds for finding_id in one.ids}.union(asked.ids))
        findings = find_vulnerabilities(client, project_id, ids)
    return _Read(asked, project_id, history, rounds, findings)


def _meant(options: RoundsOptions, asked: AskedRound, rounds: list[Round]) -> list[Round]:
    """The rounds that are meant, newest first. A verdict is about one: by default the newest that was not cancelled."""
    if asked.round is not None:
        found = [numbered(rounds, asked.round)]
    elif options.verdict:
        found = [one for one in reversed(rounds) if one.status != CANCELLED][:1]
        if not found:
            raise StateError(
                f"Project {asked.project} has no retest round that was not cancelled, so there is nothing to pass a "
                "verdict on. Request a retest first, with the module or the role attackforge_retest."
            )
    else:
        found = list(reversed(rounds))
    return [one for one in found if options.status in (None, one.status)]


# Waiting


def _wait(options: RoundsOptions, client: Client, warnings: list[str]) -> list[_Read]:
    """Read until no round that is meant is open. A read that fails is a warning until the end of the wait."""
    deadline = time.monotonic() + options.wait_timeout
    while True:
        found, failure = _read_or_failure(options, client)
        if failure is None:
            lines = [progress_text(one, read.findings or None) for read in found for one in read.rounds if one.open]
            if not lines:
                return found
        else:
            lines = [failure.message]
        left = deadline - time.monotonic()
        if left <= 0:
            if failure is not None:
                raise failure
            return found
        if failure is not None:
            _warn_once(warnings, f"A read failed while waiting, and was repeated: {failure.message}")
        pause = min(options.wait_interval, left)
        for line in lines:
            client.progress(f"{line} Next read in {pause:.3g} s, at most {_duration(left)} more.")
        client.watch.sleep(pause)


def _read_or_failure(options: RoundsOptions, client: Client) -> tuple[list[_Read], AttackForgeError | None]:
    """Only what cannot mend itself, the options and the end of the play, ends a wait at once."""
    try:
        return _read(options, client), None
    except (OptionsError, PlayEnded):
        raise
    except AttackForgeError as error:
        return [], error


def _warn_once(warnings: list[str], text: str) -> None:
    if text not in warnings:
        warnings.append(text)


def _duration(seconds: float) -> str:
    minutes = int(seconds) // 60
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"


# Outcome and verdict


def _round_result(options: RoundsOptions, read: _Read, one: Round) -> dict[str, Any]:
    result = round_result(read.project_id, one)
    result["open"] = one.open
    for entry in result["vulnerabilities"]:
        entry["retested"] = entry["id"] in one.retested
    if options.outcome:
        outcomes = outcomes_of(one, read.findings, read.asked.ids, Policy())
        result["outcome"] = _totals(outcomes) if one.scope is not None else None
        by_id = {outcome.finding.id: outcome for outcome in outcomes}
        for entry in result["vulnerabilities"]:
            finding = read.findings.get(entry["id"])
            entry["status"] = finding.status if finding else None
            entry["priority"] = finding.priority if finding else None
            entry["outcome"] = by_id[entry["id"]].outcome
            entry["reason"] = by_id[entry["id"]].reason
    return result


def _totals(outcomes: Iterable[Any]) -> dict[str, int]:
    names = [outcome.outcome for outcome in outcomes]
    return {name: names.count(name) for name in OUTCOMES}


def _verdict(options: RoundsOptions, client: Client, found: list[_Read], warnings: list[str]) -> dict[str, Any]:
    policy = Policy(options.ignore_priorities, options.fixed_only)
    verdicts = []
    for read in found:
        findings = {key: _with_notes(options, client, read, one, warnings) for key, one in read.findings.items()}
        for one in read.rounds:
            verdict = RoundVerdict(
                read.history.project,
                one,
                outcomes_of(one, findings, read.asked.ids, policy),
                notices_of(one, read.history.rounds),
            )
            verdicts.append(_with_revisions(client, verdict) if options.revision_history else verdict)
    return verdict_result(verdicts)


def _with_notes(options: RoundsOptions, client: Client, read: _Read, finding: Finding, warnings: list[str]) -> Finding:
    """Why a finding was closed stands in its notes, which a list need not show. With fixed_only that decides."""
    if finding.status != CLOSED or finding.notes:
        return finding
    try:
        return read_vulnerability(client, read.project_id, finding.id) or finding
    except SSAPIError as error:
        error.message = f"Why {finding.name} was closed could not be read: {error.message}"
        if options.fixed_only:
            raise
        warnings.append(f"{error.message} It counts as fixed.")
        return finding


def _with_revisions(client: Client, verdict: RoundVerdict) -> RoundVerdict:
    """Add who closed a finding and when, where GetVulnerabilityRevisionHistory is granted."""
    outcomes = []
    for outcome in verdict.outcomes:
        closing = _closing_revision(client, outcome.finding) if outcome.finding.status == CLOSED else None
        outcomes.append(outcome._replace(by=closing.user, at=closing.created) if closing else outcome)
    return verdict._replace(outcomes=tuple(outcomes))


def _closing_revision(client: Client, finding: Finding) -> Revision | None:
    if client.learned.get(_NO_REVISIONS):
        return None
    try:
        revisions = revisions_of(client.get_revision_history(finding.id))
    except SSAPIError as error:
        client.learned[_NO_REVISIONS] = isinstance(error, Refused)
        return None
    closings = [one for one in revisions if "status" in folded(one.field) and folded(one.after) == CLOSED]
    return max(closings, key=lambda one: one.created or "", default=None)
