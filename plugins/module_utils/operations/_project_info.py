# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""The operation of attackforge_project_info: find projects, and what a release needs to know of each."""

from __future__ import annotations

from typing import Any

from .._answers import ProjectRecord
from .._client import Client
from .._options import ProjectOptions
from .._search import select_projects


def run(options: ProjectOptions, client: Client, check_mode: bool) -> dict[str, Any]:
    """Select projects. Returns the keys of the result."""
    found = select_projects(client, options.projects)
    return {"changed": False, "projects": [_project_result(record) for record in found], "count": len(found)}


def _project_result(record: ProjectRecord) -> dict[str, Any]:
    project, retesting = record.project, record.project.retesting
    return {
        "id": project.id,
        "name": project.name,
        "code": project.code,
        "status": project.status,
        "on_hold": project.on_hold,
        "groups": list(project.groups),
        "assets": list(project.assets),
        "organization_code": project.organization_code,
        "retesting": {
            "enabled": retesting.enabled,
            "access_level": retesting.access_level,
            "roles": list(retesting.roles),
        },
        "open_rounds": None if record.history is None else [one.number for one in record.history.rounds if one.open],
    }
