# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation of attackforge_retest: exactly once, whatever the service and the network do."""

from __future__ import annotations

import pytest

from ansible_collections.attackforge.retest.plugins.module_utils._errors import (
    FateUnknown,
    NotProcessed,
    Refused,
    SSAPIError,
    StateError,
)
from ansible_collections.attackforge.retest.plugins.module_utils.operations._retest import run
from ansible_collections.attackforge.retest.tests.unit.service import PROJECT, WORDS, FakeService, clock_of, options

A, B, C = (f"{letter}" * 24 for letter in "abc")
KEYS = {"changed", "retest", "vulnerabilities", "rounds", "message", "diff", "warnings"}
OTHER = dict(retesting_window_start="2026-12-10", retesting_window_end="2026-12-20")


@pytest.fixture
def service():
    fake = FakeService()
    for one in (A, B, C):
        fake.add_finding(one)
    with clock_of(fake):
        yield fake


def fails(kind, task, service, check_mode=False):
    with pytest.raises(kind) as caught:
        run(task, service, check_mode)
    return caught.value


def outcomes(result):
    """The ids of each outcome."""
    found = {}
    for one in result["vulnerabilities"]:
        found.setdefault(one["outcome"], []).append(one["id"])
    return found


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
    assert outcomes(result) == {"requested": [A, B]}
    assert result["request"] == service.bodies[0]
    assert result["message"] == WORDS["request"]
    assert result["warnings"] == []


@pytest.mark.parametrize(
    "on_window_change, remedy",
    [
        ("keep", ""),
        ("fail", ""),
        ("replace", " With on_window_change: replace, each run would request again; set it to keep."),
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
    assert service.calls == ["history"]
    assert result["changed"] is False and "request" not in result
    assert result["retest"]["round"] == 1
    assert outcomes(result) == {"in_scope": [A, B]}


def test_a_new_request_is_four_calls(service):
    run(options(A), service, False)
    assert service.calls == ["history", "list", "request", "history"]


def test_what_an_open_round_holds_is_left_out_of_the_request(service):
    service.add_round([A])
    result = run(options(A, B), service, False)
    assert service.bodies[0]["vulnerability_ids"] == [B]
    assert result["retest"]["round"] == 2
    assert outcomes(result) == {"requested": [B], "in_scope": [A]}


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
    "prepare, task",
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
def test_check_mode_sends_nothing_and_tells_what_the_real_run_then_does(service, prepare, task):
    prepare(service)
    before = repr((service.rounds, service.findings))
    told = run(task, service, True)
    assert service.writes == [] and repr((service.rounds, service.findings)) == before
    done = run(task, service, False)
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
    assert service.calls.count("history") == 4
    assert service.open_rounds() == [1] and result["changed"] is True


def test_what_somebody_else_requested_meanwhile_is_not_asked_for_again(service):
    service.faults["request"] = [lambda: service.add_round([A]) and "not processed"]
    result = run(options(A), service, False)
    assert service.writes == ["request"] and service.open_rounds() == [1]
    assert result["changed"] is False and outcomes(result)["in_scope"] == [A]


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
    assert service.calls.count("history") > 3


def test_the_search_bears_reads_that_fail(service):
    service.faults["request"] = ["lost after"]
    service.faults["history"] = [None, error(FateUnknown, 502), error(Refused, 403), error(NotProcessed, 429)]
    assert run(options(A), service, False)["changed"] is True
    assert service.writes == ["request"]


def test_a_search_that_sees_nothing_tells_why(service):
    service.faults["request"] = ["lost after"]
    service.faults["history"] = [None] + [error(FateUnknown, 502)] * 300
    failure = fails(FateUnknown, options(A), service)
    assert "HTTP 502" in failure.message and failure.facts["fate"] == "unknown"
    assert service.writes == ["request"]


def test_a_search_whose_reads_say_retry_after_0_does_not_hammer_the_service(service):
    service.faults["request"] = ["lost after"]
    service.faults["history"] = [None] + [error(FateUnknown, 503, retry_after=0.0)] * 1000
    fails(FateUnknown, options(A), service)
    assert service.calls.count("history") < 100


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
    fails(StateError, options(A, B), service)
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
    assert outcomes(result)["in_scope"] == [A, B]
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
    service.faults["history"] = ["refused"]
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
        Refused: " Mend that, then run the play again: it does the rest.",
        NotProcessed: " Run the play again: it does the rest.",
        FateUnknown: "",
    }[kind]
    service.add_round([A])
    service.faults["request"] = [fault] * 9
    failure = fails(kind, options(A, on_window_change="replace", **OTHER), service)
    assert failure.facts["changed"] is True
    assert failure.message.endswith(f" Done before: cancelled round 1 to replace it.{end}")
    assert failure.message.count("un the play again") + failure.message.count("unning the play again") == 1
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


def test_two_runs_at_the_same_moment_leave_the_older_round_if_so_declared(service):
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
    assert outcomes(result)["requested"] == [A]


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
    assert outcomes(result)["requested"] == [A]
    assert result["request"] == service.bodies[0]


@pytest.mark.parametrize("state, call, word, other", STATES)
def test_without_preflight_only_the_finish_is_sent(service, state, call, word, other):
    service.add_round([A])
    result = run(options(state=state, round=1, preflight=False), service, False)
    assert service.calls == [call]
    assert result["retest"]["round"] == 1 and result["retest"]["status"] == state
    assert result["retest"]["project_id"] == PROJECT


@pytest.mark.parametrize(
    "task, call",
    [
        (options(A, preflight=False), "request"),
        (options(state="cancelled", round=1, preflight=False), "cancel"),
        (options(state="completed", round=1, preflight=False), "complete"),
    ],
)
class TestWithoutPreflight:
    def test_words_that_do_not_say_so_fail(self, service, task, call):
        service.faults[call] = ["says no"]
        failure = fails(StateError, task, service)
        assert "Nothing was done" in failure.message and failure.facts["fate"] == "unknown"
        assert failure.facts["message"] == "Nothing was done"

    def test_a_lost_answer_is_never_sent_again_and_told_so(self, service, task, call):
        service.faults[call] = ["lost before"]
        failure = fails(FateUnknown, task, service)
        assert service.calls == [call] and failure.facts["fate"] == "unknown"
        assert "before you run the play again" in failure.message

    def test_what_was_surely_not_processed_is_sent_again(self, service, task, call):
        service.add_round([A])
        service.faults[call] = ["not processed"]
        assert run(task, service, False)["changed"] is True
        assert service.calls == [call] * 2

    def test_a_refusal_is_told(self, service, task, call):
        service.faults[call] = ["refused"]
        fails(Refused, task, service)
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
    task = options(A, preflight=False) if state == "requested" else options(state=state, round=1, preflight=False)
    failure = fails(Exception, task, service)
    assert not isinstance(failure, TypeError) and words in failure.message


# The release step: noted, marked ready, requested

NOTE = "Fixed in release 2026.12."
RELEASE = dict(mark_ready=True, release="2026.12")


def entry(result, finding_id):
    """What a result says of a finding: (outcome, marked, noted)."""
    (found,) = [one for one in result["vulnerabilities"] if one["id"] == finding_id]
    return found["outcome"], found["marked"], found["noted"]


def handle(number, status, *ids):
    """A round as a gate takes it."""
    return {"project_id": PROJECT, "round": number, "status": status, "vulnerability_ids": list(ids)}


def opened(service, *ids):
    for one in ids:
        service.findings[one] = "open"


def sent_back(service, **statuses):
    """A round that was requested with the release's note, tested, and completed with these statuses."""
    ids = [letter * 24 for letter in statuses]
    number = service.add_round(ids)
    for one in ids:
        service.notes[one].append(NOTE)
    service.test(number, **statuses)
    return number


def test_open_findings_are_noted_marked_and_requested(service):
    opened(service, A, B)
    result = run(options(A, B, C, **RELEASE), service, False)
    assert service.writes == ["note", "status", "note", "status", "note", "request"]
    assert service.notes == {A: [NOTE], B: [NOTE], C: [NOTE]}
    assert service.open_rounds(A) == service.open_rounds(B) == service.open_rounds(C) == [1]
    assert [entry(result, one) for one in (A, B, C)] == [
        ("requested", True, True),
        ("requested", True, True),
        ("requested", False, True),
    ]
    assert result["rounds"] == [handle(1, "requested", A, B, C)]
    assert [one["alternate_id"] for one in result["vulnerabilities"]] == ["W-a", "W-b", "W-c"]
    assert result["diff"]["before"].count("status: open") == 2
    assert result["diff"]["after"].count(f'new_remediation_note: "{NOTE}"') == 3


def test_without_mark_ready_an_open_finding_fails_before_anything_is_written(service):
    opened(service, B)
    failure = fails(StateError, options(A, B, release="2026.12"), service)
    assert service.writes == [] and not failure.facts.get("changed")
    assert f"Not ready for retest: W-b ({B}). Set mark_ready: true" in failure.message and A not in failure.message


def test_a_finding_in_an_open_round_gets_the_note_but_no_mark(service):
    opened(service, A)
    service.add_round([A])
    result = run(options(A, **RELEASE), service, False)
    assert service.writes == ["note"] and entry(result, A) == ("in_scope", False, True)
    assert result["changed"] is True and service.findings[A] == "open"


def test_a_closed_finding_gets_neither_note_nor_mark(service):
    service.findings[A] = "closed"
    result = run(options(A, **RELEASE), service, False)
    assert service.writes == [] and entry(result, A) == ("closed", False, False) and result["rounds"] == []


def test_nothing_is_noted_or_marked_while_another_finding_fails(service):
    opened(service, A)
    fails(StateError, options(A, "d" * 24, **RELEASE), service)
    assert service.writes == []


# Sent back


def test_a_rerun_of_the_release_reports_what_testers_sent_back(service):
    opened(service, A, B, C)
    task = options(A, B, C, **RELEASE)
    run(task, service, False)
    service.test(1, a="closed", b="closed", c="open")
    before = repr((service.rounds, service.findings, service.notes))
    service.forget_calls()
    for _again in range(2):
        result = run(task, service, False)
        assert service.writes == [] and result["changed"] is False
        assert outcomes(result) == {"closed": [A, B], "reopened": [C]}
        assert f"Sent back by the testers in round 1, so not requested again: W-c ({C})." in result["warnings"][-1]
        assert "declare a new remediation_note" in result["warnings"][-1]
    assert repr((service.rounds, service.findings, service.notes)) == before


def test_a_gate_follows_what_was_sent_back_as_well(service):
    sent_back(service, a="open", b="closed")
    service.add_round([B])
    result = run(options(A, B, C), service, False)
    assert result["rounds"] == [handle(1, "completed", A), handle(2, "requested", B), handle(3, "requested", C)]
    again = run(options(A, B, C), service, True)
    assert again["rounds"] == result["rounds"] and again["changed"] is False


def test_a_gate_follows_a_round_that_is_not_there_yet_in_a_preview(service):
    assert run(options(A, B), service, True)["rounds"] == [handle(None, "requested", A, B)]


def test_a_new_release_requests_what_testers_sent_back(service):
    sent_back(service, a="open")
    result = run(options(A, mark_ready=True, release="2027.01"), service, False)
    assert service.open_rounds(A) == [2] and entry(result, A) == ("requested", True, True)
    assert service.notes[A] == [NOTE, "Fixed in release 2027.01."]


def test_a_new_release_without_mark_ready_fails(service):
    sent_back(service, a="open")
    assert "mark_ready: true" in fails(StateError, options(A, release="2027.01"), service).message
    assert service.writes == []


@pytest.mark.parametrize("more", [{}, {"mark_ready": True}])
def test_without_a_note_what_testers_sent_back_is_reported(service, more):
    sent_back(service, a="open")
    assert outcomes(run(options(A, **more), service, False)) == {"reopened": [A]}
    assert service.writes == []


def test_what_a_person_marked_ready_again_is_ready(service):
    sent_back(service, a="open")
    service.findings[A] = "retest"
    result = run(options(A, release="2026.12"), service, False)
    assert entry(result, A) == ("requested", False, False) and service.open_rounds(A) == [2]


def test_on_reopened_request_requests_it_again(service):
    sent_back(service, a="open")
    result = run(options(A, on_reopened="request", **RELEASE), service, False)
    assert entry(result, A) == ("requested", True, False) and service.writes == ["status", "request"]


def test_on_reopened_fail_writes_nothing(service):
    sent_back(service, a="open")
    opened(service, B)
    failure = fails(StateError, options(A, B, on_reopened="fail", **RELEASE), service)
    assert service.writes == [] and f"not fixed again since: W-a ({A}); on_reopened is fail" in failure.message
    assert B not in failure.message


def test_a_round_that_was_cancelled_since_says_nothing_of_sending_back(service):
    sent_back(service, a="open")
    service.add_round([A], "Cancelled")
    assert entry(run(options(A, **RELEASE), service, False), A) == ("requested", True, False)


def test_what_was_sent_back_does_not_keep_others_from_being_requested(service):
    sent_back(service, a="open")
    result = run(options(A, B, **RELEASE), service, False)
    assert outcomes(result) == {"reopened": [A], "requested": [B]} and service.bodies[0]["vulnerability_ids"] == [B]


@pytest.mark.parametrize("notes_in_list", ["shown", "empty", "missing"])
def test_the_note_that_stands_there_is_seen_whatever_the_list_shows(service, notes_in_list):
    service.notes_in_list = notes_in_list
    sent_back(service, a="open")
    assert outcomes(run(options(A, **RELEASE), service, False)) == {"reopened": [A]}
    assert service.writes == []


@pytest.mark.parametrize("notes_in_list", ["shown", "empty"])
@pytest.mark.parametrize("call, fault", [("status", "refused"), ("note", "refused"), ("request", "refused")])
def test_a_release_step_that_stops_half_way_with_what_was_sent_back_is_done_by_a_rerun(
    service, notes_in_list, call, fault
):
    service.notes_in_list = notes_in_list
    sent_back(service, a="open")
    task = options(A, mark_ready=True, release="2027.01")
    service.faults[call] = [fault]
    assert "Run the play again" not in fails(Refused, task, service).message
    run(task, service, False)
    assert service.open_rounds(A) == [2] and service.notes[A] == [NOTE, "Fixed in release 2027.01."]


@pytest.mark.parametrize("notes_in_list", ["shown", "empty"])
def test_a_finding_whose_round_is_finished_while_the_task_runs_is_looked_at_again(service, notes_in_list):
    service.notes_in_list = notes_in_list
    opened(service, B)
    service.add_round([A])
    service.meanwhile = [None, None, lambda: service.test(1, a="open")]
    result = run(options(A, B, **RELEASE), service, False)
    assert outcomes(result) == {"reopened": [A], "requested": [B]}
    assert service.open_rounds(A) == [] and service.open_rounds(B) == [2]


def test_a_finding_that_lost_its_round_while_the_task_runs_is_marked_and_requested(service):
    opened(service, A, B)
    service.add_round([A])
    service.notes[A] = [NOTE]
    service.meanwhile = [None, None, lambda: service.finish(1, "Cancelled")]
    result = run(options(A, B, **RELEASE), service, False)
    assert outcomes(result) == {"requested": [A, B]} and service.open_rounds(A) == [2]
    assert entry(result, A) == ("requested", True, False)


# A tester acts meanwhile


@pytest.mark.parametrize("notes_in_list", ["shown", "empty"])
@pytest.mark.parametrize("others", [(), (B,)])
def test_a_finding_that_is_closed_after_it_was_selected_is_left_alone(service, others, notes_in_list):
    service.notes_in_list = notes_in_list
    opened(service, A, B)
    service.meanwhile = [None, None, lambda: service.set_status(A, "closed")]  # between the list and the look
    result = run(options(A, *others, **RELEASE), service, False)
    assert service.findings[A] == "closed" and service.notes[A] == [] and service.open_rounds(A) == []
    assert entry(result, A) == ("closed", False, False)
    assert f"Closed by somebody while this task ran, so left alone: W-a ({A})." in result["warnings"]
    assert result["changed"] is bool(others) and outcomes(result).get("requested", []) == list(others)


@pytest.mark.parametrize("fault", ["not processed", "lost before"])
def test_a_finding_that_is_closed_before_a_status_is_sent_again_stays_closed(service, fault):
    opened(service, A, B)
    service.faults["status"] = [fault]
    service.clock.later(0.2, lambda: service.set_status(A, "closed"))  # in the pause before the retry
    result = run(options(A, B, mark_ready=True), service, False)
    assert service.findings[A] == "closed" and entry(result, A) == ("closed", False, False)
    assert outcomes(result) == {"closed": [A], "requested": [B]}
    assert "left alone: W-a" in result["warnings"][0]


def test_a_finding_that_is_closed_while_its_note_is_looked_for_stays_closed(service):
    opened(service, A)

    def lost():
        service.clock.later(2, lambda: (service.notes[A].append(NOTE), service.set_status(A, "closed")))
        return "lost before"

    service.faults["note"] = [lost]
    result = run(options(A, **RELEASE), service, False)
    assert service.findings[A] == "closed" and service.writes == ["note"]
    assert entry(result, A) == ("closed", False, True) and result["changed"] is True


def test_a_finding_that_is_closed_before_its_note_is_sent_again_gets_none(service):
    opened(service, A)
    service.faults["note"] = ["not processed"]
    service.clock.later(0.2, lambda: service.set_status(A, "closed"))
    result = run(options(A, **RELEASE), service, False)
    assert service.notes[A] == [] and service.findings[A] == "closed" and entry(result, A) == ("closed", False, False)


def test_a_finding_that_is_closed_right_before_the_request_does_not_stop_the_others(service):
    service.faults["request"] = [lambda: service.set_status(A, "closed")]
    result = run(options(A, B), service, False)
    assert outcomes(result) == {"closed": [A], "requested": [B]}
    assert service.open_rounds(A) == [] and service.open_rounds(B) == [1] and service.writes == ["request"] * 2


def test_a_finding_that_is_no_longer_ready_right_before_the_request_is_told(service):
    service.faults["request"] = [lambda: service.set_status(A, "open")]
    fails(Refused, options(A, B), service)
    assert service.writes == ["request"] and service.open_rounds() == []


def test_a_note_that_somebody_added_meanwhile_is_not_added_again(service):
    service.notes_in_list = "empty"
    service.meanwhile = [None, None, lambda: service.notes[A].append(NOTE)]
    result = run(options(A, release="2026.12"), service, False)
    assert service.notes[A] == [NOTE] and entry(result, A) == ("requested", False, False)


@pytest.mark.parametrize("status, word", [("Completed", "completed"), ("Cancelled", "cancelled")])
def test_a_round_that_is_finished_before_the_first_look_is_told(service, status, word):
    service.meanwhile = [None, None, None, lambda: service.finish(1, status)]
    begun = service.clock.now
    result = run(options(A), service, False)
    assert service.clock.now - begun < 5
    assert result["retest"]["round"] == 1 and result["retest"]["status"] == word and result["changed"] is True
    assert result["warnings"] == [f"Round 1 was {word} by somebody before it was seen here."]
    assert result["rounds"] == [handle(1, word, A)]


@pytest.mark.parametrize("status", ["Completed", "Cancelled"])
def test_a_lost_answer_does_not_take_a_finished_round_for_its_own(service, status):
    service.faults["request"] = [lambda: service.add_round([A], status) and "lost before"]
    failure = fails(FateUnknown, options(A), service)
    assert f"only round 1, which is {status.lower()} already and may be somebody else's" in failure.message
    assert failure.facts["fate"] == "unknown" and failure.message.endswith("it reads the history before it requests.")


def test_a_lost_answer_waits_for_the_open_round_behind_a_finished_one(service):
    service.faults["request"] = [lambda: service.add_round([A], "Cancelled") and "late"]
    assert run(options(A), service, False)["retest"]["round"] == 2


def test_a_finding_that_is_taken_out_of_the_new_round_is_told_as_left_out(service):
    service.meanwhile = [None, None, None, lambda: service.take_out(1, B)]
    failure = fails(StateError, options(A, B), service)
    assert f"does not show these findings in it: W-b ({B})." in failure.message
    assert failure.facts["retest"]["round"] == 1 and failure.facts["changed"] is True


# Rows that fill in steps


@pytest.mark.parametrize("new_rows", ["hidden", "null", "empty", "part"])
def test_a_round_that_appears_in_steps_is_waited_for(service, new_rows):
    service.new_rows = new_rows
    result = run(options(A, B, C), service, False)
    assert service.writes == ["request"] and result["warnings"] == []
    assert [one["id"] for one in result["retest"]["vulnerabilities"]] == [A, B, C]


@pytest.mark.parametrize("new_rows", ["null", "empty"])
def test_another_rounds_row_that_fills_in_steps_is_waited_for(service, new_rows):
    service.new_rows = new_rows
    service.add_round([A])
    service.rounds[0]["since"] = service.clock.now
    result = run(options(A), service, False)
    assert service.writes == [] and outcomes(result) == {"in_scope": [A]} and service.open_rounds() == [1]


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("new_rows", ["null", "empty"])
def test_a_round_of_which_nothing_is_known_in_the_end_stops_a_request(service, new_rows, check_mode):
    service.new_rows = new_rows
    service.add_round([A])
    service.rounds[0]["since"] = service.clock.now + 1000
    failure = fails(StateError, options(A, B, **RELEASE), service, check_mode)
    assert "Round 1 is open, but AttackForge does not show which findings it holds" in failure.message
    assert service.writes == [] and service.calls.count("history") > 3


def test_a_round_of_which_nothing_is_known_in_between_stops_a_request_that_has_marked(service):
    opened(service, A)

    def requested():
        service.new_rows = "empty"
        service.rounds[service.add_round([A]) - 1]["since"] = service.clock.now + 1000

    service.meanwhile = [None, None, None, requested]
    failure = fails(StateError, options(A, mark_ready=True), service)
    assert service.writes == ["status"] and failure.facts["changed"] is True
    assert "nothing was changed" not in failure.message
    assert failure.message.endswith(f"Done before: marked ready W-a ({A}). Run the play again: it does the rest.")


# Notes only where they are needed


@pytest.mark.parametrize("notes_in_list", ["shown", "empty", "missing"])
@pytest.mark.parametrize(
    "stands, declared",
    [
        (NOTE, NOTE),
        ("Fixed  in\nrelease 2026.12.", NOTE),
        ("Erledigt f\u00fcr 2026.12", "Erledigt fu\u0308r 2026.12"),
        ("Fixed. " * 40, "Fixed. " * 60),
        ("Fixed. " * 40 + "...", "Fixed. " * 60),
    ],
)
def test_a_note_that_stands_on_a_finding_is_not_added_again(service, notes_in_list, stands, declared):
    service.notes_in_list = notes_in_list
    service.notes[A] = [stands]
    opened(service, A)
    task = options(A, mark_ready=True, remediation_note=declared)
    told = run(task, service, True)
    done = run(task, service, False)
    assert service.notes[A] == [stands] and entry(told, A) == entry(done, A) == ("requested", True, False)
    assert told["diff"] == done["diff"]


@pytest.mark.parametrize("notes_in_list", ["shown", "empty", "missing"])
def test_a_release_step_that_is_done_changes_nothing_and_its_preview_says_so(service, notes_in_list):
    service.notes_in_list = notes_in_list
    opened(service, A, B)
    task = options(A, B, **RELEASE)
    run(task, service, False)
    service.forget_calls()
    told, done = run(task, service, True), run(task, service, False)
    assert told["changed"] is done["changed"] is False and service.writes == []
    assert told["diff"]["before"] == told["diff"]["after"]


def test_notes_that_a_list_does_not_show_are_all_looked_for(service):
    service.notes_in_list = "empty"
    service.notes[B] = [NOTE]
    result = run(options(A, B, C, release="2026.12"), service, False)
    assert [entry(result, one)[2] for one in (A, B, C)] == [True, False, True]
    assert service.notes == {A: [NOTE], B: [NOTE], C: [NOTE]}


# Requests counted


@pytest.mark.parametrize("ids, ready", [((A, B), ()), ((A, B, C, "d" * 24, "e" * 24), (B, C, "d" * 24, "e" * 24))])
def test_a_release_step_is_at_most_6_reads_and_its_rerun_2(service, ids, ready):
    for one in ids:
        service.add_finding(one, "retest" if one in ready else "open", ("r",))
    task = options(select={"tags": ["r"]}, **RELEASE)
    run(task, service, False)
    assert len(service.reads) <= 6 and service.calls.count("note") == len(ids)
    service.forget_calls()
    assert run(task, service, False)["changed"] is False
    assert sorted(service.calls) == ["history", "list"]


def test_each_finding_is_looked_at_directly_before_it_is_marked(service):
    opened(service, A, B)
    run(options(A, B, **RELEASE), service, False)
    marked = [position for position, call in enumerate(service.calls) if call == "status"]
    for position in marked:
        assert service.calls[position - 2 : position] == ["one", "note"]
        assert len(set(service.subjects[position - 2 : position + 1])) == 1


# Selections


def test_select_means_what_it_finds(service):
    service.add_finding(B, "retest", ("r",))
    result = run(options(select={"tags": ["r"]}), service, False)
    assert outcomes(result) == {"requested": [B]}


@pytest.mark.parametrize(
    "select, words",
    [
        ({"tags": ["none"]}, "select: finds nothing in project"),
        ({"status": "closed"}, "This task itself changes the status"),
        ({"alternate_ids": ["W-a", "W-x"]}, "select: not in project"),
    ],
)
@pytest.mark.parametrize("state", ["requested", "cancelled"])
def test_a_selection_that_finds_nothing_or_too_little_fails_unless_it_may(service, select, words, state):
    service.add_round([C], "Completed")
    failure = fails(StateError, options(select=select, state=state), service)
    assert words in failure.message and "allow_empty: true" in failure.message and service.writes == []
    if "alternate_ids" not in select:
        result = run(options(select=select, state=state, allow_empty=True), service, False)
        assert service.writes == [] and result["changed"] is False and result["retest"]["round"] is None


def test_allow_empty_takes_what_there_is(service):
    result = run(options(select={"alternate_ids": ["W-a", "W-x"]}, allow_empty=True), service, False)
    assert outcomes(result) == {"requested": [A]}


def test_a_round_is_finished_by_the_findings_that_are_selected(service):
    service.add_finding(B, "retest", ("r",))
    service.add_round([A])
    service.add_round([B])
    run(options(select={"tags": ["r"]}, state="cancelled"), service, False)
    assert service.open_rounds() == [1]


def test_a_project_is_found_by_its_code(service):
    assert run(options(A, project_id="shop"), service, False)["retest"]["project_id"] == PROJECT


# A refused request of findings whose marks are not visible yet


def test_a_request_that_is_refused_until_marks_are_visible_is_sent_again(service):
    opened(service, A, B)
    service.set_status = lambda one, status: service.clock.later(3, lambda: service.findings.update({one: status}))
    result = run(options(A, B, mark_ready=True), service, False)
    assert service.writes == ["status", "status", "request", "request"] and service.open_rounds() == [1]
    assert outcomes(result) == {"requested": [A, B]}


def test_a_request_that_is_refused_for_another_reason_is_not_sent_again(service):
    opened(service, A)
    service.faults["request"] = ["refused"]
    failure = fails(Refused, options(A, **RELEASE), service)
    assert service.writes == ["note", "status", "request"]
    assert failure.message.endswith(
        f"Done before: noted W-a ({A}); marked ready W-a ({A}). Mend that, then run the play again: it does the rest."
    )
    assert failure.facts["changed"] is True
    assert [(one["id"], one["marked"], one["noted"]) for one in failure.facts["vulnerabilities"]] == [(A, True, True)]


def test_marks_that_are_never_visible_end_in_the_refusal(service):
    opened(service, A)
    service.set_status = lambda one, status: None
    fails(Refused, options(A, mark_ready=True), service)
    assert service.writes == ["status", "request"]


# Partial failures


@pytest.mark.parametrize("call", ["note", "status"])
def test_what_was_done_before_a_failure_is_told(service, call):
    opened(service, A, B)
    service.faults[call] = [None, "refused"]
    failure = fails(Refused, options(A, B, **RELEASE), service)
    noted = f"noted W-a ({A})" + (f", W-b ({B})" if call == "status" else "")
    assert f"Done before: {noted}; marked ready W-a ({A}). Mend that, then run" in failure.message
    assert failure.facts["changed"] is True and service.open_rounds() == []
    run(options(A, B, **RELEASE), service, False)
    assert service.open_rounds() == [1] and service.notes[A] == service.notes[B] == [NOTE]


def test_a_first_write_that_fails_is_no_change(service):
    opened(service, A)
    service.faults["status"] = ["refused"]
    failure = fails(Refused, options(A, mark_ready=True), service)
    assert "changed" not in failure.facts and "Done before" not in failure.message


def test_a_lost_note_is_not_sent_again_and_says_so(service):
    opened(service, A)
    service.faults["note"] = ["lost before"]
    failure = fails(FateUnknown, options(A, **RELEASE), service)
    assert service.writes == ["note"] and failure.facts["fate"] == "unknown"
    assert "It is not known whether that was done." in failure.message


def test_a_double_that_cannot_be_cancelled_says_that_a_round_was_requested(service):
    service.faults["request"] = [lambda: service.add_round([A]) and None]
    service.faults["cancel"] = ["refused"]
    failure = fails(Refused, options(A, on_duplicate="cancel"), service)
    assert "Done before: requested a round." in failure.message


# Tenants on which a request takes readiness away


def test_where_a_request_takes_readiness_away_everything_is_still_done_once(service):
    service.clears_ready = True
    opened(service, A, B)
    task = options(A, B, **RELEASE)
    assert run(task, service, False)["warnings"] == []
    assert run(task, service, False)["changed"] is False and service.open_rounds() == [1]
    moved = options(A, B, on_window_change="replace", **RELEASE, **OTHER)
    assert run(moved, service, False)["retest"]["round"] == 2 and service.open_rounds() == [2]


# The dates of a round


def test_the_dates_of_a_round_are_sent(service):
    service.add_round([A], "Completed")
    task = options(state="requested", round=1, requested_date="2026-11-01", completed_date="2026-11-02T08:00:00+01:00")
    told = run(task, service, True)
    assert service.dates == [] and told["changed"] is True
    done = run(task, service, False)
    body = {"requested_date": "2026-11-01T00:00:00.000Z", "completed_date": "2026-11-02T07:00:00.000Z"}
    assert service.dates == [{"round": 1, **body}] and done["request"] == told["request"] == body
    assert done["message"] == WORDS["dates"] and done["retest"]["status"] == "completed"


@pytest.mark.parametrize("fault, sent", [("lost after", 2), ("lost before", 1), ("not processed", 1)])
def test_dates_are_sent_again_because_twice_makes_no_difference(service, fault, sent):
    service.add_round([A])
    service.faults["dates"] = [fault]
    run(options(round=1, requested_date="2026-11-01"), service, False)
    assert len(service.dates) == sent


def test_a_round_is_completed_with_its_date(service):
    service.add_round([A])
    result = run(options(state="completed", round=1, completed_date="2026-11-02"), service, False)
    assert service.writes == ["complete", "dates"] and result["retest"]["status"] == "completed"
    assert service.dates == [{"round": 1, "completed_date": "2026-11-02T00:00:00.000Z"}]


def test_the_dates_of_a_round_that_is_not_there_are_not_sent(service):
    failure = fails(StateError, options(round=7, requested_date="2026-11-01"), service)
    assert "there is no round 7" in failure.message and service.writes == []
