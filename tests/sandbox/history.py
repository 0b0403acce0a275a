# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""project_retesting_history: which rounds a project shows, with which findings, in which words and order."""

from __future__ import annotations

import datetime
import random
import secrets
import typing

from . import dates
from .switches import Switches
from .world import CANCELLED, COMPLETED, REQUESTED, Person, Project, Round, World

Row = dict[str, typing.Any]
_STATUS_WORDS = {REQUESTED: "Requested", COMPLETED: "Completed"}
_UNREADABLE = "31.12.2025 around noon"


def seen_rounds(project: Project) -> list[Round]:
    """The rounds that reads show already (switch history_lag)."""
    return [round_ for round_ in project.rounds if not round_.unseen_reads]


def count_read(project: Project) -> None:
    """One more read of the project has been answered."""
    for round_ in project.rounds:
        if round_.unseen_reads:
            round_.unseen_reads -= 1


def put_history(record: Row, world: World, project: Project, rounds: list[Round]) -> None:
    """The history as a project's record has it."""
    rows = history_rows(world, project, rounds)
    if rows or world.switches.history_empty == "list":
        record["project_retesting_history"] = rows
    elif world.switches.history_empty == "null":
        record["project_retesting_history"] = None


def history_rows(world: World, project: Project, rounds: list[Round]) -> list[Row]:
    """One row per round or per action, in the order that the switch says."""
    dated: list[tuple[datetime.datetime, Row]] = []
    spoilt = _round_to_spoil(world, rounds)
    for round_ in rounds:
        status = world.status_of(round_)
        actions = [(round_.requested_at, REQUESTED, round_.requested_by, list[str]())]
        if world.switches.history_rows == "per_round":
            actions = [(round_.requested_at, status, round_.finished_by or round_.requested_by, round_.retested)]
        elif status != REQUESTED:
            when = round_.finished_at or round_.end or round_.requested_at
            actions.append((when, status, round_.finished_by or round_.requested_by, round_.retested))
        for when, action, by, retested in actions:
            row = _row(world, project, round_, action, by, retested)
            if round_ is spoilt:
                _spoil(row, world.switches.old_row)
            dated.append((when, row))
    dated.sort(key=lambda pair: pair[0])
    rows = [row for _when, row in dated]
    if world.switches.history_order == "newest_first":
        rows.reverse()
    elif world.switches.history_order == "shuffled":
        random.Random(f"{project.id}/{len(rows)}").shuffle(rows)
    return rows


def _row(world: World, project: Project, round_: Round, status: str, by: Person, retested: list[str]) -> Row:
    switches = world.switches
    word = switches.cancelled_spelling if status == CANCELLED else _STATUS_WORDS[status]
    case = switches.status_case
    row: Row = {
        "retesting_round": str(round_.number) if switches.round_number_type == "string" else round_.number,
        "retesting_round_status": word.lower() if case == "lower" else word.upper() if case == "upper" else word,
        "retesting_round_actioned_by": {
            "user_id": by.id,
            "user_first_name": by.first_name,
            "user_last_name": by.last_name,
        },
        "retesting_window_start": dates.show(round_.start, switches.window_format),
    }
    age = (dates.now() - round_.requested_at) / datetime.timedelta(milliseconds=1)
    if switches.round_ids != "missing" and age >= switches.round_id_late_ms:
        row["retesting_round_id"] = round_.id if switches.round_ids == "kept" else secrets.token_hex(12)
    _put_end(row, round_, switches)
    _put_scope(row, "retesting_round_vulnerabilities", _scope_at(round_, age, switches), project, switches)
    _put_scope(row, "retesting_round_retested_vulnerabilities", retested, project, switches)
    return row


def _put_end(row: Row, round_: Round, switches: Switches) -> None:
    mode = switches.window_end
    if mode == "kept" and round_.end is None:
        mode = switches.no_window_end
    if mode == "null":
        row["retesting_window_end"] = None
    elif mode == "kept" and round_.end is not None:
        row["retesting_window_end"] = dates.show(round_.end, switches.window_format)


def _scope_at(round_: Round, age: float, switches: Switches) -> list[str] | None:
    """The part of a round's scope that is shown already; None if nothing is."""
    age -= switches.scope_empty_ms
    if age < 0:
        return None
    if age >= switches.scope_fill_ms:
        return round_.scope
    return round_.scope[: 1 + int(len(round_.scope) * age / switches.scope_fill_ms)]


def _put_scope(row: Row, name: str, ids: list[str] | None, project: Project, switches: Switches) -> None:
    if ids is None and switches.scope_empty_as == "missing":
        return
    if (ids is None and switches.scope_empty_as == "null") or (not ids and switches.nulls == "yes"):
        row[name] = None
        return
    row[name] = [_scope_row(project, finding_id) for finding_id in ids or ()]


def _scope_row(project: Project, finding_id: str) -> dict[str, str]:
    finding = project.findings[finding_id]
    return {
        "vulnerability_id": finding.id,
        "vulnerability_alternate_id": finding.alternate_id,
        "vulnerability_title": finding.title,
    }


def _round_to_spoil(world: World, rounds: list[Round]) -> Round | None:
    """The oldest cancelled round, or else the oldest finished one."""
    if world.switches.old_row == "right":
        return None
    finished = [round_ for round_ in rounds if world.status_of(round_) != REQUESTED]
    cancelled = [round_ for round_ in finished if round_.status == CANCELLED]
    return next(iter(cancelled or finished), None)


def _spoil(row: Row, how: str) -> None:
    if how == "unreadable_date":
        row["retesting_window_start"] = _UNREADABLE
    elif how == "null_scope":
        row["retesting_round_vulnerabilities"] = None
    else:
        del row["retesting_round" if how == "no_number" else "retesting_round_status"]
