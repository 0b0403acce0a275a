# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""The history of a project: which rounds were requested, completed or cancelled since the last read.

Pure: no I/O. The ids of rows are not used: a service may add them later, or make new ones at each read.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ._rounds import CANCELLED, COMPLETED, FINISHED, REQUESTED, status_word, whole_number
from .events import JSON

_ORDER = {REQUESTED: 0, CANCELLED: 1, COMPLETED: 1}
_ANY = 10**9  # above every number of a round


class Row(NamedTuple):
    """One row of a history, as far as it can be read."""

    number: int
    status: str
    content: JSON


class Step(NamedTuple):
    """Something that happened to a round."""

    number: int
    cycle: int  # how many earlier rounds had this number: a service may use it again after a cancel
    status: str

    @property
    def request(self) -> Step:
        return self._replace(status=REQUESTED)


class History:
    """The steps of one project that are known.

    ``per_round``: whether the service shows one row a round (True) or one row an action on it (False); None as long as
    no history has proved either. ``unconfirmed``: the first read showed no rounds, although there can have been
    finished ones up to this number; 0 where the first read is believed.
    """

    def __init__(self, steps: set[Step] | None = None, per_round: bool | None = None, unconfirmed: int = 0) -> None:
        self.steps = steps
        self.per_round = per_round
        self.unconfirmed = unconfirmed

    def read(self, project: JSON) -> list[tuple[Step, JSON]]:
        """Read a project's record. Returns what is new in it, as (step, row); `add` makes a step known."""
        rows = _rows_of(project)
        requested = whole_number(project.get("project_retests_requested"))
        proved = _proves_per_round(rows)
        self.per_round = self.per_round if proved is None else proved
        steps = _steps_of(rows, requested == len(rows) if self.per_round is None else self.per_round)
        if self.steps is None:
            # The first read: what is there already is not new.
            self.steps = set(steps)
            self.unconfirmed = 0 if steps else _ANY if requested is None else requested
            return []
        self._confirm(steps, requested)
        return self._news(steps)

    def add(self, step: Step) -> None:
        """Make a step known."""
        self.steps = set() if self.steps is None else self.steps
        self.steps.add(step)

    def _confirm(self, steps: dict[Step, JSON], requested: int | None) -> None:
        """After a first read without any rounds: what is finished at the second was there before."""
        if self.unconfirmed and steps:
            for step in steps:
                if step.number <= self.unconfirmed and step.status in FINISHED:
                    self.add(step)
        if steps or requested is None:
            self.unconfirmed = 0

    def _news(self, steps: dict[Step, JSON]) -> list[tuple[Step, JSON]]:
        """The steps that are not known.

        A round that was requested and finished between two reads shows only its end where there is one row a round:
        then its request is new as well.
        """
        known = set(self.steps or ())
        found = []
        for step, row in steps.items():
            before = {one.status for one in known if one[:2] == step[:2]}
            if step.status in before or (step.status == REQUESTED and before & set(FINISHED)):
                continue
            if step.status in FINISHED and not before:
                found.append((step.request, row))
            found.append((step, row))
            known.add(step)
        return found

    def as_state(self) -> JSON:
        """What a file keeps of it."""
        steps = None if self.steps is None else sorted(map(list, self.steps))
        return {"steps": steps, "per_round": self.per_round, "unconfirmed": self.unconfirmed}

    @classmethod
    def of_state(cls, state: Any) -> History:
        """What a file keeps. Raises ValueError, TypeError, KeyError or AttributeError."""
        steps = state["steps"]
        if steps is not None:
            steps = {Step(int(number), int(cycle), str(status)) for number, cycle, status in steps}
        return cls(steps, state["per_round"], int(state["unconfirmed"]))


def _rows_of(project: JSON) -> list[Row]:
    rows, seen = [], set()
    history = project.get("project_retesting_history")
    for content in history if isinstance(history, list) else ():
        if not isinstance(content, dict):
            continue
        number = whole_number(content.get("retesting_round"))
        status = status_word(content.get("retesting_round_status"))
        identity = (content.get("retesting_round_id"), number, status)
        if number is None or status is None or (isinstance(identity[0], str) and identity in seen):
            continue
        if isinstance(identity[0], str):
            seen.add(identity)
        rows.append(Row(number, status, content))
    return rows


def _proves_per_round(rows: list[Row]) -> bool | None:
    """Whether these rows can only be one a round (True) or one an action (False). A number is reused only after a
    cancel, so a completed round that also has a row of its request is one with a row an action."""
    statuses: dict[int, list[str]] = {}
    for row in rows:
        statuses.setdefault(row.number, []).append(row.status)
    if any(COMPLETED in one and REQUESTED in one for one in statuses.values()):
        return False
    finished = ((sum(status in FINISHED for status in one), one.count(REQUESTED)) for one in statuses.values())
    return True if any(ended > requested for ended, requested in finished) else None


def _steps_of(rows: list[Row], per_round: bool) -> dict[Step, JSON]:
    """{step: row}, in the order in which the steps can have happened."""
    steps: dict[Step, JSON] = {}
    ended: dict[int, int] = {}
    for row in sorted((row for row in rows if row.status in FINISHED), key=lambda row: row.status != CANCELLED):
        cycle = ended.get(row.number, 0)
        ended[row.number] = cycle + 1
        steps[Step(row.number, cycle, row.status)] = row.content
    requested: dict[int, int] = {}
    for row in rows:
        if row.status == REQUESTED:
            cycle = requested.get(row.number, ended.get(row.number, 0) if per_round else 0)
            requested[row.number] = cycle + 1
            steps[Step(row.number, cycle, REQUESTED)] = row.content
    for row in rows:
        if row.status not in _ORDER:
            steps[Step(row.number, ended.get(row.number, 0), row.status)] = row.content
    return dict(sorted(steps.items(), key=lambda item: (item[0].number, item[0].cycle, _ORDER.get(item[0].status, 2))))
