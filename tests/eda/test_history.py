# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The history of a project: what is new since the last read, whatever the form of its rows."""

from __future__ import annotations

import itertools
import json
import random

import pytest
from attackforge_retest_eda.history import History


def row(number, status, row_id=None, **more):
    return {"retesting_round": number, "retesting_round_status": status, "retesting_round_id": row_id, **more}


def project(*rows, requested=None, completed=None):
    counts = {"project_retests_requested": requested, "project_retests_completed": completed}
    record = {"project_id": "x", "project_retesting_history": list(rows)}
    return {**record, **{name: count for name, count in counts.items() if count is not None}}


class Reader:
    """Reads a history as the source does, with a restart between two reads."""

    def __init__(self, *first, **counts):
        self.history = History()
        assert self.history.read(project(*first, **counts)) == []

    def news(self, *rows, **counts):
        self.history = History.of_state(json.loads(json.dumps(self.history.as_state())))
        found = self.history.read(project(*rows, **counts))
        for step, _row in found:
            self.history.add(step)
        return [(step.number, step.status) for step, _row in found]


def test_what_is_there_at_the_first_read_is_not_new():
    assert Reader(row(1, "Completed"), row(2, "Requested")).news(row(1, "Completed"), row(2, "Requested")) == []


def test_a_history_is_read_whatever_its_spelling():
    reader = Reader(row(1, "Completed"))
    rows = [row("3", "REQUESTED"), row(2.0, "Canceled"), row(None, "x"), row(4, None), "nonsense", row(-1, "Requested")]
    assert reader.news(row(1, "Completed"), *rows) == [(2, "requested"), (2, "cancelled"), (3, "requested")]


@pytest.mark.parametrize("record", [{}, {"project_retesting_history": None}, {"project_retesting_history": {}}])
def test_a_project_without_a_history_has_no_news(record):
    history = History()
    assert history.read(record) == history.read(record) == []


def test_each_step_of_a_round_is_new_once():
    reader = Reader(row(1, "Requested"))
    assert reader.news(row(1, "Requested")) == []
    assert reader.news(row(1, "Completed")) == [(1, "completed")]
    assert reader.news(row(1, "Completed"), row(1, "Requested")) == []


def test_an_older_answer_of_a_cache_changes_nothing():
    reader = Reader(row(1, "Requested"))
    assert reader.news(row(1, "Completed")) == [(1, "completed")]
    assert reader.news(row(1, "Requested")) == []
    assert reader.news() == []
    assert reader.news(row(1, "Completed"), row(2, "Requested")) == [(2, "requested")]


def test_a_round_that_came_and_went_between_two_reads_is_reported_whole():
    reader = Reader(row(1, "Completed"), requested=1)
    assert reader.news(row(1, "Completed"), row(2, "Cancelled")) == [(2, "requested"), (2, "cancelled")]
    reader = Reader(row(1, "Completed"), row(1, "Requested"))
    rows = [row(1, "Completed"), row(1, "Requested"), row(2, "Completed"), row(2, "Requested")]
    assert reader.news(*rows) == [(2, "requested"), (2, "completed")]


# A row's id: none, later, or another one at each read


def ids(kind):
    numbers = itertools.count()
    return {
        "none": lambda read, place: None,
        "stable": lambda read, place: f"id-{place}",
        "later": lambda read, place: f"id-{place}" if read > 1 else None,
        "new at each read": lambda read, place: f"id-{next(numbers)}",
    }[kind]


KINDS = ["none", "stable", "later", "new at each read"]


def lives(per_round, reuse, choices):
    """Random lives of rounds: what the history shows at each read, and the steps that happened."""
    rounds, steps, number = [], [], 0
    for _round in range(8):
        number = number if reuse and rounds and rounds[-1][1] == "Cancelled" else number + 1
        rounds.append([number, "Requested"])
        steps.append((number, "requested"))
        yield shown(rounds, per_round), len(rounds), steps
        rounds[-1][1] = choices.choice(("Cancelled", "Completed"))
        steps.append((number, rounds[-1][1].lower()))
        yield shown(rounds, per_round), len(rounds), steps


def shown(rounds, per_round):
    if per_round:
        return list(rounds)
    rows = []
    for number, status in rounds:
        rows += [(number, "Requested")] + ([(number, status)] if status != "Requested" else [])
    return rows


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("per_round", [True, False], ids=["a row a round", "a row an action"])
@pytest.mark.parametrize("counted", [True, False])
def test_each_step_is_new_once_whatever_the_ids_of_rows(kind, per_round, seed, counted):
    choices, row_id = random.Random(seed), ids(kind)
    reader, found = Reader(requested=0), []
    # Without a count a number that is used again can only be seen where each row is a round.
    reuse = seed % 2 and (counted or per_round)
    for read, (rows, requested, steps) in enumerate(lives(per_round, reuse, choices)):
        rows = [row(number, status, row_id(read, place)) for place, (number, status) in enumerate(rows)]
        choices.shuffle(rows)
        found += reader.news(*rows, **({"requested": requested} if counted else {}))
        assert found == steps


def test_a_row_that_is_listed_twice_is_one():
    reader = Reader(row(1, "Completed", "a"))
    assert reader.news(row(1, "Completed", "a"), row(2, "Cancelled", "b"), row(2, "Cancelled", "b")) == [
        (2, "requested"),
        (2, "cancelled"),
    ]


# A first read that is empty


def test_a_project_without_rounds_has_its_first_round_reported():
    assert Reader(requested=0).news(row(1, "Requested"), requested=1) == [(1, "requested")]
    assert Reader(requested=0).news(row(1, "Completed"), requested=1) == [(1, "requested"), (1, "completed")]
    assert Reader().news(row(1, "Requested")) == [(1, "requested")]
    reader = Reader()
    assert reader.news() == []
    assert reader.news(row(1, "Completed")) == [(1, "requested"), (1, "completed")]


@pytest.mark.parametrize("counts", [{"requested": 2, "completed": 2}, {}], ids=["counted", "not counted"])
def test_rounds_that_an_empty_first_read_did_not_show_are_not_new(counts):
    old = [row(1, "Cancelled"), row(2, "Completed")]
    reader = Reader(**counts)
    assert reader.news(*old, **counts) == []
    assert reader.news(*old, row(3, "Requested")) == [(3, "requested")]
    assert reader.news(*old, row(3, "Completed")) == [(3, "completed")]


def test_a_new_round_beside_those_that_an_empty_first_read_did_not_show_is_reported():
    counts = {"requested": 2, "completed": 2}
    reader = Reader(**counts)
    for _read in range(3):
        assert reader.news(**counts) == []
    rows = [row(1, "Completed"), row(2, "Completed"), row(3, "Completed")]
    assert reader.news(*rows, requested=3, completed=3) == [(3, "requested"), (3, "completed")]
