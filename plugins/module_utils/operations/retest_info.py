# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What attackforge_retest_info does: tell a project's rounds, and how they went."""

from __future__ import annotations

import time

from ..errors import FateUnknown, NotProcessed, StateError
from ..rounds import as_result, outcome_of, outcome_text, rounds_of, unknown_status
from ..schemas import history_rows


def run(options, client, check_mode):
    """Read rounds, newest first. Returns the keys of the result."""
    rounds, findings = _follow(options, client) if options.wait else _look(options, client)
    return {
        "changed": False,
        "rounds": [_as_result(options, one, findings) for one in rounds],
        "warnings": [warning for one in rounds for warning in _doubts(one)],
    }


def _doubts(one):
    yield from unknown_status(one)
    if one.scope is None:
        yield "AttackForge does not tell which findings round %d holds, so how they fared is not known." % one.number


def _look(options, client):
    rounds = rounds_of(history_rows(client.get_project(options.project_id), options.project_id))
    if options.round and options.round not in [one.number for one in rounds]:
        raise StateError(
            "round: there is no round %d in project %s (there is: %s)."
            % (options.round, options.project_id, ", ".join(str(one.number) for one in rounds) or "none")
        )
    rounds = [
        one for one in reversed(rounds) if options.round in (None, one.number) and options.status in (None, one.status)
    ]
    findings = {}
    if options.outcome:
        findings = client.find_vulnerabilities(options.project_id, sorted({key for one in rounds for key in one.ids}))
    return rounds, findings


def _follow(options, client):
    """Look until no round that is told is open. A look that fails is made up for by the next one, in time."""
    deadline = time.monotonic() + options.wait_timeout
    while True:
        failure = None
        try:
            rounds, findings = _look(options, client)
            progress = [outcome_text(one, findings if options.outcome else None) for one in rounds if one.open]
        except (NotProcessed, FateUnknown) as error:
            failure, progress = error, [error.message]
        left = deadline - time.monotonic()
        if not progress:
            return rounds, findings
        if left <= 0:
            if failure is not None:
                raise failure
            return rounds, findings
        pause = min(options.wait_interval, left)
        for line in progress:
            client.tell(f"{line} Next look in {pause:.3g} s, at most {_span(left)} more.")
        time.sleep(pause)


def _span(seconds):
    minutes = int(seconds) // 60
    return (
        "%d h %d min" % divmod(minutes, 60) if minutes >= 60 else "%d min" % minutes if minutes else ("%d s" % seconds)
    )


def _as_result(options, one, findings):
    result = as_result(options.project_id, one)
    del result["project_id"]
    result["open"] = one.open
    for entry in result["vulnerabilities"]:
        entry["retested"] = entry["id"] in one.retested
    if options.outcome:
        outcome = outcome_of(one, findings)
        result["outcome"] = outcome and outcome._asdict()
        for entry in result["vulnerabilities"]:
            finding = findings.get(entry["id"])
            entry["status"] = finding.status if finding else None
            entry["priority"] = finding.priority if finding else None
    return result
