# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every endpoint as documented, and the rounds and their history under the switches: over real HTTP."""

from __future__ import annotations

import datetime

import pytest

from tests.sandbox.control import SandboxError

READY = ["6639508f50523053f459d29f", "6639508f50523053f459d2a0", "6639508f50523053f459d2a1"]
OPEN = "6639508f50523053f459d2a3"
CLOSED = "6639508f50523053f459d2a6"
HIDDEN = "6639508f50523053f459d2aa"
OTHER_PROJECT = "66333e1d110ab5acf8a4354f"
START, END = "2027-03-23T00:00:00.000Z", "2027-03-30T00:00:00.000Z"


def ask(sandbox, ids=tuple(READY[:1]), start=START, end=END, **keys):
    body = {"retesting_window_start": start, "vulnerability_ids": list(ids), **keys}
    if end:
        body["retesting_window_end"] = end
    return sandbox.request("POST", f"/project/{sandbox.project_id}/retest/request", body)


def finish(sandbox, number, how="cancel"):
    return sandbox.request("POST", f"/project/{sandbox.project_id}/retest/{number}/{how}")


def project(sandbox):
    code, document = sandbox.request("GET", f"/project/{sandbox.project_id}")
    assert code == 200
    return document.get("project", document)


def history(sandbox):
    return project(sandbox)["project_retesting_history"]


def finding(sandbox, name=READY[0]):
    code, document = sandbox.request("GET", f"/vulnerability/{name}")
    assert code == 200
    return document.get("vulnerability", document)


def findings(sandbox, **query):
    code, document = sandbox.request("GET", f"/project/{sandbox.project_id}/vulnerabilities", **query)
    assert code == 200, document
    return document


# As documented


def test_a_round_is_requested_seen_and_cancelled(sandbox):
    assert ask(sandbox, READY[:2]) == (200, {"status": f"Project retest requested for Project {sandbox.project_id}"})
    row = history(sandbox)[-1]
    assert row["retesting_round"] == 2
    assert row["retesting_round_status"] == "Requested"
    assert (row["retesting_window_start"], row["retesting_window_end"]) == (START, END)
    assert [item["vulnerability_id"] for item in row["retesting_round_vulnerabilities"]] == READY[:2]
    assert row["retesting_round_vulnerabilities"][0]["vulnerability_alternate_id"] == "WEBAPP-1"
    assert row["retesting_round_retested_vulnerabilities"] == []
    assert finish(sandbox, 2) == (200, {"status": "Project Retest Round Cancelled"})
    assert history(sandbox)[-1]["retesting_round_status"] == "Cancelled"
    assert ask(sandbox)[0] == 200
    assert history(sandbox)[-1]["retesting_round"] == 3


def test_a_round_is_completed_with_what_was_retested(sandbox):
    ask(sandbox, READY)
    sandbox.act("close", id="WEBAPP-1")
    sandbox.act("reopen", id=READY[1])
    assert finish(sandbox, 2, "complete") == (200, {"status": "Project retest round marked as completed"})
    row = history(sandbox)[-1]
    assert row["retesting_round_status"] == "Completed"
    assert [item["vulnerability_id"] for item in row["retesting_round_retested_vulnerabilities"]] == READY[:2]
    states = {item["id"]: item["status"] for item in sandbox.books()["findings"]}
    assert [states[name] for name in READY] == ["closed", "open", "retest"]


def test_the_dates_of_a_round_are_updated_and_shown_nowhere(sandbox):
    ask(sandbox)
    path = f"/project/{sandbox.project_id}/retest/2"
    assert sandbox.request("PUT", path, {"requested_date": "2027-01-01"}) == (
        200,
        {"status": "Project Retest Round Updated"},
    )
    assert sandbox.books()["rounds"][-1]["requested_date"] == "2027-01-01T00:00:00.000Z"
    assert "2027-01-01" not in str(project(sandbox))
    assert sandbox.request("PUT", path, {"requested": "2027-01-01"})[0] == 400


def test_a_finding_is_updated_and_noted(sandbox):
    path = f"/vulnerability/{OPEN}"
    body = {"projectId": sandbox.project_id, "status": "Retest"}
    assert sandbox.request("PUT", path, body) == (200, {"result": {"result": "Vulnerability Updated"}})
    assert (finding(sandbox, OPEN)["vulnerability_status"], finding(sandbox, OPEN)["vulnerability_retest"]) == (
        "Open",
        "Yes",
    )
    assert sandbox.request("PUT", path, {"status": "Fixed"})[0] == 400
    assert sandbox.request("PUT", path, {"projectId": OTHER_PROJECT, "status": "Open"})[0] == 400
    code, document = sandbox.request("POST", path + "/remediationNote", {"note": "a < b", "note_type": "PLAINTEXT"})
    assert code == 200
    assert set(document["note"]) == {"id", "note", "note_html", "note_type"}
    note = finding(sandbox, OPEN)["vulnerability_remediation_notes"][-1]
    assert (note["note"], note["note_html"], note["created_by"]) == ("a < b", "<p>a &lt; b</p>", "Dana Deploy")
    assert sandbox.books()["notes"][-1]["finding_id"] == OPEN


def test_counts_of_a_project(sandbox):
    record = project(sandbox)
    assert record["project_retest_vulnerabilities"] == 4
    assert record["project_high_ready_for_retest_vulnerabilities"] == 2
    assert (record["project_retests_requested"], record["project_retests_completed"]) == (1, 1)
    assert record["project_features"]["retesting"]["enabled"] is True


def test_projects_and_their_filters(sandbox):
    def names(**query):
        code, document = sandbox.request("GET", "/projects", **query)
        assert code == 200
        return [item["project_code"] for item in document["projects"]]

    assert names() == ["WEBAPP", "PARTNER"]
    assert names(code="WEBAPP") == names(name="customer portal") == names(q="{code: /^web/i}") == ["WEBAPP"]
    assert names(skip=1) == names(q='{name: {$regex: "API"}}') == ["PARTNER"]
    assert names(status="Completed") == []


def test_pages_and_filters_of_findings(sandbox):
    everything = findings(sandbox)
    assert everything["count"] == len(everything["vulnerabilities"]) == 11
    assert HIDDEN not in str(everything)
    assert [row["vulnerability_id"] for row in findings(sandbox, pendingVulnerabilities="true")["vulnerabilities"]] == [
        HIDDEN
    ]
    page = findings(sandbox, skip=10, limit=5)
    assert (page["count"], len(page["vulnerabilities"])) == (11, 1)
    assert findings(sandbox, priority="Critical")["count"] == 2
    assert findings(sandbox, q='{ is_retest: { $eq: "Yes" } }')["count"] == 4
    assert findings(sandbox, q='{tags: "login", status: "Open"}')["count"] == 2
    now = datetime.datetime.now(datetime.timezone.utc)
    recent = (now - datetime.timedelta(days=86, hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert findings(sandbox, startDate=recent)["count"] == 4
    assert findings(sandbox, endDate=recent)["count"] == 7
    weight = sum(len(str(value)) for value in everything["vulnerabilities"][0].values())
    assert 19_000 < weight < 24_000


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"skip": -1},
        {"limit": "x"},
        {"priority": "Severe"},
        {"q": "{"},
        {"colour": "red"},
        {"pendingVulnerabilities": "maybe"},
        {"startDate": "now"},
    ],
)
def test_wrong_queries(sandbox, query):
    assert sandbox.request("GET", f"/project/{sandbox.project_id}/vulnerabilities", **query)[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"vulnerability_ids": READY},
        {"retesting_window_start": START},
        {"retesting_window_start": START, "vulnerability_ids": []},
        {"retesting_window_start": START, "vulnerability_ids": READY[0]},
        {"retesting_window_start": START, "vulnerability_ids": [1]},
        {"retesting_window_start": 1, "vulnerability_ids": READY},
        {"retesting_window_start": "tomorrow", "vulnerability_ids": READY},
        {"retesting_window_start": START, "retesting_window_end": None, "vulnerability_ids": READY},
        {"retesting_window_start": START, "vulnerability_ids": READY, "extra": 1},
        {"retesting_window_start": END, "retesting_window_end": START, "vulnerability_ids": READY},
        {"retesting_window_start": START, "vulnerability_ids": [READY[0], OPEN]},
        {"retesting_window_start": START, "vulnerability_ids": [READY[0], CLOSED]},
        {"retesting_window_start": START, "vulnerability_ids": [READY[0], "6639508f50523053f459d3b0"]},
    ],
)
def test_wrong_requests_change_nothing(sandbox, body):
    assert sandbox.request("POST", f"/project/{sandbox.project_id}/retest/request", body)[0] == 400
    assert len(sandbox.books()["rounds"]) == 1
    assert sandbox.books()["commits"] == []


def test_unknown_things(sandbox):
    nobody = "66333e1d110ab5acf8a40000"
    for http, path, body in (
        ("GET", f"/project/{nobody}", None),
        ("GET", "/project/x", None),
        ("GET", f"/vulnerability/{nobody}", None),
        ("GET", f"/project/{nobody}/vulnerabilities", None),
        ("PUT", f"/vulnerability/{nobody}", {"status": "Open"}),
        ("POST", f"/project/{sandbox.project_id}/retest/9/cancel", None),
        ("GET", "/nothing", None),
        ("DELETE", f"/project/{sandbox.project_id}", None),
    ):
        assert sandbox.request(http, path, body)[0] == 404, path


# Keys


def test_grants(sandbox):
    assert sandbox.request("GET", "/projects", key="")[0] == 401
    assert sandbox.request("GET", "/projects", key="no-such-key")[0] == 401
    path = f"/project/{sandbox.project_id}"
    assert sandbox.request("GET", path, key=sandbox.keys["request-only"])[0] == 403
    body = {"retesting_window_start": START, "vulnerability_ids": READY}
    assert sandbox.request("POST", path + "/retest/request", body, key=sandbox.keys["request-only"])[0] == 200
    assert sandbox.request("POST", path + "/retest/request", body, key=sandbox.keys["reader"])[0] == 403
    assert sandbox.request("GET", path, key=sandbox.keys["reader"])[0] == 200
    sandbox.switch(no_grant_code=401, bad_key_code=403)
    assert sandbox.request("GET", path, key=sandbox.keys["request-only"])[0] == 401
    assert sandbox.request("GET", path, key="no-such-key")[0] == 403


def test_a_key_sees_only_its_projects_and_only_edits_with_edit(sandbox):
    key = {"label": "narrow", "key": "narrow-key-1", "projects": ["66333e1d0000000000000002"], "access": "view"}
    projects = [
        {"name": name, "code": name.upper(), "findings": [{"title": "x", "status": "retest"}]}
        for name in ("one", "two")
    ]
    sandbox.reset(seed={"keys": [key], "projects": projects})
    assert sandbox.key == "narrow-key-1"
    assert [item["project_code"] for item in sandbox.request("GET", "/projects")[1]["projects"]] == ["TWO"]
    assert sandbox.request("GET", "/project/66333e1d0000000000000001")[0] == 404
    ids = [sandbox.books("66333e1d0000000000000002")["findings"][0]["id"]]
    path = "/project/66333e1d0000000000000002/retest"
    body = {"retesting_window_start": START, "vulnerability_ids": ids}
    assert sandbox.request("POST", path + "/request", body)[0] == 200
    assert sandbox.request("POST", path + "/1/cancel")[0] == 403
    sandbox.switch(request_access="edit")
    assert sandbox.request("POST", path + "/request", body)[0] == 403


# Switches: how it reads


def test_history_per_action_in_every_order(sandbox):
    sandbox.switch(history_rows="per_action")
    ask(sandbox)
    finish(sandbox, 2)

    def rows():
        return [(row["retesting_round"], row["retesting_round_status"]) for row in history(sandbox)]

    in_order = [(1, "Requested"), (1, "Completed"), (2, "Requested"), (2, "Cancelled")]
    assert rows() == in_order
    sandbox.switch(history_order="newest_first")
    assert rows() == in_order[::-1]
    sandbox.switch(history_order="shuffled")
    assert sorted(rows()) == sorted(in_order)
    assert rows() == rows() != in_order


@pytest.mark.parametrize("value, shown", [("list", []), ("null", None), ("missing", "nothing")])
def test_history_of_a_project_without_rounds(sandbox, value, shown):
    sandbox.switch(history_empty=value)
    record = sandbox.request("GET", f"/project/{OTHER_PROJECT}")[1]["project"]
    assert record.get("project_retesting_history", "nothing") == shown


def test_history_lags(sandbox):
    sandbox.switch(history_lag=2)
    ask(sandbox)
    assert [len(history(sandbox)) for _read in range(4)] == [1, 1, 2, 2]


def test_spellings(sandbox):
    sandbox.switch(status_case="upper", cancelled_spelling="Canceled")
    sandbox.switch(round_number_type="string", window_format="offset")
    ask(sandbox)
    finish(sandbox, 2)
    row = history(sandbox)[-1]
    assert (row["retesting_round_status"], row["retesting_round"]) == ("CANCELED", "2")
    assert row["retesting_window_start"] == "2027-03-23T02:00:00.000+02:00"
    assert finding(sandbox)["vulnerability_retest"] == "YES"
    sandbox.switch(window_format="no_millis", status_case="lower")
    assert history(sandbox)[-1]["retesting_window_start"] == "2027-03-23T00:00:00Z"
    assert finding(sandbox)["vulnerability_status"] == "open"


@pytest.mark.parametrize(
    "value, status, flag", [("flag", "Open", "Yes"), ("flag_true", "Open", True), ("status_retest", "Retest", "No")]
)
def test_ready_reads_back(sandbox, value, status, flag):
    sandbox.switch(ready_reads_back=value)
    record = finding(sandbox)
    assert (record["vulnerability_status"], record["vulnerability_retest"]) == (status, flag)
    assert finding(sandbox, CLOSED)["vulnerability_status"] == "Closed"
    assert findings(sandbox, q='{is_retest: "Yes"}')["count"] == 4
    sandbox.switch(ready_query="as_shown")
    assert findings(sandbox, q='{is_retest: "Yes"}')["count"] == (4 if value == "flag" else 0)


def test_window_ends(sandbox):
    ask(sandbox, end=None)
    assert "retesting_window_end" not in history(sandbox)[-1]
    sandbox.switch(no_window_end="null")
    assert history(sandbox)[-1]["retesting_window_end"] is None
    sandbox.switch(window_end="missing")
    assert not any("retesting_window_end" in row for row in history(sandbox))
    sandbox.switch(window_end="null")
    assert all(row["retesting_window_end"] is None for row in history(sandbox))


def test_a_window_expires(sandbox):
    ask(sandbox, start="2025-01-01", end="2025-01-02")
    assert history(sandbox)[-1]["retesting_round_status"] == "Requested"
    sandbox.switch(window_expires="yes")
    assert history(sandbox)[-1]["retesting_round_status"] == "Completed"
    assert sandbox.books()["open_rounds"] == []
    assert finish(sandbox, 2)[0] == 400


def test_wrappers_links_extra_keys_and_nulls(sandbox):
    sandbox.switch(wrapped="no", project_link="id", extra_keys="yes", nulls="yes")
    _code, document = sandbox.request("GET", f"/vulnerability/{OPEN}")
    assert document["vulnerability_project_id"] == sandbox.project_id
    assert document["vulnerability_target_remediation_date"] is None
    assert document["vulnerability_remediation_notes"] is None
    assert "x_unknown" in document and "x_unknown" in document["vulnerability_affected_assets"][0]["asset"]
    assert "project_id" in sandbox.request("GET", f"/project/{sandbox.project_id}")[1]


@pytest.mark.parametrize("value, count", [("total", 11), ("page", 3), ("too_high", 511), ("missing", None)])
def test_count(sandbox, value, count):
    sandbox.switch(count=value)
    assert findings(sandbox, limit=3).get("count") == count


def test_pages_are_smaller_than_asked(sandbox):
    sandbox.switch(page_cap=4)
    assert len(findings(sandbox, limit=10)["vulnerabilities"]) == 4
    assert findings(sandbox, limit=600)["count"] == 11
    sandbox.switch(limit_over_500="refused")
    path = f"/project/{sandbox.project_id}/vulnerabilities"
    assert sandbox.request("GET", path, limit=600)[0] == 400


def test_support_of_q(sandbox):
    path, query = f"/project/{sandbox.project_id}/vulnerabilities", f'{{id: ObjectId("{OPEN}")}}'
    assert findings(sandbox, q=query)["count"] == 1
    sandbox.switch(q_support="ids_never_match")
    assert findings(sandbox, q=query)["count"] == 0
    sandbox.switch(q_support="ignored")
    assert findings(sandbox, q=query)["count"] == 11
    sandbox.switch(q_support="refused")
    assert sandbox.request("GET", path, q=query)[0] == 400


# Switches: what may be asked, and what it does


@pytest.mark.parametrize(
    "rule, with_id, without",
    [("accepted", 200, 200), ("refused", 400, 200), ("refused_422", 422, 200), ("required", 200, 400)],
)
def test_project_id_in_put(sandbox, rule, with_id, without):
    sandbox.switch(project_id_in_put=rule)
    path = f"/vulnerability/{OPEN}"
    assert sandbox.request("PUT", path, {"projectId": sandbox.project_id, "status": "Retest"})[0] == with_id
    assert sandbox.request("PUT", path, {"status": "Retest"})[0] == without


def test_other_names_for_the_project_in_a_write(sandbox):
    path, note = f"/vulnerability/{OPEN}", f"/vulnerability/{OPEN}/remediationNote"
    named = {"project_id": sandbox.project_id, "status": "Retest"}

    def answers():
        return [
            sandbox.request("PUT", path, named)[0],
            sandbox.request("PUT", path, {"status": "Retest"}, projectId=sandbox.project_id)[0],
            sandbox.request("PUT", path, {"status": "Retest"}, projectId=OTHER_PROJECT)[0],
            sandbox.request("POST", note, {"project_id": sandbox.project_id, "note": "x"})[0],
        ]

    assert answers() == [400] * 4
    sandbox.switch(project_id_forms="any")
    assert answers() == [200, 200, 400, 200]
    sandbox.switch(project_id_in_put="required")
    assert sandbox.request("PUT", path, named)[0] == 200


def test_overlaps_and_several_open_rounds(sandbox):
    assert [ask(sandbox)[0], ask(sandbox)[0]] == [200, 200]
    books = sandbox.books()
    assert books["open_rounds_by_finding"] == {READY[0]: [2, 3]}
    assert books["most_open_rounds_of_a_finding"] == 2
    assert [deed["method"] for deed in books["commits"]] == ["RequestNewProjectRetest"] * 2
    sandbox.switch(overlapping_requests="refused")
    assert ask(sandbox)[0] == 409
    assert ask(sandbox, READY[1:2])[0] == 200
    sandbox.switch(overlapping_requests="accepted", several_open_rounds="refused")
    assert ask(sandbox, READY[2:3])[0] == 409


def test_what_is_dropped(sandbox):
    sandbox.switch(not_ready_requests="dropped", unknown_ids="dropped")
    ask(sandbox, [READY[0], OPEN, "6639508f50523053f4590000"])
    assert sandbox.books()["rounds"][-1]["scope"] == READY[:1]
    sandbox.switch(drop_last="yes")
    ask(sandbox, READY)
    assert sandbox.books()["rounds"][-1]["scope"] == READY[:2]
    sandbox.switch(drop_last="no", not_ready_requests="accepted")
    ask(sandbox, [READY[0], OPEN])
    assert sandbox.books()["rounds"][-1]["scope"] == [READY[0], OPEN]


def test_windows_that_are_refused(sandbox):
    assert ask(sandbox, start="2025-01-01", end="2025-01-02")[0] == 200
    sandbox.switch(past_window_end="refused", end_before_start="accepted")
    assert ask(sandbox, start="2025-01-01", end="2025-01-02")[0] == 400
    assert ask(sandbox, start=END, end=START)[0] == 200


@pytest.mark.parametrize("value", ["ok", "400", "404", "409"])
def test_a_finished_round_is_finished_again(sandbox, value):
    sandbox.switch(finished_round_again=value)
    assert finish(sandbox, 1)[0] == (200 if value == "ok" else int(value))
    assert sandbox.books()["rounds"][0]["status"] == "completed"
    assert sandbox.books()["commits"] == []


def test_numbers_are_given_again(sandbox):
    sandbox.switch(round_numbering="reused_after_cancel")
    ask(sandbox)
    finish(sandbox, 2)
    ask(sandbox)
    assert [item["number"] for item in sandbox.books()["rounds"]] == [1, 2, 2]
    finish(sandbox, 2, "complete")
    assert [item["status"] for item in sandbox.books()["rounds"]] == ["completed", "cancelled", "completed"]


@pytest.mark.parametrize(
    "switch, how",
    [("request_changes_status", None), ("cancel_changes_status", "cancel"), ("complete_changes_status", "complete")],
)
def test_rounds_change_findings(sandbox, switch, how):
    sandbox.switch(**{switch: "clears_ready"})
    ask(sandbox)
    if how:
        assert finding(sandbox)["vulnerability_retest"] == "Yes"
        finish(sandbox, 2, how)
    assert (finding(sandbox)["vulnerability_status"], finding(sandbox)["vulnerability_retest"]) == ("Open", "No")


def test_completion(sandbox):
    ask(sandbox)
    sandbox.switch(complete_untested="refused")
    assert finish(sandbox, 2, "complete")[0] == 400
    sandbox.switch(completed_date="completes")
    sandbox.request("PUT", f"/project/{sandbox.project_id}/retest/2", {"completed_date": END})
    assert sandbox.books()["rounds"][-1]["status"] == "completed"


# Switches: how it is answered


def test_answers_of_writes(sandbox):
    sandbox.switch(write_code=201, status_text="empty")
    assert ask(sandbox) == (201, {"status": ""})
    sandbox.switch(status_text="failure_2xx")
    code, document = ask(sandbox, READY[1:2])
    assert code == 201 and "Error" in document["status"]
    assert finish(sandbox, 2)[0] == 201
    assert sandbox.request("PUT", f"/vulnerability/{OPEN}", {"status": "Retest"})[0] == 201
    assert len(sandbox.books()["commits"]) == 1


@pytest.mark.parametrize("shape", ["message", "error", "detail", "nested", "text", "html", "empty"])
def test_shapes_of_errors(sandbox, shape):
    sandbox.switch(error_shape=shape, validation_shape="as_other_errors", invalid_code="422")
    code, document = sandbox.request("GET", "/projects", limit=0)
    assert code == 422
    if shape in ("message", "error", "detail"):
        assert list(document) == [shape]
    elif shape == "nested":
        assert list(document["error"]) == ["message"]
    else:
        assert isinstance(document, str) and bool(document) == (shape != "empty")


def test_connection_close_may_be_required(sandbox):
    sandbox.switch(connection_close="required")
    # urllib always sends it.
    assert sandbox.request("GET", "/projects")[0] == 200


# The control API


def test_switches_that_do_not_exist(sandbox):
    before = sandbox.switches()
    with pytest.raises(SandboxError, match="total, page, missing, too_high"):
        sandbox.switch(wrapped="no", count="guessed")
    with pytest.raises(SandboxError, match="there is no switch 'colour'"):
        sandbox.switch(colour="red")
    assert sandbox.switches() == before


def test_people_act(sandbox):
    sandbox.act("request_round", ids=["WEBAPP-1", "WEBAPP-2"], start="now", end="+7d")
    sandbox.act("unready", id="WEBAPP-2")
    sandbox.act("mark_ready", ids=["WEBAPP-5", "WEBAPP-6"])
    sandbox.act("hide", id="WEBAPP-7")
    sandbox.act("unhide", id="WEBAPP-12")
    sandbox.act("add_note", id="WEBAPP-5", note="done")
    added = sandbox.act("add_finding", title="New one", priority="Low", tags=["t"])
    books = sandbox.books()
    states = {item["alternate_id"]: (item["status"], item["hidden"]) for item in books["findings"]}
    assert states["WEBAPP-2"] == states["WEBAPP-12"] == states[added["alternate_id"]] == ("open", False)
    assert states["WEBAPP-5"] == ("retest", False)
    assert states["WEBAPP-7"] == ("open", True)
    assert books["rounds"][-1]["retested"] == []
    assert sandbox.act("complete_round") == {"project_id": sandbox.project_id, "round": 2}
    with pytest.raises(SandboxError, match="no open round"):
        sandbox.act("cancel_round")
    for wrong in (
        {"do": "dance"},
        {"do": "close"},
        {"do": "close", "id": "X-1"},
        {"do": "hide", "id": "WEBAPP-1", "x": 1},
    ):
        with pytest.raises(SandboxError):
            sandbox.act(**wrong)


def test_the_log_has_everything_but_the_key(sandbox):
    ask(sandbox)
    sandbox.request("GET", "/projects", name=sandbox.key)
    sandbox.request("GET", "/projects", key="some-wrong-key")
    first, second, third = sandbox.log()
    assert (first["method"], first["http"], first["key"], first["status"]) == (
        "RequestNewProjectRetest",
        "POST",
        "demo",
        200,
    )
    assert first["body"]["vulnerability_ids"] == READY[:1]
    assert first["committed"] and first["key_header"] and "x-ssapi-key" in first["header_names"]
    assert first["headers"]["content-type"] == "application/json"
    assert first["key_elsewhere"] == [] and second["key_elsewhere"] == ["url"]
    assert (third["key"], third["status"]) == ("unknown key", 401)
    assert sandbox.key not in str(sandbox.log()) and "some-wrong-key" not in str(sandbox.log())
    assert sandbox.writes() == [first]
    sandbox.clear_log()
    assert sandbox.log() == []


def test_reset_goes_back_to_the_start(sandbox):
    ask(sandbox)
    sandbox.switch(wrapped="no")
    sandbox.fault("close", times=-1)
    sandbox.reset()
    assert sandbox.log() == [] and sandbox.faults() == [] and sandbox.switches()["wrapped"] == "yes"
    assert len(history(sandbox)) == 1
