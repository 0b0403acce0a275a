# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run real ansible-playbook processes and read what became of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BIN = Path(sys.executable).parent
TARGET_PYTHON = os.environ.get("TARGET_PYTHON", sys.executable)  # what modules run on


def task(name, module, **options):
    """A task that may fail without ending the play. ``module`` is the name of one of this collection's modules."""
    return {"name": name, "attackforge.retest.attackforge_" + module: options, "ignore_errors": True}


def steer(name, **steps):
    """A task that steers the sandbox, or looks at its books; see plugins/action/sandbox.py."""
    return {"name": name, "sandbox": steps}


class Run:
    """What an ansible-playbook did: its exit code, what it printed, and each task's result."""

    def __init__(self, rc, output, lines):
        self.rc = rc
        self.output = output
        self.lines = lines

    def result(self, task, kind=None):
        """The last result of a task by its name."""
        found = [line for line in self.lines if line.get("task") == task and kind in (None, line["kind"])]
        assert found, f"no result of {task!r} in:\n{self.output}"
        return found[-1]["result"]

    def results(self, task):
        """All results of a task by its name."""
        return [line["result"] for line in self.lines if line.get("task") == task]

    def outcome(self, task):
        """What became of a task, by its name: changed, ok, failed, skipped or unreachable."""
        last = [line for line in self.lines if line.get("task") == task][-1]
        return "changed" if last["kind"] == "ok" and last["result"].get("changed") else last["kind"]

    @property
    def artifacts(self):
        """What set_stats left, as AWX would keep it."""
        return next(line["result"] for line in self.lines if line["kind"] == "artifacts")

    @property
    def warnings(self):
        """What stands in [WARNING] lines and in the results' warnings."""
        found = [str(text) for line in self.lines for text in (line["result"] or {}).get("warnings", [])]
        return found + [line for line in self.output.splitlines() if "[WARNING]" in line]

    def changed(self):
        """The names of the tasks that changed something."""
        return [line["task"] for line in self.lines if line["kind"] == "ok" and line["result"].get("changed")]


class Plays:
    """Makes playbooks in a folder and runs them.

    ``mode`` says where tasks of hosts in the default inventory run: `process` in the controller's own, `module` as
    modules.
    """

    def __init__(self, folder, sandbox=None, mode="process"):
        self.folder = folder
        self.sandbox = sandbox
        self.mode = mode
        self._count = 0

    def inventory(self, hosts=("localhost",)):
        """Write an inventory of these hosts. Returns its path."""
        path = self.folder / "inventory.yml"
        connection = {"process": "local", "module": "elsewhere"}[self.mode]
        facts = {"ansible_connection": connection, "ansible_python_interpreter": TARGET_PYTHON}
        path.write_text(yaml.safe_dump({"all": {"hosts": dict.fromkeys(hosts, facts)}}), encoding="utf-8")
        return path

    def environment(self, **more):
        """The environment of a user who has exported where the sandbox is, and nothing else that matters."""
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ANSIBLE_", "ATTACKFORGE_")) and not name.lower().endswith("_proxy")
        }
        clean.update(
            ANSIBLE_COLLECTIONS_PATH=os.environ.get("ANSIBLE_COLLECTIONS_PATH", str(ROOT / ".build/collections")),
            ANSIBLE_ACTION_PLUGINS=str(HERE / "plugins/action"),
            ANSIBLE_CALLBACK_PLUGINS=str(HERE / "plugins/callback"),
            ANSIBLE_CALLBACKS_ENABLED="results",
            ANSIBLE_CONNECTION_PLUGINS=str(HERE / "plugins/connection"),
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_LOCALHOST_WARNING="false",
            ANSIBLE_RETRY_FILES_ENABLED="false",
            ANSIBLE_LOCAL_TEMP=str(self.folder / "tmp"),
            ANSIBLE_ASYNC_DIR=str(self.folder / "async"),
            ANSIBLE_REMOTE_TEMP=str(self.folder / "remote-tmp"),
            HOME=str(self.folder),
        )
        if self.sandbox is not None:
            clean.update(
                ATTACKFORGE_BASE_URL=self.sandbox.url,
                ATTACKFORGE_API_KEY=self.sandbox.key,
                SANDBOX_CONTROL=self.sandbox.control,
            )
        clean.update({name: str(value) for name, value in more.items() if value is not None})
        return clean

    def write(self, play):
        """Write a playbook: a path, a text, a list of plays, or a list of tasks for localhost. Returns its path."""
        if isinstance(play, Path):
            return play
        if isinstance(play, list) and not any("hosts" in part for part in play):
            play = [{"hosts": "localhost", "gather_facts": False, "tasks": play}]
        self._count += 1
        path = self.folder / (f"play-{int(self._count)}.yml")
        path.write_text(play if isinstance(play, str) else yaml.safe_dump(play, sort_keys=False), encoding="utf-8")
        return path

    def start(
        self,
        play,
        *arguments,
        check=False,
        diff=False,
        variables=None,
        hosts=("localhost",),
        environment=None,
        inventory=None,
        start_new_session=False,
    ):
        """Start an ansible-playbook. Returns a function that waits for it and returns its Run; it has the
        ``process``."""
        path = play if isinstance(play, str) and "\n" not in play else self.write(play)
        self._count += 1
        results = self.folder / (f"results-{int(self._count)}.jsonl")
        command = [str(BIN / "ansible-playbook"), "-i", str(inventory or self.inventory(hosts)), str(path), *arguments]
        command += ["--check"] * check + ["--diff"] * diff
        if variables:
            command += ["-e", json.dumps(variables)]
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment(RESULTS_FILE=results, **(environment or {})),
            start_new_session=start_new_session,
        )

        def wait(timeout=600):  # the end of what hangs; the longest plays take a minute
            try:
                output = process.communicate(timeout=timeout)[0]
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
            return Run(process.returncode, output, [json.loads(line) for line in lines])

        wait.process = process
        return wait

    def run(self, play, *arguments, **more):
        """Run a playbook to its end. Returns a Run."""
        return self.start(play, *arguments, **more)()

    def both(self, tasks, *arguments, **more):
        """Run tasks (a list, or their text) in the controller's own process, then as modules, in one playbook.

        They may fail. The sandbox is as new for each. Returns {mode: Run}.
        """
        if isinstance(tasks, str):
            (self.folder / "both.tasks.yml").write_text(tasks, encoding="utf-8")
            tasks = [{"ansible.builtin.import_tasks": "both.tasks.yml"}]
        facts = {"ansible_python_interpreter": TARGET_PYTHON}
        hosts = {
            "process": {"ansible_connection": "local", **facts},
            "module": {"ansible_connection": "elsewhere", **facts},
        }
        inventory = self.folder / "both.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
        begin = [steer("begin", reset=True)] if self.sandbox is not None else []
        play = {"hosts": "process:module", "serial": 1, "gather_facts": False, "tasks": begin + tasks}
        run = self.run([play], *arguments, inventory=inventory, **more)
        assert {line.get("host") for line in run.lines} >= set(hosts), run.output
        return {
            mode: Run(run.rc, run.output, [line for line in run.lines if line.get("host") in (None, mode)])
            for mode in hosts
        }

    def ok(self, play, *arguments, **more):
        """Run a playbook that has to succeed. Returns a Run."""
        done = self.run(play, *arguments, **more)
        assert done.rc == 0, done.output
        return done
