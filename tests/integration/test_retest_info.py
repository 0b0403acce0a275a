# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rounds over HTTP: which there are and how they went, read right however the service writes them; and waiting."""

from __future__ import annotations

import time

import pytest

from tests.integration.plays import Plays, steer, task

PROJECT = "66333e1d110ab5acf8a4354e"
ID = {
    number: f"6639508f50523053f459d2{end}"
    for number, end in enumerate(("9f", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "aa"), 1)
}
HISTORY = "project.project_retesting_history"


def held(*numbers, **more):
    return dict(
        {"do": "request_round", "ids": [ID[one] for one in numbers], "start": "2030-12-01", "end": "2030-12-08"}, **more
    )


# Round 1 of the demo is completed. Round 2 is cancelled, round 3 completed with one closed, one reopened and one not
# tested, round 4 open and without an end, with one closed and one reopened.
STORY = [
    held(1, 2),
    {"do": "cancel_round"},
    held(1, 2, 3),
    {"do": "close", "id": ID[1]},
    {"do": "reopen", "id": ID[2]},
    {"do": "complete_round"},
    {"do": "mark_ready", "ids": [ID[5], ID[6]]},
    {"do": "request_round", "ids": [ID[4], ID[5], ID[6]], "start": "2030-12-24"},
    {"do": "close", "id": ID[4]},
    {"do": "reopen", "id": ID[5]},
]
OUTCOMES = {1: (2, 1, 0), 2: (1, 1, 0), 3: (1, 1, 1), 4: (1, 1, 1)}  # closed, reopened, pending
STATUSES = {1: "completed", 2: "cancelled", 3: "completed", 4: "requested"}
TENANTS = [
    {},
    dict(history_rows="per_action"),
    dict(history_rows="per_action", history_order="newest_first"),
    dict(history_rows="per_action", history_order="shuffled"),
    dict(history_order="shuffled"),
    dict(round_number_type="string"),
    dict(status_case="lower", ready_reads_back="flag_true"),
    dict(status_case="upper", ready_reads_back="status_retest", cancelled_spelling="Canceled"),
    dict(window_end="missing"),
    dict(window_end="null", no_window_end="null"),
    dict(window_format="no_millis"),
    dict(window_format="offset"),
    dict(extra_keys="yes", nulls="yes"),
    dict(wrapped="no", project_link="id"),
    dict(q_support="refused"),
    dict(q_support="ids_never_match", count="missing"),
    dict(q_support="ignored"),
    dict(page_cap=2),
]


def label(switches):
    return ", ".join("{}={}".format(*pair) for pair in switches.items()) or "as documented"


def info(name, **options):
    return task(name, "retest_info", **dict({"project_id": PROJECT, "retries": 0}, **options))


@pytest.fixture(scope="module", name="tenants")
def fixture_tenants(tmp_path_factory, running_sandbox):
    tasks = []
    for switches in TENANTS:
        tasks += [steer("switch", reset={"switches": switches}, act=STORY), info(label(switches), outcome=True)]
    running_sandbox.reset()
    return Plays(tmp_path_factory.mktemp("tenants"), running_sandbox).ok(tasks)


@pytest.mark.parametrize("switches", TENANTS, ids=label)
def test_rounds_and_their_outcome_are_read_right(tenants, switches):
    rounds = tenants.result(label(switches))["rounds"]
    assert [one["round"] for one in rounds] == [4, 3, 2, 1]
    assert {one["round"]: one["status"] for one in rounds} == STATUSES
    assert [one["round"] for one in rounds if one["open"]] == [4]
    assert {
        one["round"]: tuple(one["outcome"][key] for key in ("closed", "reopened", "pending")) for one in rounds
    } == OUTCOMES
    assert [finding["id"] for finding in rounds[1]["vulnerabilities"]] == [ID[1], ID[2], ID[3]]
    assert [finding["status"] for finding in rounds[1]["vulnerabilities"]] == ["closed", "open", "retest"]
    assert [finding["retested"] for finding in rounds[1]["vulnerabilities"]] == [True, True, False]
    assert rounds[1]["retesting_window_start"] == "2030-12-01T00:00:00.000Z"
    told = "window_end" not in switches
    assert rounds[1]["retesting_window_end"] == ("2030-12-08T00:00:00.000Z" if told else None)
    assert rounds[0]["retesting_window_end"] is None


# Where the service itself takes readiness away, a finding is open and not ready before a tester has seen it.
TAKING = [
    dict(request_changes_status="clears_ready"),
    dict(request_changes_status="clears_ready", history_rows="per_action"),
]


@pytest.mark.parametrize("switches", TAKING, ids=label)
def test_a_finding_that_nobody_has_tested_is_pending(plays, switches):
    run = plays.ok(
        [
            steer("switch", switches=switches),
            task("request", "retest", project_id=PROJECT, vulnerability_ids=[ID[1], ID[2]], window_start="now"),
            info("info", outcome=True, round=2),
            steer(
                "tested", act=[{"do": "close", "id": ID[1]}, {"do": "reopen", "id": ID[2]}, {"do": "complete_round"}]
            ),
            info("completed", outcome=True, round=2),
        ]
    )
    assert run.result("info")["rounds"][0]["outcome"] == {"closed": 0, "reopened": 0, "pending": 2}
    assert run.result("completed")["rounds"][0]["outcome"] == {"closed": 1, "reopened": 1, "pending": 0}


@pytest.fixture(scope="module", name="odd")
def fixture_odd(tmp_path_factory, running_sandbox):
    def wrong(path, **more):
        return [dict(fault="wrong_type", method="GetProjectById", path=path, times=1, **more)]

    running_sandbox.reset()
    return Plays(tmp_path_factory.mktemp("odd"), running_sandbox).ok(
        [
            steer("story", act=STORY),
            info("without outcome", round=3),
            info("completed", status="completed"),
            info("requested", status="requested"),
            info("cancelled and numbered", status="cancelled", round=3),
            info("no such round", round=9),
            info("round 0", round=0, wait_timeout=-1, wait_interval=0),
            info("another project", project_id="6" * 24),
            steer("hidden", act=[{"do": "hide", "id": ID[1]}]),
            info("hidden", round=3, outcome=True),
            steer("a word", faults=wrong(HISTORY + ".3.retesting_round_status", value="Paused")),
            info("a word", round=4),
            steer("no scope", faults=wrong(HISTORY + ".3.retesting_round_vulnerabilities", remove=True)),
            info("no scope", round=4, outcome=True),
            steer("empty", reset={"switches": {"history_empty": "missing"}}),
            info("partner", project_id=PROJECT[:-1] + "f", outcome=True),
            info("as a preview", outcome=True) | {"check_mode": True},
            steer("done", look=PROJECT),
        ]
    )


def rounds(run, name):
    return [one["round"] for one in run.result(name)["rounds"]]


def test_rounds_are_told_by_number_and_status(odd):
    assert rounds(odd, "without outcome") == [3] and rounds(odd, "completed") == [3, 1]
    assert rounds(odd, "requested") == [4] and rounds(odd, "cancelled and numbered") == []
    (one,) = odd.result("without outcome")["rounds"]
    assert "outcome" not in one and "status" not in one["vulnerabilities"][0]


def test_a_round_or_project_that_does_not_exist_fails_by_name(odd):
    assert "9" in odd.result("no such round")["msg"] and "1, 2, 3, 4" in odd.result("no such round")["msg"]
    for option in ("round", "wait_timeout", "wait_interval"):
        assert option in odd.result("round 0")["msg"]
    assert "GetProjectById" in odd.result("another project")["msg"]


def test_a_finding_that_cannot_be_seen_is_pending(odd):
    (one,) = odd.result("hidden")["rounds"]
    assert one["outcome"] == {"closed": 0, "reopened": 1, "pending": 2}
    assert one["vulnerabilities"][0]["status"] is None


def test_a_status_that_nobody_documents_is_told_with_a_warning(odd):
    (one,) = odd.result("a word")["rounds"]
    assert one["status"] == "paused" and one["open"] is False
    assert any("paused" in text for text in odd.result("a word")["warnings"])


def test_a_scope_that_is_not_told_is_not_taken_for_an_empty_one(odd):
    """A round of which nothing is known must be told apart from one in which everything is closed."""
    result = odd.result("no scope")
    assert result["rounds"][0]["outcome"] is None and result["rounds"][0]["vulnerabilities"] == []
    assert any("round 4" in text for text in result["warnings"])


def test_a_project_without_rounds_has_none(odd):
    assert rounds(odd, "partner") == []


def test_only_reads_are_sent(odd):
    assert odd.result("as a preview")["changed"] is False
    assert {row["http"] for row in odd.result("done")["log"]} == {"GET"}


def looks(sandbox, count):
    """Wait until the project was read so often."""
    deadline = time.monotonic() + 60
    while len(sandbox.log("GetProjectById")) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


WAITING = dict(outcome=True, wait=True, wait_interval=0.3)


def test_it_waits_until_the_round_is_finished_and_says_at_each_look_how_it_stands(plays, sandbox):
    sandbox.act(**held(1, 2, 3))
    wait = plays.start([info("wait", wait_timeout=120, retries=4, **WAITING)])
    looks(sandbox, 2)
    sandbox.act("close", id=ID[1])
    sandbox.act("reopen", id=ID[2])
    looks(sandbox, len(sandbox.log("GetProjectById")) + 2)
    sandbox.fault("status", "GetProjectById", code=503, times=1)
    looks(sandbox, len(sandbox.log("GetProjectById")) + 3)
    sandbox.act("complete_round")
    run = wait()
    assert run.rc == 0, run.output
    assert run.result("wait")["rounds"][0]["status"] == "completed"
    assert run.result("wait")["rounds"][0]["outcome"] == {"closed": 1, "reopened": 1, "pending": 1}
    lines = [line for line in run.output.splitlines() if "Next look in 0.3 s" in line]
    assert len(lines) >= 3 and lines == sorted(lines, key=lambda line: "1 closed" in line)
    assert lines[0].startswith("Round 2 is open: 0 closed, 0 reopened, 3 pending.")
    assert lines[-1].startswith("Round 2 is open: 1 closed, 1 reopened, 1 pending.")
    assert all("at most 1 min more" in line or "at most 2 min more" in line for line in lines)


def test_it_waits_no_longer_than_it_may_and_looks_once_more_at_the_end(plays, sandbox):
    """The interval need not go into the time: the last look is when the time is over."""
    sandbox.act(**held(1))
    run = plays.ok(
        [
            info("once", outcome=True),
            info("wait", wait_timeout=1.2, **{**WAITING, "wait_interval": 1}),
            info("long interval", wait_timeout=0.5, **{**WAITING, "wait_interval": 60}),
        ]
    )
    assert run.result("wait")["rounds"][0]["open"] is True
    assert len(sandbox.log("GetProjectById")) == 1 + 3 + 2


def test_a_round_that_is_not_open_is_not_waited_for(plays, sandbox):
    run = plays.ok([info("wait", round=1, wait_timeout=600, **{**WAITING, "wait_interval": 300})])
    assert run.result("wait")["rounds"][0]["status"] == "completed"
    assert len(sandbox.log("GetProjectById")) == 1


def test_what_it_waits_for_without_a_number_is_every_round(plays, sandbox):
    sandbox.act(**held(1))
    sandbox.act(**held(2))
    wait = plays.start([info("wait", wait=True, wait_timeout=120, wait_interval=0.2)])
    looks(sandbox, 2)
    sandbox.act("cancel_round", round=2)
    looks(sandbox, len(sandbox.log("GetProjectById")) + 2)
    sandbox.act("complete_round", round=3)
    run = wait()
    assert [one["status"] for one in run.result("wait")["rounds"]] == ["completed", "cancelled", "completed"]
    assert "Round 3 is open." in run.output and "Round 2 is open." in run.output


def test_a_refusal_ends_the_wait(plays, sandbox):
    sandbox.act(**held(1))
    sandbox.fault("status", "GetProjectById", code=403, skip=1, times=-1)
    run = plays.ok([info("wait", wait_timeout=600, **WAITING)])
    assert run.outcome("wait") == "failed" and "GetProjectById is not granted" in run.result("wait")["msg"]


def test_a_module_on_another_host_waits_too(tmp_path, sandbox):
    sandbox.act(**held(1))
    run = Plays(tmp_path, sandbox, "module").ok([info("wait", wait_timeout=0.5, **WAITING)])
    assert run.result("wait")["rounds"][0]["outcome"] == {"closed": 0, "reopened": 0, "pending": 1}
