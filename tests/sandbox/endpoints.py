# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ten API methods: each takes a call and gives an answer, at once and without I/O, so each is atomic."""

from __future__ import annotations

import typing

from . import dates, views
from .answers import Answer, Refusal, conflict, no_access, no_grant, not_found, not_visible
from .calls import Call
from .methods import TABLE, Method
from .query import Field, QueryError, compile_query, search
from .world import CANCELLED, COMPLETED, PRIORITIES, REQUESTED, Finding, Project, Round, World

_MAX_PAGE = 500


def perform(world: World, method: Method, call: Call) -> Answer:
    """Carry out one call: the grants first, then the method itself."""
    if call.key.grants is not None and method.name not in call.key.grants:
        raise no_grant(world.switches, method.name)
    if world.switches.connection_close == "required" and call.headers.get("connection", "").lower() != "close":
        raise call.refuse("The header Connection: close is missing.")
    return _HANDLERS[method.name](world, call)


def _visible(call: Call, project_id: str) -> bool:
    return call.key.projects is None or project_id in call.key.projects


def _project(world: World, call: Call, name: str) -> Project:
    """The project of the path, if the key may see it and has the access that the method needs."""
    project = world.projects.get(call.path["id"].lower())
    if project is None:
        raise not_found("Project")
    if not _visible(call, project.id):
        raise not_visible(world.switches)
    _require_access(world, call, name)
    return project


def _finding(world: World, call: Call, name: str) -> Finding:
    """The finding of the path, likewise."""
    finding = world.findings.get(call.path["id"].lower())
    if finding is None or not _visible(call, finding.project_id):
        raise not_found("Vulnerability")
    _require_access(world, call, name)
    return finding


def _require_access(world: World, call: Call, name: str) -> None:
    access = next(method.access for method in TABLE if method.name == name)
    if access not in ("view", "edit"):
        access = getattr(world.switches, access)
    if access == "edit" and call.key.access != "edit":
        raise no_access(world.switches, access)


def _round(call: Call, project: Project) -> Round:
    """The round of the path. Where a number was given again, it is the last round that has it."""
    text = call.path["round"]
    if not (text.isascii() and text.isdigit()):
        raise call.refuse("The round must be a number.")
    for round_ in reversed(project.rounds):
        if round_.number == int(text[:12]):
            return round_
    raise not_found("Retest round")


# Reading


def _get_projects(world: World, call: Call) -> Answer:
    parameters = call.parameters("skip", "limit", "name", "code", "status", "q")
    projects = [project for project in world.projects.values() if _visible(call, project.id)]
    if "name" in parameters:
        projects = [item for item in projects if parameters["name"].lower() in item.name.lower()]
    if "code" in parameters:
        projects = [item for item in projects if parameters["code"].lower() == item.code.lower()]
    if "status" in parameters:
        projects = [item for item in projects if parameters["status"].lower() == item.status.lower()]
    projects = _matching(call, parameters, projects, views.project_fields(world.switches))
    return _page(call, parameters, projects, "projects", lambda project: views.project_record(world, project))


def _get_project(world: World, call: Call) -> Answer:
    call.parameters()
    project = _project(world, call, "GetProjectById")
    record = views.project_record(world, project)
    views.count_read(project)
    note = f"{project.name}, {len(project.rounds)} rounds"
    return Answer(200, _wrapped(call, "project", record), note=note)


def _get_vulnerabilities(world: World, call: Call) -> Answer:
    parameters = call.parameters("skip", "limit", "priority", "q", "pendingVulnerabilities", "startDate", "endDate")
    project = _project(world, call, "GetProjectVulnerabilitiesById")
    pending = parameters.get("pendingVulnerabilities", "false").lower()
    if pending not in ("true", "false"):
        raise call.refuse("pendingVulnerabilities must be true or false.")
    findings = list(project.findings.values())
    if pending == "false":
        findings = [finding for finding in findings if not finding.hidden]
    elif world.switches.pending_vulnerabilities == "only":
        findings = [finding for finding in findings if finding.hidden]
    if "priority" in parameters:
        if parameters["priority"] not in PRIORITIES:
            raise call.refuse(f"priority must be one of {', '.join(PRIORITIES)}.")
        findings = [finding for finding in findings if finding.priority == parameters["priority"]]
    start, end = call.date_parameter(parameters, "startDate"), call.date_parameter(parameters, "endDate")
    if start is not None:
        findings = [finding for finding in findings if finding.created >= start]
    if end is not None:
        findings = [finding for finding in findings if finding.created <= end]
    findings = _matching(call, parameters, findings, views.finding_fields(world.switches))
    return _page(call, parameters, findings, "vulnerabilities", lambda item: views.finding_record(world, item))


def _get_vulnerability(world: World, call: Call) -> Answer:
    call.parameters()
    finding = _finding(world, call, "GetVulnerabilityById")
    record = views.finding_record(world, finding)
    return Answer(200, _wrapped(call, "vulnerability", record), note=f"{finding.alternate_id} is {finding.state}")


def _wrapped(call: Call, name: str, record: dict[str, typing.Any]) -> dict[str, typing.Any]:
    return {name: record} if call.switches.wrapped == "yes" else record


def _matching(call: Call, parameters: dict[str, str], records: list, fields: dict[str, Field]) -> list:
    """The records that q lets through."""
    support = call.switches.q_support
    if "q" not in parameters or support == "ignored":
        return records
    if support == "refused":
        raise Refusal(400, "q is not supported.")
    try:
        return search(records, compile_query(parameters["q"], fields))
    except QueryError as error:
        raise call.refuse(f"q: {error}") from None


def _page(
    call: Call,
    parameters: dict[str, str],
    records: list,
    name: str,
    show: typing.Callable[[typing.Any], dict[str, typing.Any]],
) -> Answer:
    skip = call.whole_number(parameters, "skip", 0, 0)
    limit = call.whole_number(parameters, "limit", _MAX_PAGE, 1)
    if limit > _MAX_PAGE and call.switches.limit_over_500 == "refused":
        raise call.refuse(f"limit may be at most {_MAX_PAGE}.")
    page = records[skip : skip + min(limit, _MAX_PAGE, call.switches.page_cap)]
    document: dict[str, typing.Any] = {}
    if call.switches.count != "missing":
        total = {"total": len(records), "page": len(page), "too_high": len(records) + _MAX_PAGE}
        document["count"] = total[call.switches.count]
    document[name] = [show(record) for record in page]
    return Answer(200, document, note=f"{len(page)} of {len(records)} from {skip}")


# Findings


def _update_vulnerability(world: World, call: Call) -> Answer:
    finding = _finding(world, call, "UpdateVulnerabilityById")
    body = call.body(projectId=str, status=str)
    _check_project_id(call, body, finding, call.switches.project_id_in_put)
    if "status" not in body:
        raise call.refuse("status is required.")
    states = {"Open": "open", "Closed": "closed", "Retest": "retest"}
    if body["status"] not in states:
        raise call.refuse("status must be one of Open, Closed, Retest.")
    if call.switches.status_text == "failure_2xx":
        return _write_answer(call, {"result": {"result": "Error: the vulnerability was not updated"}}, "nothing done")
    world.set_state(finding, states[body["status"]], call.key.user, "UpdateVulnerabilityById")
    text = "" if call.switches.status_text == "empty" else "Vulnerability Updated"
    return _write_answer(call, {"result": {"result": text}}, f"{finding.alternate_id} -> {finding.state}")


def _create_note(world: World, call: Call) -> Answer:
    finding = _finding(world, call, "CreateRemediationNote")
    body = call.body(projectId=str, note=str, note_type=str)
    _check_project_id(call, body, finding, call.switches.project_id_in_note)
    if not body.get("note", "").strip():
        raise call.refuse("note is required.")
    note_type = body.get("note_type", "PLAINTEXT")
    if note_type not in ("PLAINTEXT", "RICHTEXT"):
        raise call.refuse("note_type must be PLAINTEXT or RICHTEXT.")
    if call.switches.status_text == "failure_2xx":
        return _write_answer(call, {"status": "Error: the note was not created"}, "nothing done")
    note = world.add_note(finding, body["note"], note_type, call.key.user, "CreateRemediationNote")
    row = {"id": note.id, "note": note.note, "note_html": views.note_html(note), "note_type": note.note_type}
    return _write_answer(call, {"note": row}, f"note on {finding.alternate_id}")


def _check_project_id(call: Call, body: dict[str, typing.Any], finding: Finding, rule: str) -> None:
    given = body.get("projectId")
    if rule == "required" and given is None:
        raise call.refuse("projectId is required.")
    if given is None:
        return
    if rule.startswith("refused"):
        raise Refusal(422 if rule == "refused_422" else 400, "Unknown key 'projectId'.")
    if given.lower() != finding.project_id:
        raise call.refuse("The vulnerability is not in this project.")


# Rounds


def _request_retest(world: World, call: Call) -> Answer:
    project = _project(world, call, "RequestNewProjectRetest")
    body = call.body(retesting_window_start=str, retesting_window_end=str, vulnerability_ids=list)
    start, end = call.instant(body, "retesting_window_start"), call.instant(body, "retesting_window_end")
    if start is None:
        raise call.refuse("retesting_window_start is required.")
    if not body.get("vulnerability_ids"):
        raise call.refuse("vulnerability_ids is required.")
    if not all(isinstance(item, str) for item in body["vulnerability_ids"]):
        raise call.refuse("vulnerability_ids must be strings.")
    if end is not None and end < start and call.switches.end_before_start == "refused":
        raise call.refuse("The window ends before it starts.")
    if end is not None and end < dates.now() and call.switches.past_window_end == "refused":
        raise call.refuse("The window is over.")
    if not project.retesting["enabled"]:
        raise call.refuse("Retesting is not enabled for this project.")
    scope = _scope(world, call, project, body["vulnerability_ids"])
    text = f"Project retest requested for Project {project.id}"
    if call.switches.status_text == "failure_2xx":
        return _write_answer(call, {"status": "Error: the retest could not be requested"}, "nothing done")
    round_ = world.request_round(project, scope, start, end, call.key.user, "RequestNewProjectRetest")
    names = ", ".join(project.findings[item].alternate_id for item in scope[:4]) + (", ..." if len(scope) > 4 else "")
    return _status(call, text, f"round {round_.number}: {names or 'nothing'}")


def _scope(world: World, call: Call, project: Project, ids: list[str]) -> list[str]:
    """The ids that the new round will hold, under the switches; each once."""
    switches = call.switches
    held = {name for round_ in world.open_rounds(project) for name in round_.scope}
    scope = []
    for name in dict.fromkeys(item.lower() for item in ids):
        finding = project.findings.get(name)
        if finding is None:
            if switches.unknown_ids == "refused":
                raise call.refuse(f"Vulnerability {name:.40} is not in this project.")
            continue
        if finding.state != "retest" and switches.not_ready_requests != "accepted":
            if switches.not_ready_requests == "refused":
                raise call.refuse(f"Vulnerability {name} is not ready for retest.")
            continue
        if name in held and switches.overlapping_requests == "refused":
            raise conflict(f"Vulnerability {name} is in an open retest round.")
        scope.append(name)
    if switches.drop_last == "yes":
        scope = scope[:-1]
    if switches.several_open_rounds == "refused" and world.open_rounds(project):
        raise conflict("The project has an open retest round.")
    return scope


def _cancel_round(world: World, call: Call) -> Answer:
    return _finish(world, call, "CancelProjectRetestRound", CANCELLED, "Project Retest Round Cancelled")


def _complete_round(world: World, call: Call) -> Answer:
    text = "Project retest round marked as completed"
    return _finish(world, call, "CompleteProjectRetestRound", COMPLETED, text)


def _finish(world: World, call: Call, method: str, status: str, text: str) -> Answer:
    project = _project(world, call, method)
    call.empty_body()
    round_ = _round(call, project)
    if world.status_of(round_) != REQUESTED:
        again = call.switches.finished_round_again
        if again != "ok":
            raise Refusal(int(again), f"Retest round {round_.number} is not open.")
        return _status(call, text, f"round {round_.number} was finished already")
    if status == COMPLETED and call.switches.complete_untested == "refused":
        if set(round_.scope) - set(round_.retested):
            raise call.refuse("Not every vulnerability of the round was retested.")
    if call.switches.status_text == "failure_2xx":
        return _write_answer(call, {"status": "Error: the retest round was not changed"}, "nothing done")
    world.finish_round(round_, status, call.key.user, method)
    return _status(call, text, f"round {round_.number} is {status}")


def _update_round(world: World, call: Call) -> Answer:
    project = _project(world, call, "UpdateProjectRetestRound")
    body = call.body(requested_date=str, completed_date=str)
    values = {name: call.instant(body, name) for name in body}
    round_ = _round(call, project)
    if call.switches.status_text == "failure_2xx":
        return _write_answer(call, {"status": "Error: the retest round was not updated"}, "nothing done")
    world.note_dates(round_, values, call.key.user, "UpdateProjectRetestRound")
    completes = "completed_date" in values and call.switches.completed_date == "completes"
    if completes and world.status_of(round_) == REQUESTED:
        world.finish_round(round_, COMPLETED, call.key.user, "UpdateProjectRetestRound")
    return _status(call, "Project Retest Round Updated", f"round {round_.number}: {', '.join(values) or 'nothing'}")


def _status(call: Call, text: str, note: str) -> Answer:
    return _write_answer(call, {"status": "" if call.switches.status_text == "empty" else text}, note)


def _write_answer(call: Call, document: dict[str, typing.Any], note: str) -> Answer:
    return Answer(int(call.switches.write_code), document, note=note)


_HANDLERS: dict[str, typing.Callable[[World, Call], Answer]] = {
    "GetProjects": _get_projects,
    "GetProjectById": _get_project,
    "GetProjectVulnerabilitiesById": _get_vulnerabilities,
    "GetVulnerabilityById": _get_vulnerability,
    "UpdateVulnerabilityById": _update_vulnerability,
    "CreateRemediationNote": _create_note,
    "RequestNewProjectRetest": _request_retest,
    "CancelProjectRetestRound": _cancel_round,
    "CompleteProjectRetestRound": _complete_round,
    "UpdateProjectRetestRound": _update_round,
}
