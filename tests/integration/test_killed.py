# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A play that is killed: nothing is written after its end, and a rerun ends with exactly one open round.

Real processes and real signals. A signal goes to the process group of ansible-playbook, as ansible-runner and a
terminal send it; Ansible's workers are sessions of their own and live on.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
import yaml

from tests.integration.plays import TARGET_PYTHON, Plays, steer, task
from tests.sandbox.control import Sandbox

pytestmark = pytest.mark.every_core

PROJECT = "66333e1d110ab5acf8a4354e"
READY, NOT_READY = "6639508f50523053f459d29f", "6639508f50523053f459d2a4"
RELEASE = dict(
    project_id=PROJECT,
    vulnerability_ids=[READY, NOT_READY],
    mark_ready=True,
    release="2026.12",
    retesting_window_start="2030-12-01",
    timeout=30,
)
ROOT = os.geteuid() == 0
AT_ONCE = 4
PAUSE = 6  # seconds that the task waits when it is killed
SIGNALS = {one.name: one for one in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)}

# How a task runs: {name: (connection, keywords)}.
WAYS = {
    "in process": ("local", {}),
    "as a module": ("elsewhere", {}),
    "async": ("local", {"async": 120, "poll": 1}),
    "a module in the background": ("elsewhere", {"async": 120, "poll": 0}),
}
if ROOT and shutil.which("su"):
    WAYS["with become by su"] = (
        "elsewhere",
        {"become": True, "become_method": "ansible.builtin.su", "become_user": "root"},
    )


class Moment(NamedTuple):
    """What the task waits for when the play is killed: a fault, and the request that shows that it waits."""

    fault: dict
    seen: str


RETRY = {"fault": "status", "code": 429, "headers": {"Retry-After": str(PAUSE)}}
MOMENTS = {
    "Retry-After of the request": Moment({**RETRY, "method": "RequestNewProjectRetest"}, "RequestNewProjectRetest"),
    "Retry-After of a mark": Moment({**RETRY, "method": "UpdateVulnerabilityById"}, "UpdateVulnerabilityById"),
    "a slow read": Moment({"fault": "slow", "method": "GetProjectById", "seconds": PAUSE}, "GetProjectById"),
    "a slow note": Moment(
        {"fault": "slow", "method": "CreateRemediationNote", "seconds": PAUSE}, "CreateRemediationNote"
    ),
}
CASES = [
    *(("in process", name, moment) for name in SIGNALS for moment in MOMENTS),
    *((way, "SIGKILL", moment) for way in WAYS if way != "in process" for moment in list(MOMENTS)[::2]),
]


class Playing:
    """A play that waits in one of the moments."""

    def __init__(self, folder, sandbox, way, moment):
        self.sandbox, self.moment = sandbox, MOMENTS[moment]
        connection, keywords = WAYS[way]
        facts = {"ansible_connection": connection, "ansible_python_interpreter": TARGET_PYTHON}
        inventory = folder / "hosts.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": {"localhost": facts}}}), encoding="utf-8")
        sandbox.script([self.moment.fault])
        self.plays = Plays(folder, sandbox)
        self.process = self.plays.start(
            [task("release", "retest", **RELEASE) | keywords, steer("later", sleep=60)],
            inventory=inventory,
            start_new_session=True,
        ).process

    def kill(self, number):
        """Wait until the task waits, and kill the play's process group. Returns how many requests were there then."""
        deadline = time.monotonic() + 90
        while not self.sandbox.log(self.moment.seen):
            assert self.process.poll() is None, self.process.stdout.read()
            assert time.monotonic() < deadline, "the task did not come to its wait"
            time.sleep(0.05)
        os.killpg(self.process.pid, number)
        self.process.wait(60)
        return len(self.sandbox.log())

    def written_after(self, count):
        return [row["method"] for row in self.sandbox.log()[count:] if row["http"] != "GET"]


class Killed(NamedTuple):
    """What was seen of a case after the kill."""

    written: list
    rerun: str
    books: dict


def kill_play(folder, sandbox, way, name, moment):
    sandbox.reset()
    sandbox.clear_faults()
    playing = Playing(folder, sandbox, way, moment)
    count = playing.kill(SIGNALS[name])
    time.sleep(PAUSE + 2)
    written = playing.written_after(count)
    sandbox.clear_faults()
    run = playing.plays.ok([task("rerun", "retest", **RELEASE)])
    return Killed(written, run.outcome("rerun"), sandbox.books())


@pytest.fixture(scope="module", name="killed")
def fixture_killed(tmp_path_factory):
    """All cases, several at the same time, because most of their time is waiting. Returns {case: its future}."""
    with contextlib.ExitStack() as stack:
        free = queue.SimpleQueue()
        for _number in range(AT_ONCE):
            free.put(stack.enter_context(Sandbox()))
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))

        def run(case):
            sandbox = free.get()
            try:
                return kill_play(tmp_path_factory.mktemp("killed"), sandbox, *case)
            finally:
                free.put(sandbox)

        yield {case: pool.submit(run, case) for case in CASES}


@pytest.mark.parametrize("way, name, moment", CASES)
def test_nothing_is_written_after_the_end_of_a_play(killed, way, name, moment):
    found = killed[way, name, moment].result()
    assert found.written == []
    assert found.rerun == "changed"
    assert found.books["open_rounds"] == [2]
    assert sorted(found.books["open_rounds_by_finding"]) == [READY, NOT_READY]
    assert [note["note"] for note in found.books["notes"]].count("Fixed in release 2026.12.") == 2
