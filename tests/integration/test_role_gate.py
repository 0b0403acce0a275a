# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The release gate: it passes when every finding of a finished round is closed or ignored, and never writes."""

from __future__ import annotations

import threading
import time

import pytest

from tests.integration.plays import Plays, steer

PROJECT = "66333e1d110ab5acf8a4354e"
ROLE = "attackforge.retest.attackforge_retest_gate"
IN_ROUND = ["WEBAPP-1", "WEBAPP-2", "WEBAPP-4"]  # Critical, High, Medium


def play(**variables):
    variables = {"attackforge_retest_gate_project_id": PROJECT, **variables}
    return [
        {
            "hosts": "all",
            "gather_facts": False,
            "roles": [{"role": ROLE, "vars": variables}],
            "post_tasks": [{"name": "beyond", "ansible.builtin.debug": {"msg": "open"}}],
        }
    ]


@pytest.fixture(name="round_2")
def fixture_round_2(sandbox):
    """An open round over three findings."""
    assert sandbox.act("request_round", ids=IN_ROUND)["round"] == 2
    sandbox.clear_log()
    return sandbox


def verdict(run):
    return run.result("Pass or stop")["msg"]


def outcome(run, number=2):
    assert run.artifacts["attackforge_retest_gate_result"]["round"] == number
    return run.artifacts["attackforge_retest_gate_result"]


def test_it_holds_while_the_round_is_open(plays, round_2):
    run = plays.run(play())
    assert run.rc == 2 and not run.results("beyond") and "still open" in verdict(run)
    assert {key: outcome(run)[key] for key in ("passed", "closed", "reopened", "pending")} == {
        "passed": False,
        "closed": 0,
        "reopened": 0,
        "pending": 3,
    }
    assert not round_2.writes()


def test_it_stops_and_names_the_one_that_was_reopened(plays, round_2):
    round_2.act("close", ids=["WEBAPP-1", "WEBAPP-4"])
    round_2.act("reopen", id="WEBAPP-2")
    round_2.act("complete_round", round=2)
    run = plays.run(play())
    assert run.rc == 2 and not run.results("beyond")
    assert "WEBAPP-2" in verdict(run) and "REOPENED" in verdict(run)
    assert "WEBAPP-1" not in verdict(run) and "WEBAPP-4" not in verdict(run)
    assert {key: outcome(run)[key] for key in ("passed", "closed", "reopened", "pending")} == {
        "passed": False,
        "closed": 2,
        "reopened": 1,
        "pending": 0,
    }
    assert not round_2.writes()


def test_it_passes_when_all_are_closed(plays, round_2):
    round_2.act("close", ids=IN_ROUND)
    round_2.act("complete_round", round=2)
    run = plays.ok(play(), hosts=["web1", "web2"])
    assert outcome(run)["passed"] is True and len(run.results("beyond")) == 2
    assert len(round_2.log("GetProjectById")) == 2  # once for both hosts, to find the round and to follow it


@pytest.mark.every_core
def test_it_is_not_skipped_for_all_where_its_condition_leaves_out_the_first_host(plays, round_2):
    """Ansible asks the first host alone where a task runs once."""
    [gate] = play()
    gate["roles"][0]["when"] = "inventory_hostname == 'web2'"
    run = plays.run([gate], hosts=["web1", "web2"])
    assert run.rc == 2 and "does not hold for the first" in run.result("Hold that the gate has looked", "failed")["msg"]
    assert [line["host"] for line in run.lines if line.get("task") == "beyond"] == ["web1"]


@pytest.mark.every_core
def test_become_in_the_inventory_does_not_reach_the_controller(plays, round_2):
    inventory = plays.folder / "become.yml"
    inventory.write_text("all: {hosts: {web1: {}}, vars: {ansible_become: true, ansible_become_exe: /no/such/sudo}}")
    run = plays.run(play(), inventory=inventory)
    assert run.rc == 2 and "still open" in verdict(run)


def test_a_round_that_cannot_be_is_no_question_left_blank(plays, round_2):
    run = plays.run(play(attackforge_retest_gate_round=0))
    assert run.rc == 2 and "0 is no round" in run.output and not run.results("Pass or stop")


def test_each_host_may_stand_for_a_project_of_its_own(plays, round_2, tmp_path):
    round_2.act("close", ids=IN_ROUND)
    round_2.act("complete_round", round=2)
    inventory = plays.folder / "projects.yml"
    inventory.write_text(
        "all: {{hosts: {{portal: {{project: {}}}, partner: {{project: {}}}}}, vars: {{ansible_connection: local}}}}".format(
            PROJECT, PROJECT[:-1] + "f"
        )
    )
    run = plays.run(
        play(
            attackforge_retest_gate_project_id="{{ project }}",
            attackforge_retest_gate_run_once=False,
            attackforge_retest_gate_report=str(tmp_path / "{{ inventory_hostname }}.md"),
        ),
        inventory=inventory,
    )
    assert run.rc == 2 and "has no retest round" in run.result("Check that there is a round", "failed")["msg"]
    assert [line["host"] for line in run.lines if line.get("task") == "beyond"] == ["portal"]
    assert [path.name for path in tmp_path.glob("p*.md")] == ["portal.md"]


def test_it_ignores_what_it_is_told_to_ignore(plays, round_2):
    round_2.act("close", id="WEBAPP-1")
    round_2.act("complete_round", round=2)
    assert "WEBAPP-2" in verdict(plays.run(play(attackforge_retest_gate_ignore_priorities=["Medium"])))
    run = plays.ok(play(attackforge_retest_gate_ignore_priorities=["Medium", "High"]))
    assert outcome(run)["passed"] is True and outcome(run)["pending"] == 2 and "ignored" in run.output


def test_a_cancelled_round_is_passed_over_unless_it_is_named(plays, round_2):
    round_2.act("cancel_round", round=2)
    told = verdict(plays.run(play()))
    assert "round 1 " in told and "Requested later, but cancelled: round 2." in told
    run = plays.run(play(attackforge_retest_gate_round=2))
    assert run.rc == 2 and "was cancelled" in verdict(run)


def test_without_a_round_it_does_not_pass(plays, sandbox):
    run = plays.run(play(attackforge_retest_gate_project_id="66333e1d110ab5acf8a4354f"))
    assert run.rc == 2 and "no retest round" in run.output
    assert plays.run(play(attackforge_retest_gate_round=9)).rc == 2
    assert not sandbox.writes()


def test_it_waits_and_says_how_far_it_is(plays, round_2):
    wait = plays.start(
        play(
            attackforge_retest_gate_wait=True,
            attackforge_retest_gate_wait_interval=1,
            attackforge_retest_gate_wait_timeout=60,
        )
    )

    def testers():
        for _unused in range(600):
            if round_2.log("GetProjectVulnerabilitiesById"):
                break
            time.sleep(0.1)
        round_2.act("close", ids=IN_ROUND)
        time.sleep(2.5)
        round_2.act("complete_round", round=2)

    people = threading.Thread(target=testers)
    people.start()
    run = wait()
    people.join()
    assert run.rc == 0, run.output
    assert "Round 2 is open: 0 closed, 0 reopened, 3 pending. Next look in 1 s, at most" in run.output
    assert "Round 2 is open: 3 closed, 0 reopened, 0 pending. Next look in 1 s, at most" in run.output
    assert outcome(run)["passed"] is True


def test_it_rides_out_an_outage_while_it_waits_and_ends_in_time(plays, round_2):
    round_2.script([{"fault": "status", "method": "GetProjectById", "code": 503, "skip": 2, "times": 1}])
    run = plays.run(
        play(
            attackforge_retest_gate_wait=True,
            attackforge_retest_gate_wait_interval=1,
            attackforge_retest_gate_wait_timeout=3,
        ),
        environment={"ATTACKFORGE_RETRIES": 0},
    )
    assert run.rc == 2 and "still open" in verdict(run) and "HTTP 503" in run.output


@pytest.mark.parametrize("ending", ["md", "html"])
def test_it_writes_a_report(ending, plays, round_2, tmp_path):
    hostile = round_2.act("add_finding", title='<script>alert(1)</script> | `x` & "y"', status="retest", priority="Low")
    round_2.act("cancel_round", round=2)
    round_2.act("request_round", ids=[*IN_ROUND, hostile["id"]])
    round_2.act("close", ids=["WEBAPP-1", "WEBAPP-2"])
    round_2.act("reopen", id="WEBAPP-4")
    round_2.act("complete_round", round=3)
    path = tmp_path / ("report." + ending)
    assert plays.run(play(attackforge_retest_gate_report=str(path))).rc == 2
    text = path.read_text(encoding="utf-8")
    assert "round 3: not passed" in text and "<script>" not in text and PROJECT in text
    for word in ("WEBAPP-1", "WEBAPP-4", "Critical", "ready for retest", "reopened", "not tested yet", "closed"):
        assert word in text
    if ending == "html":
        assert "&lt;script&gt;" in text and "http" not in text.replace("https://tenant", "")
    else:
        table = [line for line in text.splitlines() if line.startswith("| WEBAPP-")]
        assert len(table) == 4 and {line.replace("\\|", "").count("|") for line in table} == {6}


def test_a_report_of_another_kind_is_refused(plays, round_2):
    run = plays.run(play(attackforge_retest_gate_report="report.pdf"))
    assert run.rc == 2 and "report.pdf" in run.output and not round_2.log()


def test_a_relative_report_is_written_beside_the_playbook_but_not_into_the_collection(plays, round_2):
    run = plays.run(play(attackforge_retest_gate_report="report.md"))
    assert run.rc == 2 and (plays.folder / "report.md").exists(), run.output
    run = plays.run(
        "attackforge.retest.gate",
        variables={"attackforge_retest_gate_project_id": PROJECT, "attackforge_retest_gate_report": "report.md"},
    )
    assert run.rc == 2 and "Give an absolute path" in run.output


def test_an_older_round_that_is_open_too_is_named(plays, round_2):
    round_2.act("request_round", ids=["WEBAPP-5"])
    round_2.act("close", id="WEBAPP-5")
    round_2.act("complete_round", round=3)
    run = plays.ok(play())
    assert outcome(run, 3)["passed"] is True
    assert "Not looked at, but open too: round 2." in run.output.replace("\\n", " ")


@pytest.mark.every_core
@pytest.mark.parametrize("blank", [None, "{{ never_set | default(omit) }}"], ids=["null", "omit"])
def test_a_question_left_blank_is_a_default(plays, round_2, blank):
    run = plays.run(play(attackforge_retest_gate_round=None, attackforge_retest_gate_report=blank))
    assert run.rc == 2 and "round 2 is still open" in verdict(run)


def test_a_report_without_a_folder_is_refused_before_the_wait(plays, round_2):
    run = plays.run(play(attackforge_retest_gate_report="no/such/report.md", attackforge_retest_gate_wait=True))
    assert run.rc == 2 and "there is no folder %s on the controller" % (plays.folder / "no/such") in run.output
    assert not round_2.log()


# Many looks in one play


def step(name, check=None, **variables):
    """The role, and what it left and said, under this name."""
    variables = {"attackforge_retest_gate_" + key: value for key, value in variables.items()}
    variables.setdefault("attackforge_retest_gate_project_id", PROJECT)
    left = "{{ attackforge_retest_gate_result | default({}) | combine({'stopped': %s}) }}"
    stopped = "ansible_failed_result.msg | default('') | string"
    return {
        "block": [
            {"ansible.builtin.include_role": {"name": ROLE}, "vars": variables},
            {"name": name, "ansible.builtin.debug": {"msg": left % "none"}},
        ],
        "rescue": [{"name": name, "ansible.builtin.debug": {"msg": left % stopped}}],
        **({} if check is None else {"check_mode": check}),
    }


HELD = {"do": "request_round", "ids": IN_ROUND}
CLOSE_ALL, COMPLETE = {"do": "close", "ids": IN_ROUND}, {"do": "complete_round"}
NO_SCOPE = [
    dict(
        fault="wrong_type",
        method="GetProjectById",
        times=-1,
        remove=True,
        path="project.project_retesting_history.1.retesting_round_vulnerabilities",
    )
]
FORBIDDEN = [dict(fault="status", code=403, method="GetProjectVulnerabilitiesById", times=-1)]
REOPENED = [HELD, {"do": "close", "ids": ["WEBAPP-1", "WEBAPP-4"]}, {"do": "reopen", "id": "WEBAPP-2"}, COMPLETE]
TENANTS = [
    {"ready_reads_back": "flag_true"},
    {"ready_reads_back": "status_retest"},
    {"history_rows": "per_action"},
    {"history_order": "shuffled", "history_rows": "per_action"},
    {"status_case": "upper"},
    {"nulls": "yes"},
    {"round_number_type": "string"},
    {"q_support": "refused"},
]
# {case: (acts, switches, faults, variables, whether it passes, words of the message, words that are not in it)}
CASES = {
    "open, all closed": (
        [HELD, CLOSE_ALL],
        {},
        [],
        {},
        False,
        ["round 2 is still open", "No finding of it that matters is open any more."],
        ["WEBAPP-1 ("],
    ),
    "nobody has tested": (
        [],
        {"request_changes_status": "clears_ready"},
        [],
        {},
        False,
        ["still open", "not tested"],
        ["REOPENED"],
    ),
    "completed, one not tested": (
        [HELD, {"do": "close", "ids": IN_ROUND[1:]}, COMPLETE],
        {},
        [],
        {},
        False,
        ["WEBAPP-1 (Critical, not tested yet)"],
        ["WEBAPP-2", "WEBAPP-4"],
    ),
    "passed": ([HELD, CLOSE_ALL, COMPLETE], {}, [], {}, True, [], []),
    "passed, then a newer one was cancelled": (
        [HELD, CLOSE_ALL, COMPLETE, {"do": "request_round", "ids": ["WEBAPP-3"]}, {"do": "cancel_round"}],
        {},
        [],
        {},
        True,
        [],
        [],
    ),
    "closed, then opened again": (
        [HELD, CLOSE_ALL, COMPLETE, {"do": "reopen", "id": "WEBAPP-2"}],
        {},
        [],
        {},
        False,
        ["WEBAPP-2"],
        ["WEBAPP-1"],
    ),
    "the older round": (
        [HELD, CLOSE_ALL, COMPLETE, {"do": "request_round", "ids": ["WEBAPP-3"]}],
        {},
        [],
        dict(round=2),
        True,
        [],
        [],
    ),
    "a number as text": ([HELD, CLOSE_ALL, COMPLETE], {}, [], dict(round="2", wait="false"), True, [], []),
    "ignored": (
        [HELD, {"do": "close", "id": "WEBAPP-1"}, COMPLETE],
        {},
        [],
        dict(ignore_priorities=["High", "Medium"]),
        True,
        [],
        [],
    ),
    "ignored, as text": (
        [HELD, {"do": "close", "id": "WEBAPP-1"}, COMPLETE],
        {},
        [],
        dict(ignore_priorities="High,Medium"),
        True,
        [],
        [],
    ),
    "ignored, but not this one": (
        [HELD, COMPLETE],
        {},
        [],
        dict(ignore_priorities=["High", "Medium"]),
        False,
        ["WEBAPP-1"],
        ["WEBAPP-2", "WEBAPP-4"],
    ),
    "hidden, and some ignored": (
        [HELD, CLOSE_ALL, COMPLETE, {"do": "hide", "id": "WEBAPP-2"}],
        {},
        [],
        dict(ignore_priorities="Low,Info"),
        False,
        ["WEBAPP-2 (no priority, not to be seen)", "Look at them in AttackForge"],
        ["WEBAPP-1", "reopened"],
    ),
    "hidden": (
        [HELD, CLOSE_ALL, COMPLETE, {"do": "hide", "id": "WEBAPP-2"}],
        {},
        [],
        {},
        False,
        ["WEBAPP-2"],
        ["WEBAPP-1"],
    ),
    "nothing known of its findings": (
        [HELD, CLOSE_ALL, COMPLETE],
        {},
        NO_SCOPE,
        {},
        False,
        ["AttackForge tells no findings"],
        [],
    ),
    **{
        f"one reopened, {switches}": (
            REOPENED,
            switches,
            [],
            {},
            False,
            ["WEBAPP-2 (High, REOPENED)"],
            ["WEBAPP-1", "WEBAPP-4"],
        )
        for switches in TENANTS
    },
    "in check mode": ([HELD, COMPLETE], {}, [], dict(check=True), False, ["WEBAPP-1"], []),
}


@pytest.fixture(scope="module", name="cases")
def fixture_cases(tmp_path_factory, running_sandbox):
    tasks = []
    for name, (acts, switches, faults, variables, *_rest) in CASES.items():
        tasks += [steer(name + ": before", reset={"switches": switches}, act=acts)]
        if name == "nobody has tested":
            tasks += [
                {
                    "name": name + ": request",
                    "attackforge.retest.attackforge_retest": {
                        "project_id": PROJECT,
                        "window_start": "now",
                        "vulnerability_ids": ["6639508f50523053f459d29f", "6639508f50523053f459d2a0"],
                    },
                }
            ]
        tasks += [
            steer(name + ": faults", faults=faults, clear_log=True),
            step(name, **variables),
            steer(name + ": after", look=PROJECT),
        ]
    running_sandbox.reset()
    return Plays(tmp_path_factory.mktemp("gate"), running_sandbox).ok(tasks)


def left(run, name):
    return [line["result"] for line in run.lines if line.get("task") == name and "msg" in line["result"]][-1]["msg"]


@pytest.mark.parametrize("name", CASES)
def test_it_passes_or_stops_and_says_why(cases, name):
    *_before, passes, words, others = CASES[name]
    result = left(cases, name)
    assert (result["stopped"] is None or result["stopped"] == "") is passes, result
    assert [word for word in words if word not in result["stopped"]] == [], result
    assert [word for word in others if word in result["stopped"]] == [], result
    assert result["passed"] is passes


def test_it_never_writes(cases):
    for name in CASES:
        assert {row["http"] for row in cases.result(name + ": after")["log"]} == {"GET"}, name


def test_it_warns_only_where_nothing_is_known_of_the_findings(cases):
    assert {"does not tell which findings round 2 holds" in text for text in cases.warnings} == {True}


def test_its_result_has_the_same_keys_also_when_it_stops(cases):
    keys = {"passed", "round", "status", "closed", "reopened", "pending", "holding", "stopped"}
    assert {name: set(left(cases, name)) for name in CASES} == dict.fromkeys(CASES, keys)


def test_it_does_not_leave_the_result_of_a_look_before(plays, sandbox):
    """A roll-back that reads it must not act on another project's round."""
    for act in (HELD, CLOSE_ALL, COMPLETE):
        sandbox.act(**act)
    run = plays.ok(
        [
            step("this"),
            step("that", project_id="66333e1d110ab5acf8a4354f"),
            steer("forbid", faults=FORBIDDEN),
            step("forbidden"),
        ]
    )
    assert left(run, "this")["passed"] is True
    assert left(run, "that").get("passed") is not True and "no retest round" in left(run, "that")["stopped"]
    assert left(run, "forbidden").get("passed") is not True and "not granted" in left(run, "forbidden")["stopped"]


@pytest.mark.every_core
def test_a_title_is_only_a_text(plays, sandbox, tmp_path):
    """What a tester writes is neither a template nor Markdown."""
    title = (
        "{{ 7 * 191 }} {% set x = 1 %} [here](https://evil.example) **a** _b_ <img src=x onerror=alert(1)>\n"
        "WEBAPP-99     High      closed         \\"
    )
    finding = sandbox.act("add_finding", title=title, status="retest", priority="Low")
    sandbox.act("request_round", ids=[finding["id"]])
    sandbox.act("complete_round")
    run = plays.ok([step("html", report=str(tmp_path / "a.html")), step("md", report=str(tmp_path / "a.md"))])
    assert "1337" not in run.output and run.output.count("{{ 7 * 191 }}") >= 2
    page, text = (tmp_path / "a.html").read_text(), (tmp_path / "a.md").read_text()
    assert "{{ 7 * 191 }}" in page and "<img" not in page and "1337" not in page + text
    assert not any(
        line.startswith("WEBAPP-99") for result in run.results("Show what the retest found") for line in result["msg"]
    )
    assert "](https" not in text.replace("\\]", "") and "<img" not in text and " **a**" not in text


def test_a_report_is_self_contained_and_is_not_written_in_check_mode(plays, sandbox, tmp_path):
    page = tmp_path / "report.html"
    for act in (HELD, CLOSE_ALL, COMPLETE):
        sandbox.act(**act)
    run = plays.ok([step("check", check=True, report=str(page))])
    assert left(run, "check")["passed"] is True and not page.exists()
    plays.ok([step("real", report=str(page))])
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>") and "passed" in text and "not passed" not in text
    for outside in ("src=", "href=", "url(", "@import", "<script", "http:", "https:"):
        assert outside not in text
    assert page.stat().st_mode & 0o777 == 0o644


@pytest.mark.every_core
def test_over_hosts_a_rescue_takes_the_release_back_everywhere(plays, round_2):
    block = [{"ansible.builtin.include_role": {"name": ROLE}, "vars": {"attackforge_retest_gate_project_id": PROJECT}}]
    rescue = [{"name": "back", "ansible.builtin.debug": {"msg": "{{ attackforge_retest_gate_result.round }}"}}]
    run = plays.ok(
        [{"hosts": "all", "gather_facts": False, "tasks": [{"block": block, "rescue": rescue}]}],
        hosts=["web1", "web2", "web3"],
    )
    assert [str(result["msg"]) for result in run.results("back")] == ["2", "2", "2"]
    assert len(run.results("Pass or stop")) == 1
