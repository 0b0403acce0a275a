# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans: what has to be done so that what is desired becomes true."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.attackforge.retest.plugins.module_utils._errors import StateError
from ansible_collections.attackforge.retest.plugins.module_utils._plan import (
    Change,
    Desired,
    Marking,
    Step,
    change_of,
    changed_window,
    doubled,
    is_made,
    may_be_sent_back,
    new_holder,
    numbered,
    other_windows,
    plan_finish,
    plan_marking,
    plan_request,
    undecided,
)
from ansible_collections.attackforge.retest.plugins.module_utils._rounds import (
    CANCELLED,
    COMPLETED,
    REQUESTED,
    holders_of,
    youngest_with,
)
from ansible_collections.attackforge.retest.plugins.module_utils._vulnerabilities import CLOSED, OPEN, READY, Finding
from ansible_collections.attackforge.retest.plugins.module_utils._windows import Window
from ansible_collections.attackforge.retest.tests.unit.builders import (
    END,
    IDS,
    LATER,
    NAMES,
    PROJECT,
    START,
    A,
    B,
    C,
    D,
    a_round,
    desired,
    finding,
)

NOTE = "Fixed in release 2026.12."


def plan(wanted, rounds, **statuses):
    """Plan with just those findings that `undecided` asks for; statuses by name, or findings: WEB_1="open"."""
    known = {}
    for one in undecided(wanted, rounds):
        status = statuses.get(NAMES[one].replace("-", "_"))
        if status is not None:
            known[one] = status if isinstance(status, Finding) else finding(one, status)
    return plan_request(wanted, rounds, known, PROJECT)


def refused(wanted, rounds, **statuses):
    with pytest.raises(StateError) as caught:
        plan(wanted, rounds, **statuses)
    return caught.value.message


def outcome(made, kind):
    return tuple(step.finding.id for step in made.steps if step.outcome == kind)


def idle(made):
    return not (made.request or made.withdraw or made.preparation)


# The table of what becomes of a finding


def test_a_finding_in_an_open_round_needs_nothing():
    made = plan(desired(A), [a_round(1, [A])])
    assert idle(made)
    assert (outcome(made, "in_scope"), made.holder.number, made.warnings) == ((A,), 1, ())


def test_findings_in_no_open_round_that_are_ready_go_into_one_new_round():
    made = plan(
        desired(A, B, C),
        [a_round(1, [A], COMPLETED), a_round(2, [B], CANCELLED), a_round(3, [C])],
        WEB_1=READY,
        WEB_2=READY,
    )
    assert [one.id for one in made.request] == [A, B]
    assert outcome(made, "in_scope") == (C,)
    assert made.withdraw == ()
    new = made.new_round(desired(A).window)
    assert (new.number, new.status, new.start, new.end, new.ids) == (None, REQUESTED, START, END, {A, B})


def test_a_closed_finding_is_named_in_a_warning_and_not_requested():
    made = plan(desired(A, B), [], WEB_1=CLOSED, WEB_2=READY)
    assert outcome(made, "closed") == (A,)
    assert [one.id for one in made.request] == [B]
    assert len(made.warnings) == 1 and "WEB-1" in made.warnings[0] and A in made.warnings[0]


def test_all_closed_is_nothing_to_do():
    made = plan(desired(A), [], WEB_1=CLOSED)
    assert idle(made) and made.holder is None and made.new_round(desired(A).window) is None


def test_an_open_finding_that_is_not_ready_is_named_with_the_remedy():
    message = refused(desired(A, B, C), [], WEB_1=OPEN, WEB_2=READY, WEB_3=OPEN)
    for text in ("WEB-1", A, "WEB-3", C, "mark_ready: true", "leave them out"):
        assert text in message
    assert B not in message


def test_a_finding_that_is_not_in_the_project_is_named_with_the_option():
    message = refused(desired(A, B), [], WEB_1=READY)
    for text in (B, PROJECT, "vulnerability_ids", "project_id"):
        assert text in message
    assert A not in message


def test_every_problem_is_told_at_once_and_that_nothing_was_requested():
    rounds = [a_round(1, [C], "scheduled"), a_round(2, [D], start=LATER)]
    message = refused(desired(A, B, C, D, on_window_change="fail"), rounds, WEB_1=OPEN, WEB_3=READY)
    for text in (A, B, C, "WEB-4", "No retest was requested", "scheduled", "on_window_change"):
        assert text in message


def test_a_finding_in_a_round_of_unknown_status_is_not_asked_for_again():
    message = refused(desired(A), [a_round(1, [A], "scheduled")], WEB_1=READY)
    for text in ("WEB-1", "round 1", "scheduled", "AttackForge"):
        assert text in message


def test_a_closed_finding_in_a_round_of_unknown_status_is_closed():
    assert outcome(plan(desired(A), [a_round(1, [A], "scheduled")], WEB_1=CLOSED), "closed") == (A,)


def test_an_open_round_beats_one_of_unknown_status():
    assert outcome(plan(desired(A), [a_round(1, [A], "scheduled"), a_round(2, [A])]), "in_scope") == (A,)


def test_an_open_round_that_does_not_tell_its_findings_stops_a_request():
    message = refused(desired(A), [a_round(4, None)], WEB_1=READY)
    assert "Round 4" in message and "AttackForge" in message


def test_a_finished_round_that_does_not_tell_its_findings_stops_nothing():
    assert plan(desired(A), [a_round(4, None, COMPLETED)], WEB_1=READY).request


def test_only_findings_in_no_open_round_have_to_be_read():
    rounds = [a_round(1, [A]), a_round(2, [B], COMPLETED)]
    assert undecided(desired(A, B, C), rounds) == (B, C)
    assert undecided(desired(A), rounds) == ()


def test_replace_has_the_findings_of_a_moved_round_read():
    rounds = [a_round(1, [A], start=LATER), a_round(2, [B])]
    assert undecided(desired(A, B, on_window_change="replace"), rounds) == (A,)
    assert undecided(desired(A, B, on_window_change="keep"), rounds) == ()


# on_window_change


MOVED = [a_round(1, [A, B], start=LATER, end=None)]


def test_keep_leaves_a_moved_round_with_a_warning():
    made = plan(desired(A, B), MOVED)
    assert idle(made) and outcome(made, "in_scope") == (A, B)
    assert len(made.warnings) == 1
    for text in ("Round 1", "2026-12-31T00:00:00.000Z", "2026-12-01T00:00:00.000Z"):
        assert text in made.warnings[0]


def test_fail_names_the_round_the_findings_the_window_and_the_option():
    message = refused(desired(A, B, on_window_change="fail"), MOVED)
    for text in ("Round 1", "WEB-1", "WEB-2", "2026-12-31T00:00:00.000Z", "on_window_change", "keep", "replace"):
        assert text in message


def test_replace_withdraws_the_round_and_requests_its_findings_anew():
    made = plan(desired(A, B, on_window_change="replace"), MOVED, WEB_1=READY, WEB_2=READY)
    assert [one.number for one in made.withdraw] == [1]
    assert [one.id for one in made.request] == [A, B]
    assert outcome(made, "in_scope") == () and made.holder is None


def test_replace_never_withdraws_a_round_that_holds_others():
    message = refused(desired(A, on_window_change="replace"), MOVED, WEB_1=READY)
    for text in ("Round 1", "WEB-2", B, "Declare them too", "on_window_change: keep"):
        assert text in message


def test_replace_of_a_finding_that_is_no_longer_ready_withdraws_nothing():
    message = refused(desired(A, B, on_window_change="replace"), MOVED, WEB_1=READY, WEB_2=OPEN)
    assert "WEB-2" in message


@pytest.mark.parametrize("change", ["keep", "replace", "fail"])
def test_the_same_window_in_another_spelling_is_no_change(change):
    elsewhere = timezone(timedelta(hours=9))
    made = plan(
        desired(A, start=START.astimezone(elsewhere), end=END.astimezone(elsewhere), on_window_change=change),
        [a_round(1, [A])],
    )
    assert idle(made) and made.warnings == ()


@pytest.mark.parametrize("change", ["keep", "replace", "fail"])
def test_a_relative_window_never_counts_as_changed(change):
    floating = Desired((A, B), Window(START, END, False, False), on_window_change=change)
    made = plan_request(floating, MOVED, {}, PROJECT)
    assert idle(made) and outcome(made, "in_scope") == (A, B) and made.warnings == ()


def test_replace_touches_only_the_rounds_that_moved():
    rounds = [a_round(1, [A]), a_round(2, [B], start=LATER)]
    made = plan(desired(A, B, on_window_change="replace"), rounds, WEB_2=READY)
    assert [one.number for one in made.withdraw] == [2]
    assert outcome(made, "in_scope") == (A,) and [one.id for one in made.request] == [B]
    assert made.holder.number == 1


# Duplicates


def test_two_rounds_with_the_same_findings_are_named_in_a_warning():
    made = plan(desired(A, B), [a_round(1, [A, B]), a_round(2, [B, A])])
    assert idle(made) and len(made.warnings) == 1
    for text in ("1", "2", "WEB-1", "WEB-2", "on_duplicate"):
        assert text in made.warnings[0]


def test_on_duplicate_cancel_withdraws_the_younger():
    made = plan(desired(A, B, on_duplicate="cancel"), [a_round(1, [A, B]), a_round(2, [B, A]), a_round(3, [A, B])])
    assert [one.number for one in made.withdraw] == [2, 3]
    assert outcome(made, "in_scope") == (A, B) and made.holder.number == 1


def test_rounds_that_merely_overlap_are_left_to_a_person():
    made = plan(desired(A, on_duplicate="cancel"), [a_round(1, [A, B]), a_round(2, [A])])
    assert idle(made) and len(made.warnings) == 1
    assert "person" in made.warnings[0]


def test_an_overlapping_round_does_not_hide_a_double():
    rounds = [a_round(1, [A]), a_round(2, [A, B]), a_round(3, [A, B])]
    assert [one.number for one in doubled(desired(A, B, on_duplicate="cancel"), rounds)[0]] == [3]


@given(st.lists(st.sets(st.sampled_from(IDS), min_size=1), min_size=2, max_size=6))
def test_a_younger_round_with_the_findings_of_an_older_one_is_the_one_that_is_withdrawn(scopes):
    rounds = [a_round(number, sorted(ids)) for number, ids in enumerate(scopes, 1)]
    withdraw = doubled(desired(*IDS, on_duplicate="cancel"), rounds)[0]
    doubles = [one for one in rounds if any(old.ids == one.ids and old.number < one.number for old in rounds)]
    assert withdraw == doubles


@given(
    st.lists(st.sets(st.sampled_from(IDS), min_size=1), min_size=2, max_size=6),
    st.sets(st.sampled_from(IDS), min_size=1),
    st.sets(st.sampled_from(IDS), min_size=1),
)
def test_concurrent_runs_agree_on_the_younger(scopes, first, second):
    rounds = [a_round(number, sorted(ids)) for number, ids in enumerate(scopes, 1)]
    mine = doubled(desired(*sorted(first), on_duplicate="cancel"), rounds)[0]
    yours = doubled(desired(*sorted(second), on_duplicate="cancel"), rounds)[0]
    both = [one for one in rounds if one.ids & first and one.ids & second]
    assert [one for one in mine if one in both] == [one for one in yours if one in both]


def test_a_double_in_another_window_can_be_replaced_too():
    rounds = [a_round(1, [A], start=LATER), a_round(2, [A])]
    made = plan(desired(A, on_window_change="replace", on_duplicate="cancel"), rounds, WEB_1=READY)
    kept = [one for one in rounds if one not in made.withdraw]
    assert len(kept) + bool(made.request) == 1


def test_finished_rounds_are_no_doubles():
    rounds = [a_round(1, [A], COMPLETED), a_round(2, [A]), a_round(3, [A], CANCELLED)]
    assert doubled(desired(A, on_duplicate="cancel"), rounds) == ([], [])


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
requests = st.builds(
    Desired,
    st.lists(st.sampled_from(IDS), unique=True, min_size=1).map(tuple),
    st.sampled_from([Window(START, END), Window(START, None), Window(START, END, False, False)]),
    note=st.sampled_from([None, NOTE]),
    mark_ready=st.booleans(),
    on_window_change=st.sampled_from(["keep", "replace", "fail"]),
    on_duplicate=st.sampled_from(["warn", "cancel"]),
    on_reopened=st.sampled_from(["report", "request", "fail"]),
)
projects = st.dictionaries(
    st.sampled_from(IDS),
    st.tuples(st.sampled_from([OPEN, READY, CLOSED]), st.sampled_from([(), (NOTE,), ("Another.",)])),
    max_size=4,
).map(lambda made: {one: finding(one, status, *notes) for one, (status, notes) in made.items()})


def asked(wanted, rounds, known):
    return {one: known[one] for one in undecided(wanted, rounds) if one in known}


@given(requests, histories, projects)
def test_a_plan_keeps_its_promises_or_is_refused(wanted, rounds, known):
    try:
        made = plan_request(wanted, rounds, asked(wanted, rounds, known), PROJECT)
    except StateError:
        return
    staying = [one for one in rounds if one.open and one not in made.withdraw]
    assert [step.finding.id for step in made.steps] == list(wanted.ids)
    for step in made.steps:
        one, found = step.finding.id, known.get(step.finding.id)
        assert bool(holders_of(one, staying)) is (step.outcome == "in_scope")
        if step.outcome == "closed":
            assert found.status == CLOSED
        if step.outcome == "reopened":
            assert found.status == OPEN and youngest_with(one, rounds).status == COMPLETED
            assert wanted.on_reopened == "report" and (wanted.note is None or step.finding.notes[0].text == NOTE)
        if step.outcome == "requested":
            assert found.status == READY or (found.status == OPEN and wanted.mark_ready)
            assert not any(one in other.ids for other in rounds if not other.known)
        assert step.mark is (step.outcome == "requested" and found.status == OPEN)
        if step.note is not None:
            assert step.note == wanted.note and step.outcome in ("requested", "in_scope") and found.status != CLOSED
            assert not found.notes or found.notes[0].text != NOTE
    for one in made.withdraw:
        assert one.open
        # What was not asked for loses nothing: an older round holds exactly the same.
        assert one.ids <= set(wanted.ids) or any(old.ids == one.ids and old.number < one.number for old in staying)
        assert wanted.on_window_change == "replace" or wanted.on_duplicate == "cancel"
    assert len({one.number for one in made.withdraw}) == len(made.withdraw)
    assert made.holder is None or made.holder in staying
    assert not any(one.scope_unknown for one in rounds)
    if wanted.on_window_change == "fail":
        assert not any(wanted.window.differs_from(one.start, one.end) for one in staying if one.ids & set(wanted.ids))


@given(requests, histories, projects)
def test_a_finding_that_the_service_has_is_never_called_missing(wanted, rounds, known):
    try:
        plan_request(wanted, rounds, asked(wanted, rounds, known), PROJECT)
    except StateError as error:
        said = error.message.partition("that this key can see: ")[2].partition(". Correct")[0]
        assert not [one for one in known if one in said]


@given(requests, histories, projects)
def test_the_plan_after_a_plan_is_empty(wanted, rounds, known):
    try:
        made = plan_request(wanted, rounds, known, PROJECT)
    except StateError:
        return
    after = [one._replace(status=CANCELLED) if one in made.withdraw else one for one in rounds]
    if made.request:
        after.append(made.new_round(wanted.window)._replace(number=len(rounds) + 1))
    for step in made.preparation:
        status = READY if step.mark else step.finding.status
        notes = [step.note] if step.note else [note.text for note in step.finding.notes or ()]
        known[step.finding.id] = finding(step.finding.id, status, *notes)
    again = plan_request(wanted, after, known, PROJECT)
    assert idle(again)
    assert set(outcome(again, "in_scope")) == {*outcome(made, "in_scope"), *(one.id for one in made.request)}
    assert outcome(again, "reopened") == outcome(made, "reopened")


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


@pytest.mark.parametrize("status", [COMPLETED, CANCELLED])
def test_a_new_round_that_somebody_has_finished_already_is_the_one_if_none_is_open(status):
    finished = a_round(2, [A, B], status)
    assert new_holder([a_round(1, [A], status)], [a_round(1, [A], status), finished], [A]) is finished
    assert new_holder([], [finished, a_round(3, [A])], [A, B]).number == 3
    assert new_holder([a_round(2, [A])], [finished], [A]) is None


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


# Windows


def test_only_a_moved_round_is_warned_of():
    rounds = [a_round(1, [A]), a_round(2, [A], start=LATER)]
    assert len(other_windows(desired(A), rounds)) == 1
    assert "Round 2" in other_windows(desired(A), rounds)[0]


def test_a_window_without_bounds_is_named_so():
    text = other_windows(desired(A, end=END), [a_round(1, [A], start=LATER, end=None)])[0]
    assert "no end" in text


# What the messages and the small print hold


def test_the_holder_is_the_youngest_open_round_with_any_of_them_and_no_other():
    rounds = [a_round(1, [A]), a_round(2, [B]), a_round(3, [C])]
    made = plan(desired(A, B), rounds)
    assert made.holder.number == 2 and made.warnings == ()


def test_open_rounds_that_share_a_finding_nobody_asked_for_are_not_this_plays_affair():
    rounds = [a_round(1, [A]), a_round(2, [C]), a_round(3, [C, D])]
    assert doubled(desired(A, on_duplicate="cancel"), rounds) == ([], [])
    assert doubled(desired(A, C), [a_round(1, [A]), a_round(2, [C])]) == ([], [])


def test_a_warning_of_a_double_names_the_oldest_identical_round_and_the_shared_findings():
    rounds = [a_round(1, [A, B]), a_round(2, [A, B]), a_round(3, [A, B])]
    warnings = doubled(desired(A), rounds)[1]
    assert [warning.split(" are")[0] for warning in warnings] == ["Rounds 1 and 2", "Rounds 1 and 3"]
    assert all(f"WEB-1 ({A}), WEB-2 ({B})" in warning for warning in warnings)


def test_what_was_refused_is_told_whole():
    message = refused(desired(A, B), [], WEB_1=OPEN)
    assert message == (
        "No retest was requested:\n"
        f"- Not ready for retest: WEB-1 ({A}). Set mark_ready: true if they are fixed, or leave them out.\n"
        f"- Not among the findings of project {PROJECT} that this key can see: {B}. Correct vulnerability_ids or "
        "project_id."
    )
    closed = plan(desired(A), [], WEB_1=CLOSED)
    assert closed.warnings == (f"Closed already, so there is nothing to retest: WEB-1 ({A}).",)


def test_of_several_rounds_of_unknown_status_the_youngest_is_named():
    message = refused(desired(A), [a_round(1, [A, B], "paused"), a_round(2, [A, B], "paused")], WEB_1=READY)
    assert f"WEB-1 ({A}) is in round 2, whose status is 'paused'." in message


@pytest.mark.parametrize(
    "statuses, withdrawn", [({"WEB_1": CLOSED, "WEB_2": CLOSED}, []), ({"WEB_1": CLOSED, "WEB_2": READY}, [1])]
)
def test_replace_leaves_a_round_alone_of_which_everything_is_closed(statuses, withdrawn):
    made = plan(desired(A, B, start=LATER, end=None, on_window_change="replace"), [a_round(1, [A, B])], **statuses)
    assert [one.number for one in made.withdraw] == withdrawn


@pytest.mark.parametrize("state, verb", [(CANCELLED, "cancel"), (COMPLETED, "complete")])
def test_the_verb_is_that_of_the_state(state, verb):
    several, shared, untold = [a_round(1, [A]), a_round(2, [B])], [a_round(1, [A, B])], [a_round(1, None)]
    for rounds, ids in ((several, ()), (shared, (A,)), (untold, (A,))):
        with pytest.raises(StateError, match=rf"\b{verb}\b"):
            plan_finish(state, rounds, None, ids)


# Warnings, whole


DECLARED = "2026-12-01T00:00:00.000Z to 2026-12-08T00:00:00.000Z"
A_MONTH_LATER = "2026-12-31T00:00:00.000Z to 2027-01-07T00:00:00.000Z"


def test_a_window_that_is_not_the_one_declared_is_told_with_what_would_change_it():
    told = f"Round 1 has the window {A_MONTH_LATER}, which is not the one declared: {DECLARED}."
    moved = a_round(1, [A], start=LATER, end=LATER + timedelta(7))
    assert other_windows(desired(A), [moved]) == [told + " It is kept; on_window_change: replace would replace it."]
    for choice in ("replace", "fail"):
        assert other_windows(desired(A, on_window_change=choice), [moved]) == [told]


def test_a_window_that_the_service_changed_is_told():
    told = f"AttackForge gave round 1 the window {A_MONTH_LATER}, which is not the one that was sent: {DECLARED}."
    moved = a_round(1, [A], start=LATER, end=LATER + timedelta(7))
    for choice in ("keep", "fail"):
        assert changed_window(desired(A, on_window_change=choice), moved) == [told]
    assert changed_window(desired(A, on_window_change="replace"), moved) == [
        told + " With on_window_change: replace, each run would request again; set it to keep."
    ]
    assert changed_window(desired(A), a_round(1, [A])) == []


def test_only_the_finding_in_question_is_named():
    message = refused(desired(B), [a_round(1, [A, B, C], "paused")])
    assert message.startswith(f"No retest was requested:\n- WEB-2 ({B}) is in round 1, whose status is 'paused'. It is")


def test_a_round_that_is_left_alone_does_not_keep_a_later_one_from_being_replaced():
    rounds = [a_round(1, [A]), a_round(2, [B])]
    made = plan(
        desired(A, B, start=LATER, end=LATER + timedelta(7), on_window_change="replace"),
        rounds,
        WEB_1=CLOSED,
        WEB_2=READY,
    )
    assert [one.number for one in made.withdraw] == [2] and [one.id for one in made.request] == [B]


# The release step


def test_an_open_finding_is_noted_marked_and_requested():
    made = plan(desired(A, B, mark_ready=True, note=NOTE), [], WEB_1=OPEN, WEB_2=READY)
    assert made.steps == (
        Step(finding(A, OPEN), "requested", NOTE, True),
        Step(finding(B, READY), "requested", NOTE, False),
    )
    assert made.preparation == list(made.steps) and [one.id for one in made.request] == [A, B]


def test_without_a_note_only_what_is_not_ready_is_prepared():
    made = plan(desired(A, B, mark_ready=True), [], WEB_1=OPEN, WEB_2=READY)
    assert [step.finding.id for step in made.preparation] == [A] and made.preparation[0].note is None


def test_a_note_that_stands_there_is_not_planned_again():
    made = plan(desired(A, B, note=NOTE), [], WEB_1=finding(A, READY, NOTE), WEB_2=finding(B, READY, "Another."))
    assert [step.note for step in made.steps] == [None, NOTE] and [s.finding.id for s in made.preparation] == [B]


def test_with_a_note_every_finding_has_to_be_read():
    rounds = [a_round(1, [A])]
    assert undecided(desired(A, B, note=NOTE), rounds) == (A, B)


def test_a_finding_in_an_open_round_is_noted_and_not_marked():
    made = plan(desired(A, mark_ready=True, note=NOTE), [a_round(1, [A])], WEB_1=OPEN)
    assert made.steps == (Step(finding(A, OPEN), "in_scope", NOTE, False),) and not made.request


def test_a_closed_finding_is_not_noted_wherever_it_is():
    made = plan(desired(A, B, mark_ready=True, note=NOTE), [a_round(1, [B])], WEB_1=CLOSED, WEB_2=CLOSED)
    assert [step.outcome for step in made.steps] == ["closed", "in_scope"] and idle(made)


def test_a_finding_in_an_open_round_that_cannot_be_read_is_named_as_the_round_names_it():
    made = plan(desired(A, B, note=NOTE), [a_round(1, [B, A]), a_round(2, [B])])
    assert made.steps == (Step(finding(A), "in_scope"), Step(finding(B), "in_scope"))
    assert made.kept == (a_round(1, [B, A]), a_round(2, [B]))


def test_open_rounds_without_any_of_them_are_not_kept_for_them():
    made = plan(desired(A), [a_round(1, [A]), a_round(2, [B]), a_round(3, [A], COMPLETED)])
    assert [one.number for one in made.kept] == [1]


# Sent back

BACK = [a_round(1, [A, B], COMPLETED)]


@pytest.mark.parametrize(
    "note, stands, back", [(None, (), True), (NOTE, (NOTE,), True), (NOTE, (), False), (NOTE, ("Another.",), False)]
)
@pytest.mark.parametrize("mark_ready", [False, True])
def test_what_says_that_a_finding_was_fixed_again_is_a_new_note(note, stands, back, mark_ready):
    wanted = desired(A, note=note, mark_ready=mark_ready)
    if back:
        made = plan(wanted, BACK, WEB_1=finding(A, OPEN, *stands))
        assert outcome(made, "reopened") == (A,) and idle(made)
        assert made.warnings == (
            f"Sent back by the testers in round 1, so not requested again: WEB-1 ({A}). When they are fixed again, "
            "declare a new remediation_note (for example with the name of the new release), or set on_reopened: "
            "request.",
        )
    elif mark_ready:
        made = plan(wanted, BACK, WEB_1=finding(A, OPEN, *stands))
        assert made.steps[0][1:] == ("requested", NOTE, True)
    else:
        assert "Not ready for retest: WEB-1" in refused(wanted, BACK, WEB_1=finding(A, OPEN, *stands))


@pytest.mark.parametrize("status, expected", [(READY, "requested"), (CLOSED, "closed")])
def test_what_is_ready_or_closed_was_not_sent_back(status, expected):
    assert outcome(plan(desired(A), BACK, WEB_1=status), expected) == (A,)


@pytest.mark.parametrize("status, back", [(COMPLETED, True), (CANCELLED, False)])
def test_only_the_youngest_round_says_that_a_finding_was_sent_back(status, back):
    rounds = [*BACK, a_round(2, [B]), a_round(3, [A], status)]
    made = plan(desired(A, mark_ready=True), rounds, WEB_1=OPEN)
    assert outcome(made, "reopened" if back else "requested") == (A,)
    assert may_be_sent_back(finding(A, OPEN), rounds) is back


def test_only_an_open_finding_that_was_in_a_round_may_be_sent_back():
    assert may_be_sent_back(finding(A, OPEN), iter(BACK))
    assert not may_be_sent_back(finding(A, READY), BACK) and not may_be_sent_back(finding(A, CLOSED), BACK)
    assert not may_be_sent_back(finding(C, OPEN), BACK)


def test_each_round_says_what_it_sent_back():
    rounds = [a_round(1, [A], COMPLETED), a_round(2, [B, C], COMPLETED), a_round(3, [D], COMPLETED)]
    made = plan(desired(A, B, C, D), rounds, WEB_1=OPEN, WEB_2=OPEN, WEB_3=CLOSED, WEB_4=READY)
    assert [text.partition(". ")[0] for text in made.warnings] == [
        f"Closed already, so there is nothing to retest: WEB-3 ({C}).",
        f"Sent back by the testers in round 1, so not requested again: WEB-1 ({A})",
        f"Sent back by the testers in round 2, so not requested again: WEB-2 ({B})",
    ]


def test_on_reopened_request_is_as_for_any_open_finding():
    wanted = desired(A, on_reopened="request")
    assert "Not ready for retest" in refused(wanted, BACK, WEB_1=OPEN)
    made = plan(wanted._replace(mark_ready=True), BACK, WEB_1=OPEN)
    assert outcome(made, "requested") == (A,) and made.warnings == ()


def test_on_reopened_fail_names_each():
    assert refused(desired(A, B, on_reopened="fail", mark_ready=True), BACK, WEB_1=OPEN, WEB_2=READY) == (
        "No retest was requested:\n"
        f"- Sent back by the testers and not fixed again since: WEB-1 ({A}); on_reopened is fail. Fix them and declare "
        "a new remediation_note, or set on_reopened to report or request."
    )


def test_a_finding_that_was_sent_back_while_its_round_is_open_is_in_scope():
    assert outcome(plan(desired(A, mark_ready=True), [*BACK, a_round(2, [A])], WEB_1=OPEN), "in_scope") == (A,)


@pytest.mark.parametrize("ids", [None, []])
def test_an_open_round_that_shows_no_findings_stops_every_request(ids):
    for rounds in ([a_round(1, ids)], [a_round(1, ids), a_round(2, [A])]):
        assert refused(desired(A), rounds, WEB_1=READY) == (
            "No retest was requested:\n- Round 1 is open, but AttackForge does not show which findings it holds, so "
            "another request could be a second one. Finish or cancel that round in AttackForge."
        )


# The youngest of a number


def test_a_number_that_was_used_again_means_the_youngest():
    rounds = [a_round(1, [A], CANCELLED), a_round(1, [B]), a_round(2, [C])]
    assert numbered(rounds, 1) is rounds[1] and numbered(iter(rounds), 2) is rounds[2]
    with pytest.raises(StateError, match=r"round: there is no round 3 in this project \(there is: 1, 1, 2\)\."):
        numbered(rounds, 3)
    with pytest.raises(StateError, match=r"\(there is: none\)"):
        numbered([], 1)
    assert plan_finish(CANCELLED, rounds, 1, ()) == (rounds[1], True)


def test_a_round_whose_scope_is_not_shown_is_not_finished_by_findings():
    with pytest.raises(StateError, match=r"does not show which findings it holds\. To complete it"):
        plan_finish(COMPLETED, [a_round(1, [])], None, (A,))


# Markings


def marked(found, status=None, note=None):
    """The change to this finding."""
    return plan_marking(Marking((found.id,), status, note), {found.id: found}, PROJECT)[0]


@pytest.mark.parametrize("before", [OPEN, READY, CLOSED])
@pytest.mark.parametrize("wanted", [None, OPEN, READY, CLOSED])
def test_a_status_is_written_only_where_it_is_another(before, wanted):
    change = marked(finding(A, "".join(list(before))), wanted)  # equal, not the same object
    assert change.after == (wanted or before)
    assert (change.status is None) == (wanted in (None, before)) == change.empty
    assert change.as_result() == {
        "id": A,
        "alternate_id": "WEB-1",
        "before": before,
        "after": change.after,
        "marked": not change.empty,
        "noted": False,
    }


@pytest.mark.parametrize("stands, noted", [((), True), (("Another.",), True), (("Another.", NOTE), False)])
def test_a_note_is_added_only_where_it_does_not_stand(stands, noted):
    change = marked(finding(A, OPEN, *stands), note=NOTE)
    assert change == Change(finding(A, OPEN, *stands), None, NOTE if noted else None)
    assert change.empty is not noted and change.as_result()["noted"] is noted


def test_a_change_is_the_same_by_itself():
    found = finding(A, OPEN)
    assert change_of(Marking((), READY, NOTE), found) == marked(found, READY, NOTE) == Change(found, READY, NOTE)


def test_each_missing_finding_is_named_and_nothing_is_planned():
    with pytest.raises(StateError) as caught:
        plan_marking(Marking((A, B, C), READY, None), {B: finding(B)}, PROJECT)
    assert caught.value.message == (
        f"Nothing was changed: not among the findings of project {PROJECT} that this key can see: {A}, {C}. Correct "
        "vulnerability_ids or project_id."
    )


@given(st.lists(st.sampled_from(IDS), unique=True, min_size=1), st.sampled_from([OPEN, READY, CLOSED]))
def test_a_marking_that_is_carried_out_is_seen_and_leaves_nothing_to_plan(ids, status):
    marking = Marking(tuple(ids), status, NOTE)
    before = {one: finding(one, OPEN) for one in reversed(IDS)}
    changes = plan_marking(marking, before, PROJECT)
    assert [change.finding.id for change in changes] == ids
    after = {one: finding(one, status, NOTE) for one in IDS}
    assert all(is_made(change, after) for change in changes)
    assert all(change.empty for change in plan_marking(marking, after, PROJECT))
    assert not any(is_made(change, before) for change in changes)


def test_a_change_is_not_made_where_the_finding_is_not_seen_or_half_of_it_lacks():
    change = Change(finding(A, OPEN), READY, NOTE)
    assert not is_made(change, {})
    assert not is_made(change, {A: finding(A, READY)})
    assert not is_made(change, {A: finding(A, OPEN, NOTE)})
    assert is_made(change, {A: finding(A, READY, NOTE)})
    assert is_made(change._replace(note=None), {A: finding(A, READY)})
    assert is_made(change._replace(status=None), {A: finding(A, CLOSED, NOTE)})
