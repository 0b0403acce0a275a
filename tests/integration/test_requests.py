# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many requests each operation makes: what the documentation says, counted in the sandbox's log."""

from __future__ import annotations

from collections import Counter

import pytest

PROJECT = "66333e1d110ab5acf8a4354e"
HISTORY, FINDINGS, FINDING = "GetProjectById", "GetProjectVulnerabilitiesById", "GetVulnerabilityById"
ASK, CANCEL = "RequestNewProjectRetest", "CancelProjectRetestRound"
UPDATE, NOTE = "UpdateVulnerabilityById", "CreateRemediationNote"
MANY = {
    "projects": [
        {"id": PROJECT, "name": "Many", "code": "MANY", "generate": {"count": 1306, "ready": 120, "text_kb": 1}}
    ]
}
START = "2030-12-01"


@pytest.fixture(name="count")
def fixture_count(calls, sandbox):
    """Run a module and count its requests by API method."""

    def count(module, check_mode=False, **options):
        sandbox.clear_log()
        result = calls.call(module, check_mode, **{"project_id": PROJECT, **options})
        assert not result.get("failed"), result["msg"]
        return dict(Counter(row["method"] for row in sandbox.log()))

    return count


@pytest.fixture(name="ready")
def fixture_ready(sandbox):
    """The ids of the 120 findings that are ready in a project of 1,306."""
    sandbox.reset(seed=MANY)
    return [finding["id"] for finding in sandbox.books()["findings"] if finding["status"] == "retest"]


def unfiltered(sandbox):
    return [row for row in sandbox.log(FINDINGS) if "q" not in row["query"]]


def reads(counted):
    return sum(number for method, number in counted.items() if method.startswith("Get"))


def test_the_release_step_of_the_demo(count, sandbox):
    release = dict(select={"tags": ["release-2026.12"]}, release="2026.12", mark_ready=True, window_start=START)
    first, rerun = count("retest", **release), count("retest", **release)
    assert {method: number for method, number in first.items() if not method.startswith("Get")} == {
        NOTE: 5,
        UPDATE: 1,
        ASK: 1,
    }
    assert reads(first) <= 6, first
    assert rerun == {HISTORY: 1, FINDINGS: 1}
    assert sandbox.books()["open_rounds"] == [2]


def test_a_request(count, ready, sandbox):
    request = dict(vulnerability_ids=ready, window_start=START)
    assert count("retest", check_mode=True, **request) == {HISTORY: 1, FINDINGS: 4}  # 120 findings, 36 at a time
    assert count("retest", **request) == {HISTORY: 2, FINDINGS: 4, ASK: 1}
    assert unfiltered(sandbox) == []
    assert count("retest", **request) == {HISTORY: 1}
    moved = dict(vulnerability_ids=ready, window_start="2030-12-02", on_window_change="replace")
    assert count("retest", **moved) == {HISTORY: 3, FINDINGS: 4, CANCEL: 1, ASK: 1}


# How ids match in a query: {name: (switches, requests for one finding of 1,306, requests for 120)}.
ID_FORMS = {
    "as ObjectId alone": (dict(q_ids="objectid"), 1, 4),
    "as both": (dict(q_ids="both"), 1, 4),
    "as texts alone": (dict(q_ids="text"), 3, 14),
    "as ObjectId, but not in a list": (dict(q_ids="in_refused"), 2, 8),
}


@pytest.mark.parametrize("name", ID_FORMS)
def test_one_of_1306_findings_reads_no_unfiltered_page(count, ready, sandbox, name):
    switches, one, many = ID_FORMS[name]
    sandbox.switch(**switches)
    counted = count("retest", vulnerability_ids=ready[:1], window_start=START)
    assert counted == {HISTORY: 2, FINDINGS: one, ASK: 1}
    assert unfiltered(sandbox) == []
    assert count("vulnerability_info", ids=ready) == {FINDINGS: many}
    assert unfiltered(sandbox) == []


@pytest.mark.parametrize("name", ID_FORMS)
def test_a_wait_reads_no_unfiltered_page_at_any_read(count, ready, sandbox, name):
    sandbox.switch(**ID_FORMS[name][0])
    count("retest", vulnerability_ids=ready[:1], window_start=START)
    counted = count("retest_info", verdict=True, wait=True, wait_timeout=1, wait_interval=0.3)
    assert counted[HISTORY] >= 3 and unfiltered(sandbox) == []
    assert counted[FINDINGS] == counted[HISTORY] + ID_FORMS[name][1] - 1  # vain forms at the first read alone


def test_a_request_without_preflight(count, ready):
    assert count("retest", vulnerability_ids=ready, window_start="now", preflight=False) == {ASK: 1}


def test_finishing_a_round(count, ready):
    count("retest", vulnerability_ids=ready[:1], window_start="now")
    assert count("retest", state="cancelled") == {HISTORY: 2, CANCEL: 1}
    assert count("retest", state="cancelled") == {HISTORY: 1}


def test_selecting_findings(count, ready):
    assert count("vulnerability_info") == {FINDINGS: 3}  # 1,306 findings, 500 at a time
    assert count("vulnerability_info", status=["retest"]) == {FINDINGS: 1}
    assert count("vulnerability_info", ids=ready) == {FINDINGS: 4}
    assert count("vulnerability_info", alternate_ids=["MANY-1", "MANY-2"]) == {FINDINGS: 1}


def test_a_project_by_its_name(count, ready):
    assert count("vulnerability_info", project_id="many", status=["retest"]) == {"GetProjects": 1, FINDINGS: 1}


def test_marking_findings(count, ready):
    mark = dict(vulnerability_ids=ready[:60], status="open", remediation_note="Not yet.")
    marked = count("vulnerability", **mark)
    assert {method: marked[method] for method in (UPDATE, NOTE)} == {UPDATE: 60, NOTE: 60}
    assert marked[FINDINGS] <= 4 and marked.get(FINDING, 0) <= 120
    assert count("vulnerability", **mark) == {FINDINGS: 2}


def test_reading_rounds(count, ready):
    count("retest", vulnerability_ids=ready[:60], window_start="now")
    assert count("retest_info") == {HISTORY: 1}
    assert count("retest_info", outcome=True) == {HISTORY: 1, FINDINGS: 2}


def test_the_url_of_a_query_stays_short(count, ready, sandbox):
    count("vulnerability_info", ids=ready)
    assert max(len(row["path"]) + len(str(row["query"])) for row in sandbox.log()) < 2500
