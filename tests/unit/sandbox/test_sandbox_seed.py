# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Seeds: the demo, generated worlds, and errors that name the place."""

from __future__ import annotations

import collections
import time

import pytest

from tests.sandbox import seed, views
from tests.sandbox.switches import TABLE, SwitchError, Switches

KEYS = [{"label": "a", "key": "aaaaaaaa"}]


def build(*projects, keys=None):
    return seed.build({"keys": KEYS if keys is None else keys, "projects": list(projects)}, Switches())


def test_the_demo():
    world = seed.build(seed.read_file(seed.DEMO), Switches())
    project = world.projects["66333e1d110ab5acf8a4354e"]
    states = collections.Counter(finding.state for finding in project.findings.values())
    assert (len(project.findings), states["retest"], states["closed"]) == (12, 4, 2)
    assert project.findings["6639508f50523053f459d29f"].state == "retest"
    assert world.find("WEBAPP-12").hidden


def test_many_findings_are_made_fast_and_shown_fast():
    begun = time.monotonic()
    generate = {"count": 10_000, "ready": 40, "closed": 7, "hidden": 3, "text_kb": 5}
    world = build({"name": "Big", "code": "BIG", "generate": generate})
    findings = list(world.findings.values())
    records = [views.finding_record(world, finding) for finding in findings[:500]]
    assert time.monotonic() - begun < 2
    assert collections.Counter(finding.state for finding in findings) == {"retest": 40, "closed": 7, "open": 9953}
    assert sum(finding.hidden for finding in findings) == 3
    assert len({finding.id for finding in findings}) == 10_000
    assert 4_500 < sum(len(str(value)) for value in records[0].values()) < 6_500


@pytest.mark.parametrize(
    "project, message",
    [
        ({"code": "X"}, r"seed.projects\[0\].name: is required"),
        ({"name": "x", "code": "x"}, "capital letters"),
        ({"name": "x", "code": "X", "id": "12"}, "24 hexadecimal"),
        ({"name": "x", "code": "X", "colour": "red"}, "unknown key colour"),
        ({"name": "x", "code": "X", "findings": [{"title": 1}]}, r"findings\[0\].title: a int is not expected"),
        ({"name": "x", "code": "X", "findings": [{"title": "x", "status": "done"}]}, "open, retest, closed"),
        ({"name": "x", "code": "X", "findings": [{"title": "x", "created": "soon"}]}, "not an ISO 8601 date"),
        ({"name": "x", "code": "X", "generate": {"count": 1, "ready": 2}}, "generate.ready: 2 is not in 0..1"),
        ({"name": "x", "code": "X", "rounds": [{"findings": ["X-1"]}]}, "no finding 'X-1'"),
        ({"name": "x", "code": "X", "text_kb": -1}, "text_kb"),
    ],
)
def test_wrong_projects(project, message):
    with pytest.raises(seed.SeedError, match=message):
        build(project)


@pytest.mark.parametrize(
    "keys, message",
    [
        ([{"label": "a", "key": "short"}], "at least 8 characters"),
        ([{"label": "a", "key": "aaaaaaaa", "grants": ["Everything"]}], "'Everything' is not one of all"),
        ([{"label": "a", "key": "aaaaaaaa", "grants": ["project-retest-done"]}], "'project-retest-done' is not one of"),
        ([{"label": "a", "key": "aaaaaaaa", "projects": ["x"]}], "there is no project 'x'"),
        ([*KEYS, *KEYS], "there twice"),
        ([], "at least one key"),
        ("a", "a string is not expected"),
    ],
)
def test_wrong_keys(keys, message):
    with pytest.raises(seed.SeedError, match=message):
        build({"name": "x", "code": "X"}, keys=keys)


def test_a_key_is_granted_methods_and_events_one_by_one():
    granted = ["GetProjectById", "project-retest-completed"]
    world = build({"name": "x", "code": "X"}, keys=[{"label": "a", "key": "aaaaaaaa", "grants": granted}])
    assert world.keys["aaaaaaaa"].grants == frozenset(granted)


def test_every_switch_takes_its_choices_and_nothing_else():
    for switch in TABLE:
        words = isinstance(switch.choices, tuple)
        for choice in switch.choices if words else (switch.choices[0], switch.choices[-1]):
            assert getattr(Switches({switch.name: choice}), switch.name) == choice
        for wrong in ("no such value", -1, None, [], 10**9):
            with pytest.raises(SwitchError):
                Switches({switch.name: wrong})
    assert Switches({"nulls": True}).nulls == "yes"
