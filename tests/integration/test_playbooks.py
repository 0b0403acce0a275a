# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks that come with the collection, run by name with extra variables, as a job template does."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.every_core

PROJECT = "66333e1d110ab5acf8a4354e"


def test_request_gate_and_cancel(plays, sandbox):
    given = {
        "attackforge_retest_project_id": PROJECT,
        "attackforge_retest_select": {"tags": ["release-2026.12"]},
        "attackforge_retest_release": "2026.12",
    }
    gate = {"attackforge_retest_gate_project_id": PROJECT}
    run = plays.ok("attackforge.retest.request", variables=given)
    assert run.artifacts["attackforge_retest_result"]["retest"]["round"] == 2
    assert plays.run("attackforge.retest.gate", variables=gate).rc == 2
    plays.ok("attackforge.retest.cancel", variables={"attackforge_retest_project_id": PROJECT})
    assert sandbox.books()["rounds"][-1]["status"] == "cancelled"
    assert not plays.ok("attackforge.retest.cancel", variables={"attackforge_retest_project_id": PROJECT}).changed()
    plays.ok("attackforge.retest.request", variables=given)
    sandbox.act("close", ids=sandbox.books()["rounds"][-1]["scope"])
    sandbox.act("complete_round")
    assert plays.ok("attackforge.retest.gate", variables=gate).artifacts["attackforge_retest_gate_result"]["passed"]


def test_extra_variables_may_be_words(plays, sandbox):
    """-e name=value makes a text of each value, and so does the survey of a job template."""
    gate = ["-e", "attackforge_retest_gate_project_id=" + PROJECT]
    request = ["-e", "attackforge_retest_project_id=" + PROJECT]
    ids = ["-e", "attackforge_retest_vulnerability_ids=6639508f50523053f459d29f,6639508f50523053f459d2a3"]
    off = ["-e", "attackforge_retest_mark_ready=false attackforge_retest_window_days=3 attackforge_retest_release=7"]
    run = plays.run("attackforge.retest.request", *request, *ids, *off)
    assert run.rc == 2 and "Not ready for retest" in run.output
    assert sandbox.writes() == []
    run = plays.ok(
        "attackforge.retest.request",
        *request,
        "-e",
        "attackforge_retest_window_days=3",
        "-e",
        "attackforge_retest_select=" + json.dumps(json.dumps({"alternate_ids": ["WEBAPP-1", "WEBAPP-5"]})),
    )
    assert run.artifacts["attackforge_retest_result"]["retest"]["round"] == 2
    sandbox.act("close", id="WEBAPP-1")
    sandbox.act("complete_round")
    assert plays.run("attackforge.retest.gate", *gate).rc == 2
    report = plays.folder / "report.md"
    plays.ok(
        "attackforge.retest.gate",
        *gate,
        "-e",
        "attackforge_retest_gate_round=2",
        "-e",
        f"attackforge_retest_gate_ignore_priorities=High,Low attackforge_retest_gate_report={report}",
    )
    assert "round 2: passed" in report.read_text(encoding="utf-8")


def test_each_says_what_it_needs(plays, sandbox):
    for name, variable in (
        ("request", "attackforge_retest_project_id"),
        ("cancel", "attackforge_retest_project_id"),
        ("gate", "attackforge_retest_gate_project_id"),
    ):
        run = plays.run("attackforge.retest." + name)
        assert run.rc == 2 and variable in run.output
    assert sandbox.log() == []


def test_they_are_previewed(plays, sandbox):
    given = {"attackforge_retest_project_id": PROJECT, "attackforge_retest_select": {"tags": ["release-2026.12"]}}
    run = plays.ok("attackforge.retest.request", variables=given, check=True, diff=True)
    assert len(run.artifacts["attackforge_retest_result"]["request"]["vulnerability_ids"]) == 5
    assert "+- round: new" in run.output
    sandbox.act("request_round", ids=["WEBAPP-1"])
    run = plays.ok("attackforge.retest.cancel", variables={"attackforge_retest_project_id": PROJECT}, check=True)
    assert run.artifacts["attackforge_retest_result"]["changed"] is True
    assert sandbox.writes() == []


def test_the_artifact_of_an_earlier_job_decides_nothing(plays, sandbox):
    """In a workflow it comes along as an extra variable, which has the last word over every fact of its name."""
    project = {"attackforge_retest_project_id": PROJECT, "attackforge_retest_gate_project_id": PROJECT}
    earlier = {
        "attackforge_retest_gate_result": {"passed": True, "round": 1, "status": "completed", "holding": []},
        "attackforge_retest_result": {"retest": {"round": 1, "status": "requested"}},
    }
    sandbox.act("request_round", ids=["WEBAPP-1"])
    gate = plays.run("attackforge.retest.gate", variables={**project, **earlier})
    assert gate.rc == 2 and "round 2 is still open" in gate.output
    assert "attackforge_retest_gate_as" in gate.output
    assert gate.artifacts["attackforge_retest_gate_result"]["passed"] is False
    project.update(attackforge_retest_select={"alternate_ids": ["WEBAPP-2"]})
    for name, status in (("request", "requested"), ("cancel", "cancelled")):
        run = plays.ok("attackforge.retest." + name, variables={**project, **earlier})
        retest = run.artifacts["attackforge_retest_result"]["retest"]
        assert (retest["round"], retest["status"]) == (3, status)


@pytest.mark.parametrize("playbook", ["request", "gate", "cancel"])
def test_what_decides_where_the_key_goes_is_not_taken_from_an_earlier_job(plays, sandbox, playbook):
    """AWX hands the artifacts of an earlier job, and the answers of a survey, to a job as extra variables."""
    role = "attackforge_retest_gate" if playbook == "gate" else "attackforge_retest"
    artifact = {f"{role}_base_url": "https://127.0.0.1:9", f"{role}_api_key": "other", f"{role}_project_id": PROJECT}
    ids = {"attackforge_retest_vulnerability_ids": ["6639508f50523053f459d29f"]} if playbook == "request" else {}
    run = plays.run(f"attackforge.retest.{playbook}", variables={**artifact, **ids})
    assert run.rc == 2 and sandbox.log() == []
    for option in ("base_url", "api_key"):
        assert f"{role}_{option}: comes from outside this playbook" in run.output
    assert "127.0.0.1:9" not in run.output
    # In a playbook of one's own they are taken.
    name = {"request": "attackforge_retest", "cancel": "attackforge_retest"}.get(playbook, "attackforge_retest_gate")
    own = [{"hosts": "localhost", "gather_facts": False, "roles": [f"attackforge.retest.{name}"]}]
    ids = {"attackforge_retest_vulnerability_ids": ["6639508f50523053f459d29f"]}
    run = plays.run(own, variables={**artifact, **ids}, environment={"ATTACKFORGE_RETRIES": 0})
    assert run.rc == 2 and "comes from outside" not in run.output and "127.0.0.1:9" in run.output
    assert sandbox.log() == []
