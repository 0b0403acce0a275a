# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pure part: what an event says, and whether it was seen before."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta, timezone

import pytest
from attackforge_retest_eda.happenings import (
    MARGIN,
    MARKS,
    OVERLAP,
    Position,
    Step,
    event_of,
    event_of_step,
    fingerprint,
    news,
    projects_of,
    steps_of,
)

START = datetime(2026, 12, 1, tzinfo=timezone.utc)
NOW = START + timedelta(days=1)
PROJECT = "66333e1d110ab5acf8a4354e"
DONE = "project-retest-completed"


def at(seconds):
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def params(seconds=0, number=1, **more):
    return {"timestamp": at(seconds), "data": {"project_id": PROJECT, "round": number, **more}}


# What an event says


def test_a_round_has_plain_names():
    told = params(
        0,
        "2",
        status="Cancelled",
        retest_window={"start_date": "2026-12-01", "end_date": None},
        vulnerabilities_in_scope=[{"title": "Injection", "id": "ABC", "alternate_id": "WEBAPP-1"}],
    )
    assert event_of("project-retest-cancelled", told) == {
        "name": "project-retest-cancelled",
        "timestamp": "2026-12-01T00:00:00.000Z",
        "retest": {
            "project_id": PROJECT,
            "round": 2,
            "status": "cancelled",
            "retesting_window_start": "2026-12-01T00:00:00.000Z",
            "retesting_window_end": None,
            "vulnerabilities": [{"id": "abc", "alternate_id": "WEBAPP-1", "title": "Injection"}],
        },
        "payload": told,
    }


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"data": None},
        {"data": []},
        {"timestamp": 5, "data": {"round": True, "vulnerabilities_in_scope": "x"}},
        {"timestamp": "soon", "data": {"round": [], "retest_window": 3, "vulnerabilities_in_scope": [None, {"id": 4}]}},
    ],
)
def test_a_payload_that_nobody_documents_is_an_event_all_the_same(told):
    event = event_of(DONE, told)
    assert event["payload"] == told
    assert event["timestamp"] is None
    assert (event["retest"]["round"], event["retest"]["status"]) == (None, "completed")


def test_another_event_has_no_round():
    assert event_of("vulnerability-updated", {"timestamp": at(0), "data": {"x": 1}}) == {
        "name": "vulnerability-updated",
        "timestamp": at(0),
        "payload": {"timestamp": at(0), "data": {"x": 1}},
    }


@pytest.mark.parametrize(
    "data",
    [
        {"project_id": PROJECT.upper()},
        {"vulnerability_project_id": PROJECT},
        {"project": {"id": PROJECT}},
        {"projects": [{"id": PROJECT}]},
        {"vulnerability_projects": [{"project_id": PROJECT}]},
    ],
)
def test_the_project_of_an_event_is_found_wherever_it_is(data):
    assert projects_of({"data": data}) == {PROJECT}


def test_an_event_without_a_project_has_none():
    assert projects_of({"data": {"id": "x", "projects": ["y"]}}) == set()


# What was seen


def test_an_event_is_new_once():
    position = Position(START)
    assert position.take(DONE, params(), NOW)
    assert not position.take(DONE, params(), NOW)


def test_a_round_is_recognised_though_its_replay_says_more():
    assert fingerprint(DONE, params(status="Completed")) == fingerprint(DONE, params(status="completed", more=1))


@pytest.mark.parametrize(
    "other",
    [
        (DONE, params(0, 2)),
        (DONE, params(0.001)),
        ("project-retest-cancelled", params()),
        (DONE, {**params(), "data": {"project_id": "other", "round": 1}}),
    ],
)
def test_events_that_differ_are_two(other):
    assert fingerprint(DONE, params()) != fingerprint(*other)


def test_other_events_of_one_instant_differ_by_what_they_say():
    first = ("vulnerability-updated", params(0, vulnerability_id="a"))
    second = ("vulnerability-updated", params(0, vulnerability_id="b"))
    assert fingerprint(*first) != fingerprint(*second)


def test_a_round_whose_number_is_not_told_is_known_by_all_that_it_says():
    assert fingerprint(DONE, params(0, None, a=1)) != fingerprint(DONE, params(0, None, a=2))
    nameless = [{"timestamp": "2026-12-01T00:00:00.000Z", "data": {"round": 1, "project_code": code}} for code in "AB"]
    assert fingerprint(DONE, nameless[0]) != fingerprint(DONE, nameless[1])


def test_without_an_event_a_replay_begins_at_the_start():
    assert Position(START).resume == START


def test_a_replay_reaches_back_but_not_behind_the_start():
    position = Position(START)
    position.take(DONE, params(3), NOW)
    assert position.resume == START
    position.take(DONE, params(600), NOW)
    assert position.resume == START + timedelta(seconds=600) - OVERLAP


def test_an_event_that_was_overtaken_does_not_move_the_replay_back():
    position = Position(START)
    position.take(DONE, params(600), NOW)
    position.take(DONE, params(555, 2), NOW)
    assert position.resume == START + timedelta(seconds=600) - OVERLAP


def test_a_clock_that_is_ahead_here_loses_nothing():
    ahead = Position(START + timedelta(minutes=5))
    assert ahead.take(DONE, params(0), NOW)
    assert ahead.resume == START - MARGIN
    assert ahead.take(DONE, params(600, 2), NOW)
    assert ahead.resume == START + timedelta(seconds=600) - OVERLAP


def test_an_event_that_dates_itself_far_ahead_keeps_a_replay_from_nothing():
    position = Position(START)
    assert position.take(DONE, {**params(), "timestamp": "2099-01-01T00:00:00Z"}, START + timedelta(seconds=90))
    assert position.resume == START + timedelta(seconds=90) - OVERLAP
    assert not position.take(DONE, {**params(), "timestamp": "2099-01-01T00:00:00Z"}, START + timedelta(seconds=95))


@pytest.mark.parametrize("nothing", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"])
def test_a_date_that_nobody_has_set_is_none(nothing):
    position = Position(START)
    assert position.take(DONE, {**params(), "timestamp": nothing}, NOW)
    assert position.resume == START
    assert event_of(DONE, {**params(), "timestamp": nothing})["timestamp"] is None


def test_an_event_without_a_time_is_taken_once():
    position = Position(START)
    assert position.take(DONE, {"data": {"a": 1}}, NOW)
    assert not position.take(DONE, {"data": {"a": 1}}, NOW)
    assert position.resume == START


def test_what_no_replay_reaches_is_forgotten():
    position = Position(START)
    for number in range(3 * MARKS):
        assert position.take(DONE, params(number, number), NOW)
    assert len(position.marks) == MARKS
    for number in range(3 * MARKS - 62, 3 * MARKS):
        assert not position.take(DONE, params(number, number), NOW)


def test_one_event_with_a_date_far_ahead_keeps_no_other_from_being_forgotten():
    position = Position(START)
    assert position.take(DONE, {**params(), "timestamp": "2099-01-01T00:00:00.000Z", "data": {"round": 1}}, NOW)
    for number in range(3 * MARKS):
        assert position.take(DONE, params(number, number), NOW)
    assert len(position.marks) <= MARKS + 1


def test_what_a_replay_reaches_is_kept_however_much_it_is():
    position = Position(START)
    for number in range(3 * MARKS):
        assert position.take(DONE, params(number / 1000, number), NOW)
    assert not any(position.take(DONE, params(number / 1000, number), NOW) for number in range(3 * MARKS))


def test_a_position_survives_a_file():
    position = Position(START)
    for number in range(5):
        position.take(DONE, params(number, number), NOW)
    again = Position.of_state(json.loads(json.dumps(position.as_state())))
    assert (again.since, again.last, again.marks) == (position.since, position.last, position.marks)
    assert Position.of_state(Position(START).as_state()).last is None


def test_a_copy_goes_its_own_way():
    position = Position(START)
    position.copy().take(DONE, params(9), NOW)
    assert position.last is None and not position.marks


@pytest.mark.parametrize("seed", range(50))
def test_no_cut_loses_or_repeats_an_event(seed):
    """Equal timestamps, events that overtake each other, a replay with or without its first instant."""
    dice = random.Random(seed)
    inclusive, together = dice.random() < 0.5, dice.choice((1, 3, 9))
    written = [(DONE, params(100 + number // together - dice.choice((0, 0, 0, 30)), number)) for number in range(60)]
    position, got, there = Position(START), [], 0
    for _step in range(300):
        if dice.random() < 0.3:  # a cut, with a restart, and some events that nobody hears
            position = Position.of_state(json.loads(json.dumps(position.as_state())))
            there = min(len(written), there + dice.randrange(4))
            resume = at((position.resume - START).total_seconds())
            heard = [
                one
                for one in written[:there]
                if (one[1]["timestamp"] > resume or (inclusive and one[1]["timestamp"] == resume))
            ]
        else:
            heard, there = written[there : there + 1], min(len(written), there + 1)
        got += [one for one in heard if position.take(*one, NOW)]
    assert sorted(one[1]["data"]["round"] for one in got) == list(range(60))


# The history


def row(number, status, row_id="a", **more):
    return {"retesting_round": number, "retesting_round_status": status, "retesting_round_id": row_id, **more}


def told(known, *rows):
    found = news(known, steps_of({"project_retesting_history": list(rows)}))
    return [(step.number, step.status) for step, _row in found]


def test_a_history_is_read_whatever_its_spelling():
    history = [row("2", "REQUESTED", "b"), row(1, "Canceled"), row(None, "x"), row(3, None), "nonsense"]
    assert list(steps_of({"project_retesting_history": history})) == [
        Step(1, "a", "cancelled"),
        Step(2, "b", "requested"),
    ]


@pytest.mark.parametrize("project", [{}, {"project_retesting_history": None}, {"project_retesting_history": {}}])
def test_a_project_without_a_history_tells_nothing(project):
    assert steps_of(project) == {}


def test_each_step_of_a_round_is_told_once():
    known = set(steps_of({"project_retesting_history": [row(1, "Requested")]}))
    assert told(known, row(1, "Requested")) == []
    assert told(known, row(1, "Completed")) == [(1, "completed")]
    assert told(known, row(1, "Completed"), row(1, "Requested")) == [(1, "completed")]


def test_rows_of_actions_may_have_ids_of_their_own():
    known = set(steps_of({"project_retesting_history": [row(1, "Requested", "a")]}))
    assert told(known, row(1, "Completed", "b"), row(1, "Requested", "a")) == [(1, "completed")]


def test_a_round_that_came_and_went_between_two_looks_is_told_whole():
    assert told(set(), row(1, "Completed")) == [(1, "requested"), (1, "completed")]
    assert told(set(), row(1, "Cancelled", "b"), row(1, "Requested", "a")) == [(1, "requested"), (1, "cancelled")]


def test_a_number_that_is_given_again_is_another_round():
    known = set(steps_of({"project_retesting_history": [row(1, "Cancelled", "a")]}))
    assert told(known, row(1, "Cancelled", "a"), row(1, "Requested", "b")) == [(1, "requested")]


def test_the_event_of_a_step_is_like_the_service_s():
    there = row(
        2,
        "Completed",
        retesting_window_start="2026-12-01T02:00:00+02:00",
        retesting_round_vulnerabilities=[
            {"vulnerability_id": "ABC", "vulnerability_alternate_id": "WEBAPP-1", "vulnerability_title": "Injection"}
        ],
    )
    polled = event_of_step(PROJECT, Step(2, "a", "completed"), there, START)
    pushed = event_of(
        DONE,
        params(
            0,
            2,
            retest_window={"start_date": at(0)},
            vulnerabilities_in_scope=[{"id": "abc", "alternate_id": "WEBAPP-1", "title": "Injection"}],
        ),
    )
    assert {**polled, "payload": 0} == {**pushed, "payload": 0}
    assert polled["payload"] == there
