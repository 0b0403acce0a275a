# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two ansible-playbook processes that ask for the same at the same moment: the service has no lock."""

from __future__ import annotations

import pytest

from tests.integration.plays import Plays, task

PROJECT = "66333e1d110ab5acf8a4354e"
READY = ["6639508f50523053f459d29f", "6639508f50523053f459d2a0"]
APART = 6  # seconds that both have between their looks, far more than two processes start apart
REQUEST = dict(
    project_id=PROJECT,
    vulnerability_ids=READY,
    retesting_window_start="2030-12-01",
    retesting_window_end="2030-12-08",
    timeout=20,
)


@pytest.fixture(name="race")
def fixture_race(tmp_path, sandbox):
    """Run two plays so that both have read the history before either asks. Returns their Runs."""

    def race(first, second):
        sandbox.fault("slow", "GetProjectVulnerabilitiesById", seconds=APART, times=2)
        waits = []
        for name, tasks in (("first", first), ("second", second)):
            (tmp_path / name).mkdir()
            waits.append(Plays(tmp_path / name, sandbox).start(tasks))
        runs = [wait() for wait in waits]
        methods = [row["method"] for row in sandbox.log()]
        asked = methods.index("RequestNewProjectRetest")
        assert methods[:asked].count("GetProjectById") == 2, "one of them was too slow for a race"
        return runs

    return race


def test_both_rounds_are_named_in_a_warning_of_a_run_and_of_a_rerun(race, plays, sandbox):
    runs = race([task("request", "retest", **REQUEST)], [task("request", "retest", **REQUEST)])
    assert [run.outcome("request") for run in runs] == ["changed", "changed"]
    assert sandbox.books()["open_rounds"] == [2, 3]
    assert any("Rounds 2 and 3" in text for run in runs for text in run.warnings)
    rerun = plays.ok([task("request", "retest", **REQUEST)])
    assert rerun.outcome("request") == "ok"
    assert any("Rounds 2 and 3" in text for text in rerun.warnings)
    assert sandbox.books()["open_rounds"] == [2, 3]


def test_with_on_duplicate_cancel_the_older_round_is_left_and_nobody_fails(race, plays, sandbox):
    tasks = [task("request", "retest", on_duplicate="cancel", **REQUEST)]
    runs = race(tasks, tasks)
    assert [run.outcome("request") for run in runs] == ["changed", "changed"]
    assert sandbox.books()["open_rounds"] == [2]
    assert {run.result("request")["retest"]["round"] for run in runs} == {2}
    assert any("round 3" in text and "cancelled" in text for run in runs for text in run.warnings)
    assert plays.ok(tasks).outcome("request") == "ok"


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


def test_two_cancellations_at_the_same_moment_both_succeed(tmp_path, plays, sandbox):
    plays.ok([task("request", "retest", **REQUEST)])
    sandbox.clear_log()
    sandbox.fault("slow", "GetProjectById", seconds=APART, times=2)
    waits = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        waits.append(
            Plays(tmp_path / name, sandbox).start(
                [task("cancel", "retest", project_id=PROJECT, state="cancelled", timeout=20)]
            )
        )
    runs = [wait() for wait in waits]
    assert [row["method"] for row in sandbox.log()].count("CancelProjectRetestRound") == 2
    assert [run.outcome("cancel") for run in runs] == ["changed", "changed"]
    assert sandbox.books()["open_rounds"] == []
