# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The q language: what it finds, and what it refuses."""

from __future__ import annotations

import pytest

from tests.sandbox import dates
from tests.sandbox.query import MAX_LENGTH, Field, QueryError, compile_query, search

FIELDS = {
    "id": Field("id", lambda row: row["id"]),
    "title": Field("text", lambda row: row["title"]),
    "priority": Field("text", lambda row: row["priority"]),
    "likelihood": Field("number", lambda row: row["likelihood"]),
    "created": Field("date", lambda row: row["created"]),
    "tags": Field("list", lambda row: row["tags"]),
    "start": Field("isodate", lambda row: row["start"]),
    "fields": Field("pairs", lambda row: row["fields"].items()),
}
ROWS = [
    {
        "id": "66333e1d110ab5acf8a4354e",
        "title": "SQL injection/search",
        "priority": "Critical",
        "likelihood": 9,
        "created": dates.shift(dates.now(), "-1 day"),
        "tags": ["release-2026.12", "checkout"],
        "start": "2026-01-01T00:00:00.000Z",
        "fields": {"team": "blue", "component": "api"},
    },
    {
        "id": "66333e1d110ab5acf8a4354f",
        "title": "It's outdated",
        "priority": "High",
        "likelihood": 5,
        "created": dates.parse("2026-01-01"),
        "tags": ["login"],
        "start": "2026-01-02T00:00:00.000Z",
        "fields": {"owner": "blue"},
    },
    {
        "id": "66333e1d110ab5acf8a43550",
        "title": "Header",
        "priority": "Info",
        "likelihood": 1,
        "created": None,
        "tags": [],
        "start": "2026-01-03T00:00:00.000Z",
        "fields": {},
    },
]


def found(text):
    return [ROWS.index(row) for row in search(ROWS, compile_query(text, FIELDS))]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("{}", [0, 1, 2]),
        ('{priority: "High"}', [1]),
        ("{ 'priority' : 'High' , }   ", [1]),
        ('{"priority":{"$eq":"High"}}', [1]),
        ('{priority: {$ne: "High"}}', [0, 2]),
        ('{priority: {$in: ["High", "Info",]}}', [1, 2]),
        ('{priority: {$nin: ["High", "Info"]}}', [0]),
        ('{priority: "High", likelihood: 9}', []),
        ('{$or: [{priority: "High"}, {likelihood: 9}]}', [0, 1]),
        ('{$and: [{$or: [{priority: "High"}, {likelihood: 9}]}, {tags: "checkout"}]}', [0]),
        ("{likelihood: {$gt: 1, $lte: 5}}", [1]),
        ("{likelihood: {$gte: 5.0, $lt: 9}}", [1]),
        ('{likelihood: {$gt: "1"}}', []),
        ('{id: ObjectId("66333E1D110ab5acf8a4354e")}', [0]),
        ('{"id": {"$in": [ObjectId("66333e1d110ab5acf8a4354f"), ObjectId("66333e1d110ab5acf8a43550")]}}', [1, 2]),
        ('{id: {$nin: [ObjectId("66333e1d110ab5acf8a4354f")]}}', [0, 2]),
        # A string is no ObjectId.
        ('{id: "66333e1d110ab5acf8a4354f"}', []),
        ('{id: {$in: ["66333e1d110ab5acf8a4354f", ObjectId("66333e1d110ab5acf8a43550")]}}', [2]),
        ('{title: ObjectId("66333e1d110ab5acf8a4354f")}', []),
        ("{title: /^sql/i}", [0]),
        (r"{title: /injection\/s/}", [0]),
        (r"{title: 'It\'s outdated'}", [1]),
        (r'{title: "It\u0027s outdated"}', [1]),
        ('{title: {$regex: "^sql"}}', []),
        ('{title: {$regex: "^sql", $options: "i"}}', [0]),
        ("{title: {$in: [/^Head/, /^SQL/]}}", [0, 2]),
        ('{tags: "login"}', [1]),
        ('{tags: {$all: ["checkout", "release-2026.12"]}}', [0]),
        ('{tags: {$all: ["checkout", "login"]}}', []),
        ('{tags: {$elemMatch: {$regex: "^release-", $ne: "release-2026.10"}}}', [0]),
        ('{tags: {$nin: ["login"]}}', [0, 2]),
        ("{tags: {$regex: /^check/}}", [0]),
        ("{created: null}", [2]),
        ('{created: {$gte: datetime("now", "-7 days")}}', [0]),
        ('{created: {$gte: datetime("now", "-7 day")}}', [0]),
        ('{created: {$lt: datetime("2025-12-31 23:59", "+2 minutes")}}', [1]),
        ('{created: {$eq: datetime("2024-02-29", "+1 year", "+10 months", "+4 days")}}', [1]),
        ('{created: datetime("2026-01-17 09:30", "start of year")}', [1]),
        ('{created: {$lt: datetime("2026-02-17", "start of month", "-1 month", "+1 minute")}}', [1]),
        ('{created: {$gte: datetime("now", "-1 day", "start of day")}}', [0]),
        ('{fields: {$elemMatch: {name: {$eq: "team"}, value: {$eq: "blue"}}}}', [0]),
        ('{fields: {$elemMatch: {name: "team", value: {$in: ["red", "green"]}}}}', []),
        ("{fields: {$elemMatch: {value: {$regex: /^b/}}}}", [0, 1]),
        ('{start: {$gte: datetime("2026-01-02", "isostring")}}', [1, 2]),
        ('{start: {$lt: datetime("2026-01-03", "-1 days", "isostring")}}', [0]),
    ],
)
def test_finds(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "[]",
        '"x"',
        "{",
        "{priority}",
        '{priority: "High"',
        "{priority: High}",
        "{priority: 'High\"}",
        '{severity: "High"}',
        '{priority: {$near: "High"}}',
        '{$nor: [{priority: "High"}]}',
        '{$where: "1"}',
        "{priority: {}}",
        '{priority: {$in: "High"}}',
        '{$or: {priority: "High"}}',
        "{$or: []}",
        "{priority: {$eq: []}}",
        '{priority: "High", priority: "Low"}',
        '{id: ObjectId("12")}',
        '{created: "yesterday"}',
        '{created: "2026-13-01"}',
        '{created: {$gt: datetime("tomorrow")}}',
        '{created: {$gt: datetime("now", "a week")}}',
        "{created: datetime()}",
        # What is not documented.
        '{created: "2026-01-01T00:00:00.000Z"}',
        '{created: {$gt: datetime("2026-01-01T00:00:00Z")}}',
        '{created: {$gt: datetime("now", "-1 week")}}',
        '{created: {$gt: datetime("now", "-30 seconds")}}',
        '{created: {$gt: datetime("now", "-1d")}}',
        '{created: {$gt: datetime("now", "start of week")}}',
        '{created: {$gt: datetime("now", "-7 days", "isostring")}}',
        '{created: {$gt: datetime("now", "isostring", "-7 days")}}',
        '{created: {$gt: datetime("2026-01-01", "+999999 years")}}',
        '{start: {$gt: datetime("now", "-7 days")}}',
        '{start: "2026-01-01T00:00:00.000Z"}',
        "{id: /^6639/}",
        '{id: {$regex: "^6639"}}',
        '{fields: "blue"}',
        '{fields: {$in: ["blue"]}}',
        '{fields: {$elemMatch: {key: "team"}}}',
        '{fields: {$elemMatch: "team"}}',
        '{project: "x"}',
        '{assets: "x"}',
        '{priority: {$elemMatch: {$eq: "High"}}}',
        '{title: {$options: "i"}}',
        '{title: {$regex: "("}}',
        '{title: {$regex: "x", $options: "q"}}',
        "{title: sum(1)}",
    ],
)
def test_refuses(text):
    with pytest.raises(QueryError):
        found(text)


@pytest.mark.parametrize("matches, as_object, as_text", [("objectid", [1], []), ("text", [], [1]), ("both", [1], [1])])
def test_an_id_is_an_object_or_a_text(matches, as_object, as_text):
    fields = {"id": Field("id", lambda row: row["id"], matches)}
    for spelling, expected in (
        ('ObjectId("66333E1D110AB5ACF8A4354F")', as_object),
        ('"66333e1d110ab5acf8a4354f"', as_text),
    ):
        for query in ("{{id: {}}}", "{{id: {{$eq: {}}}}}", "{{id: {{$in: [{}]}}}}"):
            predicate = compile_query(query.format(spelling), fields)
            assert [ROWS.index(row) for row in search(ROWS, predicate)] == expected, query.format(spelling)


def test_object_ids_may_be_refused_in_a_list():
    fields = {"id": Field("id", lambda row: row["id"], "in_refused")}
    compile_query('{id: {$eq: ObjectId("66333e1d110ab5acf8a4354f")}}', fields)
    compile_query('{id: {$in: ["66333e1d110ab5acf8a4354f"]}}', fields)
    for sign in ("$in", "$nin"):
        with pytest.raises(QueryError, match="does not take ObjectId"):
            compile_query(f'{{id: {{{sign}: [ObjectId("66333e1d110ab5acf8a4354f")]}}}}', fields)


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|b|cd)*x", "((a{1,99})*)*", "(?:a*b?)*c", r"(.*)\1", "a*" * 9, "a" * 500]
)
def test_refuses_expressions_whose_cost_explodes(pattern):
    with pytest.raises(QueryError):
        found('{{title: {{$regex: "{}"}}}}'.format(pattern.replace("\\", "\\\\")))


@pytest.mark.parametrize("pattern", [r"(\d+\.)?x", "(foo|bar){2}", "^release-.*", "[a-z]+ [a-z]+", "a|b"])
def test_takes_ordinary_expressions(pattern):
    found('{{title: {{$regex: "{}"}}}}'.format(pattern.replace("\\", "\\\\")))


@pytest.mark.parametrize(
    "text", ["{a:" * 5000, "[" * 15_000, "{$and:[" * 60 + "{}" + "]}" * 60, "{" + " " * MAX_LENGTH]
)
def test_refuses_what_is_too_deep_or_too_long(text):
    with pytest.raises(QueryError):
        found(text)
