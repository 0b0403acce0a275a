# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""People who act in the web interface: testers and customers, for the control API. No switch restrains them.

An act is done at once, or is planned for the moment before or after a request of an API method, so that somebody can
act between two requests of a client.
"""

from __future__ import annotations

import dataclasses
import typing

from . import dates, records, seed
from .methods import NAMES
from .world import CANCELLED, COMPLETED, FIXED, TESTER, Finding, Project, Round, World

_BY = "act"
Values = dict[str, typing.Any]
_Act = typing.Callable[[World, Values], Values]


class ActError(ValueError):
    """Something that nobody can do."""


# Planned acts


@dataclasses.dataclass
class Planned:
    """An act for the moment ``when`` (before or after) a request of ``method``; ``skip`` such requests pass first.

    ``target`` is a text that the request's path has to hold, such as the id of a project.
    """

    values: Values
    when: str
    method: str
    target: str
    skip: int
    done: bool = False
    result: Values | None = None
    error: str | None = None

    def run(self, world: World) -> None:
        """Do it. What nobody can do at this moment is kept as ``error``."""
        self.done = True
        try:
            self.result = act(world, self.values)
        except ActError as error:
            self.error = str(error)

    def row(self) -> Values:
        """The plan as the control API shows it: ``skip`` is what is left."""
        left = {"skip": self.skip, "done": self.done, "result": self.result, "error": self.error}
        target = {"target": self.target} if self.target else {}
        return {**self.values, self.when: self.method, **target, **left}


class Plan:
    """The acts that wait for their moment, in the order in which they were planned."""

    def __init__(self) -> None:
        self.planned: list[Planned] = []

    def clear(self) -> None:
        """No more acts."""
        self.planned.clear()

    def add(self, values: Values) -> Planned | None:
        """Plan an act that has ``before`` or ``after``; None if it has neither and is to be done at once."""
        moments = [when for when in ("before", "after") if when in values]
        if not moments:
            return None
        _act_of(values)
        values = dict(values)
        method, skip, target = values.pop(moments[0]), values.pop("skip", 0), values.pop("target", "")
        if len(moments) > 1 or method not in (*NAMES, "*"):
            raise ActError(f"before or after: one of *, {', '.join(NAMES)} is expected")
        if not isinstance(skip, int) or isinstance(skip, bool) or skip < 0:
            raise ActError("skip: a whole number from 0 is expected")
        if not isinstance(target, str):
            raise ActError("target: a text is expected")
        self.planned.append(Planned(values, moments[0], method, target, skip))
        return self.planned[-1]

    def due(self, when: str, method: str, path: str) -> list[Planned]:
        """The acts for this moment. Each counts the requests that it lets pass."""
        found = []
        for planned in self.planned:
            if planned.done or planned.when != when or planned.method not in (method, "*"):
                continue
            if planned.target not in path:
                continue
            if planned.skip:
                planned.skip -= 1
            else:
                found.append(planned)
        return found


# Acts


def _act_of(values: typing.Any) -> _Act:
    if not isinstance(values, dict):
        raise ActError("an object is expected")
    name = values.get("do")
    if not isinstance(name, str) or name not in ACTS:
        raise ActError(f"do: {name!r} is not one of {', '.join(ACTS)}")
    return ACTS[name]


def act(world: World, values: typing.Any) -> Values:
    """Do what ``values`` says: {"do": ..., ...}. The result has what was touched."""
    do = _act_of(values)
    return do(world, {name: value for name, value in values.items() if name != "do"})


def _project(world: World, values: Values) -> Project:
    """The project that is named, or the first one."""
    wanted = values.pop("project_id", None)
    if wanted is None:
        return next(iter(world.projects.values()))
    if wanted not in world.projects:
        raise ActError(f"project_id: there is no project {wanted!r}")
    return world.projects[wanted]


def _findings(world: World, values: Values) -> list[Finding]:
    """The findings that ``ids`` (a list) or ``id`` name, by id or alternate id."""
    names = values.pop("ids", None) or [values.pop("id", None)]
    if not isinstance(names, list):
        raise ActError("ids: a list is expected")
    findings = []
    for name in names:
        finding = world.find(name) if isinstance(name, str) else None
        if finding is None:
            raise ActError(f"there is no finding {name!r}")
        findings.append(finding)
    return findings


def _text(values: Values, name: str, default: str | None = None) -> str:
    text = values.pop(name, default)
    if not isinstance(text, str) or not text:
        raise ActError(f"{name}: a text is expected")
    return text


def _open_round(world: World, project: Project, values: Values) -> Round:
    """The open round that ``round`` names, or the latest."""
    number = values.pop("round", None)
    found = [item for item in world.open_rounds(project) if number in (None, item.number)]
    if not found:
        raise ActError(f"there is no open round{'' if number is None else f' {number!r}'} in {project.code}")
    return found[-1]


def _nothing_else(values: Values) -> None:
    """Complain before anything is done."""
    if values:
        raise ActError(f"unknown key {', '.join(sorted(values))}")


def _for_each(change: typing.Callable[[World, Finding], None]) -> _Act:
    """An act on some findings that needs to know nothing else."""

    def do(world: World, values: Values) -> Values:
        findings = _findings(world, values)
        _nothing_else(values)
        for finding in findings:
            change(world, finding)
        return {"ids": [finding.id for finding in findings]}

    return do


def _close(world: World, values: Values) -> Values:
    """Close findings, for a reason."""
    findings = _findings(world, values)
    reason = _text(values, "reason", FIXED)
    _nothing_else(values)
    for finding in findings:
        world.set_state(finding, "closed", TESTER, _BY, reason)
    return {"ids": [finding.id for finding in findings]}


def _finish(status: str) -> _Act:
    def do(world: World, values: Values) -> Values:
        project = _project(world, values)
        round_ = _open_round(world, project, values)
        _nothing_else(values)
        world.finish_round(round_, status, TESTER, _BY)
        return {"project_id": project.id, "round": round_.number}

    return do


def _request_round(world: World, values: Values) -> Values:
    findings = _findings(world, values)
    project = _project(world, {"project_id": values.pop("project_id", findings[0].project_id)})
    if any(project.id not in finding.project_ids for finding in findings):
        raise ActError("the findings are of different projects")
    try:
        start = dates.parse_seed(values.pop("start", "now"), dates.now())
        end_text = values.pop("end", None)
        end = None if end_text is None else dates.parse_seed(end_text, dates.now())
    except (ValueError, TypeError) as error:
        raise ActError(str(error)) from None
    _nothing_else(values)
    round_ = world.request_round(project, [finding.id for finding in findings], start, end, TESTER, _BY)
    return {"project_id": project.id, "round": round_.number, "round_id": round_.id}


def _remove_from_round(world: World, values: Values) -> Values:
    """Take findings out of an open round, whatever their state."""
    findings = _findings(world, values)
    project = _project(world, {"project_id": values.pop("project_id", findings[0].project_id)})
    round_ = _open_round(world, project, values)
    _nothing_else(values)
    ids = [finding.id for finding in findings]
    if set(ids) - set(round_.scope):
        raise ActError(f"not all of these findings are in round {round_.number}")
    world.remove_from_round(round_, ids, TESTER, _BY)
    return {"project_id": project.id, "round": round_.number, "ids": ids}


def _add_finding(world: World, values: Values) -> Values:
    project = _project(world, values)
    if world.switches.new_findings == "pending":
        values.setdefault("hidden", True)
    try:
        finding = seed.new_finding(world, project, values, "finding")
    except seed.SeedError as error:
        raise ActError(str(error)) from None
    world.create_finding(finding, TESTER, _BY)
    return {"project_id": project.id, "id": finding.id, "alternate_id": finding.alternate_id}


def _add_note(world: World, values: Values) -> Values:
    findings = _findings(world, values)
    text = _text(values, "note")
    _nothing_else(values)
    notes = [world.add_note(finding, text, "PLAINTEXT", TESTER, _BY) for finding in findings]
    return {"notes": [records.note_row(note) for note in notes]}


def _link(world: World, values: Values) -> Values:
    """Show findings in one more project."""
    findings = _findings(world, values)
    project = _project(world, values)
    _nothing_else(values)
    for finding in findings:
        world.link(finding, project, TESTER, _BY)
    return {"project_id": project.id, "ids": [finding.id for finding in findings]}


# What people can do, by name.
ACTS: dict[str, _Act] = {
    "close": _close,
    "reopen": _for_each(lambda world, finding: world.set_state(finding, "open", TESTER, _BY)),
    "mark_ready": _for_each(lambda world, finding: world.set_state(finding, "retest", TESTER, _BY)),
    # Ready no more, without being retested: the mark was a mistake.
    "unready": _for_each(lambda world, finding: world.withdraw_ready(finding, TESTER, _BY)),
    "hide": _for_each(lambda world, finding: world.set_hidden(finding, True, TESTER, _BY)),
    "unhide": _for_each(lambda world, finding: world.set_hidden(finding, False, TESTER, _BY)),
    "delete": _for_each(lambda world, finding: world.delete_finding(finding, TESTER, _BY)),
    "link": _link,
    "request_round": _request_round,
    "remove_from_round": _remove_from_round,
    "complete_round": _finish(COMPLETED),
    "cancel_round": _finish(CANCELLED),
    "add_finding": _add_finding,
    "add_note": _add_note,
}
