# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Cancelling and completing a round, and correcting its dates."""

from __future__ import annotations

from typing import Any

from .._answers import History
from .._client import Client
from .._diff import rounds_diff
from .._errors import FateUnknown, SSAPIError, StateError
from .._options import RetestOptions
from .._plan import numbered, plan_finish
from .._retry import RETRIED_READ
from .._rounds import CANCELLED, COMPLETED, REQUESTED, Round, round_result
from .._windows import format_instant
from ._history import read_history, settled_history
from ._selecting import selected
from ._writing import send

# What the service's status text holds where it did what was asked. Source: the vendor's reference.
_SUCCESS = {
    REQUESTED: ("project retest requested for",),
    CANCELLED: ("retest round cancelled", "retest round canceled"),
    COMPLETED: ("retest round marked as completed",),
}


def says(words: str | None, state: str) -> bool:
    """Whether the service's words say that a round is so."""
    return any(success in (words or "").lower() for success in _SUCCESS[state])


def finish(options: RetestOptions, client: Client, project_id: str, check_mode: bool) -> dict[str, Any]:
    """Make a round cancelled or completed. Returns the keys of the result."""
    ids = options.ids
    if options.selects and options.round is None:
        ids = tuple(selected(client, options, project_id))
        if not ids:  # a selection that may be empty, and is, means no round
            return _result(project_id, read_history(client, project_id), None, False, None)
    history = settled_history(client, project_id) if ids else read_history(client, project_id)
    one, change = plan_finish(options.state, history.rounds, options.round, ids)
    message = None
    if one is not None and change and not check_mode:
        message = finish_round(client, project_id, one.number, options.state)[1]
    result = _result(project_id, history, one and one._replace(status=options.state), change, message, one)
    if one is not None and options.sets_dates:
        result.update(_set_dates(options, client, project_id, one, check_mode))
    return result


def correct_dates(options: RetestOptions, client: Client, project_id: str, check_mode: bool) -> dict[str, Any]:
    """Set the dates of a round that exists, whatever its status. Returns the keys of the result."""
    history = read_history(client, project_id)
    one = numbered(history.rounds, options.round)
    result = _result(project_id, history, one, False, None)
    result.update(_set_dates(options, client, project_id, one, check_mode))
    return result


def _result(
    project_id: str,
    history: History,
    after: Round | None,
    change: bool,
    message: str | None,
    before: Round | None = None,
) -> dict[str, Any]:
    return {
        "changed": change,
        "retest": round_result(project_id, after),
        "message": message,
        "diff": rounds_diff(project_id, history.rounds, withdrawn=(before,) if change and before else ()),
        "warnings": list(history.warnings),
    }


def _set_dates(options: RetestOptions, client: Client, project_id: str, one: Round, check_mode: bool) -> dict[str, Any]:
    """Send the dates. No read shows them, so each run sends them; the same dates twice make no difference."""
    dates = {"requested_date": options.requested_date, "completed_date": options.completed_date}
    body = {name: format_instant(instant) for name, instant in dates.items() if instant is not None}
    words: tuple[str, ...] = ()
    if not check_mode:
        number = one.number or 0
        words, _seen = send(
            client, lambda: client.update_round(project_id, number, body), lambda _client: None, repeatable=True
        )
    return {"changed": True, "request": body, "message": words[0] if words else None}


def finish_round(client: Client, project_id: str, number: int | None, state: str) -> tuple[list[Round], str | None]:
    """Cancel or complete a round. It may be sent again, but only after a look whether it is done already.

    Returns (the rounds as they are then, the service's words).
    """
    call = client.cancel_round if state == CANCELLED else client.complete_round

    def check(reader: Client) -> list[Round] | None:
        rounds = read_history(reader, project_id).rounds
        same = [one for one in rounds if one.number == number]
        return rounds if same and not any(one.open for one in same) and same[-1].status == state else None

    lost = False  # whether an attempt was made whose effect may still come
    for attempt in client.attempts(RETRIED_READ):
        with attempt:
            try:
                words = client.words(call(project_id, number or 0))
            except SSAPIError as failure:
                rounds = client.check_once(check)[0]
                if rounds is not None:
                    return rounds, None
                lost = lost or isinstance(failure, FateUnknown)
                if lost:
                    failure.facts["fate"] = "unknown"
                    failure.message += (
                        f" It is not known whether round {number} is {state} now. Running the play again is safe."
                    )
                raise
            return _verified(client, check, number, state, words), words
    raise AssertionError("the last attempt returns or raises")


def _verified(client: Client, check: Any, number: int | None, state: str, words: str | None) -> list[Round]:
    rounds: list[Round] | None
    rounds, trouble = client.poll(check)
    if rounds is None:
        reason = f" (the last read failed: {trouble.message.rstrip('.')})" if trouble else ""
        raise StateError(
            f"The service answered ({words or 'without words'}), but round {number} is not shown as {state} within "
            f"{client.timeout:g} s{reason}. Running the play again is safe.",
            fate="unknown",
        )
    return rounds
