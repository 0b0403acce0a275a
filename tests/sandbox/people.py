# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""People who act in the web interface: testers and customers, for the control API. No switch restrains them."""

from __future__ import annotations

import typing

from . import dates, seed, views
from .world import CANCELLED, COMPLETED, TESTER, Finding, Project, Round, World

_BY = "act"


class ActError(ValueError):
    """Something that nobody can do."""


def act(world: World, deed: typing.Any) -> dict[str, typing.Any]:
    """Do what ``deed`` says: {"do": ..., ...}. The result has what was touched."""
    if not isinstance(deed, dict):
        raise ActError("an object is expected")
    values = dict(deed)
    name = values.pop("do", None)
    if not isinstance(name, str) or name not in _ACTS:
        raise ActError(f"do: {name!r} is not one of {', '.join(_ACTS)}")
    return _ACTS[name](world, values)


def _project(world: World, values: dict[str, typing.Any]) -> Project:
    """The project that is named, or the first one."""
    name = values.pop("project_id", None)
    if name is None:
        return next(iter(world.projects.values()))
    if name not in world.projects:
        raise ActError(f"project_id: there is no project {name!r}")
    return world.projects[name]


def _findings(world: World, values: dict[str, typing.Any]) -> list[Finding]:
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


def _set_state(state: str) -> typing.Callable[[World, dict], dict]:
    def do(world: World, values: dict[str, typing.Any]) -> dict[str, typing.Any]:
        findings = _findings(world, values)
        _nothing_else(values)
        for finding in findings:
            world.set_state(finding, state, TESTER, _BY)
        return {"ids": [finding.id for finding in findings]}

    return do


def _unready(world: World, values: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """Ready no more, without being retested: the mark was a mistake."""
    findings = _findings(world, values)
    _nothing_else(values)
    for finding in findings:
        world.withdraw_ready(finding, TESTER, _BY)
    return {"ids": [finding.id for finding in findings]}


def _set_hidden(hidden: bool) -> typing.Callable[[World, dict], dict]:
    def do(world: World, values: dict[str, typing.Any]) -> dict[str, typing.Any]:
        findings = _findings(world, values)
        _nothing_else(values)
        for finding in findings:
            world.set_hidden(finding, hidden, TESTER, _BY)
        return {"ids": [finding.id for finding in findings]}

    return do


def _finish(status: str) -> typing.Callable[[World, dict], dict]:
    def do(world: World, values: dict[str, typing.Any]) -> dict[str, typing.Any]:
        project = _project(world, values)
        number = values.pop("round", None)
        _nothing_else(values)
        found: list[Round] = [item for item in world.open_rounds(project) if number in (None, item.number)]
        if not found:
            raise ActError(f"there is no open round{'' if number is None else f' {number!r}'} in {project.code}")
        world.finish_round(found[-1], status, TESTER, _BY)
        return {"project_id": project.id, "round": found[-1].number}

    return do


def _request_round(world: World, values: dict[str, typing.Any]) -> dict[str, typing.Any]:
    findings = _findings(world, values)
    project = world.projects[findings[0].project_id]
    if any(finding.project_id != project.id for finding in findings):
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


def _add_finding(world: World, values: dict[str, typing.Any]) -> dict[str, typing.Any]:
    project = _project(world, values)
    try:
        finding = seed.new_finding(world, project, values, "finding")
    except seed.SeedError as error:
        raise ActError(str(error)) from None
    world.create_finding(finding, TESTER, _BY)
    return {"project_id": project.id, "id": finding.id, "alternate_id": finding.alternate_id}


def _add_note(world: World, values: dict[str, typing.Any]) -> dict[str, typing.Any]:
    findings = _findings(world, values)
    text = values.pop("note", None)
    _nothing_else(values)
    if not isinstance(text, str) or not text:
        raise ActError("note: a text is expected")
    notes = [world.add_note(finding, text, "PLAINTEXT", TESTER, _BY) for finding in findings]
    return {"notes": [views.note_row(note) for note in notes]}


def _nothing_else(values: dict[str, typing.Any]) -> None:
    """Complain before anything is done."""
    if values:
        raise ActError(f"unknown key {', '.join(sorted(values))}")


_ACTS: dict[str, typing.Callable[[World, dict], dict]] = {
    "close": _set_state("closed"),
    "reopen": _set_state("open"),
    "mark_ready": _set_state("retest"),
    "unready": _unready,
    "hide": _set_hidden(True),
    "unhide": _set_hidden(False),
    "complete_round": _finish(COMPLETED),
    "cancel_round": _finish(CANCELLED),
    "request_round": _request_round,
    "add_finding": _add_finding,
    "add_note": _add_note,
}
