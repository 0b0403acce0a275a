# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation of attackforge_retest_info: rounds, verdicts, how long it waits, and what ends a wait."""

from __future__ import annotations

import pytest

from ansible_collections.attackforge.retest.plugins.module_utils._errors import (
    FateUnknown,
    NotProcessed,
    PlayEnded,
    Refused,
    StateError,
    UnexpectedAnswer,
)
from ansible_collections.attackforge.retest.plugins.module_utils.operations import _retest, _retest_info
from ansible_collections.attackforge.retest.tests.unit.service import (
    PROJECT,
    FakeService,
    clock_of,
    options,
    rounds_options,
)

A, B, C = (f"{letter}" * 24 for letter in "abc")
ACCEPTED = "Issue Closed: Risk accepted"


@pytest.fixture
def service():
    fake = FakeService(retries=0)
    fake.add_finding(A)
    fake.add_round([A])
    with clock_of(fake):
        yield fake


def info(service, **more):
    return _retest_info.run(rounds_options(**more), service, False)


def wait(service, **more):
    return info(service, wait=True, outcome=True, **more)


def verdict(service, **more):
    return info(service, verdict=True, **more)["verdict"]


# Waiting


def test_a_round_that_is_finished_ends_the_wait(service):
    service.clock.later(50, lambda: service.finish(1, "Completed"))
    assert wait(service)["rounds"][0]["status"] == "completed"
    assert service.lines == [
        "Round 1 is open: 1 pending. Next read in 30 s, at most 1 min more.",
        "Round 1 is open: 1 pending. Next read in 30 s, at most 1 min more.",
    ]


def test_the_last_read_is_at_the_end(service):
    begun = service.clock.now
    assert wait(service)["rounds"][0]["open"] is True
    assert 100 <= service.clock.now - begun < 101
    assert "Next read in 10 s, at most 9 s more." in service.lines[-1]


def test_long_waits_are_told_in_hours(service):
    service.clock.later(50, lambda: service.finish(1, "Completed"))
    wait(service, wait_timeout=7500.0)
    assert "at most 2 h 4 min more" in service.lines[0]


def test_a_wait_for_nothing_open_reads_once(service):
    service.finish(1, "Cancelled")
    assert wait(service)["rounds"][0]["status"] == "cancelled" and service.calls == ["history", "list"]


def test_without_wait_it_reads_once(service):
    assert info(service)["rounds"][0]["open"] is True and service.calls == ["history"] and service.lines == []


def bad(kind, http_status):
    return kind(f"GetProjectById: HTTP {http_status}.", method="GetProjectById", http_status=http_status)


@pytest.mark.parametrize(
    "fault",
    [
        "lost before",
        "not processed",
        bad(Refused, 302),
        bad(Refused, 403),
        bad(Refused, 404),
        bad(FateUnknown, 502),
        bad(UnexpectedAnswer, 200),
        StateError("The history is behind its counter."),
    ],
    ids=str,
)
@pytest.mark.parametrize("call", ["history", "list"])
def test_a_read_that_fails_in_a_wait_is_a_warning(service, call, fault):
    service.faults[call] = [None, fault, None, fault]
    service.clock.later(95, lambda: service.finish(1, "Completed"))
    result = wait(service, verdict=True)
    assert result["rounds"][0]["status"] == "completed"
    (warning,) = result["warnings"]  # told once, however often it was the same
    assert warning.startswith("A read failed while waiting, and was repeated: ")
    assert [" is open: " in line for line in service.lines] == [True, False, True, False]


@pytest.mark.parametrize("fault, kind", [("lost before", FateUnknown), ("not processed", NotProcessed)])
def test_a_last_read_that_fails_fails(service, fault, kind):
    service.faults["history"] = [None, None, None, None, fault]
    with pytest.raises(kind):
        wait(service)


def test_a_first_read_that_fails_without_a_wait_fails(service):
    service.faults["history"] = ["refused"]
    with pytest.raises(Refused):
        info(service)


def test_the_end_of_the_play_ends_a_wait(service):
    def ended():
        raise PlayEnded("The play has ended.")

    service.clock.later(40, ended)
    with pytest.raises(PlayEnded):
        wait(service)
    assert service.calls.count("history") == 2


def test_a_project_without_a_round_is_waited_for(service):
    service.rounds.clear()
    service.clock.later(40, lambda: service.add_round([A], "Completed"))
    service.findings[A] = "closed"
    result = wait(service, verdict=True)
    assert result["verdict"]["passed"] is True and "no retest round" in result["warnings"][0]


# Which rounds


def test_all_rounds_are_told_newest_first(service):
    service.add_round([A], "Cancelled")
    service.add_round([B], "Completed")
    result = info(service)
    assert [(one["round"], one["status"], one["open"]) for one in result["rounds"]] == [
        (3, "completed", False),
        (2, "cancelled", False),
        (1, "requested", True),
    ]
    assert [one["round"] for one in info(service, status="cancelled")["rounds"]] == [2]
    assert [one["round"] for one in info(service, round=1)["rounds"]] == [1]
    assert result["changed"] is False and "verdict" not in result


def test_a_round_that_is_not_there_is_an_error(service):
    with pytest.raises(StateError, match="there is no round 7"):
        info(service, round=7)


def test_a_verdict_is_about_the_newest_round_that_was_not_cancelled(service):
    service.add_finding(B, "closed")
    service.add_round([B], "Completed")
    service.add_round([A], "Cancelled")
    told = verdict(service)
    assert told["passed"] is True and [one["round"] for one in told["rounds"]] == [2]
    assert "Requested later, but cancelled: round 3." in told["message"]
    assert "Also open, and not part of this verdict: round 1." in told["message"]


def test_without_a_round_there_is_no_verdict(service):
    service.finish(1, "Cancelled")
    with pytest.raises(StateError, match="no retest round that was not cancelled"):
        verdict(service)


def test_a_round_that_does_not_show_its_findings_is_a_warning(service):
    service.new_rows = "null"
    service.rounds[0]["since"] = service.clock.now
    result = info(service, outcome=True)
    assert result["rounds"][0]["outcome"] is None
    assert result["warnings"] == [
        "AttackForge does not show which findings round 1 holds, so what became of them is not known."
    ]


def test_a_status_that_nobody_documents_is_a_warning(service):
    service.finish(1, "Paused")
    assert info(service)["warnings"] == [
        "Round 1 has the status 'paused'; it is not known whether that is open or finished."
    ]


# Outcomes


def test_the_outcome_of_a_round(service):
    service.add_finding(B, "open")
    service.add_finding(C, "closed", (), ACCEPTED)
    service.rounds[0]["ids"] = [A, B, C]
    service.finish(1, "Completed")
    (one,) = info(service, outcome=True)["rounds"]
    assert one["outcome"] == {"fixed": 0, "accepted": 1, "reopened": 1, "pending": 1, "removed": 0}
    assert [(e["id"], e["status"], e["outcome"], e["reason"], e["priority"]) for e in one["vulnerabilities"]] == [
        (A, "retest", "pending", None, "High"),
        (B, "open", "reopened", None, "High"),
        (C, "closed", "accepted", "Risk accepted", "High"),
    ]


def test_a_finding_that_is_gone_has_neither_status_nor_priority(service):
    del service.findings[A]
    (entry,) = info(service, outcome=True)["rounds"][0]["vulnerabilities"]
    assert (entry["status"], entry["priority"], entry["outcome"]) == (None, None, "pending")


def test_where_a_request_takes_readiness_away_nobody_was_there_is_pending(service):
    service.clears_ready = True
    _retest.run(options(A), service, False)
    service.rounds.clear()
    service.findings[A] = "retest"
    _retest.run(options(A), service, False)
    assert service.findings[A] == "open"
    assert verdict(service)["totals"]["pending"] == 1
    service.finish(1, "Completed")
    assert verdict(service)["totals"]["reopened"] == 1


# Verdicts


def requested(service, *ids):
    """Request these findings, and return the handle for the gate."""
    service.rounds.clear()
    for one in ids:
        service.add_finding(one)
    return _retest.run(options(*ids), service, False)["rounds"]


def test_the_handle_of_a_request_is_followed(service):
    handle = requested(service, A, B)
    service.test(1, a="closed", b="closed")
    service.add_round([C])
    told = verdict(service, rounds=handle)
    assert told["passed"] is True and told["totals"]["fixed"] == 2 and told["rounds"][0]["round"] == 1
    assert told["rounds"][0]["project_name"] == "Webshop"


def test_a_finding_that_a_tester_took_out_of_the_round_does_not_pass(service):
    handle = requested(service, A, B)
    service.take_out(1, B)
    service.test(1, a="closed", b="open")
    told = verdict(service, rounds=handle)
    assert told["passed"] is False and told["blocking"] == [B]
    assert told["totals"]["removed"] == 1 and "removed" in told["message"]
    assert verdict(service, vulnerability_ids=[A, B])["blocking"] == [B]
    assert info(service, rounds=handle, outcome=True)["rounds"][0]["outcome"]["removed"] == 1


def test_what_was_sent_back_before_is_in_the_handle_and_does_not_pass(service):
    requested(service, A, B)
    service.test(1, a="open", b="closed")
    service.findings[C] = "retest"
    handle = _retest.run(options(A, B, C), service, False)["rounds"]
    service.test(2, c="closed")
    told = verdict(service, rounds=handle)
    assert told["passed"] is False and told["blocking"] == [A] and len(told["rounds"]) == 2


def test_a_round_that_is_not_known_yet_means_the_newest(service):
    told = verdict(service, rounds=[{"project_id": PROJECT, "round": None, "vulnerability_ids": [A]}])
    assert told["rounds"][0]["round"] == 1 and told["passed"] is False


@pytest.mark.parametrize("notes_in_list", ["shown", "empty", "missing"])
def test_a_finding_that_was_closed_for_another_reason_is_accepted(service, notes_in_list):
    service.notes_in_list = notes_in_list
    service.notes[A] = [ACCEPTED]
    service.test(1, a="closed")
    told = verdict(service)
    assert told["passed"] is True and told["totals"]["accepted"] == 1 and "Risk accepted" in told["message"]
    strict = verdict(service, fixed_only=True)
    assert strict["passed"] is False and "With fixed_only, an accepted finding does not pass." in strict["message"]


def test_only_the_notes_of_closed_findings_are_read_one_by_one(service):
    service.notes_in_list = "empty"
    service.add_finding(B, "closed")
    service.rounds[0]["ids"] = [A, B]
    verdict(service)
    assert service.calls == ["history", "list", "one"] and service.subjects[-1] == B


def test_a_reason_that_cannot_be_read_is_a_warning_and_with_fixed_only_an_error(service):
    service.notes_in_list = "empty"
    service.test(1, a="closed")
    service.faults["one"] = [bad(FateUnknown, 502), bad(FateUnknown, 502)]
    result = info(service, verdict=True)
    assert result["verdict"]["passed"] is True
    assert result["warnings"] == [
        f"Why W-a ({A}) was closed could not be read: GetProjectById: HTTP 502. It counts as fixed."
    ]
    with pytest.raises(FateUnknown) as caught:
        verdict(service, fixed_only=True)
    assert caught.value.message == f"Why W-a ({A}) was closed could not be read: GetProjectById: HTTP 502."


def test_priorities_that_are_ignored_pass(service):
    service.test(1, a="open")
    service.priorities[A] = "Low"
    assert verdict(service)["passed"] is False
    told = verdict(service, ignore_priorities=["Info", "Low"])
    assert told["passed"] is True and told["totals"]["ignored"] == 1


def test_a_round_that_was_cancelled_does_not_pass(service):
    service.findings[A] = "closed"
    service.finish(1, "Cancelled")
    told = verdict(service, round=1)
    assert told["passed"] is False and "was cancelled, so it proves nothing" in told["message"]


# Who closed it


def revision(after, created, user="Ada", field="status"):
    return {"field": field, "before": "Open", "after": after, "created": created, "user": user}


def test_who_closed_a_finding_and_when_is_told_if_so_asked(service):
    service.test(1, a="closed")
    service.revisions[A] = [
        revision("Closed", "2026-12-02", "Bob"),
        revision("Closed", "2026-12-05", "Eve", field="vulnerability_Status"),
        revision("Open", "2026-12-06", "Ada"),
        revision("Closed", "2026-12-07", "Ada", field="title"),
    ]
    (entry,) = verdict(service, revision_history=True)["rounds"][0]["vulnerabilities"]
    assert (entry["closed_by"], entry["closed_at"]) == ("Eve", "2026-12-05")
    service.forget_calls()
    (entry,) = verdict(service)["rounds"][0]["vulnerabilities"]
    assert entry["closed_by"] is None and "revisions" not in service.calls


def test_only_closed_findings_have_their_revisions_read(service):
    service.test(1, a="open")
    verdict(service, revision_history=True)
    assert "revisions" not in service.calls


def test_revisions_that_are_not_granted_are_asked_for_once(service):
    service.add_finding(B)
    service.rounds[0]["ids"] = [A, B]
    service.test(1, a="closed", b="closed")
    service.faults["revisions"] = ["refused"]
    assert verdict(service, revision_history=True)["passed"] is True and service.calls.count("revisions") == 1


def test_revisions_that_cannot_be_read_once_are_asked_for_again(service):
    service.add_finding(B)
    service.rounds[0]["ids"] = [A, B]
    service.test(1, a="closed", b="closed")
    service.revisions[B] = [revision("Closed", "2026-12-05", "Eve")]
    service.faults["revisions"] = ["lost before"]
    entries = verdict(service, revision_history=True)["rounds"][0]["vulnerabilities"]
    assert {entry["id"]: entry["closed_by"] for entry in entries} == {A: None, B: "Eve"}
