# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API methods that read."""

from __future__ import annotations

import itertools
import random
import typing

from . import access, fields, history, records
from .answers import Answer, Refusal, not_found
from .calls import Call
from .methods import LISTS
from .query import Fields, QueryError, compile_query, search
from .world import PRIORITIES, Finding, Project, World

_MAX_PAGE = 500
_PROJECT_STATUS = ("Waiting-to-Start", "Testing", "Completed", "On-Hold")
_T = typing.TypeVar("_T")
# One order after the other for lists that are shuffled; the same ones in every process.
_orders = itertools.count()


def _wrapped(call: Call, name: str, record: records.Record) -> records.Record:
    return {name: record} if call.switches.wrapped == "yes" else record


# Lists


def _matching(call: Call, name: str, found: list[_T], known: Fields) -> list[_T]:
    """The records that a query lets through."""
    support = call.switches.q_support
    if name not in call.parameters or support == "ignored":
        return found
    if support == "refused":
        raise Refusal(400, f"{name} is not supported.")
    try:
        return search(found, compile_query(call.parameters[name], known))
    except QueryError as error:
        raise call.refuse(str(error), "query", name) from None


def _in_order(call: Call, found: list[_T]) -> list[_T]:
    """A list in the order of this request."""
    if call.shuffled or call.switches.list_order == "shuffled":
        found = list(found)
        random.Random(next(_orders)).shuffle(found)
    return found


def _page(call: Call, name: str, found: list[_T], show: typing.Callable[[_T], records.Record]) -> Answer:
    """The part of a list that the request asks for."""
    found = _in_order(call, found)
    skip = call.whole_number("skip", 0, 0)
    limit = call.whole_number("limit", _MAX_PAGE, 1)
    if limit > _MAX_PAGE and call.switches.limit_over_500 == "refused":
        raise call.refuse(f"must be at most {_MAX_PAGE}", "query", "limit")
    start = max(0, skip + call.shifted)
    total = max(0, len(found) - call.shifted)
    page = found[start : start + min(limit, _MAX_PAGE, call.switches.page_cap)]
    return _list_answer(call, name, page, total, show, f"{len(page)} of {total} from {skip}")


def _list_answer(
    call: Call, name: str, page: list[_T], total: int, show: typing.Callable[[_T], records.Record], note: str
) -> Answer:
    document: records.Record = {}
    if call.switches.count != "missing":
        counts = {"total": total, "page": len(page), "too_high": total + _MAX_PAGE}
        document["count"] = counts[call.switches.count]
    document[name] = [show(record) for record in page]
    return Answer(200, document, note=note)


# Projects


def _folded(text: str) -> str:
    return text.lower().replace("-", " ")


def _with_assets(call: Call, projects: list[Project]) -> list[Project]:
    """The projects whose scope has the assets that are asked for: a part of a name, or all of it as ^name$."""
    wanted = call.repeated.get("asset_name", [])
    if not wanted:
        return projects
    fold = str if call.flag("assets_match_case") else str.lower
    together = any if call.switches.asset_names_join == "or" else all

    def in_scope(name: str, scope: list[str]) -> bool:
        bare = fold(name.removeprefix("^").removesuffix("$"))
        for asset in map(fold, scope):
            at = asset.find(bare)
            starts = asset.startswith(bare) if name.startswith("^") else at >= 0
            ends = asset.endswith(bare) if name.endswith("$") else at >= 0
            exact = asset == bare if name.startswith("^") and name.endswith("$") else True
            if starts and ends and exact:
                return True
        return False

    return [project for project in projects if together(in_scope(name, project.scope) for name in wanted)]


def get_projects(world: World, call: Call) -> Answer:
    """Projects that the user has access to, with their histories."""
    projects = [project for project in world.projects.values() if call.key.sees([project.id])]
    name, code = call.parameters.get("name", "").lower(), call.parameters.get("code")
    if name:
        exact = call.switches.project_name_match == "exact"
        projects = [item for item in projects if (name == item.name.lower() if exact else name in item.name.lower())]
    if code is not None:
        projects = [item for item in projects if code.lower() == item.code.lower()]
    status = call.one_of("status", _PROJECT_STATUS)
    if status is not None:
        projects = [item for item in projects if _folded(item.status) == _folded(status)]
    projects = _with_assets(call, _between(call, projects))
    projects = _matching(call, "q", projects, fields.project_fields(world.switches))
    keys = records.KeyLists.of(call.repeated)
    return _page(call, "projects", projects, lambda item: records.project_record(world, item, keys, in_list=True))


def _between(call: Call, projects: list[Project]) -> list[Project]:
    """The projects whose test, or whose creation, is between startDate and endDate."""
    start, end = call.date_parameter("startDate"), call.date_parameter("endDate")
    window = call.switches.project_dates == "window"
    if start is not None:
        projects = [item for item in projects if (item.start if window else item.created) >= start]
    if end is not None:
        projects = [item for item in projects if (item.end if window else item.created) <= end]
    return projects


def get_projects_by_group(world: World, call: Call) -> Answer:
    """The projects of a group, all of them at once: no paging is documented."""
    group = access.group_of(world, call)
    projects = [item for item in world.projects.values() if group in item.groups and call.key.sees([item.id])]
    keys = records.KeyLists.of(call.repeated)
    note = f"{group.name}, {len(projects)} projects"

    def show(project: Project) -> records.Record:
        return records.project_record(world, project, keys, in_list=True)

    return _list_answer(call, "projects", _in_order(call, projects), len(projects), show, note)


def get_groups(world: World, call: Call) -> Answer:
    """The groups that the user is a member of, or, for an administrator who asks so, all."""
    everything = call.flag("allGroups")
    if everything and call.key.role != "admin":
        raise Refusal(int(call.switches.no_grant_code), "All groups are for administrators.")
    groups = [group for group in world.groups.values() if everything or access.is_member(call.key, group)]
    keys = records.KeyLists.of(call.repeated)
    note = f"{len(groups)} groups"
    return _list_answer(call, "groups", groups, len(groups), lambda group: records.group_record(group, keys), note)


def get_project(world: World, call: Call) -> Answer:
    """One project."""
    project = access.project_of(world, call)
    record = records.project_record(world, project, records.KeyLists.of(call.repeated))
    history.count_read(project)
    return Answer(200, _wrapped(call, "project", record), note=f"{project.name}, {len(project.rounds)} rounds")


# Findings


def _findings(world: World, call: Call, found: typing.Iterable[Finding]) -> Answer:
    """A list of findings under the parameters that all these methods share."""
    pending, only = call.flag("pendingVulnerabilities"), call.switches.pending_vulnerabilities == "only"
    findings = [item for item in found if item.hidden == pending or (pending and not only)]
    priority = call.one_of("priority", PRIORITIES)
    if priority is not None:
        findings = [item for item in findings if item.priority == priority]
    start, end = call.date_parameter("startDate"), call.date_parameter("endDate")
    if start is not None:
        findings = [item for item in findings if item.created >= start]
    if end is not None:
        findings = [item for item in findings if item.created <= end]
    if {"q", "q_vulnerability"} <= set(call.parameters):
        raise call.refuse("is the same as q_vulnerability: one of them", "query", "q")
    for name in ("q", "q_vulnerability"):
        findings = _matching(call, name, findings, fields.finding_fields(world.switches))
    findings = _matching(call, "q_writeup", findings, fields.writeup_fields(world.switches))
    keys = records.KeyLists.of(call.repeated, call.flag("altCustomFields"))

    def show(finding: Finding) -> records.Record:
        return records.finding_record(world, finding, keys, in_list=True)

    return _page(call, "vulnerabilities", findings, show)


def _visible(world: World, call: Call) -> typing.Iterator[Finding]:
    for finding in world.findings.values():
        if finding.exists and call.key.sees(finding.project_ids):
            yield finding


def get_project_vulnerabilities(world: World, call: Call) -> Answer:
    """The findings of one project."""
    return _findings(world, call, records.listed(access.project_of(world, call)))


def get_vulnerabilities(world: World, call: Call) -> Answer:
    """The findings of all projects that the user sees."""
    return _findings(world, call, _visible(world, call))


def get_vulnerabilities_by_asset(world: World, call: Call) -> Answer:
    """The findings on one asset."""
    name = call.parameters.get("name", "")
    if not name:
        raise call.refuse("is required", "query", "name")
    if call.switches.asset_match == "part":
        found = [item for item in _visible(world, call) if any(name in asset for asset in item.assets)]
    else:
        found = [item for item in _visible(world, call) if name in item.assets]
    return _findings(world, call, found)


def get_vulnerabilities_by_group(world: World, call: Call) -> Answer:
    """The findings of the projects of a group."""
    group = access.group_of(world, call)
    ids = {project.id for project in world.projects.values() if group in project.groups}
    return _findings(world, call, [item for item in _visible(world, call) if not ids.isdisjoint(item.project_ids)])


def get_vulnerability(world: World, call: Call) -> Answer:
    """One finding; a hidden one as the switch pending_vulnerability says."""
    finding = access.finding_of(world, call)
    pending, rule = call.flag("pending"), call.switches.pending_vulnerability
    if (rule != "ignored" and finding.hidden and not pending) or (rule == "only" and pending and not finding.hidden):
        raise not_found("Vulnerability")
    keys = records.KeyLists.of(call.repeated, call.flag("altCustomFields"))
    record = records.finding_record(world, finding, keys)
    return Answer(200, _wrapped(call, "vulnerability", record), note=f"{finding.alternate_id} is {finding.state}")


def get_revision_history(world: World, call: Call) -> Answer:
    """Who changed which field of a finding, and when."""
    finding = access.finding_of(world, call)
    rows = [records.revision_row(revision) for revision in finding.revisions]
    return Answer(200, {"revisionHistory": rows}, note=f"{len(rows)} revisions of {finding.alternate_id}")


HANDLERS: dict[str, typing.Callable[[World, Call], Answer]] = {
    "GetProjects": get_projects,
    "GetProjectById": get_project,
    "GetProjectsByGroup": get_projects_by_group,
    "GetGroups": get_groups,
    "GetProjectVulnerabilitiesById": get_project_vulnerabilities,
    "GetVulnerabilities": get_vulnerabilities,
    "GetVulnerabilitiesByAssetName": get_vulnerabilities_by_asset,
    "GetVulnerabilitiesByGroup": get_vulnerabilities_by_group,
    "GetVulnerabilityById": get_vulnerability,
    "GetVulnerabilityRevisionHistory": get_revision_history,
}
assert set(LISTS) <= set(HANDLERS)
