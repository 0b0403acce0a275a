# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API's methods: their names, paths and documented query parameters, and the project access that each needs."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Method:
    """One API method.

    ``access`` is "view", "edit", or the name of the switch that says which. ``parameters`` may stand once in a query,
    ``repeated`` ones several times. ``retests`` is for what project_features.retesting restricts, ``names_project`` for
    what says in its body of which project a finding is.
    """

    name: str
    http: str
    path: str
    access: str = "view"
    parameters: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    retests: bool = False
    names_project: bool = False


def _key_lists(*prefixes: str) -> tuple[str, ...]:
    return tuple(f"{prefix}cf_key_{which}" for prefix in prefixes for which in ("allowlist", "blocklist"))


_OF_FINDINGS = ("skip", "limit", "startDate", "endDate", "priority", "altCustomFields", "q", "pendingVulnerabilities")
_KEYS_OF_FINDINGS = _key_lists("asset_", "project_", "vulnerability_", "writeup_")
_OF_PROJECTS = ("skip", "limit", "name", "code", "status", "startDate", "endDate", "assets_match_case", "q")
_KEYS_OF_PROJECT = _key_lists("project_", "project_reporting_", "project_summary_")

# A path that is part of another one comes before it.
TABLE = (
    Method("GetProjects", "GET", "/projects", "view", _OF_PROJECTS, ("asset_name", *_key_lists(""))),
    Method("GetProjectById", "GET", "/project/{id}", "view", (), _KEYS_OF_PROJECT),
    Method("GetProjectsByGroup", "GET", "/groups/{id}/projects", "view", (), _key_lists("")),
    Method("GetGroups", "GET", "/groups", "view", ("allGroups",), _key_lists("")),
    Method(
        "GetProjectVulnerabilitiesById", "GET", "/project/{id}/vulnerabilities", "view", _OF_FINDINGS, _KEYS_OF_FINDINGS
    ),
    Method(
        "GetVulnerabilities",
        "GET",
        "/vulnerabilities",
        "view",
        (*_OF_FINDINGS, "q_vulnerability", "q_writeup"),
        _KEYS_OF_FINDINGS,
    ),
    Method(
        "GetVulnerabilitiesByAssetName",
        "GET",
        "/vulnerabilities/asset",
        "view",
        ("name", *_OF_FINDINGS),
        _KEYS_OF_FINDINGS,
    ),
    Method("GetVulnerabilitiesByGroup", "GET", "/groups/{id}/vulnerabilities", "view", _OF_FINDINGS, _KEYS_OF_FINDINGS),
    Method(
        "GetVulnerabilityById", "GET", "/vulnerability/{id}", "view", ("altCustomFields", "pending"), _KEYS_OF_FINDINGS
    ),
    Method("GetVulnerabilityRevisionHistory", "GET", "/vulnerability/{id}/revision-history", "edit"),
    Method("UpdateVulnerabilityById", "PUT", "/vulnerability/{id}", "update_vulnerability_access", names_project=True),
    Method("CreateRemediationNote", "POST", "/vulnerability/{id}/remediationNote", names_project=True),
    Method(
        "UpdateRemediationNote",
        "PUT",
        "/vulnerability/{id}/remediationNote/{note}",
        "update_note_access",
        names_project=True,
    ),
    Method("RequestNewProjectRetest", "POST", "/project/{id}/retest/request", "request_access", retests=True),
    Method("CancelProjectRetestRound", "POST", "/project/{id}/retest/{round}/cancel", "edit", retests=True),
    Method("CompleteProjectRetestRound", "POST", "/project/{id}/retest/{round}/complete", "edit", retests=True),
    Method("UpdateProjectRetestRound", "PUT", "/project/{id}/retest/{round}", "update_round_access", retests=True),
)
NAMES = tuple(method.name for method in TABLE)
BY_NAME = {method.name: method for method in TABLE}
# The reads whose answer is a list of records.
LISTS = (
    "GetProjects",
    "GetProjectsByGroup",
    "GetProjectVulnerabilitiesById",
    "GetVulnerabilities",
    "GetVulnerabilitiesByAssetName",
    "GetVulnerabilitiesByGroup",
    "GetGroups",
)
