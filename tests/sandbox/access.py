# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may do what: grants of methods, access levels in projects, and what a project says of its retesting."""

from __future__ import annotations

from .answers import Refusal, no_access, no_grant, no_retesting, not_found, not_visible
from .calls import Call
from .switches import LEVELS
from .world import Finding, Group, Key, Note, Project, Round, World


def require_grant(world: World, key: Key, method: str) -> None:
    """An administrator has granted this method to this key."""
    if key.grants is not None and method not in key.grants:
        raise no_grant(world.switches, method)


def require_level(world: World, call: Call, project_ids: list[str], level: str) -> None:
    """The user's access to one of these projects is enough."""
    needed = LEVELS.index(level)
    if not any(call.key.sees([name]) and call.key.level(name) >= needed for name in project_ids):
        raise no_access(world.switches, level)


def level_of(world: World, call: Call) -> str:
    """The access that the method needs: as documented, or as a switch says. "by_status" is decided by the method."""
    access = call.method.access
    return access if access in LEVELS else str(getattr(world.switches, access))


def project_of(world: World, call: Call) -> Project:
    """The project of the path, if the user may do to it what the method does."""
    project = world.projects.get(call.path["id"].lower())
    if project is None:
        raise not_found("Project")
    if not call.key.sees([project.id]):
        raise not_visible(world.switches)
    require_level(world, call, [project.id], level_of(world, call))
    if call.method.retests:
        _require_retesting(world, call, project)
    return project


def _require_retesting(world: World, call: Call, project: Project) -> None:
    """project_features.retesting: the lowest level of access, and the roles of users."""
    if not project.retesting["enabled"]:
        raise Refusal(int(world.switches.invalid_code), "Retesting is not enabled for this project.")
    access = project.retesting["access"]
    if call.key.level(project.id) < LEVELS.index(access["project_access_level"].lower()):
        raise no_retesting(world.switches, f"users below {access['project_access_level']} access")
    if call.key.role != "admin" and call.key.role not in access["roles"]:
        raise no_retesting(world.switches, f"the role {call.key.role}")


def finding_of(world: World, call: Call) -> Finding:
    """The finding of the path, likewise."""
    finding = world.findings.get(call.path["id"].lower())
    if finding is None or not finding.exists or not call.key.sees(finding.project_ids):
        raise not_found("Vulnerability")
    level = level_of(world, call)
    if level in LEVELS:
        require_level(world, call, finding.project_ids, level)
    return finding


def round_of(call: Call, project: Project) -> Round:
    """The round of the path. Where a number was given again, it is the last round that has it."""
    text = call.path["round"]
    if not (text.isascii() and text.isdigit()):
        raise call.refuse("must be a number", "params", "retestRoundNumber")
    for round_ in reversed(project.rounds):
        if round_.number == int(text[:12]):
            return round_
    raise not_found("Retest round")


def note_of(call: Call, finding: Finding) -> Note:
    """The remediation note of the path."""
    for note in finding.notes:
        if note.id == call.path["note"].lower():
            return note
    raise not_found("Remediation note")


def group_of(world: World, call: Call) -> Group:
    """The group of the path, if the user is a member of it."""
    group = world.groups.get(call.path["id"].lower())
    if group is None:
        raise not_found("Group")
    if not is_member(call.key, group):
        raise not_visible(world.switches)
    return group


def is_member(key: Key, group: Group) -> bool:
    """Whether the key's user is a member of a group."""
    return key.groups is None or group.id in key.groups
