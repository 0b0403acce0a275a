# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pyattackforge from the package index takes the sandbox for AttackForge: reads, status, notes.

The client was written against live tenants and knows nothing of the sandbox, so these tests say that the sandbox speaks
as the service does, and not only as the collection expects.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyattackforge import AttackForgeClient
from pyattackforge.exceptions import APIError

from tests.sandbox.control import Sandbox

READY, OPEN, HIDDEN = "6639508f50523053f459d29f", "6639508f50523053f459d2a3", "6639508f50523053f459d2aa"


@pytest.fixture(name="client")
def fixture_client(sandbox: Sandbox) -> Iterator[AttackForgeClient]:
    """A client with the key that may do everything."""
    with AttackForgeClient(base_url=sandbox.url, api_key=sandbox.key, max_retries=0) as client:
        yield client


# Reads


def test_projects(client: AttackForgeClient, sandbox: Sandbox) -> None:
    document = client.projects.get_projects({"limit": 10})
    assert [item["project_code"] for item in client.projects.extract_projects_list(document)] == ["WEBAPP", "PARTNER"]
    found = client.projects.find_project_by_name("customer portal")
    assert found is not None and found["project_id"] == sandbox.project_id
    project = client.projects.get_project(sandbox.project_id)["project"]
    assert project["project_retesting_history"][0]["retesting_round_status"] == "Completed"
    assert project["project_scope"] == found["project_scope"] and project["project_scope"]


def test_groups(client: AttackForgeClient) -> None:
    retail = client.groups.get_groups()["groups"][0]
    assert retail["group_name"] == "Retail"
    projects = client.groups.get_group_projects(retail["group_id"])["projects"]
    assert [item["project_code"] for item in projects] == ["WEBAPP", "PARTNER"]
    partners = client.groups.get_groups()["groups"][1]
    findings = client.groups.get_group_vulnerabilities(partners["group_id"], {"priority": "High"})
    assert [item["vulnerability_alternate_id"] for item in findings["vulnerabilities"]] == ["PARTNER-1"]


def test_findings(client: AttackForgeClient, sandbox: Sandbox) -> None:
    assert client.findings.get_vulnerabilities({"skip": 5, "limit": 3})["count"] == 14
    ready = client.findings.get_vulnerabilities({"q": '{"is_retest": {"$eq": "Yes"}}'})
    assert ready["count"] == 5
    found = client.findings.get_vulnerabilities_by_asset_name("login.example.com")
    assert found["count"] == len(found["vulnerabilities"]) == 4
    assert client.findings.get_vulnerability(READY)["vulnerability"]["vulnerability_retest"] == "Yes"
    assert len(client.findings.get_project_vulnerabilities_all(sandbox.project_id, {"limit": 4})) == 11


def test_hidden_findings_are_read_apart_and_merged(client: AttackForgeClient, sandbox: Sandbox) -> None:
    title = "Refund can be requested twice (not yet confirmed)"
    found = client.findings.find_project_vulnerability_by_title(sandbox.project_id, title)
    assert found is not None and found["vulnerability_id"] == HIDDEN
    assert client.findings.find_project_vulnerability_by_title(sandbox.project_id, title, include_pending=False) is None


def test_who_changed_a_finding(client: AttackForgeClient, sandbox: Sandbox) -> None:
    sandbox.act("close", id=OPEN, reason="Risk accepted")
    rows = client.findings.get_vulnerability_revision_history(OPEN)["revisionHistory"]
    assert [(row["field"], row["after"], row["user"]["lastName"]) for row in rows] == [("status", "Closed", "Tester")]


# Writes


def test_a_finding_is_marked_ready_and_closed(client: AttackForgeClient, sandbox: Sandbox) -> None:
    # The client sends project_id as projectId.
    body = {"project_id": sandbox.project_id, "status": "Retest"}
    assert client.findings.update_vulnerability(OPEN, body) == {"result": {"result": "Vulnerability Updated"}}
    assert client.findings.get_vulnerability(OPEN)["vulnerability"]["vulnerability_retest"] == "Yes"
    client.findings.update_vulnerability(OPEN, {"projectId": sandbox.project_id, "status": "Closed"})
    record = client.findings.get_vulnerability(OPEN)["vulnerability"]
    assert record["vulnerability_status"] == "Closed"
    assert [note["note"] for note in record["vulnerability_remediation_notes"]] == [
        "Issue Closed: Issue has been fixed"
    ]


def test_a_note_is_written_and_changed(client: AttackForgeClient, sandbox: Sandbox) -> None:
    body = {"projectId": sandbox.project_id, "note": "Fixed in release 2026.12.", "note_type": "PLAINTEXT"}
    note = client.notes.create_remediation_note(OPEN, body)["note"]
    assert note["note"] == body["note"]
    assert client.notes.update_remediation_note(OPEN, note["id"], {"note": "Fixed at last."}) == {"status": "ok"}
    notes = client.findings.get_vulnerability(OPEN)["vulnerability"]["vulnerability_remediation_notes"]
    assert [(row["id"], row["note"], row["created_by"]) for row in notes] == [
        (note["id"], "Fixed at last.", "Dana Deploy")
    ]


# Refusals


@pytest.mark.parametrize("label, code", [("viewer", 403), ("reader", 403), ("request-only", 403)])
def test_what_a_key_may_not_do(sandbox: Sandbox, label: str, code: int) -> None:
    with AttackForgeClient(base_url=sandbox.url, api_key=sandbox.keys[label], max_retries=0) as client:
        with pytest.raises(APIError) as caught:
            client.findings.update_vulnerability(OPEN, {"projectId": sandbox.project_id, "status": "Closed"})
    assert caught.value.status_code == code
    assert sandbox.books()["commits"] == []


def test_what_is_not_valid(client: AttackForgeClient, sandbox: Sandbox) -> None:
    with pytest.raises(APIError) as caught:
        client.notes.create_remediation_note(OPEN, {"projectId": sandbox.project_id, "note": ""})
    assert caught.value.status_code == 400
    assert caught.value.payload["data"]["error"]["details"] == [{"path": ["body", "note"], "info": "is required"}]


def test_a_service_that_is_busy_is_asked_again(sandbox: Sandbox) -> None:
    sandbox.fault("status", "GetProjects", code=503, times=2)
    with AttackForgeClient(base_url=sandbox.url, api_key=sandbox.key, max_retries=2, backoff_factor=0.01) as client:
        assert client.projects.get_projects()["count"] == 2
    assert [row["status"] for row in sandbox.log("GetProjects")] == [503, 503, 200]
