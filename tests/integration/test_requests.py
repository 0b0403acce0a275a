# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many requests each operation makes: what the documentation says, counted in the sandbox's log."""

from __future__ import annotations

from collections import Counter

import pytest

PROJECT = "66333e1d110ab5acf8a4354e"
HISTORY, FINDINGS = "GetProjectById", "GetProjectVulnerabilitiesById"
ASK, CANCEL = "RequestNewProjectRetest", "CancelProjectRetestRound"
UPDATE, NOTE = "UpdateVulnerabilityById", "CreateRemediationNote"
MANY = {
    "projects": [
        {"id": PROJECT, "name": "Many", "code": "MANY", "generate": {"count": 1306, "ready": 120, "text_kb": 1}}
    ]
}


def task(module, **options):
    return {"attackforge.retest.attackforge_" + module: {"project_id": PROJECT, **options}}


@pytest.fixture(name="count")
def fixture_count(plays, sandbox):
    """Run a task and count its requests by API method."""

    def count(one, check=False):
        sandbox.clear_log()
        plays.ok([one], check=check)
        return dict(Counter(row["method"] for row in sandbox.log()))

    return count


@pytest.fixture(name="ready")
def fixture_ready(sandbox):
    """The ids of the 120 findings that are ready in a project of 1,306."""
    sandbox.reset(seed=MANY)
    return [finding["id"] for finding in sandbox.books()["findings"] if finding["status"] == "retest"]


def test_a_request(count, ready):
    request = task("retest", vulnerability_ids=ready, window_start="2030-12-01")
    assert count(request, check=True) == {HISTORY: 1, FINDINGS: 3}  # 120 findings, 50 at a time
    assert count(request) == {HISTORY: 2, FINDINGS: 3, ASK: 1}
    assert count(request) == {HISTORY: 1}
    moved = task("retest", vulnerability_ids=ready, window_start="2030-12-02", on_window_change="replace")
    assert count(moved) == {HISTORY: 3, FINDINGS: 3, CANCEL: 1, ASK: 1}


def test_a_request_without_preflight(count, ready):
    assert count(task("retest", vulnerability_ids=ready, window_start="now", preflight=False)) == {ASK: 1}


def test_finishing_a_round(count, ready):
    count(task("retest", vulnerability_ids=ready[:1], window_start="now"))
    assert count(task("retest", state="cancelled")) == {HISTORY: 2, CANCEL: 1}
    assert count(task("retest", state="cancelled")) == {HISTORY: 1}


def test_selecting_findings(count, ready):
    assert count(task("vulnerability_info")) == {FINDINGS: 3}  # 1,306 findings, 500 at a time
    assert count(task("vulnerability_info", status=["retest"])) == {FINDINGS: 1}
    assert count(task("vulnerability_info", ids=ready)) == {FINDINGS: 3}
    assert count(task("vulnerability_info", alternate_ids=["MANY-1", "MANY-2"])) == {FINDINGS: 1}


def test_marking_findings(count, ready):
    mark = task("vulnerability", vulnerability_ids=ready[:60], status="open", remediation_note="Not yet.")
    assert count(mark) == {FINDINGS: 4, UPDATE: 60, NOTE: 60}
    assert count(mark) == {FINDINGS: 2}


def test_telling_rounds(count, ready):
    count(task("retest", vulnerability_ids=ready[:60], window_start="now"))
    assert count(task("retest_info")) == {HISTORY: 1}
    assert count(task("retest_info", outcome=True)) == {HISTORY: 1, FINDINGS: 2}


def test_the_url_of_a_query_stays_short(count, ready, sandbox):
    count(task("vulnerability_info", ids=ready))
    assert max(len(row["path"]) + len(str(row["query"])) for row in sandbox.log()) < 2500
