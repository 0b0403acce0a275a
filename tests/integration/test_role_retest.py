# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The release step, role attackforge_retest: selects, notes, marks and requests; once, and honestly previewed."""

from __future__ import annotations

import pytest

from tests.integration.plays import Plays, steer

PROJECT = "66333e1d110ab5acf8a4354e"
ID = {
    number: f"6639508f50523053f459d2{end}"
    for number, end in enumerate(("9f", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "aa"), 1)
}
NOTE, STATUS, REQUEST = "CreateRemediationNote", "UpdateVulnerabilityById", "RequestNewProjectRetest"
CANCEL = "CancelProjectRetestRound"


def step(name, run_once=None, check=None, **variables):
    """The role, and what it left or why it failed, under this name."""
    variables = {"attackforge_retest_" + key: value for key, value in variables.items()}
    variables.setdefault("attackforge_retest_project_id", PROJECT)
    role = {"ansible.builtin.include_role": {"name": "attackforge.retest.attackforge_retest"}, "vars": variables}
    return {
        "block": [
            {"ansible.builtin.set_fact": {"attackforge_retest_result": {}}},
            role,
            {"name": name, "ansible.builtin.debug": {"msg": "{{ attackforge_retest_result }}"}},
        ],
        "rescue": [{"name": name, "ansible.builtin.debug": {"msg": {"failed": "{{ ansible_failed_result.msg }}"}}}],
        **({} if check is None else {"check_mode": check}),
    }


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
    "by asset": (dict(select=dict(assets=["login.example.com"], priorities=["High", "Medium"])), [5, 6, 10]),
    "by title": (dict(select=dict(title="(?i)sql")), [1]),
    "by query": (dict(select=dict(query="{ likelihood_of_exploitation: { $gte: 9 } }", status=["retest"])), [1]),
    "with a window": (
        dict(select=dict(status=["retest"]), window_start="2030-12-01", window_end="2030-12-09"),
        [1, 2, 3, 4],
    ),
    "days as text": (dict(select=dict(status=["retest"]), window_start="2030-12-01", window_days="8"), [1, 2, 3, 4]),
    "ready, not to be marked": (dict(vulnerability_ids=[ID[1]], mark_ready=False), [1]),
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
        ["WEBAPP-5", "not ready"],
    ),
    "not to be marked, as text": (
        dict(vulnerability_ids=[ID[1], ID[5]], mark_ready="false"),
        ["WEBAPP-5", "not ready"],
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
    "one of two conditions left out": (
        dict(select=dict(tags=["release-2026.12"], priorities="{{ never_set | default(omit) }}")),
        ["attackforge_retest_select", "each with a value"],
    ),
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
    "no selection": ({}, ["attackforge_retest_select", "attackforge_retest_vulnerability_ids"]),
    "two selections": (
        dict(select=dict(tags=["login"]), vulnerability_ids=[ID[1]]),
        ["attackforge_retest_select", "attackforge_retest_vulnerability_ids"],
    ),
    "a condition that does not exist": (
        dict(select=dict(tag=["login"])),
        ["attackforge_retest_select", "tags", "it has: tag."],
    ),
    "a selection that is no dictionary": (dict(select="tags=login"), ["attackforge_retest_select", "tags"]),
    "an empty selection": (dict(select={}), ["attackforge_retest_select"]),
    "an empty list of ids": (dict(vulnerability_ids=[]), ["ids"]),
    "an empty list of tags": (dict(select=dict(tags=[])), ["tags"]),
    "a condition without value": (dict(select=dict(tags=None)), ["tags"]),
    "a wrong project": (dict(project_id="x", select=dict(tags=["login"])), ["project_id"]),
    "a wrong window": (
        dict(window_start="tomorrow", vulnerability_ids=[ID[1], ID[5]], release="1"),
        ["retesting_window_start", "tomorrow"],
    ),
    "a window of no days": (
        dict(window_days=0, vulnerability_ids=[ID[5]], release="1"),
        ["attackforge_retest_window_days"],
    ),
    "a wrong state": (dict(state="wished", select=dict(tags=["login"])), ["attackforge_retest_state"]),
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


def written(look):
    return sorted(row["method"] for row in look["log"] if row["http"] != "GET")


@pytest.mark.parametrize("name", CASES)
def test_a_case_ends_as_it_should(cases, name):
    _acts, _variables, wanted, writes = CASES[name]
    result = left(cases, f"{name}: real")
    assert written(cases.result(f"{name}: done")) == sorted(writes), result
    assert result["vulnerabilities"]["requested"] == [ID[one] for one in wanted]
    assert result["changed"] is bool(writes)


@pytest.mark.parametrize("name", CASES)
def test_a_rerun_of_the_role_writes_nothing(cases, name):
    result = left(cases, f"{name}: rerun")
    assert written(cases.result(f"{name}: again")) == []
    assert result["changed"] is False and result["marked"] == result["noted"] == []
    assert result["vulnerabilities"]["requested"] == [] and "request" not in result
    assert cases.result(f"{name}: again")["books"]["most_open_rounds_of_a_finding"] <= 1


@pytest.mark.parametrize("name", CASES)
def test_a_preview_shows_the_whole_plan_and_writes_nothing(cases, name):
    """Also the request that would follow the marking."""
    check, done = left(cases, f"{name}: check"), left(cases, f"{name}: real")
    assert written(cases.result(f"{name}: checked")) == []
    assert check.keys() == done.keys()
    for key in ("failed", "changed", "vulnerabilities", "marked", "noted"):
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
    keys = {"changed", "retest", "vulnerabilities", "message", "marked", "noted"}
    for name in CASES:
        assert set(left(cases, f"{name}: real")) - {"request"} == keys, name
        assert set(left(cases, f"{name}: rerun")) == keys, name


def test_what_was_done_is_told(cases):
    result = left(cases, "by tag: real")
    assert result["retest"]["round"] == 2 and result["retest"]["status"] == "requested"
    assert result["marked"] == [ID[5]] and result["noted"] == [ID[one] for one in (1, 2, 3, 4, 5)]
    assert left(cases, "with closed ones: real")["vulnerabilities"]["closed"] == [ID[8], ID[9]]
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
    # Previewed and done, and not in the rerun.
    assert warned == [("See whether the request can be made", closed), ("Request the retest", closed)] * 2
    assert all("Closed already" in text for text in cases.warnings)


BY_TAG = dict(select=dict(tags=["release-2026.12"]), release="2026.12")
# What happens at the service while the round is open: {name: (switches, acts)}
MEANWHILE = {
    "nothing": ({}, []),
    "not ready any more": ({"request_changes_status": "clears_ready"}, []),
    "one closed": ({}, [{"do": "close", "id": "WEBAPP-1"}]),
    "one reopened": ({}, [{"do": "reopen", "id": "WEBAPP-2"}]),
    "one closed, not ready any more": ({"request_changes_status": "clears_ready"}, [{"do": "close", "id": "WEBAPP-1"}]),
    "all closed": ({}, [{"do": "close", "ids": ["WEBAPP-%d" % one for one in range(1, 6)]}]),
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
    assert left(reruns, f"{name}: first")["vulnerabilities"]["requested"] == [ID[one] for one in (1, 2, 3, 4, 5)]
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
def test_what_a_play_sets_for_the_group_holds_in_the_roles_too(plays, sandbox):
    def play(**defaults):
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
                "module_defaults": {"group/attackforge.retest.attackforge": defaults},
            }
        ]

    nowhere = {"ATTACKFORGE_BASE_URL": "", "ATTACKFORGE_API_KEY": ""}
    run = plays.ok(play(base_url=sandbox.url, api_key=sandbox.key), environment=nowhere)
    assert left(run, "request")["retest"]["round"] == 2 and "round 2 is still open" in left(run, "gate")
    run = plays.ok(play(timeout=99999))
    assert "timeout" in left(run, "request")["failed"] and "timeout" in left(run, "gate")


HOSTS = ["web%02d" % number for number in range(1, 21)]


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
        assert len(run.results("Request the retest")) == 20 // more.get("serial", 20)
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
    assert "does not hold for the first" in run.result("Hold that the retest was seen to", "failed")["msg"]
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
        "all: {{hosts: {{portal: {{project: {}, tag: release-2026.12}}, partner: {{project: {}, tag: release-2026.12}}}},"
        " vars: {{ansible_connection: local}}}}".format(PROJECT, PROJECT[:-1] + "f")
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
    assert sorted(row["path"].split("/")[-3] for row in sandbox.log(REQUEST)) == [PROJECT, PROJECT[:-1] + "f"]
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
