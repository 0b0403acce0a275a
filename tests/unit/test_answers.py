# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers: what is believed of them, what is unknown with a warning, and what is an error that names the key."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ansible_collections.attackforge.retest.plugins.module_utils._answers import (
    Revision,
    history_of,
    projects_page,
    revisions_of,
    vulnerabilities_page,
    vulnerability_of,
)
from ansible_collections.attackforge.retest.plugins.module_utils._errors import UnexpectedAnswer
from ansible_collections.attackforge.retest.plugins.module_utils._projects import Project, Retesting
from ansible_collections.attackforge.retest.plugins.module_utils._rounds import whole_number
from ansible_collections.attackforge.retest.plugins.module_utils._vulnerabilities import Note

PROJECT = "66333e1d110ab5acf8a4354e"
A, B = "a" * 24, "b" * 24
FIRST = datetime(2026, 12, 1, tzinfo=timezone.utc)
EIGHTH = datetime(2026, 12, 8, tzinfo=timezone.utc)
FINDINGS = "GetProjectVulnerabilitiesById"

# The history

ROW = {
    "retesting_round_id": "c" * 24,
    "retesting_round": 1,
    "retesting_round_status": "Requested",
    "retesting_round_actioned_by": {"user_id": "d" * 24},
    "retesting_window_start": "2026-12-01T00:00:00.000Z",
    "retesting_window_end": "2026-12-08T00:00:00.000Z",
    "retesting_round_vulnerabilities": [
        {"vulnerability_id": A, "vulnerability_alternate_id": "WEB-1", "vulnerability_title": "XSS"}
    ],
    "retesting_round_retested_vulnerabilities": [],
}


def history(*rows, **more):
    return {"project": dict({"project_retesting_history": list(rows)}, **more)}


def only_round(**row):
    """The round of a history of this one row, and the warnings."""
    made = history_of(history({**ROW, **row}))
    assert len(made.rounds) == 1
    return made.rounds[0], made.warnings


def unexpected(read, *args):
    with pytest.raises(UnexpectedAnswer) as caught:
        read(*args)
    assert caught.value.http_status == 200 and caught.value.method
    return caught.value


def test_a_documented_row_is_read():
    one, warnings = only_round()
    assert (one.number, one.status, one.start, one.end) == (1, "requested", FIRST, EIGHTH)
    assert [(finding.id, finding.alternate_id, finding.title) for finding in one.scope] == [(A, "WEB-1", "XSS")]
    assert one.retested == frozenset() and warnings == ()


@pytest.mark.parametrize(
    "answer",
    [
        {"project": {"project_retesting_history": [ROW]}},
        {"project_retesting_history": [ROW]},
        {"project": {"project_retesting_history": [ROW]}, "count": 1},
        {"project_id": "x", "project_retesting_history": [ROW]},
    ],
)
def test_the_project_may_be_wrapped_or_not(answer):
    assert [one.number for one in history_of(answer).rounds] == [1]


@pytest.mark.parametrize(
    "key, value, field, expected",
    [
        ("retesting_round", "12", "number", 12),
        ("retesting_round", " 12 ", "number", 12),
        ("retesting_round", 12.0, "number", 12),
        ("retesting_round_status", "Canceled", "status", "cancelled"),
        ("retesting_round_status", " COMPLETED ", "status", "completed"),
        ("retesting_round_status", "Scheduled", "status", "scheduled"),
        ("retesting_window_start", None, "start", None),
        ("retesting_window_start", "", "start", None),
        ("retesting_window_end", None, "end", None),
        ("retesting_window_end", "2026-12-08T01:00:00+01:00", "end", EIGHTH),
        ("retesting_round_vulnerabilities", None, "scope", None),
        ("retesting_round_vulnerabilities", [], "scope", ()),
        ("retesting_round_retested_vulnerabilities", None, "retested", frozenset()),
        ("retesting_round_retested_vulnerabilities", [{"vulnerability_id": A}], "retested", frozenset([A])),
    ],
)
def test_what_a_service_may_write_instead_is_read(key, value, field, expected):
    one, warnings = only_round(**{key: value})
    assert getattr(one, field) == expected and warnings == ()


@pytest.mark.parametrize(
    "key, field, expected",
    [
        ("retesting_window_start", "start", None),
        ("retesting_window_end", "end", None),
        ("retesting_round_vulnerabilities", "scope", None),
        ("retesting_round_retested_vulnerabilities", "retested", frozenset()),
    ],
)
def test_a_key_that_is_missing_is_not_known(key, field, expected):
    made = history_of(history({name: value for name, value in ROW.items() if name != key}))
    assert getattr(made.rounds[0], field) == expected and made.warnings == ()


def test_ids_are_compared_in_lower_case():
    one, _warnings = only_round(retesting_round_vulnerabilities=[{"vulnerability_id": f" {A.upper()} "}])
    assert one.ids == {A}


@pytest.mark.parametrize("status", ["Requested", "Completed", "Cancelled", "Scheduled"])
@pytest.mark.parametrize("key, bound", [("retesting_window_start", "start"), ("retesting_window_end", "end")])
@pytest.mark.parametrize("value", [1, True, [], {}, "soon", "2026-13-01"])
def test_a_date_that_cannot_be_read_is_unknown_with_a_warning(status, key, bound, value):
    one, warnings = only_round(**{"retesting_round_status": status, key: value})
    assert getattr(one, bound) is None and one.number == 1
    assert warnings == (f"Round 1 has a {key} that cannot be read, so that bound of its window is unknown.",)


NO_NUMBER = (None, "x", "", 1.5, True, -1, [], {}, "-1", 0, "0")


@pytest.mark.parametrize(
    "status, word", [("Completed", "completed"), ("Cancelled", "cancelled"), ("canceled", "cancelled")]
)
@pytest.mark.parametrize("number", NO_NUMBER)
def test_a_finished_row_without_a_number_is_left_out_with_a_warning(status, word, number):
    made = history_of(history(ROW, dict(ROW, retesting_round_status=status, retesting_round=number)))
    assert [one.number for one in made.rounds] == [1]
    assert made.warnings == (
        f"project_retesting_history[1] of the project is {word} but has no number, so it was left out.",
    )


@pytest.mark.parametrize("status", ["Requested", "Scheduled", None, "", 1])
@pytest.mark.parametrize("number", NO_NUMBER)
def test_a_row_without_a_number_that_could_be_open_is_an_error(status, number):
    error = unexpected(history_of, history(ROW, dict(ROW, retesting_round_status=status, retesting_round=number)))
    assert "project_retesting_history[1] is neither finished nor has it a number in retesting_round" in str(error)


@pytest.mark.parametrize("row", [None, "x", 1, []])
def test_what_is_no_row_could_be_an_open_round(row):
    assert "project_retesting_history[1]" in str(unexpected(history_of, history(ROW, row)))


@pytest.mark.parametrize("status", [None, "", "  ", 1, True, [], {}])
def test_a_row_without_a_status_is_neither_open_nor_finished_with_a_warning(status):
    one, warnings = only_round(retesting_round_status=status)
    assert one.status == "unknown" and not one.open and not one.known
    assert warnings == ("Round 1 has no retesting_round_status, so it is unknown whether it is open.",)


LISTS = ("retesting_round_vulnerabilities", "retesting_round_retested_vulnerabilities")
WRONG_REFERENCES = [("vulnerability_id", value) for value in (None, "", " ", 1, [], {}, True)] + [
    (key, value) for key in ("vulnerability_alternate_id", "vulnerability_title") for value in (1, True, [], {})
]


@pytest.mark.parametrize("value", ["x", 1, True, {}, [None], ["x"], [[]], [{}]])
def test_findings_that_cannot_be_read_are_not_known(value):
    assert only_round(retesting_round_vulnerabilities=value)[0].scope is None
    assert only_round(retesting_round_retested_vulnerabilities=value)[0].retested == frozenset()


@pytest.mark.parametrize("key, value", WRONG_REFERENCES)
def test_one_wrong_finding_leaves_the_whole_scope_unknown(key, value):
    """Half of a scope would look like all that the round holds."""
    wrong = {"vulnerability_id": B, key: value}
    one, _warnings = only_round(retesting_round_vulnerabilities=[{"vulnerability_id": A}, wrong])
    assert one.scope is None and one.scope_unknown


def test_of_two_rows_of_a_round_one_may_lack_what_the_other_has():
    odd = dict(
        ROW, retesting_round_status="Completed", retesting_window_start="soon", retesting_round_vulnerabilities=5
    )
    made = history_of(history(odd, ROW))
    assert [(one.number, one.status, one.start) for one in made.rounds] == [(1, "completed", FIRST)]
    assert made.rounds[0].ids == {A} and len(made.warnings) == 1


@pytest.mark.parametrize(
    "project",
    [
        {"project_name": "x"},
        {"project_retesting_history": None},
        {"project_retesting_history": []},
        {"project_retests_requested": 0},
        {"project_retesting_history": None, "project_retests_requested": 0},
        {"project_retests_requested": None},
        {"project_retests_requested": "0"},
        {"project_retesting_history": [], "project_retests_requested": 2, "project_retests_completed": "2"},
    ],
)
def test_a_project_without_a_history_has_no_rounds(project):
    assert history_of({"project": project}).rounds == []


@pytest.mark.parametrize(
    "project",
    [
        {"project_retests_requested": 2},
        {"project_retesting_history": None, "project_retests_requested": 1},
        {"project_retests_requested": "2"},
        {"project_retests_requested": 2, "project_retests_completed": 2},
        {"project_retesting_history": [], "project_retests_requested": 2, "project_retests_completed": 1},
        {"project_retesting_history": [], "project_retests_requested": 1},
    ],
)
def test_a_history_that_cannot_be_seen_is_not_an_empty_one(project):
    error = unexpected(history_of, {"project": project})
    assert error.method == "GetProjectById" and "shows no project_retesting_history" in str(error)


def test_a_number_that_is_used_again_makes_two_rounds_where_so_many_were_requested():
    rows = [dict(ROW, retesting_round_id="1" * 24, retesting_round_status="Cancelled"), ROW]
    assert [one.status for one in history_of(history(*rows, project_retests_requested=2)).rounds] == [
        "cancelled",
        "requested",
    ]
    assert [one.status for one in history_of(history(*rows, project_retests_requested=1)).rounds] == ["cancelled"]


def test_a_history_of_another_project_is_an_error():
    answer = history(ROW, project_id=PROJECT.upper())
    assert len(history_of(answer, PROJECT).rounds) == len(history_of(answer).rounds) == 1
    for other in ("0" * 24, "f" * 24):  # before and after it in the alphabet
        assert "its project_id is that of another project" in str(unexpected(history_of, answer, other))


def test_the_project_of_a_history_is_named():
    answer = history(project_id=PROJECT.upper(), project_name="Web shop", project_code="SHOP")
    assert history_of(answer).project.label == f"SHOP, Web shop ({PROJECT})"
    assert history_of(history(), PROJECT).project.label == PROJECT
    assert history_of(history(project_name=5), PROJECT).project.label == PROJECT


@pytest.mark.parametrize(
    "answer", [{}, {"status": "No access"}, {"project": None, "status": "No access"}, {"project": []}]
)
def test_an_answer_without_a_project_is_told_with_its_words(answer):
    error = unexpected(history_of, answer)
    assert error.method == "GetProjectById"
    assert "there is no project in it" in str(error) and answer.get("status", "") in str(error)


@pytest.mark.parametrize("value", ["x", 1, True, {}])
def test_a_history_that_is_no_list_is_named(value):
    error = unexpected(history_of, {"project": {"project_retesting_history": value}})
    assert "project_retesting_history: " in str(error)


@pytest.mark.parametrize(
    "value, number",
    [
        *((0, 0), (1, 1), (1.0, 1), ("1", 1), (" 1", 1), ("007", 7), ("9" * 9, 999999999), (0.0, 0)),
        *(
            (value, None)
            for value in (-1, -1.0, 1.5, "-1", "1.0", "1e3", "", " ", "x", None, True, False, [], {}, "9" * 10)
        ),
        *((float("nan"), None), (float("inf"), None), ("\u0661", None)),
    ],
)
def test_a_whole_number_is_read_however_it_is_written(value, number):
    assert whole_number(value) == number


# Findings

RECORD = {
    "vulnerability_id": A,
    "vulnerability_alternate_id": "WEB-1",
    "vulnerability_title": "XSS",
    "vulnerability_priority": "High",
    "vulnerability_status": "Open",
    "vulnerability_retest": "Yes",
    "vulnerability_description": "long",
}


def page_of(answer, **more):
    return vulnerabilities_page(FINDINGS, answer, **more)


def finding_of(**record):
    (finding,) = page_of({"vulnerabilities": [{**RECORD, **record}]}).records
    return finding


def test_a_documented_page_is_read():
    page = page_of({"count": 1, "vulnerabilities": [RECORD]})
    assert page.total == 1
    (finding,) = page.records
    assert (finding.id, finding.alternate_id, finding.title) == (A, "WEB-1", "XSS")
    assert (finding.status, finding.priority) == ("retest", "High")


@pytest.mark.parametrize("count, expected", [(None, None), ("7", 7), (0, 0), (7.0, 7)])
def test_a_count_may_be_missing_or_a_text(count, expected):
    assert page_of({"count": count, "vulnerabilities": []}).total == expected
    assert page_of({"vulnerabilities": []}) == ((), None)


def test_a_finding_may_consist_of_its_id():
    (finding,) = page_of({"vulnerabilities": [{"vulnerability_id": A}]}).records
    assert (finding.id, finding.status, finding.notes, finding.assets) == (A, "open", None, ())


@pytest.mark.parametrize(
    "key, value",
    [
        *WRONG_REFERENCES,
        ("vulnerability_status", 1),
        ("vulnerability_status", []),
        ("vulnerability_status_updated", 1),
        ("vulnerability_retest", 1.5),
        ("vulnerability_retest", []),
        ("vulnerability_retest", {}),
        ("vulnerability_priority", 1),
        ("vulnerability_tags", "x"),
        ("vulnerability_tags", [1]),
        ("vulnerability_affected_assets", "x"),
        ("vulnerability_affected_assets", [{"asset": {"name": 5}}]),
        ("vulnerability_remediation_notes", {}),
        ("vulnerability_remediation_notes", [{"note": 5}]),
        ("vulnerability_custom_fields", "x"),
        ("vulnerability_target_remediation_date", 5),
        ("vulnerability_projects", [{"id": 5}]),
    ],
)
def test_a_wrong_key_of_a_record_is_named(key, value):
    error = unexpected(page_of, {"vulnerabilities": [RECORD, dict(RECORD, **{key: value})]})
    assert f"vulnerabilities[1].{key}" in str(error) and error.method == FINDINGS


@pytest.mark.parametrize(
    "key, value",
    [
        ("vulnerabilities", None),
        ("vulnerabilities", "x"),
        ("vulnerabilities", {}),
        ("vulnerabilities", [1]),
        ("vulnerabilities", [None]),
        ("count", -1),
        ("count", "x"),
        ("count", []),
        ("count", 1.5),
        ("count", True),
    ],
)
def test_a_wrong_key_of_a_page_is_named(key, value):
    assert key in str(unexpected(page_of, {"vulnerabilities": [RECORD], "count": 1, key: value}))


def test_a_finding_keeps_its_record_where_details_are_asked_for():
    (plain,) = page_of({"vulnerabilities": [RECORD]}).records
    (whole,) = page_of({"vulnerabilities": [RECORD]}, details=True).records
    assert plain.details is None and whole.details == RECORD
    assert plain == whole._replace(details=None)


@pytest.mark.parametrize(
    "record, assets",
    [
        ({}, ()),
        ({"vulnerability_affected_asset_name": "a"}, ("a",)),
        ({"vulnerability_affected_assets": None}, ()),
        (
            {
                "vulnerability_affected_assets": [
                    {"asset": {"name": "b"}},
                    {"asset": None},
                    {},
                    {"asset": {"name": "a"}},
                ],
                "vulnerability_affected_asset_name": "a",
            },
            ("a", "b"),
        ),
    ],
)
def test_the_assets_of_a_finding_are_read_wherever_they_stand(record, assets):
    assert finding_of(**record).assets == assets


@pytest.mark.parametrize(
    "record, projects",
    [
        ({}, ()),
        ({"vulnerability_project_id": PROJECT.upper()}, (PROJECT,)),
        ({"vulnerability_projects": [{"id": PROJECT.upper(), "name": "x"}, {"id": None}, {}, {"id": B}]}, (PROJECT, B)),
        ({"vulnerability_project_id": PROJECT, "vulnerability_projects": [{"id": PROJECT}, {"id": B}]}, (PROJECT, B)),
        ({"vulnerability_projects": None}, ()),
    ],
)
def test_the_projects_of_a_finding_are_read_wherever_they_stand(record, projects):
    assert finding_of(**record).project_ids == projects


def test_custom_fields_are_pairs_of_texts():
    fields = [
        {"key": "Team", "value": "Red", "type": "x"},
        {"key": "Area", "value": ["a", 2, None]},
        {"key": "Done", "value": True},
        {"key": "Nothing", "value": None},
        {"key": None, "value": "x"},
        {"value": "x"},
    ]
    made = finding_of(vulnerability_custom_fields=fields)
    assert made.custom_fields == (("Team", "Red"), ("Area", "a"), ("Area", "2"), ("Done", "True"))
    assert finding_of(vulnerability_custom_fields=None).custom_fields == ()


@pytest.mark.parametrize(
    "author, name",
    [
        (None, None),
        ("tester@example.com", "tester@example.com"),
        (7, "7"),
        ({"first_name": "Ada", "last_name": "King"}, "Ada King"),
        ({"user_first_name": "Ada", "user_last_name": "King", "user_id": "u"}, "Ada King"),
        ({"firstName": "Ada", "lastName": None}, "Ada"),
        ({"first_name": "Ada", "user_first_name": "Ada"}, "Ada"),
        ({"user_id": "u", "first_name": " "}, "u"),
        ({"id": 5}, "5"),
        ({}, None),
    ],
)
def test_a_person_is_named_as_well_as_the_service_does(author, name):
    note = {"id": "n", "note": "Fixed", "note_html": "<p>Fixed</p>", "created": "2026-12-01", "created_by": author}
    assert finding_of(vulnerability_remediation_notes=[note]).notes == (
        Note("n", "Fixed", "<p>Fixed</p>", "2026-12-01", name),
    )
    assert revisions_of({"revisionHistory": [{"user": author}]})[0].user == name


def test_notes_that_are_not_shown_are_not_known():
    assert finding_of().notes is finding_of(vulnerability_remediation_notes=None).notes is None
    assert finding_of(vulnerability_remediation_notes=[]).notes == ()


@pytest.mark.parametrize("answer", [{"vulnerability": RECORD}, RECORD, dict(RECORD, vulnerability="XSS")])
def test_one_finding_may_be_wrapped_or_not(answer):
    assert vulnerability_of(answer).alternate_id == "WEB-1"


def test_one_finding_that_is_none_is_named():
    assert unexpected(vulnerability_of, {"status": "No access"}).method == "GetVulnerabilityById"


def test_a_page_without_findings_tells_the_services_words():
    error = unexpected(page_of, {"status": "No access"})
    assert "vulnerabilities" in str(error) and "it says: No access." in str(error)


# Projects


def test_a_documented_project_is_read():
    record = {
        "project_id": PROJECT.upper(),
        "project_name": "Web shop",
        "project_code": "SHOP",
        "project_status": "Testing",
        "project_extended_status": "Retest",
        "project_on_hold": "No",
        "project_groups": [{"id": "g", "name": "Shop"}, {"id": "h", "name": None}, "odd"],
        "project_scope": ["a.example", None, "b.example"],
        "project_scope_details": [{"name": "b.example"}, {"name": "c.example"}],
        "project_organization_code": "ORG",
        "project_features": {
            "retesting": {"enabled": True, "access": {"project_access_level": "View", "roles": ["client", 5]}}
        },
        "project_retesting_history": [ROW],
    }
    page = projects_page({"count": 1, "projects": [record]})
    (read,) = page.records
    assert page.total == 1 and read.id == PROJECT
    assert read.project == Project(
        id=PROJECT,
        name="Web shop",
        code="SHOP",
        status="Retest",
        on_hold=False,
        groups=("Shop",),
        assets=("a.example", "b.example", "c.example"),
        organization_code="ORG",
        retesting=Retesting(True, "View", ("client",)),
    )
    assert [one.number for one in read.history.rounds] == [1]


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"project_name": 5, "project_status": [], "project_on_hold": "maybe", "project_groups": "x"},
        {"project_scope": "x", "project_scope_details": {}, "project_features": [], "project_code": " "},
        {"project_features": {"retesting": "yes"}},
    ],
)
def test_what_is_odd_in_a_project_is_unknown(record):
    (read,) = projects_page({"projects": [{"project_id": PROJECT, **record}]}).records
    assert read.project == Project(PROJECT) and read.history is None


@pytest.mark.parametrize("access", [None, "x", {}, {"roles": "client"}, {"project_access_level": 1}])
def test_access_to_retesting_that_is_not_told_is_unknown(access):
    record = {"project_id": PROJECT, "project_features": {"retesting": {"enabled": "yes", "access": access}}}
    (read,) = projects_page({"projects": [record]}).records
    assert read.project.retesting == Retesting()


@pytest.mark.parametrize(
    "on_hold, read", [(True, True), (False, False), ("Yes", True), ("no", False), (None, None), (1, None)]
)
def test_whether_a_project_is_on_hold_is_read(on_hold, read):
    (record,) = projects_page({"projects": [{"project_id": PROJECT, "project_on_hold": on_hold}]}).records
    assert record.project.on_hold is read


@pytest.mark.parametrize(
    "history_keys",
    [
        {},
        {"project_retesting_history": None},
        {"project_retesting_history": [], "project_retests_requested": 2},
        {"project_retesting_history": [{"retesting_round_status": "Requested"}]},
    ],
)
def test_a_list_that_does_not_carry_a_history_leaves_it_unknown(history_keys):
    (read,) = projects_page({"projects": [{"project_id": PROJECT, **history_keys}]}).records
    assert read.history is None


@pytest.mark.parametrize("record", [{}, {"project_id": None}, {"project_id": 5}, {"project_id": " "}, None, "x"])
def test_a_project_without_an_id_is_named(record):
    error = unexpected(projects_page, {"projects": [{"project_id": PROJECT}, record]})
    assert "projects[1]" in str(error) and error.method == "GetProjects"


# Revisions


def test_documented_revisions_are_read():
    entry = {"id": "r", "field": "status", "before": "Open", "after": "Closed", "created": "2026-12-01", "user": "Ada"}
    assert revisions_of({"revisionHistory": [entry, "odd", {"field": "x", "before": None, "after": 5}]}) == [
        Revision("status", "Open", "Closed", "2026-12-01", "Ada"),
        Revision("x", None, "5", None, None),
    ]


@pytest.mark.parametrize("answer", [{}, {"revisionHistory": None}, {"revisionHistory": {}}, {"status": "No access"}])
def test_revisions_that_are_no_list_are_named(answer):
    error = unexpected(revisions_of, answer)
    assert error.method == "GetVulnerabilityRevisionHistory" and "revisionHistory is not a list" in str(error)


# Anything

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["1", "Requested", "2026-12-01T00:00:00.000Z", A, "Yes"])
)
keys = st.text(max_size=6) | st.sampled_from(
    [
        "project",
        "project_retesting_history",
        "project_retests_requested",
        *ROW,
        *RECORD,
        "vulnerability_projects",
        "vulnerability_custom_fields",
        "vulnerability_remediation_notes",
        "project_id",
        "project_features",
        "project_groups",
        "vulnerabilities",
        "projects",
        "count",
        "status",
        "message",
        "error",
        "detail",
    ]
)
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5))
objects = st.dictionaries(keys, anything, max_size=6)
rows = st.fixed_dictionaries({}, optional={key: st.just(value) | anything for key, value in ROW.items()})
records = st.fixed_dictionaries({}, optional={key: st.just(value) | anything for key, value in RECORD.items()})


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(objects | st.builds(lambda made: history(*made), st.lists(rows, max_size=3)))
@example({"project": {"project_retesting_history": [dict(ROW, retesting_round=10**400)]}})
@example({"project": {"project_retesting_history": [dict(ROW, retesting_round="9" * 9)]}})
def test_any_json_is_a_history_or_an_unexpected_answer(answer):
    try:
        made = history_of(answer)
    except UnexpectedAnswer as error:
        assert str(error)
        return
    assert all(isinstance(one.number, int) and isinstance(one.status, str) for one in made.rounds)
    assert all(isinstance(warning, str) for warning in made.warnings)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    objects
    | st.builds(lambda made, count: {"vulnerabilities": made, "count": count}, st.lists(records, max_size=3), scalars)
)
def test_any_json_is_a_page_or_an_unexpected_answer(answer):
    try:
        page = page_of(answer)
    except UnexpectedAnswer as error:
        assert str(error)
        return
    assert all(finding.id and finding.status in ("open", "retest", "closed") for finding in page.records)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(objects | st.builds(lambda made: {"projects": [dict(one, project_id=A) for one in made]}, st.lists(objects)))
def test_any_json_is_a_list_of_projects_or_an_unexpected_answer(answer):
    try:
        page = projects_page(answer)
    except UnexpectedAnswer as error:
        assert str(error)
        return
    assert all(record.project.label for record in page.records)


def test_words_of_an_answer_are_told_where_they_are_a_message():
    for length in (1, 199, 200):
        error = unexpected(history_of, {"status": "x" * length})
        assert error.detail == "x" * length
        assert str(error).endswith(f"there is no project in it; it says: {'x' * length}.")
    error = unexpected(history_of, {"status": "x" * 201})
    assert error.detail == "there is no project in it"
    assert str(error).endswith("there is no project in it.")
