# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job over HTTP: request, rerun, cancel, complete, replace; a preview tells what a real run does."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import yaml

from tests.integration.calls import Calls
from tests.integration.plays import Plays, steer, task
from tests.sandbox.control import Sandbox

PROJECT = "66333e1d110ab5acf8a4354e"
WEBAPP_1, WEBAPP_2, WEBAPP_3, WEBAPP_4 = READY = [f"6639508f50523053f459d2{end}" for end in ("9f", "a0", "a1", "a2")]
NOT_READY, OTHER_NOT_READY = "6639508f50523053f459d2a3", "6639508f50523053f459d2a4"
CLOSED, HIDDEN = "6639508f50523053f459d2a6", "6639508f50523053f459d2aa"
ELSEWHERE = "6639508f50523053f459d3b0"
RETEST = "attackforge.retest.attackforge_retest"
WINDOW = dict(window_start="2030-12-01T01:00:00+01:00", window_end="+1w")
LATER = dict(window_start="2031-01-01", window_end="2031-01-08")


def wanted(*ids, **options):
    return {"project_id": PROJECT, "vulnerability_ids": list(ids), **WINDOW, **options}


def held(*ids, start="2030-12-01", end="2030-12-08"):
    return {"do": "request_round", "ids": list(ids), "start": start, "end": end}


def step(**select):
    """The whole release step."""
    return {"project_id": PROJECT, "select": select, "mark_ready": True, "release": "2026.12", **WINDOW}


# The testers close the one and send the other back.
SENT_BACK = [held(WEBAPP_1, WEBAPP_2), {"do": "close", "id": WEBAPP_1}, {"do": "reopen", "id": WEBAPP_2}]
SENT_BACK.append({"do": "complete_round"})

# {case: (what people did before, options, outcome, outcome of the rerun, open rounds in the end, words of the message)}
CASES = {
    "requested": ([], wanted(WEBAPP_1, WEBAPP_2), "changed", "ok", [2], []),
    "requested, held already": ([held(WEBAPP_1)], wanted(WEBAPP_1), "ok", "ok", [2], []),
    "requested, some held": ([held(WEBAPP_1)], wanted(WEBAPP_1, WEBAPP_2), "changed", "ok", [2, 3], []),
    "requested, held by two": ([held(WEBAPP_1), held(WEBAPP_2)], wanted(WEBAPP_1, WEBAPP_2), "ok", "ok", [2, 3], []),
    "requested, each id twice": ([], wanted(WEBAPP_1, WEBAPP_1.upper()), "changed", "ok", [2], []),
    "requested, some closed": ([], wanted(WEBAPP_1, CLOSED), "changed", "ok", [2], []),
    "requested, all closed": ([], wanted(CLOSED), "ok", "ok", [], []),
    "requested, not ready": (
        [],
        wanted(WEBAPP_1, NOT_READY, OTHER_NOT_READY),
        "failed",
        "failed",
        [],
        [NOT_READY, OTHER_NOT_READY, "mark_ready"],
    ),
    "requested, not in the project": ([], wanted(WEBAPP_1, ELSEWHERE), "failed", "failed", [], [ELSEWHERE]),
    "requested, hidden": ([], wanted(HIDDEN), "failed", "failed", [], [HIDDEN]),
    "requested, of every kind": (
        [held(WEBAPP_1)],
        wanted(WEBAPP_1, WEBAPP_2, CLOSED, NOT_READY, ELSEWHERE),
        "failed",
        "failed",
        [2],
        [NOT_READY, ELSEWHERE],
    ),
    "requested, without end": (
        [],
        {name: value for name, value in wanted(WEBAPP_1).items() if name != "window_end"},
        "changed",
        "ok",
        [2],
        [],
    ),
    "release": ([], step(tags=["release-2026.12"]), "changed", "ok", [2], []),
    "release, all in a round": ([held(*READY, NOT_READY)], step(tags=["release-2026.12"]), "changed", "ok", [2], []),
    "release, of CVEs": ([], step(cves=["CVE-2026-0001"], title="SQL"), "failed", "failed", [], ["finds nothing"]),
    "release, nothing to do": ([], step(tags=["no-such-tag"]) | {"allow_empty": True}, "ok", "ok", [], []),
    "release, a name that is not known": (
        [],
        step(alternate_ids=["WEBAPP-1", "WEBAPP-77"]),
        "failed",
        "failed",
        [],
        ["WEBAPP-77", "allow_empty"],
    ),
    "release, by code": ([], step(tags=["release-2026.12"]) | {"project_id": "webapp"}, "changed", "ok", [2], []),
    "release, by name": (
        [],
        step(tags=["release-2026.12"]) | {"project_id": "CUSTOMER portal"},
        "changed",
        "ok",
        [2],
        [],
    ),
    "release, no such project": (
        [],
        step(tags=["release-2026.12"]) | {"project_id": "WEB"},
        "failed",
        "failed",
        [],
        ["project_id", "WEBAPP", "PARTNER"],
    ),
    "sent back": ([*SENT_BACK], step(ids=[WEBAPP_1, WEBAPP_2]), "changed", "ok", [3], []),
    "sent back, the same release": (
        [{"do": "add_note", "ids": [WEBAPP_1, WEBAPP_2], "note": "Fixed in release 2026.12."}, *SENT_BACK],
        step(ids=[WEBAPP_1, WEBAPP_2]),
        "ok",
        "ok",
        [],
        [],
    ),
    "sent back, all the same": (
        [{"do": "add_note", "ids": [WEBAPP_1, WEBAPP_2], "note": "Fixed in release 2026.12."}, *SENT_BACK],
        step(ids=[WEBAPP_1, WEBAPP_2]) | {"on_reopened": "request"},
        "changed",
        "ok",
        [3],
        [],
    ),
    "sent back, fail": (
        [{"do": "add_note", "ids": [WEBAPP_1, WEBAPP_2], "note": "Fixed in release 2026.12."}, *SENT_BACK],
        step(ids=[WEBAPP_1, WEBAPP_2]) | {"on_reopened": "fail"},
        "failed",
        "failed",
        [],
        [WEBAPP_2, "on_reopened"],
    ),
    "sent back, marked ready by a person": (
        [
            {"do": "add_note", "ids": [WEBAPP_1, WEBAPP_2], "note": "Fixed in release 2026.12."},
            *SENT_BACK,
            {"do": "mark_ready", "id": WEBAPP_2},
        ],
        step(ids=[WEBAPP_1, WEBAPP_2]),
        "changed",
        "ok",
        [3],
        [],
    ),
    "dates": (
        [held(WEBAPP_1)],
        dict(project_id=PROJECT, round=2, requested_date="2030-11-30"),
        "changed",
        "changed",
        [2],
        [],
    ),
    "completed, with its date": (
        [held(WEBAPP_1)],
        dict(project_id=PROJECT, state="completed", round=2, completed_date="2030-12-02"),
        "changed",
        "changed",
        [],
        [],
    ),
    "keep": ([held(WEBAPP_1)], wanted(WEBAPP_1, **LATER), "ok", "ok", [2], []),
    "replace": (
        [held(WEBAPP_1, WEBAPP_2)],
        wanted(WEBAPP_2, WEBAPP_1, on_window_change="replace", **LATER),
        "changed",
        "ok",
        [3],
        [],
    ),
    "replace, and one more": (
        [held(WEBAPP_1)],
        wanted(WEBAPP_1, WEBAPP_2, on_window_change="replace", **LATER),
        "changed",
        "ok",
        [3],
        [],
    ),
    "replace, same window": ([held(WEBAPP_1)], wanted(WEBAPP_1, on_window_change="replace"), "ok", "ok", [2], []),
    "replace, also others": (
        [held(WEBAPP_1, WEBAPP_2)],
        wanted(WEBAPP_1, on_window_change="replace", **LATER),
        "failed",
        "failed",
        [2],
        [WEBAPP_2, "Round 2"],
    ),
    "replace, one not ready": (
        [held(WEBAPP_1, WEBAPP_2), {"do": "unready", "id": WEBAPP_1}],
        wanted(WEBAPP_1, WEBAPP_2, on_window_change="replace", **LATER),
        "failed",
        "failed",
        [2],
        [WEBAPP_1],
    ),
    "fail": (
        [held(WEBAPP_1)],
        wanted(WEBAPP_1, on_window_change="fail", **LATER),
        "failed",
        "failed",
        [2],
        ["Round 2", "on_window_change"],
    ),
    "fail, counted from now": (
        [held(WEBAPP_1)],
        wanted(WEBAPP_1, on_window_change="fail", window_start="now", window_end="+3d"),
        "ok",
        "ok",
        [2],
        [],
    ),
    "doubled": ([held(WEBAPP_1), held(WEBAPP_1)], wanted(WEBAPP_1), "ok", "ok", [2, 3], []),
    "doubled, cancel": (
        [held(WEBAPP_1), held(WEBAPP_1)],
        wanted(WEBAPP_1, on_duplicate="cancel"),
        "changed",
        "ok",
        [2],
        [],
    ),
    "cancelled": ([held(WEBAPP_1)], dict(project_id=PROJECT, state="cancelled"), "changed", "ok", [], []),
    "cancelled by number": (
        [held(WEBAPP_1), held(WEBAPP_2)],
        dict(project_id=PROJECT, state="cancelled", round=2),
        "changed",
        "ok",
        [3],
        [],
    ),
    "cancelled by findings": (
        [held(WEBAPP_1), held(WEBAPP_2)],
        dict(project_id=PROJECT, state="cancelled", vulnerability_ids=[WEBAPP_2]),
        "changed",
        "ok",
        [2],
        [],
    ),
    "cancelled, several": (
        [held(WEBAPP_1), held(WEBAPP_2)],
        dict(project_id=PROJECT, state="cancelled"),
        "failed",
        "failed",
        [2, 3],
        ["2, 3", "round"],
    ),
    "cancelled, completed already": (
        [],
        dict(project_id=PROJECT, state="cancelled", round=1),
        "failed",
        "failed",
        [],
        ["Round 1", "completed"],
    ),
    "cancelled, no such round": (
        [],
        dict(project_id=PROJECT, state="cancelled", round=77),
        "failed",
        "failed",
        [],
        ["77"],
    ),
    "completed": ([held(WEBAPP_1)], dict(project_id=PROJECT, state="completed"), "changed", "ok", [], []),
    "completed by number": (
        [held(WEBAPP_1)],
        dict(project_id=PROJECT, state="completed", round=2),
        "changed",
        "ok",
        [],
        [],
    ),
    "completed, so already": ([], dict(project_id=PROJECT, state="completed", round=1), "ok", "ok", [], []),
    "completed, cancelled already": (
        [held(WEBAPP_1), {"do": "cancel_round"}],
        dict(project_id=PROJECT, state="completed", round=2),
        "failed",
        "failed",
        [],
        ["Round 2", "cancelled"],
    ),
}


@pytest.fixture(scope="module", name="matrix", params=["process", "module", "play", "play of modules"])
def fixture_matrix(request, tmp_path_factory, running_sandbox):
    """Each case as a check run, a real run and a rerun, one after the other; in plays some of the cases."""
    in_play = request.param.startswith("play")
    tasks = []
    cases = {name: CASES[name] for name in list(CASES)[::9]} if in_play else CASES
    for name, (acts, options, *_rest) in cases.items():
        tasks += [
            steer(name, reset=True, act=acts),
            task(f"{name}: check", "retest", **options) | {"check_mode": True, "diff": True},
            steer(f"{name}: checked", look=PROJECT, clear_log=True),
            task(f"{name}: real", "retest", **options) | {"diff": True},
            task(f"{name}: rerun", "retest", **options),
            steer(f"{name}: done", look=PROJECT),
        ]
    running_sandbox.reset()
    if not in_play:
        return Calls(running_sandbox, request.param).ok(tasks), cases
    mode = "process" if request.param == "play" else "module"
    return Plays(tmp_path_factory.mktemp("matrix"), running_sandbox, mode).ok(tasks), cases


def each(matrix):
    run, cases = matrix
    for name in cases:
        yield name, run, cases[name]


def test_each_case_ends_as_it_should(matrix):
    for name, run, (_acts, _options, real, rerun, rounds, words) in each(matrix):
        assert run.outcome(f"{name}: real") == real, (name, run.result(f"{name}: real"))
        assert run.outcome(f"{name}: rerun") == rerun, (name, run.result(f"{name}: rerun"))
        assert run.result(f"{name}: done")["books"]["open_rounds"] == rounds, name
        told = run.result(f"{name}: real").get("msg", "")
        assert [word for word in words if word not in told] == [], (name, told)


def test_a_failure_sends_nothing(matrix):
    for name, run, (_acts, _options, real, *_rest) in each(matrix):
        if real == "failed":
            assert all(row["http"] == "GET" for row in run.result(f"{name}: done")["log"]), name


def test_a_preview_sends_nothing_and_tells_what_a_real_run_does(matrix):
    for name, run, (_acts, _options, real, *_rest) in each(matrix):
        check, done = run.result(f"{name}: check"), run.result(f"{name}: real")
        assert run.outcome(f"{name}: check") == real, name
        assert {row["http"] for row in run.result(f"{name}: checked")["log"]} == {"GET"}, name
        assert set(check) == set(done), name
        assert check.get("diff") == done.get("diff"), name
        for key in ("msg", "vulnerabilities", "request", "warnings"):
            assert check.get(key) == done.get(key), (name, key)
        for when in ("before", "after") if real != "failed" else ():
            assert {"open_rounds"} <= set(yaml.safe_load(done["diff"][when])) <= {"open_rounds", "vulnerabilities"}, (
                name
            )


def test_a_rerun_tells_the_same_round(matrix):
    for name, run, (_acts, _options, real, rerun_outcome, rounds, _words) in each(matrix):
        if real != "failed" and rounds and rerun_outcome == "ok" and "state" not in CASES[name][1]:
            done, rerun = run.result(f"{name}: real"), run.result(f"{name}: rerun")
            assert rerun["retest"] == done["retest"] and done["retest"]["round"] == rounds[-1], name
            assert "request" not in rerun and all(one["outcome"] != "requested" for one in rerun["vulnerabilities"])


def test_what_is_closed_kept_or_doubled_is_named_in_a_warning(matrix):
    run, cases = matrix
    for name, words in {
        "requested, some closed": CLOSED,
        "requested, all closed": CLOSED,
        "keep": "Round 2",
        "doubled": "Rounds 2 and 3",
    }.items():
        if name in cases:
            assert any(words in text for text in run.result(f"{name}: real")["warnings"]), name


FORMS = [
    # (as it stands in the playbook, as it is sent)
    ('"2030-12-01T00:00:00.000Z"', "2030-12-01T00:00:00.000Z"),
    ("2030-12-01", "2030-12-01T00:00:00.000Z"),
    ("2030-12-01 08:30:00", "2030-12-01T08:30:00.000Z"),
    ("2030-12-01T08:30:00Z", "2030-12-01T08:30:00.000Z"),
    ("2030-12-01T08:30:00+01:00", "2030-12-01T07:30:00.000Z"),
    ("2030-12-01 08:30:00.25 -05:00", "2030-12-01T13:30:00.250Z"),
    ("!!timestamp 2030-12-01T08:30:00+05:30", "2030-12-01T03:00:00.000Z"),
    ('"20301201T083000Z"', "2030-12-01T08:30:00.000Z"),
    ('"2030-12-01T08:30"', "2030-12-01T08:30:00.000Z"),
    ("\"{{ '2030-12-01T08:30:00+01:00' | to_datetime('%Y-%m-%dT%H:%M:%S%z') }}\"", "2030-12-01T07:30:00.000Z"),
    ("\"{{ '2030-12-01' }}T08:30:00Z\"", "2030-12-01T08:30:00.000Z"),
]


def test_a_window_may_be_written_in_every_form(plays):
    tasks = ""
    for number, (form, _sent) in enumerate(FORMS):
        tasks += (
            f"- name: form {number}\n  {RETEST}:\n    project_id: {PROJECT}\n    vulnerability_ids: [{WEBAPP_1}]\n"
            f"    retesting_window_start: {form}\n    window_end: +2d\n  check_mode: true\n"
        )
    for run in plays.both(tasks).values():
        sent = [run.result(f"form {number}")["request"]["retesting_window_start"] for number in range(len(FORMS))]
        assert sent == [sent for _form, sent in FORMS]


def test_windows_that_count_from_now_end_when_they_should(calls, sandbox):
    counted = dict(window_start="+12h", window_end="+1w")
    run = calls.ok(
        [
            task("request", "retest", **wanted(WEBAPP_1, **counted)),
            task("rerun", "retest", **wanted(WEBAPP_1, on_window_change="fail", **counted)),
        ]
    )
    window = sandbox.books()["rounds"][-1]["window"]
    start, end = (datetime.fromisoformat(window[bound].replace("Z", "+00:00")) for bound in ("start", "end"))
    assert end - start == timedelta(weeks=1)
    assert [run.outcome(name) for name in ("request", "rerun")] == ["changed", "ok"]


@pytest.mark.parametrize("mode", ["process", "module"])
def test_a_key_that_may_only_request_needs_no_preflight(sandbox, mode):
    key = sandbox.keys["request-only"]
    run = Calls(sandbox, mode).ok(
        [
            task("with", "retest", **wanted(WEBAPP_1), api_key=key),
            task("check", "retest", **wanted(WEBAPP_1), api_key=key, preflight=False) | {"check_mode": True},
            task("without", "retest", **wanted(WEBAPP_1), api_key=key, preflight=False),
            task("cancel", "retest", project_id=PROJECT, state="cancelled", round=2, api_key=key, preflight=False),
        ]
    )
    assert run.outcome("with") == "failed" and "GetProjectById is not granted" in run.result("with")["msg"]
    assert run.outcome("without") == run.outcome("check") == "changed"
    assert run.result("without")["diff"] == run.result("check")["diff"]
    assert set(run.result("without")) == set(run.result("check"))
    assert run.outcome("cancel") == "failed" and "CancelProjectRetestRound" in run.result("cancel")["msg"]
    assert {row["method"] for row in sandbox.log()} == {
        "GetProjectById",
        "RequestNewProjectRetest",
        "CancelProjectRetestRound",
    }
    assert sandbox.books()["open_rounds"] == [2]


def test_options_come_from_the_group_the_environment_and_the_task(plays, sandbox):
    """An empty variable of the environment is an unset one."""
    connection = {"base_url": sandbox.url + "/", "api_key": sandbox.key}
    tasks = [
        {
            "name": "group",
            RETEST: {"vulnerability_ids": [WEBAPP_1], **WINDOW},
            "module_defaults": {
                "group/attackforge.retest.attackforge": {"project_id": PROJECT, "timeout": 9, **connection}
            },
        },
        {
            "name": "environment",
            RETEST: wanted(WEBAPP_1),
            "ignore_errors": True,
            "environment": {
                "ATTACKFORGE_BASE_URL": sandbox.url,
                "ATTACKFORGE_API_KEY": sandbox.key,
                "ATTACKFORGE_RETRIES": "2",
                "ATTACKFORGE_TIMEOUT": "7.5",
                "ATTACKFORGE_VALIDATE_CERTS": "n",
                "ATTACKFORGE_CA_PATH": "$HOME/no.pem",
            },
        },
        {
            "name": "task",
            RETEST: wanted(WEBAPP_1, retries=1, **connection),
            "environment": {"ATTACKFORGE_RETRIES": "2", "ATTACKFORGE_TIMEOUT": ""},
        },
        task("neither", "retest", **wanted(WEBAPP_1)),
    ]
    empty = dict.fromkeys(("BASE_URL", "API_KEY", "RETRIES", "VALIDATE_CERTS", "CA_PATH"), "")
    environment = {f"ATTACKFORGE_{name}": value for name, value in {**empty, "TIMEOUT": "8"}.items()}
    runs = plays.both(tasks, environment={**environment, "ANSIBLE_INJECT_INVOCATION": "true"})
    for run in runs.values():
        given = {name: run.result(name)["invocation"]["module_args"] for name in ("group", "environment", "task")}
        assert [run.outcome(name) for name in given] == ["changed", "failed", "ok"]
        assert f"{plays.folder}/no.pem" in run.result("environment")["msg"]
        assert [given[name]["timeout"] for name in given] == [9, 7.5, 30]
        assert [given[name]["retries"] for name in given] == [4, 2, 1]
        assert [given[name]["validate_certs"] for name in given] == [True, False, True]
        assert run.outcome("neither") == "failed" and "base_url" in run.result("neither")["msg"]


def test_a_path_before_the_api_is_kept():
    with Sandbox(prefix="/tenant/one") as sandbox:
        run = Calls(sandbox).ok(
            [
                task("as given", "retest", **wanted(WEBAPP_1)),
                task("with a slash", "retest", **wanted(WEBAPP_1), base_url=sandbox.url + "/"),
            ]
        )
        assert [run.outcome(name) for name in ("as given", "with a slash")] == ["changed", "ok"]
        assert {row["path"][:18] for row in sandbox.log()} == {"/tenant/one/api/ss"}


def test_it_works_over_https_with_a_private_ca(tmp_path):
    with Sandbox(tls=True) as sandbox:
        tasks = [
            task("option", "retest", **wanted(WEBAPP_1), ca_path=sandbox.ca),
            {**task("environment", "retest", **wanted(WEBAPP_1)), "environment": {"ATTACKFORGE_CA_PATH": sandbox.ca}},
            task("neither", "retest", **wanted(WEBAPP_1), retries=0),
        ]
        for run in Plays(tmp_path, sandbox).both(tasks).values():
            assert [run.outcome(name) for name in ("option", "environment", "neither")] == ["changed", "ok", "failed"]
        assert sandbox.books()["open_rounds"] == [2]


def test_a_play_in_check_mode_writes_nothing(plays, sandbox):
    tasks = [
        task("mark", "vulnerability", project_id=PROJECT, vulnerability_ids=[NOT_READY], status="retest"),
        task("request", "retest", **step(ids=[WEBAPP_1, NOT_READY])),
        steer("books", look=PROJECT),
    ]
    for run in plays.both(tasks, check=True, diff=True).values():
        assert [run.outcome(name) for name in ("mark", "request")] == ["changed", "changed"]
        log = run.result("books")["log"]
        assert log and {row["http"] for row in log} == {"GET"}


REPLACE = dict(
    project_id=PROJECT,
    vulnerability_ids=[WEBAPP_1, WEBAPP_2],
    on_window_change="replace",
    timeout=2,
    retries=1,
    **LATER,
)


@pytest.mark.parametrize("refusal", ["no grant", "not ready any more"])
def test_a_replacement_that_stops_half_way_says_that_the_round_is_cancelled(calls, sandbox, refusal):
    if refusal == "no grant":
        sandbox.fault("status", "RequestNewProjectRetest", code=403, times=-1)
    else:
        sandbox.switch(cancel_changes_status="clears_ready")
    run = calls.ok([steer("people", act=[held(WEBAPP_1, WEBAPP_2)]), task("replace", "retest", **REPLACE)])
    result = run.result("replace")
    assert run.outcome("replace") == "failed" and result["changed"]
    assert sandbox.books()["open_rounds"] == []
    assert "nothing was changed" not in result["msg"]
    assert "Done before: cancelled round 2" in result["msg"]


def test_replacing_works_also_where_numbers_are_given_again(calls):
    run = calls.ok(
        [
            steer(
                "service",
                reset={"switches": {"round_numbering": "reused_after_cancel"}},
                act=[held(WEBAPP_1, WEBAPP_2)],
            ),
            task("replace", "retest", **REPLACE),
            task("rerun", "retest", **REPLACE),
            steer("books", look=PROJECT),
        ]
    )
    assert [run.outcome(name) for name in ("replace", "rerun")] == ["changed", "ok"]
    assert run.result("books")["books"]["most_open_rounds_of_a_finding"] == 1


NOTES = [
    # (one note, another, the type of both, whether the second says the same)
    ("Upgraded to 2.0", "Upgraded to 2.1", "PLAINTEXT", False),
    ("Upgraded to <2.0>", "Upgraded to <2.1>", "PLAINTEXT", False),
    ("Removed <script>", "Removed <style>", "PLAINTEXT", False),
    ("Escapes < and >", "Escapes < and >", "PLAINTEXT", True),
    ("Two\n\n  lines", "Two lines", "PLAINTEXT", True),
    ("<p>Fixed</p>", "<p>Fixed</p>", "RICHTEXT", True),
    ('<a href="https://ci/1">Fixed</a>', '<a href="https://ci/2">Fixed</a>', "RICHTEXT", False),
]


def test_a_note_is_left_out_only_where_it_says_the_same(calls):
    tasks = []
    for number, (first, second, note_type, _same) in enumerate(NOTES):
        tasks.append(steer(f"{int(number)}", reset=True))
        for name, note in (("first", first), ("second", second)):
            tasks.append(
                task(
                    f"{int(number)} {name}",
                    "vulnerability",
                    project_id=PROJECT,
                    vulnerability_ids=[WEBAPP_1],
                    remediation_note=note,
                    note_type=note_type,
                )
            )
    run = calls.ok(tasks)
    assert {run.outcome(f"{int(number)} first") for number in range(len(NOTES))} == {"changed"}
    found = [(second, run.outcome(f"{int(number)} second")) for number, (_first, second, *_rest) in enumerate(NOTES)]
    assert found == [(second, "ok" if same else "changed") for _first, second, _type, same in NOTES]
