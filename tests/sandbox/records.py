# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records as the service shows them: findings, notes, revisions, projects and groups, under the switches."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import html
import typing

from . import dates, history, texts
from .switches import LEVELS, Switches
from .world import COMPLETED, PRIORITIES, Finding, Group, Note, Person, Project, Revision, World

Record = dict[str, typing.Any]
# A place for what the service has and the sandbox does not need.
_NOBODY = ""


@dataclasses.dataclass(frozen=True)
class KeyLists:
    """Which custom fields an answer has: those of the allow-list, if there is one, without those of the block-list.

    Both are by what the parameter is called before ``cf_key_...``, such as ``project_``.
    """

    allowed: dict[str, frozenset[str]] = dataclasses.field(default_factory=dict)
    blocked: dict[str, frozenset[str]] = dataclasses.field(default_factory=dict)
    alternative: bool = False

    @classmethod
    def of(cls, repeated: dict[str, list[str]], alternative: bool = False) -> KeyLists:
        """As the parameters of a request say. One without a value allows nothing."""
        found: dict[str, dict[str, frozenset[str]]] = {"allowlist": {}, "blocklist": {}}
        for name, values in repeated.items():
            prefix, mark, which = name.partition("cf_key_")
            if mark:
                found[which][prefix] = frozenset(values) - {""}
        return cls(found["allowlist"], found["blocklist"], alternative)

    def _passes(self, prefix: str, name: str) -> bool:
        return name in self.allowed.get(prefix, {name}) and name not in self.blocked.get(prefix, ())

    def show(self, prefix: str, custom_fields: dict[str, str], custom_tags: dict[str, str]) -> typing.Any:
        """Custom fields and tags as a list of key, value and type, or in the alternative form."""
        fields = {key: value for key, value in custom_fields.items() if self._passes(prefix, key)}
        tags = {key: value for key, value in custom_tags.items() if self._passes(prefix, key)}
        if self.alternative:
            return {"fields": fields, "tags": tags}
        rows = [("Field", fields), ("Tag", tags)]
        return [{"key": key, "value": value, "type": kind} for kind, pairs in rows for key, value in pairs.items()]


ALL_KEYS = KeyLists()


def cased(switches: Switches, text: str) -> str:
    """A status, or Yes and No, as the switch status_case spells it."""
    case = switches.status_case
    return text.lower() if case == "lower" else text.upper() if case == "upper" else text


def shown_state(switches: Switches, finding: Finding) -> tuple[str, str | bool]:
    """vulnerability_status and vulnerability_retest."""
    mode = switches.ready_reads_back
    ready = finding.state == "retest"
    status = "Closed" if finding.state == "closed" else "Retest" if ready and mode == "status_retest" else "Open"
    if mode == "flag_true":
        return cased(switches, status), ready
    return cased(switches, status), cased(switches, "Yes" if ready and mode == "flag" else "No")


def put(record: Record, switches: Switches, name: str, value: typing.Any) -> None:
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


# Findings


def finding_record(world: World, finding: Finding, keys: KeyLists = ALL_KEYS, in_list: bool = False) -> Record:
    """A vulnerability as GetVulnerabilityById and the lists show it."""
    switches = world.switches
    status, retest = shown_state(switches, finding)
    record: Record = {
        "vulnerability_id": finding.id,
        "vulnerability_library_id": f"7{finding.id[1:]}",
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
        "vulnerability_notes": [],
        "vulnerability_evidence": [],
        "vulnerability_testcases": [],
    }
    _put_projects(world, record, finding, keys)
    put(record, switches, "vulnerability_tags", list(finding.tags))
    put(record, switches, "vulnerability_affected_asset_name", ", ".join(finding.assets))
    put(record, switches, "vulnerability_affected_assets", [_asset(finding, name, keys) for name in finding.assets])
    custom = keys.show("vulnerability_", finding.custom_fields, finding.custom_tags)
    put(record, switches, "vulnerability_custom_fields", custom)
    put(record, switches, "vulnerability_library_custom_fields", keys.show("writeup_", {}, {}))
    _put_notes(record, switches, finding, in_list)
    put(record, switches, "vulnerability_sla", _maybe_date(finding.sla))
    put(record, switches, "vulnerability_release_date", _maybe_date(finding.release_date))
    put(record, switches, "vulnerability_target_remediation_date", _maybe_date(finding.target_date))
    record.update(texts.of(finding))
    return record


def _put_projects(world: World, record: Record, finding: Finding, keys: KeyLists) -> None:
    """The projects of a finding, in the form or forms that the switch says."""
    form = world.switches.project_link
    projects = [world.projects[name] for name in finding.project_ids]
    if form in ("list", "both"):
        record["vulnerability_projects"] = [
            {
                "id": project.id,
                "code": project.code,
                "name": project.name,
                "groups": _groups(project),
                "custom_fields": keys.show("project_", project.custom_fields, project.custom_tags),
            }
            for project in projects
        ]
    if form in ("id", "both"):
        record["vulnerability_project_id"] = projects[0].id
        record["vulnerability_project_name"] = projects[0].name
        record["vulnerability_project_code"] = projects[0].code


def _asset(finding: Finding, name: str, keys: KeyLists) -> Record:
    asset = {"id": asset_id(name), "name": name, "custom_fields": keys.show("asset_", {}, {})}
    return {"asset": asset, "notes": [], "tags": [], "actioned": finding.state == "closed", "components": []}


@functools.lru_cache(maxsize=100_000)
def asset_id(name: str) -> str:
    """An id for an asset, the same for the same name."""
    return f"a55e7{texts.digest(name):019x}"


def _put_notes(record: Record, switches: Switches, finding: Finding, in_list: bool) -> None:
    shown = switches.list_notes if in_list else "full"
    if shown == "full":
        put(record, switches, "vulnerability_remediation_notes", [note_row(note) for note in finding.notes])
    elif shown == "empty":
        record["vulnerability_remediation_notes"] = []


def note_row(note: Note) -> Record:
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


def revision_row(revision: Revision) -> Record:
    """One changed field as GetVulnerabilityRevisionHistory shows it."""
    by = revision.by
    return {
        "id": revision.id,
        "field": revision.field,
        "before": revision.before,
        "after": revision.after,
        "created": dates.show(revision.created),
        "user": {"id": by.id, "firstName": by.first_name, "lastName": by.last_name},
    }


# Projects and groups


def project_record(world: World, project: Project, keys: KeyLists = ALL_KEYS, in_list: bool = False) -> Record:
    """A project as GetProjectById and the lists show it."""
    switches = world.switches
    rounds = history.seen_rounds(project)
    # GetProjectById calls the parameter for the project's own fields otherwise than the lists do.
    prefix = "" if in_list else "project_"
    record: Record = {
        "project_id": project.id,
        "project_created": dates.show(project.created),
        "project_last_modified": dates.show(project.modified),
        "project_name": project.name,
        "project_code": project.code,
        "project_organization_code": project.organization_code,
        "project_vulnerability_code": project.vulnerability_code,
        "project_groups": _groups(project),
        "project_status": project.status,
        "project_extended_status": project.status,
        "project_on_hold": "Yes" if project.status == "On-Hold" else "No",
        "project_start_date": dates.show(project.start),
        "project_end_date": dates.show(project.end),
        "project_scope": list(project.scope),
        "project_scope_details": [
            {"id": asset_id(f"{project.id} {name}"), "name": name, "asset_id": asset_id(name)} for name in project.scope
        ],
        "project_streams": [
            {
                "id": asset_id(f"stream {stream}"),
                "name": stream,
                "stream_portfolios": [{"id": asset_id(f"portfolio {name}"), "name": name} for name in portfolios],
            }
            for stream, portfolios in project.streams.items()
        ],
        "project_team": _team(world, project),
        "project_custom_fields": keys.show(prefix, project.custom_fields, project.custom_tags),
        "project_reporting_custom_fields": keys.show("project_reporting_", {}, {}),
        "project_summary_custom_fields": keys.show("project_summary_", {}, {}),
        "project_total_assets": len(project.scope),
        "project_features": {"retesting": project.retesting},
    }
    record.update(_counts(project))
    counted = project.rounds if switches.counters == "ahead" else rounds
    record["project_retests_requested"] = len(counted)
    record["project_retests_completed"] = sum(world.status_of(round_) == COMPLETED for round_ in counted)
    shown = switches.list_history if in_list else "full"
    if shown == "full":
        history.put_history(record, world, project, rounds)
    elif shown == "empty":
        record["project_retesting_history"] = []
    return record


def _groups(project: Project) -> list[Record]:
    return [{"id": group.id, "name": group.name} for group in project.groups]


def _team(world: World, project: Project) -> list[Record]:
    return [
        {
            "id": asset_id(f"{project.id} {key.user.id}"),
            "user_id": key.user.id,
            "first_name": key.user.first_name,
            "last_name": key.user.last_name,
            "access_level": LEVELS[key.level(project.id)].capitalize(),
            "role": key.role.capitalize(),
        }
        for key in world.keys.values()
        if key.sees([project.id])
    ]


def listed(project: Project) -> typing.Iterator[Finding]:
    """The findings of a project, hidden ones too."""
    for finding in project.findings.values():
        if finding.exists and project.id in finding.project_ids:
            yield finding


def _counts(project: Project) -> Record:
    """How many findings there are, by priority and state."""
    counts: dict[tuple[str, str], int] = {}
    pending = 0
    for finding in listed(project):
        if finding.hidden:
            pending += 1
        else:
            place = (finding.priority, finding.state)
            counts[place] = counts.get(place, 0) + 1

    def count(priorities: typing.Sequence[str], *states: str) -> int:
        return sum(counts.get((priority, state), 0) for priority in priorities for state in states)

    record: Record = {"project_pending_vulnerabilities": pending}
    for prefix, ready, priorities in (
        ("project_", "project_retest_vulnerabilities", PRIORITIES),
        *(
            (f"project_{name.lower()}_", f"project_{name.lower()}_ready_for_retest_vulnerabilities", (name,))
            for name in PRIORITIES
        ),
    ):
        total = "total_vulnerabilities" if prefix == "project_" else "vulnerabilities"
        record[f"{prefix}{total}"] = count(priorities, "open", "retest", "closed")
        record[f"{prefix}open_vulnerabilities"] = count(priorities, "open", "retest")
        record[ready] = count(priorities, "retest")
        record[f"{prefix}closed_vulnerabilities"] = count(priorities, "closed")
    return record


def group_record(group: Group, keys: KeyLists = ALL_KEYS) -> Record:
    """A group as GetGroups shows it."""
    return {
        "group_id": group.id,
        "group_name": group.name,
        "group_owner": _NOBODY,
        "group_primary_contact_name": _NOBODY,
        "group_primary_contact_number": _NOBODY,
        "group_primary_contact_email": _NOBODY,
        "group_custom_fields": keys.show("", group.custom_fields, {}),
    }


def person_row(person: Person) -> Record:
    """A user as the Events API shows it."""
    return {"user_id": person.id, "first_name": person.first_name, "last_name": person.last_name}


def with_extra_keys(value: typing.Any) -> typing.Any:
    """A copy in which every object has keys that nobody has heard of."""
    if isinstance(value, dict):
        copy = {key: with_extra_keys(item) for key, item in value.items()}
        copy["x_unknown"] = {"since": "tomorrow", "values": [1, "two", None, {"three": 3.5}]}
        return copy
    if isinstance(value, list):
        return [with_extra_keys(item) for item in value]
    return value
