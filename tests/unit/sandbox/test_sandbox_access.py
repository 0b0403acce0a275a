# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The three causes of a 403: the grant of the method, the access level in the project, and the project's retesting."""

from __future__ import annotations

import pytest

PROJECT = "66333e1d0000000000000001"
START = "2027-03-23T00:00:00.000Z"


def key(label, **more):
    return {"label": label, "key": f"key-of-{label}", **more}


def seed(*keys, retesting=None):
    findings = [{"title": state, "status": state} for state in ("open", "retest", "closed")]
    rounds = [{"findings": ["ONE-2"]}]
    project = {"name": "one", "code": "ONE", "findings": findings, "rounds": rounds, "retesting": retesting or {}}
    return {"keys": list(keys), "projects": [project, {"name": "two", "code": "TWO"}]}


@pytest.fixture
def levels(sandbox):
    sandbox.reset(seed=seed(*(key(level, access=level) for level in ("edit", "upload", "view"))))
    return sandbox


def ids(sandbox):
    return {item["status"]: item["id"] for item in sandbox.books(PROJECT)["findings"]}


def put(sandbox, state, status, label, **more):
    body = {"projectId": PROJECT, "status": status, **more}
    return sandbox.request("PUT", f"/vulnerability/{ids(sandbox)[state]}", body, key=sandbox.keys[label])[0]


@pytest.mark.parametrize("label", ["view", "upload"])
def test_what_view_and_upload_are_enough_for(levels, label):
    secret = levels.keys[label]
    assert put(levels, "open", "Retest", label) == 200
    levels.act("unready", id="ONE-1")
    assert put(levels, "retest", "Open", label) == 200
    levels.act("mark_ready", id="ONE-2")
    name = ids(levels)["retest"]
    assert levels.request("POST", f"/vulnerability/{name}/remediationNote", {"note": "x"}, key=secret)[0] == 200
    body = {"retesting_window_start": START, "vulnerability_ids": [name]}
    assert levels.request("POST", f"/project/{PROJECT}/retest/request", body, key=secret)[0] == 200


@pytest.mark.parametrize("label, code", [("view", 403), ("upload", 403), ("edit", 200)])
@pytest.mark.parametrize(
    "state, status, more",
    [
        ("open", "Closed", {}),
        ("retest", "Closed", {}),
        ("closed", "Open", {}),
        ("closed", "Retest", {}),
        ("open", "Retest", {"title": "x"}),
    ],
)
def test_what_needs_edit_of_a_finding(levels, label, code, state, status, more):
    assert put(levels, state, status, label, **more) == code


@pytest.mark.parametrize("label, code", [("view", 403), ("upload", 403), ("edit", 200)])
@pytest.mark.parametrize(
    "http, path, body",
    [
        ("POST", "/project/{project}/retest/1/cancel", None),
        ("POST", "/project/{project}/retest/1/complete", None),
        ("PUT", "/project/{project}/retest/1", {"requested_date": START}),
        ("GET", "/vulnerability/{finding}/revision-history", None),
    ],
)
def test_what_needs_edit(levels, label, code, http, path, body):
    path = path.format(project=PROJECT, finding=ids(levels)["open"])
    assert levels.request(http, path, body, key=levels.keys[label])[0] == code


@pytest.mark.parametrize("needed, codes", [("view", [200] * 3), ("upload", [403, 200, 200]), ("edit", [403, 403, 200])])
def test_what_is_not_documented_is_a_switch(levels, needed, codes):
    levels.switch(
        update_vulnerability_access=needed,
        request_access=needed,
        update_round_access=needed,
        update_note_access=needed,
        overlapping_requests="accepted",
    )
    levels.act("add_note", id="ONE-2", note="x")
    note = levels.books(PROJECT)["notes"][0]["id"]
    name = ids(levels)["retest"]
    body = {"retesting_window_start": START, "vulnerability_ids": [name]}
    for label, code in zip(("view", "upload", "edit"), codes):
        secret = levels.keys[label]
        answers = [
            levels.request("PUT", f"/vulnerability/{name}", {"status": "Retest"}, key=secret),
            levels.request("PUT", f"/vulnerability/{name}/remediationNote/{note}", {"note": "y"}, key=secret),
            levels.request("POST", f"/project/{PROJECT}/retest/request", body, key=secret),
            levels.request("PUT", f"/project/{PROJECT}/retest/1", {"completed_date": START}, key=secret),
        ]
        assert [answer[0] for answer in answers] == [code] * 4, label


def test_a_level_for_each_project(sandbox):
    other = "66333e1d0000000000000002"
    sandbox.reset(seed=seed(key("mixed", projects={PROJECT: "View", other: "Edit"}), key("all")))
    secret = sandbox.keys["mixed"]
    assert sandbox.request("POST", f"/project/{PROJECT}/retest/1/cancel", key=secret)[0] == 403
    assert sandbox.request("POST", f"/project/{other}/retest/1/cancel", key=secret)[0] == 404


@pytest.mark.parametrize(
    "retesting, codes",
    [
        ({}, {"view": 200, "edit": 200, "consultant": 200, "admin": 200}),
        ({"project_access_level": "Edit"}, {"view": 403, "edit": 200, "consultant": 200, "admin": 200}),
        ({"roles": ["consultant"]}, {"view": 403, "edit": 403, "consultant": 200, "admin": 200}),
        ({"enabled": False}, {"view": 400, "edit": 400, "consultant": 400, "admin": 400}),
    ],
)
def test_a_project_says_who_may_retest(sandbox, retesting, codes):
    keys = [key("view", access="view"), key("edit"), key("consultant", role="consultant"), key("admin", role="admin")]
    sandbox.reset(seed=seed(*keys, retesting=retesting))
    body = {"retesting_window_start": START, "vulnerability_ids": [ids(sandbox)["retest"]]}
    for label, code in codes.items():
        secret = sandbox.keys[label]
        assert sandbox.request("POST", f"/project/{PROJECT}/retest/request", body, key=secret)[0] == code, label
        assert sandbox.request("GET", f"/project/{PROJECT}", key=secret)[0] == 200
    cancel = [sandbox.request("POST", f"/project/{PROJECT}/retest/1/cancel", key=sandbox.keys["edit"])[0]]
    assert cancel == [codes["edit"]]


def test_a_refusal_may_say_nothing(levels):
    assert (
        "Edit" in levels.request("POST", f"/project/{PROJECT}/retest/1/cancel", key=levels.keys["view"])[1]["message"]
    )
    levels.switch(refusal_text="plain")
    answer = levels.request("POST", f"/project/{PROJECT}/retest/1/cancel", key=levels.keys["view"])
    assert answer == (403, {"message": "Forbidden"})


def test_a_grant_for_each_method(sandbox):
    granted = ["GetVulnerabilities", "GetProjectById"]
    sandbox.reset(seed=seed(key("few", grants=granted), key("all")))
    secret = sandbox.keys["few"]
    assert sandbox.request("GET", "/vulnerabilities", key=secret)[0] == 200
    # The grant comes before everything else that is wrong.
    for path in ("/projects", "/groups", "/vulnerabilities/asset", "/groups/x/projects", "/projects?colour=red"):
        assert sandbox.request("GET", path, key=secret)[0] == 403, path
