# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verdicts: what became of the findings of a round, and whether a release may pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.attackforge.retest.plugins.module_utils._projects import Project
from ansible_collections.attackforge.retest.plugins.module_utils._rounds import CANCELLED, COMPLETED
from ansible_collections.attackforge.retest.plugins.module_utils._verdict import (
    Outcome,
    Policy,
    RoundVerdict,
    notices_of,
    outcomes_of,
    progress_text,
    round_message,
    verdict_result,
)
from ansible_collections.attackforge.retest.plugins.module_utils._vulnerabilities import CLOSED, OPEN, READY, Finding
from ansible_collections.attackforge.retest.tests.unit.builders import IDS, PROJECT, A, B, C, D, a_round, finding

SHOP = Project(PROJECT, "Webshop", "SHOP")
LENIENT = Policy()
STRICT = Policy(fixed_only=True)
ACCEPTED = "Issue Closed: Risk accepted by the board"


def closed(one, *notes, **more):
    return finding(one, CLOSED, *notes, **more)


def verdict_of(one, *findings, asked=(), policy=LENIENT, project=SHOP, notices=()):
    found = {finding.id: finding for finding in findings}
    return RoundVerdict(project, one, outcomes_of(one, found, asked, policy), notices)


def names(verdict):
    return {outcome.finding.id: outcome.outcome for outcome in verdict.outcomes}


# What became of a finding


@pytest.mark.parametrize("status", ["requested", COMPLETED, CANCELLED, "paused"])
@pytest.mark.parametrize("retested", [(), (A,)])
@pytest.mark.parametrize(
    "found, expected",
    [
        (closed(A), "fixed"),
        (closed(A, "Issue Closed: Fixed"), "fixed"),
        (closed(A, "Any note."), "fixed"),
        (closed(A, ACCEPTED), "accepted"),
        (closed(A, "Issue Closed: Will not be fixed"), "accepted"),
        (finding(A, READY), "pending"),
    ],
)
def test_closed_and_ready_mean_the_same_whatever_the_round_is(status, retested, found, expected):
    verdict = verdict_of(a_round(1, [A], status, retested=retested), found)
    assert names(verdict) == {A: expected}


@pytest.mark.parametrize(
    "status, retested, expected",
    [
        (COMPLETED, (), "reopened"),
        (COMPLETED, (A,), "reopened"),
        (CANCELLED, (), "reopened"),
        ("requested", (A,), "reopened"),
        ("requested", (), "pending"),  # a request may take readiness away, so open does not mean tested
        ("requested", (B,), "pending"),
    ],
)
def test_open_means_reopened_once_it_was_tested(status, retested, expected):
    assert names(verdict_of(a_round(1, [A], status, retested=retested), finding(A, OPEN))) == {A: expected}


def test_a_finding_that_cannot_be_seen_is_pending_and_named_as_the_round_names_it():
    (outcome,) = verdict_of(a_round(1, [A], COMPLETED)).outcomes
    assert outcome == Outcome(finding(A), "pending", blocks=True)


@pytest.mark.parametrize(
    "found, expected",
    [
        ([finding(B, OPEN)], "removed"),
        ([finding(B, READY)], "removed"),
        ([], "removed"),
        ([closed(B)], "fixed"),
        ([closed(B, ACCEPTED)], "accepted"),
    ],
)
def test_what_was_asked_for_and_is_not_in_the_round_was_removed_unless_it_is_closed(found, expected):
    verdict = verdict_of(a_round(1, [A], COMPLETED), closed(A), *found, asked=(B, A, B))
    assert names(verdict) == {A: "fixed", B: expected} and len(verdict.outcomes) == 2
    assert verdict.passed is (expected != "removed")


def test_what_was_not_asked_for_is_no_part_of_the_verdict():
    assert names(verdict_of(a_round(1, [A], COMPLETED), closed(A), finding(B, OPEN))) == {A: "fixed"}


def test_a_round_whose_scope_is_not_shown_proves_nothing():
    verdict = verdict_of(a_round(1, None, COMPLETED))
    assert verdict.outcomes == () and not verdict.passed
    assert round_message(verdict) == (
        "round 1 is completed, but AttackForge shows no findings of it. Look at it in AttackForge."
    )
    assert not verdict_of(a_round(1, None, COMPLETED), finding(A, OPEN), asked=[A]).passed


# What passes


@pytest.mark.parametrize(
    "found, policy, ignored, blocks",
    [
        (closed(A), Policy(), False, False),
        (closed(A), STRICT, False, False),
        (closed(A, ACCEPTED), Policy(), False, False),
        (closed(A, ACCEPTED), STRICT, False, True),
        (closed(A, ACCEPTED, priority="Low"), Policy(("Low",), True), True, False),
        (finding(A, OPEN, priority="Low"), Policy(("Info", "Low")), True, False),
        (finding(A, OPEN, priority="low"), Policy(("Low",)), True, False),
        (finding(A, OPEN, priority="High"), Policy(("Info", "Low")), False, True),
        (finding(A, OPEN), Policy(("Info", "Low")), False, True),
        (finding(A, OPEN, priority="High"), Policy(), False, True),
        (finding(A, READY, priority="Low"), Policy(("Low",)), True, False),
        (closed(A, priority="Low"), Policy(("Low",)), False, False),
    ],
)
def test_a_finding_passes_by_its_outcome_or_its_priority(found, policy, ignored, blocks):
    (outcome,) = verdict_of(a_round(1, [A], COMPLETED), found, policy=policy).outcomes
    assert (outcome.ignored, outcome.blocks) == (ignored, blocks)


def test_a_removed_finding_is_ignored_by_its_priority_too():
    verdict = verdict_of(
        a_round(1, [A], COMPLETED), closed(A), finding(B, OPEN, priority="Low"), asked=[B], policy=Policy(("Low",))
    )
    assert verdict.passed and verdict.totals["removed"] == verdict.totals["ignored"] == 1


@pytest.mark.parametrize("status, passed", [(COMPLETED, True), ("requested", False), (CANCELLED, False), ("x", False)])
def test_only_a_completed_round_passes(status, passed):
    assert verdict_of(a_round(1, [A], status), closed(A)).passed is passed


@given(
    st.sampled_from(["requested", COMPLETED, CANCELLED]),
    st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from([OPEN, READY, CLOSED]), st.booleans()), max_size=4),
    st.lists(st.sampled_from(IDS), max_size=4),
    st.booleans(),
)
def test_a_verdict_passes_only_if_everything_asked_for_is_closed(status, made, asked, fixed_only):
    findings = [finding(one, state, *([ACCEPTED] if accepted else [])) for one, state, accepted in made]
    scope = list(dict.fromkeys(one.id for one in findings))[:2]
    verdict = verdict_of(a_round(1, scope, status), *findings, asked=asked, policy=Policy(fixed_only=fixed_only))
    states = {one.id: one for one in findings}
    right = [states[one].status == CLOSED for one in {*scope, *asked} if one in states]
    right += [False for one in {*scope, *asked} if one not in states]
    right += [not (fixed_only and states[one].notes) for one in {*scope, *asked} if one in states]
    assert verdict.passed is (status == COMPLETED and bool(scope or asked) and all(right))
    assert {outcome.finding.id for outcome in verdict.outcomes} == {*scope, *asked}
    assert bool(verdict.blocking) is any(outcome.blocks for outcome in verdict.outcomes)


# Why it was closed


def test_the_reason_is_told_with_who_and_when():
    found = finding(A, CLOSED, ACCEPTED)
    (note,) = found.notes
    found = found._replace(notes=(note._replace(created="2026-12-02T10:00:00.000Z", created_by="Ada"),))
    (outcome,) = verdict_of(a_round(1, [A], COMPLETED), found).outcomes
    assert (outcome.reason, outcome.by, outcome.at) == ("Risk accepted by the board", "Ada", "2026-12-02T10:00:00.000Z")
    assert outcome.as_result() == {
        "id": A,
        "alternate_id": "WEB-1",
        "title": "Title of WEB-1",
        "priority": None,
        "status": "closed",
        "outcome": "accepted",
        "reason": "Risk accepted by the board",
        "closed_by": "Ada",
        "closed_at": "2026-12-02T10:00:00.000Z",
        "ignored": False,
        "blocks": False,
    }


def test_without_a_note_no_reason_is_told():
    (outcome,) = verdict_of(a_round(1, [A], COMPLETED), closed(A)).outcomes
    assert (outcome.reason, outcome.by, outcome.at) == (None, None, None)


# Other rounds


def test_other_rounds_are_told():
    rounds = [
        a_round(1, [A], CANCELLED),
        a_round(2, [A], COMPLETED),
        a_round(3, [A], CANCELLED),
        a_round(4, [B], CANCELLED),
        a_round(5, [C]),
        a_round(6, [D], COMPLETED),
    ]
    assert notices_of(rounds[1], rounds) == (
        "Requested later, but cancelled: round 3, 4. What it held is not retested by this one.",
        "Also open, and not part of this verdict: round 5.",
    )
    assert notices_of(rounds[4], rounds) == ()
    assert notices_of(rounds[5], iter(rounds)) == ("Also open, and not part of this verdict: round 5.",)


# Messages


@pytest.mark.parametrize(
    "verdict, message",
    [
        (
            verdict_of(a_round(1, [A, B], COMPLETED), closed(A), closed(B, ACCEPTED)),
            f"Passed: round 1 is completed: 1 fixed, 1 accepted. Accepted: WEB-2 ({B}): Risk accepted by the board.",
        ),
        (verdict_of(a_round(1, [A], COMPLETED), closed(A)), "Passed: round 1 is completed: 1 fixed."),
        (
            verdict_of(a_round(1, [A, B]), closed(A), finding(B, READY)),
            "Not passed: round 1 is still open: 1 fixed, 1 pending. Run this again when the testers have completed it, "
            "or wait for it.",
        ),
        (
            verdict_of(a_round(1, [A], CANCELLED), closed(A)),
            "Not passed: round 1 was cancelled, so it proves nothing. Request a new retest.",
        ),
        (
            verdict_of(a_round(1, [A], "paused"), closed(A)),
            "Not passed: round 1 has the status 'paused'; it is not known whether that is open or finished. Look at it "
            "in AttackForge.",
        ),
        (
            verdict_of(a_round(1, [A, B], COMPLETED), closed(A), finding(B, OPEN, priority="High")),
            f"Not passed: round 1 is completed, but this finding does not pass: WEB-2 ({B}) (High, reopened). Fix what "
            "was reopened, then request a new retest.",
        ),
        (
            verdict_of(
                a_round(1, [A, B, C], COMPLETED),
                finding(A, OPEN),
                finding(B, READY),
                closed(C, ACCEPTED),
                asked=[D],
                policy=STRICT,
            ),
            f"Not passed: round 1 is completed, but these findings do not pass: WEB-1 ({A}) (no priority, reopened), "
            f"WEB-2 ({B}) (no priority, pending), WEB-3 ({C}) (no priority, accepted, Risk accepted by the board), {D} "
            "(no priority, removed). Fix what was reopened, then request a new retest. Ask the testers why findings "
            "were taken out of the round, or request a new retest of them. Request a new retest of what was not "
            "tested. With fixed_only, an accepted finding does not pass.",
        ),
        (
            verdict_of(a_round(1, [A], COMPLETED), closed(A), notices=("One.", "Two.")),
            "Passed: round 1 is completed: 1 fixed. One. Two.",
        ),
    ],
)
def test_a_verdict_on_one_round_says_how_it_stands_and_what_to_do(verdict, message):
    result = verdict_result([verdict])
    assert result["message"] == message
    assert result["passed"] is message.startswith("Passed")


def test_a_title_or_reason_cannot_begin_another_line():
    found = finding(A, CLOSED, "Issue Closed: Risk\naccepted")._replace(
        title="A title\nRound 1 is completed", priority="a\nb"
    )
    verdict = verdict_of(a_round(1, [A], COMPLETED), found, policy=STRICT)
    result = verdict_result([verdict])
    assert "\n" not in result["message"] and not any("\n" in line for line in result["table"])


# The result


def test_the_result_of_one_round():
    one = a_round(4, [A, B, C], COMPLETED)
    result = verdict_result(
        [verdict_of(one, closed(A), finding(B, OPEN), closed(C, ACCEPTED), policy=Policy(("Low",)))]
    )
    assert result["totals"] == {"fixed": 1, "accepted": 1, "reopened": 1, "pending": 0, "removed": 0, "ignored": 0}
    assert result["blocking"] == [B] and result["passed"] is False
    (shown,) = result["rounds"]
    assert [entry["id"] for entry in shown["vulnerabilities"]] == [B, C, A]  # the worst first
    del shown["vulnerabilities"], shown["message"]
    assert shown == {
        "project_id": PROJECT,
        "project_name": "Webshop",
        "project_code": "SHOP",
        "round": 4,
        "status": "completed",
        "open": False,
        "passed": False,
        "retesting_window_start": "2026-12-01T00:00:00.000Z",
        "retesting_window_end": "2026-12-08T00:00:00.000Z",
        "totals": result["totals"],
    }
    assert result["table"] == [
        "Round 4 is completed: 1 fixed, 1 accepted, 1 reopened",
        "WEB-2        -         reopened           Title of WEB-2",
        "WEB-3        -         accepted           Title of WEB-3 [Risk accepted by the board]",
        "WEB-1        -         fixed              Title of WEB-1",
    ]


def test_the_worst_finding_comes_first_and_what_blocks_before_what_is_ignored():
    one = a_round(1, IDS, COMPLETED)
    found = [closed(A), finding(B, READY), closed(C, ACCEPTED), finding(D, OPEN, priority="Low")]
    verdict = verdict_of(one, *found, Finding("e" * 24, status=OPEN), asked=["e" * 24], policy=Policy(("Low",)))
    entries = verdict.as_result()["vulnerabilities"]
    assert [(entry["id"], entry["outcome"]) for entry in entries] == [
        ("e" * 24, "removed"),
        (B, "pending"),
        (D, "reopened"),
        (C, "accepted"),
        (A, "fixed"),
    ]
    table = verdict_result([verdict])["table"]
    assert table[3] == "WEB-4        Low       reopened, ignored  Title of WEB-4"
    assert table[1].split() == ["e" * 24, "-", "removed"]


def test_findings_of_one_outcome_come_by_their_priority_and_those_without_one_last():
    found = [
        finding(A, OPEN, priority="Odd"),
        finding(B, OPEN, priority="Low"),
        finding(C, OPEN),
        finding(D, OPEN, priority="Critical"),
    ]
    entries = verdict_of(a_round(1, IDS, COMPLETED), *found).as_result()["vulnerabilities"]
    assert [entry["id"] for entry in entries] == [D, B, A, C]


OTHER = Project("f" * 24, "Other", "OTH")


def test_several_rounds_pass_together():
    verdicts = [
        verdict_of(a_round(1, [A], COMPLETED), closed(A)),
        verdict_of(a_round(2, [B], COMPLETED), closed(B, ACCEPTED), project=OTHER),
    ]
    result = verdict_result(iter(verdicts))
    assert result["passed"] is True and result["blocking"] == []
    assert result["message"] == "Passed: all 2 rounds are completed: 1 fixed, 1 accepted."
    assert result["totals"]["fixed"] == result["totals"]["accepted"] == 1
    assert result["table"][0] == f"{OTHER.label}: round 2 is completed: 1 accepted"


def test_of_several_rounds_those_that_do_not_pass_are_told_the_worst_first():
    verdicts = [
        verdict_of(a_round(1, [A], COMPLETED), closed(A), project=OTHER),
        verdict_of(a_round(2, [B], COMPLETED), finding(B, OPEN), project=OTHER),
        verdict_of(a_round(3, [B, C], COMPLETED), finding(B, OPEN), finding(C, OPEN)),
        verdict_of(a_round(4, [D]), finding(D, READY)),
    ]
    result = verdict_result(verdicts)
    assert [one["round"] for one in result["rounds"]] == [3, 2, 4, 1]
    assert result["passed"] is False and result["blocking"] == [B, C, B, D]
    lines = result["message"].split("\n")
    assert lines[0] == "Not passed: 3 of 4 rounds do not pass:" and len(lines) == 4
    assert lines[1].startswith(f"- {SHOP.label}: round 3 is completed, but these findings do not pass: WEB-2")
    assert lines[3].startswith(f"- {SHOP.label}: round 4 is still open: 1 pending.")


def test_rounds_that_are_as_bad_come_by_code_or_id_and_number():
    projects = [Project("f" * 24, code="B"), Project("e" * 24, code="C"), Project("A" * 24)]
    verdicts = [verdict_of(a_round(number, [A]), project=one) for one in projects for number in (2, 1)]
    shown = [(one["project_id"][0], one["round"]) for one in verdict_result(verdicts)["rounds"]]
    assert shown == [("A", 1), ("A", 2), ("f", 1), ("f", 2), ("e", 1), ("e", 2)]


def test_no_rounds_do_not_pass():
    result = verdict_result([])
    assert result["passed"] is False and result["message"] == "Not passed: there is no round to decide on."


# Progress


def test_progress_says_how_far_a_round_is():
    one = a_round(3, [A, B, C, D], retested=[B])
    found = {A: closed(A), B: finding(B, OPEN), C: finding(C, READY)}
    assert progress_text(one, found) == "Round 3 is open: 1 fixed, 1 reopened, 2 pending."
    assert progress_text(one) == "Round 3 is open."
    assert progress_text(a_round(2, [A], COMPLETED)) == "Round 2 is completed."
    assert progress_text(a_round(3, None), found) == "Round 3 is open."
    assert progress_text(a_round(3, []), {}) == "Round 3 is open: no findings."
