# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options: what may be asked for, every mistake at once, and the typed objects that come of them."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta, timezone

import pytest
import voluptuous
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.attackforge.retest.plugins.module_utils._connection import Connection
from ansible_collections.attackforge.retest.plugins.module_utils._errors import OptionsError
from ansible_collections.attackforge.retest.plugins.module_utils._options import (
    CONNECTION,
    MARKING,
    PROJECTS,
    RELEASE,
    RETEST,
    ROUNDS,
    SELECTION,
    AskedRound,
    MarkingOptions,
    not_a_text,
    request_body,
    untyped_texts,
    without_aliases,
)
from ansible_collections.attackforge.retest.plugins.module_utils._plan import Marking
from ansible_collections.attackforge.retest.plugins.module_utils._projects import ProjectSelection
from ansible_collections.attackforge.retest.plugins.module_utils._vulnerabilities import Selection
from ansible_collections.attackforge.retest.plugins.module_utils._windows import Window
from ansible_collections.attackforge.retest.plugins.modules import (
    attackforge_project_info,
    attackforge_release,
    attackforge_retest,
    attackforge_retest_info,
    attackforge_vulnerability,
    attackforge_vulnerability_info,
)

PROJECT = "66333e1d110ab5acf8a4354e"
A, B = "a" * 24, "b" * 24
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=timezone.utc)
FIRST = datetime(2026, 12, 1, tzinfo=timezone.utc)
EIGHTH = datetime(2026, 12, 8, tzinfo=timezone.utc)
NO_ID = "is not an id of AttackForge, which has 24 hexadecimal digits"


def defaults_of(module, **more):
    """The options of a module as Ansible's argument spec gives them, with these set."""
    spec = module.OPERATION.spec
    return {**{name: option.get("default") for name, option in spec.items()}, **more}


SHARED = dict(
    base_url="https://tenant.attackforge.com", api_key="key", validate_certs=True, ca_path=None, timeout=30.0, retries=4
)
REQUEST = defaults_of(
    attackforge_retest, project_id=PROJECT, vulnerability_ids=[A], retesting_window_start="2026-12-01"
)
FINISH = defaults_of(attackforge_retest, project_id=PROJECT, state="cancelled")
RELEASED = defaults_of(
    attackforge_release, projects={"groups": ["Shop"]}, select={"tags": ["x"]}, retesting_window_start="2026-12-01"
)
SELECTED = defaults_of(attackforge_vulnerability_info, project_id=PROJECT)
MARKED = defaults_of(attackforge_vulnerability, project_id=PROJECT, vulnerability_ids=[A], status="retest")
FOLLOWED = defaults_of(attackforge_retest_info, project_id=PROJECT)
LISTED = defaults_of(attackforge_project_info)


def mistakes(parser, params, **more):
    return parser.mistakes({**params, **more}, NOW)


def mistake(parser, params, option, **more):
    """The one mistake, which names its option. Returns what is wrong with it."""
    found = mistakes(parser, params, **more)
    assert [one.partition(":")[0].partition("[")[0].partition(".")[0] for one in found] == [option], found
    return found[0].partition(": ")[2]


def read(parser, params, **more):
    return parser.parse({**params, **more}, NOW)


EVERY = [
    (CONNECTION, SHARED),
    (RETEST, REQUEST),
    (RETEST, FINISH),
    (RELEASE, RELEASED),
    (SELECTION, SELECTED),
    (MARKING, MARKED),
    (ROUNDS, FOLLOWED),
    (PROJECTS, LISTED),
]


@pytest.mark.parametrize("parser, params", EVERY)
def test_what_is_right_has_no_mistake_and_is_read(parser, params):
    assert mistakes(parser, params) == []
    assert read(parser, params) is not None


def test_one_mistake_is_a_sentence_and_several_are_a_list():
    with pytest.raises(OptionsError) as one:
        read(RETEST, REQUEST, project_id=" ")
    assert one.value.message == (
        "project_id: is empty; give the id, the code or the name of the project. Nothing was sent."
    )
    with pytest.raises(OptionsError) as two:
        read(RETEST, REQUEST, project_id=" ", vulnerability_ids=["x"])
    assert two.value.message == (
        "2 options are wrong. Nothing was sent.\n- project_id: is empty; give the id, the code or the name of the "
        f"project\n- vulnerability_ids[0]: 'x' {NO_ID}"
    )
    assert len(two.value.mistakes) == 2


values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.lists(st.none() | st.integers() | st.text(max_size=9))
    | st.dictionaries(st.text(max_size=9), st.none() | st.integers() | st.text(max_size=9) | st.lists(st.text()))
)


@pytest.mark.parametrize("parser, params", EVERY)
@given(st.data())
def test_values_of_another_type_raise_nothing(parser, params, data):
    """Ansible has reported these; all that can be checked is checked all the same."""
    odd = data.draw(st.dictionaries(st.sampled_from(sorted(params)), values))
    assert all(isinstance(one, str) for one in mistakes(parser, params, **odd))


# Connection


def test_a_good_connection_is_read_as_it_is():
    made = read(CONNECTION, SHARED, base_url=" https://host/prefix/ ", retries=2)
    assert made == Connection("https://host/prefix", "key", True, None, 30.0, 2)


def test_every_mistake_of_a_connection_is_told_at_once():
    odd = dict(base_url="ftp://x", api_key="", timeout=0.0, retries=99, ca_path="/no/such/file")
    found = mistakes(CONNECTION, SHARED, **odd)
    assert [one.partition(":")[0] for one in found] == ["api_key", "base_url", "ca_path", "retries", "timeout"]


# attackforge_retest


def test_a_request_is_read():
    made = read(
        RETEST,
        REQUEST,
        project_id=f" {PROJECT.upper()} ",
        vulnerability_ids=[B.upper(), A, B],
        retesting_window_end="+1w",
        remediation_note=" Fixed.\n",
        note_type="richtext",
        mark_ready=True,
        on_window_change="replace",
        on_duplicate="cancel",
        on_reopened="fail",
    )
    assert (made.project, made.state, made.ids, made.round) == (PROJECT, "requested", (B, A), None)
    assert (made.selection, made.selects, made.allow_empty, made.preflight) == (None, False, False, True)
    assert not made.sets_dates
    assert made.desired((A,)) == (
        (A,),
        Window(FIRST, EIGHTH),
        " Fixed.\n",
        "richtext",
        True,
        "replace",
        "cancel",
        "fail",
        False,
    )


@pytest.mark.parametrize("project", ["SHOP", "Web shop 2", "66333e1d110ab5acf8a4354", "x/../y"])
def test_a_project_may_be_a_code_or_a_name(project):
    assert read(RETEST, REQUEST, project_id=f" {project} ").project == project


@pytest.mark.parametrize(
    "given_ids, ids", [([f"{A},{B}"], (A, B)), ([f" {A}\n{B}  ", A.upper()], (A, B)), ([f"{A}, {B}"], (A, B))]
)
def test_several_ids_may_stand_in_one_text(given_ids, ids):
    assert read(RETEST, REQUEST, vulnerability_ids=given_ids).ids == ids


@pytest.mark.parametrize(
    "start, end, fixed",
    [
        ("now", None, (False, True)),
        ("2026-12-01", "+2d", (True, True)),
        ("+1d", "+2d", (False, False)),
        ("now", "2026-12-01", (False, True)),
        ("2026-12-01", "2026-12-02", (True, True)),
    ],
)
def test_a_bound_that_counts_from_now_is_not_fixed(start, end, fixed):
    window = read(RETEST, REQUEST, retesting_window_start=start, retesting_window_end=end).window
    assert window.start_fixed is fixed[0] and (end is None or window.end_fixed is fixed[1])


@pytest.mark.parametrize(
    "more, note",
    [
        ({}, None),
        (dict(remediation_note="Fixed."), "Fixed."),
        (dict(release=" 2026.10 "), "Fixed in release 2026.10."),
        (dict(release="2026.10", remediation_note="Fixed."), "Fixed."),
    ],
)
def test_a_note_is_given_or_made_of_the_release(more, note):
    assert read(RETEST, REQUEST, **more).note == note


def test_a_selection_stands_in_the_place_of_ids():
    made = read(RETEST, REQUEST, vulnerability_ids=None, select={"tags": "x"}, allow_empty=True)
    assert (made.ids, made.selects, made.allow_empty) == ((), True, True)
    assert made.selection == Selection(tags=("x",))
    assert made.desired(()).selected is True
    made = read(RETEST, REQUEST, vulnerability_ids=None, select={"tags": [], "assets": ["a"]}, allow_empty=True)
    assert made.selects and made.selection is None


def test_the_other_states_have_no_window():
    made = read(RETEST, FINISH, round=2, vulnerability_ids=[A])
    assert made.window is None and made.round == 2 and made.ids == (A,) and not made.sets_dates


@pytest.mark.parametrize("state", ["requested", "completed"])
def test_the_dates_of_a_round_are_read(state):
    made = read(RETEST, FINISH, state=state, round=2, requested_date="2026-12-01", completed_date="2026-12-08")
    assert (made.round, made.requested_date, made.completed_date) == (2, FIRST, EIGHTH)
    assert made.sets_dates and made.window is None


@pytest.mark.parametrize(
    "option, more, words",
    [
        ("project_id", dict(project_id=""), "is empty; give the id, the code or the name of the project"),
        ("vulnerability_ids", dict(vulnerability_ids=[A, "WEBAPP-1"]), f"'WEBAPP-1' {NO_ID}"),
        ("vulnerability_ids", dict(vulnerability_ids=[A, "x/y"]), f"'x/y' {NO_ID}"),
        ("vulnerability_ids", dict(vulnerability_ids=[A, ""]), f"'' {NO_ID}"),
        ("vulnerability_ids", dict(vulnerability_ids=[]), "name at least one finding when state is requested"),
        ("vulnerability_ids", dict(vulnerability_ids=None), "give either vulnerability_ids or select when state is"),
        ("vulnerability_ids", dict(select={"tags": ["x"]}), "give either vulnerability_ids or select when state is"),
        ("remediation_note", dict(remediation_note=" \n"), "is empty"),
        ("release", dict(release=""), "is empty"),
        ("retesting_window_start", dict(retesting_window_start=None), "is needed when state is requested; the"),
        ("retesting_window_start", dict(retesting_window_start=""), "2026-12-01"),
        ("retesting_window_start", dict(retesting_window_start="tomorrow"), "'tomorrow' is neither"),
        ("retesting_window_start", dict(retesting_window_start="2026-02-30"), "calendar"),
        ("retesting_window_end", dict(retesting_window_end="later"), "'later' is neither"),
        (
            "retesting_window_end",
            dict(retesting_window_end="2026-11-30"),
            "2026-11-30T00:00:00.000Z is not after the start, 2026-12-01T00:00:00.000Z",
        ),
        ("retesting_window_end", dict(retesting_window_end="2026-12-01"), "not after the start"),
        ("retesting_window_end", dict(retesting_window_end="+0d"), "not after the start"),
        (
            "retesting_window_end",
            dict(retesting_window_start="2026-11-01", retesting_window_end="2026-11-10"),
            "2026-11-10T00:00:00.000Z is over already, it is now 2026-11-20T10:00:00.000Z",
        ),
        ("retesting_window_end", dict(retesting_window_start="2026-11-01", retesting_window_end="+1d"), "over already"),
        (
            "retesting_window_end",
            dict(retesting_window_start="2026-11-01", retesting_window_end="2026-11-20T10:00Z"),
            "over already",
        ),
        ("round", dict(round=1, vulnerability_ids=None, retesting_window_start=None), "gets its own number"),
        ("requested_date", dict(requested_date="2026-12-01"), "goes with round, to correct the dates of a round"),
        ("completed_date", dict(completed_date="2026-12-01"), "goes with round, to correct the dates of a round"),
        (
            "vulnerability_ids",
            dict(round=1, requested_date="2026-12-01", retesting_window_start=None),
            "does not go with the dates",
        ),
        (
            "retesting_window_start",
            dict(round=1, requested_date="2026-12-01", vulnerability_ids=None),
            "does not go with the dates",
        ),
        (
            "requested_date",
            dict(round=1, requested_date="soon", vulnerability_ids=None, retesting_window_start=None),
            "'soon' is not an ISO 8601",
        ),
    ],
)
def test_each_mistake_of_a_request_names_its_option(option, more, words):
    assert words in mistake(RETEST, REQUEST, option, **more)


@pytest.mark.parametrize(
    "option, more, words",
    [
        ("round", dict(round=0), "0 is not a round; they are counted from 1"),
        ("round", dict(state="completed", round=-3), "-3 is not a round; they are counted from 1"),
        ("round", dict(preflight=False), "is needed when preflight is false, because the open round is not looked up"),
        ("round", dict(state="completed", preflight=False), "is needed when preflight is false"),
        ("vulnerability_ids", dict(vulnerability_ids=[]), "is empty; leave it out to mean the one open round"),
        ("vulnerability_ids", dict(vulnerability_ids=[A], select={"tags": ["x"]}), "give either vulnerability_ids or"),
        ("requested_date", dict(round=1, requested_date="2026-12-01"), "does not go with state cancelled"),
        ("completed_date", dict(round=1, completed_date="2026-12-01"), "does not go with state cancelled"),
        ("round", dict(state="completed", completed_date="2026-12-01"), "is needed with completed_date"),
    ],
)
def test_each_mistake_of_cancelling_and_completing_names_its_option(option, more, words):
    assert words in mistake(RETEST, FINISH, option, **more)


@pytest.mark.parametrize(
    "option, more",
    [
        ("select", dict(vulnerability_ids=None, select={"tags": ["x"]})),
        ("remediation_note", dict(remediation_note="x")),
        ("release", dict(release="x")),
        ("mark_ready", dict(mark_ready=True)),
        ("project_id", dict(project_id="SHOP")),
    ],
)
def test_without_preflight_nothing_may_be_asked_for_that_has_to_be_read(option, more):
    assert "preflight: false" in mistake(RETEST, REQUEST, option, preflight=False, **more)
    assert mistakes(RETEST, REQUEST, **more) == []


def test_without_preflight_dates_do_not_go():
    more = dict(state="completed", round=1, requested_date="2026-12-01", preflight=False)
    assert "preflight: false" in mistake(RETEST, FINISH, "requested_date", **more)


def test_a_start_in_the_past_is_no_mistake():
    assert mistakes(RETEST, REQUEST, retesting_window_start="2020-01-01") == []


@pytest.mark.parametrize("state", ["cancelled", "completed"])
def test_cancelled_and_completed_need_neither_findings_nor_window(state):
    assert mistakes(RETEST, FINISH, state=state) == []
    assert mistakes(RETEST, FINISH, state=state, round=1, preflight=False) == []
    # Nor does a window that is over matter there.
    window = dict(retesting_window_start="2026-11-01", retesting_window_end="2026-11-10")
    assert mistakes(RETEST, FINISH, state=state, **window) == []


def test_every_mistake_is_told_at_once():
    found = mistakes(
        RETEST,
        REQUEST,
        project_id=" ",
        vulnerability_ids=["y", A, "z"],
        retesting_window_start="bad",
        retesting_window_end="worse",
        remediation_note="",
    )
    assert [one.partition(":")[0] for one in found] == [
        *("project_id", "remediation_note", "vulnerability_ids[0]", "vulnerability_ids[2]"),
        *("retesting_window_start", "retesting_window_end"),
    ]


# select


@pytest.mark.parametrize(
    "select, selection",
    [
        ({"tags": "x"}, Selection(tags=("x",))),
        ({"status": ["open", "retest"]}, Selection(statuses=("open", "retest"))),
        ({"ids": f"{A} {B}"}, Selection(ids=(A, B))),
        ({"priorities": "High", "title": "^SQL"}, Selection(priorities=("High",), title="^SQL")),
        ({"cves": "cve-2026-12345"}, Selection(cves=("CVE-2026-12345",))),
        (
            {"custom_fields": {"Team": "Red", "Area": ["a", "b"]}},
            Selection(custom_fields=(("Team", ("Red",)), ("Area", ("a", "b")))),
        ),
        ({"target_before": "2026-12-01"}, Selection(target_before="2026-12-01T00:00:00.000Z")),
        ({"target_before": datetime(2026, 12, 1)}, Selection(target_before="2026-12-01T00:00:00.000Z")),
        ({"query": " { sla: 1 } "}, Selection(query="{ sla: 1 }")),
    ],
)
def test_select_takes_the_conditions_of_the_info_module(select, selection):
    assert read(RETEST, REQUEST, vulnerability_ids=None, select=select).selection == selection


@pytest.mark.parametrize(
    "select, words",
    [
        ({}, "needs a value for at least one condition"),
        ({"tags": None}, "needs a value for tags"),
        ({"tags": ["x"], "ids": None, "cves": None}, "needs a value for cves and ids"),
        ({"tag": "x"}, "there is no tag"),
        ({"tags": [""]}, "is empty"),
        ({"tags": {"a": 1}}, "is not a list of texts"),
        ({"title": ["x"]}, "['x'] is not a text"),
        ({"custom_fields": ["x"]}, "['x'] is not a dictionary of names and values"),
        ({"priorities": ["high"]}, "'high' is not one of Critical, High, Medium, Low, Info"),
        ({"status": "ready"}, "'ready' is not one of open, retest, closed"),
        ({"cves": ["CVE-1"]}, "'CVE-1' is not a CVE number such as CVE-2026-12345"),
        ({"ids": ["x"]}, NO_ID),
        ({"tags": [2026.1]}, "2026.1 is a number and not a text"),
        ({"tags": 2026.1}, "2026.1 is a number and not a text"),
        ({"alternate_ids": [True]}, "True is true or false and not a text"),
        ({"tags": [date(2026, 12, 1)]}, "2026-12-01 is a date and not a text"),
        ({"title": 5}, "5 is a number and not a text"),
        ({"custom_fields": {"Team": 5}}, "5 is a number and not a text"),
    ],
)
def test_each_mistake_in_select_is_named(select, words):
    assert words in mistake(RETEST, REQUEST, "select", vulnerability_ids=None, select=select)


DIGITS = int("1" * 24)  # an id that YAML takes for a number


def test_an_id_of_digits_alone_is_an_id_wherever_it_stands():
    """Left out, it would mean every finding or every project."""
    ids = (str(DIGITS),)
    assert read(RETEST, REQUEST, vulnerability_ids=None, select={"ids": [DIGITS]}).selection == Selection(ids=ids)
    assert read(RELEASE, RELEASED, projects={"ids": [DIGITS]}).projects == ProjectSelection(ids=ids)
    rounds = [{"project_id": PROJECT, "vulnerability_ids": [DIGITS]}]
    assert read(ROUNDS, FOLLOWED, project_id=None, rounds=rounds).asked == (AskedRound(PROJECT, None, ids),)


@pytest.mark.parametrize("value", [None, True, 5, {}, []])
def test_what_is_no_id_is_never_left_out(value):
    assert NO_ID in mistake(RETEST, REQUEST, "select", vulnerability_ids=None, select={"ids": [value]})
    assert NO_ID in mistake(RELEASE, RELEASED, "projects", projects={"ids": [value]})


# attackforge_release


def test_a_release_is_read():
    made = read(
        RELEASE,
        RELEASED,
        projects={"groups": "Shop", "name": "^Web", "ids": [A.upper()], "codes": None},
        release="2026.12",
        mark_ready=True,
        at_once=3,
        at_most=7,
    )
    assert made.projects == ProjectSelection(groups=("Shop",), name="^Web", ids=(A,))
    assert (made.selection, made.at_once, made.at_most) == (Selection(tags=("x",)), 3, 7)
    assert (made.step.note, made.step.mark_ready, made.step.state) == ("Fixed in release 2026.12.", True, "requested")
    assert (made.step.window, made.step.selection, made.step.selects) == (Window(FIRST, None), None, False)


def test_all_projects_are_meant_only_where_that_is_written():
    assert read(RELEASE, RELEASED, projects=None, all=True).projects.empty
    assert "set all: true" in mistake(RELEASE, RELEASED, "projects", projects=None)
    assert "set all: true" in mistake(RELEASE, RELEASED, "projects", projects={})
    assert "does not go with projects" in mistake(RELEASE, RELEASED, "all", all=True)


@pytest.mark.parametrize(
    "option, more, words",
    [
        ("projects", dict(projects={"group": "x"}), "there is no group"),
        ("projects", dict(projects={"groups": [], "name": ""}), "needs a value for groups and name, or leave it out"),
        ("projects", dict(projects={"codes": [2026.1]}), "2026.1 is a number and not a text"),
        ("projects", dict(projects={"name": "("}), "'(' is not a regular expression"),
        ("projects", dict(projects={"query": "x"}), "'x' is not a query of AttackForge"),
        ("projects", dict(projects={"ids": ["x"]}), NO_ID),
        ("select", dict(select={}), "needs a value for at least one condition"),
        ("at_once", dict(at_once=0), "0 is not between 1 and 32"),
        ("at_once", dict(at_once=33), "33 is not between 1 and 32"),
        ("at_most", dict(at_most=0), "0 is not between 1 and 100000"),
        ("remediation_note", dict(remediation_note=" "), "is empty"),
        ("retesting_window_start", dict(retesting_window_start="soon"), "'soon' is neither"),
    ],
)
def test_each_mistake_of_a_release_names_its_option(option, more, words):
    assert words in mistake(RELEASE, RELEASED, option, **more)


@pytest.mark.parametrize("option, value", [("at_once", 1), ("at_once", 32), ("at_most", 1), ("at_most", 100_000)])
def test_a_number_at_a_bound_is_within_it(option, value):
    assert getattr(read(RELEASE, RELEASED, **{option: value}), option) == value


# attackforge_project_info


def test_projects_are_read():
    made = read(PROJECTS, LISTED, codes=[" a ", "b"], statuses=["Testing"], query="{ code: 1 }")
    assert made.projects == ProjectSelection(codes=("a", "b"), statuses=("Testing",), query="{ code: 1 }")
    assert read(PROJECTS, LISTED).projects.empty
    assert "is not a regular expression" in mistake(PROJECTS, LISTED, "name", name="(")


# attackforge_vulnerability_info


def test_a_selection_is_read_without_what_is_written_twice():
    made = read(
        SELECTION,
        SELECTED,
        ids=[B.upper(), A, B],
        alternate_ids=[" WEB-1 ", "WEB-1"],
        priorities=["High"],
        status=["open", "open"],
        tags=["x"],
        custom_tags=["y"],
        assets=["host"],
        cves=["CVE-2026-12345", "cve-2026-12345"],
        custom_fields={"Team": ["Red"]},
        target_before="2026-12-01T01:00:00+01:00",
        title=" Login",
        query=" {a: 1}\n",
        include_details=True,
    )
    assert (made.project, made.projects, made.include_details) == (PROJECT, None, True)
    assert made.selection == Selection(
        ids=(B, A),
        alternate_ids=("WEB-1",),
        priorities=("High",),
        statuses=("open",),
        tags=("x",),
        custom_tags=("y",),
        assets=("host",),
        cves=("CVE-2026-12345",),
        custom_fields=(("Team", ("Red",)),),
        target_before="2026-12-01T00:00:00.000Z",
        title=" Login",
        query="{a: 1}",
    )


def test_findings_are_of_one_project_or_of_several():
    made = read(SELECTION, SELECTED, project_id=None, projects={"codes": ["A"]})
    assert (made.project, made.projects) == (None, ProjectSelection(codes=("A",)))
    for more in (dict(project_id=None), dict(projects={"codes": ["A"]})):
        assert mistake(SELECTION, SELECTED, "project_id", **more) == "give either project_id or projects"


def test_without_a_condition_all_is_meant_and_with_an_empty_one_nothing():
    assert read(SELECTION, SELECTED).selection == Selection()
    assert read(SELECTION, SELECTED, tags=[]).selection is None
    assert read(SELECTION, SELECTED, custom_fields={}).selection is None


@pytest.mark.parametrize(
    "option, value, words",
    [
        ("ids", ["x"], f"'x' {NO_ID}"),
        ("alternate_ids", [" "], "is empty"),
        ("priorities", [""], "is empty"),
        ("tags", ["\t"], "is empty"),
        ("assets", ["a", ""], "is empty"),
        ("custom_tags", [""], "is empty"),
        ("custom_fields", {"Team": ""}, "is empty"),
        ("cves", ["2026-1"], "'2026-1' is not a CVE number such as CVE-2026-12345"),
        ("target_before", "soon", "'soon' is not an ISO 8601 date or time such as 2026-12-01T08:00:00Z or 2026-12-01"),
        ("title", "", "is empty, which would mean every finding; leave it out"),
        ("title", " ", "is empty, which would mean every finding; leave it out"),
        ("title", "(", "'(' is not a regular expression (missing ), unterminated subpattern at position 0)"),
        ("query", "priority", "'priority' is not a query of AttackForge, such as { priority: { $eq: \"High\" } }"),
        ("query", "{", "'{' is not a query of AttackForge, such as { priority: { $eq: \"High\" } }"),
        ("query", "}", "'}' is not a query of AttackForge, such as { priority: { $eq: \"High\" } }"),
    ],
)
def test_each_mistake_of_a_selection_names_its_option(option, value, words):
    assert mistake(SELECTION, SELECTED, option, **{option: value}) == words


@pytest.mark.parametrize("title", ["(" * 4000 + ")" * 4000, "a{%s}" % ("9" * 30)])
def test_an_expression_that_python_cannot_hold_is_a_mistake(title):
    assert "is not a regular expression" in mistake(SELECTION, SELECTED, "title", title=title)


# attackforge_vulnerability


@pytest.mark.parametrize(
    "option, more, words",
    [
        ("vulnerability_ids", dict(vulnerability_ids=[]), "name at least one finding"),
        ("vulnerability_ids", dict(vulnerability_ids=["x"]), f"'x' {NO_ID}"),
        ("status", dict(status=None), "neither status nor remediation_note is given, so there is nothing to do"),
        ("remediation_note", dict(remediation_note=" \n"), "is empty"),
        ("remediation_note", dict(remediation_note="", status=None), "is empty"),
    ],
)
def test_each_mistake_of_a_marking_names_its_option(option, more, words):
    assert mistake(MARKING, MARKED, option, **more) == words


def test_every_mistake_of_a_marking_is_told_at_once():
    found = mistakes(MARKING, MARKED, vulnerability_ids=[], remediation_note=" ", project_id=" ")
    assert [one.partition(":")[0] for one in found] == ["project_id", "remediation_note", "vulnerability_ids"]


def test_a_marking_may_be_a_status_or_a_note():
    assert mistakes(MARKING, MARKED) == []
    made = read(MARKING, MARKED, status=None, vulnerability_ids=[B, A, B], remediation_note="Fixed.")
    assert made == MarkingOptions(PROJECT, Marking((B, A), None, "Fixed.", "PLAINTEXT"))


# attackforge_retest_info


@pytest.mark.parametrize("option", ["wait_timeout", "wait_interval"])
@pytest.mark.parametrize("value", [0, 0.0, -1, math.nan, math.inf, -math.inf])
def test_a_wait_needs_a_time_that_passes(option, value):
    assert mistake(ROUNDS, FOLLOWED, option, **{option: value}) == f"{value} is not a number of seconds above 0"


@pytest.mark.parametrize("option", ["wait_timeout", "wait_interval"])
def test_a_wait_is_not_longer_than_a_system_can_sleep(option):
    assert mistake(ROUNDS, FOLLOWED, option, **{option: 1e10}) == "1e+10 seconds are too many"


@pytest.mark.parametrize("value", [0.5, 1, 1e9])
def test_a_wait_may_be_short_or_long(value):
    assert read(ROUNDS, FOLLOWED, wait_timeout=value).wait_timeout == value
    assert read(ROUNDS, FOLLOWED, wait_interval=value).wait_interval == value


def test_the_options_of_a_round_are_read():
    made = read(ROUNDS, FOLLOWED, round=2, status="completed", vulnerability_ids=[A, A])
    assert made.asked == (AskedRound(PROJECT, 2, (A,)),)
    assert (made.status, made.outcome, made.verdict, made.wait) == ("completed", False, False, False)
    assert (made.wait_timeout, made.wait_interval) == (FOLLOWED["wait_timeout"], FOLLOWED["wait_interval"])
    assert mistake(ROUNDS, FOLLOWED, "round", round=0) == "0 is not a round; they are counted from 1"


def test_a_verdict_has_the_outcome_read():
    made = read(ROUNDS, FOLLOWED, verdict=True, ignore_priorities=["Low", "Low"], fixed_only=True)
    assert (made.verdict, made.outcome, made.ignore_priorities, made.fixed_only) == (True, True, ("Low",), True)


def test_the_handle_of_a_release_is_taken_as_it_is():
    handle = [
        {
            "project_id": PROJECT.upper(),
            "code": "S",
            "round": 3,
            "status": "requested",
            "vulnerability_ids": [A.upper()],
        },
        {"project_id": "SHOP", "round": None, "vulnerability_ids": None},
        {"project_id": "SHOP"},
        {"project_id": "SHOP", "round": "3", "vulnerability_ids": f"{A},{B}"},  # as templates write it
    ]
    made = read(ROUNDS, FOLLOWED, project_id=None, rounds=handle)
    assert made.asked[:3] == (AskedRound(PROJECT, 3, (A,)), AskedRound("SHOP"), AskedRound("SHOP"))
    assert made.asked[3:] == (AskedRound("SHOP", 3, (A, B)),)


@pytest.mark.parametrize(
    "option, more, words",
    [
        ("project_id", dict(project_id=None), "give either project_id or rounds"),
        ("project_id", dict(rounds=[{"project_id": PROJECT}]), "give either project_id or rounds"),
        ("rounds", dict(project_id=None, rounds=[]), "is empty, so there is nothing to follow"),
        ("round", dict(project_id=None, rounds=[{"project_id": PROJECT}], round=1), "does not go with rounds, which"),
        (
            "vulnerability_ids",
            dict(project_id=None, rounds=[{"project_id": PROJECT}], vulnerability_ids=[A]),
            "does not go with rounds, which",
        ),
        ("status", dict(verdict=True, status="completed"), "does not go with verdict, which decides on the round"),
        ("rounds", dict(project_id=None, rounds=[{}]), "is needed"),
        ("rounds", dict(project_id=None, rounds=[{"project_id": PROJECT, "round": "x"}]), "'x' is not a round"),
        ("rounds", dict(project_id=None, rounds=[{"project_id": PROJECT, "vulnerability_ids": {"a": 1}}]), NO_ID),
        ("rounds", dict(project_id=None, rounds=[{"project_id": PROJECT, "round": 0}]), "not a round"),
        ("rounds", dict(project_id=None, rounds=[{"project_id": PROJECT, "vulnerability_ids": ["x"]}]), NO_ID),
        ("rounds", dict(project_id=None, rounds=[{"project_id": 5}]), "5 is a number and not a text"),
    ],
)
def test_each_mistake_of_the_rounds_names_its_option(option, more, words):
    assert words in mistake(ROUNDS, FOLLOWED, option, **more)


# Texts that YAML has taken for something else

SPEC = dict(
    release=dict(type="str", aliases=["version"]),
    names=dict(type="list", elements="str"),
    start=dict(type="str"),
    retesting_window_start=dict(type="str", aliases=["window_start"]),
    state=dict(type="str", choices=["on", "off"]),
    api_key=dict(type="str", no_log=True),
    many=dict(type="int"),
    free=dict(type="list"),
)


@pytest.mark.parametrize("value", [2026.1, 1, 0, True, False, 83, date(2026, 12, 1), datetime(2026, 12, 1), math.nan])
def test_a_text_that_is_none_any_more_is_named(value):
    assert untyped_texts(SPEC, {"release": value}) == [f"release: {not_a_text(value)}"]
    assert untyped_texts(SPEC, {"version": value}) == [f"version: {not_a_text(value)}"]
    assert untyped_texts(SPEC, {"names": ["a", value]}) == [f"names[1]: {not_a_text(value)}"]


@pytest.mark.parametrize(
    "params",
    [
        {"release": "2026.10"},
        {"release": None},
        {"release": {"a": 1}},  # what is neither a text nor a scalar is for Ansible's own check
        {"names": ["a", "b"]},
        {"names": "a"},
        {"names": [["a"]]},
        {"state": True},  # YAML's on: Ansible puts it right by the choices
        {"many": 5},
        {"free": [5]},
        {"unknown": 5},
        {"release": int("1" * 24)},  # an id of digits alone
        {"names": [int("1" * 24)]},
        {"retesting_window_start": date(2026, 12, 1)},
        {"window_start": datetime(2026, 12, 1)},
    ],
)
def test_what_cannot_have_been_changed_is_taken(params):
    assert untyped_texts(SPEC, params) == []


@pytest.mark.parametrize("value", [20261201, 2026.12, True])
def test_a_point_in_time_is_no_number(value):
    assert untyped_texts(SPEC, {"window_start": value}) == [f"window_start: {not_a_text(value)}"]
    assert untyped_texts(SPEC, {"start": date(2026, 12, 1)}) == [f"start: {not_a_text(date(2026, 12, 1))}"]


def test_a_secret_is_not_shown():
    assert untyped_texts(SPEC, {"api_key": 123456}) == ["api_key: is not a text"]


@pytest.mark.parametrize(
    "value, kind", [(True, "true or false"), (2026.1, "a number"), (5, "a number"), (date(2026, 12, 1), "a date")]
)
def test_the_message_says_what_it_is_and_what_to_do(value, kind):
    message = not_a_text(value)
    assert message.startswith(f"{value} is {kind} and not a text")
    assert "quotes" in message and "AWX survey" in message


@pytest.mark.parametrize(
    "module", [attackforge_retest, attackforge_release, attackforge_vulnerability], ids=lambda module: module.__name__
)
def test_the_release_and_the_note_of_each_module_are_looked_at(module):
    spec = module.OPERATION.argument_spec
    for name in {"release", "remediation_note"} & set(spec):
        assert untyped_texts(spec, {name: 2026.1}), name
    assert "remediation_note" in spec


# Two names for one option


@pytest.mark.parametrize(
    "params, defaults, made",
    [
        ({"start": "a"}, (), {"start": "a"}),
        ({"window": "a"}, (), {"start": "a"}),
        ({"window": "a", "start": "a"}, (), {"start": "a"}),
        # What the task sets itself comes before a default of the play, whatever their names.
        ({"window": "default", "start": "task"}, ("window",), {"start": "task"}),
        ({"window": "task", "start": "default"}, ("start",), {"start": "task"}),
        ({"window": "x"}, ("window",), {"start": "x"}),
        # Ansible has put the task's value over the default of the same name.
        ({"start": "task"}, ("start",), {"start": "task"}),
    ],
)
def test_each_option_gets_its_own_name(params, defaults, made):
    spec = {"start": {"aliases": ["window"]}, "end": {}}
    given_params = {**params, "end": "e"}
    assert without_aliases(spec, given_params, defaults) == ({**made, "end": "e"}, [])
    assert given_params == {**params, "end": "e"}


@pytest.mark.parametrize("defaults", [(), ("start", "window")])
def test_two_names_with_different_values_are_a_mistake(defaults):
    spec = {"start": {"aliases": ["window"]}}
    _made, clashes = without_aliases(spec, {"start": "a", "window": "b"}, defaults)
    assert clashes == ["start: is set twice, with different values, as start and as window; set one of them"]


def test_two_aliases_with_different_values_are_a_mistake_too():
    spec = {"start": {"aliases": ["window", "begin"]}}
    made, clashes = without_aliases(spec, {"begin": "a", "window": "b"}, ())
    assert clashes and set(made) == {"start"}
    assert without_aliases(spec, {"begin": "a", "window": "a"}, ()) == ({"start": "a"}, [])


# The body of the request


def test_the_body_has_the_names_and_the_form_that_the_service_documents():
    window = Window(datetime(2026, 12, 1, 1, 2, 3, 4567, tzinfo=timezone.utc), None)
    assert request_body(window, [A, B]) == {
        "retesting_window_start": "2026-12-01T01:02:03.004Z",
        "vulnerability_ids": [A, B],
    }
    window = window._replace(end=window.start + timedelta(7))
    assert request_body(window, (A,))["retesting_window_end"] == "2026-12-08T01:02:03.004Z"


@pytest.mark.parametrize("ids", [[], [A, A], ["x"]])
def test_a_body_that_must_not_be_sent_cannot_be_made(ids):
    with pytest.raises(voluptuous.Invalid):
        request_body(Window(NOW, None), ids)
