# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operation of attackforge_release, where it does otherwise than that of one project."""

from __future__ import annotations

import pytest

from ansible_collections.attackforge.retest.plugins.module_utils.operations._release import run
from ansible_collections.attackforge.retest.tests.unit.service import FakeService, clock_of, release_options

A, B = ("a" * 24, "b" * 24)
NOTE = "Fixed in release 2026.12."
TASK = release_options(select={"tags": ["r"]}, release="2026.12", mark_ready=True)


@pytest.fixture(params=["shown", "empty", "missing"])
def service(request):
    fake = FakeService()
    fake.notes_in_list = request.param
    for one in (A, B):
        fake.add_finding(one, "open", ("r",))
    with clock_of(fake):
        yield fake


def outcomes(result):
    return {one["id"]: one["outcome"] for entry in result["projects"] for one in entry["vulnerabilities"]}


def test_a_rerun_reports_what_testers_sent_back(service):
    assert outcomes(run(TASK, service, False)) == {A: "requested", B: "requested"}
    service.test(1, a="open", b="closed")
    service.forget_calls()
    result = run(TASK, service, False)
    assert service.writes == [] and outcomes(result) == {A: "reopened", B: "closed"}
    assert [(one["round"], one["status"], one["vulnerability_ids"]) for one in result["rounds"]] == [
        (1, "completed", [A])
    ]


def test_a_preview_says_what_the_run_then_does(service):
    service.notes[A] = [NOTE]
    told = run(TASK, service, True)
    assert service.writes == []
    done = run(TASK, service, False)
    assert told["totals"] == done["totals"] and told["diff"] == done["diff"] and done["totals"]["noted"] == 1


def test_a_request_that_is_refused_until_marks_are_visible_is_sent_again(service):
    service.set_status = lambda one, status: service.clock.later(3, lambda: service.findings.update({one: status}))
    result = run(TASK, service, False)
    assert not result.get("failed") and service.open_rounds() == [1] and service.writes.count("request") == 2


def test_a_finding_that_is_closed_after_it_was_selected_is_left_alone(service):
    service.meanwhile = [None, None, lambda: service.findings.update({A: "closed"})]
    result = run(TASK, service, False)
    assert service.findings[A] == "closed" and outcomes(result) == {A: "closed", B: "requested"}
