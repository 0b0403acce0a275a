# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API's methods: their names, their paths, and the project access that each needs."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Method:
    """One API method. ``access`` is "view", "edit", or the name of the switch that says which."""

    name: str
    http: str
    path: str
    access: str = "view"


TABLE = (
    Method("GetProjects", "GET", "/projects"),
    Method("GetProjectById", "GET", "/project/{id}"),
    Method("GetProjectVulnerabilitiesById", "GET", "/project/{id}/vulnerabilities"),
    Method("GetVulnerabilityById", "GET", "/vulnerability/{id}"),
    Method("UpdateVulnerabilityById", "PUT", "/vulnerability/{id}", "update_vulnerability_access"),
    Method("CreateRemediationNote", "POST", "/vulnerability/{id}/remediationNote"),
    Method("RequestNewProjectRetest", "POST", "/project/{id}/retest/request", "request_access"),
    Method("CancelProjectRetestRound", "POST", "/project/{id}/retest/{round}/cancel", "edit"),
    Method("CompleteProjectRetestRound", "POST", "/project/{id}/retest/{round}/complete", "edit"),
    Method("UpdateProjectRetestRound", "PUT", "/project/{id}/retest/{round}", "update_round_access"),
)
NAMES = tuple(method.name for method in TABLE)
