# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was received: where a replay begins, and which events are new."""

from __future__ import annotations

import json
import random

import pytest
from attackforge_retest_eda.events import parse_event
from attackforge_retest_eda.position import CLOCKS, FUTURE_MARKS, MARGIN, MARKS, OVERLAP, Position, to_ms

from tests.eda.test_parsing import DONE, START, params

ZERO = to_ms(START)
NOW = ZERO + 24 * 3600 * 1000


def event(*args, **more):
    return parse_event(DONE, params(*args, **more))


def dated(timestamp, number=1):
    return parse_event(DONE, {**params(0, number), "timestamp": timestamp})


def live():
    """A position behind a replay that is whole."""
    position = Position(ZERO)
    position.end_replay()
    return position


def restarted(position):
    return Position.of_state(json.loads(json.dumps(position.as_state())))


def test_an_event_is_new_once():
    position = live()
    assert position.receive(event(), NOW)
    assert not position.receive(event(), NOW)


def test_without_an_event_a_replay_begins_at_the_start():
    assert live().floor == ZERO


def test_a_replay_reaches_back_but_not_behind_the_start():
    position = live()
    position.receive(event(3), NOW)
    assert position.floor == ZERO
    position.receive(event(600), NOW)
    assert position.floor == ZERO + 600_000 - OVERLAP


def test_an_event_that_was_overtaken_does_not_move_the_replay_back():
    position = live()
    position.receive(event(600), NOW)
    position.receive(event(555, 2), NOW)
    assert position.floor == ZERO + 600_000 - OVERLAP


def test_a_replay_that_is_not_whole_begins_where_it_began():
    position = live()
    position.receive(event(600), NOW)
    begin = position.floor
    position.begin_replay()
    position.receive(event(7200, 2), NOW)
    assert position.floor == restarted(position).floor == begin
    assert restarted(position).replaying
    position.end_replay()
    assert position.floor == ZERO + 7_200_000 - OVERLAP


def test_a_clock_that_is_ahead_here_loses_nothing():
    position = Position(ZERO + 300_000)
    position.end_replay()
    assert position.receive(event(0), NOW)
    assert position.floor == ZERO - MARGIN
    assert position.receive(event(600, 2), NOW)
    assert position.floor == ZERO + 600_000 - OVERLAP


def test_a_first_event_with_a_wrong_date_does_not_bring_years_back():
    position = live()
    assert position.receive(dated("2016-01-01T00:00:00Z"), NOW)
    assert position.floor == ZERO


def test_an_event_that_dates_itself_far_ahead_keeps_a_replay_from_nothing():
    position = live()
    assert position.receive(dated("2099-01-01T00:00:00Z"), ZERO + 90_000)
    assert position.floor == ZERO + 90_000 - OVERLAP
    assert not position.receive(dated("2099-01-01T00:00:00Z"), ZERO + 95_000)


def test_an_event_without_a_time_is_new_once():
    position = live()
    assert position.receive(parse_event(DONE, {"data": {"a": 1}}), NOW)
    assert not position.receive(parse_event(DONE, {"data": {"a": 1}}), NOW)
    assert position.floor == ZERO


def test_what_no_replay_reaches_is_forgotten():
    position = live()
    for number in range(20 * MARKS):
        assert position.receive(event(number, number), NOW)
    assert len(position.marks) <= 2 * MARKS
    for number in range(20 * MARKS - 62, 20 * MARKS):
        assert not position.receive(event(number, number), NOW)


def test_what_is_forgotten_is_not_new_in_a_replay_that_brings_more_than_was_asked_for():
    position = live()
    for number in range(10 * MARKS):
        position.receive(event(number, number), NOW)
    position = restarted(position)
    assert not any(position.receive(event(number, number), NOW) for number in range(10 * MARKS))
    assert not any(position.receive(event(number, number), NOW) for number in reversed(range(10 * MARKS)))
    assert position.receive(event(10 * MARKS, 10 * MARKS), NOW)


def test_what_was_before_the_start_is_not_new_in_a_replay():
    position = Position(ZERO)
    assert not position.receive(event(-1), NOW)
    assert position.receive(event(0, 2), NOW)


def test_marks_of_a_far_future_year_do_not_stay_for_ever():
    position = live()
    for number in range(3 * FUTURE_MARKS):
        assert position.receive(dated("2999-01-01T00:00:00.000Z", number), NOW)
    for number in range(3 * FUTURE_MARKS):
        assert position.receive(event(number, number), NOW)
    assert len(position.marks) <= 2 * (FUTURE_MARKS + MARKS)
    for number in range(3 * FUTURE_MARKS, 6 * FUTURE_MARKS):
        assert position.receive(event(number, number), NOW)
    assert len(position.marks) <= 2 * (FUTURE_MARKS + MARKS)
    # A service replays them each time, so they have to be known as long as can be.
    assert not position.receive(dated("2999-01-01T00:00:00.000Z", 3 * FUTURE_MARKS - 1), NOW)


def test_an_event_that_is_a_few_hours_ahead_keeps_no_other_from_being_forgotten():
    position = live()
    assert position.receive(event(CLOCKS / 2000, 0), ZERO)
    for number in range(1, 20 * MARKS):
        assert position.receive(event(number, number), NOW)
    assert len(position.marks) <= 2 * MARKS + 1


def test_what_a_replay_reaches_is_kept_however_much_it_is():
    position = live()
    for number in range(5 * MARKS):
        assert position.receive(event(number / 1000, number), NOW)
    assert not any(position.receive(event(number / 1000, number), NOW) for number in range(5 * MARKS))


def test_forgetting_costs_the_same_for_each_event(monkeypatch):
    """Counted in sweeps over all marks, whose number must grow with the logarithm of the events."""
    sweeps = []
    sweep = Position._sweep
    monkeypatch.setattr(Position, "_sweep", lambda self, now: (sweeps.append(len(self.marks)), sweep(self, now)))
    position = live()
    count = 40 * MARKS
    for number in range(count):
        position.receive(event(number / 10_000, number), NOW)
    assert sum(sweeps) <= 2 * count


def test_a_position_survives_a_file():
    position = live()
    for number in range(5):
        position.receive(event(number, number), NOW)
    again = restarted(position)
    assert (again.floor, again.horizon, again.last, again.marks) == (
        position.floor,
        position.horizon,
        position.last,
        position.marks,
    )
    assert restarted(live()).last is None


def test_a_copy_is_independent():
    position = live()
    position.copy().receive(event(9), NOW)
    assert position.last is None and not position.marks


@pytest.mark.parametrize("seed", range(60))
def test_no_cut_loses_or_repeats_an_event(seed):
    """Equal timestamps, events that overtake each other, replays in any order that are cut, of the day or from where
    they were asked to begin, with or without its first instant."""
    choices = random.Random(seed)
    inclusive, together, by_day = choices.random() < 0.5, choices.choice((1, 3, 9)), choices.random() < 0.5
    order = choices.choice(("oldest", "newest", "shuffled"))
    written = [event(100 + number // together - choices.choice((0, 0, 0, 30)), number) for number in range(60)]
    position, got, sent, replay = Position(ZERO), [], 0, None
    for _step in range(400):
        if choices.random() < 0.3:  # a cut, with a restart, and some events while it is away
            position = restarted(position)
            sent = min(len(written), sent + choices.randrange(4))
            begin = position.floor - (position.floor % CLOCKS if by_day else 0)
            replay = [one for one in written[:sent] if to_ms(one.instant) >= begin + (not inclusive)]
            replay.sort(key=lambda one: choices.random() if order == "shuffled" else one.instant)
            if order == "newest":
                replay.reverse()
        if replay:
            count = choices.randrange(1, 2 + len(replay))
            received, replay = replay[:count], replay[count:]
        else:
            if replay is not None and choices.random() < 0.5:
                position.end_replay()
            received, sent = written[sent : sent + 1], min(len(written), sent + 1)
        got += [one for one in received if position.receive(one, NOW)]
    assert sorted(one.retest["round"] for one in got) == list(range(60))
