# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Searches, against a server on bare sockets: lists that add up, findings by name, projects by code."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from ansible_collections.attackforge.retest.plugins.module_utils import _search as search_module
from ansible_collections.attackforge.retest.plugins.module_utils._answers import vulnerabilities_page
from ansible_collections.attackforge.retest.plugins.module_utils._errors import Refused, StateError, UnexpectedAnswer
from ansible_collections.attackforge.retest.plugins.module_utils._projects import ProjectSelection
from ansible_collections.attackforge.retest.plugins.module_utils._search import (
    PAGE_SIZE,
    find_over_tenant,
    find_projects,
    find_vulnerabilities,
    read_list,
    read_vulnerability,
    resolve_project,
    select_over_tenant,
    select_projects,
    select_vulnerabilities,
)
from ansible_collections.attackforge.retest.plugins.module_utils._vulnerabilities import Selection
from ansible_collections.attackforge.retest.tests.unit.wire import (
    PROJECT,
    Server,
    answer,
    client,
    clock,
    failure,
    reply,
)

__all__ = ["clock"]


# Pages


def record(number, **more):
    return dict(
        vulnerability_id=f"{number:024x}",
        vulnerability_title=f"Title {int(number)}",
        vulnerability_status="Open",
        vulnerability_retest="Yes",
        **more,
    )


def pages(total, cap=500, count="total", q=True):
    """A service with so many findings; ``q``: True, 400, "ignored" or "never"."""
    records = [record(number) for number in range(total)]

    def page(request):
        asked = {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}
        found = records
        if "q" in asked:
            if isinstance(q, int) and q is not True:
                return q, {"message": "Unknown field"}
            if q is True:
                wanted = json.dumps(asked["q"])
                found = [one for one in records if one["vulnerability_id"] in wanted]
            elif q == "never":
                found = []
        skip, limit = int(asked["skip"]), min(int(asked["limit"]), cap)
        shown = found[skip : skip + limit]
        counts = {"total": len(found), "page": len(shown), "more": len(found) + 250, "less": 3, "text": str(len(found))}
        return dict({"vulnerabilities": shown}, **({} if count is None else {"count": counts[count]}))

    return reply(page)


def all_of(one):
    def fetch(skip):
        answered = one.get_project_vulnerabilities(PROJECT, skip=skip, limit=PAGE_SIZE)
        return vulnerabilities_page("GetProjectVulnerabilitiesById", answered)

    return [int(found.id, 16) for found in read_list(one, "GetProjectVulnerabilitiesById", fetch, lambda found: True)]


@pytest.mark.parametrize(
    "total, count, requests",
    [
        (0, "total", 1),
        (0, None, 1),
        (3, "total", 1),
        (3, "page", 1),
        (3, None, 2),
        (3, "text", 1),
        (500, "total", 2),
        (500, None, 2),
        (501, "total", 2),
        (501, None, 2),
        (501, "page", 2),
        (1000, "total", 2),
        (1000, "page", 3),
        (1000, None, 3),
        (1200, "total", 3),
        (1200, "page", 3),
        (1200, None, 3),
    ],
)
def test_every_finding_is_read_once_with_few_requests(total, count, requests):
    with Server(pages(total, count=count)) as server:
        assert all_of(client(server.url)) == list(range(total))
    assert len(server.requests) == requests
    assert all("limit=500" in sent.target for sent in server.requests)


@pytest.mark.parametrize("total, cap, requests", [(250, 100, 3), (200, 100, 2), (100, 100, 1)])
def test_a_service_with_smaller_pages_is_read_to_the_end_by_its_count(total, cap, requests):
    with Server(pages(total, cap=cap)) as server:
        assert all_of(client(server.url)) == list(range(total))
    assert len(server.requests) == requests


@pytest.mark.parametrize("total, requests", [(250, 3), (200, 3), (100, 2), (1, 2)])
def test_without_a_count_smaller_pages_are_read_until_one_is_shorter_or_empty(total, requests):
    with Server(pages(total, cap=100, count=None)) as server:
        assert all_of(client(server.url)) == list(range(total))
    assert len(server.requests) == requests


@pytest.mark.parametrize(("total", "count", "said"), [(3, "more", "3 of 253"), (1200, "less", "1200 of 3")])
def test_a_list_that_does_not_hold_what_it_counts_is_an_error(total, count, said):
    with Server(pages(total, count=count)) as server:
        assert f"the list does not add up: {said} records" in str(failure(client(server.url), all_of, UnexpectedAnswer))


def test_a_list_with_a_record_twice_is_read_again():
    first, second = ({"vulnerabilities": [record(one) for one in ids], "count": 3} for ids in ([1, 2, 2], [1, 2, 3]))
    with Server(answer(200, first), answer(200, second)) as server:
        assert all_of(client(server.url)) == [1, 2, 3]
    assert len(server.requests) == 2


def test_a_list_that_shrinks_while_it_is_read_is_read_again():
    def page(request):
        skip = int(parse_qs(urlsplit(request.target).query)["skip"][0])
        total = 600 if len(seen) < 2 and not skip else 599  # one leaves after the first page, once
        seen.append(skip)
        records = [record(number) for number in range(600 - total, 600)][skip : skip + 500]
        return {"vulnerabilities": records, "count": total}

    seen: list[int] = []
    with Server(reply(page)) as server:
        assert all_of(client(server.url)) == list(range(1, 600))
    assert len(server.requests) == 4


def test_a_list_that_never_adds_up_is_an_error_with_both_numbers():
    with Server(answer(200, {"vulnerabilities": [record(number) for number in range(500)], "count": 1200})) as server:
        error = failure(client(server.url), all_of, UnexpectedAnswer)
    assert "the list does not add up: 500 of 1200 records were read" in str(error) and len(server.requests) == 8


@pytest.mark.parametrize("total", [3, 500, 700])
def test_a_service_that_ignores_skip_but_has_sent_all_that_it_counts_is_read(total):
    page = {"vulnerabilities": [record(number) for number in range(total)], "count": total}
    with Server(answer(200, page)) as server:
        assert all_of(client(server.url)) == list(range(total))
    assert len(server.requests) <= 2


def test_a_short_page_that_comes_again_without_a_count_is_all_there_is():
    with Server(answer(200, {"vulnerabilities": [record(1), record(2)]})) as server:
        assert all_of(client(server.url)) == [1, 2]
    assert len(server.requests) == 2


def test_pages_without_end_are_bounded(monkeypatch):
    monkeypatch.setattr(search_module, "MAX_PAGES", 4)

    def page(request):
        skip = int(parse_qs(urlsplit(request.target).query)["skip"][0])
        return {"vulnerabilities": [record(skip + number) for number in range(500)]}

    with Server(reply(page)) as server:
        assert "4 pages" in str(failure(client(server.url), all_of))
    assert len(server.requests) == 4


# Findings by id


def found_by(one, *numbers):
    found = find_vulnerabilities(one, PROJECT, [f"{number:024x}" for number in numbers])
    assert all(finding.id == finding_id for finding_id, finding in found.items())
    return sorted(int(finding_id, 16) for finding_id in found)


def test_no_ids_are_no_request():
    with Server() as server:
        assert find_vulnerabilities(client(server.url), PROJECT, ()) == {}
    assert server.requests == []


def test_the_service_filters_the_ids():
    with Server(pages(1200)) as server:
        assert found_by(client(server.url), 3, 1100) == [3, 1100]
    (sent,) = server.requests
    query = parse_qs(urlsplit(sent.target).query)["q"][0]
    assert query == f'{{ id: {{ $in: [ObjectId("{3:024x}"), ObjectId("{1100:024x}")] }} }}'


@pytest.mark.parametrize("q", [400, 422, "ignored", "never"])
def test_findings_are_found_whatever_becomes_of_the_query(q):
    with Server(pages(1200, q=q)) as server:
        assert found_by(client(server.url), 3, 1100) == [3, 1100]
    assert len(server.requests) <= 6


def test_a_finding_that_is_nowhere_is_left_out():
    with Server(pages(600)) as server:
        assert found_by(client(server.url), 3, 9000) == [3]
    assert len(server.requests) == 1  # that ids can be asked for so was seen by the other one


def test_many_ids_go_into_several_short_queries():
    with Server(pages(300)) as server:
        assert found_by(client(server.url), *range(120)) == list(range(120))
    assert 2 <= len(server.requests) <= 4
    assert all(len(sent.target) < 2000 for sent in server.requests)


def test_what_an_ignored_query_brought_is_not_asked_for_again():
    with Server(pages(300, q="ignored")) as server:
        assert found_by(client(server.url), *range(120)) == list(range(120))
    assert len(server.requests) == 1


def test_what_a_query_leaves_out_is_not_missing():
    def page(request):
        query = parse_qs(urlsplit(request.target).query).get("q", [""])[0]
        found = [] if "sla" in query else [record(1)]
        return {"vulnerabilities": found, "count": len(found)}

    wanted = Selection(ids=(f"{1:024x}", f"{2:024x}"), query="{ sla: { $eq: 1 } }")
    with Server(reply(page)) as server:
        assert select_vulnerabilities(client(server.url), PROJECT, wanted) == ([], [f"{2:024x}"])


@pytest.mark.parametrize(
    "alternate_ids, missing, requests",
    [(["WEB-1"], [], 1), (["web-1", "WEB-3"], [], 2), (["WEB-9"], ["WEB-9"], 3), (["WEB-9", "WEB-2"], ["WEB-9"], 3)],
)
def test_names_of_either_kind_are_missed(alternate_ids, missing, requests):
    records = [record(number, vulnerability_alternate_id=f"WEB-{int(number)}") for number in (1, 2, 3)]

    def page(request):
        query = parse_qs(urlsplit(request.target).query).get("q", [None])[0]
        found = [
            one
            for one in records
            if query is None
            or one["vulnerability_id"] in query
            or one["vulnerability_alternate_id"].lower() in query.lower()
        ]
        return {"vulnerabilities": found, "count": len(found)}

    wanted = Selection(ids=(f"{1:024x}", f"{2:024x}"), alternate_ids=tuple(alternate_ids))
    with Server(reply(page)) as server:
        found, missed = select_vulnerabilities(client(server.url), PROJECT, wanted)
    assert [one.alternate_id for one in found] == [
        name for name in ("WEB-1", "WEB-2") if name.lower() in map(str.lower, alternate_ids)
    ]
    assert missed == missing and len(server.requests) == requests


@pytest.mark.parametrize(
    ("form", "requests"),
    [
        (r'\{ id: \{ \$in: \[ObjectId\("', 1),
        (r'\{ \$or: \[\{ id: \{ \$eq: ObjectId\("', 2),
        (r'\{ id: \{ \$in: \["', 3),
        ("nothing", 4),
    ],
)
@pytest.mark.parametrize("otherwise", ["refused", "nothing found"])
def test_the_form_of_ids_that_a_tenant_understands_is_learned(form, requests, otherwise):
    def page(request):
        query = parse_qs(urlsplit(request.target).query).get("q", [None])[0]
        if query is None or re.match(form, query):
            return {"vulnerabilities": [record(7)], "count": 1}
        return (400, {"message": "bad q"}) if otherwise == "refused" else {"vulnerabilities": [], "count": 0}

    with Server(reply(page)) as server:
        one = client(server.url)
        assert found_by(one, 7) == [7] and len(server.requests) == requests
        assert found_by(one, 7) == [7] and len(server.requests) == requests + 1


def project(number, **more):
    return dict(project_id=f"{number:024x}", project_name=f"Shop {number}", project_code=f"S{number}", **more)


@pytest.mark.parametrize("reference", ["S2", " s2", "shop 2", "SHOP 2"])
@pytest.mark.parametrize("q", [True, 400])
def test_a_project_is_found_by_its_code_or_name(reference, q):
    def page(request):
        asked = "q=" in request.target
        if asked and q is not True:
            return q, {"message": "bad q"}
        projects = [project(2)] if asked else [project(1), project(2), project(3)]
        return {"projects": projects, "count": len(projects)}

    with Server(reply(page)) as server:
        assert resolve_project(client(server.url), reference) == f"{2:024x}"


def test_an_id_of_a_project_is_looked_up_nowhere():
    assert resolve_project(client("https://tenant.invalid"), "A" * 24) == "a" * 24


@pytest.mark.parametrize(
    ("projects", "said"),
    [
        ([project(1), project(2)], "has the code or the name 'x'. There are: S1, Shop 1 (0000"),
        ([], "It can see no project at all."),
        ([{**project(1), "project_code": "X"}, {**project(2), "project_code": "x"}], "'x' fits 2 projects: X, Shop 1"),
    ],
)
def test_none_or_several_projects_are_an_error_that_lists_them(projects, said):
    with Server(reply(lambda _request: {"projects": projects, "count": len(projects)})) as server:
        with pytest.raises(StateError) as caught:
            resolve_project(client(server.url), "x")
    assert said in str(caught.value)


def test_a_project_that_cannot_be_looked_up_says_what_else_works():
    with Server(answer(403, b"")) as server:
        error = failure(client(server.url), lambda one: resolve_project(one, "SHOP"), Refused)
    assert "GetProjects is not granted" in error.message and "Or give the id of the project" in error.message


def test_a_query_that_is_forbidden_is_an_error():
    with Server(pages(3, q=403)) as server:
        assert failure(client(server.url), lambda one: found_by(one, 1), Refused).http_status == 403


def test_a_read_that_fails_on_the_second_page_is_an_error():
    first = {"vulnerabilities": [record(number) for number in range(500)], "count": 700}
    with Server(answer(200, first), answer(403, b"")) as server:
        failure(client(server.url), all_of, Refused)


# One finding as it is now


def one_finding(**more):
    return {"vulnerability": {**record(7), **more}}


def test_one_finding_is_read_with_all_its_notes():
    with Server(answer(200, one_finding(vulnerability_remediation_notes=[{"note": "x"}]))) as server:
        found = read_vulnerability(client(server.url), PROJECT, f"{7:024x}")
    assert found.notes[0].text == "x" and server.requests[0].target == f"/api/ss/vulnerability/{7:024x}"


@pytest.mark.parametrize("status", [401, 403])
def test_where_single_records_are_not_granted_the_list_has_to_do_and_that_is_learned(status):
    def either(request):
        if "/project/" in request.target:
            return {"vulnerabilities": [record(7)], "count": 1}
        return status, {}

    with Server(reply(either)) as server:
        one = client(server.url)
        assert read_vulnerability(one, PROJECT, f"{7:024x}").id == f"{7:024x}"
        assert read_vulnerability(one, PROJECT, f"{8:024x}") is None
    assert ["/project/" in sent.target for sent in server.requests] == [False, True, True]


@pytest.mark.parametrize("status", [400, 404, 500])
def test_any_other_error_of_a_single_record_is_an_error(status):
    with Server(answer(status, {})) as server:
        failure(client(server.url), lambda one: read_vulnerability(one, PROJECT, f"{7:024x}"))
    assert len(server.requests) == 1


# Findings over the tenant


def query_of(request):
    return parse_qs(urlsplit(request.target).query).get("q", [None])[0]


def numbers(found):
    return sorted(int(finding_id, 16) for finding_id in found)


TAGGED = [record(number, vulnerability_tags=["x"] if number % 2 else []) for number in range(1, 7)]


@pytest.mark.parametrize("q", ["filtered", "ignored", 400])
def test_findings_of_all_projects_are_selected_whatever_becomes_of_the_query(q):
    def page(request):
        query = query_of(request)
        if query and isinstance(q, int):
            return q, {"message": "bad q"}
        found = [one for one in TAGGED if one["vulnerability_tags"]] if query and q == "filtered" else TAGGED
        return {"vulnerabilities": found, "count": len(found)}

    with Server(reply(page)) as server:
        found = select_over_tenant(
            client(server.url), Selection(tags=("x",)), lambda finding: finding.id != f"{3:024x}", details=True
        )
    assert [int(finding.id, 16) for finding in found] == [1, 5]
    assert found[0].details == TAGGED[0] and server.requests[0].target.startswith("/api/ss/vulnerabilities?")


def test_few_ids_are_asked_for_over_the_tenant_and_many_are_filtered_here():
    with Server(reply(lambda _request: {"vulnerabilities": TAGGED, "count": 6})) as server:
        one = client(server.url)
        few = Selection(ids=(f"{1:024x}",), query="{ sla: 1 }")
        assert [finding.id for finding in select_over_tenant(one, few, lambda _finding: True)] == [f"{1:024x}"]
        many = Selection(ids=tuple(f"{number:024x}" for number in range(1, 90)))
        assert len(select_over_tenant(one, many, lambda _finding: True)) == 6
    first, second = map(query_of, server.requests)
    assert first == f'{{ $and: [{{ sla: 1 }}, {{ id: {{ $in: [ObjectId("{1:024x}")] }} }}] }}' and second is None


@pytest.mark.parametrize(
    "status, conditions", [(403, Selection(tags=("x",))), (400, Selection(query="{ x: 1 }")), (500, Selection())]
)
def test_a_list_over_the_tenant_that_is_refused_is_an_error(status, conditions):
    with Server(answer(status, {"message": "no"})) as server:
        error = failure(client(server.url), lambda one: select_over_tenant(one, conditions, lambda _finding: True))
    assert error.method == "GetVulnerabilities" and error.http_status == status and len(server.requests) == 1


@pytest.mark.parametrize("form", [0, 1, 2, 3])
@pytest.mark.parametrize("otherwise", ["refused", "nothing found"])
def test_findings_are_selected_by_id_in_the_form_that_the_tenant_understands(form, otherwise):
    selection = Selection(ids=(f"{7:024x}",), tags=("x",))

    def page(request):
        query = query_of(request) or ""
        if f"{7:024x}" not in query:
            found = [record(7, vulnerability_tags=["x"]), record(8)]
        elif form < 3 and re.search(FORMS[form], query):
            found = [record(7, vulnerability_tags=["x"])]
        elif otherwise == "refused":
            return 400, {"message": "bad q"}
        else:
            found = []
        return {"vulnerabilities": found, "count": len(found)}

    with Server(reply(page)) as server:
        one = client(server.url)
        for _unused in range(2):
            found = select_over_tenant(one, selection, lambda _finding: True)
            assert [finding.id for finding in found] == [f"{7:024x}"]
    assert len(server.requests) == (form + 2 if form < 3 else 8)


def test_an_id_that_is_nowhere_is_not_looked_for_in_all_pages_where_ids_can_be_asked_for():
    with Server(pages(1200)) as server:
        one = client(server.url)
        assert found_by(one, 3) == [3]
        assert found_by(one, 9000) == []
        assert select_over_tenant(one, Selection(ids=(f"{9000:024x}",)), lambda _finding: True) == []
    assert len(server.requests) == 3


def test_a_form_that_is_rejected_later_is_not_taken_for_no_finding():
    answers = [
        answer(200, {"vulnerabilities": [record(7)], "count": 1}),
        answer(400, {"message": "bad q"}),
        answer(200, {"vulnerabilities": [record(7), record(8)], "count": 2}),
    ]
    with Server(*answers) as server:
        one = client(server.url)
        assert found_by(one, 7) == [7]
        assert found_by(one, 8) == [8]
    assert [query_of(sent) is None for sent in server.requests] == [False, False, True]


FORMS = (
    r'\{ id: \{ \$in: \[ObjectId\("',
    r'\{ \$or: \[\{ id: \{ \$eq: ObjectId\("|\{ id: \{ \$eq',
    r'\{ id: \{ \$in: \["',
)


def understanding(form, key, make, otherwise):
    """A service that understands ids in one form alone."""

    def page(request):
        query = query_of(request)
        if re.match(form, query):
            found = [make(number) for number in range(1, 60) if f"{number:024x}" in query]
            return {key: found, "count": len(found)}
        return (400, {"message": "bad q"}) if otherwise == "refused" else {key: [], "count": 0}

    return reply(page)


@pytest.mark.parametrize("otherwise", ["refused", "nothing found"])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_ids_over_the_tenant_are_asked_for_in_the_form_that_it_understands(position, otherwise):
    server = Server(understanding(FORMS[position], "vulnerabilities", record, otherwise))
    with server:
        one = client(server.url)
        assert numbers(find_over_tenant(one, [f"{number:024x}" for number in (1, 2, 99)])) == [1, 2]
        before = len(server.requests)
        assert numbers(find_over_tenant(one, [f"{5:024x}"])) == [5]
    assert len(server.requests) == before + 1


@pytest.mark.parametrize("otherwise", ["refused", "nothing found"])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_projects_are_asked_for_by_ids_in_the_form_that_is_understood(position, otherwise):
    with Server(understanding(FORMS[position], "projects", project, otherwise)) as server:
        one = client(server.url)
        found = find_projects(one, [f"{number:024x}" for number in (1, 2, 99)])
        assert numbers(found) == [1, 2] and found[f"{1:024x}"].project.code == "S1"
        before = len(server.requests)
        assert numbers(find_projects(one, [f"{5:024x}"])) == [5]
    assert len(server.requests) == before + 1


@pytest.mark.parametrize("find, key", [(find_over_tenant, "vulnerabilities"), (find_projects, "projects")])
def test_many_ids_go_into_several_queries_and_what_nothing_brings_is_left_out(find, key):
    make = record if key == "vulnerabilities" else project
    with Server(understanding(FORMS[0], key, make, "nothing found")) as server:
        ids = [f"{number:024x}" for number in range(1, 50)]
        assert numbers(find(client(server.url), ids)) == list(range(1, 50))
        assert len(server.requests) == 2 and all(len(sent.target) < 2000 for sent in server.requests)
    with Server(answer(200, {key: [], "count": 0})) as server:
        assert find(client(server.url), [f"{1:024x}"]) == {}
    with Server(answer(403, {})) as server:
        failure(client(server.url), lambda one: find(one, [f"{1:024x}"]), Refused)
    assert len(server.requests) == 1


# Projects that are selected


def test_projects_are_selected_in_the_order_of_their_codes():
    listed = [project(3), project(1), project(2, project_groups=[{"name": "Shop"}])]
    with Server(reply(lambda _request: {"projects": listed, "count": 3})) as server:
        one = client(server.url)
        found = select_projects(one, ProjectSelection(query="{ x: 1 }"))
        assert [record.project.code for record in found] == ["S1", "S2", "S3"]
        assert [record.project.code for record in select_projects(one, ProjectSelection(groups=("shop",)))] == ["S2"]
    assert [query_of(sent) for sent in server.requests] == ["{ x: 1 }", None]


def test_a_project_of_the_selection_that_is_not_there_is_an_error():
    with Server(reply(lambda _request: {"projects": [project(1)], "count": 1})) as server:
        with pytest.raises(StateError) as caught:
            select_projects(client(server.url), ProjectSelection(codes=("s1", "S9", "S8")))
    assert caught.value.message == (
        "projects: no project that this key can see, and that the other conditions select, has the id, code or name "
        "'S9', 'S8'. Correct it, or leave it out."
    )


def test_a_query_for_a_name_that_is_forbidden_is_not_taken_for_no_project():
    def page(request):
        return (403, {}) if query_of(request) else {"projects": [project(1)], "count": 1}

    with Server(reply(page)) as server:
        failure(client(server.url), lambda one: resolve_project(one, "S1"), Refused)
    assert len(server.requests) == 1


def test_a_condition_that_a_tenant_rejects_is_done_without():
    def page(request):
        return (400, {"message": "bad q"}) if query_of(request) else {"vulnerabilities": TAGGED, "count": 6}

    with Server(reply(page)) as server:
        found, missing = select_vulnerabilities(client(server.url), PROJECT, Selection(tags=("x",)))
    assert numbers(finding.id for finding in found) == [1, 3, 5] and missing == []


def test_a_users_query_that_a_tenant_rejects_is_an_error():
    with Server(answer(400, {"message": "bad q"})) as server:
        error = failure(
            client(server.url), lambda one: select_vulnerabilities(one, PROJECT, Selection(query="{ x: 1 }")), Refused
        )
    assert "bad q" in error.message and len(server.requests) == 1
