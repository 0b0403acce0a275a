# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Retries: attempts that a ``for`` loop hands out, and that decide at their end whether there is a next one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from types import TracebackType

from ._errors import FateUnknown, NotProcessed, SSAPIError
from ._http_rules import backoff

RETRIED_READ = (NotProcessed, FateUnknown)
RETRIED_WRITE = (NotProcessed,)


class Attempt:
    """One attempt. An error of a retried kind ends it quietly, after a pause, unless it was the last attempt."""

    def __init__(self, number: int, last: bool, on: tuple[type[SSAPIError], ...], pause: Callable[[float], None]):
        self.number = number
        self._last = last
        self._on = on
        self._pause = pause

    def __enter__(self) -> Attempt:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> bool:
        if self._last or not isinstance(error, self._on):
            return False
        self._pause(backoff(self.number, error.retry_after, random.uniform(0.5, 1.0)))
        return True


def attempts(
    retries: int, on: tuple[type[SSAPIError], ...] = RETRIED_READ, pause: Callable[[float], None] | None = None
) -> Iterator[Attempt]:
    """Hand out one attempt and as many retries::

        for attempt in attempts(4):
            with attempt:
                return send()

    An error of a kind in ``on`` leads to the next attempt, after a pause; the last attempt lets it pass. The body has
    to leave the loop when it succeeds.
    """
    for number in range(retries + 1):
        yield Attempt(number, number == retries, on, pause or time.sleep)
