# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers that no service should give: bounded in time and memory, a clear error, and nothing is sent."""

from __future__ import annotations

import http.server
import json
import re
import resource
import threading

import pytest

from tests.integration.calls import Calls
from tests.integration.plays import steer, task
from tests.sandbox.control import Sandbox

PROJECT = "66333e1d110ab5acf8a4354e"
WEBAPP_1, CLOSED = "6639508f50523053f459d29f", "6639508f50523053f459d2a6"
REQUEST = dict(
    project_id=PROJECT,
    vulnerability_ids=[WEBAPP_1],
    retesting_window_start="2030-12-01",
    retesting_window_end="2030-12-08",
)
MEGABYTES = 700  # of memory; generous, but far from what reading on without end would take

HISTORY = "project.project_retesting_history"
IN_PROJECT = [
    "project",
    HISTORY,
    HISTORY + ".0",
    *(
        HISTORY + ".0." + name
        for name in (
            "retesting_round",
            "retesting_round_status",
            "retesting_window_start",
            "retesting_window_end",
            "retesting_round_vulnerabilities",
            "retesting_round_vulnerabilities.0",
            "retesting_round_vulnerabilities.0.vulnerability_id",
            "retesting_round_vulnerabilities.0.vulnerability_alternate_id",
            "retesting_round_vulnerabilities.0.vulnerability_title",
            "retesting_round_retested_vulnerabilities",
            "retesting_round_retested_vulnerabilities.0.vulnerability_id",
        )
    ),
]
# In a round that is finished these are not needed: what cannot be read is a warning, and no reason to fail.
OPEN_ROUND = [path.replace(".0", ".1", 1) for path in IN_PROJECT if ".0" in path]
IN_PAGE = [
    "count",
    "vulnerabilities",
    "vulnerabilities.0",
    *(
        "vulnerabilities.0." + name
        for name in (
            "vulnerability_id",
            "vulnerability_alternate_id",
            "vulnerability_title",
            "vulnerability_status",
            "vulnerability_status_updated",
            "vulnerability_retest",
            "vulnerability_priority",
            "vulnerability_tags",
            "vulnerability_tags.0",
            "vulnerability_affected_asset_name",
            "vulnerability_affected_assets",
            "vulnerability_affected_assets.0",
            "vulnerability_affected_assets.0.asset",
            "vulnerability_affected_assets.0.asset.name",
            "vulnerability_remediation_notes",
            "vulnerability_remediation_notes.0",
            "vulnerability_remediation_notes.0.note",
            "vulnerability_remediation_notes.0.note_html",
            "vulnerability_remediation_notes.0.created",
        )
    ),
]
# What a finished round held, and what was tested in a round, decides nothing in this request.
DO_NOT_MATTER = re.compile(r".*\.0\.retesting_round_vulnerabilities.*|.*\.retesting_round_retested_vulnerabilities.*")
VALUES = {
    "null": None,
    "a number": -7.5,
    "a text": "\u0000x",
    "a list": [[]],
    "an object": {"a": {}},
    "nothing there": "remove",
}
PLACES = [("GetProjectById", path) for path in IN_PROJECT + OPEN_ROUND] + [
    ("GetProjectVulnerabilitiesById", path) for path in IN_PAGE
]
QUICK = dict(timeout=0.8, retries=2)


def wrong_tasks():
    """The closed finding has a note, the first round has both lists: there each field is read. The second is open."""
    yield steer("a round", act=[{"do": "request_round", "ids": ["WEBAPP-2"]}])
    for method, path in PLACES:
        for name, value in VALUES.items():
            case = f"{name} at {path}"
            fault = dict(fault="wrong_type", method=method, path=path, times=-1)
            fault.update({"remove": True} if value == "remove" else {"value": value})
            yield steer(case, clear_faults=True, faults=[fault])
            if method == "GetProjectById":
                yield task(case + ":", "retest", **REQUEST, **QUICK) | {"check_mode": True}
            elif "notes" in path:
                yield task(
                    case + ":",
                    "vulnerability",
                    project_id=PROJECT,
                    vulnerability_ids=[CLOSED],
                    status="retest",
                    remediation_note="x",
                    **QUICK,
                ) | {"check_mode": True}
            else:
                yield task(
                    case + ":",
                    "vulnerability_info",
                    project_id=PROJECT,
                    title=".",
                    assets=["x"],
                    alternate_ids=["WEBAPP-8", "WEBAPP-1"],
                    **QUICK,
                )
    yield steer("over", clear_faults=True)


@pytest.fixture(scope="module", name="wrong")
def fixture_wrong(running_sandbox):
    running_sandbox.reset()
    return Calls(running_sandbox).run(wrong_tasks())


@pytest.mark.parametrize("method, path", PLACES)
def test_a_field_of_the_wrong_type_is_named_or_does_no_harm(wrong, method, path):
    name = [part for part in path.split(".") if not part.isdigit()][-1]
    told = 0
    for value in VALUES:
        case = f"{value} at {path}:"
        result = wrong.result(case)
        assert "should not have happened" not in str(result), (case, result)
        texts = [result["msg"]] if wrong.outcome(case) == "failed" else result.get("warnings", [])
        told += bool(texts)
        words = (
            name,
            "has no number",
            "not among the findings",
            "does not add up",
            "does not show which findings",
            "project_id",
        )
        assert all(any(word in text.lower() for word in words) for text in texts), (case, texts)
        assert all(len(text) < 1500 and "Traceback" not in text for text in texts)
    assert told or name == "count" or DO_NOT_MATTER.fullmatch(path), path


@pytest.fixture(name="bounded")
def fixture_bounded(plays):
    """Run a play; hold that no process of it took much memory."""

    def run(tasks):
        done = plays.ok(tasks)
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < MEGABYTES * 1024
        assert "Traceback" not in done.output and "should not have happened" not in done.output
        return done

    return run


def test_an_answer_that_is_too_large_is_not_read(bounded, sandbox):
    run = bounded(
        [
            steer("huge history", faults=[dict(fault="huge", megabytes=110, method="GetProjectById", times=-1)]),
            task("history", "retest", **REQUEST),
            steer(
                "huge page",
                clear_faults=True,
                faults=[dict(fault="huge", megabytes=110, method="GetProjectVulnerabilitiesById", times=-1)],
            ),
            task("page", "vulnerability_info", project_id=PROJECT),
            steer(
                "huge answer",
                clear_faults=True,
                faults=[dict(fault="huge", megabytes=110, method="RequestNewProjectRetest", when="after")],
            ),
            task("request", "retest", **REQUEST),
            steer("over", clear_faults=True),
        ]
    )
    for name in ("history", "page"):
        assert run.outcome(name) == "failed" and "larger than" in run.result(name)["msg"]
    assert run.outcome("request") == "changed"
    assert len(sandbox.log("GetProjectVulnerabilitiesById")) == 2 and len(sandbox.writes()) == 1


def test_a_large_answer_without_sense_is_named(bounded, sandbox):
    run = bounded(
        [
            steer("large", faults=[dict(fault="huge", megabytes=40, method="GetProjectById", times=-1)]),
            task("read", "retest_info", project_id=PROJECT, retries=0),
            task("request", "retest", timeout=5, **REQUEST),
            steer("over", clear_faults=True),
        ]
    )
    assert run.outcome("read") == "ok" or "GetProjectById" in run.result("read")["msg"]
    assert len(str(run.result("read"))) < 5000
    assert sandbox.books()["most_open_rounds_of_a_finding"] <= 1


# Where the history may be another's or is not told, nothing says that a round is not there already.
DOUBTFUL = {
    "another project": dict(path="project.project_id", value="f" * 24),
    "an empty history of a project with rounds": dict(path=HISTORY, value=[]),
    "no history of a project with rounds": dict(path=HISTORY, remove=True),
}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_nothing_is_requested_on_the_word_of_a_doubtful_history(calls, sandbox, name):
    sandbox.act("request_round", ids=REQUEST["vulnerability_ids"])
    sandbox.fault("wrong_type", "GetProjectById", times=-1, **DOUBTFUL[name])
    run = calls.ok([task("request", "retest", timeout=1, retries=0, **REQUEST)])
    assert run.outcome("request") == "failed" and "GetProjectById" in run.result("request")["msg"]
    assert sandbox.writes() == []


@pytest.mark.parametrize("levels", [900, 100_000, 2_000_000])
def test_an_answer_that_is_nested_deep_is_no_answer(bounded, sandbox, levels):
    run = bounded(
        [
            steer(
                "deep",
                faults=[
                    dict(fault="deep", levels=levels, method=method, times=-1)
                    for method in ("GetProjectById", "GetProjectVulnerabilitiesById")
                ],
            ),
            task("history", "retest", **REQUEST, retries=1),
            task("page", "vulnerability_info", project_id=PROJECT, retries=1),
            steer("over", clear_faults=True),
        ]
    )
    for name, method in (("history", "GetProjectById"), ("page", "GetProjectVulnerabilitiesById")):
        assert run.outcome(name) == "failed" and method in run.result(name)["msg"]
        assert len(run.result(name)["msg"]) < 1500
    assert sandbox.writes() == []


class Endless(http.server.BaseHTTPRequestHandler):
    """A service whose pages never end; ``fresh`` says whether each holds findings that were not there before."""

    protocol_version = "HTTP/1.1"
    fresh = True
    asked = 0

    def do_GET(self):
        type(self).asked += 1
        number = type(self).asked if self.fresh else 0
        records = [{"vulnerability_id": f"{number:024x}", "vulnerability_status": "Open"}]
        body = json.dumps({"count": 10**8, "vulnerabilities": records}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


@pytest.mark.parametrize("fresh", [False, True], ids=["the same page", "ever new pages"])
def test_pages_without_end_come_to_an_end(bounded, fresh):
    handler = type("Handler", (Endless,), {"fresh": fresh})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            run = bounded(
                [
                    task(
                        "task",
                        "vulnerability_info",
                        project_id=PROJECT,
                        priorities=["High"],
                        base_url=f"http://127.0.0.1:{int(server.server_port)}",
                    )
                ]
            )
        finally:
            server.shutdown()
    assert run.outcome("task") == "failed" and "GetProjectVulnerabilitiesById" in run.result("task")["msg"]
    assert handler.asked <= 2100


def test_a_history_of_ten_thousand_rounds_is_read():
    rounds = [{"status": "completed", "findings": ["BIG-1"]} for _number in range(9_998)]
    rounds += [{"status": "requested", "findings": ["BIG-1", "BIG-2"]}, {"status": "cancelled", "findings": ["BIG-3"]}]
    seed = {
        "keys": [{"label": "big", "key": "any-eight-characters"}],
        "projects": [
            {
                "id": PROJECT,
                "name": "Everything",
                "code": "BIG",
                "generate": {"count": 3, "ready": 3, "text_kb": 1},
                "rounds": rounds,
            }
        ],
    }
    with Sandbox(seed=seed) as sandbox:
        findings = [row["id"] for row in sandbox.books()["findings"]]
        options = {**REQUEST, "vulnerability_ids": findings}
        run = Calls(sandbox).ok(
            [
                task("request", "retest", **options),
                task("rerun", "retest", **options),
                task("read", "retest_info", project_id=PROJECT, round=9_999),
            ]
        )
        assert [run.outcome(name) for name in ("request", "rerun", "read")] == ["changed", "ok", "ok"]
        assert run.result("request")["retest"]["round"] == 10_001
        assert [one["outcome"] for one in run.result("request")["vulnerabilities"]] == [
            "in_scope",
            "in_scope",
            "requested",
        ]
        assert sandbox.books()["open_rounds"] == [9_999, 10_001]
