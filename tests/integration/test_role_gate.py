# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The release gate: it passes when every finding of a finished round is closed or ignored, and never writes."""

from __future__ import annotations

import threading
import time

import pytest

PROJECT = "66333e1d110ab5acf8a4354e"
ROLE = "attackforge.retest.attackforge_retest_gate"
IN_ROUND = ["WEBAPP-1", "WEBAPP-2", "WEBAPP-4"]  # Critical, High, Medium


def play(**variables):
    variables = {"attackforge_retest_gate_project_id": PROJECT, **variables}
    return [{"hosts": "all", "gather_facts": False, "roles": [{"role": ROLE, "vars": variables}],
             "post_tasks": [{"name": "beyond", "ansible.builtin.debug": {"msg": "open"}}]}]


@pytest.fixture(name="round_2")
def fixture_round_2(sandbox):
    """An open round over three findings."""
    assert sandbox.act("request_round", ids=IN_ROUND)["round"] == 2
    sandbox.clear_log()
    return sandbox


def verdict(run):
    return run.result("Pass or stop")["msg"]


def outcome(run):
    assert run.artifacts["attackforge_retest_gate_result"]["round"] == 2
    return run.artifacts["attackforge_retest_gate_result"]


def test_it_holds_while_the_round_is_open(plays, round_2):
    run = plays.run(play())
    assert run.rc == 2 and not run.results("beyond") and "still open" in verdict(run)
    assert {key: outcome(run)[key] for key in ("passed", "closed", "reopened", "pending")} == {
        "passed": False, "closed": 0, "reopened": 0, "pending": 3}
    assert not round_2.writes()


@pytest.mark.parametrize("switches", [
    {}, {"ready_reads_back": "flag_true"}, {"ready_reads_back": "status_retest"}, {"history_rows": "per_action"},
    {"history_order": "shuffled", "history_rows": "per_action"}, {"status_case": "upper"}, {"nulls": True},
    {"round_number_type": "string"}, {"q_support": "refused"},
], ids=str)
def test_it_stops_and_names_the_one_that_was_reopened(switches, plays, round_2):
    round_2.switch(**switches)
    round_2.act("close", ids=["WEBAPP-1", "WEBAPP-4"])
    round_2.act("reopen", id="WEBAPP-2")
    round_2.act("complete_round", round=2)
    run = plays.run(play())
    assert run.rc == 2 and not run.results("beyond")
    assert "WEBAPP-2" in verdict(run) and "REOPENED" in verdict(run)
    assert "WEBAPP-1" not in verdict(run) and "WEBAPP-4" not in verdict(run)
    assert {key: outcome(run)[key] for key in ("passed", "closed", "reopened", "pending")} == {
        "passed": False, "closed": 2, "reopened": 1, "pending": 0}
    assert not round_2.writes()


def test_it_passes_when_all_are_closed(plays, round_2):
    round_2.act("close", ids=IN_ROUND)
    round_2.act("complete_round", round=2)
    run = plays.ok(play(), hosts=["web1", "web2"])
    assert outcome(run)["passed"] is True and len(run.results("beyond")) == 2
    assert len(round_2.log("GetProjectById")) == 2  # once for both hosts, to find the round and to follow it


def test_it_ignores_what_it_is_told_to_ignore(plays, round_2):
    round_2.act("close", id="WEBAPP-1")
    round_2.act("complete_round", round=2)
    assert "WEBAPP-2" in verdict(plays.run(play(attackforge_retest_gate_ignore_priorities=["Medium"])))
    run = plays.ok(play(attackforge_retest_gate_ignore_priorities=["Medium", "High"]))
    assert outcome(run)["passed"] is True and outcome(run)["pending"] == 2 and "ignored" in run.output


def test_a_cancelled_round_is_passed_over_unless_it_is_named(plays, round_2):
    round_2.act("cancel_round", round=2)
    assert "round 1 " in verdict(plays.run(play()))
    run = plays.run(play(attackforge_retest_gate_round=2))
    assert run.rc == 2 and "was cancelled" in verdict(run)


def test_without_a_round_it_does_not_pass(plays, sandbox):
    run = plays.run(play(attackforge_retest_gate_project_id="66333e1d110ab5acf8a4354f"))
    assert run.rc == 2 and "no retest round" in run.output
    assert plays.run(play(attackforge_retest_gate_round=9)).rc == 2
    assert not sandbox.writes()


def test_it_waits_and_says_how_far_it_is(plays, round_2):
    wait = plays.start(play(
        attackforge_retest_gate_wait=True, attackforge_retest_gate_wait_interval=1,
        attackforge_retest_gate_wait_timeout=60))

    def testers():
        for _unused in range(600):
            if round_2.log("GetProjectVulnerabilitiesById"):
                break
            time.sleep(0.1)
        round_2.act("close", ids=IN_ROUND)
        time.sleep(2.5)
        round_2.act("complete_round", round=2)

    people = threading.Thread(target=testers)
    people.start()
    run = wait()
    people.join()
    assert run.rc == 0, run.output
    assert "Round 2 is open: 0 closed, 0 reopened, 3 pending. Next look in 1 s, at most" in run.output
    assert "Round 2 is open: 3 closed, 0 reopened, 0 pending. Next look in 1 s, at most" in run.output
    assert outcome(run)["passed"] is True


def test_it_rides_out_an_outage_while_it_waits_and_ends_in_time(plays, round_2):
    round_2.script([{"fault": "status", "method": "GetProjectById", "code": 503, "skip": 2, "times": 1}])
    run = plays.run(play(
        attackforge_retest_gate_wait=True, attackforge_retest_gate_wait_interval=1,
        attackforge_retest_gate_wait_timeout=3), environment={"ATTACKFORGE_RETRIES": 0})
    assert run.rc == 2 and "still open" in verdict(run) and "HTTP 503" in run.output


@pytest.mark.parametrize("ending", ["md", "html"])
def test_it_writes_a_report(ending, plays, round_2, tmp_path):
    hostile = round_2.act(
        "add_finding", title="<script>alert(1)</script> | `x` & \"y\"", status="retest", priority="Low")
    round_2.act("cancel_round", round=2)
    round_2.act("request_round", ids=[*IN_ROUND, hostile["id"]])
    round_2.act("close", ids=["WEBAPP-1", "WEBAPP-2"])
    round_2.act("reopen", id="WEBAPP-4")
    round_2.act("complete_round", round=3)
    path = tmp_path / ("report." + ending)
    assert plays.run(play(attackforge_retest_gate_report=str(path))).rc == 2
    text = path.read_text(encoding="utf-8")
    assert "round 3: not passed" in text and "<script>" not in text and PROJECT in text
    for word in ("WEBAPP-1", "WEBAPP-4", "Critical", "ready for retest", "reopened", "not tested yet", "closed"):
        assert word in text
    if ending == "html":
        assert "&lt;script&gt;" in text and "http" not in text.replace("https://tenant", "")
    else:
        table = [line for line in text.splitlines() if line.startswith("| WEBAPP-")]
        assert len(table) == 4 and {line.replace("\\|", "").count("|") for line in table} == {6}


def test_a_report_of_another_kind_is_refused(plays, round_2):
    run = plays.run(play(attackforge_retest_gate_report="report.pdf"))
    assert run.rc == 2 and "report.pdf" in run.output and not round_2.log()
