# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Retest rounds: the rows of a project's history become rounds.

Pure. Whether the service shows one row a round or one row an action on it is not documented; both are understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from ._vulnerabilities import Finding
from ._windows import format_instant, window_text

REQUESTED = "requested"
COMPLETED = "completed"
CANCELLED = "cancelled"
FINISHED = (CANCELLED, COMPLETED)


class Row(NamedTuple):
    """One row of a project's history as the service shows it."""

    number: int
    status: str
    start: datetime | None
    end: datetime | None
    scope: tuple[Finding, ...] | None  # what is to be tested; None where the row does not show it
    retested: tuple[Finding, ...] = ()  # what was tested
    id: str | None = None


class _Round(NamedTuple):
    number: int | None  # None as long as the service has not given one
    status: str
    start: datetime | None
    end: datetime | None
    scope: tuple[Finding, ...] | None
    retested: frozenset[str] = frozenset()  # ids


class Round(_Round):
    """A retest round. ``status`` is requested, completed, cancelled, or a word that nobody documents."""

    @property
    def open(self) -> bool:
        return self.status == REQUESTED

    @property
    def known(self) -> bool:
        """Whether the status is one that this collection understands."""
        return self.open or self.status in FINISHED

    @property
    def scope_unknown(self) -> bool:
        """Whether it is open and nothing is known of what it holds. The history of a new round can fill in steps."""
        return self.open and not self.scope

    @cached_property
    def ids(self) -> frozenset[str]:
        return frozenset(finding.id for finding in self.scope or ())

    @property
    def window_text(self) -> str:
        return window_text(self.start, self.end)


def whole_number(value: Any) -> int | None:
    """Read a whole number from 0 on, however a service writes it: 1, 1.0, "1", " 1". None where it is something
    else."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def status_word(value: Any) -> str | None:
    """Read the status of a row: a word in lower case, ``cancelled`` in one spelling. None where there is no word."""
    if not isinstance(value, str) or not value.strip():
        return None
    word = value.strip().lower()
    return CANCELLED if word == "canceled" else word


def rounds_of(rows: Iterable[Row], requested: int | None = None) -> list[Round]:
    """Group history rows into rounds, oldest first, whatever the order of the rows.

    ``requested`` is how many retests the project says were requested, or None. Rows of the same number are one round,
    unless there are as many ids as requests: then each id is a round, and a number was used again after a cancel.
    """
    by_number: dict[int, list[Row]] = {}
    by_id: dict[tuple[int, str | None], list[Row]] = {}
    for row in rows:
        by_number.setdefault(row.number, []).append(row)
        by_id.setdefault((row.number, row.id), []).append(row)
    # A row may get its id late. Until then it tells nothing apart.
    if len(by_number) < len(by_id) == requested and all(one for _number, one in by_id):
        rounds = [_round_of(number, found) for (number, _id), found in by_id.items()]
        return sorted(rounds, key=lambda one: (one.number, one.status not in FINISHED))
    return [_round_of(number, by_number[number]) for number in sorted(by_number)]


def _round_of(number: int, rows: list[Row]) -> Round:
    # The row that requested the round knows its window and scope best; then whichever row has any.
    rows = sorted(rows, key=lambda row: row.status != REQUESTED)
    shown = [row.scope for row in rows if row.scope is not None]
    scope = tuple({finding.id: finding for findings in shown for finding in findings}.values())
    return Round(
        number=number,
        status=_status_of({row.status for row in rows}),
        start=next((row.start for row in rows if row.start), None),
        end=next((row.end for row in rows if row.end), None),
        scope=scope if shown else None,
        retested=frozenset(finding.id for row in rows for finding in row.retested),
    )


def _status_of(statuses: set[str]) -> str:
    """A finished round stays finished; a word that nobody knows makes a round neither open nor finished."""
    finished = next((word for word in FINISHED if word in statuses), None)
    unknown = sorted(statuses - {REQUESTED})
    return finished or (unknown[0] if unknown else REQUESTED)


def hides_history(project: Mapping[str, Any]) -> bool:
    """Whether a project's record, as the service writes it, counts requested retests and does not show them.

    An empty history is believed also where all that was requested is completed: then nothing is open.
    """
    history = project.get("project_retesting_history")
    requested, completed = (str(project.get(f"project_retests_{what}") or 0) for what in ("requested", "completed"))
    return not history and requested not in ("0", "0" if history is None else completed)


def holders_of(finding_id: str, rounds: Iterable[Round]) -> list[Round]:
    """The open rounds that hold a finding, oldest first."""
    return [one for one in rounds if one.open and finding_id in one.ids]


def youngest_with(finding_id: str, rounds: Iterable[Round]) -> Round | None:
    """The youngest round, whatever its status, that holds a finding."""
    return next((one for one in reversed(list(rounds)) if finding_id in one.ids), None)


def numbers_of(rounds: Iterable[Round]) -> str:
    """The numbers of rounds for people."""
    return ", ".join(str(one.number) for one in rounds) or "none"


def unknown_status(one: Round) -> list[str]:
    """Warn where a round's status is a word that nobody documents."""
    if one.known:
        return []
    return [f"Round {one.number} has the status '{one.status}'; it is not known whether that is open or finished."]


def round_result(project_id: str, one: Round | None) -> dict[str, Any]:
    """A round as the modules return it."""
    scope = (one.scope if one else None) or ()
    return {
        "project_id": project_id,
        "round": one.number if one else None,
        "status": one.status if one else None,
        "retesting_window_start": format_instant(one.start) if one else None,
        "retesting_window_end": format_instant(one.end) if one else None,
        "vulnerabilities": [
            {"id": finding.id, "alternate_id": finding.alternate_id, "title": finding.title} for finding in scope
        ],
    }
