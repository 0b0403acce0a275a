# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job over HTTP: request, rerun, cancel, complete, replace; a preview tells what a real run does."""

from __future__ import annotations

import re

import pytest
import yaml

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
REQUEST = {RETEST: {"project_id": PROJECT, "vulnerability_ids": [WEBAPP_1], **WINDOW}}
CANCEL = {RETEST: {"project_id": PROJECT, "state": "cancelled"}}


def test_it_goes_round(anywhere, sandbox):
    steps = [
        ("request", REQUEST),
        ("rerun", REQUEST),
        ("cancel", CANCEL),
        ("cancel again", CANCEL),
        ("request again", REQUEST),
    ]
    run = anywhere.ok([{"name": name, **task} for name, task in steps])
    assert [run.result(name)["changed"] for name, _task in steps] == [True, False, True, False, True]
    assert len(sandbox.log("RequestNewProjectRetest")) == 2
    assert sandbox.log("RequestNewProjectRetest")[0]["body"] == {
        "retesting_window_start": "2030-12-01T00:00:00.000Z",
        "retesting_window_end": "2030-12-08T00:00:00.000Z",
        "vulnerability_ids": [WEBAPP_1],
    }


def wish(*ids, **options):
    return {"project_id": PROJECT, "vulnerability_ids": list(ids), **WINDOW, **options}


def held(*ids, start="2030-12-01", end="2030-12-08"):
    return {"do": "request_round", "ids": list(ids), "start": start, "end": end}


# {case: (what people did before, options, outcome, outcome of the rerun, open rounds in the end, words of the message)}
CASES = {
    "requested": ([], wish(WEBAPP_1, WEBAPP_2), "changed", "ok", [2], []),
    "requested, held already": ([held(WEBAPP_1)], wish(WEBAPP_1), "ok", "ok", [2], []),
    "requested, some held": ([held(WEBAPP_1)], wish(WEBAPP_1, WEBAPP_2), "changed", "ok", [2, 3], []),
    "requested, held by two": ([held(WEBAPP_1), held(WEBAPP_2)], wish(WEBAPP_1, WEBAPP_2), "ok", "ok", [2, 3], []),
    "requested, each id twice": ([], wish(WEBAPP_1, WEBAPP_1.upper()), "changed", "ok", [2], []),
    "requested, some closed": ([], wish(WEBAPP_1, CLOSED), "changed", "ok", [2], []),
    "requested, all closed": ([], wish(CLOSED), "ok", "ok", [], []),
    "requested, not ready": (
        [],
        wish(WEBAPP_1, NOT_READY, OTHER_NOT_READY),
        "failed",
        "failed",
        [],
        [NOT_READY, OTHER_NOT_READY, "attackforge_vulnerability"],
    ),
    "requested, not in the project": ([], wish(WEBAPP_1, ELSEWHERE), "failed", "failed", [], [ELSEWHERE]),
    "requested, hidden": ([], wish(HIDDEN), "failed", "failed", [], [HIDDEN]),
    "requested, of every kind": (
        [held(WEBAPP_1)],
        wish(WEBAPP_1, WEBAPP_2, CLOSED, NOT_READY, ELSEWHERE),
        "failed",
        "failed",
        [2],
        [NOT_READY, ELSEWHERE],
    ),
    "requested, without end": (
        [],
        {name: value for name, value in wish(WEBAPP_1).items() if name != "window_end"},
        "changed",
        "ok",
        [2],
        [],
    ),
    "keep": ([held(WEBAPP_1)], wish(WEBAPP_1, **LATER), "ok", "ok", [2], []),
    "replace": (
        [held(WEBAPP_1, WEBAPP_2)],
        wish(WEBAPP_2, WEBAPP_1, on_window_change="replace", **LATER),
        "changed",
        "ok",
        [3],
        [],
    ),
    "replace, and one more": (
        [held(WEBAPP_1)],
        wish(WEBAPP_1, WEBAPP_2, on_window_change="replace", **LATER),
        "changed",
        "ok",
        [3],
        [],
    ),
    "replace, same window": ([held(WEBAPP_1)], wish(WEBAPP_1, on_window_change="replace"), "ok", "ok", [2], []),
    "replace, also others": (
        [held(WEBAPP_1, WEBAPP_2)],
        wish(WEBAPP_1, on_window_change="replace", **LATER),
        "failed",
        "failed",
        [2],
        [WEBAPP_2, "round 2"],
    ),
    "replace, one not ready": (
        [held(WEBAPP_1, WEBAPP_2), {"do": "unready", "id": WEBAPP_1}],
        wish(WEBAPP_1, WEBAPP_2, on_window_change="replace", **LATER),
        "failed",
        "failed",
        [2],
        [WEBAPP_1],
    ),
    "fail": (
        [held(WEBAPP_1)],
        wish(WEBAPP_1, on_window_change="fail", **LATER),
        "failed",
        "failed",
        [2],
        ["round 2", "on_window_change"],
    ),
    "fail, counted from now": (
        [held(WEBAPP_1)],
        wish(WEBAPP_1, on_window_change="fail", window_start="now", window_end="+3d"),
        "ok",
        "ok",
        [2],
        [],
    ),
    "doubled": ([held(WEBAPP_1), held(WEBAPP_1)], wish(WEBAPP_1), "ok", "ok", [2, 3], []),
    "doubled, cancel": (
        [held(WEBAPP_1), held(WEBAPP_1)],
        wish(WEBAPP_1, on_duplicate="cancel"),
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


@pytest.fixture(scope="module", name="matrix", params=["process", "module"])
def fixture_matrix(request, tmp_path_factory, running_sandbox):
    """Each case as a check run, a real run and a rerun, one after the other in one play."""
    tasks = []
    cases = CASES if request.param == "process" else {name: CASES[name] for name in list(CASES)[::6]}
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
    return Plays(tmp_path_factory.mktemp("matrix"), running_sandbox, request.param).ok(tasks), cases


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
            assert set(yaml.safe_load(done["diff"][when])) == {"open_rounds"}, name


def test_a_rerun_tells_the_same_round(matrix):
    for name, run, (_acts, _options, real, _rerun, rounds, _words) in each(matrix):
        if real != "failed" and rounds and "state" not in CASES[name][1]:
            done, rerun = run.result(f"{name}: real"), run.result(f"{name}: rerun")
            assert rerun["retest"] == done["retest"] and done["retest"]["round"] == rounds[-1], name
            assert "request" not in rerun and rerun["vulnerabilities"]["requested"] == []


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


def test_a_window_may_be_written_in_every_form(anywhere):
    play = "- hosts: localhost\n  gather_facts: false\n  tasks:\n"
    for number, (form, _sent) in enumerate(FORMS):
        play += (
            "    - name: form %d\n      attackforge.retest.attackforge_retest:\n        project_id: %s\n"
            "        vulnerability_ids: [%s]\n        retesting_window_start: %s\n        window_end: +2d\n"
            "      check_mode: true\n" % (number, PROJECT, WEBAPP_1, form)
        )
    run = anywhere.ok(play)
    assert [run.result("form %d" % number)["request"]["retesting_window_start"] for number in range(len(FORMS))] == [
        sent for _form, sent in FORMS
    ]


def test_windows_that_count_from_now_end_when_they_should(plays, sandbox):
    run = plays.ok(
        [
            task("request", "retest", **wish(WEBAPP_1, window_start="+12h", window_end="+1w")),
            task("rerun", "retest", **wish(WEBAPP_1, window_start="+12h", window_end="+1w", on_window_change="fail")),
        ]
    )
    window = sandbox.books()["rounds"][-1]["window"]
    days = [int(re.sub(r"\D", "", window[bound][8:10])) for bound in ("start", "end")]
    assert (days[1] - days[0]) % 7 == 0 or window["start"][5:7] != window["end"][5:7]
    assert window["start"][11:] == window["end"][11:]
    assert [run.outcome(name) for name in ("request", "rerun")] == ["changed", "ok"]


def test_a_key_that_may_only_request_needs_no_preflight(anywhere, sandbox):
    key = sandbox.keys["request-only"]
    run = anywhere.ok(
        [
            task("with", "retest", **wish(WEBAPP_1), api_key=key),
            task("check", "retest", **wish(WEBAPP_1), api_key=key, preflight=False)
            | {"check_mode": True, "diff": True},
            task("without", "retest", **wish(WEBAPP_1), api_key=key, preflight=False) | {"diff": True},
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


def test_options_come_from_the_group_the_environment_and_the_task(tmp_path, sandbox):
    for mode in ("process", "module"):
        sandbox.reset()
        (tmp_path / mode).mkdir()
        run = Plays(tmp_path / mode, sandbox, mode).ok(
            [
                {
                    "name": "group",
                    RETEST: {"vulnerability_ids": [WEBAPP_1], **WINDOW},
                    "module_defaults": {
                        "group/attackforge.retest.attackforge": {
                            "project_id": PROJECT,
                            "base_url": sandbox.url + "/",
                            "api_key": sandbox.key,
                            "timeout": 9,
                        }
                    },
                },
                {
                    "name": "environment",
                    RETEST: wish(WEBAPP_1),
                    "environment": {
                        "ATTACKFORGE_BASE_URL": sandbox.url,
                        "ATTACKFORGE_API_KEY": sandbox.key,
                        "ATTACKFORGE_RETRIES": "2",
                        "ATTACKFORGE_TIMEOUT": "7.5",
                        "ATTACKFORGE_VALIDATE_CERTS": "no",
                    },
                },
                {
                    "name": "task",
                    RETEST: wish(WEBAPP_1, base_url=sandbox.url, api_key=sandbox.key, retries=1),
                    "environment": {"ATTACKFORGE_RETRIES": "2"},
                },
                {**task("neither", "retest", **wish(WEBAPP_1))},
            ],
            environment={
                "ATTACKFORGE_BASE_URL": "",
                "ATTACKFORGE_API_KEY": "",
                "ATTACKFORGE_TIMEOUT": "8",
                "ANSIBLE_INJECT_INVOCATION": "true",
            },
        )
        given = {name: run.result(name)["invocation"]["module_args"] for name in ("group", "environment", "task")}
        assert [run.outcome(name) for name in given] == ["changed", "ok", "ok"]
        assert [given[name]["timeout"] for name in given] == [9, 7.5, 8]
        assert [given[name]["retries"] for name in given] == [4, 2, 1]
        assert given["environment"]["validate_certs"] is False
        assert run.outcome("neither") == "failed" and "base_url" in run.result("neither")["msg"]


def test_a_path_before_the_api_is_kept(tmp_path):
    with Sandbox(prefix="/tenant/one") as sandbox:
        run = Plays(tmp_path, sandbox).ok(
            [
                task("as given", "retest", **wish(WEBAPP_1)),
                task("with a slash", "retest", **wish(WEBAPP_1), base_url=sandbox.url + "/"),
            ]
        )
        assert [run.outcome(name) for name in ("as given", "with a slash")] == ["changed", "ok"]
        assert {row["path"][:18] for row in sandbox.log()} == {"/tenant/one/api/ss"}


def test_it_works_over_https_with_a_private_ca(tmp_path):
    with Sandbox(tls=True) as sandbox:
        for mode, outcomes in (("process", ["changed", "ok"]), ("module", ["ok", "ok"])):
            (tmp_path / mode).mkdir()
            run = Plays(tmp_path / mode, sandbox, mode).ok(
                [
                    task("option", "retest", **wish(WEBAPP_1), ca_path=sandbox.ca),
                    {
                        **task("environment", "retest", **wish(WEBAPP_1)),
                        "environment": {"ATTACKFORGE_CA_PATH": sandbox.ca},
                    },
                ]
            )
            assert [run.outcome(name) for name in ("option", "environment")] == outcomes
        assert sandbox.books()["open_rounds"] == [2]


def test_a_play_in_check_mode_writes_nothing(anywhere, sandbox):
    run = anywhere.ok(
        [
            task(
                "mark",
                "vulnerability",
                project_id=PROJECT,
                vulnerability_ids=[NOT_READY],
                status="retest",
                remediation_note="Fixed.",
            ),
            task("request", "retest", **wish(WEBAPP_1, NOT_READY, assume_ready=[NOT_READY])),
        ],
        check=True,
        diff=True,
    )
    assert [run.outcome(name) for name in ("mark", "request")] == ["changed", "changed"]
    assert sandbox.log() and sandbox.writes() == []


REPLACE = dict(
    project_id=PROJECT,
    vulnerability_ids=[WEBAPP_1, WEBAPP_2],
    on_window_change="replace",
    timeout=2,
    retries=1,
    **LATER,
)


@pytest.mark.parametrize("refusal", ["no grant", "not ready any more"])
def test_a_replacement_that_stops_half_way_says_that_the_round_is_cancelled(plays, sandbox, refusal):
    if refusal == "no grant":
        sandbox.fault("status", "RequestNewProjectRetest", code=403, times=-1)
    else:
        sandbox.switch(cancel_changes_status="clears_ready")
    run = plays.ok([steer("people", act=[held(WEBAPP_1, WEBAPP_2)]), task("replace", "retest", **REPLACE)])
    result = run.result("replace")
    assert run.outcome("replace") == "failed" and result["changed"]
    assert sandbox.books()["open_rounds"] == []
    assert "nothing was changed" not in result["msg"]
    assert re.search("round 2 .*cancelled", result["msg"], re.IGNORECASE)


def test_replacing_works_also_where_numbers_are_given_again(plays):
    run = plays.ok(
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


def test_a_note_is_left_out_only_where_it_says_the_same(plays):
    tasks = []
    for number, (first, second, note_type, _same) in enumerate(NOTES):
        tasks.append(steer("%d" % number, reset=True))
        for name, note in (("first", first), ("second", second)):
            tasks.append(
                task(
                    "%d %s" % (number, name),
                    "vulnerability",
                    project_id=PROJECT,
                    vulnerability_ids=[WEBAPP_1],
                    remediation_note=note,
                    note_type=note_type,
                )
            )
    run = plays.ok(tasks)
    assert {run.outcome("%d first" % number) for number in range(len(NOTES))} == {"changed"}
    found = [(second, run.outcome("%d second" % number)) for number, (_first, second, *_rest) in enumerate(NOTES)]
    assert found == [(second, "ok" if same else "changed") for _first, second, _type, same in NOTES]
