# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The q language: what it finds, and what it refuses."""

from __future__ import annotations

import time

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
}
ROWS = [
    {
        "id": "66333e1d110ab5acf8a4354e",
        "title": "SQL injection/search",
        "priority": "Critical",
        "likelihood": 9,
        "created": dates.shift(dates.now(), "-1 day"),
        "tags": ["release-2026.12", "checkout"],
    },
    {
        "id": "66333e1d110ab5acf8a4354f",
        "title": "It's outdated",
        "priority": "High",
        "likelihood": 5,
        "created": dates.parse("2026-01-01"),
        "tags": ["login"],
    },
    {
        "id": "66333e1d110ab5acf8a43550",
        "title": "Header",
        "priority": "Info",
        "likelihood": 1,
        "created": None,
        "tags": [],
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
        ('{id: {$in: ["66333e1d110ab5acf8a4354f", ObjectId("66333e1d110ab5acf8a43550")]}}', [1, 2]),
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
        ('{created: {$lt: datetime("2026-01-01T01:00:00+01:00", "+1 second")}}', [1]),
        ('{created: "2026-01-01T00:00:00.000Z"}', [1]),
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
    begun = time.monotonic()
    with pytest.raises(QueryError):
        found(text)
    assert time.monotonic() - begun < 2
