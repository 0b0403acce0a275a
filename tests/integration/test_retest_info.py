# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rounds over HTTP: which there are and how they went, read right however the service writes them; and waiting."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.calls import Calls
from tests.integration.plays import steer, task

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
OUTCOMES = {1: (2, 1, 0), 2: (1, 1, 0), 3: (1, 1, 1), 4: (1, 1, 1)}  # fixed, reopened, pending
# Rows of actions show what was tested only when the round is completed. Until then open may mean that nobody was there.
OUTCOMES_BY_ACTION = {**OUTCOMES, 4: (1, 0, 2)}
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
def fixture_tenants(running_sandbox):
    tasks = []
    for switches in TENANTS:
        tasks += [steer("switch", reset={"switches": switches}, act=STORY), info(label(switches), outcome=True)]
    running_sandbox.reset()
    return Calls(running_sandbox).ok(tasks)


@pytest.mark.parametrize("switches", TENANTS, ids=label)
def test_rounds_and_their_outcome_are_read_right(tenants, switches):
    rounds = tenants.result(label(switches))["rounds"]
    assert [one["round"] for one in rounds] == [4, 3, 2, 1]
    assert {one["round"]: one["status"] for one in rounds} == STATUSES
    assert [one["round"] for one in rounds if one["open"]] == [4]
    assert {one["round"]: tuple(one["outcome"][key] for key in ("fixed", "reopened", "pending")) for one in rounds} == (
        OUTCOMES_BY_ACTION if "per_action" in switches.values() else OUTCOMES
    )
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
def test_a_finding_that_nobody_has_tested_is_pending(calls, switches):
    run = calls.ok(
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
    assert outcome(run, "info") == {"fixed": 0, "reopened": 0, "pending": 2}
    assert outcome(run, "completed") == {"fixed": 1, "reopened": 1, "pending": 0}


@pytest.fixture(scope="module", name="odd")
def fixture_odd(running_sandbox):
    def wrong(path, **more):
        return [dict(fault="wrong_type", method="GetProjectById", path=path, times=1, **more)]

    running_sandbox.reset()
    return Calls(running_sandbox).ok(
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


def outcome(run, name):
    """How many findings of the first round were fixed, reopened and not tested."""
    counted = run.result(name)["rounds"][0]["outcome"]
    return {kind: counted[kind] for kind in ("fixed", "reopened", "pending")}


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
    assert outcome(odd, "hidden") == {"fixed": 0, "reopened": 1, "pending": 2}
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


WAITING = dict(outcome=True, wait=True, wait_interval=0.3)


@pytest.fixture(name="waiting")
def fixture_waiting(sandbox):
    """Start a task that waits, in a thread. Returns a function that waits for it and returns its Run."""
    with ThreadPoolExecutor(1) as pool:

        def start(**options):
            return pool.submit(Calls(sandbox).ok, [info("wait", **options)]).result

        yield start


@pytest.fixture(name="after_reads")
def fixture_after_reads(sandbox):
    """Wait until the project was read so many more times."""

    def wait(count):
        wanted, deadline = len(sandbox.log("GetProjectById")) + count, time.monotonic() + 60
        while len(sandbox.log("GetProjectById")) < wanted:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    return wait


def progress(run):
    return [line for line in run.output.splitlines() if "Next read in" in line]


def test_it_waits_until_the_round_is_finished_and_says_at_each_read_how_it_stands(waiting, after_reads, sandbox):
    sandbox.act(**held(1, 2, 3))
    wait = waiting(wait_timeout=120, **{**WAITING, "retries": 4})
    after_reads(2)
    sandbox.act("close", id=ID[1])
    sandbox.act("reopen", id=ID[2])
    after_reads(2)
    sandbox.fault("status", "GetProjectById", code=503, times=1)
    after_reads(3)
    sandbox.act("complete_round")
    run = wait(60)
    assert run.result("wait")["rounds"][0]["status"] == "completed"
    assert outcome(run, "wait") == {"fixed": 1, "reopened": 1, "pending": 1}
    lines = progress(run)
    assert len(lines) >= 3 and lines == sorted(lines, key=lambda line: "1 fixed" in line)
    assert lines[0].startswith("Round 2 is open: 3 pending. Next read in 0.3 s, at most ")
    assert lines[-1].startswith("Round 2 is open: 1 fixed, 1 reopened, 1 pending.")
    assert all(re.search("at most [12] min more", line) for line in lines)


def test_it_waits_no_longer_than_it_may_and_reads_once_more_at_the_end(calls, sandbox):
    """The interval need not go into the time: the last read is when the time is over."""
    sandbox.act(**held(1))
    run = calls.ok(
        [
            info("once", outcome=True),
            info("wait", wait_timeout=1.2, **{**WAITING, "wait_interval": 1}),
            info("long interval", wait_timeout=0.5, **{**WAITING, "wait_interval": 60}),
        ]
    )
    assert run.result("wait")["rounds"][0]["open"] is True
    # On a slow machine the read after one second may be the last one.
    assert len(sandbox.log("GetProjectById")) in (1 + 3 + 2, 1 + 2 + 2)


def test_a_round_that_is_not_open_is_not_waited_for(calls, sandbox):
    run = calls.ok([info("wait", round=1, wait_timeout=600, **{**WAITING, "wait_interval": 300})])
    assert run.result("wait")["rounds"][0]["status"] == "completed"
    assert len(sandbox.log("GetProjectById")) == 1


def test_what_it_waits_for_without_a_number_is_every_round(waiting, after_reads, sandbox):
    sandbox.act(**held(1))
    sandbox.act(**held(2))
    wait = waiting(wait=True, wait_timeout=120, wait_interval=0.2)
    after_reads(2)
    sandbox.act("cancel_round", round=2)
    after_reads(2)
    sandbox.act("complete_round", round=3)
    run = wait(60)
    assert [one["status"] for one in run.result("wait")["rounds"]] == ["completed", "cancelled", "completed"]
    assert "Round 3 is open." in run.output and "Round 2 is open." in run.output


# What a wait can see for a moment: {name: fault}.
BAD_MOMENTS = {
    "403": dict(fault="status", code=403),
    "404": dict(fault="status", code=404),
    "a redirect": dict(fault="redirect", url="http://127.0.0.1:9/login"),
    "a login page": dict(fault="login_page"),
    "odd JSON": dict(fault="replace", document={"project": 7}),
    "a counter ahead of its history": dict(fault="counter_ahead"),
    "an empty history": dict(fault="wrong_type", path=HISTORY, value=[]),
    "no connection": dict(fault="refuse", when="before", seconds=0.5),
}


@pytest.mark.parametrize("name", BAD_MOMENTS)
def test_a_bad_moment_is_a_warning_and_does_not_end_the_wait(waiting, after_reads, sandbox, name):
    sandbox.act(**held(1))
    sandbox.script([{"method": "GetProjectById", "skip": 1, "times": 2, **BAD_MOMENTS[name]}])
    wait = waiting(wait_timeout=30, **WAITING)
    after_reads(4)
    sandbox.act("close", id=ID[1])
    sandbox.act("complete_round")
    run = wait(60)
    assert run.outcome("wait") == "ok" and outcome(run, "wait")["fixed"] == 1
    if name != "a counter ahead of its history":
        warnings = run.result("wait")["warnings"]
        assert warnings
        assert all(text.startswith("A read failed while waiting, and was repeated: GetProject") for text in warnings)


def test_a_refusal_to_the_end_of_the_wait_fails_with_its_causes(calls, sandbox):
    sandbox.act(**held(1))
    sandbox.fault("status", "GetProjectById", code=403, skip=1, times=-1)
    run = calls.ok([info("wait", wait_timeout=1, **WAITING)])
    assert run.outcome("wait") == "failed" and "GetProjectById is not granted" in run.result("wait")["msg"]


def test_a_round_that_is_not_shown_yet_is_waited_for(waiting, after_reads, sandbox):
    """A history may lag behind."""
    wait = waiting(wait_timeout=30, round=2, **WAITING)
    after_reads(2)
    sandbox.act(**held(1))
    sandbox.act("close", id=ID[1])
    sandbox.act("complete_round")
    run = wait(60)
    assert run.result("wait")["rounds"][0]["status"] == "completed"
    assert any("there is no round 2" in text for text in run.result("wait")["warnings"])


def test_a_play_waits_in_process_and_as_a_module(plays, sandbox):
    """Where the play runs in process, people see a line for each read."""
    runs = plays.both([steer("round", act=[held(1)]), info("wait", wait_timeout=0.5, **WAITING)])
    for mode, run in runs.items():
        assert outcome(run, "wait") == {"fixed": 0, "reopened": 0, "pending": 1}, mode
    assert "Round 2 is open: 1 pending. Next read in 0.3 s" in runs["process"].output


# {case: (people's acts in round 2 of two findings, options, passed, outcomes (the worst first), words of the message)}
VERDICTS = {
    "all fixed": (
        [{"do": "close", "ids": [ID[1], ID[2]], "reason": "Issue has been fixed"}],
        {},
        True,
        ["fixed"] * 2,
        [],
    ),
    "one reopened": (
        [{"do": "close", "id": ID[1]}, {"do": "reopen", "id": ID[2]}],
        {},
        False,
        ["reopened", "fixed"],
        ["WEBAPP-2"],
    ),
    "one reopened, its priority ignored": (
        [{"do": "close", "id": ID[1]}, {"do": "reopen", "id": ID[2]}],
        {"ignore_priorities": ["High"]},
        True,
        ["reopened", "fixed"],
        [],
    ),
    "one accepted": (
        [{"do": "close", "id": ID[1]}, {"do": "close", "id": ID[2], "reason": "Risk accepted"}],
        {},
        True,
        ["accepted", "fixed"],
        ["WEBAPP-2", "Risk accepted"],
    ),
    "one accepted, only fixed passes": (
        [{"do": "close", "id": ID[1]}, {"do": "close", "id": ID[2], "reason": "Risk accepted"}],
        {"fixed_only": True},
        False,
        ["accepted", "fixed"],
        ["WEBAPP-2", "fixed_only"],
    ),
    "one not tested": ([{"do": "close", "id": ID[1]}], {}, False, ["pending", "fixed"], ["WEBAPP-2"]),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_the_verdict(calls, sandbox, name):
    acts, options, passed, outcomes, words = VERDICTS[name]
    run = calls.ok(
        [
            steer("people", act=[held(1, 2), *acts]),
            info("open", verdict=True),
            steer("end", act=[{"do": "complete_round"}]),
            info("verdict", verdict=True, **options),
        ]
    )
    still_open, verdict = (run.result(name)["verdict"] for name in ("open", "verdict"))
    assert not still_open["passed"] and "still open" in still_open["message"]
    assert verdict["passed"] is passed, verdict
    assert [one["outcome"] for one in verdict["rounds"][0]["vulnerabilities"]] == outcomes
    assert [word for word in words if word not in verdict["message"]] == []
    counted = {kind: outcomes.count(kind) for kind in ("fixed", "accepted", "reopened", "pending", "removed")}
    assert verdict["totals"] == {**counted, "ignored": int("ignore_priorities" in options)}


def test_a_finding_that_was_taken_out_of_the_round_holds_the_gate(calls, sandbox):
    run = calls.ok(
        [
            steer("people", act=[held(1), {"do": "close", "id": ID[1]}, {"do": "complete_round"}]),
            info("verdict", verdict=True, vulnerability_ids=[ID[1], ID[2]]),
            info(
                "handle",
                project_id=None,
                verdict=True,
                rounds=[
                    {"project_id": PROJECT, "round": 2, "vulnerability_ids": [ID[1], ID[2]], "status": "requested"}
                ],
            ),
        ]
    )
    for name in ("verdict", "handle"):
        verdict = run.result(name)["verdict"]
        assert not verdict["passed"] and "WEBAPP-2" in verdict["message"]
        assert [one["outcome"] for one in verdict["rounds"][0]["vulnerabilities"]] == ["removed", "fixed"]


def test_who_closed_a_finding_is_told_where_the_history_of_revisions_is_granted(calls, sandbox):
    tasks = [
        steer("people", act=[held(1), {"do": "close", "id": ID[1]}, {"do": "complete_round"}]),
        info("granted", verdict=True, revision_history=True),
        info("not granted", verdict=True, revision_history=True, api_key=sandbox.keys["viewer"]),
    ]
    run = calls.ok(tasks)
    (granted,), (other,) = (
        run.result(name)["verdict"]["rounds"][0]["vulnerabilities"] for name in ("granted", "not granted")
    )
    assert granted["closed_by"] and granted["closed_at"]
    assert run.result("not granted")["verdict"]["passed"] and other["outcome"] == "fixed"
