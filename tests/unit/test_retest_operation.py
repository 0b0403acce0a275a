# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation of attackforge_retest: exactly once, whatever the service and the network do."""

from __future__ import annotations

import pytest
from ansible_collections.attackforge.retest.plugins.module_utils.errors import (
    FateUnknown,
    NotProcessed,
    Refused,
    SSAPIError,
    StateError,
)
from ansible_collections.attackforge.retest.plugins.module_utils.operations.retest import run
from ansible_collections.attackforge.retest.tests.unit.service import PROJECT, WORDS, FakeService, clock_of, options

A, B, C = (f"{letter}" * 24 for letter in "abc")
KEYS = {"changed", "retest", "vulnerabilities", "message", "diff", "warnings"}
OTHER = dict(retesting_window_start="2026-12-10", retesting_window_end="2026-12-20")


@pytest.fixture
def service():
    fake = FakeService()
    for one in (A, B, C):
        fake.add_finding(one)
    with clock_of(fake):
        yield fake


def fails(kind, wish, service, check_mode=False):
    with pytest.raises(kind) as caught:
        run(wish, service, check_mode)
    return caught.value


def error(kind, status=None, **more):
    return kind(f"Something: HTTP {status}.", method="Something", http_status=status, **more)


# The plain way


def test_ready_findings_are_requested_in_one_round_that_is_then_read(service):
    result = run(options(A, B), service, False)
    assert service.writes == ["request"]
    assert service.bodies == [
        {
            "retesting_window_start": "2026-12-01T00:00:00.000Z",
            "retesting_window_end": "2026-12-08T00:00:00.000Z",
            "vulnerability_ids": [A, B],
        }
    ]
    assert result["changed"] is True
    assert result["retest"]["round"] == 1 and result["retest"]["status"] == "requested"
    assert [one["id"] for one in result["retest"]["vulnerabilities"]] == [A, B]
    assert result["vulnerabilities"] == {"requested": [A, B], "in_scope": [], "closed": []}
    assert result["request"] == service.bodies[0]
    assert result["message"] == WORDS["request"]
    assert result["warnings"] == []


@pytest.mark.parametrize(
    "on_window_change, remedy",
    [
        ("keep", ""),
        ("fail", ""),
        ("replace", " With on_window_change: replace, each run would ask again; set it to keep."),
    ],
)
def test_a_window_that_the_service_changes_is_told(service, on_window_change, remedy):
    add = service.add_round
    service.add_round = lambda ids, start, end: add(ids, start="2026-12-02T00:00:00.000Z", end=end)
    result = run(options(A, on_window_change=on_window_change), service, False)
    assert result["changed"] is True and result["retest"]["retesting_window_start"] == "2026-12-02T00:00:00.000Z"
    assert result["warnings"] == [
        "AttackForge gave round 1 the window 2026-12-02T00:00:00.000Z to 2026-12-08T00:00:00.000Z, which is not the "
        "one that was sent: 2026-12-01T00:00:00.000Z to 2026-12-08T00:00:00.000Z." + remedy
    ]


def test_a_rerun_changes_nothing_and_reads_the_history_once(service):
    run(options(A, B), service, False)
    del service.calls[:]
    result = run(options(A, B), service, False)
    assert service.calls == ["read"]
    assert result["changed"] is False and "request" not in result
    assert result["retest"]["round"] == 1
    assert result["vulnerabilities"] == {"requested": [], "in_scope": [A, B], "closed": []}


def test_a_new_request_is_four_calls(service):
    run(options(A), service, False)
    assert service.calls == ["read", "find", "request", "read"]


def test_what_an_open_round_holds_is_left_out_of_the_request(service):
    service.add_round([A])
    result = run(options(A, B), service, False)
    assert service.bodies[0]["vulnerability_ids"] == [B]
    assert result["retest"]["round"] == 2
    assert result["vulnerabilities"] == {"requested": [B], "in_scope": [A], "closed": []}


def test_a_closed_finding_is_named_and_nothing_is_requested(service):
    service.add_finding(A, "closed")
    result = run(options(A), service, False)
    assert service.writes == [] and result["changed"] is False
    assert result["retest"]["round"] is None and result["retest"]["status"] is None
    assert A in result["warnings"][0]


@pytest.mark.parametrize("check_mode", [False, True])
def test_nothing_is_sent_while_any_finding_fails(service, check_mode):
    service.add_finding(B, "open")
    failure = fails(StateError, options(A, B, "d" * 24), service, check_mode)
    assert service.writes == []
    assert B in failure.message and "d" * 24 in failure.message and A not in failure.message
    assert not failure.facts.get("changed")


# Check mode


@pytest.mark.parametrize(
    "prepare, wish",
    [
        (lambda service: None, options(A, B)),
        (lambda service: service.add_round([A]), options(A)),
        (lambda service: service.add_round([A]), options(A, B)),
        (lambda service: service.add_round([A]), options(A, on_window_change="replace", **OTHER)),
        (lambda service: service.add_round([A]), options(A, on_window_change="keep", **OTHER)),
        (lambda service: service.add_finding(A, "closed"), options(A, B)),
        (lambda service: (service.add_round([A]), service.add_round([A])), options(A, on_duplicate="cancel")),
        (lambda service: service.add_round([A]), options(state="cancelled")),
        (lambda service: service.add_round([A]), options(state="completed", round=1)),
        (lambda service: service.add_round([A], "Cancelled"), options(state="cancelled")),
        (lambda service: None, options(state="cancelled")),
        (lambda service: None, options(A, preflight=False)),
        (lambda service: service.add_round([A]), options(state="cancelled", round=1, preflight=False)),
        (lambda service: service.add_round([A]), options(state="completed", round=1, preflight=False)),
    ],
)
def test_check_mode_sends_nothing_and_tells_what_the_real_run_then_does(service, prepare, wish):
    prepare(service)
    before = repr((service.rounds, service.findings))
    told = run(wish, service, True)
    assert service.writes == [] and repr((service.rounds, service.findings)) == before
    done = run(wish, service, False)
    assert told.keys() == done.keys()
    assert told["retest"].keys() == done["retest"].keys()
    for key in ("changed", "vulnerabilities", "request", "diff"):
        assert told.get(key) == done.get(key), key
    assert told["retest"]["status"] == done["retest"]["status"]
    assert told["message"] is None
    assert bool(service.writes) is done["changed"]


def test_the_results_of_a_request_have_the_documented_keys(service):
    assert run(options(A), service, True).keys() == KEYS | {"request"}
    assert run(options(A), service, False).keys() == KEYS | {"request"}
    assert run(options(A), service, False).keys() == KEYS


def test_the_round_is_not_known_in_check_mode(service):
    assert run(options(A), service, True)["retest"]["round"] is None


# Exactly once, rule 2: surely not processed


def test_what_was_surely_not_processed_is_sent_again_after_reading_once_more(service):
    service.faults["request"] = ["not processed", "not processed"]
    result = run(options(A), service, False)
    assert service.writes == ["request"] * 3
    assert service.calls.count("read") == 4
    assert service.open_rounds() == [1] and result["changed"] is True


def test_what_somebody_else_requested_meanwhile_is_not_asked_for_again(service):
    service.faults["request"] = [lambda: service.add_round([A]) and "not processed"]
    result = run(options(A), service, False)
    assert service.writes == ["request"] and service.open_rounds() == [1]
    assert result["changed"] is False and result["vulnerabilities"]["in_scope"] == [A]


def test_the_attempts_come_to_an_end(service):
    service.faults["request"] = ["not processed"] * 99
    failure = fails(NotProcessed, options(A), service)
    assert service.writes == ["request"] * 5
    assert not failure.facts.get("changed") and failure.facts.get("fate") is None


def test_without_retries_it_is_sent_once():
    service = FakeService(retries=0)
    service.add_finding(A)
    service.faults["request"] = ["not processed"]
    with clock_of(service):
        fails(NotProcessed, options(A), service)
    assert service.writes == ["request"]


# Rule 3: fate unknown


@pytest.mark.parametrize("fault", ["lost after", "late"])
def test_a_lost_answer_is_never_sent_again_and_its_round_is_found(service, fault):
    service.faults["request"] = [fault]
    result = run(options(A, B), service, False)
    assert service.writes == ["request"]
    assert result["changed"] is True and result["retest"]["round"] == 1
    assert result["message"] is None
    assert any("lost" in warning and "1" in warning for warning in result["warnings"])


def test_a_lost_request_fails_with_fate_unknown_and_a_rerun_makes_it_true_once(service):
    service.faults["request"] = ["lost before"]
    failure = fails(FateUnknown, options(A), service)
    assert service.writes == ["request"]
    assert failure.facts["fate"] == "unknown"
    assert failure.facts["request"]["vulnerability_ids"] == [A]
    assert "again is safe" in failure.message and "sent once" in failure.message
    run(options(A), service, False)
    assert service.open_rounds(A) == [1]


def test_the_search_goes_on_for_as_long_as_timeout(service):
    service.faults["request"] = ["lost before"]
    begun = service.clock.now
    fails(FateUnknown, options(A), service)
    assert 15 < service.clock.now - begun < 45
    assert service.calls.count("read") > 3


def test_the_search_bears_reads_that_fail(service):
    service.faults["request"] = ["lost after"]
    service.faults["read"] = [None, error(FateUnknown, 502), error(Refused, 403), error(NotProcessed, 429)]
    assert run(options(A), service, False)["changed"] is True
    assert service.writes == ["request"]


def test_a_search_that_sees_nothing_tells_why(service):
    service.faults["request"] = ["lost after"]
    service.faults["read"] = [None] + [error(FateUnknown, 502)] * 300
    failure = fails(FateUnknown, options(A), service)
    assert "HTTP 502" in failure.message and failure.facts["fate"] == "unknown"
    assert service.writes == ["request"]


def test_a_search_whose_reads_say_retry_after_0_does_not_hammer_the_service(service):
    service.faults["request"] = ["lost after"]
    service.faults["read"] = [None] + [error(FateUnknown, 503, retry_after=0.0)] * 1000
    fails(FateUnknown, options(A), service)
    assert service.calls.count("read") < 100


# Rule 4: a 2xx proves nothing


def test_a_2xx_without_a_round_is_fate_unknown_with_the_services_words(service):
    service.faults["request"] = ["says no"]
    failure = fails(FateUnknown, options(A), service)
    assert service.writes == ["request"]
    assert failure.facts["fate"] == "unknown" and "Nothing was done" in failure.message
    assert failure.facts["error"]["method"] == "RequestNewProjectRetest"


def test_where_the_service_says_that_it_was_requested_a_rerun_is_not_called_safe(service):
    service.faults["request"] = ["says so"]
    failure = fails(FateUnknown, options(A), service)
    assert service.writes == ["request"] and failure.facts["fate"] == "unknown"
    assert "is safe" not in failure.message
    assert "look in AttackForge before you run the play again" in failure.message


def test_a_replacing_request_of_unknown_fate_gives_one_advice(service):
    service.add_round([A])
    service.faults["request"] = ["says so"]
    failure = fails(FateUnknown, options(A, on_window_change="replace", **OTHER), service)
    assert "does the rest" not in failure.message and failure.facts["changed"] is True


def test_findings_that_the_service_dropped_are_named_and_the_task_fails_as_changed(service):
    service.faults["request"] = ["drop"]
    failure = fails(StateError, options(A, B), service)
    assert B in failure.message and A not in failure.message and "round 1" in failure.message
    assert failure.facts["changed"] is True
    assert failure.facts["retest"]["round"] == 1
    assert failure.facts["message"] == WORDS["request"]


def test_a_round_without_any_of_the_findings_is_named(service):
    service.faults["request"] = ["drop"]  # of one finding, the one that there is
    error = fails(FateUnknown, options(A), service)
    assert service.writes == ["request"] and service.open_rounds() == [1]
    assert "only a new one that holds none of them (1)" in error.message
    assert "is safe" not in error.message and error.facts["fate"] == "unknown"


def test_a_rerun_after_a_dropped_finding_requests_it_alone(service):
    service.faults["request"] = ["drop"]
    with pytest.raises(Exception):
        run(options(A, B), service, False)
    run(options(A, B), service, False)
    assert service.bodies[-1]["vulnerability_ids"] == [B]
    assert service.open_rounds(A) == [1] and service.open_rounds(B) == [2]


def test_a_round_that_was_requested_and_cancelled_by_others_is_not_taken_for_ours(service):
    def meanwhile():
        service.add_round([A], "Cancelled")
        return "lost before"

    service.faults["request"] = [meanwhile]
    failure = fails(FateUnknown, options(A), service)
    assert failure.facts["fate"] == "unknown"


# Refused


def test_a_refusal_is_told_and_not_sent_again(service):
    service.faults["request"] = ["refused"]
    failure = fails(Refused, options(A), service)
    assert service.writes == ["request"] and not failure.facts.get("changed")


def test_a_refusal_because_somebody_else_asked_a_moment_before_is_no_failure(service):
    service.refuse_doubles = True
    service.faults["request"] = [lambda: service.add_round([A, B]) and None]
    result = run(options(A, B), service, False)
    assert service.writes == ["request"] and service.open_rounds() == [1]
    assert result["changed"] is False and result["retest"]["round"] == 1
    assert result["vulnerabilities"]["in_scope"] == [A, B]
    assert "The request was refused, because these findings are in a round" in result["warnings"][-1]


def test_a_refusal_stays_one_where_somebody_else_asked_for_a_part(service):
    service.refuse_doubles = True
    service.faults["request"] = [lambda: service.add_round([A]) and None]
    fails(Refused, options(A, B), service)


def test_a_refusal_stays_one_where_somebody_else_asked_for_another_window(service):
    service.refuse_doubles = True
    service.faults["request"] = [lambda: service.add_round([A, B], start="2026-12-03T00:00:00.000Z") and None]
    failure = fails(Refused, options(A, B, on_window_change="fail"), service)
    assert service.writes == ["request"] and not failure.facts.get("changed")


def test_a_read_that_is_refused_sends_nothing(service):
    service.faults["read"] = ["refused"]
    fails(Refused, options(A), service)
    assert service.writes == []


# Replace


def test_replace_cancels_the_round_and_requests_it_in_the_new_window(service):
    service.add_round([A, B])
    result = run(options(A, B, on_window_change="replace", **OTHER), service, False)
    assert service.writes == ["cancel", "request"]
    assert service.open_rounds() == [2]
    assert result["retest"]["round"] == 2
    assert result["retest"]["retesting_window_start"] == "2026-12-10T00:00:00.000Z"
    assert result["message"] == WORDS["request"]
    assert "round: 1" in result["diff"]["before"] and "round: 1" not in result["diff"]["after"]


@pytest.mark.parametrize(
    "fault, kind",
    [("refused", Refused), ("lost before", FateUnknown), ("says no", FateUnknown), ("not processed", NotProcessed)],
)
def test_replace_whose_second_step_fails_reports_changed(service, fault, kind):
    end = {
        Refused: "When that is mended, running the play again does the rest.",
        NotProcessed: "Running the play again does the rest.",
        FateUnknown: "Running the play again is safe: it reads the history before it asks.",
    }[kind]
    service.add_round([A])
    service.faults["request"] = [fault] * 9
    failure = fails(kind, options(A, on_window_change="replace", **OTHER), service)
    assert failure.facts["changed"] is True
    assert failure.message.startswith("Round 1 was cancelled to be replaced, but then: ")
    assert failure.message.endswith(end)
    assert service.open_rounds() == []
    service.faults.clear()
    assert run(options(A, on_window_change="replace", **OTHER), service, False)["retest"]["round"] == 2


def test_replace_whose_second_step_is_sent_again_is_one_change(service):
    service.add_round([A])
    service.faults["request"] = ["not processed"]
    result = run(options(A, on_window_change="replace", **OTHER), service, False)
    assert service.writes == ["cancel", "request", "request"]
    assert result["changed"] is True and service.open_rounds() == [2]
    assert "round: 1" in result["diff"]["before"]


def test_replace_whose_cancel_is_refused_fails_and_changes_nothing(service):
    service.add_round([A])
    service.faults["cancel"] = ["refused"] * 400
    failure = fails(Refused, options(A, on_window_change="replace", **OTHER), service)
    assert service.writes == ["cancel"]
    assert service.open_rounds() == [1] and not failure.facts.get("changed")


def test_replace_whose_cancel_is_never_processed_is_not_tried_beyond_retries(service):
    service.add_round([A])
    service.faults["cancel"] = ["not processed"] * 400
    fails(NotProcessed, options(A, on_window_change="replace", **OTHER), service)
    assert service.writes == ["cancel"] * 5


@pytest.mark.parametrize("fault", ["lost after", "lost before", "late", "not processed"])
def test_replace_whose_cancel_is_lost_looks_and_goes_on(service, fault):
    service.add_round([A])
    service.faults["cancel"] = [fault]
    result = run(options(A, on_window_change="replace", **OTHER), service, False)
    assert result["changed"] is True and service.open_rounds() == [2]
    assert service.writes.count("request") == 1


# Duplicates


def test_two_runs_at_the_same_moment_are_both_named(service):
    service.faults["request"] = [lambda: service.add_round([A]) and None]
    result = run(options(A), service, False)
    assert service.open_rounds(A) == [1, 2]
    assert any("1" in warning and "2" in warning for warning in result["warnings"])


def test_two_runs_at_the_same_moment_leave_the_older_round_if_so_wished(service):
    service.faults["request"] = [lambda: service.add_round([A]) and None]
    result = run(options(A, on_duplicate="cancel"), service, False)
    assert service.writes == ["request", "cancel"]
    assert service.open_rounds(A) == [1]
    assert result["retest"]["round"] == 1 and result["retest"]["status"] == "requested"
    assert any("round 2" in warning for warning in result["warnings"])


@pytest.mark.parametrize("fault", ["refused", "not processed", "lost before", "says no"])
def test_a_double_that_cannot_be_cancelled_does_not_hide_the_request(service, fault):
    service.faults["request"] = [lambda: service.add_round([A]) and None]
    service.faults["cancel"] = [fault] * 400
    failure = fails((SSAPIError, StateError), options(A, on_duplicate="cancel"), service)
    assert service.writes.count("request") == 1
    assert failure.facts["changed"] is True


def test_a_double_that_is_cancelled_late_does_not_hide_the_request(service):
    service.faults["request"] = [lambda: service.add_round([A]) and None]
    service.faults["cancel"] = ["not processed"] * 3
    result = run(options(A, on_duplicate="cancel"), service, False)
    assert service.writes.count("request") == 1
    assert result["changed"] is True
    assert result["vulnerabilities"]["requested"] == [A]


def test_doubles_that_were_there_before_are_cancelled_from_the_younger_end(service):
    service.add_round([A, B])
    service.add_round([B, A])
    result = run(options(A, B, on_duplicate="cancel"), service, False)
    assert service.open_rounds() == [1] and service.writes == ["cancel"]
    assert result["changed"] is True and result["retest"]["round"] == 1
    assert run(options(A, B, on_duplicate="cancel"), service, False)["changed"] is False


# cancelled and completed


STATES = [("cancelled", "cancel", "Cancelled", "Completed"), ("completed", "complete", "Completed", "Cancelled")]


@pytest.mark.parametrize("state, call, word, other", STATES)
def test_an_open_round_is_finished_once(service, state, call, word, other):
    service.add_round([A])
    result = run(options(state=state), service, False)
    assert service.writes == [call] and service.rounds[0]["status"] == word
    assert result["changed"] is True and result["message"] == WORDS[call]
    assert result["retest"]["round"] == 1 and result["retest"]["status"] == state
    again = run(options(state=state, round=1), service, False)
    assert again["changed"] is False and again["retest"]["status"] == state and service.writes == [call]


@pytest.mark.parametrize("state, call, word, other", STATES)
def test_a_round_that_is_the_other_fails(service, state, call, word, other):
    service.add_round([A], other)
    assert "already" in fails(StateError, options(state=state, round=1), service).message
    assert service.writes == []


@pytest.mark.parametrize("state, call, word, other", STATES)
@pytest.mark.parametrize("fault", ["lost after", "late", "lost before", "not processed"])
def test_a_lost_finish_is_looked_for_before_it_is_sent_again(service, state, call, word, other, fault):
    service.add_round([A])
    service.faults[call] = [fault]
    result = run(options(state=state), service, False)
    assert service.rounds[0]["status"] == word and result["changed"] is True
    assert service.writes.count(call) <= (1 if fault == "lost after" else 3)


@pytest.mark.parametrize("state, call, word, other", STATES)
def test_a_finish_that_is_refused_because_it_is_done_already_is_no_failure(service, state, call, word, other):
    service.add_round([A])

    def meanwhile():
        service.finish(1, word)
        return None

    service.faults[call] = [meanwhile]
    run(options(state=state), service, False)
    assert service.writes == [call]


@pytest.mark.parametrize("state, call, word, other", STATES)
def test_a_finish_that_is_refused_because_it_is_the_other_now_fails(service, state, call, word, other):
    service.add_round([A])

    def meanwhile():
        service.finish(1, other)
        return None

    service.faults[call] = [meanwhile]
    fails(Refused, options(state=state), service)
    assert service.rounds[0]["status"] == other


@pytest.mark.parametrize("state, call, word, other", STATES)
def test_a_finish_that_stays_lost_is_fate_unknown(service, state, call, word, other):
    service.add_round([A])
    service.faults[call] = ["lost before"] * 99
    failure = fails(FateUnknown, options(state=state), service)
    assert failure.facts["fate"] == "unknown" and service.writes == [call] * 5


@pytest.mark.parametrize("state, call, word, other", STATES)
def test_a_finish_that_the_service_only_claims_fails(service, state, call, word, other):
    service.add_round([A])
    service.faults[call] = ["says no"]
    failure = fails(StateError, options(state=state), service)
    assert "Nothing was done" in failure.message and service.writes == [call]


# preflight: false


def test_without_preflight_only_the_request_is_sent(service):
    result = run(options(A, preflight=False), service, False)
    assert service.calls == ["request"]
    assert result["changed"] is True and result["retest"]["round"] is None
    assert result["message"] == WORDS["request"]
    assert result["vulnerabilities"]["requested"] == [A]
    assert result["request"] == service.bodies[0]


@pytest.mark.parametrize("state, call, word, other", STATES)
def test_without_preflight_only_the_finish_is_sent(service, state, call, word, other):
    service.add_round([A])
    result = run(options(state=state, round=1, preflight=False), service, False)
    assert service.calls == [call]
    assert result["retest"]["round"] == 1 and result["retest"]["status"] == state
    assert result["retest"]["project_id"] == PROJECT


@pytest.mark.parametrize(
    "wish, call",
    [
        (options(A, preflight=False), "request"),
        (options(state="cancelled", round=1, preflight=False), "cancel"),
        (options(state="completed", round=1, preflight=False), "complete"),
    ],
)
class TestWithoutPreflight:
    def test_words_that_do_not_say_so_fail(self, service, wish, call):
        service.faults[call] = ["says no"]
        failure = fails(StateError, wish, service)
        assert "Nothing was done" in failure.message and failure.facts["fate"] == "unknown"
        assert failure.facts["message"] == "Nothing was done"

    def test_a_lost_answer_is_never_sent_again_and_told_so(self, service, wish, call):
        service.faults[call] = ["lost before"]
        failure = fails(FateUnknown, wish, service)
        assert service.calls == [call] and failure.facts["fate"] == "unknown"
        assert "before you run the play again" in failure.message

    def test_what_was_surely_not_processed_is_sent_again(self, service, wish, call):
        service.add_round([A])
        service.faults[call] = ["not processed"]
        assert run(wish, service, False)["changed"] is True
        assert service.calls == [call] * 2

    def test_a_refusal_is_told(self, service, wish, call):
        service.faults[call] = ["refused"]
        fails(Refused, wish, service)
        assert service.calls == [call]


@pytest.mark.parametrize(
    "state, call, words",
    [
        ("cancelled", "cancel_round", "Retest round cannot be cancelled"),
        ("cancelled", "cancel_round", "Project Retest Round Not Cancelled"),
        ("completed", "complete_round", "Project retest round could not be completed"),
        ("completed", "complete_round", "Cannot cancel: round is completed already"),
        ("requested", "request_retest", "No retest requested"),
    ],
)
def test_without_preflight_words_that_say_the_contrary_are_no_success(service, monkeypatch, state, call, words):
    monkeypatch.setattr(service, call, lambda *_unused: {"status": words})
    wish = options(A, preflight=False) if state == "requested" else options(state=state, round=1, preflight=False)
    failure = fails(Exception, wish, service)
    assert not isinstance(failure, TypeError) and words in failure.message
