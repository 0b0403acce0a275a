# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The truth as the service shows it: records of projects and findings, the history of rounds, under the switches."""

from __future__ import annotations

import dataclasses
import datetime
import html
import random
import typing

from . import dates, texts
from .query import Field
from .switches import Switches
from .world import CANCELLED, COMPLETED, PRIORITIES, REQUESTED, Finding, Note, Person, Project, Round, World

_IDS_NEVER_MATCH = "\0"


def _cased(switches: Switches, text: str) -> str:
    case = switches.status_case
    return text.lower() if case == "lower" else text.upper() if case == "upper" else text


def shown_state(switches: Switches, finding: Finding) -> tuple[str, str | bool]:
    """vulnerability_status and vulnerability_retest."""
    mode = switches.ready_reads_back
    ready = finding.state == "retest"
    status = "Closed" if finding.state == "closed" else "Retest" if ready and mode == "status_retest" else "Open"
    if mode == "flag_true":
        return _cased(switches, status), ready
    return _cased(switches, status), _cased(switches, "Yes" if ready and mode == "flag" else "No")


def _put(record: dict[str, typing.Any], switches: Switches, name: str, value: typing.Any) -> None:
    """An optional field: without content it is an empty list or not there, or null where the switch says so."""
    if value is None or value == [] or value == "":
        if switches.nulls == "yes":
            record[name] = None
        elif value is not None:
            record[name] = value
    else:
        record[name] = value


def _maybe_date(instant: datetime.datetime | None) -> str | None:
    return None if instant is None else dates.show(instant)


def finding_record(world: World, finding: Finding) -> dict[str, typing.Any]:
    """A vulnerability as GetVulnerabilityById and GetProjectVulnerabilitiesById show it."""
    switches = world.switches
    status, retest = shown_state(switches, finding)
    record: dict[str, typing.Any] = {
        "vulnerability_id": finding.id,
        "vulnerability_alternate_id": finding.alternate_id,
        "vulnerability_created": dates.show(finding.created),
        "vulnerability_modified": dates.show(finding.modified),
        "vulnerability_title": finding.title,
        "vulnerability_priority": finding.priority,
        "vulnerability_status": status,
        "vulnerability_status_updated": dates.show(finding.status_updated),
        "vulnerability_retest": retest,
        "vulnerability_is_zeroday": "Yes" if finding.zero_day else "No",
        "vulnerability_likelihood_of_exploitation": finding.likelihood,
        "vulnerability_is_visible": "No" if finding.hidden else "Yes",
    }
    if switches.project_link == "list":
        project = world.projects[finding.project_id]
        record["vulnerability_projects"] = [{"id": project.id, "name": project.name}]
    else:
        record["vulnerability_project_id"] = finding.project_id
    _put(record, switches, "vulnerability_tags", list(finding.tags))
    _put(record, switches, "vulnerability_affected_asset_name", ", ".join(finding.assets))
    _put(
        record,
        switches,
        "vulnerability_affected_assets",
        [{"asset": {"name": name}, "components": []} for name in finding.assets],
    )
    _put(
        record,
        switches,
        "vulnerability_custom_fields",
        [{"key": key, "value": value, "type": "INPUT"} for key, value in finding.custom_fields.items()],
    )
    _put(record, switches, "vulnerability_remediation_notes", [note_row(note) for note in finding.notes])
    _put(record, switches, "vulnerability_sla", _maybe_date(finding.sla))
    _put(record, switches, "vulnerability_target_remediation_date", _maybe_date(finding.target_date))
    record.update(texts.heavy_fields(finding.text_kb, finding.number % texts.VARIANTS))
    return record


def note_row(note: Note) -> dict[str, typing.Any]:
    """A remediation note inside a vulnerability."""
    return {
        "id": note.id,
        "note": note.note,
        "note_html": note_html(note),
        "created": dates.show(note.created),
        "created_by": note.by.name,
    }


def note_html(note: Note) -> str:
    """The note as HTML: rich text is HTML already."""
    if note.note_type == "RICHTEXT":
        return note.note
    return "".join(f"<p>{html.escape(line, quote=False)}</p>" for line in note.note.split("\n"))


def project_record(world: World, project: Project) -> dict[str, typing.Any]:
    """A project as GetProjectById and GetProjects show it."""
    switches = world.switches
    findings = [finding for finding in project.findings.values() if not finding.hidden]
    rounds = seen_rounds(world, project)
    record: dict[str, typing.Any] = {
        "project_id": project.id,
        "project_created": dates.show(project.created),
        "project_name": project.name,
        "project_code": project.code,
        "project_vulnerability_code": project.code,
        "project_status": project.status,
        "project_start_date": dates.show(project.start),
        "project_end_date": dates.show(project.end),
        "project_features": {"retesting": project.retesting},
    }
    ready_in_all = 0
    for priority in PRIORITIES:
        of_priority = [finding for finding in findings if finding.priority == priority]
        ready = sum(finding.state == "retest" for finding in of_priority)
        ready_in_all += ready
        record[f"project_{priority.lower()}_vulnerabilities"] = len(of_priority)
        record[f"project_{priority.lower()}_ready_for_retest_vulnerabilities"] = ready
    record["project_retest_vulnerabilities"] = ready_in_all
    record["project_retests_requested"] = len(rounds)
    record["project_retests_completed"] = sum(world.status_of(round_) == COMPLETED for round_ in rounds)
    history = history_rows(world, project, rounds)
    if history or switches.history_empty == "list":
        record["project_retesting_history"] = history
    elif switches.history_empty == "null":
        record["project_retesting_history"] = None
    return record


def seen_rounds(world: World, project: Project) -> list[Round]:
    """The rounds that reads show already (switch history_lag)."""
    return [round_ for round_ in project.rounds if not round_.unseen_reads]


def count_read(project: Project) -> None:
    """One more read of the project has been answered."""
    for round_ in project.rounds:
        if round_.unseen_reads:
            round_.unseen_reads -= 1


def history_rows(world: World, project: Project, rounds: list[Round]) -> list[dict[str, typing.Any]]:
    """project_retesting_history: one row per round or per action, in the order that the switch says."""
    rows: list[tuple[datetime.datetime, dict[str, typing.Any]]] = []
    for round_ in rounds:
        status = world.status_of(round_)
        finished = status != REQUESTED
        by = round_.finished_by or round_.requested_by
        if world.switches.history_rows == "per_round":
            rows.append((round_.requested_at, _history_row(world, project, round_, status, by, round_.retested)))
            continue
        rows.append((round_.requested_at, _history_row(world, project, round_, REQUESTED, round_.requested_by, [])))
        if finished:
            when = round_.finished_at or round_.end or round_.requested_at
            rows.append((when, _history_row(world, project, round_, status, by, round_.retested)))
    rows.sort(key=lambda row: row[0])
    result = [row for _when, row in rows]
    if world.switches.history_order == "newest_first":
        result.reverse()
    elif world.switches.history_order == "shuffled":
        random.Random(f"{project.id}/{len(result)}").shuffle(result)
    return result


_STATUS_WORDS = {REQUESTED: "Requested", COMPLETED: "Completed"}


def _history_row(
    world: World, project: Project, round_: Round, status: str, by: Person, retested: list[str]
) -> dict[str, typing.Any]:
    switches = world.switches
    number: int | str = round_.number
    if switches.round_number_type == "string":
        number = str(number)
    word = switches.cancelled_spelling if status == CANCELLED else _STATUS_WORDS[status]
    row: dict[str, typing.Any] = {
        "retesting_round_id": round_.id,
        "retesting_round": number,
        "retesting_round_status": _cased(switches, word),
        "retesting_round_actioned_by": {
            "user_id": by.id,
            "user_first_name": by.first_name,
            "user_last_name": by.last_name,
        },
        "retesting_window_start": dates.show(round_.start, switches.window_format),
    }
    mode = switches.window_end
    if mode == "kept" and round_.end is None:
        mode = switches.no_window_end
    if mode == "null":
        row["retesting_window_end"] = None
    elif mode == "kept":
        row["retesting_window_end"] = dates.show(round_.end, switches.window_format)
    _put(row, switches, "retesting_round_vulnerabilities", [_scope_row(project, name) for name in round_.scope])
    _put(row, switches, "retesting_round_retested_vulnerabilities", [_scope_row(project, name) for name in retested])
    return row


def _scope_row(project: Project, finding_id: str) -> dict[str, str]:
    finding = project.findings[finding_id]
    return {
        "vulnerability_id": finding.id,
        "vulnerability_alternate_id": finding.alternate_id,
        "vulnerability_title": finding.title,
    }


def with_extra_keys(value: typing.Any) -> typing.Any:
    """A copy in which every object has keys that nobody has heard of."""
    if isinstance(value, dict):
        copy = {key: with_extra_keys(item) for key, item in value.items()}
        copy["x_unknown"] = {"since": "tomorrow", "values": [1, "two", None, {"three": 3.5}]}
        return copy
    if isinstance(value, list):
        return [with_extra_keys(item) for item in value]
    return value


def finding_fields(switches: Switches) -> dict[str, Field]:
    """The fields of a finding that q knows."""

    def state(finding: Finding) -> tuple[str, typing.Any]:
        if switches.ready_query == "as_shown":
            return shown_state(switches, finding)
        return ("Closed" if finding.state == "closed" else "Open", "Yes" if finding.state == "retest" else "No")

    never = switches.q_support == "ids_never_match"
    return {
        "id": Field("id", (lambda finding: _IDS_NEVER_MATCH) if never else (lambda finding: finding.id)),
        "alternate_id": Field("text", lambda finding: finding.alternate_id),
        "created": Field("date", lambda finding: finding.created),
        "modified": Field("date", lambda finding: finding.modified),
        "priority": Field("text", lambda finding: finding.priority),
        "title": Field("text", lambda finding: finding.title),
        "zero_day": Field("text", lambda finding: "Yes" if finding.zero_day else "No"),
        "likelihood_of_exploitation": Field("number", lambda finding: finding.likelihood),
        "status": Field("text", lambda finding: state(finding)[0]),
        "status_updated": Field("date", lambda finding: finding.status_updated),
        "is_retest": Field("text", lambda finding: state(finding)[1]),
        "sla": Field("date", lambda finding: finding.sla),
        "tags": Field("list", lambda finding: finding.tags),
        "assets": Field("list", lambda finding: finding.assets),
    }


def project_fields(switches: Switches) -> dict[str, Field]:
    """The fields of a project that q knows."""
    never = switches.q_support == "ids_never_match"
    return {
        "id": Field("id", (lambda project: _IDS_NEVER_MATCH) if never else (lambda project: project.id)),
        "name": Field("text", lambda project: project.name),
        "code": Field("text", lambda project: project.code),
        "status": Field("text", lambda project: project.status),
        "created": Field("date", lambda project: project.created),
        "start_date": Field("date", lambda project: project.start),
        "end_date": Field("date", lambda project: project.end),
    }


# The books: the truth for tests, in our own words and without any switch.


def books_of(world: World, project: Project) -> dict[str, typing.Any]:
    """Everything about one project, with the sums that invariants need."""
    open_rounds: dict[str, list[int]] = {}
    rounds = []
    for round_ in project.rounds:
        status = world.status_of(round_)
        if status == REQUESTED:
            for finding_id in round_.scope:
                open_rounds.setdefault(finding_id, []).append(round_.number)
        rounds.append(
            {
                "id": round_.id,
                "number": round_.number,
                "status": status,
                "open": status == REQUESTED,
                "window": {"start": dates.show(round_.start), "end": _maybe_date(round_.end)},
                "scope": list(round_.scope),
                "retested": list(round_.retested),
                "requested_at": dates.show(round_.requested_at),
                "requested_by": round_.requested_by.name,
                "finished_at": _maybe_date(round_.finished_at),
                "finished_by": round_.finished_by.name if round_.finished_by else None,
                "requested_date": _maybe_date(round_.requested_date),
                "completed_date": _maybe_date(round_.completed_date),
                "unseen_reads": round_.unseen_reads,
            }
        )
    findings, notes = [], []
    for finding in project.findings.values():
        findings.append(
            {
                "id": finding.id,
                "alternate_id": finding.alternate_id,
                "title": finding.title,
                "priority": finding.priority,
                "status": finding.state,
                "hidden": finding.hidden,
                "tags": list(finding.tags),
                "assets": list(finding.assets),
                "open_rounds": open_rounds.get(finding.id, []),
                "notes": len(finding.notes),
            }
        )
        notes.extend(
            {
                "id": note.id,
                "finding_id": note.finding_id,
                "note": note.note,
                "note_type": note.note_type,
                "created": dates.show(note.created),
                "by": note.by.name,
            }
            for note in finding.notes
        )
    return {
        "id": project.id,
        "name": project.name,
        "code": project.code,
        "rounds": rounds,
        "open_rounds": [row["number"] for row in rounds if row["open"]],
        "findings": findings,
        "notes": sorted(notes, key=lambda note: note["created"]),
        "open_rounds_by_finding": open_rounds,
        "most_open_rounds_of_a_finding": max(map(len, open_rounds.values()), default=0),
        "commits": [deed_row(deed) for deed in world.deeds if deed.project_id == project.id],
    }


def deed_row(deed: typing.Any) -> dict[str, typing.Any]:
    """One change that was committed."""
    row = dataclasses.asdict(deed)
    row["time"] = dates.show(deed.time)
    row["by"] = deed.by.name
    return row
