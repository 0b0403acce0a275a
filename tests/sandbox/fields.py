# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fields of findings, projects and writeups that ``q`` knows: the documented ones and no others."""

from __future__ import annotations

import datetime
import typing

from . import dates, texts
from .query import Field
from .records import shown_state
from .switches import Switches
from .world import Finding, Project

_NEVER = "\0"


def _id_field(switches: Switches) -> Field:
    never = switches.q_support == "ids_never_match"
    return Field("id", (lambda record: _NEVER) if never else (lambda record: record.id), switches.q_ids)


def finding_fields(switches: Switches) -> dict[str, Field]:
    """The fields of a finding. There is none for its project, group, asset, CVE or notes."""

    def state(finding: Finding) -> tuple[str, typing.Any]:
        if switches.ready_query == "as_shown":
            return shown_state(switches, finding)
        return ("Closed" if finding.state == "closed" else "Open", "Yes" if finding.state == "retest" else "No")

    return {
        "id": _id_field(switches),
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
        "target_remediation_date": Field("date", lambda finding: finding.target_date),
        "release_date": Field("date", lambda finding: finding.release_date),
        "tags": Field("list", lambda finding: finding.tags),
        "custom_tags": Field("pairs", lambda finding: finding.custom_tags.items()),
        "custom_fields": Field("pairs", lambda finding: finding.custom_fields.items()),
    }


def project_fields(switches: Switches) -> dict[str, Field]:
    """The fields of a project. Start and end are kept as text: their queries need "isostring"."""
    fields = {
        "id": _id_field(switches),
        "created": Field("date", lambda project: project.created),
        "modified": Field("date", lambda project: project.modified),
        "name": Field("text", lambda project: project.name),
        "code": Field("text", lambda project: project.code),
        "start_date": Field("isodate", lambda project: dates.show(project.start)),
        "end_date": Field("isodate", lambda project: dates.show(project.end)),
        "status": Field("text", lambda project: project.status),
        "org_code": Field("text", lambda project: project.organization_code),
        "vuln_code": Field("text", lambda project: project.vulnerability_code),
        "custom_tags": Field("pairs", lambda project: project.custom_tags.items()),
        "custom_fields": Field("pairs", lambda project: project.custom_fields.items()),
    }
    names = switches.q_group_names
    for name in {"both": ("group_names", "groups_names"), "none": ()}.get(names, (names,)):
        fields[name] = Field("list", _group_names)
    return fields


def _group_names(project: Project) -> list[str]:
    return [group.name for group in project.groups]


def writeup_fields(switches: Switches) -> dict[str, Field]:
    """The fields of the library's writeup that a finding was made from."""

    def text(name: str) -> Field:
        return Field("text", lambda finding: texts.of(finding)[f"vulnerability_{name}"])

    def constant(kind: str, value: str | list[str] | None) -> Field:
        return Field(kind, lambda _finding: value)

    return {
        "id": _id_field(switches),
        "created": Field("date", _written),
        "modified": Field("date", _written),
        "priority": Field("text", lambda finding: finding.priority),
        "title": Field("text", lambda finding: finding.title),
        "description": text("description"),
        "attack_scenario": text("attack_scenario"),
        "remediation_recommendation": text("remediation_recommendation"),
        "severity": Field("number", lambda finding: finding.likelihood),
        "likelihood_of_exploitation": Field("number", lambda finding: finding.likelihood),
        "category": constant("text", "Web App"),
        "impact_on_confidentiality": constant("text", "High"),
        "impact_on_integrity": constant("text", "High"),
        "impact_on_availability": constant("text", "Low"),
        "import_source": constant("text", None),
        "import_source_id": constant("text", None),
        "tags": constant("list", []),
        "custom_tags": constant("pairs", []),
        "custom_fields": constant("pairs", []),
    }


def _written(finding: Finding) -> datetime.datetime:
    return finding.created
