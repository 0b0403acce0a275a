# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""How far a stream of events was read: where a replay has to begin, and which of its events are known.

Pure: no I/O. Instants are milliseconds since 1970 here, because thousands of them are kept and written.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from .events import Event

# How far a replay reaches back behind the last event: events of the same instant, and such as overtook each other, are
# then sent again rather than lost. What is known is dropped.
OVERLAP = 60_000
MARGIN = 10_000  # before the start, because clocks differ
MARKS = 2_000  # of events that a replay is not asked for, but can bring: so many are kept at least
CLOCKS = 24 * 3600 * 1000  # clocks differ by a day at most: an event dated further ahead has a wrong date
FUTURE_MARKS = 10_000  # of events with such a date, which every replay brings: so many are kept at most

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)


def to_ms(instant: datetime) -> int:
    """An instant in milliseconds since 1970."""
    return (instant - _EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """The instant of `to_ms`."""
    return _EPOCH + milliseconds * _MILLISECOND


class Position:
    """Which events were received.

    ``floor``: all events before it are known, so a replay begins there. It only advances while no replay is going on:
    a replay can bring the newest events first, and be cut in the middle.
    ``horizon``: of events before it the marks are forgotten. A service that replays more than it was asked for can
    bring them again, so what a replay brings from before the horizon counts as known.
    ``last``: the instant of the newest event, or None. ``marks``: {mark of an event: its instant}, in order of arrival.
    """

    def __init__(
        self, floor: int, horizon: int | None = None, last: int | None = None, marks: dict[str, int] | None = None
    ) -> None:
        self.floor = floor
        self.horizon = floor if horizon is None else horizon
        self.last = last
        self.marks = dict(marks or {})
        self.replaying = True
        self._sweep_at = 2 * MARKS

    def receive(self, event: Event, now: int) -> bool:
        """Note an event. Returns whether it is a new one."""
        if event.mark in self.marks:
            return False
        instant = max(self.floor, self.last or 0) if event.instant is None else to_ms(event.instant)
        if self.replaying and instant < self.horizon:
            return False
        self.marks[event.mark] = instant
        reached = min(instant, now)  # an event with a date far ahead must not keep a replay from the others
        if self.last is None and self.floor - CLOCKS < reached < self.floor:
            self.floor = reached - MARGIN  # the first event: now it is known what time it is there
            self.horizon = min(self.horizon, self.floor)
        self.last = max(self.last or 0, reached)
        self._advance()
        if len(self.marks) > self._sweep_at:
            self._sweep(now)
        return True

    def begin_replay(self) -> None:
        """The service was asked for a replay from ``floor`` on."""
        self.replaying = True

    def end_replay(self) -> None:
        """The replay is whole."""
        self.replaying = False
        self._advance()

    def _advance(self) -> None:
        if self.last is not None and not self.replaying:
            self.floor = max(self.floor, self.last - OVERLAP)

    def _sweep(self, now: int) -> None:
        """Forget the marks that no replay needs. It runs when their number has doubled, so its cost is linear."""
        future = [mark for mark, instant in self.marks.items() if instant > now + CLOCKS]
        old = [mark for mark, instant in self.marks.items() if instant < self.floor]
        for mark in future[:-FUTURE_MARKS]:
            del self.marks[mark]
        for mark in old[:-MARKS]:
            self.horizon = max(self.horizon, self.marks.pop(mark) + 1)
        self._sweep_at = 2 * max(MARKS, len(self.marks))

    def copy(self) -> Position:
        """The same position, independent from here on."""
        return Position(self.floor, self.horizon, self.last, self.marks)

    def as_state(self) -> dict[str, Any]:
        """What a file keeps of it."""
        return {"floor": self.floor, "horizon": self.horizon, "last": self.last, "marks": self.marks}

    @classmethod
    def of_state(cls, state: Any) -> Position:
        """The position that a file keeps. Raises ValueError, TypeError, KeyError or AttributeError."""
        last = state["last"]
        marks = {str(mark): int(instant) for mark, instant in state["marks"].items()}
        return cls(int(state["floor"]), int(state["horizon"]), None if last is None else int(last), marks)
