# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rounds and plans: what the history means, and what has to be done."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.attackforge.retest.plugins.module_utils.errors import StateError
from ansible_collections.attackforge.retest.plugins.module_utils.rounds import (
    CANCELLED,
    COMPLETED,
    REQUESTED,
    Round,
    Row,
    Wish,
    as_result,
    changed_window,
    doubled,
    holders_of,
    new_holder,
    other_windows,
    outcome_of,
    outcome_text,
    plan_finish,
    plan_request,
    rounds_of,
    undecided,
    unknown_status,
    window_text,
)
from ansible_collections.attackforge.retest.plugins.module_utils.vulnerabilities import CLOSED, OPEN, READY, Finding
from ansible_collections.attackforge.retest.plugins.module_utils.windows import Window
from hypothesis import given
from hypothesis import strategies as st

PROJECT = "66333e1d110ab5acf8a4354e"
START = datetime(2026, 12, 1, tzinfo=timezone.utc)
END = START + timedelta(7)
LATER = START + timedelta(30)
A, B, C, D = (f"{letter}" * 24 for letter in "abcd")
IDS = (A, B, C, D)
NAMES = {one: "WEB-%d" % number for number, one in enumerate(IDS, 1)}


def finding(one, status=None):
    return Finding(one, NAMES[one], f"Title of {NAMES[one]}", status)


def scope_of(ids):
    return None if ids is None else tuple(finding(one) for one in ids)


def a_round(number, ids, status=REQUESTED, start=START, end=END):
    return Round(number, status, start, end, scope_of(ids), frozenset())


def row(number, status, ids=None, start=None, end=None, retested=()):
    return Row(number, status, start, end, scope_of(ids), scope_of(retested))


def wish(*ids, start=START, end=END, **more):
    return Wish(ids, Window(start, end), **more)


def plan(wished, rounds, **statuses):
    """Plan with just those findings that `undecided` asks for; statuses by name: WEB_1="open"."""
    known = {
        one: finding(one, statuses[NAMES[one].replace("-", "_")])
        for one in undecided(wished, rounds)
        if NAMES[one].replace("-", "_") in statuses
    }
    return plan_request(wished, rounds, known, PROJECT)


def refused(wished, rounds, **statuses):
    with pytest.raises(StateError) as caught:
        plan(wished, rounds, **statuses)
    return str(caught.value)


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


# The table of what becomes of a finding


def test_a_finding_in_an_open_round_needs_nothing():
    made = plan(wish(A), [a_round(1, [A])])
    assert made.empty
    assert (made.in_scope, made.holder.number, made.warnings) == ((A,), 1, ())


def test_findings_in_no_open_round_that_are_ready_go_into_one_new_round():
    made = plan(
        wish(A, B, C),
        [a_round(1, [A], COMPLETED), a_round(2, [B], CANCELLED), a_round(3, [C])],
        WEB_1=READY,
        WEB_2=READY,
    )
    assert [one.id for one in made.request] == [A, B]
    assert made.in_scope == (C,)
    assert made.withdraw == ()
    new = made.new_round(wish(A).window)
    assert (new.number, new.status, new.start, new.end, new.ids) == (None, REQUESTED, START, END, {A, B})


def test_a_closed_finding_is_named_in_a_warning_and_not_requested():
    made = plan(wish(A, B), [], WEB_1=CLOSED, WEB_2=READY)
    assert made.closed == (A,)
    assert [one.id for one in made.request] == [B]
    assert len(made.warnings) == 1 and "WEB-1" in made.warnings[0] and A in made.warnings[0]


def test_all_closed_is_nothing_to_do():
    made = plan(wish(A), [], WEB_1=CLOSED)
    assert made.empty and made.holder is None and made.new_round(wish(A).window) is None


def test_an_open_finding_that_is_not_ready_is_named_with_the_remedy():
    message = refused(wish(A, B, C), [], WEB_1=OPEN, WEB_2=READY, WEB_3=OPEN)
    for text in ("WEB-1", A, "WEB-3", C, "attackforge.retest.attackforge_vulnerability", "vulnerability_ids"):
        assert text in message
    assert B not in message


def test_a_finding_that_is_not_in_the_project_is_named_with_the_option():
    message = refused(wish(A, B), [], WEB_1=READY)
    for text in (B, PROJECT, "vulnerability_ids", "project_id"):
        assert text in message
    assert A not in message


def test_every_problem_is_told_at_once_and_that_nothing_was_requested():
    rounds = [a_round(1, [C], "scheduled"), a_round(2, [D], start=LATER)]
    message = refused(wish(A, B, C, D, on_window_change="fail"), rounds, WEB_1=OPEN, WEB_3=READY)
    for text in (A, B, C, "WEB-4", "No retest was requested", "scheduled", "on_window_change"):
        assert text in message


def test_a_finding_in_a_round_of_unknown_status_is_not_asked_for_again():
    message = refused(wish(A), [a_round(1, [A], "scheduled")], WEB_1=READY)
    for text in ("WEB-1", "round 1", "scheduled", "AttackForge"):
        assert text in message


def test_a_closed_finding_in_a_round_of_unknown_status_is_closed():
    assert plan(wish(A), [a_round(1, [A], "scheduled")], WEB_1=CLOSED).closed == (A,)


def test_an_open_round_beats_one_of_unknown_status():
    assert plan(wish(A), [a_round(1, [A], "scheduled"), a_round(2, [A])]).in_scope == (A,)


def test_an_open_round_that_does_not_tell_its_findings_stops_a_request():
    message = refused(wish(A), [a_round(4, None)], WEB_1=READY)
    assert "round 4" in message and "AttackForge" in message


def test_a_finished_round_that_does_not_tell_its_findings_stops_nothing():
    assert plan(wish(A), [a_round(4, None, COMPLETED)], WEB_1=READY).request


def test_only_findings_in_no_open_round_have_to_be_read():
    rounds = [a_round(1, [A]), a_round(2, [B], COMPLETED)]
    assert undecided(wish(A, B, C), rounds) == (B, C)
    assert undecided(wish(A), rounds) == ()


def test_replace_has_the_findings_of_a_moved_round_read():
    rounds = [a_round(1, [A], start=LATER), a_round(2, [B])]
    assert undecided(wish(A, B, on_window_change="replace"), rounds) == (A,)
    assert undecided(wish(A, B, on_window_change="keep"), rounds) == ()


# on_window_change


MOVED = [a_round(1, [A, B], start=LATER, end=None)]


def test_keep_leaves_a_moved_round_with_a_warning():
    made = plan(wish(A, B), MOVED)
    assert made.empty and made.in_scope == (A, B)
    assert len(made.warnings) == 1
    for text in ("Round 1", "2026-12-31T00:00:00.000Z", "2026-12-01T00:00:00.000Z"):
        assert text in made.warnings[0]


def test_fail_names_the_round_the_findings_the_window_and_the_option():
    message = refused(wish(A, B, on_window_change="fail"), MOVED)
    for text in ("round 1", "WEB-1", "WEB-2", "2026-12-31T00:00:00.000Z", "on_window_change", "keep", "replace"):
        assert text in message


def test_replace_withdraws_the_round_and_requests_its_findings_anew():
    made = plan(wish(A, B, on_window_change="replace"), MOVED, WEB_1=READY, WEB_2=READY)
    assert [one.number for one in made.withdraw] == [1]
    assert [one.id for one in made.request] == [A, B]
    assert made.in_scope == () and made.holder is None


def test_replace_never_withdraws_a_round_that_holds_others():
    message = refused(wish(A, on_window_change="replace"), MOVED, WEB_1=READY)
    for text in ("round 1", "WEB-2", B, "vulnerability_ids", "on_window_change: keep"):
        assert text in message


def test_replace_of_a_finding_that_is_no_longer_ready_withdraws_nothing():
    message = refused(wish(A, B, on_window_change="replace"), MOVED, WEB_1=READY, WEB_2=OPEN)
    assert "WEB-2" in message


@pytest.mark.parametrize("change", ["keep", "replace", "fail"])
def test_the_same_window_in_another_spelling_is_no_change(change):
    elsewhere = timezone(timedelta(hours=9))
    made = plan(
        wish(A, start=START.astimezone(elsewhere), end=END.astimezone(elsewhere), on_window_change=change),
        [a_round(1, [A])],
    )
    assert made.empty and made.warnings == ()


@pytest.mark.parametrize("change", ["keep", "replace", "fail"])
def test_a_relative_window_never_counts_as_changed(change):
    floating = Wish((A, B), Window(START, END, False, False), on_window_change=change)
    made = plan_request(floating, MOVED, {}, PROJECT)
    assert made.empty and made.in_scope == (A, B) and made.warnings == ()


def test_replace_touches_only_the_rounds_that_moved():
    rounds = [a_round(1, [A]), a_round(2, [B], start=LATER)]
    made = plan(wish(A, B, on_window_change="replace"), rounds, WEB_2=READY)
    assert [one.number for one in made.withdraw] == [2]
    assert made.in_scope == (A,) and [one.id for one in made.request] == [B]
    assert made.holder.number == 1


# Duplicates


def test_two_rounds_with_the_same_findings_are_named_in_a_warning():
    made = plan(wish(A, B), [a_round(1, [A, B]), a_round(2, [B, A])])
    assert made.empty and len(made.warnings) == 1
    for text in ("1", "2", "WEB-1", "WEB-2", "on_duplicate"):
        assert text in made.warnings[0]


def test_on_duplicate_cancel_withdraws_the_younger():
    made = plan(wish(A, B, on_duplicate="cancel"), [a_round(1, [A, B]), a_round(2, [B, A]), a_round(3, [A, B])])
    assert [one.number for one in made.withdraw] == [2, 3]
    assert made.in_scope == (A, B) and made.holder.number == 1


def test_rounds_that_merely_overlap_are_left_to_a_person():
    made = plan(wish(A, on_duplicate="cancel"), [a_round(1, [A, B]), a_round(2, [A])])
    assert made.empty and len(made.warnings) == 1
    assert "person" in made.warnings[0]


def test_an_overlapping_round_does_not_hide_a_double():
    rounds = [a_round(1, [A]), a_round(2, [A, B]), a_round(3, [A, B])]
    assert [one.number for one in doubled(wish(A, B, on_duplicate="cancel"), rounds)[0]] == [3]


@given(st.lists(st.sets(st.sampled_from(IDS), min_size=1), min_size=2, max_size=6))
def test_a_younger_round_with_the_findings_of_an_older_one_is_the_one_that_is_withdrawn(scopes):
    rounds = [a_round(number, sorted(ids)) for number, ids in enumerate(scopes, 1)]
    withdraw = doubled(wish(*IDS, on_duplicate="cancel"), rounds)[0]
    doubles = [one for one in rounds if any(old.ids == one.ids and old.number < one.number for old in rounds)]
    assert withdraw == doubles


@given(
    st.lists(st.sets(st.sampled_from(IDS), min_size=1), min_size=2, max_size=6),
    st.sets(st.sampled_from(IDS), min_size=1),
    st.sets(st.sampled_from(IDS), min_size=1),
)
def test_concurrent_runs_agree_on_the_younger(scopes, first, second):
    rounds = [a_round(number, sorted(ids)) for number, ids in enumerate(scopes, 1)]
    mine = doubled(wish(*sorted(first), on_duplicate="cancel"), rounds)[0]
    yours = doubled(wish(*sorted(second), on_duplicate="cancel"), rounds)[0]
    both = [one for one in rounds if one.ids & first and one.ids & second]
    assert [one for one in mine if one in both] == [one for one in yours if one in both]


def test_a_double_in_another_window_can_be_replaced_too():
    rounds = [a_round(1, [A], start=LATER), a_round(2, [A])]
    made = plan(wish(A, on_window_change="replace", on_duplicate="cancel"), rounds, WEB_1=READY)
    kept = [one for one in rounds if one not in made.withdraw]
    assert len(kept) + bool(made.request) == 1


def test_finished_rounds_are_no_doubles():
    rounds = [a_round(1, [A], COMPLETED), a_round(2, [A]), a_round(3, [A], CANCELLED)]
    assert doubled(wish(A, on_duplicate="cancel"), rounds) == ([], [])


# Properties of every plan


windows_of_rounds = st.sampled_from([(START, END), (START, None), (LATER, LATER + timedelta(7)), (None, None)])
histories = st.lists(
    st.tuples(
        st.sampled_from([REQUESTED, REQUESTED, COMPLETED, CANCELLED, "scheduled"]),
        st.none() | st.lists(st.sampled_from(IDS), unique=True),
        windows_of_rounds,
    ),
    max_size=5,
).map(lambda made: [a_round(number, ids, status, *window) for number, (status, ids, window) in enumerate(made, 1)])
wishes = st.builds(
    lambda ids, window, change, double: Wish(tuple(ids), window, change, double),
    st.lists(st.sampled_from(IDS), unique=True, min_size=1),
    st.sampled_from([Window(START, END), Window(START, None), Window(START, END, False, False)]),
    st.sampled_from(["keep", "replace", "fail"]),
    st.sampled_from(["warn", "cancel"]),
)
projects = st.dictionaries(st.sampled_from(IDS), st.sampled_from([OPEN, READY, CLOSED]), max_size=4)


@given(wishes, histories, projects)
def test_a_plan_keeps_its_promises_or_is_refused(wished, rounds, statuses):
    known = {one: finding(one, statuses[one]) for one in undecided(wished, rounds) if one in statuses}
    try:
        made = plan_request(wished, rounds, known, PROJECT)
    except StateError:
        return
    staying = [one for one in rounds if one.open and one not in made.withdraw]
    requested = [one.id for one in made.request]
    # Each wished finding ends in exactly one place.
    assert sorted([*requested, *made.in_scope, *made.closed]) == sorted(wished.ids)
    for one in requested:
        assert not holders_of(one, staying)
        assert statuses[one] == READY
        assert not any(one in other.ids for other in rounds if not other.known)
    assert all(holders_of(one, staying) for one in made.in_scope)
    assert all(statuses[one] == CLOSED for one in made.closed)
    for one in made.withdraw:
        assert one.open
        # What was not asked for loses nothing: an older round holds exactly the same.
        assert one.ids <= set(wished.ids) or any(old.ids == one.ids and old.number < one.number for old in staying)
        assert wished.on_window_change == "replace" or wished.on_duplicate == "cancel"
    assert len({one.number for one in made.withdraw}) == len(made.withdraw)
    assert made.holder is None or made.holder in staying
    if wished.on_window_change == "fail":
        assert not any(wished.window.differs_from(one.start, one.end) for one in staying if one.ids & set(wished.ids))


@given(wishes, histories, projects)
def test_a_finding_that_the_service_has_is_never_called_missing(wished, rounds, statuses):
    known = {one: finding(one, statuses[one]) for one in undecided(wished, rounds) if one in statuses}
    try:
        plan_request(wished, rounds, known, PROJECT)
    except StateError as error:
        said = str(error).partition("that this key can see: ")[2].partition(". Correct")[0]
        assert not [one for one in statuses if one in said]


@given(wishes, histories, projects)
def test_the_plan_after_a_plan_is_empty(wished, rounds, statuses):
    known = {one: finding(one, status) for one, status in statuses.items()}
    try:
        made = plan_request(wished, rounds, known, PROJECT)
    except StateError:
        return
    after = [one._replace(status=CANCELLED) if one in made.withdraw else one for one in rounds]
    if made.request:
        after.append(made.new_round(wished.window)._replace(number=len(rounds) + 1))
    again = plan_request(wished, after, known, PROJECT)
    assert again.empty
    assert set(again.in_scope) == {*made.in_scope, *(one.id for one in made.request)}


# Which round a request made


def test_the_new_round_is_the_one_that_was_not_there():
    before = [a_round(1, [A], COMPLETED)]
    after = [*before, a_round(2, [A, B])]
    assert new_holder(before, after, [A, B]).number == 2
    assert new_holder(before, before, [A, B]) is None


def test_an_old_round_and_one_with_other_findings_are_not_the_new_one():
    before = [a_round(1, [A])]
    assert new_holder(before, [a_round(1, [A]), a_round(2, [C])], [A, B]) is None


def test_of_several_new_rounds_the_one_that_holds_most_and_then_the_oldest_is_it():
    after = [a_round(1, [A]), a_round(2, [A, B]), a_round(3, [A, B]), a_round(4, [C])]
    assert new_holder([], after, [A, B]).number == 2
    assert new_holder([], after, [A]).number == 1


def test_a_round_number_that_is_used_again_counts_when_it_was_not_open_before():
    before = [a_round(1, [A], CANCELLED)]
    assert new_holder(before, [a_round(1, [A, B])], [A, B]).number == 1


def test_a_round_that_was_cancelled_meanwhile_does_not_hold_the_findings():
    assert new_holder([], [a_round(1, [A], CANCELLED)], [A]) is None


# cancelled and completed


def test_a_numbered_open_round_is_changed():
    rounds = [a_round(1, [A], COMPLETED), a_round(2, [A])]
    assert plan_finish(CANCELLED, rounds, 2, ()) == (rounds[1], True)
    assert plan_finish(COMPLETED, rounds, 2, ()) == (rounds[1], True)


def test_a_numbered_round_that_is_so_already_is_left_alone():
    rounds = [a_round(1, [A], COMPLETED), a_round(2, [A], CANCELLED)]
    assert plan_finish(COMPLETED, rounds, 1, ()) == (rounds[0], False)
    assert plan_finish(CANCELLED, rounds, 2, ()) == (rounds[1], False)


@pytest.mark.parametrize(
    "state, number, words",
    [
        (CANCELLED, 1, ("1", "completed", "cancelled")),
        (COMPLETED, 2, ("2", "cancelled", "completed")),
        (CANCELLED, 3, ("3", "scheduled", "AttackForge")),
        (CANCELLED, 9, ("round", "9", "1, 2, 3, 5")),
        (CANCELLED, 4, ("there is no round 4", "1, 2, 3, 5")),
    ],
)
def test_a_round_that_is_the_other_or_unknown_or_missing_fails(state, number, words):
    rounds = [a_round(1, [A], COMPLETED), a_round(2, [A], CANCELLED), a_round(3, [A], "scheduled"), a_round(5, [A])]
    with pytest.raises(StateError) as caught:
        plan_finish(state, rounds, number, ())
    for word in words:
        assert word in str(caught.value)


def test_without_a_number_the_one_open_round_is_meant():
    rounds = [a_round(1, [A], COMPLETED), a_round(2, [A]), a_round(3, [B], CANCELLED)]
    assert plan_finish(CANCELLED, rounds, None, ()) == (rounds[1], True)


def test_several_open_rounds_have_to_be_told_apart():
    rounds = [a_round(1, [A]), a_round(2, [B])]
    with pytest.raises(StateError, match=r"1, 2.*option round"):
        plan_finish(CANCELLED, rounds, None, ())
    assert plan_finish(CANCELLED, rounds, None, (B,)) == (rounds[1], True)


def test_a_round_that_also_holds_others_is_not_meant_by_findings():
    with pytest.raises(StateError, match=r"WEB-2.*option round"):
        plan_finish(CANCELLED, [a_round(1, [A, B])], None, (A,))


def test_the_one_open_round_is_found_though_it_does_not_tell_its_findings():
    rounds = [a_round(1, None)]
    assert plan_finish(CANCELLED, rounds, None, ()) == (rounds[0], True)


def test_an_open_round_that_does_not_tell_its_findings_may_be_the_one_with_these():
    with pytest.raises(StateError, match="1"):
        plan_finish(CANCELLED, [a_round(1, None)], None, (A,))


def test_no_open_round_is_as_good_as_cancelled():
    assert plan_finish(CANCELLED, [], None, ()) == (None, False)
    rounds = [a_round(1, [A], COMPLETED), a_round(2, [A], CANCELLED)]
    assert plan_finish(CANCELLED, rounds, None, ()) == (rounds[1], False)


def test_no_round_at_all_cannot_be_completed():
    with pytest.raises(StateError, match="no open round"):
        plan_finish(COMPLETED, [], None, ())


def test_the_last_round_tells_whether_it_is_so_already():
    rounds = [a_round(1, [A], CANCELLED), a_round(2, [A], COMPLETED), a_round(3, [B], CANCELLED)]
    assert plan_finish(COMPLETED, rounds, None, (A,)) == (rounds[1], False)
    with pytest.raises(StateError, match="cancelled already"):
        plan_finish(COMPLETED, rounds, None, ())


@given(
    st.sampled_from([CANCELLED, COMPLETED]),
    histories,
    st.none() | st.integers(1, 6),
    st.lists(st.sampled_from(IDS), unique=True).map(tuple),
)
def test_finishing_names_an_open_round_or_one_that_is_so_or_fails(state, rounds, number, ids):
    try:
        one, change = plan_finish(state, rounds, number, ids)
    except StateError:
        return
    assert one is not None or not change
    assert one is None or (one.open if change else one.status == state)
    if number is None and change:
        assert sum(other.open and (not ids or bool(other.ids & set(ids))) for other in rounds) == 1


# What is reported


def test_a_round_is_reported_with_names_and_instants():
    assert as_result(PROJECT, a_round(3, [A])) == {
        "project_id": PROJECT,
        "round": 3,
        "status": "requested",
        "retesting_window_start": "2026-12-01T00:00:00.000Z",
        "retesting_window_end": "2026-12-08T00:00:00.000Z",
        "vulnerabilities": [{"id": A, "alternate_id": "WEB-1", "title": "Title of WEB-1"}],
    }


def test_no_round_is_reported_with_the_same_keys():
    none = as_result(PROJECT, None)
    assert none.keys() == as_result(PROJECT, a_round(3, None)).keys()
    assert none["round"] is None and none["vulnerabilities"] == []


def test_only_a_moved_round_is_warned_of():
    rounds = [a_round(1, [A]), a_round(2, [A], start=LATER)]
    assert len(other_windows(wish(A), rounds)) == 1
    assert "Round 2" in other_windows(wish(A), rounds)[0]


def test_a_window_without_bounds_is_named_so():
    text = other_windows(wish(A, end=END), [a_round(1, [A], start=LATER, end=None)])[0]
    assert "no end" in text


# What the messages and the small print hold


def test_the_holder_is_the_youngest_open_round_with_any_of_them_and_no_other():
    rounds = [a_round(1, [A]), a_round(2, [B]), a_round(3, [C])]
    made = plan(wish(A, B), rounds)
    assert made.holder.number == 2 and made.warnings == ()


def test_open_rounds_that_share_a_finding_nobody_asked_for_are_not_this_plays_affair():
    rounds = [a_round(1, [A]), a_round(2, [C]), a_round(3, [C, D])]
    assert doubled(wish(A, on_duplicate="cancel"), rounds) == ([], [])
    assert doubled(wish(A, C), [a_round(1, [A]), a_round(2, [C])]) == ([], [])


def test_a_warning_of_a_double_names_the_oldest_identical_round_and_the_shared_findings():
    rounds = [a_round(1, [A, B]), a_round(2, [A, B]), a_round(3, [A, B])]
    warnings = doubled(wish(A), rounds)[1]
    assert [warning.split(" are")[0] for warning in warnings] == ["Rounds 1 and 2", "Rounds 1 and 3"]
    assert all(f"WEB-1 ({A}), WEB-2 ({B})" in warning for warning in warnings)


def test_what_was_refused_is_told_whole():
    message = refused(wish(A, B), [], WEB_1=OPEN)
    assert message.startswith(f"No retest was requested: not ready for retest: WEB-1 ({A}). ")
    assert B in message and PROJECT in message
    closed = plan(wish(A), [], WEB_1=CLOSED)
    assert closed.warnings == (f"Closed already, so there is nothing to retest: WEB-1 ({A}).",)


def test_of_several_rounds_of_unknown_status_the_youngest_is_named():
    message = refused(wish(A), [a_round(1, [A, B], "paused"), a_round(2, [A, B], "paused")], WEB_1=READY)
    assert f"WEB-1 ({A}) is in round 2, whose status 'paused'" in message


@pytest.mark.parametrize(
    "statuses, withdrawn", [({"WEB_1": CLOSED, "WEB_2": CLOSED}, []), ({"WEB_1": CLOSED, "WEB_2": READY}, [1])]
)
def test_replace_leaves_a_round_alone_of_which_everything_is_closed(statuses, withdrawn):
    made = plan(wish(A, B, start=LATER, end=None, on_window_change="replace"), [a_round(1, [A, B])], **statuses)
    assert [one.number for one in made.withdraw] == withdrawn


@pytest.mark.parametrize("state, verb", [(CANCELLED, "cancel"), (COMPLETED, "complete")])
def test_the_verb_is_that_of_the_state(state, verb):
    several, shared, untold = [a_round(1, [A]), a_round(2, [B])], [a_round(1, [A, B])], [a_round(1, None)]
    for rounds, ids in ((several, ()), (shared, (A,)), (untold, (A,))):
        with pytest.raises(StateError, match=rf"\b{verb}\b"):
            plan_finish(state, rounds, None, ids)


def test_a_window_is_told_with_what_is_missing():
    assert window_text(a_round(1, [A])) == "2026-12-01T00:00:00.000Z to 2026-12-08T00:00:00.000Z"
    assert window_text(a_round(1, [A], start=None, end=None)) == "no start to no end"


def test_an_unknown_status_among_several_is_always_the_same():
    rows = [row(1, "paused"), row(1, "held"), row(1, REQUESTED, [A])]
    assert {rounds_of(order)[0].status for order in (rows, rows[::-1], rows[1:] + rows[:1])} == {"held"}


# How a round went


def test_an_outcome_counts_closed_reopened_and_pending():
    one = a_round(3, [A, B, C, D])
    findings = {A: finding(A, CLOSED), B: finding(B, OPEN), C: finding(C, READY)}
    assert outcome_of(one, findings) == (1, 1, 2)  # D cannot be seen
    assert outcome_text(one, findings) == "Round 3 is open: 1 closed, 1 reopened, 2 pending."
    assert outcome_text(a_round(2, [A], COMPLETED)) == "Round 2 is completed."


def test_of_a_round_whose_scope_is_not_told_there_is_no_outcome():
    one = a_round(3, [A])._replace(scope=None)
    assert outcome_of(one, {}) is None and outcome_text(one, {}) == "Round 3 is open."


# Warnings, whole


DECLARED = "2026-12-01T00:00:00.000Z to 2026-12-08T00:00:00.000Z"
A_MONTH_LATER = "2026-12-31T00:00:00.000Z to 2027-01-07T00:00:00.000Z"


def test_a_window_that_is_not_the_one_declared_is_told_with_what_would_change_it():
    told = f"Round 1 has the window {A_MONTH_LATER}, which is not the one declared: {DECLARED}."
    moved = a_round(1, [A], start=LATER, end=LATER + timedelta(7))
    assert other_windows(wish(A), [moved]) == [told + " It is kept; on_window_change: replace would replace it."]
    for choice in ("replace", "fail"):
        assert other_windows(wish(A, on_window_change=choice), [moved]) == [told]


def test_a_window_that_the_service_changed_is_told():
    told = f"AttackForge gave round 1 the window {A_MONTH_LATER}, which is not the one that was sent: {DECLARED}."
    moved = a_round(1, [A], start=LATER, end=LATER + timedelta(7))
    for choice in ("keep", "fail"):
        assert changed_window(wish(A, on_window_change=choice), moved) == [told]
    assert changed_window(wish(A, on_window_change="replace"), moved) == [
        told + " With on_window_change: replace, each run would ask again; set it to keep."
    ]
    assert changed_window(wish(A), a_round(1, [A])) == []


def test_a_status_that_nobody_documents_is_told():
    assert unknown_status(a_round(1, [A], "paused")) == [
        "Round 1 has the status 'paused', which is neither open nor finished as far as is known."
    ]
    for status in (REQUESTED, COMPLETED, CANCELLED):
        assert unknown_status(a_round(1, [A], status)) == []


def test_only_the_finding_in_question_is_named():
    message = refused(wish(B), [a_round(1, [A, B, C], "paused")])
    assert message.startswith(f"No retest was requested: WEB-2 ({B}) is in round 1, whose status 'paused'")


def test_the_row_that_asked_for_a_round_tells_its_window_whatever_the_others_are_called():
    (one,) = rounds_of([row(1, "scheduled", [A], LATER, LATER), row(1, REQUESTED, [A], START, END)])
    assert (one.start, one.end) == (START, END)


def test_a_round_that_is_left_alone_does_not_keep_a_later_one_from_being_replaced():
    rounds = [a_round(1, [A]), a_round(2, [B])]
    made = plan(
        wish(A, B, start=LATER, end=LATER + timedelta(7), on_window_change="replace"), rounds, WEB_1=CLOSED, WEB_2=READY
    )
    assert [one.number for one in made.withdraw] == [2] and [one.id for one in made.request] == [B]
