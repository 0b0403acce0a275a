# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Projects: which one a name means, and which ones are selected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.attackforge.retest.plugins.module_utils._errors import StateError
from ansible_collections.attackforge.retest.plugins.module_utils._projects import (
    Project,
    ProjectSelection,
    is_object_id,
    named,
    the_one,
)

A, B, C = "a" * 24, "b" * 24, "c" * 24
SHOP = Project(A, "Web shop", "SHOP", "Waiting-to-Start", groups=("Retail", "EU"), assets=("shop.example",))
BANK = Project(B, "Bank", "BANK", "Testing", groups=("Finance",), assets=("bank.example", "api.example"))
BARE = Project(C)
ALL = [SHOP, BANK, BARE]


@pytest.mark.parametrize("text", ["a" * 24, "A1" * 12, "0" * 24])
def test_twenty_four_hexadecimal_digits_are_an_id(text):
    assert is_object_id(text)


@pytest.mark.parametrize("text", ["", "a" * 23, "a" * 25, "g" * 24, " " + "a" * 24, "a" * 24 + "\n", "SHOP"])
def test_all_else_is_a_code_or_a_name(text):
    assert not is_object_id(text)


@pytest.mark.parametrize(
    "project, label",
    [
        (SHOP, f"SHOP, Web shop ({A})"),
        (Project(A, name="Web shop"), f"Web shop ({A})"),
        (Project(A, code="SHOP"), f"SHOP ({A})"),
        (BARE, C),
    ],
)
def test_a_project_is_named_by_what_is_known_of_it(project, label):
    assert project.label == label


# The one that is meant


@pytest.mark.parametrize("reference", ["SHOP", "shop", " Shop ", "web shop", "WEB SHOP\n"])
def test_a_project_is_known_by_its_code_or_its_name(reference):
    assert named(reference, iter(ALL)) == [SHOP]
    assert the_one(reference, named(reference, ALL), ALL) == SHOP


@pytest.mark.parametrize("reference", ["web", "shop.example", "Retail", "nothing"])
def test_a_part_of_a_name_or_anything_else_is_no_name(reference):
    assert named(reference, ALL) == []


def test_a_code_comes_before_a_name():
    other = Project(B, name="SHOP")
    assert named("shop", [other, SHOP]) == [SHOP]
    assert named("SHOP", [other]) == [other]


def test_several_that_fit_are_an_error_that_lists_them():
    twins = [Project(A, "Shop", "S1"), Project(B, "SHOP", "S2")]
    with pytest.raises(StateError) as caught:
        the_one("shop", named("shop", twins), twins)
    assert caught.value.message == (
        f"project_id: 'shop' fits 2 projects: S1, Shop ({A}); S2, SHOP ({B}). Give the id of the one that is meant."
    )


def test_none_that_fits_is_an_error_that_lists_what_there_is():
    with pytest.raises(StateError) as caught:
        the_one("x", [], iter([SHOP, BARE]))
    assert caught.value.message == (
        "project_id: no project that this key can see has the code or the name 'x'. "
        f"There are: SHOP, Web shop ({A}); {C}."
    )
    with pytest.raises(StateError, match="It can see no project at all"):
        the_one("x", [], [])


@pytest.mark.parametrize("number, end", [(20, f"{19:024x}."), (21, "; and 1 more."), (200, "; and 180 more.")])
def test_a_long_list_is_cut(number, end):
    with pytest.raises(StateError) as caught:
        the_one("x", [], [Project(f"{one:024x}") for one in range(number)])
    assert caught.value.message.endswith(end)


# Those that are selected


@pytest.mark.parametrize(
    "selection, found",
    [
        (ProjectSelection(), ALL),
        (ProjectSelection(query="{ code: 1 }"), ALL),  # the service's affair
        (ProjectSelection(ids=(A, C)), [SHOP, BARE]),
        (ProjectSelection(codes=("shop", "BANK")), [SHOP, BANK]),
        (ProjectSelection(names=("WEB SHOP",)), [SHOP]),
        (ProjectSelection(names=("web",)), []),
        (ProjectSelection(name="^B"), [BANK]),
        (ProjectSelection(name="^$"), [BARE]),
        (ProjectSelection(groups=("eu", "other")), [SHOP]),
        (ProjectSelection(statuses=("waiting to start",)), [SHOP]),
        (ProjectSelection(statuses=("Waiting-to-Start", "Testing")), [SHOP, BANK]),
        (ProjectSelection(assets=("API.example",)), [BANK]),
        (ProjectSelection(assets=("example",)), []),
        (ProjectSelection(groups=("Retail",), codes=("BANK",)), []),
        (ProjectSelection(groups=("Retail",), codes=("SHOP",), assets=("shop.example",)), [SHOP]),
    ],
)
def test_conditions_are_joined_by_and_and_their_values_by_or(selection, found):
    assert [project for project in ALL if selection.matches(project)] == found


texts = st.lists(st.sampled_from(["SHOP", "bank", "Retail", "Testing", A, B]), max_size=2).map(tuple)
selections = st.builds(
    ProjectSelection, texts, texts, texts, st.sampled_from([None, "^W", "x"]), texts, texts, texts, st.none()
)


@given(selections, st.sampled_from(ALL))
def test_a_selection_holds_where_each_of_its_conditions_alone_does(selection, project):
    alone = [ProjectSelection(**{name: value}) for name, value in selection._asdict().items() if value]
    assert selection.matches(project) == all(one.matches(project) for one in alone)
    assert selection.empty == (not alone)


def test_what_no_project_has_is_named():
    selection = ProjectSelection(ids=(A, "d" * 24), codes=("shop", "NONE"), names=("bank", "nobody"), groups=("x",))
    assert selection.unseen(iter(ALL)) == ["d" * 24, "NONE", "nobody"]
    assert selection.unseen([]) == [A, "d" * 24, "shop", "NONE", "bank", "nobody"]
    assert ProjectSelection(groups=("x",)).unseen([]) == []
