# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The release step: select, note, mark ready, request; once for all hosts; and a rerun that changes nothing."""

from __future__ import annotations

import pytest

PROJECT = "66333e1d110ab5acf8a4354e"
ROLE = "attackforge.retest.attackforge_retest"
RELEASE = {
    "attackforge_retest_project_id": PROJECT,
    "attackforge_retest_select": {"tags": ["release-2026.12"]},
    "attackforge_retest_release": "2026.12",
}
WRITES = ["CreateRemediationNote"] * 5 + ["RequestNewProjectRetest", "UpdateVulnerabilityById"]


def play(hosts="all", **variables):
    show = {"name": "show", "ansible.builtin.debug": {"var": "attackforge_retest_result"}}
    return [{"hosts": hosts, "gather_facts": False, "roles": [{"role": ROLE, "vars": {**RELEASE, **variables}}],
             "post_tasks": [show]}]


def outcome(run):
    return run.result("show")["attackforge_retest_result"]


def written(sandbox):
    return sorted(row["method"] for row in sandbox.writes() if row["committed"])


@pytest.mark.parametrize("switches", [
    {}, {"ready_reads_back": "flag_true"}, {"ready_reads_back": "status_retest", "ready_query": "as_shown"},
    {"history_rows": "per_action", "history_order": "newest_first"}, {"project_id_in_put": "refused"},
    {"request_changes_status": "clears_ready"}, {"window_end": "missing"}, {"q_support": "refused"},
], ids=str)
def test_a_preview_a_run_and_a_rerun(switches, plays, sandbox):
    sandbox.switch(**switches)
    preview = plays.ok(play(), check=True, diff=True)
    assert not sandbox.writes()
    assert "+- round: new" in preview.output and '+  new_remediation_note: "Fixed in release 2026.12."' in preview.output
    first = plays.ok(play())
    assert written(sandbox) == WRITES
    told = {**outcome(first), "retest": None, "message": None}
    expected = {**outcome(preview), "retest": None, "message": None}
    for both in (told, expected):
        both["request"] = {**both["request"], "retesting_window_start": None, "retesting_window_end": None}
    assert told == expected
    assert len(outcome(first)["vulnerabilities"]["requested"]) == 5 and outcome(first)["retest"]["round"] == 2
    assert first.artifacts["attackforge_retest_result"] == outcome(first)
    sandbox.clear_log()
    again = plays.ok(play())
    assert not sandbox.writes() and not again.changed() and not again.warnings
    assert outcome(again)["changed"] is False and len(outcome(again)["vulnerabilities"]["in_scope"]) == 5


def test_what_testers_did_meanwhile_is_left_alone(plays, sandbox):
    plays.ok(play())
    sandbox.act("close", id="WEBAPP-1")
    sandbox.act("reopen", id="WEBAPP-2")
    sandbox.clear_log()
    again = plays.ok(play())
    assert not sandbox.writes() and not again.changed() and not again.warnings
    assert len(outcome(again)["vulnerabilities"]["closed"]) == 1


@pytest.mark.parametrize("more", [{}, {"strategy": "free"}, {"serial": 5}], ids=str)
def test_a_play_over_twenty_hosts_sends_one_request(more, plays, sandbox):
    hosts = ["web%d" % number for number in range(20)]
    run = plays.ok([{**play()[0], **more}], hosts=hosts)
    assert written(sandbox) == WRITES
    assert len([line for line in run.lines if line.get("task") == "show"]) == 20
    assert len(sandbox.books()["open_rounds"]) == 1


@pytest.mark.parametrize("variables, words", [
    ({"attackforge_retest_select": {"tags": ["relaese-2026.12"]}}, ["relaese-2026.12", PROJECT, "allow_empty"]),
    ({"attackforge_retest_select": {"alternate_ids": ["WEBAPP-1", "WEBAPP-99"]}}, ["WEBAPP-99", PROJECT]),
    ({"attackforge_retest_select": {"tag": ["release-2026.12"]}}, ["tags", "alternate_ids"]),
    ({"attackforge_retest_vulnerability_ids": ["6639508f50523053f459d29f"]}, ["either"]),
    ({"attackforge_retest_mark_ready": False}, ["not ready for retest", "WEBAPP-5"]),
    ({"attackforge_retest_window_start": "tomorrow"}, ["retesting_window_start", "tomorrow"]),
], ids=lambda value: str(value)[:40])
def test_a_mistake_is_told_and_nothing_is_requested(variables, words, plays, sandbox):
    run = plays.run(play(**variables))
    assert run.rc == 2
    message = " ".join(str(line["result"].get("msg")) for line in run.lines if line["kind"] == "failed")
    assert all(word in message for word in words), message
    assert "RequestNewProjectRetest" not in written(sandbox)


def test_an_empty_selection_may_be_allowed(plays, sandbox):
    run = plays.ok(play(attackforge_retest_select={"tags": ["none"]}, attackforge_retest_allow_empty=True))
    assert not sandbox.writes() and outcome(run)["changed"] is False and outcome(run)["retest"]["round"] is None


def test_ids_a_fixed_window_and_a_note_of_ones_own(plays, sandbox):
    variables = {
        "attackforge_retest_project_id": PROJECT, "attackforge_retest_vulnerability_ids": ["6639508f50523053f459d29f"],
        "attackforge_retest_window_start": "2030-12-01", "attackforge_retest_window_end": "2030-12-05",
        "attackforge_retest_note": "See CHG-17.",
    }
    plays.ok([{"hosts": "localhost", "gather_facts": False, "roles": [{"role": ROLE, "vars": variables}]}])
    made = sandbox.books()["rounds"][-1]
    assert made["window"] == {"start": "2030-12-01T00:00:00.000Z", "end": "2030-12-05T00:00:00.000Z"}
    assert "See CHG-17." in [note["note"] for note in sandbox.books()["notes"]]


def test_a_round_is_cancelled_by_the_role(plays, sandbox):
    plays.ok(play())
    run = plays.ok(play(attackforge_retest_state="cancelled"))
    assert outcome(run)["retest"]["status"] == "cancelled" and outcome(run)["changed"] is True
    assert sandbox.books()["open_rounds"] == []
    assert not plays.ok(play(attackforge_retest_state="cancelled")).changed()


def test_options_go_before_the_environment(plays, sandbox):
    variables = {"attackforge_retest_base_url": sandbox.url, "attackforge_retest_api_key": sandbox.key}
    plays.ok(play(**variables), environment={"ATTACKFORGE_BASE_URL": "https://nowhere.invalid",
                                             "ATTACKFORGE_API_KEY": "another"})
    assert written(sandbox) == WRITES
