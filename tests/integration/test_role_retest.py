# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The release step, role attackforge_retest: one module task that selects, notes, marks and requests, exactly once."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.attackforge.retest.plugins.plugin_utils._role import VARIABLES
from tests.integration.plays import ROOT, Plays, steer

PROJECT, PARTNER = "66333e1d110ab5acf8a4354e", "66333e1d110ab5acf8a4354f"
ID = {
    number: f"6639508f50523053f459d2{end}"
    for number, end in enumerate(("9f", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "aa"), 1)
}
NOTE, STATUS, REQUEST = "CreateRemediationNote", "UpdateVulnerabilityById", "RequestNewProjectRetest"
CANCEL = "CancelProjectRetestRound"


def step(name, check=None, **variables):
    """The role, and what it left or why it failed, under this name."""
    variables = variables_of(**variables)
    role = {"ansible.builtin.include_role": {"name": "attackforge.retest.attackforge_retest"}, "vars": variables}
    return {
        "block": [
            {"ansible.builtin.set_fact": {"attackforge_retest_result": {}}},
            role,
            {"name": name, "ansible.builtin.debug": {"msg": "{{ attackforge_retest_result }}"}},
        ],
        "rescue": [
            {
                "name": name,
                "ansible.builtin.debug": {"msg": {"failed": "{{ ansible_failed_result.msg }}"}},
                "run_once": True,
            }
        ],
        **({} if check is None else {"check_mode": check}),
    }


def variables_of(**variables):
    return {"attackforge_retest_" + key: value for key, value in dict({"project_id": PROJECT}, **variables).items()}


def held(*numbers, **more):
    return dict(
        {"do": "request_round", "ids": [ID[one] for one in numbers], "start": "2030-12-01", "end": "2030-12-08"}, **more
    )


LEFT_OUT = dict.fromkeys(
    ("release", "note", "window_start", "window_end", "base_url", "api_key"), "{{ never_set | default(omit) }}"
)
# {case: (acts before, variables, numbers of the findings requested, writes)}
CASES = {
    "by tag": (
        [],
        dict(select=dict(tags=["release-2026.12"]), release="2026.12"),
        [1, 2, 3, 4, 5],
        [NOTE] * 5 + [STATUS, REQUEST],
    ),
    "by ids": (
        [],
        dict(vulnerability_ids=[ID[1], ID[6].upper()], note="Fixed by hand."),
        [1, 6],
        [NOTE, NOTE, STATUS, REQUEST],
    ),
    "with closed ones": (
        [],
        dict(select=dict(tags=["release-2026.10"]), release="2026.12"),
        [10],
        [NOTE, STATUS, REQUEST],
    ),
    "only closed ones": ([], dict(select=dict(status=["closed"]), release="2026.12"), [], []),
    "some held": ([held(1, 2)], dict(select=dict(tags=["release-2026.12"])), [3, 4, 5], [STATUS, REQUEST]),
    "all held": ([held(1, 2, 3, 4)], dict(select=dict(status=["retest"]), release="2026.12"), [], [NOTE] * 4),
    "another window": (
        [held(1, 2)],
        dict(
            vulnerability_ids=[ID[1], ID[2]],
            on_window_change="replace",
            window_start="2031-01-01",
            window_end="2031-01-08",
        ),
        [1, 2],
        [CANCEL, REQUEST],
    ),
    "another window, one closed": (
        [held(1, 2), dict(do="close", id="WEBAPP-2")],
        dict(
            vulnerability_ids=[ID[1], ID[2]],
            on_window_change="replace",
            window_start="2031-01-01",
            window_end="2031-01-08",
        ),
        [1],
        [CANCEL, REQUEST],
    ),
    "asked twice": (
        [held(1, 2), held(1, 2)],
        dict(vulnerability_ids=[ID[1], ID[2]], on_duplicate="cancel"),
        [],
        [CANCEL],
    ),
    "left out": ([], dict(LEFT_OUT, vulnerability_ids=[ID[1]]), [1], [REQUEST]),
    "a typo, allowed": ([], dict(select=dict(alternate_ids=["WEBAPP-1", "WEBAP-5"]), allow_empty=True), [1], [REQUEST]),
    "nothing found, allowed": ([], dict(select=dict(tags=["release-2026.13"]), allow_empty=True, release="1"), [], []),
}
# Only previewed: {case: (variables, numbers of the findings that would be requested)}
PLANS = {
    "by ticket": (dict(select=dict(alternate_ids=["webapp-1", "WEBAPP-5"])), [1, 5]),
    # Finding 10 was sent back in round 1.
    "by asset": (dict(select=dict(assets=["login.example.com"], priorities=["High", "Medium"])), [5, 6]),
    "by title": (dict(select=dict(title="(?i)sql")), [1]),
    "by query": (dict(select=dict(query="{ likelihood_of_exploitation: { $gte: 9 } }", status=["retest"])), [1]),
    "with a window": (
        dict(select=dict(status=["retest"]), window_start="2030-12-01", window_end="2030-12-09"),
        [1, 2, 3, 4],
    ),
    "days as text": (dict(select=dict(status=["retest"]), window_start="2030-12-01", window_days="8"), [1, 2, 3, 4]),
    "ready, not to be marked": (dict(vulnerability_ids=[ID[1]], mark_ready=False), [1]),
    "a selection as YAML": (dict(select="tags: [login]"), [5, 6]),
    "a selection as key and value": (dict(select="tags=login"), [5, 6]),
    "a selection as text": (dict(select='{"tags": ["login"]}'), [5, 6]),
    "ids as text": (dict(vulnerability_ids=f"{ID[1]},{ID[5]}"), [1, 5]),
    "ids in lines": (dict(vulnerability_ids=f"{ID[1]}\n{ID[5]}\n"), [1, 5]),
    "questions left blank": (
        dict(select='{"tags": ["login"]}', vulnerability_ids="", window_start="", window_end="", release="", note=""),
        [5, 6],
    ),
    "questions left null": (
        dict(select=None, vulnerability_ids=[ID[1]], window_end=None, release=None, note=None),
        [1],
    ),
}
# {case: (variables, words of the message)}. Text is what -e name=value gives, and the survey of a job template.
FAILURES = {
    "not to be marked": (
        dict(vulnerability_ids=[ID[1], ID[5]], mark_ready=False, release="1"),
        ["WEBAPP-5", "Not ready"],
    ),
    "not to be marked, as text": (
        dict(vulnerability_ids=[ID[1], ID[5]], mark_ready="false"),
        ["WEBAPP-5", "Not ready"],
    ),
    "nothing found": (
        dict(select=dict(tags=["release-2026.13"], priorities=["High"])),
        ["release-2026.13", "High", PROJECT],
    ),
    "nothing found, not allowed, as text": (
        dict(select=dict(tags=["release-2026.13"]), allow_empty="false"),
        ["release-2026.13"],
    ),
    "a typo": (dict(select=dict(alternate_ids=["WEBAPP-1", "WEBAP-5"])), ["WEBAP-5", PROJECT]),
    "a condition left out": (dict(select=dict(tags="{{ never_set | default(omit) }}")), ["attackforge_retest_select"]),
    "a typo beside an id": (
        dict(select=dict(ids=[ID[1]], alternate_ids=["WEBAPP-1", "WEBAP-5"])),
        ["WEBAP-5", PROJECT],
    ),
    "a status that nothing has": (
        dict(select=dict(status=["open"], tags=["no-such-tag"])),
        ["no-such-tag", "itself changes the status"],
    ),
    "an id of another project": (
        dict(vulnerability_ids=[ID[1], "6639508f50523053f459d3b0"]),
        ["6639508f50523053f459d3b0"],
    ),
    "no selection": ({}, ["attackforge_retest_vulnerability_ids", "select"]),
    "two selections": (
        dict(select=dict(tags=["login"]), vulnerability_ids=[ID[1]]),
        ["attackforge_retest_vulnerability_ids", "select"],
    ),
    "a condition that does not exist": (dict(select=dict(tag=["login"])), ["attackforge_retest_select", "tags", "tag"]),
    "a selection that is no dictionary": (dict(select="login"), ["attackforge_retest_select"]),
    "an empty selection": (dict(select={}), ["attackforge_retest_select"]),
    "an empty list of ids": (dict(vulnerability_ids=[]), ["attackforge_retest_vulnerability_ids"]),
    "a selection that is no YAML": (dict(select="{tags: [login"), ["attackforge_retest_select"]),
    "an empty list of tags": (dict(select=dict(tags=[])), ["attackforge_retest_select", "empty"]),
    "a condition without value": (dict(select=dict(tags=None)), ["tags"]),
    "a wrong project": (dict(project_id="x", select=dict(tags=["login"])), ["project_id", "'x'"]),
    "a wrong window": (
        dict(window_start="tomorrow", vulnerability_ids=[ID[1], ID[5]], release="1"),
        ["attackforge_retest_window_start", "tomorrow"],
    ),
    "a window of no days": (
        dict(window_days=0, vulnerability_ids=[ID[5]], release="1"),
        ["attackforge_retest_window_days"],
    ),
    "a round that cannot be": (dict(state="cancelled", round=0), ["attackforge_retest_round", "0 is not a round"]),
    "a wrong state": (dict(state="done", select=dict(tags=["login"])), ["attackforge_retest_state"]),
}


@pytest.fixture(scope="module", name="cases")
def fixture_cases(tmp_path_factory, running_sandbox):
    """Each case as a check run, a real run and a rerun, one after the other in one play."""
    tasks = []
    for name, (acts, variables, *_rest) in CASES.items():
        tasks += [
            steer(name, reset=True, act=acts),
            step(f"{name}: check", check=True, **variables),
            steer(f"{name}: checked", look=PROJECT, clear_log=True),
            step(f"{name}: real", **variables),
            steer(f"{name}: done", look=PROJECT, clear_log=True),
            step(f"{name}: rerun", **variables),
            steer(f"{name}: again", look=PROJECT),
        ]
    running_sandbox.reset()
    return Plays(tmp_path_factory.mktemp("role"), running_sandbox).ok(tasks)


@pytest.fixture(scope="module", name="plans")
def fixture_plans(tmp_path_factory, running_sandbox):
    running_sandbox.reset()
    tasks = [step(name, check=True, **variables) for name, (variables, _wanted) in PLANS.items()]
    for name, (variables, _words) in FAILURES.items():
        tasks += [
            steer(name, reset=True, clear_log=True),
            step(name, **variables),
            steer(f"{name}: done", look=PROJECT),
        ]
    return Plays(tmp_path_factory.mktemp("plans"), running_sandbox).ok(tasks)


def left(run, name):
    return [line["result"] for line in run.lines if line.get("task") == name and "msg" in line["result"]][-1]["msg"]


def requested(result):
    return [one["id"] for one in result["vulnerabilities"] if one["outcome"] == "requested"]


def marked_or_noted(result):
    return [one["id"] for one in result["vulnerabilities"] if one["marked"] or one["noted"]]


def written(look):
    return sorted(row["method"] for row in look["log"] if row["http"] != "GET")


@pytest.mark.parametrize("name", CASES)
def test_a_case_ends_as_it_should(cases, name):
    _acts, _variables, wanted, writes = CASES[name]
    result = left(cases, f"{name}: real")
    assert written(cases.result(f"{name}: done")) == sorted(writes), result
    assert requested(result) == [ID[one] for one in wanted]
    assert result["changed"] is bool(writes)
    assert len({one["id"] for one in result["vulnerabilities"]}) == len(result["vulnerabilities"])


@pytest.mark.parametrize("name", CASES)
def test_a_rerun_of_the_role_writes_nothing(cases, name):
    result = left(cases, f"{name}: rerun")
    assert written(cases.result(f"{name}: again")) == []
    assert result["changed"] is False and requested(result) == marked_or_noted(result) == []
    assert "request" not in result
    assert cases.result(f"{name}: again")["books"]["most_open_rounds_of_a_finding"] <= 1


@pytest.mark.parametrize("name", CASES)
def test_a_preview_shows_the_whole_plan_and_writes_nothing(cases, name):
    """Also the request that would follow the marking."""
    check, done = left(cases, f"{name}: check"), left(cases, f"{name}: real")
    assert written(cases.result(f"{name}: checked")) == []
    assert check.keys() == done.keys()
    for key in ("failed", "changed", "vulnerabilities"):
        assert check.get(key) == done.get(key), key
    if "request" in done:
        assert check["request"]["vulnerability_ids"] == done["request"]["vulnerability_ids"]


@pytest.mark.parametrize("name", PLANS)
def test_findings_may_be_selected_in_many_ways(plans, name):
    result = left(plans, name)
    assert sorted(result.get("request", result).get("vulnerability_ids", ())) == [ID[one] for one in PLANS[name][1]], (
        result
    )


@pytest.mark.parametrize("name", FAILURES)
def test_a_mistake_is_named_and_writes_nothing(plans, name):
    result = left(plans, name)
    assert written(plans.result(f"{name}: done")) == [], result
    assert [word for word in FAILURES[name][1] if word not in str(result.get("failed"))] == [], result


def test_what_the_role_leaves_has_the_same_keys_each_time(cases):
    keys = {"changed", "retest", "vulnerabilities", "rounds", "message"}
    for name in CASES:
        assert set(left(cases, f"{name}: real")) - {"request"} == keys, name
        assert set(left(cases, f"{name}: rerun")) == keys, name


def test_what_was_done_is_told(cases):
    result = left(cases, "by tag: real")
    assert result["retest"]["round"] == 2 and result["retest"]["status"] == "requested"
    assert [one["id"] for one in result["vulnerabilities"] if one["marked"]] == [ID[5]]
    assert [one["id"] for one in result["vulnerabilities"] if one["noted"]] == [ID[one] for one in (1, 2, 3, 4, 5)]
    [handle] = result["rounds"]
    assert (handle["project_id"], handle["round"], handle["status"]) == (PROJECT, 2, "requested")
    assert handle["vulnerability_ids"] == [ID[one] for one in (1, 2, 3, 4, 5)]
    closed = left(cases, "with closed ones: real")["vulnerabilities"]
    assert [one["id"] for one in closed if one["outcome"] == "closed"] == [ID[8], ID[9]]
    assert left(cases, "only closed ones: real")["rounds"] == []
    assert left(cases, "by tag: rerun")["retest"]["round"] == 2
    assert left(cases, "by tag: rerun")["message"] is left(cases, "only closed ones: real")["message"] is None
    notes = cases.result("by tag: done")["books"]["notes"]
    assert [note["note"] for note in notes].count("Fixed in release 2026.12.") == 5


def test_the_window_is_the_one_declared(plans):
    for name in ("with a window", "days as text"):
        request = left(plans, name)["request"]
        assert request["retesting_window_start"] == "2030-12-01T00:00:00.000Z"
        assert request["retesting_window_end"] == "2030-12-09T00:00:00.000Z"


def test_no_case_warns(cases):
    """Findings that the role itself left alone are no reason to warn, but for one that was in the round it replaced."""
    closed = f"Closed already, so there is nothing to retest: WEBAPP-2 ({ID[2]})."
    warned = [(line["task"], text) for line in cases.lines for text in (line.get("result") or {}).get("warnings", [])]
    # In the preview, the real run and the rerun.
    assert warned == [("Request, cancel or complete the retest", closed)] * 3


BY_TAG = dict(select=dict(tags=["release-2026.12"]), release="2026.12")
# What happens at the service while the round is open: {name: (switches, acts)}
MEANWHILE = {
    "nothing": ({}, []),
    "not ready any more": ({"request_changes_status": "clears_ready"}, []),
    "one closed": ({}, [{"do": "close", "id": "WEBAPP-1"}]),
    "one reopened": ({}, [{"do": "reopen", "id": "WEBAPP-2"}]),
    "one closed, not ready any more": ({"request_changes_status": "clears_ready"}, [{"do": "close", "id": "WEBAPP-1"}]),
    "all closed": ({}, [{"do": "close", "ids": [f"WEBAPP-{int(one)}" for one in range(1, 6)]}]),
    "ready reads Retest": ({"ready_reads_back": "status_retest", "ready_query": "as_shown"}, []),
    "no projectId, no queries": ({"project_id_in_put": "refused", "q_support": "refused"}, []),
    "rows per action": (
        {
            "history_rows": "per_action",
            "history_order": "shuffled",
            "window_end": "missing",
            "round_number_type": "string",
        },
        [{"do": "reopen", "id": "WEBAPP-2"}],
    ),
}


@pytest.fixture(scope="module", name="reruns")
def fixture_reruns(tmp_path_factory, running_sandbox):
    tasks = []
    for name, (switches, acts) in MEANWHILE.items():
        tasks += [
            steer(name, reset={"switches": switches}),
            step(f"{name}: first", **BY_TAG),
            steer(f"{name}: meanwhile", act=acts, look=PROJECT, clear_log=True),
            step(f"{name}: second", **BY_TAG),
            steer(f"{name}: done", look=PROJECT),
        ]
    running_sandbox.reset()
    return Plays(tmp_path_factory.mktemp("reruns"), running_sandbox).ok(tasks)


@pytest.mark.parametrize("name", MEANWHILE)
def test_a_rerun_while_testers_work_changes_nothing(reruns, name):
    assert requested(left(reruns, f"{name}: first")) == [ID[one] for one in (1, 2, 3, 4, 5)]
    result = left(reruns, f"{name}: second")
    assert result["changed"] is False, result
    assert written(reruns.result(f"{name}: done")) == []


def test_a_rerun_while_testers_work_warns_of_nothing(reruns):
    assert reruns.warnings == []


@pytest.fixture(scope="module", name="states")
def fixture_states(tmp_path_factory, running_sandbox):
    running_sandbox.reset()
    return Plays(tmp_path_factory.mktemp("states"), running_sandbox).ok(
        [
            step("request", **BY_TAG),
            step("cancel in check mode", check=True, state="cancelled"),
            step("cancel what is in no round", state="cancelled", select=dict(alternate_ids=["WEBAPP-6"])),
            step("cancel what is a part of a round", state="cancelled", select=dict(alternate_ids=["WEBAPP-5"])),
            step("cancel a typo", state="cancelled", select=dict(tags=["release-2026.13"])),
            step("cancel nothing", state="cancelled", select=dict(tags=["release-2026.13"]), allow_empty=True),
            steer("checked", look=PROJECT),
            step("cancel", state="cancelled", **BY_TAG),
            step("cancel again", state="cancelled"),
            step("request again", **BY_TAG),
            step("complete another", state="completed", round=1),
            step("complete", state="completed", round=3),
            step("cancel what is completed", state="cancelled", round=3),
            steer("done", look=PROJECT),
        ]
    )


@pytest.mark.every_core
def test_a_round_is_cancelled_and_completed(states):
    assert left(states, "cancel")["changed"] is True and left(states, "cancel")["retest"]["status"] == "cancelled"
    assert left(states, "cancel again")["changed"] is False and left(states, "cancel again")["message"] is None
    assert left(states, "request again")["retest"]["round"] == 3
    assert left(states, "complete another")["changed"] is False
    assert left(states, "complete")["retest"]["status"] == "completed"
    assert "completed already" in left(states, "cancel what is completed")["failed"]


@pytest.mark.every_core
def test_only_a_round_of_the_selection_is_cancelled(states):
    for name in ("cancel what is in no round", "cancel nothing"):
        assert left(states, name)["changed"] is False and left(states, name)["retest"]["round"] is None
    assert "also holds findings" in left(states, "cancel what is a part of a round")["failed"]
    assert "finds nothing" in left(states, "cancel a typo")["failed"]
    assert states.result("checked")["books"]["open_rounds"] == [2]


def test_cancelling_is_previewed_too(states):
    assert left(states, "cancel in check mode")["changed"] is True
    assert states.result("checked")["books"]["open_rounds"] == [2]


@pytest.mark.every_core
def test_the_artifact_is_what_the_fact_is_and_the_preview_shows_a_diff(plays, sandbox):
    check = plays.ok([step("request", **BY_TAG)], check=True, diff=True)
    assert sandbox.writes() == []
    assert "+- round: new" in check.output and '+  new_remediation_note: "Fixed in release 2026.12."' in check.output
    run = plays.ok([step("request", **BY_TAG)])
    assert run.artifacts["attackforge_retest_result"] == left(run, "request")


@pytest.mark.every_core
def test_what_a_play_sets_for_the_group_or_a_module_holds_in_the_roles_too(plays, sandbox):
    def play(names=("group/attackforge.retest.attackforge",), **defaults):
        return [
            {
                "hosts": "all",
                "gather_facts": False,
                "tasks": [
                    step("request", **BY_TAG),
                    {
                        "block": [
                            {
                                "ansible.builtin.include_role": {"name": "attackforge.retest.attackforge_retest_gate"},
                                "vars": {"attackforge_retest_gate_project_id": PROJECT},
                            }
                        ],
                        "rescue": [
                            {"name": "gate", "ansible.builtin.debug": {"msg": "{{ ansible_failed_result.msg }}"}}
                        ],
                    },
                ],
                "module_defaults": dict.fromkeys(names, defaults),
            }
        ]

    nowhere = {"ATTACKFORGE_BASE_URL": "", "ATTACKFORGE_API_KEY": ""}
    run = plays.ok(play(base_url=sandbox.url, api_key=sandbox.key), environment=nowhere)
    assert left(run, "request")["retest"]["round"] == 2 and "round 2 is still open" in left(run, "gate")
    sandbox.reset()
    modules = ("attackforge.retest.attackforge_retest", "attackforge.retest.attackforge_retest_info")
    run = plays.ok(
        play(modules, base_url=sandbox.url), environment={"ATTACKFORGE_BASE_URL": "https://no.such.example.invalid"}
    )
    assert left(run, "request")["retest"]["round"] == 2 and "round 2 is still open" in left(run, "gate")
    # A variable of the role comes before the defaults of the play, a default of the play before that of the module.
    one = play(modules[:1], window_start="2030-12-01", on_reopened="fail", on_duplicate="no such")
    run = plays.ok(one)
    assert "no such" in left(run, "request")["failed"] and "2030" not in left(run, "request")["failed"]
    run = plays.ok(play(timeout=99999))
    assert "timeout" in left(run, "request")["failed"] and "timeout" in left(run, "gate")


HOSTS = [f"web{int(number):02}" for number in range(1, 21)]


def release(strategy="linear", **more):
    return [
        dict(
            {
                "hosts": "web*",
                "gather_facts": False,
                "strategy": strategy,
                "tasks": [
                    {"name": "patch", "ansible.builtin.debug": {"msg": "patched"}},
                    {
                        "name": "retest",
                        "ansible.builtin.include_role": {"name": "attackforge.retest.attackforge_retest"},
                    },
                    {"name": "told", "ansible.builtin.debug": {"msg": "{{ attackforge_retest_result.retest.round }}"}},
                ],
                "vars": {"attackforge_retest_" + key: value for key, value in dict(BY_TAG, project_id=PROJECT).items()},
            },
            **more,
        )
    ]


@pytest.mark.every_core
@pytest.mark.parametrize("more", [dict(), dict(serial=5), dict(strategy="free")], ids=["linear", "serial", "free"])
def test_a_play_over_twenty_hosts_sends_one_request(plays, sandbox, more):
    run = plays.ok(release(**more), hosts=HOSTS)
    assert len(sandbox.log(REQUEST)) == 1 and len(sandbox.log(STATUS)) == 1 and len(sandbox.log(NOTE)) == 5
    assert {str(result["msg"]) for result in run.results("told")} == {"2"}
    assert len(run.results("told")) == 20
    if "strategy" not in more:  # with the strategy free Ansible knows no run_once, and says so
        assert len(run.results("Request, cancel or complete the retest")) == 20 // more.get("serial", 20)
        assert run.warnings == []


@pytest.mark.every_core
def test_hosts_that_are_not_run_once_come_one_after_the_other(plays, sandbox):
    run = plays.ok(
        release(
            vars=dict(
                {"attackforge_retest_" + key: value for key, value in dict(BY_TAG, project_id=PROJECT).items()},
                attackforge_retest_run_once=False,
            )
        ),
        hosts=HOSTS[:8],
    )
    assert len(sandbox.log(REQUEST)) == 1 and len(sandbox.log(STATUS)) == 1 and len(sandbox.log(NOTE)) == 5
    assert {str(result["msg"]) for result in run.results("told")} == {"2"} and len(run.results("told")) == 8


@pytest.mark.every_core
def test_it_is_not_skipped_for_all_where_its_condition_leaves_out_the_first_host(plays, sandbox):
    """Ansible asks the first host alone where a task runs once."""
    [play] = release(
        vars=dict(
            {"attackforge_retest_" + key: value for key, value in BY_TAG.items()}, attackforge_retest_project_id=PROJECT
        )
    )
    play["roles"] = [{"role": "attackforge.retest.attackforge_retest", "when": "inventory_hostname == 'web02'"}]
    play["tasks"] = []
    run = plays.run([play], hosts=HOSTS[:2])
    assert run.rc == 2
    assert (
        "does not hold for the first" in run.result("Fail if the role was skipped on the first host", "failed")["msg"]
    )
    assert sandbox.log(REQUEST) == []


@pytest.mark.every_core
def test_become_in_the_inventory_does_not_reach_the_controller(plays, sandbox):
    inventory = plays.folder / "become.yml"
    inventory.write_text("all: {hosts: {web1: {}}, vars: {ansible_become: true, ansible_become_exe: /no/such/sudo}}")
    run = plays.ok(
        [dict(hosts="all", gather_facts=False, tasks=[step("told", vulnerability_ids=[ID[1]])])], inventory=inventory
    )
    assert run.result("told")["msg"]["retest"]["round"] == 2


def test_each_host_may_stand_for_a_project_of_its_own(plays, sandbox):
    inventory = plays.folder / "projects.yml"
    inventory.write_text(
        f"all: {{hosts: {{portal: {{project: {PROJECT}, tag: release-2026.12}}, partner: {{project: {PARTNER}, tag: "
        f"release-2026.12}}}}, vars: {{ansible_connection: local}}}}"
    )
    play = release(
        hosts="all",
        vars={
            "attackforge_retest_project_id": "{{ project }}",
            "attackforge_retest_select": {"tags": ["{{ tag }}"]},
            "attackforge_retest_run_once": False,
        },
    )
    run = plays.ok(play, inventory=inventory)
    assert sorted(row["path"].split("/")[-3] for row in sandbox.log(REQUEST)) == [PROJECT, PARTNER]
    assert {line["host"]: str(line["result"]["msg"]) for line in run.lines if line.get("task") == "told"} == {
        "portal": "2",
        "partner": "1",
    }


def test_a_title_is_only_a_text(plays, sandbox):
    """What a tester writes is never a template."""
    title = "{{ 7 * 191 }} {% set x = 1 %} <b>'\"\\"
    sandbox.act("add_finding", title=title, tags=["odd"], status="retest")
    run = plays.ok(
        [
            step("request", select=dict(tags=["odd"])),
            {"ansible.builtin.set_fact": {"again": "{{ attackforge_retest_result }}"}},
            {"name": "told", "ansible.builtin.debug": {"msg": "{{ again.retest.vulnerabilities[0].title }}"}},
        ]
    )
    assert run.result("told")["msg"] == title
    assert run.artifacts["attackforge_retest_result"]["retest"]["vulnerabilities"][0]["title"] == title


def test_a_failure_in_the_middle_is_made_up_for_by_a_rerun(plays, sandbox):
    sandbox.fault("status", STATUS, code=403)
    variables = {"attackforge_retest_" + key: value for key, value in dict(BY_TAG, project_id=PROJECT).items()}
    assert plays.run("attackforge.retest.request", variables=variables).rc != 0
    assert sandbox.log(REQUEST) == []
    plays.ok("attackforge.retest.request", variables=variables)
    books = sandbox.books()
    assert len(sandbox.log(REQUEST)) == 1 and books["open_rounds"] == [2]
    assert sorted(note["finding_id"] for note in books["notes"] if "2026.12" in note["note"]) == [
        ID[one] for one in (1, 2, 3, 4, 5)
    ]


def test_the_key_may_come_as_a_variable_and_is_not_shown(plays, sandbox):
    run = plays.ok(
        [step("request", base_url=sandbox.url, api_key=sandbox.key, **BY_TAG)],
        "-vvv",
        environment={"ATTACKFORGE_BASE_URL": "", "ATTACKFORGE_API_KEY": ""},
    )
    assert left(run, "request")["changed"] is True
    assert sandbox.key not in run.output


# What testers did decides what a rerun does


@pytest.fixture(scope="module", name="sent_back")
def fixture_sent_back(tmp_path_factory, running_sandbox):
    """Two findings were closed, one sent back, one not tested, and the round is completed; the playbook runs again."""
    testers = [
        {"do": "close", "ids": ["WEBAPP-1", "WEBAPP-2"]},
        {"do": "reopen", "id": "WEBAPP-3"},
        {"do": "complete_round", "round": 2},
    ]
    four = dict(select=dict(alternate_ids=["WEBAPP-1", "WEBAPP-2", "WEBAPP-3", "WEBAPP-4"]))
    running_sandbox.reset()
    return Plays(tmp_path_factory.mktemp("sent_back"), running_sandbox).ok(
        [
            step("first", **four, release="2026.12"),
            steer("testers", act=testers, clear_log=True),
            step("check", check=True, **four, release="2026.12"),
            step("again", **four, release="2026.12"),
            steer("again: done", look=PROJECT, clear_log=True),
            step("or fail", **four, release="2026.12", on_reopened="fail"),
            steer("or fail: done", look=PROJECT, clear_log=True),
            step("fixed again", **four, release="2026.12.1"),
            steer("fixed again: done", look=PROJECT, clear_log=True),
            steer("testers again", act=[{"do": "reopen", "id": "WEBAPP-3"}, {"do": "complete_round"}]),
            step("in any case", **four, release="2026.12.1", on_reopened="request"),
        ]
    )


def outcomes(result):
    return [one["outcome"] for one in result["vulnerabilities"]]


def test_what_testers_sent_back_is_told_and_not_requested_again(sent_back):
    """Finding 4 was not tested and is still ready, so it is requested."""
    for name in ("check", "again"):
        assert outcomes(left(sent_back, name)) == ["closed", "closed", "reopened", "requested"], name
        assert left(sent_back, name)["request"]["vulnerability_ids"] == [ID[4]]
    assert written(sent_back.result("again: done")) == [REQUEST]
    assert any("Sent back by the testers in round 2" in text and "WEBAPP-3" in text for text in sent_back.warnings)


def test_what_was_sent_back_can_fail_the_play(sent_back):
    assert "WEBAPP-3" in left(sent_back, "or fail")["failed"] and "on_reopened" in left(sent_back, "or fail")["failed"]
    assert written(sent_back.result("or fail: done")) == []


def test_a_new_release_says_that_it_was_fixed_again(sent_back):
    result = left(sent_back, "fixed again")
    assert outcomes(result) == ["closed", "closed", "requested", "in_scope"]
    assert written(sent_back.result("fixed again: done")) == sorted([NOTE, NOTE, STATUS, REQUEST])
    notes = [note["note"] for note in sent_back.result("fixed again: done")["books"]["notes"]]
    assert notes.count("Fixed in release 2026.12.1.") == 2
    assert ID[3] in requested(left(sent_back, "in any case"))


@pytest.mark.every_core
def test_a_finding_that_a_tester_closes_meanwhile_stays_closed(plays, sandbox):
    """After the role has selected it. Its own sight of it is old then."""
    sandbox.act("close", id="WEBAPP-5", after="GetProjectVulnerabilitiesById")
    run = plays.ok([step("request", select=dict(alternate_ids=["WEBAPP-5", "WEBAPP-1"]), release="2026.12")])
    [finding] = [one for one in sandbox.books()["findings"] if one["id"] == ID[5]]
    assert finding["status"].lower() == "closed" and sandbox.log(STATUS) == []
    assert requested(left(run, "request")) == [ID[1]]
    assert any("WEBAPP-5" in text and "Closed by somebody" in text for text in run.warnings)


# Values that differ between hosts


HOST_VARIABLES = {
    "web1": {"project": PROJECT, "tag": "release-2026.12", "same": PROJECT, "attackforge_retest_gate_project_id": "A"},
    "web2": {"project": PARTNER, "tag": "login", "same": PROJECT, "attackforge_retest_gate_project_id": "B"},
    "web3": {"project": PARTNER, "tag": "login", "same": PROJECT},
}
# {case: (variables of the role, the variable that differs)}
DIFFERENT = {
    "a template": (dict(project_id="{{ project }}", vulnerability_ids=[ID[1]]), "project_id"),
    "a template of a template": (dict(project_id="{{ one_more }}", vulnerability_ids=[ID[1]]), "project_id"),
    "inside a dictionary": (dict(select=dict(tags=["{{ tag }}"])), "select"),
    "by the name of the host": (dict(vulnerability_ids=[ID[1]], release="{{ inventory_hostname }}"), "release"),
    "by hostvars": (dict(vulnerability_ids=[ID[1]], release="{{ hostvars[inventory_hostname].tag }}"), "release"),
}
ALIKE = {
    "the same everywhere": dict(project_id="{{ same }}", vulnerability_ids=[ID[1]]),
    "that of one host": dict(project_id="{{ hostvars.web1.project }}", vulnerability_ids=[ID[1]]),
    "another one each time": dict(vulnerability_ids=[ID[1]], note="{{ lookup('pipe', 'date +%N') }}x"),
    "known on the first host alone": dict(vulnerability_ids="{{ found.ids }}"),
    "not once": dict(project_id="{{ project }}", run_once=False, select=dict(status=["retest"]), allow_empty=True),
}


def inventory_of(plays, hosts):
    path = plays.folder / "hosts.yml"
    everywhere = {"ansible_connection": "local", "one_more": "{{ project }}"}
    path.write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": everywhere}}), encoding="utf-8")
    return path


@pytest.mark.every_core
@pytest.mark.parametrize("name", DIFFERENT)
def test_a_value_that_differs_between_hosts_is_refused_where_the_role_runs_once(plays, sandbox, name):
    variables, wanted = DIFFERENT[name]
    play = {"hosts": "all", "gather_facts": False, "tasks": [step(name, **variables)]}
    message = left(plays.ok([play], inventory=inventory_of(plays, HOST_VARIABLES)), name)["failed"]
    assert f"attackforge_retest_{wanted}: differs between the hosts" in message, message
    assert "(web1 | web2" in message and "attackforge_retest_run_once" in message and "gate" not in message
    assert sandbox.log() == []


@pytest.mark.every_core
def test_a_value_that_is_the_same_on_all_hosts_is_taken_however_it_is_written(plays):
    found = {"ansible.builtin.set_fact": {"found": {"ids": [ID[1]]}}, "when": "inventory_hostname == 'web1'"}
    tasks = [found, *(step(name, check=True, **variables) for name, variables in ALIKE.items())]
    play = {"hosts": "all", "gather_facts": False, "tasks": tasks}
    run = plays.ok([play], inventory=inventory_of(plays, HOST_VARIABLES))
    assert {name: left(run, name).get("failed") for name in ALIKE} == dict.fromkeys(ALIKE)


@pytest.mark.every_core
def test_a_host_variable_of_the_second_host_is_not_ignored(plays, sandbox):
    hosts = {"web1": {}, "web2": {"attackforge_retest_mark_ready": False}}
    tasks = [step("request", vulnerability_ids=[ID[1]])]
    play = {"hosts": "all", "gather_facts": False, "tasks": tasks}
    run = plays.ok([play], inventory=inventory_of(plays, hosts))
    assert "attackforge_retest_mark_ready: differs" in left(run, "request")["failed"] and sandbox.writes() == []
    # A variable of the play comes before those of hosts.
    plays.ok([dict(play, vars={"attackforge_retest_mark_ready": True})], inventory=inventory_of(plays, hosts))
    assert len(sandbox.log(REQUEST)) == 1


# Texts that YAML takes for something else


AS_TYPED = ["2026.10", "0123", "yes", "1:30", "2026-12-01", "2026-12-01 10:00:00", "4711", "1e3", "v2026.10", ""]


@pytest.mark.every_core
def test_a_text_of_a_survey_arrives_as_it_was_typed_or_is_refused(plays, sandbox):
    """AWX writes answers and artifacts into a file of extra variables like this one."""
    answers = plays.folder / "answers.yml"
    answers.write_text(
        "".join(f"answer_{at}: !unsafe '{text}'\n" for at, text in enumerate(AS_TYPED)), encoding="utf-8"
    )
    tasks = []
    for position, text in enumerate(AS_TYPED):
        tasks += [
            steer("as new", reset=True, clear_log=True),
            step(f"text {text}", vulnerability_ids=[ID[1]], release=f"{{{{ answer_{position} }}}}"),
            steer(f"{text}: done", look=PROJECT),
        ]
    run = plays.ok(tasks, "-e", f"@{answers}")
    for text in AS_TYPED:
        notes = [note["note"] for note in run.result(f"{text}: done")["books"]["notes"] if note["finding_id"] == ID[1]]
        failed = left(run, f"text {text}").get("failed")
        if failed:
            assert "attackforge_retest_release" in failed and "quotes" in failed, failed
            assert written(run.result(f"{text}: done")) == []
        else:
            assert [row["method"] for row in run.result(f"{text}: done")["log"] if row["http"] != "GET"] == (
                [NOTE, REQUEST] if text else [REQUEST]
            )
            assert not text or f"Fixed in release {text}." in notes
    assert left(run, "text v2026.10")["changed"] is True and left(run, "text ")["changed"] is True


@pytest.mark.every_core
def test_a_number_for_a_text_is_refused_before_anything_is_written(plays, sandbox):
    cases = {
        "a release": dict(release=2026.10),
        "a note": dict(note=4711),
        "yes": dict(release=True),
        "by another variable": dict(release="{{ shipped }}"),
        "a tag": dict(select=dict(tags=[2026.10])),
    }
    tasks = [
        step(name, **dict({"vulnerability_ids": [ID[5]]} if "select" not in case else {}, **case))
        for name, case in cases.items()
    ]
    run = plays.ok([{"hosts": "localhost", "gather_facts": False, "vars": {"shipped": 2026.10}, "tasks": tasks}])
    for name, case in cases.items():
        failed = left(run, name)["failed"]
        assert "not a text" in failed, failed
        assert f"attackforge_retest_{next(iter(case))}" in failed, failed
    assert sandbox.log() == []


# Facts and artifacts


@pytest.mark.every_core
def test_an_extra_variable_of_the_name_of_the_fact_is_warned_of(plays, sandbox):
    stale = {"attackforge_retest_result": {"retest": {"round": 1}}}
    tasks = [step("hidden", vulnerability_ids=[ID[1]]), step("free", vulnerability_ids=[ID[1]], **{"as": "my_retest"})]
    told = {"name": "told", "ansible.builtin.debug": {"msg": "{{ my_retest.retest.round }}"}}
    run = plays.ok([*tasks, told], variables=stale)
    assert left(run, "hidden") == stale["attackforge_retest_result"]
    results = run.results("Request, cancel or complete the retest")
    assert "attackforge_retest_result" in str(results[0]["warnings"]) and "attackforge_retest_as" in str(
        results[0]["warnings"]
    )
    assert "warnings" not in results[1]
    assert str(run.result("told")["msg"]) == "2"
    assert run.artifacts["my_retest"]["retest"]["round"] == 2


@pytest.mark.every_core
@pytest.mark.parametrize("pace", [dict(serial=1), dict(strategy="free"), dict(strategy="host_pinned")], ids=str)
def test_the_artifact_tells_the_job_where_the_role_runs_several_times(plays, sandbox, pace):
    run = plays.ok(release(**pace), hosts=HOSTS[:4])
    artifact = run.artifacts["attackforge_retest_result"]
    assert len(run.results("Request, cancel or complete the retest")) == 4
    assert artifact["changed"] is True and requested(artifact) == [ID[one] for one in (1, 2, 3, 4, 5)]
    assert [one["id"] for one in artifact["vulnerabilities"] if one["marked"]] == [ID[5]]
    assert artifact["request"]["vulnerability_ids"] == requested(artifact)
    assert len(sandbox.log(REQUEST)) == 1 and sandbox.books()["open_rounds"] == [2]


@pytest.mark.every_core
def test_the_role_can_be_used_twice_in_a_play(plays, sandbox):
    """Each use leaves its own outcome."""
    name = "attackforge.retest.attackforge_retest"
    roles = [
        {"role": name, "vars": variables_of(**BY_TAG)},
        {"role": name, "vars": variables_of(**BY_TAG)},
        {"role": name, "vars": variables_of(project_id=PARTNER, select={"status": ["retest"]}, **{"as": "b"})},
    ]
    told = {"name": "told", "ansible.builtin.debug": {"msg": ["{{ attackforge_retest_result }}", "{{ b }}"]}}
    run = plays.ok([{"hosts": "all", "gather_facts": False, "roles": roles, "post_tasks": [told]}], hosts=HOSTS[:2])
    first, second = run.result("told")["msg"]
    assert [row["path"].split("/")[-3] for row in sandbox.log(REQUEST)] == [PROJECT, PARTNER]
    assert first["changed"] is False and second["changed"] is True
    assert run.artifacts["b"] == second


# Cost and connections


@pytest.mark.every_core
def test_no_task_of_the_role_runs_for_every_host(plays, sandbox):
    def ran(hosts):
        sandbox.reset()
        run = plays.ok(
            release(tasks=[{"ansible.builtin.import_role": {"name": "attackforge.retest.attackforge_retest"}}]),
            hosts=hosts,
        )
        return [line["task"] for line in run.lines if line["kind"] != "artifacts"], len(sandbox.log())

    assert ran(HOSTS) == ran(HOSTS[:1])


@pytest.mark.every_core
@pytest.mark.parametrize("how", ["play", "extra"])
def test_it_runs_in_the_controllers_process_whatever_the_connection_is(plays, sandbox, how):
    elsewhere = {
        "ansible_connection": "winrm",
        "ansible_shell_type": "powershell",
        "ansible_python_interpreter": "/no/such",
    }
    play = [{"hosts": "all", "gather_facts": False, "tasks": [step("request", vulnerability_ids=[ID[1]])]}]
    play[0]["vars"] = elsewhere if how == "play" else {}
    run = plays.ok(play, hosts=HOSTS[:2], variables=elsewhere if how == "extra" else None)
    assert left(run, "request")["retest"]["round"] == 2, run.output


def test_the_variables_are_those_of_the_specification():
    """What is compared between hosts is every variable of the role, and nothing else."""
    for role, names in VARIABLES.items():
        path = ROOT / "roles" / role / "meta/argument_specs.yml"
        (entry,) = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values()
        assert sorted(entry["options"]) == sorted(f"{role}_{name}" for name in names)
        assert set(yaml.safe_load((ROOT / "roles" / role / "defaults/main.yml").read_text())) <= set(entry["options"])
