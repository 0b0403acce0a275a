# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role over many projects, from the inventory of a rollout to the gate."""

from __future__ import annotations

import json

import pytest

from tests.integration.test_release import finding_id, project_id, seed

ROLE = "attackforge.retest.attackforge_retest"
TASK = "Request the retests of many projects"


@pytest.fixture(name="tenant")
def fixture_tenant(sandbox):
    sandbox.reset(seed(3))
    return sandbox


def play(hosts="localhost", **variables):
    variables = {f"attackforge_retest_{name}": value for name, value in variables.items()}
    role = {"name": "release", "ansible.builtin.import_role": {"name": ROLE}, "vars": variables}
    gate = {
        "name": "gate",
        "ansible.builtin.include_role": {"name": f"{ROLE}_gate"},
        "vars": {"attackforge_retest_gate_rounds": "{{ attackforge_retest_result.rounds }}"},
        "tags": "gate",
    }
    return [{"hosts": hosts, "gather_facts": False, "tasks": [role, gate]}]


def test_it_goes_from_the_inventory_to_the_gate(tenant, plays):
    book = play("all", projects="all", select={"assets": "{{ ansible_play_hosts_all }}"}, release="patch-7")
    hosts = ("db", "web", "mail")
    first = plays.ok(book, "--skip-tags", "gate", hosts=hosts)
    assert first.result(TASK)["totals"]["requested"] == 6
    assert first.artifacts["attackforge_retest_result"]["totals"]["projects"] == 3
    again = plays.run(book, hosts=hosts)
    assert again.rc == 2 and again.outcome(TASK) == "ok"
    assert "3 of 3 rounds do not pass" in again.output and "is still open" in again.output
    for number in (1, 2, 3):
        for one in (1, 2):
            tenant.act("close", id=finding_id(number, one), reason="Issue has been fixed")
        tenant.act("complete_round", project_id=project_id(number), round=1)
    # With everything closed the selection has no round any more; the artifact of the first job has the handle.
    rounds = first.artifacts["attackforge_retest_result"]["rounds"]
    gate = [{"hosts": "localhost", "gather_facts": False, "roles": [f"{ROLE}_gate"]}]
    passed = plays.ok(gate, variables={"attackforge_retest_gate_rounds": rounds})
    assert "all 3 rounds are completed: 6 fixed" in passed.output


def test_projects_may_be_a_text_as_a_survey_gives_it(tenant, plays):
    book = play(select="tags: [patch]", release="patch-7", projects="{codes: [P1, P3]}")
    done = plays.ok(book, "--skip-tags", "gate")
    assert done.result(TASK)["totals"]["projects"] == 2


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"project_id": "P1"}, "attackforge_retest_project_id: does not go with attackforge_retest_projects"),
        ({"state": "cancelled"}, "attackforge_retest_state: cancelled does not go with attackforge_retest_projects"),
        ({"vulnerability_ids": [finding_id(1, 1)]}, "attackforge_retest_vulnerability_ids: does not go with"),
        ({"select": {}}, "attackforge_retest_select: needs a value for at least one condition"),
        ({"at_most": 2}, "attackforge_retest_at_most: 3 projects have findings that are selected"),
    ],
)
def test_what_does_not_go_with_projects_is_an_error(tenant, plays, variables, message):
    book = play(**{"projects": "all", "select": {"tags": ["patch"]}, **variables})
    done = plays.run(book, "--skip-tags", "gate")
    assert done.rc == 2 and message in json.dumps(done.lines), done.output
    assert tenant.writes() == []


def test_under_serial_the_artifact_tells_the_job(tenant, plays):
    book = play("all", projects="all", select={"tags": ["patch"]}, release="patch-7")
    book[0]["serial"] = 1
    done = plays.ok(book, "--skip-tags", "gate", hosts=("one", "two"))
    assert [result["changed"] for result in done.results(TASK)] == [True, False]
    job = done.artifacts["attackforge_retest_result"]
    assert job["changed"] and job["totals"]["requested"] == 6 and job["totals"]["in_scope"] == 0
