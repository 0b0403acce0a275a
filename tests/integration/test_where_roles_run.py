# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The roles run on the controller, whatever a play, an inventory or an extra variable says of its hosts' connection."""

from __future__ import annotations

import pytest

PROJECT = "66333e1d110ab5acf8a4354e"
VARIABLES = [
    {"ansible_connection": "winrm"},
    {"ansible_connection": "ssh", "ansible_host": "192.0.2.1"},
    {"ansible_python_interpreter": "/nowhere/python"},
]
ROLES = {
    "attackforge_retest": {
        "attackforge_retest_project_id": PROJECT,
        "attackforge_retest_select": {"alternate_ids": ["WEBAPP-1"]},
    },
    "attackforge_retest_gate": {"attackforge_retest_gate_project_id": PROJECT, "attackforge_retest_gate_round": 1},
}


CASES = [(variables, place) for variables in VARIABLES for place in ("play", "extra")]
# An extra variable would beat that of the role.
CASES.append(({"ansible_become": True, "ansible_become_user": "nobody"}, "play"))


@pytest.mark.parametrize(("variables", "place"), CASES)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_reaches_the_service_from_the_controller(plays, sandbox, role, variables, place):
    play = {
        "hosts": "web1",
        "gather_facts": False,
        "vars": variables if place == "play" else {},
        "tasks": [{"ansible.builtin.import_role": {"name": f"attackforge.retest.{role}"}}],
    }
    extra = {**ROLES[role], **(variables if place == "extra" else {})}
    inventory = plays.folder / "web.yml"
    inventory.write_text("all: {hosts: {web1: {}}}\n", encoding="utf-8")
    run = plays.run([play], variables=extra, inventory=inventory)
    if role == "attackforge_retest":
        assert run.rc == 0 and sandbox.books()["open_rounds"] == [2], run.output
    else:
        assert "attackforge_retest_gate_result" in run.artifacts, run.output
