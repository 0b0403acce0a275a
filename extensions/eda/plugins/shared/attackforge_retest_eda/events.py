# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Events: what the service sends becomes what a rulebook sees.

Pure: no I/O.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, NamedTuple

from ._rounds import CANCELLED, COMPLETED, REQUESTED, whole_number
from ._windows import format_instant, parse_instant

STATUSES = {f"project-retest-{status}": status for status in (REQUESTED, COMPLETED, CANCELLED)}
NAMES = {status: name for name, status in STATUSES.items()}
_OLDEST = 2000  # the year; an earlier date is one that nobody has set

JSON = dict[str, Any]


class Event(NamedTuple):
    """One event of the Events API, parsed. ``mark`` identifies it when it is sent again."""

    name: str
    params: JSON
    instant: datetime | None
    retest: JSON | None  # the round, with plain names; None where it is another event
    mark: str

    def for_rules(self) -> JSON:
        """The event as a rulebook sees it."""
        event: JSON = {"name": self.name, "timestamp": format_instant(self.instant)}
        if self.retest is not None:
            event["retest"] = self.retest
        event["payload"] = self.params
        return event

    def projects(self) -> set[str | None]:
        """The ids of the projects that it names, wherever it does."""
        data = _data(self.params)
        ids = [data.get("project_id"), data.get("vulnerability_project_id"), _dict(data.get("project")).get("id")]
        for name in ("projects", "vulnerability_projects"):
            ids += [one.get("id", one.get("project_id")) for one in _dicts(data.get(name))]
        return {_id(one) for one in ids if one}


def parse_event(name: str, params: JSON) -> Event:
    """Parse an event of the Events API. What is missing or wrong in it becomes None."""
    instant = _timestamp(params)
    data = _data(params)
    retest = None
    if name in STATUSES:
        retest = _retest(data.get("project_id", _dict(data.get("project")).get("id")), STATUSES[name], data)
    return Event(name, params, instant, retest, _mark(name, params, instant, retest))


def event_of_row(project_id: str, status: str, row: JSON, now: datetime) -> JSON:
    """A row of the history as a rulebook sees it. The history has no dates, so the time is that of the read."""
    return {
        "name": NAMES[status],
        "timestamp": format_instant(now),
        "retest": _retest(project_id, status, row),
        "payload": row,
    }


def _mark(name: str, params: JSON, instant: datetime | None, retest: JSON | None) -> str:
    """What identifies an event: for a round its name, time, project and number, otherwise all that it says."""
    content: list[Any] = [name, params]
    if instant and retest and None not in (retest["project_id"], retest["round"]):
        content = [name, format_instant(instant), retest["project_id"], retest["round"]]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8")).hexdigest()[:24]


def _timestamp(params: JSON) -> datetime | None:
    try:
        instant = parse_instant(params["timestamp"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return instant if instant.year >= _OLDEST else None


def _data(params: JSON) -> JSON:
    """All that an event says, whatever it is wrapped in."""
    data = dict(params)
    for wrapper in ("data", "retest"):
        data.update(_dict(data.get(wrapper)))
    return data


def _retest(project_id: Any, status: str, data: JSON) -> JSON:
    """A round as a rulebook sees it, from an event or a row of the history."""
    window = _dict(data.get("retest_window"))
    scope = data.get("vulnerabilities_in_scope", data.get("retesting_round_vulnerabilities"))
    return {
        "project_id": _id(project_id),
        "round": whole_number(data.get("round", data.get("retesting_round"))),
        "status": status,
        "retesting_window_start": _instant(window.get("start_date", data.get("retesting_window_start"))),
        "retesting_window_end": _instant(window.get("end_date", data.get("retesting_window_end"))),
        "vulnerabilities": [
            {
                "id": _id(one.get("id", one.get("vulnerability_id"))),
                "alternate_id": one.get("alternate_id", one.get("vulnerability_alternate_id")),
                "title": one.get("title", one.get("vulnerability_title")),
            }
            for one in _dicts(scope)
        ],
    }


def _dict(value: Any) -> JSON:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[JSON]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _id(value: Any) -> str | None:
    return value.strip().lower() if isinstance(value, str) else None


def _instant(value: Any) -> str | None:
    """An instant as the modules return it, or what the service says where that cannot be read."""
    try:
        return format_instant(parse_instant(value))
    except (ValueError, TypeError, AttributeError):
        return str(value) if isinstance(value, str) and value else None
