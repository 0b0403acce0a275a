# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a task runs makes no difference but the speed: each case in the controller's own process and as a module."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from datetime import date
from urllib.parse import urlsplit

import pytest
from ansible.release import __version__ as core

from tests.integration.plays import Plays

pytestmark = pytest.mark.every_core

PROJECT = "66333e1d110ab5acf8a4354e"
FIRST, SECOND = "6639508f50523053f459d29f", "6639508f50523053f459d2a0"
OPEN = "6639508f50523053f459d2a4"
RETEST = "attackforge.retest.attackforge_retest"
INFO = "attackforge.retest.attackforge_retest_info"
FINDINGS = "attackforge.retest.attackforge_vulnerability_info"
MARK = "attackforge.retest.attackforge_vulnerability"
WINDOW = dict(retesting_window_start="2030-12-01", retesting_window_end="2030-12-08T00:00:00+02:00")


def request(**options):
    return {RETEST: {"project_id": PROJECT, "vulnerability_ids": [FIRST], **WINDOW, **options}}


# Each runs once in each mode, one after the other in one play.
TASKS = {
    "a preview": {**request(), "check_mode": True, "diff": True},
    "a request": {**request(), "diff": True},
    "a rerun": request(),
    "a kept window, with a warning": request(retesting_window_start="2030-11-01"),
    "an unquoted date": request(retesting_window_start="2030-12-01 00:00:00+00:00"),
    "aliases": {
        RETEST: {
            "project_id": PROJECT,
            "vulnerability_ids": [FIRST],
            "window_start": "2030-12-01",
            "window_end": "2030-12-07T22:00:00Z",
        }
    },
    "an option and its alias": request(window_start="2030-12-01"),
    "an option and its alias that differ": request(window_start="2030-12-24"),
    "an option before the alias in module_defaults": {
        **request(retesting_window_start="2030-12-02", on_window_change="fail"),
        "module_defaults": {RETEST: {"window_start": "2030-12-01", "project": "0" * 24}},
    },
    "an alias before the option in module_defaults": {
        RETEST: {"project": PROJECT, "vulnerability_ids": [FIRST], "window_start": "2030-12-01", "window_end": "+1w"},
        "module_defaults": {
            "group/attackforge.retest.attackforge": {"project_id": "0" * 24, "retesting_window_start": "2031-01-01"}
        },
    },
    "an alias in module_defaults": {
        RETEST: {"vulnerability_ids": [FIRST], "retesting_window_start": "2030-12-01"},
        "module_defaults": {RETEST: {"project": "webapp", "window_end": "2030-12-07T22:00:00Z"}},
    },
    "a number for a text": request(release=2026.10, mark_ready=True),
    "true for a text": request(remediation_note=True, mark_ready=True),
    "a date for a text": request(release=date(2026, 12, 1), mark_ready=True),
    "numbers for texts of a list": {FINDINGS: {"project_id": PROJECT, "tags": [2026.10, "x"]}},
    "a number for a text in select": {
        RETEST: {"project_id": PROJECT, "select": {"tags": [2026.10]}, "window_start": "now"}
    },
    "a number from a variable": request(release="{{ a_number }}", mark_ready=True),
    "an id of digits alone": request(vulnerability_ids=[111111111111111111111111]),
    "a release": {
        RETEST: {
            "project": "Customer Portal",
            "select": {"alternate_ids": ["WEBAPP-6", "WEBAPP-1"]},
            "release": "2026.10",
            "mark_ready": True,
            "window_start": "2030-12-01",
        },
        "diff": True,
    },
    "a list as a text": request(vulnerability_ids=f"{FIRST},{SECOND}"),
    "a number as a text": request(timeout="20", retries="1"),
    "a loop": {**request(vulnerability_ids=["{{ item }}"]), "loop": [FIRST, SECOND]},
    "until": {
        INFO: {"project_id": PROJECT},
        "until": "out.rounds | length > 1",
        "register": "out",
        "retries": 2,
        "delay": 0,
    },
    "no_log": {**request(), "no_log": True},
    "module_defaults": {
        INFO: {},
        "module_defaults": {"group/attackforge.retest.attackforge": {"project_id": PROJECT, "timeout": 7}},
    },
    "the environment of a task": {INFO: {"project_id": PROJECT}, "environment": {"ATTACKFORGE_API_KEY": "another-key"}},
    "an environment that is no number": {INFO: {"project_id": PROJECT}, "environment": {"ATTACKFORGE_TIMEOUT": "soon"}},
    "a failed_when": {INFO: {"project_id": PROJECT}, "failed_when": True},
    "several mistakes": request(
        project_id="abc", timeout=-1, retesting_window_end="2020-01-01", colour="red", state="wished"
    ),
    "not ready": request(vulnerability_ids=[OPEN]),
    "not in the project": request(project_id=PROJECT, vulnerability_ids=["0" * 24]),
    "another project": {INFO: {"project_id": "0" * 24}},
    "no connection": {INFO: {"project_id": PROJECT, "base_url": "http://127.0.0.1:9", "retries": 0}},
    "a CA that is not there": {INFO: {"project_id": PROJECT, "ca_path": "no-such-file.pem"}},
    "findings": {FINDINGS: {"project_id": PROJECT, "alternate_ids": ["webapp-1", "WEBAPP-99"]}},
    "a note and a status": {
        MARK: {"project_id": PROJECT, "vulnerability_ids": [OPEN], "status": "retest", "remediation_note": "Fixed."},
        "diff": True,
    },
    "the same again": {
        MARK: {"project_id": PROJECT, "vulnerability_ids": [OPEN], "status": "retest", "remediation_note": "Fixed."}
    },
    "a cancel": {RETEST: {"project_id": PROJECT, "state": "cancelled", "round": 2}, "diff": True},
}


@contextlib.contextmanager
def silence():
    """A server that takes connections and says nothing. Gives its URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{int(server.getsockname()[1])}"


class Relay:
    """Passes connections on to a server, and counts them."""

    def __init__(self, url):
        self._target = (urlsplit(url).hostname, urlsplit(url).port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{int(self._server.getsockname()[1])}"
        self.connections = 0

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_exception):
        self._server.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                here = self._server.accept()[0]
                self.connections += 1
                there = socket.create_connection(self._target)
                for source, target in ((here, there), (there, here)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    @staticmethod
    def _pass_on(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def normalised(result):
    """Without what must differ: the sandbox's own moments, which are counted from its start and begin the ids that it
    gives, and the name that Ansible gives to a text when it has the wrong type."""
    text = json.dumps(result, sort_keys=True)
    text = text.replace("ansible.module_utils._internal._datatag._AnsibleTaggedStr", "str")
    text = re.sub(r'"6[0-9a-f]{7}(?=5a4db0c5[0-9a-f]{8}")', '"an id ', text)
    return json.loads(re.sub(r"202[0-9]-[0-9]{2}-[0-9]{2}T[0-9:.]+Z", "a moment", text))


TEXTS = (
    "a number for a text",
    "true for a text",
    "numbers for texts of a list",
    "a number for a text in select",
    "a number from a variable",
)
OUTCOMES = {
    **dict.fromkeys((*TEXTS, "a date for a text", "an option and its alias that differ"), "failed"),
    "an option and its alias": "ok",
    "an option before the alias in module_defaults": "failed",  # by on_window_change: the option counts
    "an alias before the option in module_defaults": "ok",
    "an alias in module_defaults": "ok",
    "a release": "changed",
}


def test_each_case_comes_to_the_same_result(plays):
    tasks = [{"name": name, **task, "ignore_errors": True} for name, task in TASKS.items()]
    process, module = plays.both(tasks, "-vvv", variables={"a_number": 2026.10}).values()
    assert process.rc == 0, process.output
    assert {name: process.outcome(name) for name in OUTCOMES} == OUTCOMES
    for name, option in {**dict.fromkeys(TEXTS, "not a text"), "an option and its alias that differ": "twice"}.items():
        assert option in process.result(name)["msg"] and "Nothing was sent" in process.result(name)["msg"], name
    for name in TASKS:
        assert [line["kind"] for line in process.lines if line.get("task") == name] == [
            line["kind"] for line in module.lines if line.get("task") == name
        ], name
        assert list(map(normalised, process.results(name))) == list(map(normalised, module.results(name))), name


@pytest.mark.parametrize("strategy", ["linear", "free"])
def test_the_hosts_of_a_play_take_turns_where_they_ask_for_the_same(plays, sandbox, strategy):
    """Without run_once: each reads the history after the one before it has asked, not at the same moment."""
    sandbox.fault("slow", "GetProjectById", seconds=0.4, times=-1)
    run = plays.ok(
        [
            {
                "hosts": "all",
                "gather_facts": False,
                "strategy": strategy,
                "tasks": [{"name": "task", **request(), "delegate_to": "localhost"}],
            }
        ],
        hosts=[f"web{int(number)}" for number in range(1, 6)],
    )
    assert [row["method"] for row in sandbox.log()].count("RequestNewProjectRetest") == 1
    assert sorted(result["changed"] for result in run.results("task")) == [False] * 4 + [True]


@pytest.mark.parametrize("setting", ["true", "false"])
def test_the_options_are_told_again_where_ansible_is_set_to_do_so(plays, setting):
    """Before ansible-core 2.21 nothing could be set."""
    runs = plays.both([{"name": "task", **request()}], "-vvv", environment={"ANSIBLE_INJECT_INVOCATION": setting})
    told = {"invocation" in run.result("task") for run in runs.values()}
    assert told == {setting == "true" or tuple(map(int, core.split(".")[:2])) < (2, 21)}


def test_a_task_that_takes_too_long_is_ended_by_ansible(plays):
    tasks = [
        {"name": "slow", INFO: {"project_id": PROJECT, "base_url": "{{ slow }}"}, "timeout": 2, "ignore_errors": True}
    ]
    with silence() as slow:
        process, module = plays.both(tasks, variables={"slow": slow}).values()
    assert process.outcome("slow") == module.outcome("slow") == "failed"
    assert process.result("slow")["msg"] == module.result("slow")["msg"]
    assert re.search("in the expected time frame|Timed out after", process.result("slow")["msg"])


def test_async_runs_in_the_background(plays):
    tasks = [
        {"name": "start", INFO: {"project_id": PROJECT}, "async": 60, "poll": 0, "register": "job"},
        {
            "name": "wait",
            "ansible.builtin.async_status": {"jid": "{{ job.ansible_job_id }}"},
            "register": "done",
            "until": "done is finished",
            "retries": 60,
            "delay": 0.5,
        },
        {"name": "start and wait", INFO: {"project_id": PROJECT}, "async": 60, "poll": 1},
    ]
    for run in plays.both(tasks).values():
        assert run.rc == 0, run.output
        assert run.result("start")["started"] and run.result("wait")["rounds"] == run.result("start and wait")["rounds"]


def test_in_process_no_interpreter_is_started(tmp_path, sandbox):
    tasks = [{"name": "task", INFO: {"project_id": PROJECT}}]
    inventory = tmp_path / "hosts"
    inventory.write_text("localhost ansible_connection=local ansible_python_interpreter=/no/such/python\n")
    assert Plays(tmp_path, sandbox).ok(tasks, inventory=inventory).result("task")["rounds"]
    assert Plays(tmp_path, sandbox).run([{**tasks[0], "async": 10}], inventory=inventory).rc != 0


def test_a_task_on_another_host_runs_there(tmp_path, sandbox):
    """The other host has another interpreter; if it is missing, the task cannot have run in this process."""
    inventory = tmp_path / "hosts"
    inventory.write_text(
        "localhost ansible_connection=local\n"
        "bastion ansible_connection=elsewhere ansible_python_interpreter=/no/such/python\n"
    )
    tasks = [{"name": "task", INFO: {"project_id": PROJECT}, "delegate_to": "bastion"}]
    assert Plays(tmp_path, sandbox).run(tasks, inventory=inventory).rc != 0
    assert not sandbox.log()


def test_a_loop_makes_one_connection(plays, sandbox):
    with Relay(sandbox.url) as relay:
        plays.ok([{"name": "loop", INFO: {"project_id": PROJECT, "base_url": relay.url}, "loop": list(range(10))}])
    assert len(sandbox.log()) == 10 and relay.connections == 1
