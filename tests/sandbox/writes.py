# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API methods that write."""

from __future__ import annotations

import typing

from . import access, dates, records
from .answers import Answer, Detail, Refusal, conflict, invalid
from .calls import Call
from .world import CANCELLED, COMPLETED, PRIORITIES, REQUESTED, Finding, Project, World

_STATES = {"Open": "open", "Closed": "closed", "Retest": "retest"}
_NOTE_TYPES = ("PLAINTEXT", "RICHTEXT")
# What UpdateVulnerabilityById takes beside projectId and status. What stands for None is taken and not kept.
_KEPT: dict[str, tuple[type, str | None]] = {
    "title": (str, "title"),
    "priority": (str, "priority"),
    "tags": (list, "tags"),
    "likelihood_of_exploitation": (int, "likelihood"),
    "is_zeroday": (bool, "zero_day"),
    "custom_tags": (list, "custom_tags"),
    "custom_fields": (list, "custom_fields"),
    "asset_library_ids": (list, None),
    "affected_asset": (dict, None),
    "affected_assets": (list, "assets"),
    "created": (str, "created"),
    "description": (str, None),
    "attack_scenario": (str, None),
    "remediation_recommendation": (str, None),
    "steps_to_reproduce": (str, None),
    "cvssv4_vector": (str, None),
    "notes": (list, None),
    "linked_testcases": (list, None),
    "is_visible": (bool, None),
    "is_deleted": (bool, None),
}


def _fails(call: Call) -> bool:
    return bool(call.switches.status_text == "failure_2xx")


def _answer(call: Call, document: records.Record, note: str) -> Answer:
    return Answer(int(call.switches.write_code), document, note=note)


def _status(call: Call, text: str, note: str) -> Answer:
    return _answer(call, {"status": "" if call.switches.status_text == "empty" else text}, note)


# Findings


def update_vulnerability(world: World, call: Call) -> Answer:
    """Another status or other values of a finding."""
    finding = access.finding_of(world, call)
    body = call.body(projectId=str, status=str, **{name: kind for name, (kind, _kept) in _KEPT.items()})
    _check_project(call, body, finding, call.switches.project_id_in_put)
    _require_level_by_status(world, call, finding, body)
    values = _values(call, body)
    if _fails(call):
        return _answer(call, {"result": {"result": "Error: the vulnerability was not updated"}}, "nothing done")
    user = call.key.user
    if "status" in body:
        world.set_state(finding, _STATES[body["status"]], user, call.method.name)
    if values:
        world.update_finding(finding, values, user, call.method.name)
    if body.get("is_deleted"):
        world.delete_finding(finding, user, call.method.name)
    text = "" if call.switches.status_text == "empty" else "Vulnerability Updated"
    return _answer(call, {"result": {"result": text}}, f"{finding.alternate_id} -> {finding.state}")


def _values(call: Call, body: records.Record) -> records.Record:
    """The values of a body as a finding has them."""
    wrong = [*_wrong_words(body), *_wrong_rows(body)]
    if wrong:
        raise invalid(call.switches, wrong)
    values = {kept: body[name] for name, (_kind, kept) in _KEPT.items() if kept is not None and name in body}
    for name, label in (("custom_fields", "key"), ("custom_tags", "name")):
        if name in values:
            values[name] = {row[label]: str(row["value"]) for row in values[name]}
    if "affected_assets" in body:
        values["assets"] = [row["assetName"] for row in body["affected_assets"]]
    if "created" in body:
        values["created"] = call.instant(body, "created")
    if "is_visible" in body:
        values["hidden"] = not body["is_visible"]
    return values


def _wrong_words(body: records.Record) -> typing.Iterator[Detail]:
    for name, choices in (("status", tuple(_STATES)), ("priority", PRIORITIES)):
        if name in body and body[name] not in choices:
            yield Detail(("body", name), f"must be one of {', '.join(choices)}")
    if not 1 <= body.get("likelihood_of_exploitation", 1) <= 10:
        yield Detail(("body", "likelihood_of_exploitation"), "must be between 1 and 10")
    if not all(isinstance(tag, str) for tag in body.get("tags", ())):
        yield Detail(("body", "tags"), "must be an array of strings")


def _wrong_rows(body: records.Record) -> typing.Iterator[Detail]:
    """Arrays of objects: each object has its keys."""
    needed = {"custom_fields": ("key", "value"), "custom_tags": ("name", "value"), "affected_assets": ("assetName",)}
    for name, keys in needed.items():
        for place, row in enumerate(body.get(name, ())):
            if not isinstance(row, dict) or not isinstance(row.get(keys[0]), str) or set(keys) - set(row):
                yield Detail(("body", name, place), f"must have {' and '.join(keys)}")


def _require_level_by_status(world: World, call: Call, finding: Finding, body: records.Record) -> None:
    """To flag a finding ready or not ready for retest is for everybody; to close, reopen or change it is not."""
    if access.level_of(world, call) != "by_status":
        return
    only_status = not set(body) - {"projectId", "status"}
    flags = body.get("status") == "Retest" or (body.get("status") == "Open" and finding.state != "closed")
    if finding.state == "closed" or not (only_status and flags):
        access.require_level(world, call, finding.project_ids, "edit")


def _check_project(call: Call, body: records.Record, finding: Finding, rule: str) -> None:
    given = body.get("projectId")
    if rule == "required" and given is None:
        raise call.refuse("is required", "body", "projectId")
    if given is None:
        return
    if rule.startswith("refused"):
        detail = Detail(("body", "projectId"), "is not a key of this method")
        raise Refusal(422 if rule == "refused_422" else 400, "Unknown key 'projectId'.", [detail])
    if given.lower() not in finding.project_ids:
        raise call.refuse("must be a project of the vulnerability", "body", "projectId")


def _note_body(call: Call, finding: Finding) -> records.Record:
    """A note in a body."""
    body = call.body(projectId=str, note=str, note_type=str)
    _check_project(call, body, finding, call.switches.project_id_in_note)
    wrong = []
    if not body.get("note", "").strip():
        wrong.append(Detail(("body", "note"), "is required"))
    if body.get("note_type", "PLAINTEXT") not in _NOTE_TYPES:
        wrong.append(Detail(("body", "note_type"), f"must be one of {', '.join(_NOTE_TYPES)}"))
    if wrong:
        raise invalid(call.switches, wrong)
    return body


def create_note(world: World, call: Call) -> Answer:
    """A new remediation note."""
    finding = access.finding_of(world, call)
    body = _note_body(call, finding)
    if _fails(call):
        return _answer(call, {"status": "Error: the note was not created"}, "nothing done")
    note_type = body.get("note_type", "PLAINTEXT")
    note = world.add_note(finding, body["note"], note_type, call.key.user, call.method.name)
    row = {"id": note.id, "note": note.note, "note_html": records.note_html(note), "note_type": note.note_type}
    return _answer(call, {"note": row}, f"note on {finding.alternate_id}")


def update_note(world: World, call: Call) -> Answer:
    """Another text of a remediation note."""
    finding = access.finding_of(world, call)
    note = access.note_of(call, finding)
    body = _note_body(call, finding)
    if _fails(call):
        return _answer(call, {"status": "Error: the note was not updated"}, "nothing done")
    values: dict[str, str] = {name: body[name] for name in ("note", "note_type") if name in body}
    world.update_note(finding, note, values, call.key.user, call.method.name)
    return _status(call, "ok", f"note on {finding.alternate_id}")


# Rounds


def request_retest(world: World, call: Call) -> Answer:
    """A new round."""
    project = access.project_of(world, call)
    body = call.body(retesting_window_start=str, retesting_window_end=str, vulnerability_ids=list)
    _require_keys(call, body)
    start, end = call.instant(body, "retesting_window_start"), call.instant(body, "retesting_window_end")
    assert start is not None  # it is required
    if end is not None and end < start and call.switches.end_before_start == "refused":
        raise call.refuse("must be after retesting_window_start", "body", "retesting_window_end")
    if end is not None and end < dates.now() and call.switches.past_window_end == "refused":
        raise call.refuse("must be in the future", "body", "retesting_window_end")
    scope = _scope(world, call, project, body["vulnerability_ids"])
    text = f"Project retest requested for Project {project.id}"
    if _fails(call):
        return _answer(call, {"status": "Error: the retest could not be requested"}, "nothing done")
    round_ = world.request_round(project, scope, start, end, call.key.user, call.method.name)
    names = ", ".join(project.findings[item].alternate_id for item in scope[:4]) + (", ..." if len(scope) > 4 else "")
    return _status(call, text, f"round {round_.number}: {names or 'nothing'}")


def _require_keys(call: Call, body: records.Record) -> None:
    """What the body of a request must have."""
    wrong = []
    if "retesting_window_start" not in body:
        wrong.append(Detail(("body", "retesting_window_start"), "is required"))
    if not body.get("vulnerability_ids"):
        wrong.append(Detail(("body", "vulnerability_ids"), "is required"))
    for place, item in enumerate(body.get("vulnerability_ids", ())):
        if not isinstance(item, str):
            wrong.append(Detail(("body", "vulnerability_ids", place), "must be a string"))
    if wrong:
        raise invalid(call.switches, wrong)


def _scope(world: World, call: Call, project: Project, ids: list[str]) -> list[str]:
    """The ids that the new round will hold, under the switches; each once."""
    switches = call.switches
    held = {name for round_ in world.open_rounds(project) for name in round_.scope}
    scope: dict[str, None] = {}
    wrong = []
    for place, name in enumerate(ids):
        name = name.lower()
        finding = project.findings.get(name)
        path = ("body", "vulnerability_ids", place)
        if finding is None or not finding.exists:
            if switches.unknown_ids == "refused":
                wrong.append(Detail(path, f"Vulnerability {name:.40} is not in this project"))
        elif finding.state != "retest" and switches.not_ready_requests != "accepted":
            if switches.not_ready_requests == "refused":
                wrong.append(Detail(path, f"Vulnerability {name} is not ready for retest"))
        elif name in held and switches.overlapping_requests == "refused":
            raise conflict(f"Vulnerability {name} is in an open retest round.")
        else:
            scope[name] = None
    if wrong:
        raise invalid(switches, wrong)
    if switches.drop_last == "yes" and scope:
        scope.popitem()
    if switches.several_open_rounds == "refused" and world.open_rounds(project):
        raise conflict("The project has an open retest round.")
    return list(scope)


def cancel_round(world: World, call: Call) -> Answer:
    """The end of a round without a result."""
    return _finish(world, call, CANCELLED, "Project Retest Round Cancelled")


def complete_round(world: World, call: Call) -> Answer:
    """The end of a round."""
    return _finish(world, call, COMPLETED, "Project retest round marked as completed")


def _finish(world: World, call: Call, status: str, text: str) -> Answer:
    project = access.project_of(world, call)
    call.empty_body()
    round_ = access.round_of(call, project)
    if world.status_of(round_) != REQUESTED:
        again = call.switches.finished_round_again
        if again != "ok":
            raise Refusal(int(again), f"Retest round {round_.number} is not open.")
        return _status(call, text, f"round {round_.number} was finished already")
    untested = set(round_.scope) - set(round_.retested)
    if status == COMPLETED and untested and call.switches.complete_untested == "refused":
        raise Refusal(int(call.switches.invalid_code), "Not every vulnerability of the round was retested.")
    if _fails(call):
        return _answer(call, {"status": "Error: the retest round was not changed"}, "nothing done")
    world.finish_round(round_, status, call.key.user, call.method.name)
    return _status(call, text, f"round {round_.number} is {status}")


def update_round(world: World, call: Call) -> Answer:
    """The dates of a round."""
    project = access.project_of(world, call)
    body = call.body(requested_date=str, completed_date=str)
    values = {name: value for name in body if (value := call.instant(body, name)) is not None}
    round_ = access.round_of(call, project)
    if _fails(call):
        return _answer(call, {"status": "Error: the retest round was not updated"}, "nothing done")
    world.set_round_dates(round_, values, call.key.user, call.method.name)
    completes = "completed_date" in values and call.switches.completed_date == "completes"
    if completes and world.status_of(round_) == REQUESTED:
        world.finish_round(round_, COMPLETED, call.key.user, call.method.name)
    return _status(call, "Project Retest Round Updated", f"round {round_.number}: {', '.join(values) or 'nothing'}")


HANDLERS: dict[str, typing.Callable[[World, Call], Answer]] = {
    "UpdateVulnerabilityById": update_vulnerability,
    "CreateRemediationNote": create_note,
    "UpdateRemediationNote": update_note,
    "RequestNewProjectRetest": request_retest,
    "CancelProjectRetestRound": cancel_round,
    "CompleteProjectRetestRound": complete_round,
    "UpdateProjectRetestRound": update_round,
}
