# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run what is measured, in turns, and keep what each run took."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Callable, NamedTuple
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
LIMIT = 900  # seconds, of one run


class Figures(NamedTuple):
    """What a run took, or the medians of several."""

    wall: float  # seconds
    cpu: float  # seconds of processor time, all processes that the run started
    memory: float  # bytes, of the largest single process
    service: float  # seconds of processor time of the sandbox

    def less(self, other):
        """These figures without those of a play that does nothing. The memory stays what it is."""
        return self._replace(
            wall=self.wall - other.wall, cpu=self.cpu - other.cpu, service=self.service - other.service
        )

    def per(self, count):
        """These figures for one of so many."""
        return self._replace(wall=self.wall / count, cpu=self.cpu / count, service=self.service / count)


class Variant(NamedTuple):
    """One way to do a piece of work. ``requests`` is the number of retests that have to be asked for."""

    name: str
    run: Callable  # returns Figures
    requests: int | None = None
    runs: int | None = None  # at most so many, where one takes minutes


class Lab:
    """A folder, a sandbox, an installed copy of the collection, and the means to run plays against them."""

    def __init__(self, folder, sandbox, say, other=None):
        """``other`` is the checkout of another build, to compare with."""
        self.folder = folder
        self.sandbox = sandbox
        self.say = say
        self.url = sandbox.url
        self.collections = _install(ROOT, folder / "collections")
        self.other = _install(other, folder / "other") if other else None
        self._relay = None
        self._count = 0

    def slow_url(self, milliseconds):
        """The sandbox's URL behind a relay that delays each answer."""
        command = [sys.executable, "-m", "tests.bench.relay", str(urlsplit(self.sandbox.url).port), str(milliseconds)]
        self._relay = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return f"http://127.0.0.1:{int(self._relay.stdout.readline())}"

    def close(self):
        """End the relay."""
        if self._relay is not None:
            self._relay.stdin.close()
            self._relay.wait()
            self._relay.stdout.close()
            self._relay = None

    def environment(self, **more):
        """The environment of a user who has exported where the sandbox is, and nothing else that matters."""
        unwanted = ("ANSIBLE_", "ATTACKFORGE_", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE")
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(unwanted) and not name.lower().endswith("_proxy")
        }
        clean.update(
            ANSIBLE_COLLECTIONS_PATH=str(self.collections),
            ANSIBLE_CONNECTION_PLUGINS=str(ROOT / "tests/integration/plugins/connection"),
            ANSIBLE_LOCALHOST_WARNING="false",
            ANSIBLE_LOCAL_TEMP=str(self.folder / "tmp"),
            ANSIBLE_REMOTE_TEMP=str(self.folder / "remote-tmp"),
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_RETRY_FILES_ENABLED="false",
            HOME=str(self.folder),
            ATTACKFORGE_BASE_URL=self.url,
            ATTACKFORGE_API_KEY=self.sandbox.key,
        )
        clean.update(more)
        return clean

    def play(self, tasks, hosts=None, connection="local", variables=None, forks=5, files=None, **environment):
        """Write a playbook. Returns a function that runs it and returns Figures.

        ``hosts`` maps names to variables. With the connection `elsewhere` tasks run as modules. ``files`` maps names
        to lists of tasks that lie beside the playbook.
        """
        self._count += 1
        place = self.folder / f"play-{self._count}"
        place.mkdir()
        facts = {"ansible_connection": connection, "ansible_python_interpreter": sys.executable}
        inventory = {"all": {"vars": facts, "hosts": hosts or {"localhost": {}}}}
        given = {"api": self.url + "/api/ss", "headers": {"X-SSAPI-KEY": self.sandbox.key}, **(variables or {})}
        play = {"hosts": "all", "gather_facts": False, "vars": given, "tasks": tasks}
        (place / "inventory.yml").write_text(json.dumps(inventory), encoding="utf-8")
        (place / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
        for name, included in (files or {}).items():
            (place / name).write_text(json.dumps(included), encoding="utf-8")
        command = [str(BIN / "ansible-playbook"), "-i", "inventory.yml", "-f", str(forks), "play.yml"]
        return lambda: self._run(command, place, self.environment(**environment))

    def alone(self, name, **given):
        """Returns a function that measures a piece of work without Ansible and returns Figures."""
        given = dict(given, url=self.url, key=self.sandbox.key, collections=str(self.collections))
        command = [sys.executable, "-m", "tests.bench.alone", name, json.dumps(given)]

        def run():
            before = self._service_time()
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=LIMIT,
                check=False,
            )
            if done.returncode:
                raise RuntimeError(done.stderr)
            return Figures(service=self._service_time() - before, **json.loads(done.stdout))

        return run

    def _run(self, command, place, environment):
        output = place / "output.txt"
        with output.open("wb") as stream:
            before, begun = self._service_time(), time.perf_counter()
            process = subprocess.Popen(
                command, cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT
            )
            watch = threading.Timer(LIMIT, process.kill)
            watch.start()
            status, used = os.wait4(process.pid, 0)[1:]
            wall = time.perf_counter() - begun
            watch.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError("{}\n{}".format(command, output.read_text(errors="replace")[-4000:]))
        return Figures(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, self._service_time() - before)

    def _service_time(self):
        # The clock of another process's processor time, as clock_getcpuclockid(3) makes it.
        return time.clock_gettime((~self.sandbox.pid << 3) | 2)

    def in_turns(self, variants, runs, prepare):
        """Run all variants one after the other, and that so many times. Returns {name: [Figures]}."""
        samples = {variant.name: [] for variant in variants}
        for turn in range(runs):
            shift = turn * len(variants) // runs
            for variant in [*variants[shift:], *variants[:shift]]:
                if turn >= (variant.runs or runs):
                    continue
                prepare()
                self.sandbox.clear_log()
                samples[variant.name].append(variant.run())
                asked = self.sandbox.log("RequestNewProjectRetest")
                if variant.requests is not None and [row["status"] for row in asked] != [200] * variant.requests:
                    raise RuntimeError(f"{variant.name}: {len(asked)} requests instead of {variant.requests}")
                self.say(f"{turn + 1}/{runs} {variant.name}: {samples[variant.name][-1].wall:.2f} s")
        return samples


def _install(checkout, folder):
    """Copy a build of the collection, so that it stays the same while it is measured. Returns its search path."""
    installed = folder / "ansible_collections/attackforge/retest"
    for name in ("plugins", "meta", "roles"):
        shutil.copytree(checkout / name, installed / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(checkout / "galaxy.yml", installed)
    return folder


def medians(samples):
    """The medians of several Figures, each figure for itself."""
    return Figures(*(statistics.median(column) for column in zip(*samples)))
