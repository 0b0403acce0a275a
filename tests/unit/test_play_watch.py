# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the play still runs: seen before each write, and in the middle of a wait."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from ansible_collections.attackforge.retest.plugins.module_utils import _play_watch as watch_module
from ansible_collections.attackforge.retest.plugins.module_utils._client import Client
from ansible_collections.attackforge.retest.plugins.module_utils._connection import Connection
from ansible_collections.attackforge.retest.plugins.module_utils._errors import PlayEnded
from ansible_collections.attackforge.retest.plugins.module_utils._play_watch import (
    VARIABLE,
    PlayWatch,
    identity_of_controller,
    watch_controller,
    watch_process,
)
from ansible_collections.attackforge.retest.tests.unit.wire import PROJECT, Server

linux = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="process ids are compared by /proc")


@pytest.fixture
def process():
    """Another process, which only waits."""
    started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield started
    started.kill()
    started.wait()


def test_a_play_that_runs_stops_nothing():
    watch = PlayWatch()
    watch.check()
    watch.sleep(0)
    assert not watch.ended


def test_a_play_that_has_ended_stops_all():
    watch = PlayWatch(lambda: True)
    assert watch.ended
    for act in (watch.check, lambda: watch.sleep(0), lambda: watch.sleep(10**6)):
        with pytest.raises(PlayEnded, match="has ended, so nothing more was sent"):
            act()


def test_a_wait_ends_as_soon_as_the_play_does(monkeypatch):
    now, slept = [0.0], []

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(watch_module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(watch_module.time, "sleep", sleep)
    with pytest.raises(PlayEnded):
        PlayWatch(lambda: now[0] >= 3).sleep(1000)
    assert now[0] == 3 and max(slept) <= 0.5
    slept.clear()
    PlayWatch().sleep(1.25)
    assert sum(slept) == 1.25


def test_what_writes_is_not_sent_once_the_play_is_gone():
    ended = threading.Event()
    with Server() as server:
        one = Client(Connection(server.url, "key"), PlayWatch(ended.is_set))
        one.cancel_round(PROJECT, 1)
        ended.set()
        for write in (
            lambda: one.cancel_round(PROJECT, 1),
            lambda: one.request_retest(PROJECT, {}),
            lambda: one.update_vulnerability(PROJECT, "a" * 24, "Retest"),
            lambda: one.update_round(PROJECT, 1, {}),
        ):
            with pytest.raises(PlayEnded):
                write()
        one.get_project(PROJECT)  # to read does no harm
    assert [sent.verb for sent in server.requests] == ["POST", "GET"]


# A process on this machine


@linux
def test_a_process_is_watched_until_it_ends(process):
    watch = watch_process(process.pid)
    assert not watch.ended
    process.kill()
    _until(lambda: watch.ended)  # while it is a zombie already: nobody has waited for it
    process.wait()
    assert watch.ended


def test_a_parent_is_watched_until_another_takes_its_place(monkeypatch):
    watch = watch_process(os.getppid())
    assert not watch.ended
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert watch.ended


WORKER = """
import os
from ansible_collections.attackforge.retest.plugins.module_utils._errors import PlayEnded
from ansible_collections.attackforge.retest.plugins.module_utils._play_watch import watch_process
watch = watch_process(os.getppid())
print(watch.ended, flush=True)
try:
    watch.sleep(60)
    print("waited to the end", flush=True)
except PlayEnded:
    print("stopped", flush=True)
"""
PLAY = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], start_new_session=True)"


def test_a_worker_in_a_session_of_its_own_stops_when_its_play_is_killed():
    """As ansible-core 2.19 starts its workers: the signal that kills the play does not reach them."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in sys.path if path))
    with subprocess.Popen(
        [sys.executable, "-c", PLAY, WORKER], stdout=subprocess.PIPE, text=True, env=environment
    ) as play:
        try:
            assert play.stdout.readline() == "False\n"
        finally:
            play.kill()
        assert play.stdout.read() == "stopped\n"


def test_a_process_of_another_user_lives(monkeypatch):
    def kill(_pid, _signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    assert not watch_process(os.getpid()).ended


def test_where_there_is_no_proc_a_signal_tells_enough(monkeypatch):
    monkeypatch.setattr(watch_module, "_start_of", lambda _pid: "")
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    assert not watch_process(os.getpid()).ended


# A module, and the controller that its environment names


@pytest.fixture(autouse=True)
def read_output(monkeypatch):
    """Whoever runs these tests reads their output."""
    monkeypatch.setattr(watch_module, "_output_is_closed", lambda: False)


@linux
def test_the_controller_is_watched_until_it_ends(process):
    identity = identity_of_controller(process.pid)
    machine, pid, _start = identity.split()
    assert int(pid) == process.pid and machine == identity_of_controller(os.getpid()).split()[0]
    watch = watch_controller({VARIABLE: identity})
    assert not watch.ended
    process.kill()
    process.wait()
    assert watch.ended
    assert identity_of_controller(process.pid) == ""


@linux
def test_another_process_under_the_same_id_is_not_the_controller():
    machine, pid, start = identity_of_controller(os.getpid()).split()
    assert watch_controller({VARIABLE: f"{machine} {pid} {int(start) + 1}"}).ended
    assert not watch_controller({VARIABLE: f"{machine} {pid} {start}"}).ended


@pytest.mark.parametrize("environment", [{}, {VARIABLE: ""}, {VARIABLE: "of-another-machine/1 1 1"}])
def test_a_controller_elsewhere_cannot_be_watched(environment):
    assert not watch_controller(environment).ended


def test_a_machine_without_proc_has_a_name_all_the_same(monkeypatch):
    def refuse(*_args, **_more):
        raise OSError

    monkeypatch.setattr("builtins.open", refuse)
    assert identity_of_controller(1) == ""
    assert watch_module._machine() == "unknown"


CODE = """
import os, sys, time
from ansible_collections.attackforge.retest.plugins.module_utils._play_watch import watch_controller
watch = watch_controller({})
sys.stderr.write(f"{watch.ended}\\n")
sys.stderr.flush()
sys.stdin.read()
sys.stderr.write(f"{watch.ended}\\n")
"""


def _child(stdout):
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in sys.path if path))
    return subprocess.Popen(
        [sys.executable, "-c", CODE],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def test_a_module_whose_output_nobody_reads_any_more_has_lost_its_play():
    with _child(subprocess.PIPE) as child:
        assert child.stderr.readline() == "False\n"
        child.stdout.close()
        child.stdin.close()
        assert child.stderr.readline() == "True\n"


def test_output_into_a_file_says_nothing(tmp_path):
    with (tmp_path / "out").open("w") as file, _child(file) as child:
        child.stdin.close()
        assert child.stderr.read() == "False\nFalse\n"


def test_output_that_is_closed_or_cannot_be_looked_at_says_nothing(monkeypatch):
    monkeypatch.undo()

    def refuse(_fd):
        raise OSError

    watch = watch_controller({})
    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", refuse)
        ended = watch.ended
    assert not ended


def _until(condition):
    for _unused in range(500):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come")
