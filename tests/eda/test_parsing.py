# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an event says, and by what it is recognised."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from attackforge_retest_eda.events import event_of_row, parse_event

START = datetime(2026, 12, 1, tzinfo=timezone.utc)
PROJECT = "66333e1d110ab5acf8a4354e"
DONE = "project-retest-completed"


def at(seconds):
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def params(seconds=0, number=1, **more):
    return {"timestamp": at(seconds), "data": {"project_id": PROJECT, "round": number, **more}}


def mark(name, content):
    return parse_event(name, content).mark


def test_a_round_has_plain_names():
    content = params(
        0,
        "2",
        status="Cancelled",
        retest_window={"start_date": "2026-12-01", "end_date": None},
        vulnerabilities_in_scope=[{"title": "Injection", "id": "ABC", "alternate_id": "WEBAPP-1"}],
    )
    assert parse_event("project-retest-cancelled", content).for_rules() == {
        "name": "project-retest-cancelled",
        "timestamp": "2026-12-01T00:00:00.000Z",
        "retest": {
            "project_id": PROJECT,
            "round": 2,
            "status": "cancelled",
            "retesting_window_start": "2026-12-01T00:00:00.000Z",
            "retesting_window_end": None,
            "vulnerabilities": [{"id": "abc", "alternate_id": "WEBAPP-1", "title": "Injection"}],
        },
        "payload": content,
    }


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"data": None},
        {"data": []},
        {"timestamp": 5, "data": {"round": True, "vulnerabilities_in_scope": "x"}},
        {"timestamp": "soon", "data": {"round": [], "retest_window": 3, "vulnerabilities_in_scope": [None, {"id": 4}]}},
    ],
)
def test_a_payload_that_nobody_documents_is_an_event_all_the_same(content):
    event = parse_event(DONE, content).for_rules()
    assert event["payload"] == content
    assert event["timestamp"] is None
    assert (event["retest"]["round"], event["retest"]["status"]) == (None, "completed")


@pytest.mark.parametrize(
    "number, read",
    [(1, 1), (1.0, 1), ("1", 1), (" 1", 1), (-1, None), ("1.0", None), ("-1", None), (1.5, None), (True, None)],
)
def test_the_number_of_a_round_is_read_as_the_modules_do(number, read):
    assert parse_event(DONE, params(0, number)).retest["round"] == read


def test_another_event_has_no_round():
    assert parse_event("vulnerability-updated", {"timestamp": at(0), "data": {"x": 1}}).for_rules() == {
        "name": "vulnerability-updated",
        "timestamp": at(0),
        "payload": {"timestamp": at(0), "data": {"x": 1}},
    }


@pytest.mark.parametrize(
    "data",
    [
        {"project_id": PROJECT.upper()},
        {"vulnerability_project_id": PROJECT},
        {"project": {"id": PROJECT}},
        {"projects": [{"id": PROJECT}]},
        {"vulnerability_projects": [{"project_id": PROJECT}]},
    ],
)
def test_the_project_of_an_event_is_found_wherever_it_is(data):
    assert parse_event(DONE, {"data": data}).projects() == {PROJECT}


def test_an_event_without_a_project_has_none():
    assert parse_event(DONE, {"data": {"id": "x", "projects": ["y"]}}).projects() == set()


@pytest.mark.parametrize("unset", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"])
def test_a_date_that_nobody_has_set_is_none(unset):
    assert parse_event(DONE, {**params(), "timestamp": unset}).instant is None


def test_a_round_is_recognised_although_its_replay_says_more():
    assert mark(DONE, params(status="Completed")) == mark(DONE, params(status="completed", more=1))


@pytest.mark.parametrize(
    "other",
    [
        (DONE, params(0, 2)),
        (DONE, params(0.001)),
        ("project-retest-cancelled", params()),
        (DONE, {**params(), "data": {"project_id": "other", "round": 1}}),
    ],
)
def test_events_that_differ_are_two(other):
    assert mark(DONE, params()) != mark(*other)


def test_other_events_of_one_instant_differ_by_what_they_say():
    first = ("vulnerability-updated", params(0, vulnerability_id="a"))
    second = ("vulnerability-updated", params(0, vulnerability_id="b"))
    assert mark(*first) != mark(*second)


def test_a_round_without_a_number_is_known_by_all_that_it_says():
    assert mark(DONE, params(0, None, a=1)) != mark(DONE, params(0, None, a=2))
    nameless = [{"timestamp": "2026-12-01T00:00:00.000Z", "data": {"round": 1, "project_code": code}} for code in "AB"]
    assert mark(DONE, nameless[0]) != mark(DONE, nameless[1])


def test_an_event_of_the_history_is_like_the_service_s():
    row = {
        "retesting_round": 2,
        "retesting_round_status": "Completed",
        "retesting_window_start": "2026-12-01T02:00:00+02:00",
        "retesting_round_vulnerabilities": [
            {"vulnerability_id": "ABC", "vulnerability_alternate_id": "WEBAPP-1", "vulnerability_title": "Injection"}
        ],
    }
    polled = event_of_row(PROJECT, "completed", row, START)
    finding = {"id": "abc", "alternate_id": "WEBAPP-1", "title": "Injection"}
    window = {"start_date": at(0)}
    pushed = parse_event(DONE, params(0, 2, retest_window=window, vulnerabilities_in_scope=[finding])).for_rules()
    assert {**polled, "payload": 0} == {**pushed, "payload": 0}
    assert polled["payload"] == row
