# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Projects: what people know a project by, which one a name means, and which ones are selected.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ._errors import StateError
from ._vulnerabilities import folded, has_any

_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")
_SHOWN = 20  # projects that a message lists


class Retesting(NamedTuple):
    """What a project asks of who requests a retest. None where the record does not say it."""

    enabled: bool | None = None
    access_level: str | None = None  # the lowest one that may: View, Upload or Edit
    roles: tuple[str, ...] = ()


class Project(NamedTuple):
    """A project of the tenant."""

    id: str
    name: str | None = None
    code: str | None = None
    status: str | None = None
    on_hold: bool | None = None
    groups: tuple[str, ...] = ()  # names
    assets: tuple[str, ...] = ()  # names of the project's scope
    organization_code: str | None = None
    retesting: Retesting = Retesting()

    @property
    def label(self) -> str:
        """The project for people: ``SHOP, Web shop (66333e1d110ab5acf8a4354e)``."""
        known = ", ".join(text for text in (self.code, self.name) if text)
        return f"{known} ({self.id})" if known else self.id


class ProjectSelection(NamedTuple):
    """Which projects are meant. Conditions are joined by and, the values within one by or; an empty one
    always holds."""

    ids: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    name: str | None = None  # a regular expression, searched for anywhere in the name
    groups: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    query: str | None = None  # the service's own language, evaluated by the service alone

    @property
    def empty(self) -> bool:
        """Whether it means every project."""
        return not any(self)

    def matches(self, project: Project) -> bool:
        """Whether a project is meant, but for `query`."""
        return (
            (not self.ids or project.id in self.ids)
            and has_any(self.codes, [project.code])
            and has_any(self.names, [project.name])
            and (not self.name or bool(re.search(self.name, project.name or "")))
            and has_any(self.groups, project.groups)
            and has_any(map(_spaced, self.statuses), [_spaced(project.status or "")])
            and has_any(self.assets, project.assets)
        )

    def unseen(self, projects: Iterable[Project]) -> list[str]:
        """The ids, codes and names in it that none of these projects has."""
        projects = list(projects)
        pairs = ((self.ids, "id"), (self.codes, "code"), (self.names, "name"))
        return [
            wanted
            for names, field in pairs
            for wanted in names
            if folded(wanted) not in {folded(getattr(project, field)) for project in projects}
        ]


def _spaced(status: str) -> str:
    """A status as a query writes it: Waiting to Start. As a parameter it is Waiting-to-Start."""
    return status.replace("-", " ")


def is_object_id(text: str) -> bool:
    """Whether a text is an id of AttackForge: 24 hexadecimal digits."""
    return _OBJECT_ID.fullmatch(text) is not None


def named(reference: str, projects: Iterable[Project]) -> list[Project]:
    """The projects with this code, or else with exactly this name, in any letter case."""
    projects = list(projects)
    by_code = [project for project in projects if folded(project.code) == folded(reference)]
    return by_code or [project for project in projects if folded(project.name) == folded(reference)]


def the_one(reference: str, found: list[Project], others: Iterable[Project]) -> Project:
    """The project that a name means. Raises StateError where none or several fit, and lists what there is."""
    if len(found) == 1:
        return found[0]
    if found:
        raise StateError(
            f"project_id: {reference!r} fits {len(found)} projects: {_listed(found)}. Give the id of the one that is "
            "meant."
        )
    others = list(others)
    raise StateError(
        f"project_id: no project that this key can see has the code or the name {reference!r}. "
        + (f"There are: {_listed(others)}." if others else "It can see no project at all.")
    )


def _listed(projects: list[Project]) -> str:
    more = len(projects) - _SHOWN
    return "; ".join(project.label for project in projects[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
