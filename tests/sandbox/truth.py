# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is true, for tests: all of it in the sandbox's own words, and without any switch."""

from __future__ import annotations

import dataclasses
import datetime
import typing

from . import dates
from .world import REQUESTED, Deed, Finding, Project, Round, World


def _maybe_date(instant: datetime.datetime | None) -> str | None:
    return None if instant is None else dates.show(instant)


Row = dict[str, typing.Any]


def books_of(world: World, project: Project) -> Row:
    """Everything about one project, with the sums that invariants need."""
    open_rounds: dict[str, list[int]] = {}
    for round_ in world.open_rounds(project):
        for finding_id in round_.scope:
            open_rounds.setdefault(finding_id, []).append(round_.number)
    rounds = [_round_row(world, round_) for round_ in project.rounds]
    findings = [finding for finding in project.findings.values() if project.id in finding.project_ids]
    notes = [row for finding in findings for row in _note_rows(finding)]
    return {
        "id": project.id,
        "name": project.name,
        "code": project.code,
        "rounds": rounds,
        "open_rounds": [row["number"] for row in rounds if row["open"]],
        "findings": [_finding_row(finding, open_rounds.get(finding.id, [])) for finding in findings],
        "notes": sorted(notes, key=lambda row: str(row["created"])),
        "open_rounds_by_finding": open_rounds,
        "most_open_rounds_of_a_finding": max(map(len, open_rounds.values()), default=0),
        "commits": [deed_row(deed) for deed in world.deeds if deed.project_id == project.id],
    }


def _round_row(world: World, round_: Round) -> Row:
    status = world.status_of(round_)
    return {
        "id": round_.id,
        "number": round_.number,
        "status": status,
        "open": status == REQUESTED,
        "window": {"start": dates.show(round_.start), "end": _maybe_date(round_.end)},
        "scope": list(round_.scope),
        "removed": list(round_.removed),
        "retested": list(round_.retested),
        "requested_at": dates.show(round_.requested_at),
        "requested_by": round_.requested_by.name,
        "finished_at": _maybe_date(round_.finished_at),
        "finished_by": round_.finished_by.name if round_.finished_by else None,
        "requested_date": _maybe_date(round_.requested_date),
        "completed_date": _maybe_date(round_.completed_date),
        "unseen_reads": round_.unseen_reads,
    }


def _finding_row(finding: Finding, open_rounds: list[int]) -> Row:
    return {
        "id": finding.id,
        "project_ids": list(finding.project_ids),
        "alternate_id": finding.alternate_id,
        "title": finding.title,
        "priority": finding.priority,
        "status": finding.state,
        "hidden": finding.hidden,
        "exists": finding.exists,
        "tags": list(finding.tags),
        "assets": list(finding.assets),
        "open_rounds": open_rounds,
        "notes": len(finding.notes),
    }


def _note_rows(finding: Finding) -> list[Row]:
    return [
        {
            "id": note.id,
            "finding_id": note.finding_id,
            "note": note.note,
            "note_type": note.note_type,
            "created": dates.show(note.created),
            "by": note.by.name,
        }
        for note in finding.notes
    ]


def deed_row(deed: Deed) -> Row:
    """One change that was committed."""
    row = dataclasses.asdict(deed)
    row["time"] = dates.show(deed.time)
    row["by"] = deed.by.name
    del row["unique"]
    return row
