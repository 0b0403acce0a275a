# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The query language of the service: conditions as it documents them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.attackforge.retest.plugins.module_utils._query import (
    Contains,
    ObjectId,
    Whole,
    all_of,
    any_of,
    render,
)

A = "a" * 24


@pytest.mark.parametrize(
    "condition, text",
    [
        ({"id": {"$eq": ObjectId(A)}}, f'{{ id: {{ $eq: ObjectId("{A}") }} }}'),
        ({"id": {"$in": [ObjectId(A), ObjectId(A)]}}, f'{{ id: {{ $in: [ObjectId("{A}"), ObjectId("{A}")] }} }}'),
        ({"priority": {"$eq": "High"}}, '{ priority: { $eq: "High" } }'),
        ({"a": 1, "b": [True, None]}, "{ a: 1, b: [true, null] }"),
        ({"a": ("x",)}, '{ a: ["x"] }'),
        ({"title": {"$regex": Whole("a.b/c")}}, r"{ title: { $regex: /^a\.b\/c$/i } }"),
        ({"title": {"$regex": Contains("CVE-2026-1")}}, "{ title: { $regex: /CVE-2026-1/i } }"),
        ({"odd key": 'a"b\\'}, r'{ "odd key": "a\"b\\" }'),
        ({"9a": 1, "$and": []}, '{ "9a": 1, $and: [] }'),
        ({}, "{  }"),
    ],
)
def test_a_condition_is_written_as_the_service_documents_it(condition, text):
    assert render(condition) == text


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=20), st.text(max_size=3))
def test_a_text_that_has_to_match_is_only_a_text(text, more):
    """Whatever stands in it: neither a slash nor an operator of regular expressions ends or widens the match."""
    for form, pattern in ((Whole(text), r"/\^(.*)\$/i"), (Contains(text), "/(.*)/i")):
        written = re.fullmatch(pattern, render(form), re.DOTALL)
        assert written and not re.search(r"(?<!\\)(?:\\\\)*/", written[1])
        assert re.fullmatch(written[1], text)
        assert not more or not re.fullmatch(written[1], text + more)


def test_conditions_are_joined_by_and_with_the_users_query_first():
    assert all_of(None, []) is None
    assert all_of("", []) is None
    assert all_of("{ a: 1 }", []) == "{ a: 1 }"
    assert all_of(None, [{"b": 2}]) == "{ b: 2 }"
    assert all_of("{ a: 1 }", [{"b": 2}]) == "{ $and: [{ a: 1 }, { b: 2 }] }"
    assert all_of("{ a: 1 }", [{"b": 2}, {"c": 3}]) == "{ $and: [{ a: 1 }, { b: 2 }, { c: 3 }] }"


def test_alternatives_are_joined_by_or():
    assert any_of([{"a": 1}]) == {"a": 1}
    assert any_of([{"a": 1}, {"b": 2}]) == {"$or": [{"a": 1}, {"b": 2}]}
