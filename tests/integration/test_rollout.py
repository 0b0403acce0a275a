# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The worked example, playbooks/rollout.yml, played to each of its ends by testers; and many projects at once."""

from __future__ import annotations

import time

import pytest
import yaml

from tests.integration.plays import HERE
from tests.pages import blocks_of

PROJECT, PARTNER = "66333e1d110ab5acf8a4354e", "66333e1d110ab5acf8a4354f"
ROLLOUT = HERE / "playbooks/rollout.yml"
HOSTS = ("web1", "web2", "web3")
FIXED = [f"WEBAPP-{int(number)}" for number in range(1, 6)]


class Rollout:
    """Hosts with a release each, and a job that rolls out the next one."""

    def __init__(self, plays, sandbox, folder):
        self.plays, self.sandbox, self.folder = plays, sandbox, folder
        self.report = folder / "report.html"
        hosts = {}
        for host in HOSTS:
            (folder / host).mkdir()
            (folder / host / "version").write_text("2026.11\n")
            hosts[host] = {"app_dir": str(folder / host)}
        self.inventory = folder / "inventory.yml"
        self.inventory.write_text(
            yaml.safe_dump(
                {
                    "web": {
                        "hosts": hosts,
                        "vars": {
                            "ansible_connection": "local",
                            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
                        },
                    }
                }
            )
        )

    def start(self, **more):
        variables = dict(
            {"project": PROJECT, "release": "2026.12", "patience": 120, "interval": 0.5, "report": str(self.report)},
            **more.pop("variables", {}),
        )
        variables = {name: value for name, value in variables.items() if value is not None}
        return self.plays.start(ROLLOUT, inventory=self.inventory, variables=variables, **more)

    def versions(self):
        return {(self.folder / host / "version").read_text().strip() for host in HOSTS}

    def wait_for_the_gate(self):
        """Until the job waits for the testers. It reads each finding of the round at each look."""
        deadline = time.monotonic() + 90
        while not self.sandbox.log("RequestNewProjectRetest"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        reads = len(self.sandbox.log("GetProjectVulnerabilitiesById"))
        while len(self.sandbox.log("GetProjectVulnerabilitiesById")) < reads + 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.fixture(name="rollout")
def fixture_rollout(plays, sandbox, tmp_path):
    return Rollout(plays, sandbox, tmp_path)


def test_testers_close_everything_and_the_release_stays(rollout, sandbox):
    wait = rollout.start()
    rollout.wait_for_the_gate()
    assert rollout.versions() == {"2026.12"}
    sandbox.act("close", ids=FIXED)
    sandbox.act("complete_round", round=2)
    run = wait()
    assert run.rc == 0, run.output
    assert rollout.versions() == {"2026.12"}
    assert len(run.results("Keep the release")) == 3 and not run.results("Put back what was there")
    assert "Round 2 is open: 5 pending." in run.output
    assert run.artifacts["attackforge_retest_gate_result"]["passed"] is True
    assert run.artifacts["attackforge_retest_result"]["retest"]["round"] == 2
    assert "round 2: passed" in rollout.report.read_text(encoding="utf-8")
    assert len(sandbox.log("RequestNewProjectRetest")) == 1


def test_testers_reopen_one_and_the_release_is_taken_back(rollout, sandbox):
    wait = rollout.start()
    rollout.wait_for_the_gate()
    sandbox.act("close", ids=FIXED[1:])
    sandbox.act("reopen", id="WEBAPP-1")
    sandbox.act("complete_round", round=2)
    run = wait()
    assert run.rc == 2
    assert rollout.versions() == {"2026.11"}
    assert "(Critical, reopened)" in run.result("Pass or stop")["msg"]
    assert "WEBAPP-2" not in run.result("Pass or stop")["msg"]
    assert not sandbox.log("CancelProjectRetestRound") and not run.results("Keep the release")
    assert "not passed" in rollout.report.read_text(encoding="utf-8")


def test_testers_do_not_come_to_an_end_and_the_round_is_withdrawn(rollout, sandbox):
    sandbox.act("request_round", ids=["WEBAPP-7"])  # of somebody else, and to be left alone
    run = rollout.start(variables={"patience": 1.5, "report": None})()
    assert run.rc == 2
    assert rollout.versions() == {"2026.11"}
    books = sandbox.books()
    assert [(one["number"], one["status"]) for one in books["rounds"]] == [
        (1, "completed"),
        (2, "requested"),
        (3, "cancelled"),
    ]
    assert len(sandbox.log("CancelProjectRetestRound")) == 1


def test_a_gate_that_cannot_ask_takes_nothing_back(rollout, sandbox):
    sandbox.script([{"fault": "status", "method": "GetProjectById", "code": 403, "skip": 3, "times": -1}])
    run = rollout.start()()
    assert run.rc == 2 and "not granted" in run.output
    assert rollout.versions() == {"2026.12"} and not sandbox.log("CancelProjectRetestRound")
    assert sandbox.books()["open_rounds"] == [2]


def the_gate_of_the_guide():
    return next(block.text for block in blocks_of("docs/rollout.md") if "give_up" in block.text)


def test_the_gate_of_the_guide_changes_nothing_while_testers_work(plays, sandbox):
    sandbox.act("request_round", ids=FIXED)
    run = plays.run(the_gate_of_the_guide())
    assert run.rc == 2 and not run.results("Take the release back") and not sandbox.writes()
    assert "so nothing was changed" in run.output


def test_the_gate_of_the_guide_withdraws_the_round_that_is_given_up(plays, sandbox):
    sandbox.act("request_round", ids=FIXED)
    run = plays.run(the_gate_of_the_guide(), variables={"give_up": True})
    assert run.rc == 2 and len(run.results("Take the release back")) == 1
    assert [row["method"] for row in sandbox.writes()] == ["CancelProjectRetestRound"]
    assert sandbox.books()["open_rounds"] == []


def test_the_gate_of_the_guide_takes_back_what_does_not_hold(plays, sandbox):
    sandbox.act("request_round", ids=FIXED)
    sandbox.act("reopen", id="WEBAPP-1")
    sandbox.act("complete_round", round=2)
    run = plays.run(the_gate_of_the_guide())
    assert run.rc == 2 and len(run.results("Take the release back")) == 1 and not sandbox.writes()


def test_a_rollout_that_fails_on_the_first_hosts_asks_for_nothing(rollout, sandbox):
    (rollout.folder / "web1/version").unlink()
    run = rollout.start()()
    assert run.rc == 2 and sandbox.log() == []
    assert (rollout.folder / "web3/version").read_text() == "2026.11\n"


def test_many_projects_in_one_play(plays, sandbox):
    projects = [
        {"id": PROJECT, "select": {"alternate_ids": ["WEBAPP-6"]}},
        {"id": PARTNER, "select": {"status": ["open", "retest"]}},
    ]
    tasks = [
        {
            "ansible.builtin.include_role": {"name": "attackforge.retest.attackforge_retest"},
            "vars": {
                "attackforge_retest_project_id": "{{ project.id }}",
                "attackforge_retest_select": "{{ project.select }}",
            },
            "loop": projects,
            "loop_control": {"loop_var": "project", "label": "{{ project.id }}"},
        }
    ]
    gates = [
        {
            "ansible.builtin.include_role": {"name": "attackforge.retest.attackforge_retest_gate"},
            "vars": {"attackforge_retest_gate_project_id": "{{ project.id }}"},
            "loop": projects,
            "loop_control": {"loop_var": "project", "label": "{{ project.id }}"},
        }
    ]
    plays.ok(tasks)
    assert [row["path"].split("/")[-3] for row in sandbox.log("RequestNewProjectRetest")] == [PROJECT, PARTNER]
    assert [len(row["body"]["vulnerability_ids"]) for row in sandbox.log("RequestNewProjectRetest")] == [1, 2]
    sandbox.clear_log()
    assert not plays.ok(tasks).changed() and sandbox.writes() == []
    sandbox.act("close", ids=["WEBAPP-6", "PARTNER-1"])
    for project in (PROJECT, PARTNER):
        sandbox.act("complete_round", project_id=project)
    run = plays.run(gates)
    assert run.rc == 2
    assert [result["msg"].partition(":")[0] for result in run.results("Pass or stop")] == ["Passed", "Not passed"]
    assert "PARTNER-2" in run.results("Pass or stop")[-1]["msg"]
