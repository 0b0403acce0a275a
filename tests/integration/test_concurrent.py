# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two runs that ask for the same at the same moment: the service has no lock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.calls import Calls
from tests.integration.plays import Plays, task

PROJECT = "66333e1d110ab5acf8a4354e"
READY = ["6639508f50523053f459d29f", "6639508f50523053f459d2a0"]
APART = 1.5  # seconds that both have between their reads, far more than two threads start apart
PROCESSES_APART = 6  # the same of two processes
REQUEST = dict(
    project_id=PROJECT,
    vulnerability_ids=READY,
    retesting_window_start="2030-12-01",
    retesting_window_end="2030-12-08",
    timeout=20,
)


def in_threads(sandbox, *lists):
    """Run lists of tasks at the same time. Returns their Runs."""
    with ThreadPoolExecutor(len(lists)) as pool:
        return list(pool.map(Calls(sandbox).ok, lists))


def hold_race(sandbox):
    """Whether both had read the history before either asked."""
    methods = [row["method"] for row in sandbox.log()]
    asked = methods.index("RequestNewProjectRetest")
    assert methods[:asked].count("GetProjectById") >= 2, "one of them was too slow for a race"


@pytest.fixture(name="race")
def fixture_race(sandbox):
    """Run two lists of tasks so that both have read the history before either asks. Returns their Runs."""

    def race(first, second):
        sandbox.fault("slow", "GetProjectVulnerabilitiesById", seconds=APART, times=2)
        runs = in_threads(sandbox, first, second)
        hold_race(sandbox)
        return runs

    return race


def test_two_processes_ask_at_the_same_moment(tmp_path, plays, sandbox):
    sandbox.fault("slow", "GetProjectVulnerabilitiesById", seconds=PROCESSES_APART, times=2)
    tasks, waits = [task("request", "retest", on_duplicate="cancel", **REQUEST)], []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        waits.append(Plays(tmp_path / name, sandbox).start(tasks))
    runs = [wait() for wait in waits]
    hold_race(sandbox)
    assert [run.outcome("request") for run in runs] == ["changed", "changed"]
    assert {run.result("request")["retest"]["round"] for run in runs} == {2}
    assert any("round 3" in text and "cancelled" in text for run in runs for text in run.warnings)
    assert plays.ok(tasks).outcome("request") == "ok"
    assert sandbox.books()["open_rounds"] == [2]


def test_both_rounds_are_named_in_a_warning_of_a_run_and_of_a_rerun(race, calls, sandbox):
    runs = race([task("request", "retest", **REQUEST)], [task("request", "retest", **REQUEST)])
    assert [run.outcome("request") for run in runs] == ["changed", "changed"]
    assert sandbox.books()["open_rounds"] == [2, 3]
    assert any("Rounds 2 and 3" in text for run in runs for text in run.warnings)
    rerun = calls.ok([task("request", "retest", **REQUEST)])
    assert rerun.outcome("request") == "ok"
    assert any("Rounds 2 and 3" in text for text in rerun.warnings)
    assert sandbox.books()["open_rounds"] == [2, 3]


def test_with_on_duplicate_cancel_the_older_round_is_left_and_nobody_fails(race, calls, sandbox):
    tasks = [task("request", "retest", on_duplicate="cancel", **REQUEST)]
    runs = race(tasks, tasks)
    assert [run.outcome("request") for run in runs] == ["changed", "changed"]
    assert sandbox.books()["open_rounds"] == [2]
    assert {run.result("request")["retest"]["round"] for run in runs} == {2}
    assert any("round 3" in text and "cancelled" in text for run in runs for text in run.warnings)
    assert calls.ok(tasks).outcome("request") == "ok"


def test_the_older_round_is_left_also_where_the_answers_were_lost(race, sandbox):
    sandbox.fault("reset", "RequestNewProjectRetest", when="after", times=2)
    tasks = [task("request", "retest", on_duplicate="cancel", **REQUEST)]
    runs = race(tasks, tasks)
    assert [run.outcome("request") for run in runs] == ["changed", "changed"]
    assert sandbox.books()["open_rounds"] == [2]


def test_a_second_request_that_the_service_refuses_is_no_failure(race, sandbox):
    sandbox.switch(overlapping_requests="refused")
    tasks = [task("request", "retest", **REQUEST)]
    runs = race(tasks, tasks)
    assert sorted(run.outcome("request") for run in runs) == ["changed", "ok"]
    assert sandbox.books()["open_rounds"] == [2]


def test_rounds_that_share_some_findings_are_left_to_a_person(race, sandbox):
    more = {**REQUEST, "vulnerability_ids": [*READY, "6639508f50523053f459d2a1"]}
    runs = race(
        [task("request", "retest", on_duplicate="cancel", **REQUEST)],
        [task("request", "retest", on_duplicate="cancel", **more)],
    )
    assert {run.outcome("request") for run in runs} == {"changed"}
    assert sandbox.books()["open_rounds"] == [2, 3]
    assert any("Rounds 2 and 3" in text and READY[0] in text for run in runs for text in run.warnings)


def test_two_cancellations_at_the_same_moment_both_succeed(calls, sandbox):
    calls.ok([task("request", "retest", **REQUEST)])
    sandbox.clear_log()
    sandbox.fault("slow", "GetProjectById", seconds=APART, times=2)
    cancel = [task("cancel", "retest", project_id=PROJECT, state="cancelled", timeout=20)]
    runs = in_threads(sandbox, cancel, cancel)
    assert [row["method"] for row in sandbox.log()].count("CancelProjectRetestRound") == 2
    assert [run.outcome("cancel") for run in runs] == ["changed", "changed"]
    assert sandbox.books()["open_rounds"] == []


def test_two_release_steps_at_the_same_moment_end_with_one_round(race, sandbox):
    """Notes have no number to go by, so that two of the same may stand; the round is one in the end."""
    release = dict(select={"tags": ["login"]}, release="2026.12", mark_ready=True, on_duplicate="cancel")
    step = {"project_id": PROJECT, "retesting_window_start": "2030-12-01", "timeout": 20, **release}
    runs = race([task("request", "retest", **step)], [task("request", "retest", **step)])
    assert [run.outcome("request") for run in runs] == ["changed", "changed"]
    assert sandbox.books()["open_rounds"] == [2]
