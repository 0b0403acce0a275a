# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pace that the workers of a release share: so many at once, and slower when the service says so."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.attackforge.retest.plugins.module_utils import _pace as pace_module
from ansible_collections.attackforge.retest.plugins.module_utils._client import Client
from ansible_collections.attackforge.retest.plugins.module_utils._connection import Connection
from ansible_collections.attackforge.retest.plugins.module_utils._errors import NotProcessed, PlayEnded
from ansible_collections.attackforge.retest.plugins.module_utils._pace import Pace
from ansible_collections.attackforge.retest.plugins.module_utils._play_watch import PlayWatch
from ansible_collections.attackforge.retest.tests.unit.wire import KEY, PROJECT, Server, answer, clock

__all__ = ["clock"]


class Clock:
    """The present moment, which waiting moves on."""

    def __init__(self, pace):
        self.now = 100.0
        self.waited = []
        pace._changed.wait = self.wait

    def monotonic(self):
        return self.now

    def wait(self, seconds):
        self.waited.append(seconds)
        self.now += seconds


@pytest.fixture
def paced(monkeypatch):
    """A pace for 8 workers, and its clock."""
    pace = Pace(8, PlayWatch())
    clock_of_pace = Clock(pace)
    monkeypatch.setattr(pace_module.time, "monotonic", clock_of_pace.monotonic)
    return pace, clock_of_pace


@pytest.mark.parametrize("status", [None, 200, 400, 403, 500, 502])
def test_an_answer_that_is_not_too_much_changes_nothing(paced, status):
    pace, time_of = paced
    pace.note(status, 30.0)
    with pace.turn():
        assert pace.at_once == 8 and time_of.waited == []


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("asked, pause", [(3.0, 3.0), (None, 1.0), (0.0, 0.0)])
def test_an_overloaded_service_makes_all_wait_and_halves_them(paced, status, asked, pause):
    pace, time_of = paced
    pace.note(status, asked)
    assert pace.at_once == 4
    with pace.turn():
        assert sum(time_of.waited) == pause and all(one <= 0.5 for one in time_of.waited)


def test_several_answers_to_one_burst_count_once(paced):
    pace, time_of = paced
    for asked in (2.0, 5.0, 1.0):
        pace.note(429, asked)
    assert pace.at_once == 4
    with pace.turn():
        assert sum(time_of.waited) == 5.0


def test_one_worker_is_always_left(paced):
    pace, time_of = paced
    for _unused in range(10):
        pace.note(503, 1.0)
        time_of.now += 1.0
    assert pace.at_once == 1


def test_a_wait_for_a_turn_ends_with_the_play():
    ended = threading.Event()
    pace = Pace(1, PlayWatch(ended.is_set))
    with pace.turn():
        ended.set()
        with pytest.raises(PlayEnded), pace.turn():
            raise AssertionError("there is no turn")


def test_no_more_than_so_many_have_a_turn_at_once():
    pace = Pace(3, PlayWatch())
    lock, running, most = threading.Lock(), [], []
    three = threading.Event()

    def work():
        with pace.turn():
            with lock:
                running.append(1)
                most.append(len(running))
                if len(running) == 3:
                    three.set()
            assert three.wait(10)
            with lock:
                running.pop()

    workers = [threading.Thread(target=work) for _unused in range(12)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert len(most) == 12 and max(most) == 3


def test_a_turn_ends_with_an_error_too(paced):
    pace, _clock = paced
    pace.at_once = 1
    with pytest.raises(KeyError), pace.turn():
        raise KeyError
    with pace.turn():
        pass


def test_the_clients_of_a_pace_report_what_they_are_told():
    with Server(answer(429, b"", [("Retry-After", "0")]), answer(200, {"project": {}})) as server:
        pace = Pace(8, PlayWatch())
        first = Client(Connection(server.url, KEY, retries=0))
        first.learned["form"] = "x"
        one = first.worker(PlayWatch(), pace)
        with pytest.raises(NotProcessed):
            one.get_project(PROJECT)
        assert pace.at_once == 4
        assert one.get_project(PROJECT) == {"project": {}}
    one.learned["more"] = "y"
    assert first.learned == {"form": "x", "more": "y"}
