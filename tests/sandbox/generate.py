# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many findings and many projects at once, the same ones for the same seed, so that tests know their ids."""

from __future__ import annotations

import dataclasses
import datetime
import typing

from .world import COMPLETED, PRIORITIES, TESTER, Finding, Group, Project, Round, World

_TITLES = (
    "SQL injection in the search form",
    "Stored cross-site scripting in a comment",
    "Missing authorization on an export",
    "Outdated TLS configuration",
    "Session is not ended on logout",
    "Verbose error message",
    "Missing rate limit on a login form",
)
_CVE_FIELD = "cve"


@dataclasses.dataclass(frozen=True)
class Many:
    """Findings of one project: ``ready`` ones first, then ``closed`` ones, ``hidden`` ones (open), the rest open.

    Each has all ``tags`` and ``assets`` (or one of fifty hosts), and one of the ``cves`` in turn: in its title, among
    its tags or in the custom field ``cve``, again in turn.
    """

    count: int
    ready: int = 0
    closed: int = 0
    hidden: int = 0
    tags: typing.Sequence[str] = ()
    assets: typing.Sequence[str] = ()
    cves: typing.Sequence[str] = ()
    custom_fields: typing.Mapping[str, str] = dataclasses.field(default_factory=dict)
    text_kb: float = 20


@dataclasses.dataclass(frozen=True)
class Tenant:
    """Projects that are alike: each with so many ``findings`` as Many says, and so many completed ``rounds``.

    The groups take turns: a project is in one of them.
    """

    projects: int
    findings: int
    ready: int
    closed: int
    rounds: int
    tags: typing.Sequence[str]
    assets: typing.Sequence[str]
    cves: typing.Sequence[str]
    groups: typing.Sequence[str]
    text_kb: float


def project_id(number: int) -> str:
    """The id of the project with this number, from 1, where its seed says no other."""
    return f"66333e1d{number:016x}"


def finding_id(project: str, number: int) -> str:
    """The id of the generated finding with this number, from 1, in a project."""
    return f"{project[:8]}{project[-4:]}{number:012x}"


def new_group(world: World, name: str) -> Group:
    """A group that a project names, the same for all that name it."""
    for group in world.groups.values():
        if group.name == name:
            return group
    group = Group(f"6730b000{len(world.groups) + 1:016x}", name, {})
    world.groups[group.id] = group
    return group


def add_findings(world: World, project: Project, many: Many) -> None:
    """Generate findings."""
    first = project.last_number + 1
    for place in range(many.count):
        number = first + place
        created = project.start + datetime.timedelta(minutes=place)
        title = f"{_TITLES[place % len(_TITLES)]} ({number})"
        tags, fields = list(many.tags), dict(many.custom_fields)
        if many.cves:
            cve, where = many.cves[place % len(many.cves)], place // len(many.cves) % 3
            if where == 0:
                title = f"{cve}: {title}"
            elif where == 1:
                tags.append(cve)
            else:
                fields[_CVE_FIELD] = cve
        world.add_finding(
            Finding(
                id=finding_id(project.id, number),
                project_ids=[project.id],
                number=number,
                alternate_id=f"{project.vulnerability_code}-{number}",
                title=title,
                priority=PRIORITIES[place % len(PRIORITIES)],
                state="retest" if place < many.ready else "closed" if place < many.ready + many.closed else "open",
                created=created,
                modified=created,
                status_updated=created,
                tags=tags,
                assets=list(many.assets) or [f"host-{place % 50:02}.example.com"],
                hidden=many.ready + many.closed <= place < many.ready + many.closed + many.hidden,
                likelihood=1 + place % 10,
                custom_fields=fields,
                text_kb=many.text_kb,
            )
        )


def add_tenant(world: World, tenant: Tenant, retesting: dict[str, typing.Any]) -> None:
    """Generate projects, numbered after those that are there."""
    day = datetime.timedelta(days=1)
    begun = world.started - 80 * day
    groups = [new_group(world, name) for name in tenant.groups]
    first = len(world.projects) + 1
    for number in range(first, first + tenant.projects):
        project = Project(
            id=project_id(number),
            name=f"Project {number}",
            code=f"T{number}",
            vulnerability_code=f"T{number}",
            organization_code=f"ORG{number % 10}",
            status="Testing",
            created=begun,
            modified=begun,
            start=begun,
            end=begun + 20 * day,
            retesting=retesting,
            scope=[],
            groups=[groups[number % len(groups)]] if groups else [],
            streams={},
            custom_fields={},
            custom_tags={},
            text_kb=tenant.text_kb,
        )
        world.add_project(project)
        ready = min(tenant.ready, tenant.findings)
        closed = min(tenant.closed, tenant.findings - ready)
        many = Many(tenant.findings, ready, closed, 0, tenant.tags, tenant.assets, tenant.cves, text_kb=tenant.text_kb)
        add_findings(world, project, many)
        project.scope = list(dict.fromkeys(name for finding in project.findings.values() for name in finding.assets))
        project.rounds = [_old_round(world, project, place) for place in range(1, tenant.rounds + 1)]


def _old_round(world: World, project: Project, number: int) -> Round:
    """A completed round with the project's first finding in it."""
    scope = list(project.findings)[:1]
    return Round(
        world.new_id(),
        project.id,
        number,
        COMPLETED,
        project.end,
        project.end + datetime.timedelta(days=1),
        scope,
        project.end,
        TESTER,
        retested=list(scope),
        finished_at=project.end + datetime.timedelta(days=1),
        finished_by=TESTER,
    )
