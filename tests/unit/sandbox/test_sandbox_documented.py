# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists over the tenant, the documented parameters, and what records hold: over real HTTP."""

from __future__ import annotations

import pytest

WEBAPP, PARTNER = "66333e1d110ab5acf8a4354e", "66333e1d110ab5acf8a4354f"
READY, OPEN, CLOSED, HIDDEN = (f"6639508f50523053f459d{end}" for end in ("29f", "2a3", "2a6", "2aa"))
KEY = {"label": "all", "key": "all-of-it-1"}
SHOP = {
    "keys": [
        KEY,
        {"label": "narrow", "key": "narrow-key-1", "projects": ["66333e1d0000000000000002"], "groups": ["Blue"]},
        {"label": "chief", "key": "chief-key-1", "role": "admin", "groups": ["Blue"]},
    ],
    "groups": [{"name": "Blue", "custom_fields": {"floor": "3"}}, {"name": "Red"}],
    "projects": [
        {
            "name": "Shop front",
            "code": "FRONT",
            "vulnerability_code": "SF",
            "organization_code": "ORG1",
            "groups": ["Blue"],
            "status": "Waiting to Start",
            "start": "2026-01-10",
            "end": "2026-01-20",
            "created": "2026-03-01",
            "scope": ["shop.example.com", "API.example.com"],
            "streams": {"Retail": ["Customers", "Europe"]},
            "custom_fields": {"cost": "4711", "owner": "Ann"},
            "custom_tags": {"is_pci": "Yes"},
        },
        {
            "name": "Shop back",
            "code": "BACK",
            "groups": ["Blue", "Red"],
            "start": "2026-02-10",
            "end": "2026-02-20",
            "created": "2026-01-01",
            "findings": [
                {
                    "title": "CVE-2026-1111 in a library",
                    "linked_to": ["66333e1d0000000000000001"],
                    "assets": ["db.example.com"],
                    "custom_fields": {"cve": "CVE-2026-1111", "team": "blue"},
                    "custom_tags": {"is_pci": "Yes"},
                    "target_remediation_date": "2026-07-01",
                    "release_date": "2026-06-01",
                    "created": "2026-02-11",
                },
                {"title": "Other", "assets": ["shop.example.com"], "created": "2026-02-15", "priority": "High"},
            ],
        },
    ],
}
FRONT, BACK = "66333e1d0000000000000001", "66333e1d0000000000000002"


@pytest.fixture
def shop(sandbox):
    sandbox.reset(seed=SHOP)
    return sandbox


def titles(sandbox, path, **query):
    code, document = sandbox.request("GET", path, **query)
    assert code == 200, document
    assert document["count"] == len(document["vulnerabilities"])
    return [row["vulnerability_title"] for row in document["vulnerabilities"]]


def codes(sandbox, path="/projects", **query):
    code, document = sandbox.request("GET", path, **query)
    assert code == 200, document
    return [row["project_code"] for row in document["projects"]]


def one(sandbox, name, **query):
    code, document = sandbox.request("GET", f"/vulnerability/{name}", **query)
    assert code == 200, document
    return document["vulnerability"]


# Findings over the tenant


def test_findings_of_all_projects(sandbox):
    code, document = sandbox.request("GET", "/vulnerabilities")
    assert code == 200 and document["count"] == len(document["vulnerabilities"]) == 14
    projects = {project["id"] for row in document["vulnerabilities"] for project in row["vulnerability_projects"]}
    assert projects == {WEBAPP, PARTNER}
    page = sandbox.request("GET", "/vulnerabilities", skip=12, limit=5)[1]
    assert (page["count"], len(page["vulnerabilities"])) == (14, 2)


@pytest.mark.parametrize("name", ["q", "q_vulnerability"])
def test_a_query_over_the_tenant(sandbox, name):
    query = '{ $and: [ { tags: { $in: ["release-2026.12"] } }, { is_retest: { $eq: "Yes" } } ] }'
    assert len(titles(sandbox, "/vulnerabilities", **{name: query})) == 5
    both = {"q": query, "q_vulnerability": query}
    assert sandbox.request("GET", "/vulnerabilities", **both)[0] == 400


def test_a_query_on_writeups(sandbox):
    assert titles(sandbox, "/vulnerabilities", q_writeup="{ title: { $regex: /JavaScript/i } }") == [
        "Outdated JavaScript library with a known denial of service"
    ]
    assert titles(sandbox, "/vulnerabilities", q_writeup="{ remediation_recommendation: { $regex: /TODO/ } }") == []
    path = f"/project/{WEBAPP}/vulnerabilities"
    assert sandbox.request("GET", path, q_writeup='{ title: "x" }')[0] == 400


def test_findings_of_an_asset(shop):
    assert titles(shop, "/vulnerabilities/asset", name="db.example.com") == ["CVE-2026-1111 in a library"]
    assert titles(shop, "/vulnerabilities/asset", name="example.com") == []
    shop.switch(asset_match="part")
    assert len(titles(shop, "/vulnerabilities/asset", name="example.com")) == 2
    assert shop.request("GET", "/vulnerabilities/asset")[0] == 400
    assert shop.request("GET", "/vulnerabilities/asset", name=["a", "b"])[0] == 400


def test_groups_and_what_is_in_them(shop):
    code, document = shop.request("GET", "/groups")
    assert code == 200 and document["count"] == 2
    blue, red = document["groups"]
    assert (blue["group_name"], red["group_name"]) == ("Blue", "Red")
    assert blue["group_custom_fields"] == [{"key": "floor", "value": "3", "type": "Field"}]
    assert codes(shop, f"/groups/{blue['group_id']}/projects") == ["FRONT", "BACK"]
    assert codes(shop, f"/groups/{red['group_id']}/projects") == ["BACK"]
    assert titles(shop, f"/groups/{blue['group_id']}/vulnerabilities", priority="High") == ["Other"]
    # Neither paging nor q is documented of a group's projects.
    for query in ({"limit": 1}, {"q": "{}"}):
        assert shop.request("GET", f"/groups/{red['group_id']}/projects", **query)[0] == 400
    assert shop.request("GET", "/groups/67300000000000000000ffff/projects")[0] == 404


def test_a_user_sees_groups_and_projects_of_its_own(shop):
    narrow = shop.keys["narrow"]
    groups = shop.request("GET", "/groups", key=narrow)[1]["groups"]
    assert [group["group_name"] for group in groups] == ["Blue"]
    blue, red = (group["group_id"] for group in shop.request("GET", "/groups")[1]["groups"])
    projects = shop.request("GET", f"/groups/{blue}/projects", key=narrow)[1]["projects"]
    assert [project["project_code"] for project in projects] == ["BACK"]
    assert shop.request("GET", f"/groups/{red}/vulnerabilities", key=narrow)[0] == 404
    assert shop.request("GET", "/groups", key=narrow, allGroups="true")[0] == 403
    everything = shop.request("GET", "/groups", key=shop.keys["chief"], allGroups="true")[1]
    assert everything["count"] == 2


def test_a_finding_in_two_projects(shop):
    name = shop.request("GET", f"/project/{FRONT}/vulnerabilities")[1]["vulnerabilities"][0]["vulnerability_id"]
    record = one(shop, name)
    assert [(item["id"], item["code"], item["name"]) for item in record["vulnerability_projects"]] == [
        (BACK, "BACK", "Shop back"),
        (FRONT, "FRONT", "Shop front"),
    ]
    assert record["vulnerability_alternate_id"] == "BACK-1"
    assert titles(shop, f"/project/{BACK}/vulnerabilities") == ["CVE-2026-1111 in a library", "Other"]
    assert titles(shop, "/vulnerabilities").count("CVE-2026-1111 in a library") == 1
    for project in (FRONT, BACK):
        body = {"projectId": project, "status": "Retest"}
        assert shop.request("PUT", f"/vulnerability/{name}", body)[0] == 200
    shop.act("request_round", id=name, project_id=FRONT)
    assert shop.books(FRONT)["open_rounds_by_finding"] == {name: [1]}
    shop.act("close", id=name)
    assert shop.books(FRONT)["rounds"][0]["retested"] == [name]


def test_a_finding_is_linked_to_one_more_project(sandbox):
    sandbox.act("link", id="WEBAPP-1", project_id=PARTNER)
    record = one(sandbox, READY)
    assert [item["id"] for item in record["vulnerability_projects"]] == [WEBAPP, PARTNER]
    assert record["vulnerability_title"] in titles(sandbox, f"/project/{PARTNER}/vulnerabilities")


def test_the_other_forms_of_the_link_to_a_project(sandbox):
    sandbox.switch(project_link="id")
    record = one(sandbox, READY)
    assert "vulnerability_projects" not in record
    assert [record[f"vulnerability_project_{part}"] for part in ("id", "name", "code")] == [
        WEBAPP,
        "Customer Portal",
        "WEBAPP",
    ]
    sandbox.switch(project_link="both")
    assert {"vulnerability_projects", "vulnerability_project_id"} <= set(one(sandbox, READY))


# Fields of q


@pytest.mark.parametrize(
    "query",
    [
        '{ custom_fields: { $elemMatch: { name: { $eq: "cve" }, value: { $eq: "CVE-2026-1111" } } } }',
        '{ custom_tags: { $elemMatch: { name: { $eq: "is_pci" }, value: { $eq: "Yes" } } } }',
        '{ target_remediation_date: { $lte: datetime("2026-07-01", "+1 minute") } }',
        '{ "release_date": { "$gte": datetime("2026-05-31") } }',
        "{ title: { $regex: /cve-2026-1111/i } }",
    ],
)
def test_documented_fields_of_findings(shop, query):
    assert titles(shop, "/vulnerabilities", q=query) == ["CVE-2026-1111 in a library"]


@pytest.mark.parametrize("field", ["project", "project_id", "group_names", "assets", "asset", "cve", "notes", "code"])
def test_fields_of_findings_that_do_not_exist(shop, field):
    for path in ("/vulnerabilities", f"/project/{BACK}/vulnerabilities"):
        code, document = shop.request("GET", path, q=f'{{ {field}: {{ $eq: "x" }} }}')
        assert code == 400
        assert document["error"]["details"] == [{"path": ["query", "q"], "info": f"there is no field {field}"}]


@pytest.mark.parametrize(
    "query",
    [
        f'{{ id: {{ $in: [ObjectId("{FRONT}")] }} }}',
        "{ code: { $regex: /^FR/ } }",
        '{ status: { $eq: "Waiting to Start" } }',
        '{ org_code: { $eq: "ORG1" } }',
        '{ vuln_code: { $eq: "SF" } }',
        '{ custom_fields: { $elemMatch: { name: { $eq: "owner" }, value: { $eq: "Ann" } } } }',
        '{ custom_tags: { $elemMatch: { name: { $eq: "is_pci" }, value: { $eq: "Yes" } } } }',
        '{ end_date: { $lt: datetime("2026-02-01", "isostring") } }',
        '{ created: { $gte: datetime("2026-02-01") } }',
    ],
)
def test_documented_fields_of_projects(shop, query):
    assert codes(shop, q=query) == ["FRONT"]


@pytest.mark.parametrize("spelling, known", [("group_names", ["group_names"]), ("groups_names", ["groups_names"])])
def test_names_of_groups_in_a_query(shop, spelling, known):
    shop.switch(q_group_names=spelling)
    for name in ("group_names", "groups_names"):
        code, document = shop.request("GET", "/projects", q=f'{{ {name}: {{ $in: ["Red"] }} }}')
        assert code == (200 if name in known else 400)
        assert code == 400 or [row["project_code"] for row in document["projects"]] == ["BACK"]


@pytest.mark.parametrize(
    "switch, as_object, as_text", [("objectid", 1, 0), ("text", 0, 1), ("both", 1, 1), ("in_refused", 1, 0)]
)
def test_how_ids_match(sandbox, switch, as_object, as_text):
    sandbox.switch(q_ids=switch)
    path = f"/project/{WEBAPP}/vulnerabilities"
    assert len(titles(sandbox, path, q=f'{{ id: {{ $eq: ObjectId("{READY}") }} }}')) == as_object
    assert len(titles(sandbox, path, q=f'{{ "id": {{ "$eq": "{READY}" }} }}')) == as_text
    code = sandbox.request("GET", path, q=f'{{ id: {{ $in: [ObjectId("{READY}")] }} }}')[0]
    assert code == (400 if switch == "in_refused" else 200)


# Parameters of GetProjects


@pytest.mark.parametrize(
    "query, found",
    [
        ({"asset_name": "api.example"}, ["FRONT"]),
        ({"asset_name": "api.example", "assets_match_case": "true"}, []),
        ({"asset_name": "API.example", "assets_match_case": "true"}, ["FRONT"]),
        ({"asset_name": "^shop.example.com$"}, ["FRONT", "BACK"]),
        ({"asset_name": "^hop.example.com$"}, []),
        ({"asset_name": ["db.", "api."]}, ["FRONT", "BACK"]),
        ({"status": "Waiting-to-Start"}, ["FRONT"]),
        ({"status": "Testing"}, ["BACK"]),
        ({"startDate": "2026-02-01T00:00:00.000Z"}, ["BACK"]),
        ({"endDate": "2026-02-01T00:00:00.000Z"}, ["FRONT"]),
        ({"startDate": "2026-01-01T00:00:00.000Z", "endDate": "2026-02-01T00:00:00.000Z"}, ["FRONT"]),
        ({"name": "SHOP"}, ["FRONT", "BACK"]),
        ({"code": "back"}, ["BACK"]),
    ],
)
def test_parameters_of_projects(shop, query, found):
    assert codes(shop, **query) == found


def test_parameters_of_projects_under_their_switches(shop):
    shop.switch(project_name_match="exact", project_dates="created", asset_names_join="and")
    assert codes(shop, name="shop") == []
    assert codes(shop, name="shop back") == ["BACK"]
    assert codes(shop, startDate="2026-02-01T00:00:00.000Z") == ["FRONT"]
    assert codes(shop, asset_name=["db.", "api."]) == []
    assert codes(shop, asset_name=["shop.", "api."]) == ["FRONT"]


@pytest.mark.parametrize("query", [{"status": "Overrun"}, {"name": ["a", "b"]}, {"asset": "x"}, {"group": "x"}])
def test_wrong_parameters_of_projects(shop, query):
    assert shop.request("GET", "/projects", **query)[0] == 400


def test_a_project_in_a_list_is_whole(shop):
    assert shop.act("request_round", id="BACK-1")["round"] == 1
    front, back = shop.request("GET", "/projects")[1]["projects"]
    assert [row["retesting_round_status"] for row in back["project_retesting_history"]] == ["Requested"]
    assert back["project_retests_requested"] == 1 and front["project_retesting_history"] == []
    assert front["project_scope"] == ["shop.example.com", "API.example.com"]
    assert [row["name"] for row in front["project_scope_details"]] == front["project_scope"]
    assert [row["name"] for row in back["project_groups"]] == ["Blue", "Red"]
    assert front["project_streams"][0]["name"] == "Retail"
    assert [row["name"] for row in front["project_streams"][0]["stream_portfolios"]] == ["Customers", "Europe"]
    assert front["project_custom_fields"] == [
        {"key": "cost", "value": "4711", "type": "Field"},
        {"key": "owner", "value": "Ann", "type": "Field"},
        {"key": "is_pci", "value": "Yes", "type": "Tag"},
    ]
    assert (front["project_organization_code"], front["project_vulnerability_code"]) == ("ORG1", "SF")
    assert [(row["access_level"], row["role"]) for row in front["project_team"]] == [
        ("Edit", "Client"),
        ("Edit", "Admin"),
    ]
    assert front["project_features"]["retesting"]["access"] == {
        "project_access_level": "View",
        "roles": ["client", "consultant", "librarymod"],
    }
    # The database is on the front's list, too: its finding is linked.
    assert (front["project_total_vulnerabilities"], back["project_open_vulnerabilities"]) == (1, 2)


@pytest.mark.parametrize("value, shown", [("full", 1), ("empty", 0), ("missing", None)])
def test_histories_in_lists(shop, value, shown):
    shop.act("request_round", id="BACK-1")
    shop.switch(list_history=value)
    record = shop.request("GET", "/projects", code="BACK")[1]["projects"][0]
    rows = record.get("project_retesting_history")
    assert (None if rows is None else len(rows)) == shown
    assert len(shop.request("GET", f"/project/{BACK}")[1]["project"]["project_retesting_history"]) == 1


# Custom fields


def test_which_custom_fields_an_answer_has(shop):
    name = shop.request("GET", f"/project/{BACK}/vulnerabilities")[1]["vulnerabilities"][0]["vulnerability_id"]

    def keys(**query):
        return [row["key"] for row in one(shop, name, **query)["vulnerability_custom_fields"]]

    assert keys() == ["cve", "team", "is_pci"]
    assert keys(vulnerability_cf_key_allowlist=["cve", "is_pci"]) == ["cve", "is_pci"]
    assert keys(vulnerability_cf_key_allowlist="") == []
    assert keys(vulnerability_cf_key_blocklist=["cve", "team"]) == ["is_pci"]
    assert one(shop, name, altCustomFields="true")["vulnerability_custom_fields"] == {
        "fields": {"cve": "CVE-2026-1111", "team": "blue"},
        "tags": {"is_pci": "Yes"},
    }
    linked = one(shop, name, project_cf_key_allowlist="owner")["vulnerability_projects"][1]
    assert [row["key"] for row in linked["custom_fields"]] == ["owner"]
    project = shop.request("GET", f"/project/{FRONT}", project_cf_key_allowlist="cost")[1]["project"]
    assert [row["key"] for row in project["project_custom_fields"]] == ["cost"]
    listed = shop.request("GET", "/projects", cf_key_blocklist="cost")[1]["projects"][0]
    assert [row["key"] for row in listed["project_custom_fields"]] == ["owner", "is_pci"]
    assert shop.request("GET", f"/project/{FRONT}", cf_key_allowlist="cost")[0] == 400


def test_old_tenants_refuse_lists_of_custom_fields(shop):
    shop.switch(cf_key_lists="refused")
    assert shop.request("GET", "/projects", cf_key_allowlist="")[0] == 400
    assert shop.request("GET", "/projects", asset_name="x")[0] == 200


# Hidden findings


def test_a_hidden_finding_by_its_id(sandbox):
    path = f"/vulnerability/{HIDDEN}"
    assert sandbox.request("GET", path)[0] == 404
    assert one(sandbox, HIDDEN, pending="true")["vulnerability_id"] == HIDDEN
    assert one(sandbox, READY, pending="true")["vulnerability_id"] == READY
    sandbox.switch(pending_vulnerability="only")
    assert sandbox.request("GET", f"/vulnerability/{READY}", pending="true")[0] == 404
    sandbox.switch(pending_vulnerability="ignored")
    assert sandbox.request("GET", path)[0] == 200


def test_hidden_findings_alone_or_added(sandbox):
    path = f"/project/{WEBAPP}/vulnerabilities"
    assert len(titles(sandbox, path, pendingVulnerabilities="true")) == 1
    sandbox.switch(pending_vulnerabilities="adds")
    assert len(titles(sandbox, path, pendingVulnerabilities="true")) == 12


# Notes and revisions


def test_who_changed_what(sandbox):
    sandbox.act("close", id="WEBAPP-1", reason="Risk accepted")
    sandbox.request("PUT", f"/vulnerability/{OPEN}", {"priority": "Low", "status": "Retest"})
    code, document = sandbox.request("GET", f"/vulnerability/{READY}/revision-history")
    assert code == 200
    row = document["revisionHistory"][0]
    assert set(row) == {"id", "field", "before", "after", "created", "user"}
    assert (row["field"], row["before"], row["after"]) == ("status", "Open", "Closed")
    assert (row["user"]["firstName"], row["user"]["lastName"]) == ("Terry", "Tester")
    rows = sandbox.request("GET", f"/vulnerability/{OPEN}/revision-history")[1]["revisionHistory"]
    assert [(row["field"], row["after"], row["user"]["firstName"]) for row in rows] == [
        ("is_retest", "Yes", "Dana"),
        ("priority", "Low", "Dana"),
    ]


@pytest.mark.parametrize("switch, by_people, by_api", [("always", 1, 1), ("by_people", 1, 0), ("never", 0, 0)])
def test_closing_leaves_a_note(sandbox, switch, by_people, by_api):
    sandbox.switch(closing_note=switch)
    sandbox.act("close", id="WEBAPP-1", reason="Risk accepted")
    sandbox.act("close", id="WEBAPP-1", reason="Closed already")
    sandbox.request("PUT", f"/vulnerability/{OPEN}", {"status": "Closed"})
    notes = one(sandbox, READY)["vulnerability_remediation_notes"]
    assert [(note["note"], note["created_by"]) for note in notes] == [
        ("Issue Closed: Risk accepted", "Terry Tester")
    ] * by_people
    notes = one(sandbox, OPEN)["vulnerability_remediation_notes"]
    assert [note["note"] for note in notes] == ["Issue Closed: Issue has been fixed"] * by_api


def test_a_note_is_updated(sandbox):
    note = one(sandbox, CLOSED)["vulnerability_remediation_notes"][0]
    path = f"/vulnerability/{CLOSED}/remediationNote/{note['id']}"
    body = {"projectId": WEBAPP, "note": "<b>x</b>", "note_type": "RICHTEXT"}
    assert sandbox.request("PUT", path, body) == (200, {"status": "ok"})
    changed = one(sandbox, CLOSED)["vulnerability_remediation_notes"][0]
    assert (changed["note"], changed["note_html"], changed["created"]) == ("<b>x</b>", "<b>x</b>", note["created"])
    assert sandbox.request("PUT", path, {"note": ""})[0] == 400
    assert sandbox.request("PUT", path, {"note": "x", "colour": "red"})[0] == 400
    assert sandbox.request("PUT", path.replace(note["id"], READY), {"note": "x"})[0] == 404


def test_other_documented_keys_of_a_finding(sandbox):
    body = {
        "projectId": WEBAPP,
        "title": "New title",
        "priority": "Low",
        "tags": ["a"],
        "is_zeroday": True,
        "likelihood_of_exploitation": 2,
        "custom_fields": [{"key": "team", "value": "blue"}],
        "custom_tags": [{"name": "is_pci", "value": "No"}],
        "description": "x",
        "linked_testcases": [],
        "created": "2026-01-02T00:00:00.000Z",
        "affected_assets": [{"assetName": "a.example.com"}],
    }
    assert sandbox.request("PUT", f"/vulnerability/{OPEN}", body)[0] == 200
    record = one(sandbox, OPEN)
    assert (record["vulnerability_title"], record["vulnerability_priority"]) == ("New title", "Low")
    assert (record["vulnerability_tags"], record["vulnerability_is_zeroday"]) == (["a"], "Yes")
    assert [(row["key"], row["type"]) for row in record["vulnerability_custom_fields"]] == [
        ("team", "Field"),
        ("is_pci", "Tag"),
    ]
    assert record["vulnerability_status"] == "Open"
    assert record["vulnerability_created"] == "2026-01-02T00:00:00.000Z"
    assert [row["asset"]["name"] for row in record["vulnerability_affected_assets"]] == ["a.example.com"]
    for wrong in ({"priority": "Severe"}, {"tags": [1]}, {"likelihood_of_exploitation": 11}, {"project_id": WEBAPP}):
        assert sandbox.request("PUT", f"/vulnerability/{OPEN}", wrong)[0] == 400
    assert sandbox.request("PUT", f"/vulnerability/{OPEN}", {"is_deleted": True})[0] == 200
    assert sandbox.request("GET", f"/vulnerability/{OPEN}")[0] == 404


# What is not valid


def test_all_that_is_wrong_is_told_with_its_path(sandbox):
    body = {"retesting_window_end": 5, "vulnerability_ids": "x", "colour": "red"}
    code, document = sandbox.request("POST", f"/project/{WEBAPP}/retest/request", body)
    assert code == 400
    assert (document["code"], document["message"]) == ("VALIDATION_FAILED", "Request validation failed")
    assert document["error"]["details"] == [
        {"path": ["body", "retesting_window_end"], "info": "must be a string"},
        {"path": ["body", "vulnerability_ids"], "info": "must be an array"},
        {"path": ["body", "colour"], "info": "is not a key of this method"},
    ]
    body = {"retesting_window_start": "soon", "vulnerability_ids": [READY]}
    document = sandbox.request("POST", f"/project/{WEBAPP}/retest/request", body)[1]
    assert document["error"]["details"] == [{"path": ["body", "retesting_window_start"], "info": "must be ISO8601"}]
    body = {"retesting_window_start": "2027-01-01", "vulnerability_ids": [READY, OPEN, "x"]}
    document = sandbox.request("POST", f"/project/{WEBAPP}/retest/request", body)[1]
    assert [row["path"] for row in document["error"]["details"]] == [
        ["body", "vulnerability_ids", 1],
        ["body", "vulnerability_ids", 2],
    ]


@pytest.mark.parametrize(
    "shape, keys, inside",
    [
        ("details", ["code", "message", "error"], ["error"]),
        ("bare", ["code", "error"], ["error"]),
        ("nested", ["error"], ["error"]),
        ("flat", ["code", "message", "details"], []),
    ],
)
def test_shapes_of_a_validation_error(sandbox, shape, keys, inside):
    sandbox.switch(validation_shape=shape, validation_path="text")
    document = sandbox.request("GET", "/projects", limit=0)[1]
    assert list(document) == keys
    for name in inside:
        document = document[name]
    assert document["details"] == [{"path": "query.limit", "info": "must be an integer from 1"}]
