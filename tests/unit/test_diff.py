# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The diff: YAML that people can read and a parser reads as the same data."""

from __future__ import annotations

from datetime import datetime, timezone

import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.attackforge.retest.plugins.module_utils._diff import marking_diff, rounds_diff
from ansible_collections.attackforge.retest.plugins.module_utils._plan import Change, Step
from ansible_collections.attackforge.retest.plugins.module_utils._rounds import Round
from ansible_collections.attackforge.retest.plugins.module_utils._vulnerabilities import Finding

PROJECT = "66333e1d110ab5acf8a4354e"
START = datetime(2026, 12, 1, tzinfo=timezone.utc)
END = datetime(2026, 12, 8, tzinfo=timezone.utc)
FIRST = Finding("a" * 24, "WEBAPP-1", "SQL injection")
SECOND = Finding("b" * 24)


def a_round(number, status="requested", scope=(FIRST,), start=START, end=END):
    return Round(number, status, start, end, scope, frozenset())


def read(text):
    return yaml.safe_load(text)["open_rounds"]


def test_no_open_round_is_an_empty_list():
    diff = rounds_diff(PROJECT, [a_round(1, "completed"), a_round(2, "cancelled"), a_round(3, "scheduled")])
    assert read(diff["before"]) == read(diff["after"]) == []


def test_only_open_rounds_are_shown_with_window_and_findings():
    diff = rounds_diff(PROJECT, [a_round(1, "completed"), a_round(2, scope=(FIRST, SECOND))])
    assert (
        read(diff["before"])
        == read(diff["after"])
        == [
            {
                "round": 2,
                "retesting_window_start": "2026-12-01T00:00:00.000Z",
                "retesting_window_end": "2026-12-08T00:00:00.000Z",
                "vulnerabilities": [f"WEBAPP-1 {'a' * 24} SQL injection", "b" * 24],
            }
        ]
    )


def test_the_after_side_lacks_what_goes_and_ends_with_what_is_new():
    old, other = a_round(1), a_round(2, scope=(SECOND,), end=None)
    diff = rounds_diff(PROJECT, [old, other], withdrawn=(old,), new=a_round(None))
    assert [one["round"] for one in read(diff["before"])] == [1, 2]
    assert [one["round"] for one in read(diff["after"])] == [2, "new"]
    assert read(diff["after"])[0]["retesting_window_end"] is None


def test_a_round_whose_scope_is_not_known_is_shown_without_findings():
    for scope in (None, ()):
        diff = rounds_diff(PROJECT, [a_round(1, scope=scope, start=None)])
        assert not read(diff["before"])[0]["vulnerabilities"]
        assert read(diff["before"])[0]["retesting_window_start"] is None


def test_findings_that_are_prepared_are_shown_beside_the_rounds():
    steps = [
        Step(FIRST._replace(status="open"), "requested", mark=True, note="Fixed: now"),
        Step(SECOND._replace(status="retest"), "requested"),
        Step(Finding("c" * 24, status="retest"), "in_scope", note="Fixed: now"),
    ]
    diff = rounds_diff(PROJECT, [], new=a_round(None), steps=steps)
    before, after = yaml.safe_load(diff["before"]), yaml.safe_load(diff["after"])
    name = f"WEBAPP-1 {'a' * 24} SQL injection"
    assert before["vulnerabilities"] == [
        {"vulnerability": name, "status": "open"},
        {"vulnerability": "c" * 24, "status": "retest"},
    ]
    assert after["vulnerabilities"] == [
        {"vulnerability": name, "status": "retest", "new_remediation_note": "Fixed: now"},
        {"vulnerability": "c" * 24, "status": "retest", "new_remediation_note": "Fixed: now"},
    ]
    assert [one["round"] for one in after["open_rounds"]] == ["new"] and before["open_rounds"] == []


def test_without_anything_to_prepare_only_rounds_are_shown():
    diff = rounds_diff(PROJECT, [], steps=[Step(FIRST, "in_scope")])
    assert set(yaml.safe_load(diff["after"])) == {"open_rounds"}


def test_a_marking_shows_what_it_changes():
    changes = [
        Change(FIRST._replace(status="open"), "closed", None),
        Change(SECOND._replace(status="open"), None, None),
        Change(Finding("c" * 24), None, 'a "note"\n'),
    ]
    diff = marking_diff(PROJECT, changes)
    assert diff["before_header"] == diff["after_header"] == f"findings of project {PROJECT}"
    name = f"WEBAPP-1 {'a' * 24} SQL injection"
    assert yaml.safe_load(diff["before"])["vulnerabilities"] == [
        {"vulnerability": name, "status": "open"},
        {"vulnerability": "c" * 24},
    ]
    assert yaml.safe_load(diff["after"])["vulnerabilities"] == [
        {"vulnerability": name, "status": "closed"},
        {"vulnerability": "c" * 24, "new_remediation_note": 'a "note"\n'},
    ]


def test_a_marking_that_changes_nothing_shows_nothing():
    diff = marking_diff(PROJECT, [Change(FIRST, None, None)])
    assert yaml.safe_load(diff["before"]) == yaml.safe_load(diff["after"]) == {"vulnerabilities": []}


def test_both_headers_name_the_project():
    diff = rounds_diff(PROJECT, [])
    assert PROJECT in diff["before_header"]
    assert diff["before_header"] == diff["after_header"]


def test_titles_that_look_like_yaml_stay_text():
    for title in ('"', "'", "a: b", "# no", "- x", "{{ x }}", "\\", "\\x41", "a\nb", "!!python/object:os.x", "%", "\t"):
        diff = rounds_diff(PROJECT, [a_round(1, scope=(Finding("a" * 24, None, title),))])
        assert read(diff["before"])[0]["vulnerabilities"] == [f"{'a' * 24} {title}"]


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_title_and_name_is_read_back_as_it_was(title, name):
    diff = rounds_diff(PROJECT, [a_round(1, scope=(Finding("a" * 24, name, title),))])
    assert read(diff["before"])[0]["vulnerabilities"] == [f"{name} {'a' * 24} {title}"]


@given(st.text(st.characters(categories=["Cs", "Cc", "L"]), min_size=1))
def test_a_title_with_a_lone_surrogate_can_be_printed(title):
    diff = rounds_diff(PROJECT, [a_round(1, scope=(Finding("a" * 24, None, title),))])
    diff["before"].encode("utf-8")
    assert read(diff["before"])[0]["round"] == 1


def test_an_ordinary_title_is_readable_as_it_stands():
    title = "Umlaute wie ä und 日本語 \U0001f600"
    diff = rounds_diff(PROJECT, [a_round(1, scope=(Finding("a" * 24, None, title),))])
    assert "日本語" in diff["before"]
    assert read(diff["before"])[0]["vulnerabilities"] == [f"{'a' * 24} {title}"]
