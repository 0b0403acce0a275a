# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Events: what the service tells becomes what a rulebook sees, and what was seen before is recognised.

Pure: no I/O.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from typing import NamedTuple

from .rounds import CANCELLED, COMPLETED, REQUESTED
from .windows import format_instant, parse_instant

STATUSES = {f"project-retest-{status}": status for status in (REQUESTED, COMPLETED, CANCELLED)}
NAMES = {status: name for name, status in STATUSES.items()}

# How far a replay reaches back behind the last event: events of the same instant, and such as overtook each other, are
# then told again rather than lost. What was seen is recognised.
OVERLAP = timedelta(minutes=1)
MARGIN = timedelta(seconds=10)  # before the start, because clocks differ
MARKS = 1000  # kept at least, however old
_OLDEST = 2000  # the year; a date before it is one that nobody has set

_RANK = {REQUESTED: 0, COMPLETED: 1, CANCELLED: 1}


class Position:
    """How far a stream of events was read: where a replay has to begin, and what of it was seen already."""

    def __init__(self, since, last=None, marks=None):
        """``since`` is the instant from which on events are wanted, ``last`` that of the last event or None."""
        self.since = since
        self.last = last
        self.marks = dict(marks or {})  # {fingerprint: instant}, in the order they came

    @property
    def resume(self):
        """The instant from which on the service is to replay."""
        if self.last is None or self.last - self.since < OVERLAP:
            return self.since
        return self.last - OVERLAP

    def take(self, method, params, now):
        """Note an event. Returns whether it is a new one."""
        mark = fingerprint(method, params)
        if mark in self.marks:
            return False
        instant = timestamp_of(params) or self.last or self.since
        reached = min(instant, now)  # one event with a date far ahead must not keep a replay from the others
        if self.last is None:
            # The first event: now it is known what time it is there.
            self.since, self.last = self.since if self.since <= reached else reached - MARGIN, reached
        self.last = max(self.last, reached)
        self.marks[mark] = instant
        for old in list(self.marks)[:-MARKS]:
            if self.marks[old] < self.resume:
                del self.marks[old]
        return True

    def copy(self):
        """The same position, going its own way from here."""
        return Position(self.since, self.last, self.marks)

    def as_state(self):
        """What a file keeps of it."""
        return {
            "since": format_instant(self.since),
            "last": format_instant(self.last),
            "seen": {mark: format_instant(instant) for mark, instant in self.marks.items()},
        }

    @classmethod
    def of_state(cls, state):
        """The position that a file keeps. Raises ValueError, TypeError, KeyError or AttributeError."""
        last = state["last"]
        return cls(
            parse_instant(state["since"]),
            None if last is None else parse_instant(last),
            {str(mark): parse_instant(instant) for mark, instant in state["seen"].items()},
        )


def timestamp_of(params):
    """The instant of an event, or None."""
    try:
        instant = parse_instant(params["timestamp"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return instant if instant.year >= _OLDEST else None


def fingerprint(method, params):
    """What an event is recognised by: of a round that it is this round at this instant, else all that it says."""
    instant, retest = timestamp_of(params), retest_of(method, params)
    if instant and retest and None not in (retest["project_id"], retest["round"]):
        said = [method, format_instant(instant), retest["project_id"], retest["round"]]
    else:
        said = [method, params]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode("utf-8")).hexdigest()[:24]


def event_of(method, params):
    """An event of the Events API as a rulebook sees it."""
    event = {"name": method, "timestamp": format_instant(timestamp_of(params))}
    retest = retest_of(method, params)
    if retest is not None:
        event["retest"] = retest
    event["payload"] = params
    return event


def retest_of(method, params):
    """The plain names of a round's event, or None where it is another event."""
    if method not in STATUSES:
        return None
    said = _said(params)
    return _retest(said.get("project_id", _dict(said.get("project")).get("id")), STATUSES[method], said)


def projects_of(params):
    """The ids of the projects that an event names, wherever it does."""
    said = _said(params)
    found = [said.get("project_id"), said.get("vulnerability_project_id"), _dict(said.get("project")).get("id")]
    for name in ("projects", "vulnerability_projects"):
        found += [one.get("id", one.get("project_id")) for one in _dicts(said.get(name))]
    return {_id(one) for one in found if one}


def _said(params):
    """All that an event says, whatever it is wrapped in."""
    said = dict(_dict(params))
    for wrapper in ("data", "retest"):
        said.update(_dict(said.get(wrapper)))
    return said


def _retest(project_id, status, said):
    """A round as a rulebook sees it, out of an event or a row of the history."""
    window = _dict(said.get("retest_window"))
    scope = said.get("vulnerabilities_in_scope", said.get("retesting_round_vulnerabilities"))
    return {
        "project_id": _id(project_id),
        "round": _number(said.get("round", said.get("retesting_round"))),
        "status": status,
        "retesting_window_start": _instant(window.get("start_date", said.get("retesting_window_start"))),
        "retesting_window_end": _instant(window.get("end_date", said.get("retesting_window_end"))),
        "vulnerabilities": [
            {
                "id": _id(one.get("id", one.get("vulnerability_id"))),
                "alternate_id": one.get("alternate_id", one.get("vulnerability_alternate_id")),
                "title": one.get("title", one.get("vulnerability_title")),
            }
            for one in _dicts(scope)
        ],
    }


class Step(NamedTuple):
    """Something that a history tells of a round."""

    number: int
    row_id: str  # a number may be given again after a cancel
    status: str


def steps_of(project):
    """Read {Step: row} out of a project's record, in the order in which the steps can have happened."""
    steps = {}
    for row in _dicts(project.get("project_retesting_history")):
        number = _number(row.get("retesting_round"))
        status = str(row.get("retesting_round_status") or "").strip().lower()
        status = CANCELLED if status == "canceled" else status
        if number is not None and status:
            steps[Step(number, str(row.get("retesting_round_id") or ""), status)] = row
    return dict(sorted(steps.items(), key=lambda item: (item[0].number, _RANK.get(item[0].status, 2))))


def news(known, steps):
    """The steps that were not known, as [(Step, row)]. ``known`` is a set of Steps.

    A round that was requested and finished between two looks shows only its end where the history has one row a round:
    then the request is told as well, as the service would have told it.
    """
    found = []
    numbers = {step.number for step in known} | {step.number for step in steps if step.status == REQUESTED}
    for step, row in steps.items():
        if step in known:
            continue
        if step.status in (COMPLETED, CANCELLED) and step.number not in numbers:
            found.append((step._replace(status=REQUESTED), row))
        numbers.add(step.number)
        found.append((step, row))
    return found


def event_of_step(project_id, step, row, now):
    """A step of the history as a rulebook sees it. The history has no dates, so its time is that of the look."""
    return {
        "name": NAMES[step.status],
        "timestamp": format_instant(now),
        "retest": _retest(project_id, step.status, row),
        "payload": row,
    }


def _dict(value):
    return value if isinstance(value, dict) else {}


def _dicts(value):
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _id(value) -> str | None:
    return value.strip().lower() if isinstance(value, str) else None


def _number(value) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _instant(value) -> str | None:
    """An instant as the modules return it, or what the service says where that cannot be read."""
    try:
        return format_instant(parse_instant(value))
    except (ValueError, TypeError, AttributeError):
        return value if isinstance(value, str) and value else None
