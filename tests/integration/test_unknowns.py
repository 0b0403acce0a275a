# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nobody knows of the service: under every value of every switch of the sandbox a play does the same.

A new switch is covered by itself. Where a value rightly leads elsewhere, it stands in a table here, with the reason.
"""

from __future__ import annotations

import pytest

from tests.integration.calls import at_once
from tests.integration.plays import steer, task
from tests.sandbox.switches import TABLE

PROJECT = "66333e1d110ab5acf8a4354e"
READY = ["6639508f50523053f459d29f", "6639508f50523053f459d2a0"]
NOT_READY = "6639508f50523053f459d2a4"
RELEASE = dict(
    select={"alternate_ids": ["WEBAPP-5", "WEBAPP-7"]},
    mark_ready=True,
    release="2026.12",
    retesting_window_start="2030-12-01",
    retesting_window_end="2030-12-08",
)
WINDOW = dict(retesting_window_start="2030-12-01", retesting_window_end="2030-12-08")

# What each step does in order, by its name: (module, options, outcome).
STEPS = {
    "request": ("retest", dict(vulnerability_ids=READY, **WINDOW), "changed"),
    "rerun": ("retest", dict(vulnerability_ids=READY, on_window_change="fail", **WINDOW), "ok"),
    "cancel": ("retest", dict(state="cancelled"), "changed"),
    "cancel again": ("retest", dict(state="cancelled"), "ok"),
    "request again": ("retest", dict(vulnerability_ids=READY, **WINDOW), "changed"),
    "complete": ("retest", dict(state="completed"), "changed"),
    "complete again": ("retest", dict(state="completed"), "ok"),
    "mark": (
        "vulnerability",
        dict(vulnerability_ids=[NOT_READY], status="retest", remediation_note="Fixed <at last>."),
        "changed",
    ),
    "mark again": (
        "vulnerability",
        dict(vulnerability_ids=[NOT_READY], status="retest", remediation_note="Fixed <at last>."),
        "ok",
    ),
    "request what was marked": ("retest", dict(vulnerability_ids=[NOT_READY], **WINDOW), "changed"),
    "release": ("retest", RELEASE, "changed"),
    "release again": ("retest", RELEASE, "ok"),
    "by its name": ("retest_info", dict(project_id="customer portal"), "ok"),
}
NOTHING_WORKS = dict.fromkeys(STEPS, "failed")
NO_ROUND = {step: "failed" for step in STEPS if "mark" not in step and step != "by its name"}

# Where another outcome is right: {(switch, value): {step: outcome}}.
OTHERWISE = {
    # The answer tells a failure, and nothing was done: no write may be called a success. Without a round of ours,
    # `cancelled` and `completed` mean the round that was completed before.
    ("status_text", "failure_2xx"): {**NOTHING_WORKS, "complete": "ok", "complete again": "ok", "by its name": "ok"},
    # The client keeps its connection; whether a tenant insists on the header is not known, and live clients do without.
    ("connection_close", "required"): NOTHING_WORKS,
    # The last finding is never taken. With one finding the round is empty, so what is asked for never becomes true, and
    # nothing is requested beside a round of which nothing is known.
    ("drop_last", "yes"): {**NO_ROUND, "request what was marked": "failed"},
    # The findings are not ready any more, and whoever asks again has to say so first.
    ("request_changes_status", "clears_ready"): {
        "request again": "failed",
        "complete": "failed",
        "complete again": "failed",
    },
    ("cancel_changes_status", "clears_ready"): {
        "request again": "failed",
        "complete": "failed",
        "complete again": "failed",
    },
    # What was not retested cannot be completed, and the round stays open.
    ("complete_untested", "refused"): {"complete": "failed", "complete again": "failed"},
    # The round of another finding is still open.
    ("several_open_rounds", "refused"): {"release": "failed", "release again": "failed"},
    # A service that does not show a round within the timeout: its fate is not known. An older round is found instead.
    ("history_lag", 1000): {**NO_ROUND, "complete": "ok", "complete again": "ok", "request what was marked": "failed"},
    ("replica_lag_ms", 600_000): {
        **NO_ROUND,
        "complete": "ok",
        "complete again": "ok",
        "mark": "failed",
        "mark again": "failed",
        "request what was marked": "failed",
    },
    # What a new round holds is not shown, so nothing is requested beside it.
    ("scope_empty_ms", 600_000): {
        "request": "failed",
        "rerun": "failed",
        "request again": "failed",
        "request what was marked": "failed",
        "release": "failed",
        "release again": "failed",
    },
    # One of two findings is not shown, so the message says to look at the round before the play runs again.
    ("scope_fill_ms", 600_000): {
        "request": "failed",
        "rerun": "changed",
        "cancel": "failed",
        "cancel again": "failed",
        "request again": "ok",
        "complete": "failed",
        "complete again": "failed",
        "release": "failed",
        "release again": "changed",
    },
    # A cancelled round is not shown as cancelled any more. Nobody can say whether it is open.
    ("old_row", "no_number"): {"cancel": "failed", "cancel again": "failed"},
    ("old_row", "no_status"): {
        "cancel": "failed",
        "cancel again": "failed",
        "request again": "failed",
        "complete": "failed",
        "complete again": "failed",
    },
    # A list that never adds up is not believed.
    ("count", "too_high"): {"by its name": "failed"},
    # No note can be recognised by its first character.
    ("note_limit", 1): {"mark": "failed", "mark again": "failed", "release again": "changed"},
}


def values(switch):
    """All values of a switch, or, of a range, its ends and some between."""
    if not isinstance(switch.choices, range):
        return switch.choices
    first, last = switch.choices[0], switch.choices[-1]
    between = (first + 1, 600) if switch.name.endswith("_ms") else (first + 1,)
    return sorted({first, *between, last})


AT_ONCE = 3
# The switches of the Events API, which no module uses, are tried with the event source.
CASES = [("all", "default")] + [
    (switch.name, value)
    for switch in TABLE
    if not switch.name.startswith("event_")
    for value in values(switch)
    if value != switch.default
]


def tasks_of(name, value):
    case = f"{name}={value}"
    patience = dict(timeout=1 if (name, value) in OTHERWISE else 5, retries=1)
    switches = {} if name == "all" else {name: value}
    yield steer(case, reset={"switches": switches})
    for step, (module, options, _outcome) in STEPS.items():
        yield task(f"{case}: {step}", module, **{"project_id": PROJECT, **patience, **options})
    yield steer(f"{case}: books", look=PROJECT)


@pytest.fixture(scope="module", name="runs")
def fixture_runs():
    """The cases, in several parts at the same time, because much of their time is waiting."""
    parts = [CASES[start::AT_ONCE] for start in range(AT_ONCE)]
    runs = at_once([part for case in cases for part in tasks_of(*case)] for cases in parts)
    return {case: run for cases, run in zip(parts, runs) for case in cases}


@pytest.mark.parametrize("name, value", CASES)
def test_a_play_does_the_same_whatever_the_service_is_like(runs, name, value):
    run, case = runs[name, value], f"{name}={value}"
    wanted = {step: outcome for step, (_module, _options, outcome) in STEPS.items()}
    wanted.update(OTHERWISE.get((name, value), {}))
    found, messages = {}, []
    for step in STEPS:
        result = run.result(f"{case}: {step}")
        found[step] = run.outcome(f"{case}: {step}")
        messages.append(f"{step}: {result.get('msg') or result.get('message')}")
    assert {step: told for step, told in found.items() if told != wanted[step]} == {}, "\n".join(messages)
    assert "Traceback" not in "".join(messages) and "should not have happened" not in "".join(messages)


@pytest.mark.parametrize("name, value", [case for case in CASES if case not in OTHERWISE])
def test_each_thing_is_asked_for_once(runs, name, value):
    books = runs[name, value].result(f"{name}={value}: books")
    log = [(row["method"], row["status"]) for row in books["log"] if row["http"] != "GET" and row["status"] < 300]
    assert [method for method, _status in log] == [
        "RequestNewProjectRetest",
        "CancelProjectRetestRound",
        "RequestNewProjectRetest",
        "CompleteProjectRetestRound",
        "CreateRemediationNote",
        "UpdateVulnerabilityById",
        "RequestNewProjectRetest",
        *["CreateRemediationNote", "UpdateVulnerabilityById"] * 2,
        "RequestNewProjectRetest",
    ]
    assert books["books"]["most_open_rounds_of_a_finding"] == 1
    assert [note["note"] for note in books["books"]["notes"]].count("Fixed <at last>.") == 1


def test_every_exception_is_of_a_value_that_exists():
    assert not set(OTHERWISE) - set(CASES)


def test_pages_that_are_shorter_than_asked_for_are_read_to_the_end_without_a_count(calls, sandbox):
    sandbox.switch(page_cap=2, count="missing")
    assert calls.call("vulnerability_info", project_id=PROJECT, tags=["release-2026.12"])["count"] == 5
