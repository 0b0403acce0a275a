# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Every error of this collection, in one small tree.

The runner alone turns them into a result. ``facts`` are further keys of that result.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

T = TypeVar("T")


class AttackForgeError(Exception):
    """The root: ``message``, a text for people, and ``facts``, keys of the result for plays."""

    def __init__(self, message: str, /, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts


class OptionsError(AttackForgeError):
    """Options that cannot be right: every mistake at once, found before anything was sent."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = list(mistakes)
        if len(self.mistakes) == 1:
            message = f"{self.mistakes[0].rstrip('.')}. Nothing was sent."
        else:
            message = f"{len(self.mistakes)} options are wrong. Nothing was sent.{as_list(self.mistakes)}"
        super().__init__(message)


class StateError(AttackForgeError):
    """The service's data do not allow what was asked for: a finding is not ready, a round is finished."""


class SSAPIError(AttackForgeError):
    """A call of the service failed.

    ``method`` is the name of the API method, ``http_status`` the HTTP code or None, ``detail`` the service's own words
    or what the network reported, without the key. ``retry_after`` is what the service asked for, in seconds, or None.
    """

    def __init__(
        self,
        message: str,
        /,
        method: str,
        http_status: int | None = None,
        detail: str | None = None,
        retry_after: float | None = None,
        **facts: Any,
    ) -> None:
        error = {"method": method, "http_status": http_status, "detail": detail}
        super().__init__(message, error=error, **facts)
        self.method = method
        self.http_status = http_status
        self.detail = detail
        self.retry_after = retry_after


class NotProcessed(SSAPIError):
    """The service certainly did not act: no connection, or a rate limit. The request may be sent again."""


class FateUnknown(SSAPIError):
    """The service may have acted or not: a timeout, a cut connection, a 5xx, an answer that cannot be read."""


class Refused(SSAPIError):
    """The service, or what stands before it, refused. Sending the request again would bring the same answer."""


class UnexpectedAnswer(SSAPIError):
    """A JSON answer that is not what the service documents, or a list that does not add up."""


class PlayEnded(AttackForgeError):
    """The play that started this task is gone, so nothing more may be written."""


def present(value: T | None) -> T:
    """A value that an earlier step has set. Without it, that step is wrong and nothing may follow."""
    if value is None:
        raise TypeError("a step was made before the one that it needs")
    return value


def as_list(lines: Iterable[str]) -> str:
    """Lines as a list for people, each on a line of its own."""
    return "".join(f"\n- {line}" for line in lines)


def rerun_advice(error: AttackForgeError) -> str:
    """What to do about the rest of a piece of work that an error stopped half-way."""
    if isinstance(error, Refused):
        return "Mend that, then run the play again: it does the rest."
    return "Run the play again: it does the rest."
