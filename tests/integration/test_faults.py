# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong on the way: a request is never sent twice, and a rerun ends with exactly one open round."""

from __future__ import annotations

import pytest

from tests.integration.calls import at_once
from tests.integration.plays import steer, task

PROJECT = "66333e1d110ab5acf8a4354e"
READY = ["6639508f50523053f459d29f", "6639508f50523053f459d2a0"]
QUICK = dict(project_id=PROJECT, timeout=1, retries=2)
REQUEST = dict(QUICK, vulnerability_ids=READY, retesting_window_start="2030-12-01", retesting_window_end="2030-12-08")
CANCEL = dict(QUICK, state="cancelled", round=2)
SILENT = 20  # seconds; far more than a client waits

# How an answer gets lost: done before the service acts, and after.
LOST = {
    "reset": dict(fault="reset"),
    "close": dict(fault="close"),
    "hang": dict(fault="hang", seconds=SILENT),
    "500": dict(fault="status", code=500),
    "502 html": dict(fault="status", code=502, body="html"),
    "503 empty": dict(fault="status", code=503, body="empty"),
    "504 text": dict(fault="status", code=504, body="text"),
    "408": dict(fault="status", code=408),
    "garbage": dict(fault="garbage"),
    "login page": dict(fault="login_page"),
    "deep": dict(fault="deep"),
    "a list": dict(fault="replace", document=[]),
    "no words": dict(fault="replace", document={}),
    "null words": dict(fault="replace", document={"status": None}),
    "numbers for words": dict(fault="replace", document={"status": 7, "message": ["x"]}),
}
BEFORE = {f"{name} before": dict(fault, when="before") for name, fault in LOST.items()}
AFTER = {
    **{f"{name} after": dict(fault, when="after") for name, fault in LOST.items()},
    "truncated": dict(fault="truncated"),
    "truncated at once": dict(fault="truncated", bytes=0),
    "an answer that dribbles too long": dict(fault="slow", seconds=4),
    "done shortly after, no answer": dict(fault="late_commit", seconds=0.1),
    "no connection for a moment afterwards": dict(fault="refuse", seconds=0.2),
}
# When the service acts after the client gave up, it may be seen or not, and both are told truly.
LATE = {"done later, no answer": dict(fault="late_commit", seconds=1.4)}
REFUSED = {
    "400": dict(fault="status", code=400),
    "401": dict(fault="status", code=401),
    "403": dict(fault="status", code=403, body="html"),
    "404": dict(fault="status", code=404, body="empty"),
    "409": dict(fault="status", code=409),
    "redirect": dict(fault="redirect", url="http://127.0.0.1:9/login"),
    "redirect 307": dict(fault="redirect", url="http://127.0.0.1:9/login", code=307),
    "redirect 308": dict(fault="redirect", url="/elsewhere", code=308),
}
ONCE_429 = {
    "429": dict(fault="status", code=429),
    "429 with Retry-After": dict(fault="status", code=429, headers={"Retry-After": "1"}),
    "429 with a Retry-After that is none": dict(fault="status", code=429, headers={"Retry-After": "soon"}),
}
ALWAYS_429 = {"429 always": dict(fault="status", code=429, times=-1)}

UNKNOWN, NO, CHANGED = "failed, fate unknown", "failed", "changed"
REQUESTS = {
    **{key: [UNKNOWN] for key in BEFORE},
    **{key: [CHANGED] for key in AFTER},
    **{key: [UNKNOWN, CHANGED] for key in LATE},
    **{key: [NO] for key in REFUSED},
    **{key: [CHANGED] for key in ONCE_429},
    **{key: [NO] for key in ALWAYS_429},
}
# A cancellation may be sent again, after a look; but not where the service took it, as far as can be told.
WORDLESS = ("no words before", "null words before", "numbers for words before")
CANCELS = {**REQUESTS, **{key: [CHANGED] for key in [*BEFORE, *LATE]}, **{key: [UNKNOWN] for key in WORDLESS}}
FAULTS = {**BEFORE, **AFTER, **LATE, **REFUSED, **ONCE_429, **ALWAYS_429}
SENT_AGAIN = {*ONCE_429, *ALWAYS_429}  # what surely was not processed

HISTORY, FINDINGS = READS = ("GetProjectById", "GetProjectVulnerabilitiesById")
RIDDEN_OUT = {
    **BEFORE,
    **ONCE_429,
    **{name: fault for name, fault in AFTER.items() if name.startswith("truncated")},
    "refuse": dict(fault="refuse", when="before", seconds=0.2),
}
# JSON objects that are not the answer bring no other one when they are asked for again.
for _name in WORDLESS:
    del RIDDEN_OUT[_name]
ALWAYS = {
    **{name: fault for name, fault in RIDDEN_OUT.items() if name != "refuse"},
    **REFUSED,
    "no words": dict(fault="replace", document={}),
    "numbers": dict(fault="replace", document={"project": 7, "vulnerabilities": 8}),
    "nulls": dict(fault="replace", document={"project": None, "vulnerabilities": None}),
}
# At the second read a few are enough: it goes the same way.
FEW = ("reset before", "hang before", "500 before", "429", "garbage before", "truncated", "403", "redirect", "nulls")
RIDDEN_OUT_AT = [(name, method) for method in READS for name in RIDDEN_OUT if method == HISTORY or name in FEW]
ALWAYS_AT = [(name, method) for method in READS for name in ALWAYS if method == HISTORY or name in FEW]


def strike(case, method, fault, **more):
    return steer(case, reset=True, faults=[dict(fault, method=method, **more)])


def request_tasks():
    for name, fault in FAULTS.items():
        yield strike(name, "RequestNewProjectRetest", fault)
        yield task(f"{name}: task", "retest", **REQUEST)
        yield steer(f"{name}: then", clear_faults=True, sleep=1 if name in LATE else 0, look=PROJECT)
        yield task(f"{name}: rerun", "retest", **REQUEST)
        yield steer(f"{name}: at last", look=PROJECT)


def cancel_tasks():
    for name, fault in FAULTS.items():
        yield steer(name, reset=True, faults=[dict(fault, method="CancelProjectRetestRound")])
        yield task(f"{name}: request", "retest", **REQUEST)
        yield task(f"{name}: task", "retest", **CANCEL)
        yield steer(f"{name}: then", clear_faults=True, sleep=1 if name in LATE else 0, look=PROJECT)
        yield task(f"{name}: rerun", "retest", **CANCEL)
        yield steer(f"{name}: at last", look=PROJECT)


def read_tasks():
    quick = {**REQUEST, "timeout": 0.5, "retries": 1}
    for name, method in RIDDEN_OUT_AT:
        case = f"{name} once at {method}"
        yield strike(case, method, RIDDEN_OUT[name])
        yield task(f"{case}: task", "retest", **{**quick, "timeout": 1})
        yield steer(f"{case}: then", look=PROJECT)
    for name, method in ALWAYS_AT:
        case = f"{name} always at {method}"
        yield strike(case, method, {**ALWAYS[name], "times": -1})
        yield task(f"{case}: task", "retest", **quick)
        yield steer(f"{case}: then", clear_faults=True, look=PROJECT)


@pytest.fixture(scope="module", name="runs")
def fixture_runs():
    """At the same time, because most of the time is waiting."""
    return list(at_once([list(tasks()) for tasks in (request_tasks, cancel_tasks, read_tasks)]))


@pytest.fixture(scope="module", name="requests")
def fixture_requests(runs):
    return runs[0]


@pytest.fixture(scope="module", name="cancels")
def fixture_cancels(runs):
    return runs[1]


@pytest.fixture(scope="module", name="reads")
def fixture_reads(runs):
    return runs[2]


def outcome(run, name):
    found = run.outcome(name)
    return UNKNOWN if found == "failed" and run.result(name).get("fate") == "unknown" else found


def told_well(run, name):
    text = str(run.result(name))
    return "Traceback" not in text and "should not have happened" not in text and len(run.result(name)["msg"]) < 1500


def sent(look, method):
    return [row for row in look["log"] if row["method"] == method]


@pytest.mark.parametrize("name", FAULTS)
def test_the_fate_of_a_request_is_told_truly_and_it_is_sent_once(requests, name):
    then, found = requests.result(f"{name}: then"), outcome(requests, f"{name}: task")
    assert then["faults"] == []
    assert found in REQUESTS[name], requests.result(f"{name}: task")
    assert found == CHANGED or told_well(requests, f"{name}: task")
    assert (found == CHANGED) <= (len(then["books"]["open_rounds"]) == 1)
    posts = sent(then, "RequestNewProjectRetest")
    assert all(post["fault"] for post in posts[:1])  # the fault has struck
    if name not in SENT_AGAIN:
        assert len(posts) == 1
    elif name in ALWAYS_429:
        assert len(posts) == QUICK["retries"] + 1
    if found == CHANGED:
        assert requests.result(f"{name}: task")["retest"]["round"] == 2


@pytest.mark.parametrize("name", FAULTS)
def test_a_rerun_ends_with_exactly_one_open_round(requests, name):
    there = requests.result(f"{name}: then")["books"]["open_rounds"]
    books = requests.result(f"{name}: at last")["books"]
    assert requests.outcome(f"{name}: rerun") == ("ok" if there else "changed")
    assert books["open_rounds"] == [2] and len(books["rounds"]) == 2
    assert set(books["open_rounds_by_finding"]) == set(READY)


@pytest.mark.parametrize("name", FAULTS)
def test_the_fate_of_a_cancellation_is_told_truly(cancels, name):
    then, found = cancels.result(f"{name}: then"), outcome(cancels, f"{name}: task")
    assert found in CANCELS[name], cancels.result(f"{name}: task")
    assert found == CHANGED or told_well(cancels, f"{name}: task")
    assert (then["books"]["open_rounds"] == []) == (found == CHANGED)
    assert sent(then, "CancelProjectRetestRound")[0]["fault"]


@pytest.mark.parametrize("name", FAULTS)
def test_a_second_cancellation_leaves_no_round_open(cancels, name):
    there = cancels.result(f"{name}: then")["books"]["open_rounds"]
    assert cancels.outcome(f"{name}: rerun") == ("changed" if there else "ok")
    books = cancels.result(f"{name}: at last")["books"]
    assert [row["status"] for row in books["rounds"]] == ["completed", "cancelled"]


@pytest.mark.parametrize("name, method", RIDDEN_OUT_AT)
def test_a_read_that_fails_once_is_ridden_out(reads, name, method):
    case = f"{name} once at {method}"
    assert reads.outcome(f"{case}: task") == "changed", reads.result(f"{case}: task")
    then = reads.result(f"{case}: then")
    assert len(then["books"]["open_rounds"]) == 1
    assert [row["fault"] for row in sent(then, method)][:2] == [RIDDEN_OUT[name]["fault"], None]


@pytest.mark.parametrize("name, method", ALWAYS_AT)
def test_a_read_that_always_fails_is_a_clear_error_and_nothing_is_sent(reads, name, method):
    case = f"{name} always at {method}"
    result, then = reads.result(f"{case}: task"), reads.result(f"{case}: then")
    assert reads.outcome(f"{case}: task") == "failed"
    assert method in result["msg"] and result["error"]["method"] == method
    assert told_well(reads, f"{case}: task")
    assert "fate" not in result
    assert 1 <= len(sent(then, method)) <= 2  # retries is 1
    assert all(row["http"] == "GET" for row in then["log"])


def test_what_the_service_left_out_is_named_and_asked_for_alone(calls):
    run = calls.ok(
        [
            steer("drop", switches={"drop_last": "yes"}),
            task("request", "retest", **REQUEST),
            steer("no more", switches={"drop_last": "no"}),
            task("rerun", "retest", **REQUEST),
            task("rerun again", "retest", **REQUEST),
            steer("books", look=PROJECT),
        ]
    )
    assert run.outcome("request") == "failed" and run.result("request")["changed"]
    assert READY[1] in run.result("request")["msg"] and READY[0] not in run.result("request")["msg"]
    assert run.result("rerun")["request"]["vulnerability_ids"] == READY[1:]
    assert run.outcome("rerun again") == "ok"
    assert run.result("books")["books"]["open_rounds_by_finding"] == {READY[0]: [2], READY[1]: [3]}


def test_a_success_that_is_none_is_not_believed(calls):
    run = calls.ok(
        [
            steer("lie", switches={"status_text": "failure_2xx"}),
            task("request", "retest", **REQUEST),
            task("without preflight", "retest", preflight=False, **REQUEST),
            steer("no more", switches={"status_text": "documented"}),
            task("rerun", "retest", **REQUEST),
            steer("lie again", switches={"status_text": "failure_2xx"}),
            task("cancel", "retest", **CANCEL),
            steer("books", look=PROJECT),
        ]
    )
    assert outcome(run, "request") == UNKNOWN and "could not be requested" in run.result("request")["msg"]
    assert outcome(run, "without preflight") == UNKNOWN
    assert run.outcome("rerun") == "changed"
    assert outcome(run, "cancel") == UNKNOWN and "was not changed" in run.result("cancel")["msg"]
    assert run.result("books")["books"]["open_rounds"] == [2]


def test_a_service_that_is_down_is_waited_for(calls, sandbox):
    run = calls.ok(
        [
            steer("down", faults=[dict(fault="refuse", seconds=0.6)]),
            task("request", "retest", **{**REQUEST, "retries": 4}),
            steer("books", look=PROJECT),
        ]
    )
    assert run.outcome("request") == "changed"
    assert run.result("books")["books"]["open_rounds"] == [2]


def test_a_round_that_appears_while_it_is_looked_for_is_found(calls, sandbox):
    """The history is looked at for as long as the timeout: from 4 s to 8 s after the request, and it appears at 7 s."""
    sandbox.fault("late_commit", "RequestNewProjectRetest", seconds=7)
    run = calls.ok([task("request", "retest", **{**REQUEST, "timeout": 4})])
    assert run.outcome("request") == "changed", run.result("request")
    assert len(sandbox.log("RequestNewProjectRetest")) == 1


def test_a_cancellation_without_words_is_told_without_words(calls):
    run = calls.ok(
        [
            task("request", "retest", **REQUEST),
            steer("none", faults=[dict(fault="replace", document={}, method="CancelProjectRetestRound")]),
            task("cancel", "retest", **CANCEL),
        ]
    )
    assert outcome(run, "cancel") == UNKNOWN and "None" not in run.result("cancel")["msg"]


def test_changes_that_the_service_did_not_make_are_not_called_taken(calls, sandbox):
    sandbox.switch(status_text="failure_2xx")
    run = calls.ok(
        [
            task(
                "mark",
                "vulnerability",
                project_id=PROJECT,
                vulnerability_ids=["6639508f50523053f459d2a3"],
                remediation_note="Fixed.",
                timeout=1,
            ),
            steer("over", switches={"status_text": "documented"}),
        ]
    )
    assert outcome(run, "mark") == UNKNOWN
    assert "the note was not created" in run.result("mark")["msg"]  # the service's own words


def test_a_play_that_loses_the_answer_finds_the_round(anywhere, sandbox):
    sandbox.fault("reset", "RequestNewProjectRetest", when="after")
    run = anywhere.ok([task("request", "retest", **{**REQUEST, "timeout": 20}), task("rerun", "retest", **REQUEST)])
    assert [run.outcome(name) for name in ("request", "rerun")] == ["changed", "ok"]
    assert any("The answer to the request was lost" in text for text in run.result("request")["warnings"])
    assert sandbox.books()["open_rounds"] == [2] and len(sandbox.writes()) == 1
