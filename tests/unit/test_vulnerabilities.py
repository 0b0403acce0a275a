# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Findings: readiness however the service writes it, names for people, which are meant, and what is to be done."""

from __future__ import annotations

import pytest
from ansible_collections.attackforge.retest.plugins.module_utils.errors import StateError
from ansible_collections.attackforge.retest.plugins.module_utils.vulnerabilities import (
    CLOSED,
    OPEN,
    PRIORITIES,
    READY,
    Change,
    Finding,
    Marking,
    Note,
    Selection,
    folded,
    is_made,
    named,
    plan_marking,
    status_of,
)
from hypothesis import given
from hypothesis import strategies as st


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
    assert named(findings) == "WEBAPP-1 ({}), {}".format("a" * 24, "b" * 24)
    assert named([]) == ""
    assert named(iter(findings)) == named(findings)


# Which findings are meant

IDS = [f"{number:024x}" for number in range(1, 5)]
WORDS = ["a", "B", "c c"]
STATUSES = [OPEN, READY, CLOSED]
findings = st.builds(
    Finding,
    id=st.sampled_from(IDS),
    alternate_id=st.none() | st.sampled_from(["W-1", "w-2"]),
    title=st.none() | st.text(max_size=6),
    status=st.sampled_from(STATUSES),
    priority=st.none() | st.sampled_from([*PRIORITIES, "high"]),
    tags=st.lists(st.sampled_from(WORDS)).map(tuple),
    assets=st.lists(st.sampled_from(WORDS)).map(tuple),
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
)


@given(selections, findings)
def test_all_conditions_have_to_hold(selection, finding):
    """A selection holds exactly where each of its conditions alone does."""
    alone = [Selection(**{name: value}) for name, value in selection._asdict().items() if value]
    assert selection.matches(finding) == all(one.matches(finding) for one in alone)


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


def holds(condition, record):
    """The part of the service's query language that is used."""
    for key, value in condition.items():
        if key in ("$or", "$and"):
            if not {"$or": any, "$and": all}[key](holds(one, record) for one in value):
                return False
            continue
        for sign, operand in value.items():
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
    if selection.matches(finding):
        for record in shown(finding):
            record.update(priority=finding.priority, tags=list(finding.tags))
            assert all(holds(condition, record) for condition in selection.conditions()), record


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


def test_names_are_ids_before_alternate_ids():
    assert Selection(ids=("a",), alternate_ids=("b",)).named() == [("id", ("a",)), ("alternate_id", ("b",))]
    assert Selection(alternate_ids=("b",)).named() == [("alternate_id", ("b",))]
    assert Selection().named() == []


@given(st.none() | st.text(max_size=5))
def test_folding_is_done_with_after_once(text):
    assert folded(folded(text)) == folded(text)


# What is to be done to them


def marked(finding, status=None, note=None, note_type="PLAINTEXT"):
    """The change to this finding."""
    return plan_marking(Marking((finding.id,), status, note, note_type), {finding.id: finding}, "p")[0]


def stands(note, *standing, note_type="PLAINTEXT"):
    """Whether a note is not added, because it stands there."""
    return marked(Finding("a", status=OPEN, notes=standing), note=note, note_type=note_type).empty


def note_of(text=None, in_html=None):
    return Note(None, text, in_html, None)


@given(st.sampled_from(STATUSES), st.none() | st.sampled_from(STATUSES))
def test_a_status_is_written_only_where_it_is_another(before, wanted):
    change = marked(Finding("a", status="".join(list(before))), wanted)  # equal, not the same object
    assert change.after == (wanted or before)
    assert (change.status is None) == (wanted in (None, before)) == change.empty
    assert change.as_result() == {
        "id": "a",
        "alternate_id": None,
        "before": before,
        "after": change.after,
        "note_added": False,
    }


notes = st.text(st.sampled_from("ab <>&;/\n\t'\"\u00e4"), min_size=1, max_size=12).filter(str.strip)


def as_html(text):
    return "".join(
        "<p>{}</p>".format(line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
        for line in text.split("\n")
    )


@given(notes)
def test_a_note_that_was_added_is_seen(text):
    """However the service keeps it: the text, its HTML, or both."""
    for note in (note_of(text, as_html(text)), note_of(text), note_of(None, as_html(text))):
        assert stands(text, note_of("another"), note), note
        assert not stands(text, note_of("another"))


@given(notes, notes)
def test_a_note_with_another_text_is_another_note(one, other):
    """What stands between < and > is text too, in plain text."""
    if one.split() != other.split():
        assert not stands(one, note_of(other, as_html(other)))


@pytest.mark.parametrize(
    "text, note",
    [
        ("Fixed in <2026.12>", note_of("Fixed in <2026.11>")),
        ("<release>", note_of("", None)),
        ("<release>", note_of("Something else", None)),
        ("a < b and c > d", note_of("a d")),
        ("Fixed", note_of("Fixed.")),
        ("Fixed", note_of(None, None)),
    ],
)
def test_these_notes_are_not_the_same(text, note):
    assert not stands(text, note)


@pytest.mark.parametrize(
    "text, note",
    [
        ("Fixed.\n", note_of("Fixed.")),
        ("Fixed  now", note_of("Fixed\nnow", None)),
        ("a\nb", note_of(None, "<p>a</p><p>b</p>")),
        ("a & b < c", note_of(None, "<p>a &amp; b &lt; c</p>")),
        ("a & b < c", note_of("a &amp; b &lt; c", None)),
    ],
)
def test_these_notes_are_the_same(text, note):
    assert stands(text, note_of("x"), note)


RICH = "<p>Fixed &amp; <b>closed</b></p>"


@pytest.mark.parametrize(
    "text, note, same",
    [
        (RICH, note_of(RICH, RICH), True),
        (RICH, note_of("Fixed & closed", None), True),
        ('<p><img src="https://ci/x.png"></p>', note_of("Something else", None), False),
        ('<p><img src="https://ci/x.png"></p>', note_of(None, "<p>Something else</p>"), False),
        ('<p><img src="https://ci/x.png"></p>', note_of(None, '<div><img alt="" src="https://ci/x.png"/></div>'), True),
        ('<p><img src="https://ci/x.png"></p>', note_of(None, '<p><img src="https://ci/y.png"></p>'), False),
        ("<p></p>", note_of("Something else", None), False),
        (RICH, note_of(None, "<div>Fixed &amp; closed</div>"), True),
        (RICH, note_of("Fixed & open", "<p>Fixed &amp; open</p>"), False),
        ("<img src='a'>", note_of("<img src='a'>", None), True),
        ("<img src='a'>", note_of("", None), False),
        ("<img src='a'>", note_of("<img src='b'>", "<img src='b'>"), False),
        (
            "<a href='https://ci/1?a&amp;b'>Log</a>",
            note_of("Log", '<p><A rel=x HREF="https://ci/1?a&b">Log</A></p>'),
            True,
        ),
        ("<a href='https://ci/1'>Log</a>", note_of("Log", "<a href='https://ci/2'>Log</a>"), False),
        ("<a href='https://ci/1'>Log</a>", note_of("Log", "<a href='https://ci/0'>Log</a>"), False),
        ("<a href='https://ci/1'>Log</a>", note_of("<a href='https://ci/2'>Log</a>", None), False),
        ("<a href='https://ci/1'>Log</a>", note_of("Log", "<p>Log</p>"), True),
        ("<b>Log</b>", note_of("Log", "<a href='https://ci/2'>Log</a>"), False),
    ],
)
def test_rich_text_is_compared_by_what_is_read_in_it(text, note, same):
    assert stands(text, note_of("x"), note, note_type="RICHTEXT") is same


def test_a_finding_whose_notes_are_not_told_has_none():
    assert marked(Finding("a", status=OPEN, notes=None), note="x").note == "x"


def test_each_missing_finding_is_named_and_nothing_is_planned():
    with pytest.raises(StateError) as caught:
        plan_marking(Marking(("a", "b", "c"), READY, None), {"b": Finding("b")}, "the project")
    assert (
        "a, c" in caught.value.message
        and "the project" in caught.value.message
        and "b" not in (caught.value.message.partition("see: ")[2].partition(".")[0])
    )


@given(st.lists(st.sampled_from("abc"), unique=True, min_size=1), st.sampled_from(STATUSES), notes)
def test_a_plan_that_is_carried_out_is_seen_and_leaves_nothing_to_plan(ids, status, text):
    marking = Marking(tuple(ids), status, text)
    before = {one: Finding(one, status=OPEN, notes=()) for one in "cab"}
    changes = plan_marking(marking, before, "p")
    assert [change.finding.id for change in changes] == ids
    after = {one: Finding(one, status=status, notes=(note_of(text, as_html(text)),)) for one in "abc"}
    assert all(is_made(change, after) for change in changes)
    assert all(change.empty for change in plan_marking(marking, after, "p"))
    assert not any(is_made(change, before) for change in changes)


def test_a_change_is_not_made_where_the_finding_is_not_seen_or_half_of_it_lacks():
    change = Change(Finding("a", status=OPEN, notes=()), READY, "x")
    assert not is_made(change, {})
    assert not is_made(change, {"a": Finding("a", status=READY, notes=())})
    assert not is_made(change, {"a": Finding("a", status=OPEN, notes=(note_of("x"),))})
    assert is_made(change, {"a": Finding("a", status=READY, notes=(note_of("x"),))})
