# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Seeds: the demo, generated worlds, and errors that name the place."""

from __future__ import annotations

import collections

import pytest
import yaml

from tests.sandbox import control_api, faults, generate, people, records, seed
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


def test_many_findings_of_a_project():
    generate = {"count": 10_000, "ready": 40, "closed": 7, "hidden": 3, "text_kb": 5}
    world = build({"name": "Big", "code": "BIG", "generate": generate})
    findings = list(world.findings.values())
    record = records.finding_record(world, findings[0])
    assert collections.Counter(finding.state for finding in findings) == {"retest": 40, "closed": 7, "open": 9953}
    assert sum(finding.hidden for finding in findings) == 3
    assert len({finding.id for finding in findings}) == 10_000
    heavy = [value for value in record.values() if isinstance(value, str) and len(value) > 200]
    assert 4_500 < sum(map(len, heavy)) < 5_500


def test_a_tenant_of_many_projects():
    tenant = {
        "projects": 30,
        "findings": 8,
        "ready": 3,
        "closed": 2,
        "rounds": 2,
        "tags": ["release-2026.12"],
        "cves": ["CVE-2026-0001", "CVE-2026-0002"],
        "groups": ["Blue", "Red"],
    }
    world = seed.build({"keys": KEYS, "projects": [{"name": "x", "code": "X"}], "tenant": tenant}, Switches())
    assert (len(world.projects), len(world.findings)) == (31, 240)
    assert len({finding.alternate_id for finding in world.findings.values()}) == 240
    project = world.projects[generate.project_id(2)]
    findings = [world.findings[generate.finding_id(project.id, number)] for number in range(1, 9)]
    assert [finding.state for finding in findings] == ["retest"] * 3 + ["closed"] * 2 + ["open"] * 3
    assert findings[0].title.startswith("CVE-2026-0001: ")
    assert findings[3].tags == ["release-2026.12", "CVE-2026-0002"]
    assert findings[4].custom_fields == {"cve": "CVE-2026-0001"}
    assert [(item.number, item.status, item.scope) for item in project.rounds] == [
        (1, "completed", [findings[0].id]),
        (2, "completed", [findings[0].id]),
    ]
    names = [[group.name for group in item.groups] for item in world.projects.values()]
    assert names.count(["Blue"]) == names.count(["Red"]) == 15
    assert project.scope == list(dict.fromkeys(name for finding in findings for name in finding.assets))


README = seed.DEMO.with_name("README.md").read_text(encoding="utf-8")


def test_the_seed_of_the_readme():
    block = README.partition("where `demo.yml` does not show it:\n\n")[2].partition("\n\nWith `cves`")[0]
    world = seed.build(yaml.safe_load(block), Switches())
    assert (len(world.projects), len(world.findings)) == (502, 1 + 1306 + 500 * 40)
    shop = world.projects["66333e1d110ab5acf8a4354e"]
    assert [finding.alternate_id for finding in shop.findings.values()] == ["EV-1"]
    (key,) = world.keys.values()
    assert (key.access, key.access_to) == ("view", {shop.id: "edit"})


def test_the_readme_has_every_fault_and_act_and_method_of_the_control_api():
    for kind in faults.KINDS:
        assert f"`{kind}`" in README, kind
    for name in people.ACTS:
        assert f"`{name}`" in README, name
    for route in control_api.routes(None):
        (http,) = set(route.methods) - {"HEAD"}
        assert f"`{http} {route.path.rpartition('/')[2]}`" in README, route.path


def test_why_a_finding_was_closed():
    finding = {"title": "x", "status": "closed", "closed_because": "Risk accepted"}
    world = build({"name": "x", "code": "X", "findings": [finding]})
    assert [note.note for note in world.find("X-1").notes] == ["Issue Closed: Risk accepted"]
    document = {"keys": KEYS, "projects": [{"name": "x", "code": "X", "findings": [finding]}]}
    assert seed.build(document, Switches({"closing_note": "never"})).find("X-1").notes == []


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
        ({"name": "x", "code": "X", "retesting": {"roles": ["Admin"]}}, "only client, consultant, librarymod"),
        ({"name": "x", "code": "X", "retesting": {"project_access_level": "All"}}, "view, upload, edit"),
        ({"name": "x", "code": "X", "findings": [{"title": "x", "linked_to": ["1"]}]}, "no other project '1'"),
        ({"name": "x", "code": "X", "findings": [{"title": "x", "closed_because": "y"}]}, "the finding is open"),
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
        ([{"label": "a", "key": "aaaaaaaa", "groups": ["x"]}], "there is no group 'x'"),
        ([{"label": "a", "key": "aaaaaaaa", "access": "all"}], "'all' is not one of view, upload, edit"),
        ([{"label": "a", "key": "aaaaaaaa", "role": "boss"}], "'boss' is not one of client"),
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
