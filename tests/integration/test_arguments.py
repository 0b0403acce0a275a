# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad input: each mistake names its option, all are told at once, and nothing arrives at the service."""

from __future__ import annotations

import re

import pytest

from tests.integration.calls import Calls
from tests.integration.plays import Plays, task

pytestmark = pytest.mark.every_core

PROJECT = "66333e1d110ab5acf8a4354e"
WEBAPP_1 = "6639508f50523053f459d29f"
GOOD = dict(
    project_id=PROJECT,
    vulnerability_ids=[WEBAPP_1],
    retesting_window_start="2030-12-01",
    retesting_window_end="2030-12-08",
)
START, END = "retesting_window_start", "retesting_window_end"
SELECT = dict(project_id=PROJECT, retesting_window_start="2030-12-01")
MARK = dict(project_id=PROJECT, vulnerability_ids=[WEBAPP_1])


def without(name):
    return {option: value for option, value in GOOD.items() if option != name}


# {what is wrong: (module, options, the option that the message has to name)}
CASES = {
    "no project": ("retest", without("project_id"), "project_id"),
    "an empty project": ("retest", dict(GOOD, project_id=" "), "project_id"),
    "a project that is a number": ("retest", dict(GOOD, project_id=4711), "project_id"),
    "a bad finding": ("retest", dict(GOOD, vulnerability_ids=[WEBAPP_1, "WEBAPP-2"]), "vulnerability_ids[1]"),
    "a dictionary as a finding": ("retest", dict(GOOD, vulnerability_ids=[{"id": WEBAPP_1}]), "vulnerability_ids"),
    "no findings": ("retest", without("vulnerability_ids"), "vulnerability_ids"),
    "an empty list": ("retest", dict(GOOD, vulnerability_ids=[]), "vulnerability_ids"),
    "no start": ("retest", without(START), START),
    "a start that is no date": ("retest", dict(GOOD, retesting_window_start="next tuesday"), START),
    "a start that is not in the calendar": ("retest", dict(GOOD, retesting_window_start="2030-02-30"), START),
    "an end before the start": ("retest", dict(GOOD, retesting_window_end="2030-11-30"), END),
    "an end at the start": ("retest", dict(GOOD, retesting_window_end="2030-12-01"), END),
    "an end that is over": (
        "retest",
        dict(GOOD, retesting_window_start="2020-01-01", retesting_window_end="2020-01-02"),
        END,
    ),
    "a span of nothing": ("retest", dict(GOOD, retesting_window_end="+0d"), END),
    "a span beyond all calendars": ("retest", dict(GOOD, retesting_window_end="+999999999999w"), END),
    "an unknown state": ("retest", dict(GOOD, state="wished"), "state"),
    "an unknown option": ("retest", dict(GOOD, colour="red"), "colour"),
    "a round for a request": ("retest", dict(GOOD, round=2), "round"),
    "round zero": ("retest", dict(project_id=PROJECT, state="cancelled", round=0), "round"),
    "no number": ("retest", dict(project_id=PROJECT, state="cancelled", round="second"), "round"),
    "no round without preflight": ("retest", dict(project_id=PROJECT, state="completed", preflight=False), "round"),
    "an unknown policy": ("retest", dict(GOOD, on_window_change="shrug"), "on_window_change"),
    "an unknown way with what was sent back": ("retest", dict(GOOD, on_reopened="shrug"), "on_reopened"),
    "an unknown way with doubles": ("retest", dict(GOOD, on_duplicate="shrug"), "on_duplicate"),
    "no truth value": ("retest", dict(GOOD, preflight="perhaps"), "preflight"),
    "an option that is gone": ("retest", dict(GOOD, assume_ready=[WEBAPP_1]), "assume_ready"),
    "ids and a selection": ("retest", dict(GOOD, select={"tags": ["x"]}), "vulnerability_ids"),
    "an empty selection": ("retest", dict(SELECT, select={}), "select"),
    "an unknown condition": ("retest", dict(SELECT, select={"colour": "red"}), "select"),
    "a condition without a value": ("retest", dict(SELECT, select={"tags": None}), "select"),
    "a wrong priority in a selection": ("retest", dict(SELECT, select={"priorities": ["Urgent"]}), "select.priorities"),
    "a bad id in a selection": ("retest", dict(SELECT, select={"ids": ["x"]}), "select.ids[0]"),
    "no CVE": ("retest", dict(SELECT, select={"cves": ["2026-1"]}), "select.cves[0]"),
    "a number in a selection": ("retest", dict(SELECT, select={"tags": [2026.1]}), "select.tags"),
    "a date that is none in a selection": (
        "retest",
        dict(SELECT, select={"target_before": "x"}),
        "select.target_before",
    ),
    "an empty release": ("retest", dict(GOOD, release=" "), "release"),
    "a release that is a number": ("retest", dict(GOOD, release=2026.1), "release"),
    "a note that is a truth value": ("retest", dict(GOOD, remediation_note=True), "remediation_note"),
    "dates of no round": ("retest", dict(GOOD, requested_date="2030-12-01"), "requested_date"),
    "dates and a window": ("retest", dict(GOOD, round=1, requested_date="2030-12-01"), "vulnerability_ids"),
    "dates and a cancellation": (
        "retest",
        dict(project_id=PROJECT, state="cancelled", round=1, completed_date="2030-12-01"),
        "completed_date",
    ),
    "a date that is none": ("retest", dict(project_id=PROJECT, round=1, requested_date="then"), "requested_date"),
    "a name without preflight": ("retest", dict(GOOD, project_id="WEBAPP", preflight=False), "project_id"),
    "a note without preflight": ("retest", dict(GOOD, release="1.2.3", preflight=False), "release"),
    "ready without preflight": ("retest", dict(GOOD, mark_ready=True, preflight=False), "mark_ready"),
    "clear text": ("retest", dict(GOOD, base_url="http://tenant.attackforge.com"), "base_url"),
    "another scheme": ("retest", dict(GOOD, base_url="ftp://127.0.0.1"), "base_url"),
    "a password in the URL": ("retest", dict(GOOD, base_url="https://me:hush-hush@127.0.0.1"), "base_url"),
    "a query in the URL": ("retest", dict(GOOD, base_url="https://127.0.0.1/?a=b"), "base_url"),
    "the root of the API": ("retest", dict(GOOD, base_url="https://127.0.0.1/api/ss"), "base_url"),
    "a port that is none": ("retest", dict(GOOD, base_url="https://127.0.0.1:99999"), "base_url"),
    "a loopback in name only": ("retest", dict(GOOD, base_url="http://127.0.0.1.example.com"), "base_url"),
    "a key of two lines": ("retest", dict(GOOD, api_key="two\nlines-of-a-key"), "api_key"),
    "a key with its line break": ("retest", dict(GOOD, api_key="read-from-a-file\n"), "api_key"),
    "a key beyond Latin": ("retest", dict(GOOD, api_key="ключ-с-буквами"), "api_key"),
    "no key": ("retest", dict(GOOD, api_key=""), "api_key"),
    "a CA that is not there": ("retest", dict(GOOD, ca_path="/no/such/ca.pem"), "ca_path"),
    "no time at all": ("retest", dict(GOOD, timeout=0), "timeout"),
    "time without end": ("retest", dict(GOOD, timeout="inf"), "timeout"),
    "not a number of seconds": ("retest", dict(GOOD, timeout="nan"), "timeout"),
    "fewer than no retries": ("retest", dict(GOOD, retries=-1), "retries"),
    "nothing to mark": ("vulnerability", MARK, "status"),
    "an empty note": ("vulnerability", dict(MARK, remediation_note=" "), "remediation_note"),
    "nothing to mark it on": ("vulnerability", dict(MARK, vulnerability_ids=[], status="retest"), "vulnerability_ids"),
    "no expression": ("vulnerability_info", dict(project_id=PROJECT, title="("), "title"),
    "no query": ("vulnerability_info", dict(project_id=PROJECT, query="priority=High"), "query"),
    "an unknown priority": ("vulnerability_info", dict(project_id=PROJECT, priorities=["Urgent"]), "priorities"),
    "a round below zero": ("retest_info", dict(project_id=PROJECT, round=-1), "round"),
    "rounds and a project": ("retest_info", dict(project_id=PROJECT, rounds=[{"project_id": PROJECT}]), "project_id"),
    "no rounds": ("retest_info", dict(rounds=[]), "rounds"),
    "a round of no project": ("retest_info", dict(rounds=[{"round": 1}]), "rounds[0].project_id"),
    "a verdict by status": ("retest_info", dict(project_id=PROJECT, verdict=True, status="completed"), "status"),
    "an unknown priority to ignore": (
        "retest_info",
        dict(project_id=PROJECT, ignore_priorities=["Urgent"]),
        "ignore_priorities",
    ),
    "a wait of no time": ("retest_info", dict(project_id=PROJECT, wait=True, wait_timeout=0), "wait_timeout"),
}
ALL_AT_ONCE = dict(
    project_id=" ",
    vulnerability_ids=["x", WEBAPP_1, "y"],
    retesting_window_start="soon",
    colour="red",
    retesting_window_end="2020-01-01",
    timeout=-1,
    retries=99,
    base_url="http://tenant.attackforge.com",
    on_window_change="shrug",
    api_key="two\nlines-of-a-key",
)
ALL_NAMED = (
    "project_id",
    "vulnerability_ids[0]",
    "vulnerability_ids[2]",
    START,
    END,
    "colour",
    "timeout",
    "retries",
    "base_url",
    "on_window_change",
    "api_key",
)


# One of each kind; how Ansible hands over options and mistakes differs by kind alone.
IN_PLAYS = (
    "no project",
    "a bad finding",
    "a dictionary as a finding",
    "an end before the start",
    "an unknown state",
    "an unknown option",
    "no truth value",
    "a release that is a number",
    "a number in a selection",
    "a password in the URL",
    "a key of two lines",
    "a CA that is not there",
    "nothing to mark",
    "no query",
    "a wait of no time",
)


@pytest.fixture(scope="module", name="runs")
def fixture_runs(tmp_path_factory, running_sandbox):
    """All cases in each mode without a play, and some in a play; what arrives at the sandbox."""
    running_sandbox.reset()
    running_sandbox.clear_log()
    tasks = {name: task(name, module, **options) for name, (module, options, _option) in CASES.items()}
    tasks["all at once"] = task("all at once", "retest", **ALL_AT_ONCE)
    found = {mode: Calls(running_sandbox, mode).ok(tasks.values()) for mode in ("process", "module")}
    plays = Plays(tmp_path_factory.mktemp("plays"), running_sandbox)
    played = plays.both([tasks[name] for name in (*IN_PLAYS, "all at once")], "-vvv")
    found.update({f"play, {mode}": run for mode, run in played.items()})
    assert played["process"].rc == 0, played["process"].output
    return found, running_sandbox.log()


def message(run, name):
    """What a task failed with, without what Ansible words otherwise each time."""
    assert run.outcome(name) == "failed"
    told = run.result(name)["msg"].replace("ansible.module_utils._internal._datatag._AnsibleTaggedStr", "str")
    return re.sub(r"it is now [0-9T:.-]+Z|Valid booleans include:.*", "...", told)


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_names_its_option(runs, name):
    told = message(runs[0]["process"], name)
    assert re.search(rf"(?<!\w){re.escape(CASES[name][2])}(?!\w)", told)
    assert "should not have happened" not in told
    assert "othing was sent" in runs[0]["process"].result(name)["msg"]


@pytest.mark.parametrize("name", [*CASES, "all at once"])
def test_a_module_says_the_same(runs, name):
    assert message(runs[0]["module"], name) == message(runs[0]["process"], name)


@pytest.mark.parametrize("mode", ["process", "module"])
@pytest.mark.parametrize("name", [*IN_PLAYS, "all at once"])
def test_a_play_says_the_same(runs, name, mode):
    assert message(runs[0][f"play, {mode}"], name) == message(runs[0]["process"], name)


def test_all_mistakes_are_told_at_once(runs):
    told = message(runs[0]["process"], "all at once")
    assert [name for name in ALL_NAMED if name not in told] == []
    assert told.count("\n- ") == len(ALL_NAMED)


def test_nothing_arrives_at_the_service(runs):
    assert runs[1] == []


@pytest.mark.parametrize("mode", ["process", "module", "play, process", "play, module"])
def test_there_is_no_traceback_and_no_key(runs, mode):
    assert "Traceback" not in runs[0][mode].output
    names = [*IN_PLAYS, "all at once"] if mode.startswith("play") else [*CASES, "all at once"]
    told = [message(runs[0][mode], name) for name in names]
    results = [str(dict(line["result"], msg="", invocation="")) for line in runs[0][mode].lines]
    keys = [
        str(line["result"].get("invocation", {}).get("module_args", {}).get("api_key")) for line in runs[0][mode].lines
    ]
    for word in ("lines-of-a-key", "read-from-a-file", "hush-hush", "ключ"):
        assert not [text for text in told + results + keys if word in text]


def test_where_the_service_is_may_stand_in_the_environment(tmp_path):
    runs = Plays(tmp_path).both(
        [
            task("neither", "retest", **GOOD),
            task("no key", "retest", **GOOD, base_url="https://127.0.0.1:1"),
            task("no service", "retest", **GOOD, api_key="a-key"),
        ]
    )
    for run in runs.values():
        told = {name: run.result(name)["msg"] for name in ("neither", "no key", "no service")}
        assert told == WHERE


WHERE = {
    "neither": "missing required arguments: api_key, base_url (the environment may hold base_url as "
    "ATTACKFORGE_BASE_URL, api_key as ATTACKFORGE_API_KEY). Nothing was sent.",
    "no key": "missing required arguments: api_key (the environment may hold api_key as ATTACKFORGE_API_KEY). "
    "Nothing was sent.",
    "no service": "missing required arguments: base_url (the environment may hold base_url as "
    "ATTACKFORGE_BASE_URL). Nothing was sent.",
}
