# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A release over many projects, and what finds projects: attackforge_release, attackforge_project_info."""

from __future__ import annotations

import collections
from typing import Any

import pytest

from tests.integration.calls import Calls

WINDOW = dict(retesting_window_start="2030-12-01", retesting_window_end="2030-12-08")
STEP = dict(select={"tags": ["patch"]}, release="2026.12", mark_ready=True, **WINDOW)


def project_id(number: int) -> str:
    return f"6633000000000000{number:08x}"


def finding_id(project: int, number: int) -> str:
    return f"66390000{project:08x}{number:08x}"


def seed(projects: int, **key: Any) -> dict[str, Any]:
    """A tenant of projects P1, P2, ... with two open findings of the patch and one other each."""
    return {
        "keys": [{"label": "demo", "key": "sandbox-release-1a2b3c4d", **key}],
        "projects": [
            {
                "id": project_id(project),
                "name": f"Shop {project}",
                "code": f"P{project}",
                "groups": ["even" if project % 2 == 0 else "odd"],
                "findings": [
                    {
                        "id": finding_id(project, number),
                        "title": f"Finding {number}",
                        "tags": ["patch"],
                        "assets": ["web"],
                    }
                    for number in (1, 2)
                ]
                + [{"id": finding_id(project, 3), "title": "CVE-2026-77777 in a library", "tags": []}],
            }
            for project in range(1, projects + 1)
        ],
    }


@pytest.fixture(name="tenant")
def fixture_tenant(sandbox):
    """A sandbox with six projects."""
    sandbox.reset(seed(6))
    return sandbox


def requests_by_method(sandbox) -> collections.Counter[str]:
    return collections.Counter(row["method"] for row in sandbox.log())


def rounds_of(sandbox) -> dict[str, int]:
    """How many open rounds each project has."""
    return {
        one: len([row for row in books["rounds"] if row["status"].lower() == "requested"])
        for one, books in sandbox.all_books()["projects"].items()
    }


def test_it_requests_one_round_in_each_project(tenant, calls):
    result = calls.call("release", all=True, **STEP)
    assert not result.get("failed"), result
    assert result["totals"] == {
        "projects": 6,
        "requested": 12,
        "in_scope": 0,
        "closed": 0,
        "reopened": 0,
        "failed": 0,
        "findings": 12,
        "marked": 12,
        "noted": 12,
    }
    assert set(rounds_of(tenant).values()) == {1}
    assert [handle["code"] for handle in result["rounds"]] == [f"P{number}" for number in range(1, 7)]
    assert result["rounds"][0]["vulnerability_ids"] == [finding_id(1, 1), finding_id(1, 2)]
    assert len(result["diff"]) == 6 and "2026.12" in result["diff"][0]["after"]


def test_a_rerun_reads_two_lists_and_writes_nothing(tenant, calls):
    calls.call("release", all=True, **STEP)
    tenant.clear_log()
    again = calls.call("release", all=True, **STEP)
    assert again["changed"] is False and again["totals"]["in_scope"] == 12
    assert requests_by_method(tenant) == {"GetProjects": 1, "GetVulnerabilities": 1}


def test_check_mode_says_what_the_run_does_and_sends_only_reads(tenant, calls):
    preview = calls.call("release", check_mode=True, all=True, **STEP)
    assert tenant.writes() == []
    real = calls.call("release", all=True, **STEP)
    assert preview["changed"] and preview["totals"] == real["totals"]
    assert [one["vulnerabilities"] for one in preview["projects"]] == [
        one["vulnerabilities"] for one in real["projects"]
    ]
    assert preview["diff"] == real["diff"]


def test_it_is_the_same_as_a_module(tenant, calls):
    here = calls.call("release", check_mode=True, all=True, **STEP)
    there = Calls(tenant, "module").call("release", check_mode=True, all=True, **STEP)
    for result in (here, there):
        result.pop("invocation")
        result.pop("failed", None)
    assert here == there


def test_a_project_that_fails_leaves_the_others_alone_and_a_rerun_does_the_rest(tenant, calls):
    tenant.fault("status", "RequestNewProjectRetest", code=403, skip=2)
    result = calls.call("release", all=True, at_once=1, **STEP)
    assert result["failed"] and result["totals"]["failed"] == 1
    first = result["projects"][0]
    assert first["failed"] and first["changed"] and first["error"]["http_status"] == 403
    assert f"1 of 6 projects failed:\n- {first['project']['code']}, " in result["msg"]
    assert "running the play again does the rest" in result["msg"]
    assert sum(rounds_of(tenant).values()) == 5
    tenant.clear_log()
    again = calls.call("release", all=True, **STEP)
    assert again["totals"]["requested"] == 2 and again["totals"]["in_scope"] == 10
    assert [row["method"] for row in tenant.writes()] == ["RequestNewProjectRetest"]
    assert set(rounds_of(tenant).values()) == {1}


def test_lost_answers_and_rate_limits_double_nothing_and_lose_nothing(tenant, calls):
    tenant.fault("reset", "RequestNewProjectRetest", when="after", skip=1)
    tenant.fault("status", "RequestNewProjectRetest", code=429, headers={"Retry-After": "0"}, times=2, skip=1)
    tenant.fault("reset", "CreateRemediationNote", when="after", skip=3)
    result = calls.call("release", all=True, at_once=4, **STEP)
    assert not result.get("failed"), result
    assert set(rounds_of(tenant).values()) == {1}
    assert any("The answer to the request was lost" in text for text in result["warnings"])
    assert calls.call("release", all=True, **STEP)["changed"] is False


def test_it_stops_when_the_first_projects_are_all_refused(sandbox, calls):
    sandbox.reset(seed(9))
    sandbox.fault("status", "CreateRemediationNote", code=403, times=-1)
    result = calls.call("release", all=True, at_once=2, **STEP)
    assert result["failed"] and result["totals"]["failed"] == 9
    assert len(list(sandbox.log("CreateRemediationNote"))) < 9
    assert any("Not tried, because the first 2 projects were all refused" in one["msg"] for one in result["projects"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"projects": {"codes": ["p1", "P4"]}}, [1, 4]),
        ({"projects": {"names": ["shop 2"]}}, [2]),
        ({"projects": {"name": "[35]$"}}, [3, 5]),
        ({"projects": {"groups": ["Even"]}}, [2, 4, 6]),
        ({"projects": {"ids": [project_id(6)]}}, [6]),
        ({"projects": {"groups": ["odd"], "codes": ["P1", "P2", "P3"], "name": "."}}, None),
        ({"projects": {"statuses": ["testing", "waiting-to-start", "completed"]}}, [1, 2, 3, 4, 5, 6]),
        ({"projects": {"query": '{ code: { $eq: "P5" } }'}}, [5]),
    ],
)
def test_projects_are_selected_by_what_people_know(tenant, calls, options, expected):
    result = calls.call("release", check_mode=True, **options, **STEP)
    if expected is None:
        assert "has the id, code or name 'P2'" in result["msg"]
    else:
        assert [one["project"]["code"] for one in result["projects"]] == [f"P{number}" for number in expected]


def test_findings_are_selected_by_what_a_rollout_knows(tenant, calls):
    by_cve = calls.call("release", check_mode=True, all=True, **{**STEP, "select": {"cves": ["CVE-2026-77777"]}})
    assert [one["vulnerabilities"][0]["id"] for one in by_cve["projects"]] == [finding_id(n, 3) for n in range(1, 7)]
    by_asset = calls.call("release", check_mode=True, all=True, **{**STEP, "select": {"assets": ["WEB"]}})
    assert by_asset["totals"]["findings"] == 12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "projects: say which projects are meant, or set all: true"),
        ({"all": True, "projects": {"codes": ["P1"]}}, "all: does not go with projects"),
        ({"projects": {"codes": ["P9"]}}, "projects: no project that this key can see"),
        ({"projects": {"colour": ["red"]}}, "there is no colour"),
        ({"all": True, "at_most": 5}, "at_most: 6 projects have findings that are selected, and at most 5 are allowed"),
        ({"all": True, "select": {"tags": ["ptach"]}}, "select: finds nothing in the 6 projects that are selected"),
        ({"all": True, "at_once": 33}, "at_once: 33 is not between 1 and 32"),
    ],
)
def test_a_slip_is_an_error_before_anything_is_sent(tenant, calls, options, message):
    result = calls.call("release", **{**STEP, **options})
    assert result["failed"] and message in result["msg"]
    assert tenant.writes() == []


def test_lists_that_are_not_granted_are_replaced_by_reads_of_each_project(sandbox, calls):
    grants = ["GetProjects", "GetProjectById", "GetProjectVulnerabilitiesById", "GetVulnerabilityById"]
    grants += ["RequestNewProjectRetest", "UpdateVulnerabilityById", "CreateRemediationNote"]
    sandbox.reset(seed(3, grants=grants))
    result = calls.call("release", all=True, **STEP)
    assert not result.get("failed"), result
    assert result["totals"]["requested"] == 6 and set(rounds_of(sandbox).values()) == {1}
    assert [text for text in result["warnings"] if "GetVulnerabilities is not granted" in text]
    sandbox.reset(seed(3, grants=grants[1:]))
    ids = [project_id(number) for number in (1, 2, 3)]
    result = calls.call("release", projects={"ids": ids}, **STEP)
    assert not result.get("failed"), result
    assert result["totals"]["requested"] == 6


def test_a_list_without_the_history_is_replaced_by_reads_of_each_project(tenant, calls):
    tenant.switch(list_history="missing")
    result = calls.call("release", all=True, **STEP)
    assert not result.get("failed"), result
    assert set(rounds_of(tenant).values()) == {1}
    assert [text for text in result["warnings"] if "GetProjects does not carry the retest history" in text]


def test_a_finding_in_several_projects_is_requested_once_or_is_an_error(sandbox, calls):
    linked = seed(2)
    linked["projects"][1]["findings"][0]["linked_to"] = [project_id(1)]
    sandbox.reset(linked)
    result = calls.call("release", all=True, **STEP)
    assert result["failed"] and "linked to several of the selected projects" in result["msg"]
    assert "P1, Shop 1" in result["msg"] and "P2, Shop 2" in result["msg"] and sandbox.writes() == []
    one = calls.call("release", projects={"codes": ["P2"]}, **STEP)
    assert one["totals"]["requested"] == 2
    rest = calls.call("release", all=True, **STEP)
    assert rest["totals"]["in_scope"] == 2 and rest["totals"]["requested"] == 2
    assert set(rounds_of(sandbox).values()) == {1}


def test_a_finding_that_a_tester_closes_meanwhile_is_not_opened(tenant, calls):
    tenant.act("close", id=finding_id(4, 1), reason="Issue has been fixed", before="UpdateVulnerabilityById", skip=2)
    result = calls.call("release", all=True, at_once=1, **STEP)
    assert not result.get("failed"), result
    assert result["totals"]["closed"] == 1 and result["totals"]["requested"] == 11


def test_what_testers_sent_back_is_told_and_not_requested_again(tenant, calls):
    first = calls.call("release", all=True, **STEP)
    for handle in first["rounds"]:
        tenant.act("reopen", id=handle["vulnerability_ids"][0])
        tenant.act("close", id=handle["vulnerability_ids"][1], reason="Issue has been fixed")
        tenant.act("complete_round", project_id=handle["project_id"], round=handle["round"])
    tenant.clear_log()
    again = calls.call("release", all=True, **STEP)
    assert again["changed"] is False and again["totals"]["reopened"] == 6 and again["totals"]["closed"] == 6
    assert tenant.writes() == []
    verdict = calls.call("retest_info", rounds=first["rounds"], verdict=True)["verdict"]
    assert verdict["passed"] is False and verdict["totals"]["fixed"] == 6 and verdict["totals"]["reopened"] == 6
    assert "6 of 6 rounds do not pass" in verdict["message"]
    newer = calls.call("release", all=True, **{**STEP, "release": "2026.13"})
    assert newer["totals"]["requested"] == 6


def test_the_verdict_takes_the_handle_of_a_release(tenant, calls):
    release = calls.call("release", all=True, **STEP)
    for handle in release["rounds"]:
        for one in handle["vulnerability_ids"]:
            tenant.act("close", id=one, reason="Issue has been fixed")
        tenant.act("complete_round", project_id=handle["project_id"], round=handle["round"])
    verdict = calls.call("retest_info", rounds=release["rounds"], verdict=True)["verdict"]
    assert verdict["passed"] is True and verdict["totals"]["fixed"] == 12 and len(verdict["rounds"]) == 6


def test_project_info_says_what_a_release_needs_to_know(sandbox, calls):
    result = calls.call("project_info", codes=["webapp"])
    (project,) = result["projects"]
    assert result["count"] == 1 and project["id"] == sandbox.project_id and project["open_rounds"] == []
    assert project["retesting"]["enabled"] is True and project["retesting"]["access_level"] == "View"
    calls.call("retest", project_id="webapp", select={"tags": ["release-2026.12"]}, mark_ready=True, **WINDOW)
    assert calls.call("project_info", codes=["webapp"])["projects"][0]["open_rounds"] == [2]


def test_findings_of_several_projects_are_found(tenant, calls):
    result = calls.call("vulnerability_info", projects={"groups": ["odd"]}, tags=["patch"])
    assert result["count"] == 6 and {one["project_ids"][0] for one in result["vulnerabilities"]} == {
        project_id(number) for number in (1, 3, 5)
    }


def test_a_play_runs_it(tenant, plays):
    release = {
        "name": "release",
        "attackforge.retest.attackforge_release": {"projects": {"codes": ["P1", "P2", "P3"]}, **STEP},
        "register": "release",
    }
    verdict = {
        "name": "verdict",
        "attackforge.retest.attackforge_retest_info": {"rounds": "{{ release.rounds }}", "verdict": True},
    }
    done = plays.ok([release, verdict], diff=True)
    assert done.result("release")["totals"]["requested"] == 6
    assert done.result("verdict")["verdict"]["passed"] is False
    assert "3 of 3 projects done, 0 failed." in done.output
