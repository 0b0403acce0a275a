# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rounds: what the rows of a project's history mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.attackforge.retest.plugins.module_utils._rounds import (
    CANCELLED,
    COMPLETED,
    REQUESTED,
    Round,
    hides_history,
    holders_of,
    numbers_of,
    round_result,
    rounds_of,
    status_word,
    unknown_status,
    whole_number,
    youngest_with,
)
from ansible_collections.attackforge.retest.tests.unit.builders import (
    END,
    IDS,
    LATER,
    PROJECT,
    START,
    A,
    B,
    C,
    a_round,
    row,
    scope_of,
)

# Rows become rounds


LOG = [
    row(1, COMPLETED, retested=[A]),
    row(1, REQUESTED, [A, B], START, END),
    row(2, CANCELLED, [C], LATER),
    row(2, REQUESTED, [C], START),
    row(3, REQUESTED, [A], START, END),
]


@given(st.permutations(LOG))
def test_rows_in_any_order_give_the_same_rounds(rows):
    assert rounds_of(rows) == [
        Round(1, COMPLETED, START, END, scope_of([A, B]), frozenset([A])),
        Round(2, CANCELLED, START, None, scope_of([C]), frozenset()),
        Round(3, REQUESTED, START, END, scope_of([A]), frozenset()),
    ]


@given(
    st.permutations(
        [row(2, CANCELLED, [C], START), row(1, COMPLETED, [A, B], START, END, [A]), row(3, REQUESTED, [A], START, END)]
    )
)
def test_one_row_a_round_gives_the_same_rounds_as_one_row_an_action(rows):
    assert rounds_of(rows) == rounds_of(LOG)


@pytest.mark.parametrize(
    "statuses, expected",
    [
        ([REQUESTED], REQUESTED),
        ([REQUESTED, COMPLETED], COMPLETED),
        ([COMPLETED, REQUESTED], COMPLETED),
        ([REQUESTED, CANCELLED, REQUESTED], CANCELLED),
        (["scheduled"], "scheduled"),
        ([REQUESTED, "scheduled"], "scheduled"),
        (["scheduled", REQUESTED, COMPLETED], COMPLETED),
        (["assigned", REQUESTED, COMPLETED], COMPLETED),
        (["assigned", CANCELLED], CANCELLED),
    ],
)
def test_a_finished_status_beats_requested_and_an_unknown_one_is_kept(statuses, expected):
    one = rounds_of([row(1, status, [A]) for status in statuses])[0]
    assert one.status == expected
    assert one.open is (expected == REQUESTED)
    assert one.known is (expected != "scheduled")


def test_a_scope_that_no_row_tells_is_not_the_same_as_an_empty_one():
    assert rounds_of([row(1, REQUESTED)])[0].scope is None
    assert rounds_of([row(1, REQUESTED, [])])[0].scope == ()
    assert rounds_of([row(1, REQUESTED, [A]), row(1, REQUESTED)])[0].ids == {A}


def test_no_rows_are_no_rounds():
    assert rounds_of([]) == []


def test_holders_are_open_rounds_only_and_oldest_first():
    rounds = [a_round(1, [A], COMPLETED), a_round(2, [A]), a_round(3, [B]), a_round(4, [A, B]), a_round(5, [A], "x")]
    assert [one.number for one in holders_of(A, rounds)] == [2, 4]


def test_a_round_is_reported_with_names_and_instants():
    assert round_result(PROJECT, a_round(3, [A])) == {
        "project_id": PROJECT,
        "round": 3,
        "status": "requested",
        "retesting_window_start": "2026-12-01T00:00:00.000Z",
        "retesting_window_end": "2026-12-08T00:00:00.000Z",
        "vulnerabilities": [{"id": A, "alternate_id": "WEB-1", "title": "Title of WEB-1"}],
    }


def test_no_round_is_reported_with_the_same_keys():
    none = round_result(PROJECT, None)
    assert none.keys() == round_result(PROJECT, a_round(3, None)).keys()
    assert none["round"] is None and none["vulnerabilities"] == []


def test_a_window_is_told_with_what_is_missing():
    assert a_round(1, [A]).window_text == "2026-12-01T00:00:00.000Z to 2026-12-08T00:00:00.000Z"
    assert a_round(1, [A], start=None, end=None).window_text == "no start to no end"


def test_an_unknown_status_among_several_is_always_the_same():
    rows = [row(1, "paused"), row(1, "held"), row(1, REQUESTED, [A])]
    assert {rounds_of(order)[0].status for order in (rows, rows[::-1], rows[1:] + rows[:1])} == {"held"}


def test_a_status_that_nobody_documents_is_told():
    assert unknown_status(a_round(1, [A], "paused")) == [
        "Round 1 has the status 'paused'; it is not known whether that is open or finished."
    ]
    for status in (REQUESTED, COMPLETED, CANCELLED):
        assert unknown_status(a_round(1, [A], status)) == []


def test_the_row_that_asked_for_a_round_tells_its_window_whatever_the_others_are_called():
    (one,) = rounds_of([row(1, "scheduled", [A], LATER, LATER), row(1, REQUESTED, [A], START, END)])
    assert (one.start, one.end) == (START, END)


def test_a_bound_that_the_first_row_does_not_show_comes_from_another():
    (one,) = rounds_of([row(1, REQUESTED, [A]), row(1, COMPLETED, [A], START, END)])
    assert (one.start, one.end) == (START, END)


def test_the_youngest_round_with_a_finding_is_found_whatever_its_status():
    rounds = [a_round(1, [A, B]), a_round(2, [A], CANCELLED), a_round(3, [C])]
    assert [youngest_with(one, rounds) for one in (A, B, C)] == [rounds[1], rounds[0], rounds[2]]
    assert youngest_with(A, iter(rounds)) is rounds[1] and youngest_with("f" * 24, rounds) is None


@pytest.mark.parametrize(
    "one, unknown",
    [
        (a_round(1, None), True),
        (a_round(1, []), True),
        (a_round(1, [A]), False),
        (a_round(1, None, COMPLETED), False),
        (a_round(1, [], CANCELLED), False),
        (a_round(1, None, "paused"), False),
    ],
)
def test_an_open_round_that_holds_nothing_visible_may_hold_anything(one, unknown):
    assert one.scope_unknown is unknown


def test_numbers_are_for_people():
    assert numbers_of([a_round(1, [A]), a_round(3, [A])]) == "1, 3" and numbers_of([]) == "none"


# Numbers that are used again


def test_a_number_that_was_used_again_after_a_cancel_is_two_rounds_where_as_many_were_requested():
    rows = [row(1, REQUESTED, [A, B], id="x"), row(1, CANCELLED, [A], LATER, id="y"), row(2, REQUESTED, [C], id="z")]
    for order in (rows, rows[::-1], rows[1:] + rows[:1]):
        first, again, third = rounds_of(order, 3)
        assert (first.number, first.status, first.ids) == (1, CANCELLED, {A})
        assert (again.number, again.status, again.ids) == (1, REQUESTED, {A, B})
        assert third.number == 2
    assert holders_of(A, rounds_of(rows, 3)) == [rounds_of(rows, 3)[1]]


def test_a_number_that_was_used_again_is_two_rounds_also_where_each_action_has_a_row():
    rows = [row(1, REQUESTED, [A], id="x"), row(1, CANCELLED, [A], id="x"), row(1, REQUESTED, [A, B], id="y")]
    for order in (rows, rows[::-1]):
        first, again = rounds_of(order, 2)
        assert (first.status, first.ids) == (CANCELLED, {A}) and (again.status, again.ids) == (REQUESTED, {A, B})


def test_a_row_that_has_no_id_yet_tells_no_rounds_apart():
    rows = [row(1, REQUESTED, [A], id="x"), row(1, CANCELLED, [A])]
    assert [one.status for one in rounds_of(rows, 2)] == [CANCELLED]


@pytest.mark.parametrize("requested", [None, 0, 1, 3])
def test_rows_of_one_number_are_one_round_where_fewer_or_more_were_requested(requested):
    rows = [row(1, REQUESTED, [A], id="x"), row(1, CANCELLED, [A], id="y")]
    (one,) = rounds_of(rows, requested)
    assert one.status == CANCELLED


def test_rows_without_ids_of_their_own_are_not_told_apart():
    for ids in ((None, None), ("x", "x")):
        rows = [row(1, REQUESTED, [A], id=ids[0]), row(1, CANCELLED, [A], id=ids[1])]
        assert len(rounds_of(rows, 2)) == 1


def test_as_many_rows_as_requests_change_nothing_where_each_has_its_number():
    rows = [row(1, CANCELLED, [A], id="x"), row(2, REQUESTED, [A], id="y")]
    assert rounds_of(rows, 2) == rounds_of(rows)


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from([REQUESTED, CANCELLED, COMPLETED, "paused"])), max_size=6))
def test_rounds_come_oldest_first_and_no_finding_gets_lost(made):
    rows = [row(number, status, [IDS[place % 4]], id=str(place)) for place, (number, status) in enumerate(made)]
    for requested in (None, len(rows)):
        rounds = rounds_of(rows, requested)
        assert [one.number for one in rounds] == sorted(one.number for one in rounds)
        assert {one.number for one in rounds} == {one.number for one in rows}
        for number in {one.number for one in rows}:
            shown = {finding.id for one in rows if one.number == number for finding in one.scope}
            assert set().union(*(one.ids for one in rounds if one.number == number)) == shown


# Small values


@pytest.mark.parametrize(
    "value, number",
    [
        (1, 1),
        (0, 0),
        (1.0, 1),
        ("1", 1),
        (" 1\n", 1),
        ("007", 7),
        ("999999999", 999999999),
        ("1234567890", None),
        (-1, None),
        ("-1", None),
        (1.5, None),
        (-1.0, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        (False, None),
        (None, None),
        ("", None),
        ("1.0", None),
        ("one", None),
        ([1], None),
        ("\u0661", None),
    ],
)
def test_a_whole_number_is_read_however_it_is_written(value, number):
    read = whole_number(value)
    assert read == number and type(read) is type(number)


@pytest.mark.parametrize(
    "value, word",
    [
        ("Requested", REQUESTED),
        (" COMPLETED ", COMPLETED),
        ("Cancelled", CANCELLED),
        ("Canceled", CANCELLED),
        ("On hold", "on hold"),
        ("", None),
        ("  ", None),
        (None, None),
        (1, None),
        (["Requested"], None),
    ],
)
def test_a_status_is_read_in_any_letter_case_and_both_spellings(value, word):
    assert status_word(value) == word


@pytest.mark.parametrize(
    "history, requested, completed, hides",
    [
        ([{}], 3, 0, False),
        ([], 0, 0, False),
        ([], None, None, False),
        ([], "0", "0", False),
        ([], 1, 0, True),
        ([], "2", "1", True),
        ([], 2, None, True),
        ([], 1, 1, False),
        ([], "2", 2, False),
        (None, 0, 0, False),
        (None, None, None, False),
        (None, 1, 1, True),
        (None, "2", 2, True),
    ],
)
def test_a_history_that_is_withheld_is_told_from_one_that_is_empty(history, requested, completed, hides):
    project = {
        "project_retesting_history": history,
        "project_retests_requested": requested,
        "project_retests_completed": completed,
    }
    assert hides_history(project) is hides
    assert hides_history({key: value for key, value in project.items() if value is not None}) is hides
