# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Writes with ``preflight: false``: nothing is read, so the service's status text is the only evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._client import Client
from .._diff import rounds_diff
from .._errors import FateUnknown, StateError
from .._options import RetestOptions, request_body
from .._rounds import CANCELLED, REQUESTED, Round, round_result
from .._vulnerabilities import Finding
from ._finish import says
from ._request import handle_of


def request_unread(options: RetestOptions, client: Client, check_mode: bool) -> dict[str, Any]:
    """Request what is declared. Returns the keys of the result."""
    window = options.desired(options.ids).window
    new = Round(None, REQUESTED, window.start, window.end, tuple(map(Finding, options.ids)))
    body = request_body(window, options.ids)
    message = None
    if not check_mode:
        message = _send(client, REQUESTED, lambda: client.request_retest(options.project, body))
    return {
        "changed": True,
        "retest": round_result(options.project, new),
        "vulnerabilities": [
            {"id": one, "alternate_id": None, "outcome": REQUESTED, "marked": False, "noted": False}
            for one in options.ids
        ],
        "rounds": [handle_of(options.project, new, list(options.ids))],
        "request": body,
        "message": message,
        "diff": rounds_diff(options.project, (), new=new),
    }


def finish_unread(options: RetestOptions, client: Client, check_mode: bool) -> dict[str, Any]:
    """Cancel or complete the round with this number. Returns the keys of the result."""
    call = client.cancel_round if options.state == CANCELLED else client.complete_round
    number = options.round or 0
    message = None
    if not check_mode:
        message = _send(client, options.state, lambda: call(options.project, number))
    one = Round(number, REQUESTED, None, None, ())
    return {
        "changed": True,
        "retest": round_result(options.project, one._replace(status=options.state)),
        "message": message,
        "diff": rounds_diff(options.project, (one,), withdrawn=(one,)),
    }


def _send(client: Client, state: str, call: Callable[[], dict[str, Any]]) -> str | None:
    advice = (
        "Whether it was done is not known, and with preflight: false it cannot be looked up here. Look in AttackForge "
        "before you run the play again."
    )
    for attempt in client.attempts():
        with attempt:
            try:
                words = client.words(call())
            except FateUnknown as failure:
                failure.message = f"{failure.message} {advice}"
                failure.facts["fate"] = "unknown"
                raise
            if says(words, state):
                return words
            raise StateError(
                f"The service answered, but its status text does not say that the round is {state}: "
                f"{words or '(nothing)'}. {advice}",
                fate="unknown",
                message=words,
            )
    raise AssertionError("the last attempt returns or raises")
