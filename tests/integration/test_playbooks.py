# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks that come with the collection, run by name with extra variables, as a job template does."""

from __future__ import annotations

PROJECT = "66333e1d110ab5acf8a4354e"


def test_request_gate_and_cancel(plays, sandbox):
    wish = {"attackforge_retest_project_id": PROJECT, "attackforge_retest_select": {"tags": ["release-2026.12"]},
            "attackforge_retest_release": "2026.12"}
    gate = {"attackforge_retest_gate_project_id": PROJECT}
    run = plays.ok("attackforge.retest.request", variables=wish)
    assert run.artifacts["attackforge_retest_result"]["retest"]["round"] == 2
    assert plays.run("attackforge.retest.gate", variables=gate).rc == 2
    plays.ok("attackforge.retest.cancel", variables={"attackforge_retest_project_id": PROJECT})
    assert sandbox.books()["rounds"][-1]["status"] == "cancelled"
    assert not plays.ok("attackforge.retest.cancel", variables={"attackforge_retest_project_id": PROJECT}).changed()
    plays.ok("attackforge.retest.request", variables=wish)
    sandbox.act("close", ids=sandbox.books()["rounds"][-1]["scope"])
    sandbox.act("complete_round")
    assert plays.ok("attackforge.retest.gate", variables=gate).artifacts["attackforge_retest_gate_result"]["passed"]
