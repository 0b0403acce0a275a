# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Findings: readiness however the service writes it, names for people, and which are meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.attackforge.retest.plugins.module_utils._query import Contains, Whole
from ansible_collections.attackforge.retest.plugins.module_utils._vulnerabilities import (
    CLOSED,
    OPEN,
    PRIORITIES,
    READY,
    Finding,
    Selection,
    folded,
    names_of,
    status_of,
)


@pytest.mark.parametrize(
    "status, retest, expected",
    [
        ("Open", "No", OPEN),
        ("Open", "Yes", READY),
        ("Open", True, READY),
        ("Open", False, OPEN),
        ("open", "yes", READY),
        ("Open", " YES ", READY),
        ("Open", "true", READY),
        ("Open", None, OPEN),
        ("Open", "", OPEN),
        ("Retest", None, READY),
        ("Retest", "No", READY),
        (" retest ", "No", READY),
        ("RETEST", False, READY),
        ("Closed", "No", CLOSED),
        ("closed", None, CLOSED),
        (" CLOSED ", None, CLOSED),
        (None, None, OPEN),
        (None, "Yes", READY),
        ("", "No", OPEN),
        ("Triaged", "No", OPEN),
        ("Triaged", "Yes", READY),
    ],
)
def test_open_ready_and_closed_are_told_apart(status, retest, expected):
    assert status_of(status, retest) == expected


def test_a_closed_finding_is_closed_even_where_the_old_retest_flag_stands():
    assert status_of("Closed", "Yes") == CLOSED
    assert status_of("Closed", True) == CLOSED


@given(st.none() | st.text(max_size=12), st.none() | st.booleans() | st.text(max_size=6))
def test_whatever_is_written_there_is_one_of_three_statuses(status, retest):
    assert status_of(status, retest) in (OPEN, READY, CLOSED)


def test_findings_are_named_by_both_ids_where_there_are_two():
    findings = [Finding("a" * 24, "WEBAPP-1", "SQL injection"), Finding("b" * 24)]
    assert names_of(findings) == f"WEBAPP-1 ({'a' * 24}), {'b' * 24}"
    assert names_of([]) == ""
    assert names_of(iter(findings)) == names_of(findings)


# Which findings are meant

IDS = [f"{number:024x}" for number in range(1, 5)]
WORDS = ["a", "B", "c c"]
STATUSES = [OPEN, READY, CLOSED]
CVE = "CVE-2026-12345"
DATES = ["2026-11-30T00:00:00.000Z", "2026-12-01T00:00:00.000Z", "2026-12-02T00:00:00.000Z"]
findings = st.builds(
    Finding,
    id=st.sampled_from(IDS),
    alternate_id=st.none() | st.sampled_from(["W-1", "w-2"]),
    title=st.none() | st.sampled_from([f"RCE ({CVE.lower()})"]) | st.text(max_size=6),
    status=st.sampled_from(STATUSES),
    priority=st.none() | st.sampled_from([*PRIORITIES, "high"]),
    tags=st.lists(st.sampled_from(WORDS)).map(tuple),
    assets=st.lists(st.sampled_from(WORDS)).map(tuple),
    custom_fields=st.lists(st.tuples(st.sampled_from(["f", "g"]), st.sampled_from([*WORDS, CVE]))).map(tuple),
    target_remediation_date=st.none() | st.sampled_from(DATES),
    details=st.none(),
)


def some(values):
    return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)


selections = st.builds(
    Selection,
    ids=some(IDS),
    alternate_ids=some(["W-1", "W-2", "w-1"]),
    priorities=some(PRIORITIES),
    statuses=some(STATUSES),
    tags=some(WORDS),
    assets=some(["A", "b"]),
    title=st.sampled_from([None, "^$", "x|y"]),
    cves=some([CVE, "CVE-2026-1234"]),
    custom_fields=some([("F", ("A",)), ("f", ("b", "x")), ("g", (CVE,))]),
    target_before=st.none() | st.sampled_from(DATES),
    custom_tags=st.just(()),
    query=st.none(),
)


def each_alone(selection):
    """The conditions of a selection, each as a selection of its own."""
    return [Selection(**{name: value}) for name, value in selection._asdict().items() if value]


@given(selections, findings)
def test_all_conditions_have_to_hold(selection, finding):
    """A selection holds exactly where each of its conditions alone does."""
    assert selection.matches(finding) == all(one.matches(finding) for one in each_alone(selection))


@given(selections, findings)
def test_a_longer_list_of_values_never_finds_less(selection, finding):
    if selection.matches(finding):
        for name in ("ids", "alternate_ids", "priorities", "statuses", "tags", "assets"):
            values = getattr(selection, name)
            assert selection._replace(**{name: values and (*values, "another")}).matches(finding)


@pytest.mark.parametrize(
    "selection, yes, no",
    [
        (Selection(ids=("a",)), Finding("a"), Finding("b")),
        (Selection(alternate_ids=("web-1",)), Finding("a", "WEB-1"), Finding("a", "WEB-11")),
        (Selection(alternate_ids=("web-1",)), Finding("a", "Web-1"), Finding("a")),
        (Selection(priorities=("High",)), Finding("a", priority="HIGH"), Finding("a")),
        (Selection(statuses=(READY,)), Finding("a", status=READY), Finding("a", status=OPEN)),
        (Selection(tags=("x", "y")), Finding("a", tags=("y",)), Finding("a", tags=("X",))),
        (Selection(assets=("HOST",)), Finding("a", assets=("host", "other")), Finding("a", assets=("host2",))),
        (Selection(title="in"), Finding("a", title="find in it"), Finding("a")),
        (Selection(title="^in"), Finding("a", title="in"), Finding("a", title="IN")),
        (Selection(query="{}"), Finding("a"), None),
        (Selection(), Finding("a"), None),
    ],
)
def test_each_condition_tells_one_from_another(selection, yes, no):
    assert selection.matches(yes)
    assert no is None or not selection.matches(no)


def shown(finding):
    """What the service's query may see of a finding, in each way that readiness is known to read back."""
    ready = finding.status == READY
    yield {"status": "Closed" if finding.status == CLOSED else "Open", "is_retest": "Yes" if ready else "No"}
    yield {"status": {CLOSED: "Closed", READY: "Retest", OPEN: "Open"}[finding.status], "is_retest": "No"}
    for record in list(shown_as_documented(finding)):
        yield {key: value.lower() for key, value in record.items()}
        yield {key: value.upper() for key, value in record.items()}


def shown_as_documented(finding):
    ready = finding.status == READY
    yield {"status": "Closed" if finding.status == CLOSED else "Open", "is_retest": "Yes" if ready else "No"}
    yield {"status": {CLOSED: "Closed", READY: "Retest", OPEN: "Open"}[finding.status], "is_retest": "No"}


def listed(value):
    return value if isinstance(value, list) else [value]


def found(form, text):
    """Whether a regular expression in one of the two forms finds a text, in any letter case."""
    wanted, present = form.text.casefold(), (text or "").casefold()
    return {Whole: wanted == present, Contains: wanted in present}[type(form)]


def holds(condition, record):
    """The part of the service's query language that is used."""
    for key, value in condition.items():
        if key in ("$or", "$and"):
            if not {"$or": any, "$and": all}[key](holds(one, record) for one in value):
                return False
            continue
        if "$elemMatch" in value:
            if not any(holds(value["$elemMatch"], entry) for entry in record[key]):
                return False
            continue
        for sign, operand in value.items():
            if sign == "$lt":
                if record[key] is None or not record[key] < operand:
                    return False
                continue
            if sign == "$regex":
                if not any(found(operand, text) for text in listed(record[key])):
                    return False
                continue
            read = record[key] if isinstance(record[key], list) else [record[key]]
            wanted = operand if isinstance(operand, list) else [operand]
            same = any(type(one) is type(other) and one == other for one in read for other in wanted)
            assert sign in ("$in", "$eq", "$ne", "$nin"), sign
            if same is not (sign in ("$in", "$eq")):
                return False
    return True


@given(selections, findings.filter(lambda finding: finding.priority != "high"))
def test_the_service_is_asked_for_no_less_than_is_meant(selection, finding):
    """Whatever readiness reads like to its query, and in whatever letters."""
    for one in filter(lambda one: one.matches(finding), each_alone(selection)):
        for record in shown(finding):
            record.update(priority=finding.priority, tags=list(finding.tags), title=finding.title)
            record["custom_fields"] = [{"name": name, "value": value} for name, value in finding.custom_fields]
            record["target_remediation_date"] = finding.target_remediation_date
            assert all(holds(condition, record) for condition in one.conditions()), record


_NOT_CLOSED = {"status": {"$nin": ["Closed", "closed", "CLOSED"]}}
_READY = {
    "$or": [{"is_retest": {"$in": ["Yes", "yes", "YES", True]}}, {"status": {"$in": ["Retest", "retest", "RETEST"]}}]
}


@pytest.mark.parametrize(
    "statuses, conditions",
    [
        ((), []),
        ((OPEN,), [_NOT_CLOSED]),
        ((READY,), [_READY]),
        ((OPEN, READY), [{"$or": [_NOT_CLOSED, _READY]}]),
        ((OPEN, READY, CLOSED), []),
    ],
)
def test_the_service_is_asked_for_no_more_than_is_meant(statuses, conditions):
    wanted = [{"priority": {"$in": ["High"]}}, {"tags": {"$in": ["a", "b"]}}]
    assert Selection(statuses=statuses).conditions() == conditions
    assert Selection(statuses=statuses, priorities=("High",), tags=("a", "b")).conditions() == wanted + conditions


def test_what_no_finding_has_is_unseen():
    selection = Selection(ids=("a", "b"), alternate_ids=("W-1", "w-2", "W-3"))
    assert selection.unseen([Finding("a", "w-1"), Finding("c", "W-2")]) == ["b", "W-3"]
    assert Selection().unseen([]) == []


@pytest.mark.parametrize(
    "finding",
    [
        Finding("a", title="Log4j (cve-2026-12345)"),
        Finding("a", tags=("x", "CVE-2026-12345")),
        Finding("a", custom_fields=(("cve", "see CVE-2026-12345"),)),
    ],
)
def test_a_cve_is_found_wherever_it_stands(finding):
    assert Selection(cves=("CVE-2026-12345",)).matches(finding)
    assert not Selection(cves=("CVE-2026-1234",)).matches(finding)


def test_custom_fields_have_to_have_one_of_the_values():
    finding = Finding("a", custom_fields=(("Team", "Blue"), ("Team", "Red")))
    assert Selection(custom_fields=(("team", ("green", "RED")),)).matches(finding)
    assert not Selection(custom_fields=(("team", ("green",)),)).matches(finding)
    assert not Selection(custom_fields=(("squad", ("Red",)),)).matches(finding)


@pytest.mark.parametrize(
    "date, is_before",
    [
        ("2026-11-30T23:59:59.999Z", True),
        ("2026-12-01T00:00:00.000Z", False),
        ("2026-12-01", False),
        ("2026-11-30", True),
        ("2026-12-01T00:30:00+01:00", True),
        ("2026-11-30T23:30:00-01:00", False),
        ("2026-12-01T00:00:00Z", False),
        ("", False),
        (None, False),
        ("2026-11-31 or so", True),  # not a date: compared as it stands
        ("unknown", False),
    ],
)
def test_a_target_date_has_to_lie_before(date, is_before):
    before = Selection(target_before="2026-12-01T00:00:00.000Z")
    assert before.matches(Finding("a", target_remediation_date=date)) is is_before


def test_a_selection_is_described_for_people():
    selection = Selection(
        tags=("release-2026.12",),
        priorities=("Critical", "High"),
        statuses=("open",),
        custom_fields=(("Team", ("Red", "Blue")), ("Area", ("a",))),
        title="^SQL",
    )
    assert selection.described == (
        "priorities: Critical, High; status: open; tags: release-2026.12; custom_fields: Team=Red, Blue, Area=a; "
        "title: ^SQL"
    )
    assert Selection().described == ""


def test_what_the_service_filters_by_is_written_in_its_words():
    assert Selection(custom_tags=("x",)).conditions() == [{"custom_tags": {"$in": ["x"]}}]
    assert Selection(target_before=DATES[0]).conditions() == [{"target_remediation_date": {"$lt": DATES[0]}}]
    assert Selection(ids=("a",), alternate_ids=("b",), assets=("c",), title="x").conditions() == []


def test_a_cve_is_asked_for_wherever_it_may_stand():
    (condition,) = Selection(cves=(CVE,)).conditions()
    assert [set(one) for one in condition["$or"]] == [{"title"}, {"tags"}, {"custom_fields"}]


@given(st.none() | st.text(max_size=5))
def test_folding_is_done_with_after_once(text):
    assert folded(folded(text)) == folded(text)
