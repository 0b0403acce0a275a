# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad input: each mistake names its option, all are told at once, and nothing arrives at the service."""

from __future__ import annotations

import re

import pytest

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
MARK = dict(project_id=PROJECT, vulnerability_ids=[WEBAPP_1])


def without(name):
    return {option: value for option, value in GOOD.items() if option != name}


# {what is wrong: (module, options, the option that the message has to name)}
CASES = {
    "no project": ("retest", without("project_id"), "project_id"),
    "a short id": ("retest", dict(GOOD, project_id="66333e1d"), "project_id"),
    "an id that climbs": ("retest", dict(GOOD, project_id="../../admin"), "project_id"),
    "an id with a line break": ("retest", dict(GOOD, project_id=PROJECT[:12] + "\n" + PROJECT[13:]), "project_id"),
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
    "an unknown way with doubles": ("retest", dict(GOOD, on_duplicate="shrug"), "on_duplicate"),
    "no truth value": ("retest", dict(GOOD, preflight="perhaps"), "preflight"),
    "ready by a bad id": ("retest", dict(GOOD, assume_ready=["x"]), "assume_ready[0]"),
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
    "a wait of no time": ("retest_info", dict(project_id=PROJECT, wait=True, wait_timeout=0), "wait_timeout"),
}
ALL_AT_ONCE = dict(
    project_id="abc",
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


@pytest.fixture(scope="module", name="runs")
def fixture_runs(tmp_path_factory, running_sandbox):
    """All cases in each mode; what arrives at the sandbox."""
    running_sandbox.reset()
    running_sandbox.clear_log()
    tasks = [task(name, module, **options) for name, (module, options, _option) in CASES.items()]
    tasks.append(task("all at once", "retest", **ALL_AT_ONCE))
    found = {}
    waits = {
        mode: Plays(tmp_path_factory.mktemp(mode), running_sandbox, mode).start(tasks, "-vvv")
        for mode in ("process", "module")
    }
    for mode, wait in waits.items():
        found[mode] = wait(600)
        assert found[mode].rc == 0, found[mode].output
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


def test_all_mistakes_are_told_at_once(runs):
    told = message(runs[0]["process"], "all at once")
    assert [name for name in ALL_NAMED if name not in told] == []
    assert told.count("\n- ") == len(ALL_NAMED)


def test_nothing_arrives_at_the_service(runs):
    assert runs[1] == []


@pytest.mark.parametrize("mode", ["process", "module"])
def test_there_is_no_traceback_and_no_key(runs, mode):
    assert "Traceback" not in runs[0][mode].output
    told = [message(runs[0][mode], name) for name in [*CASES, "all at once"]]
    results = [str(dict(line["result"], msg="", invocation="")) for line in runs[0][mode].lines]
    keys = [
        str(line["result"].get("invocation", {}).get("module_args", {}).get("api_key")) for line in runs[0][mode].lines
    ]
    for word in ("lines-of-a-key", "read-from-a-file", "hush-hush", "ключ"):
        assert not [text for text in told + results + keys if word in text]


@pytest.mark.parametrize("mode", ["process", "module"])
def test_where_the_service_is_may_stand_in_the_environment(tmp_path, mode):
    run = Plays(tmp_path, None, mode).ok(
        [
            task("neither", "retest", **GOOD),
            task("no key", "retest", **GOOD, base_url="https://127.0.0.1:1"),
            task("no service", "retest", **GOOD, api_key="a-key"),
        ]
    )
    told = {name: run.result(name)["msg"] for name in ("neither", "no key", "no service")}
    assert told == {
        "neither": "missing required arguments: api_key, base_url (the environment may hold base_url as "
        "ATTACKFORGE_BASE_URL, api_key as ATTACKFORGE_API_KEY). Nothing was sent.",
        "no key": "missing required arguments: api_key (the environment may hold api_key as ATTACKFORGE_API_KEY). "
        "Nothing was sent.",
        "no service": "missing required arguments: base_url (the environment may hold base_url as "
        "ATTACKFORGE_BASE_URL). Nothing was sent.",
    }
