# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""One pace for all requests of a release: how many run at once, and when the next one may start."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ._play_watch import PlayWatch

_SLICE = 0.5  # seconds; how late a wait notices that the play has ended
_SLOWED_BY = (429, 503)  # HTTP codes
_PAUSE = 1.0  # seconds, where the service names none


class Pace:
    """Shared by the clients of all workers. A service that is overloaded makes all of them wait, and halves them."""

    def __init__(self, at_once: int, watch: PlayWatch) -> None:
        self.at_once = at_once
        self._watch = watch
        self._running = 0
        self._not_before = 0.0
        self._changed = threading.Condition()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and have it while the body runs."""
        with self._changed:
            while self._running >= self.at_once or time.monotonic() < self._not_before:
                self._watch.check()
                pause = max(0.0, self._not_before - time.monotonic()) or _SLICE
                self._changed.wait(min(pause, _SLICE))
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify()

    def note(self, http_status: int | None, retry_after: float | None) -> None:
        """Slow down after an answer that says that it is too much."""
        if http_status not in _SLOWED_BY:
            return
        with self._changed:
            now = time.monotonic()
            if now >= self._not_before:  # several answers to one burst count once
                self.at_once = max(1, self.at_once // 2)
            self._not_before = max(self._not_before, now + (retry_after if retry_after is not None else _PAUSE))
