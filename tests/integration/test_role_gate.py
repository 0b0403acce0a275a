# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The release gate: it passes on the verdict of one round or several, and never writes."""

from __future__ import annotations

import threading
import time

import pytest
import yaml

from tests.integration.plays import Plays, steer

PROJECT, PARTNER = "66333e1d110ab5acf8a4354e", "66333e1d110ab5acf8a4354f"
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
    """The verdict on the one round, from the artifact."""
    result = run.artifacts["attackforge_retest_gate_result"]
    [one] = result["rounds"]
    assert one["round"] == number and one["passed"] is result["passed"] and one["totals"] == result["totals"]
    return result


def totals(**more):
    return dict({"fixed": 0, "accepted": 0, "reopened": 0, "pending": 0, "removed": 0, "ignored": 0}, **more)


def test_it_holds_while_the_round_is_open(plays, round_2):
    run = plays.run(play())
    assert run.rc == 2 and not run.results("beyond") and "still open" in verdict(run)
    assert outcome(run)["passed"] is False and outcome(run)["totals"] == totals(pending=3)
    assert not round_2.writes()


def test_it_stops_and_names_the_one_that_was_reopened(plays, round_2):
    round_2.act("close", ids=["WEBAPP-1", "WEBAPP-4"])
    round_2.act("reopen", id="WEBAPP-2")
    round_2.act("complete_round", round=2)
    run = plays.run(play())
    assert run.rc == 2 and not run.results("beyond")
    assert "WEBAPP-2" in verdict(run) and "(High, reopened)" in verdict(run)
    assert "WEBAPP-1" not in verdict(run) and "WEBAPP-4" not in verdict(run)
    assert outcome(run)["passed"] is False and outcome(run)["totals"] == totals(fixed=2, reopened=1)
    assert outcome(run)["blocking"] == ["6639508f50523053f459d2a0"]
    assert not round_2.writes()


def test_it_passes_when_all_are_closed(plays, round_2):
    round_2.act("close", ids=IN_ROUND)
    round_2.act("complete_round", round=2)
    run = plays.ok(play(), hosts=["web1", "web2"])
    assert outcome(run)["passed"] is True and len(run.results("beyond")) == 2
    assert len(round_2.log("GetProjectById")) == 1  # once for both hosts


@pytest.mark.every_core
def test_it_is_not_skipped_for_all_where_its_condition_leaves_out_the_first_host(plays, round_2):
    """Ansible asks the first host alone where a task runs once."""
    [gate] = play()
    gate["roles"][0]["when"] = "inventory_hostname == 'web2'"
    run = plays.run([gate], hosts=["web1", "web2"])
    assert run.rc == 2 and "does not hold for the first" in run.result("Pass or stop", "failed")["msg"]
    assert [line["host"] for line in run.lines if line.get("task") == "beyond"] == ["web1"]


@pytest.mark.every_core
def test_become_in_the_inventory_does_not_reach_the_controller(plays, round_2):
    inventory = plays.folder / "become.yml"
    inventory.write_text("all: {hosts: {web1: {}}, vars: {ansible_become: true, ansible_become_exe: /no/such/sudo}}")
    run = plays.run(play(), inventory=inventory)
    assert run.rc == 2 and "still open" in verdict(run)


@pytest.mark.parametrize("name", ["round", "wait_timeout", "wait_interval"])
def test_a_zero_is_no_question_left_blank(plays, round_2, name):
    run = plays.run(play(**{f"attackforge_retest_gate_{name}": 0}))
    assert run.rc == 2 and f"attackforge_retest_gate_{name}: 0" in run.output and not run.results("Pass or stop")
    assert not round_2.log()


def test_each_host_may_stand_for_a_project_of_its_own(plays, round_2, tmp_path):
    round_2.act("close", ids=IN_ROUND)
    round_2.act("complete_round", round=2)
    inventory = plays.folder / "projects.yml"
    inventory.write_text(
        f"all: {{hosts: {{portal: {{project: {PROJECT}}}, partner: {{project: {PARTNER}}}}}, vars: "
        f"{{ansible_connection: local}}}}"
    )
    run = plays.run(
        play(
            attackforge_retest_gate_project_id="{{ project }}",
            attackforge_retest_gate_run_once=False,
            attackforge_retest_gate_report=str(tmp_path / "{{ inventory_hostname }}.md"),
        ),
        inventory=inventory,
    )
    assert run.rc == 2 and "has no retest round" in run.result("Read the verdict on the retest", "failed")["msg"]
    assert [line["host"] for line in run.lines if line.get("task") == "beyond"] == ["portal"]
    assert [path.name for path in tmp_path.glob("p*.md")] == ["portal.md"]


def test_it_ignores_what_it_is_told_to_ignore(plays, round_2):
    round_2.act("close", id="WEBAPP-1")
    round_2.act("complete_round", round=2)
    assert "WEBAPP-2" in verdict(plays.run(play(attackforge_retest_gate_ignore_priorities=["Medium"])))
    run = plays.ok(play(attackforge_retest_gate_ignore_priorities=["Medium", "High"]))
    assert outcome(run)["passed"] is True and "pending, ignored" in run.output
    assert outcome(run)["totals"] == totals(fixed=1, pending=2, ignored=2)


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
    assert "Round 2 is open: 3 pending. Next read in 1 s, at most" in run.output
    assert "Round 2 is open: 3 fixed. Next read in 1 s, at most" in run.output
    assert outcome(run)["passed"] is True


def test_it_rides_out_an_outage_while_it_waits_and_ends_in_time(plays, round_2):
    round_2.script([{"fault": "status", "method": "GetProjectById", "code": 503, "skip": 1, "times": 1}])
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
    for word in ("WEBAPP-1", "WEBAPP-4", "Critical", "reopened", "pending", "fixed", "completed"):
        assert word in text
    if ending == "html":
        assert "&lt;script&gt;" in text and "http" not in text.replace("https://tenant", "")
    else:
        table = [line for line in text.splitlines() if line.startswith("| WEBAPP-")]
        assert len(table) == 4 and {line.replace("\\|", "").count("|") for line in table} == {7}


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
    assert run.rc == 2 and "give an absolute path" in run.output
    assert "attackforge_retest_gate_report" in run.output


def test_an_older_round_that_is_open_too_is_named(plays, round_2):
    round_2.act("request_round", ids=["WEBAPP-5"])
    round_2.act("close", id="WEBAPP-5")
    round_2.act("complete_round", round=3)
    run = plays.ok(play())
    assert outcome(run, 3)["passed"] is True
    assert "Also open, and not part of this verdict: round 2." in run.output.replace("\\n", " ")


@pytest.mark.every_core
@pytest.mark.parametrize("blank", [None, "{{ never_set | default(omit) }}"], ids=["null", "omit"])
def test_a_question_left_blank_is_a_default(plays, round_2, blank):
    run = plays.run(play(attackforge_retest_gate_round=None, attackforge_retest_gate_report=blank))
    assert run.rc == 2 and "round 2 is still open" in verdict(run)


def test_a_report_without_a_folder_is_refused_before_the_wait(plays, round_2):
    run = plays.run(play(attackforge_retest_gate_report="no/such/report.md", attackforge_retest_gate_wait=True))
    assert run.rc == 2 and f"the controller has no folder {plays.folder / 'no/such'};" in run.output
    assert not round_2.log()


# Many uses in one play


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
    "open, all closed": ([HELD, CLOSE_ALL], {}, [], {}, False, ["round 2 is still open: 3 fixed."], ["WEBAPP-1 ("]),
    "nobody has tested": (
        [],
        {"request_changes_status": "clears_ready"},
        [],
        {},
        False,
        ["still open: 2 pending"],
        ["reopened"],
    ),
    "completed, one not tested": (
        [HELD, {"do": "close", "ids": IN_ROUND[1:]}, COMPLETE],
        {},
        [],
        {},
        False,
        ["WEBAPP-1 (6639508f50523053f459d29f) (Critical, pending)", "what was not tested"],
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
        ["WEBAPP-2 (6639508f50523053f459d2a0) (no priority, pending)"],
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
        ["AttackForge shows no findings of it"],
        [],
    ),
    **{
        f"one reopened, {switches}": (
            REOPENED,
            switches,
            [],
            {},
            False,
            ["WEBAPP-2 (6639508f50523053f459d2a0) (High, reopened)"],
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
    assert {"does not show which findings round 2 holds" in text for text in cases.warnings} == {True}


def test_its_result_has_the_same_keys_also_when_it_stops(cases):
    keys = {"passed", "message", "totals", "blocking", "rounds", "table", "stopped"}
    assert {name: set(left(cases, name)) for name in CASES} == dict.fromkeys(CASES, keys)


def test_it_does_not_leave_the_result_of_an_earlier_use(plays, sandbox):
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
    for outside in ("src=", "url(", "@import", "<script", "http:", "https:"):
        assert outside not in text
    assert text.count("href=") == text.count('href="#')
    assert page.stat().st_mode & 0o777 == 0o644


@pytest.mark.every_core
def test_over_hosts_a_rescue_takes_the_release_back_everywhere(plays, round_2):
    block = [{"ansible.builtin.include_role": {"name": ROLE}, "vars": {"attackforge_retest_gate_project_id": PROJECT}}]
    rescue = [
        {"name": "back", "ansible.builtin.debug": {"msg": "{{ attackforge_retest_gate_result.rounds[0].round }}"}}
    ]
    run = plays.ok(
        [{"hosts": "all", "gather_facts": False, "tasks": [{"block": block, "rescue": rescue}]}],
        hosts=["web1", "web2", "web3"],
    )
    assert [str(result["msg"]) for result in run.results("back")] == ["2", "2", "2"]
    assert len(run.results("Pass or stop")) == 1


# Outcomes and several rounds


ID = {
    f"WEBAPP-{int(number)}": f"6639508f50523053f459d2{end}"
    for number, end in zip((1, 2, 3, 4), ("9f", "a0", "a1", "a2"))
}
FOUR = sorted(ID)


@pytest.fixture(name="four_outcomes")
def fixture_four_outcomes(sandbox):
    """A completed round over four findings: fixed, accepted, reopened, and one that was taken out of it."""
    sandbox.act("request_round", ids=FOUR)
    sandbox.act("close", id="WEBAPP-1", reason="Issue has been fixed")
    sandbox.act("close", id="WEBAPP-2", reason="Risk accepted")
    sandbox.act("reopen", id="WEBAPP-3")
    sandbox.act("remove_from_round", round=2, id="WEBAPP-4")
    sandbox.act("complete_round", round=2)
    sandbox.clear_log()
    return sandbox


HANDLE = [{"project_id": PROJECT, "round": 2, "vulnerability_ids": [ID[name] for name in FOUR]}]


@pytest.mark.every_core
def test_it_tells_the_outcomes_apart_and_names_the_reason(plays, four_outcomes, tmp_path):
    reports = {ending: tmp_path / f"report.{ending}" for ending in ("html", "md")}
    steps = [
        step(ending, project_id=None, rounds=HANDLE, revision_history=True, report=str(path))
        for ending, path in reports.items()
    ]
    run = plays.ok(steps)
    result = left(run, "md")
    assert result["totals"] == totals(fixed=1, accepted=1, reopened=1, removed=1)
    assert result["blocking"] == [ID["WEBAPP-3"], ID["WEBAPP-4"]]
    found = {one["alternate_id"]: one for one in result["rounds"][0]["vulnerabilities"]}
    assert {name: one["outcome"] for name, one in found.items()} == dict(
        zip(FOUR, ("fixed", "accepted", "reopened", "removed"))
    )
    assert found["WEBAPP-2"]["reason"] == "Risk accepted"
    assert found["WEBAPP-2"]["closed_by"] and found["WEBAPP-2"]["closed_at"]
    for path in reports.values():
        text = path.read_text(encoding="utf-8")
        for word in ("fixed", "accepted", "reopened", "removed", "Risk accepted", found["WEBAPP-2"]["closed_by"]):
            assert word in text, (path, word)
    assert "WEBAPP-3" in result["stopped"] and "WEBAPP-4" in result["stopped"] and "WEBAPP-2" not in result["stopped"]


def test_only_fixed_findings_pass_where_that_is_asked_for(plays, four_outcomes):
    four_outcomes.act("close", ids=["WEBAPP-3", "WEBAPP-4"])
    run = plays.ok(
        [step("all", rounds=HANDLE, project_id=None), step("fixed", rounds=HANDLE, project_id=None, fixed_only=True)]
    )
    assert left(run, "all")["passed"] is True
    assert left(run, "fixed")["passed"] is False and "WEBAPP-2" in left(run, "fixed")["stopped"]
    assert left(run, "fixed")["blocking"] == [ID["WEBAPP-2"]]


@pytest.mark.every_core
def test_it_takes_the_handle_of_several_releases_and_tells_the_worst_first(plays, sandbox, tmp_path):
    def request(project, ids, name):
        return {
            "ansible.builtin.include_role": {"name": "attackforge.retest.attackforge_retest"},
            "vars": {
                "attackforge_retest_project_id": project,
                "attackforge_retest_select": {"alternate_ids": ids},
                "attackforge_retest_as": name,
            },
        }

    report = tmp_path / "report.html"
    gate = step("gate", project_id=None, rounds="{{ webapp.rounds + partner.rounds }}", report=str(report))
    run = plays.ok(
        [
            request(PROJECT, ["WEBAPP-1"], "webapp"),
            request(PARTNER, ["PARTNER-1", "PARTNER-2"], "partner"),
            steer("testers", act=[{"do": "close", "ids": ["WEBAPP-1", "PARTNER-1"]}, {"do": "complete_round"}]),
            steer("and", act=[{"do": "reopen", "id": "PARTNER-2"}, {"do": "complete_round", "project_id": PARTNER}]),
            gate,
        ]
    )
    result = left(run, "gate")
    assert result["passed"] is False and result["totals"] == totals(fixed=2, reopened=1)
    assert [(one["project_id"], one["passed"]) for one in result["rounds"]] == [(PARTNER, False), (PROJECT, True)]
    assert "1 of 2 rounds do not pass" in result["stopped"] and "PARTNER-2" in result["stopped"]
    text = report.read_text(encoding="utf-8")
    assert "Security retest of 2 projects: not passed" in text and text.index("PARTNER-2") < text.index("WEBAPP-1")


@pytest.mark.every_core
def test_a_release_that_requested_nothing_leaves_nothing_to_follow(plays, sandbox):
    run = plays.ok([step("gate", project_id=None, rounds=[])])
    assert "attackforge_retest_gate_rounds" in left(run, "gate")["stopped"] and not sandbox.log()


# Hosts, names and connections


@pytest.mark.every_core
def test_each_hosts_project_is_its_own_or_the_gate_stops(plays, round_2):
    """Otherwise the first host's retest would let the second host's release pass."""
    round_2.act("close", ids=IN_ROUND)
    round_2.act("complete_round", round=2)
    round_2.clear_log()
    inventory = plays.folder / "projects.yml"
    hosts = {
        name: {"attackforge_retest_gate_project_id": project, "ansible_connection": "local"}
        for name, project in (("portal", PROJECT), ("partner", PARTNER))
    }
    inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
    [gate] = play()
    del gate["roles"][0]["vars"]
    run = plays.run([gate], inventory=inventory)
    message = run.result("Read the verdict on the retest", "failed")["msg"]
    assert (
        run.rc == 2
        and "attackforge_retest_gate_project_id: differs" in message
        and "portal" in message
        and "partner" in message
    )
    assert not run.results("beyond") and not round_2.log()
    for strategy in ("free", "host_pinned"):
        run = plays.run([dict(gate, strategy=strategy)], inventory=inventory)
        assert run.rc == 2 and not run.results("beyond") and not round_2.log()
        gate["roles"][0]["vars"] = {"attackforge_retest_gate_run_once": False}
        run = plays.run([dict(gate, strategy=strategy)], inventory=inventory)
        assert [line["host"] for line in run.lines if line.get("task") == "beyond"] == ["portal"]
        del gate["roles"][0]["vars"]
        round_2.clear_log()


@pytest.mark.every_core
def test_an_extra_variable_of_the_name_of_the_fact_is_warned_of(plays, round_2):
    stale = {"attackforge_retest_gate_result": {"passed": True}}
    run = plays.run(play(), variables=stale)
    assert run.rc == 2 and any("attackforge_retest_gate_as" in text for text in run.warnings)
    run = plays.run(play(attackforge_retest_gate_as="my_gate"), variables=stale)
    assert run.rc == 2 and run.artifacts["my_gate"]["passed"] is False
    assert not any("attackforge_retest_gate_as" in text for text in run.warnings)


@pytest.mark.every_core
def test_no_task_of_the_gate_runs_for_every_host(plays, round_2):
    def ran(hosts):
        round_2.clear_log()
        run = plays.run(play(), hosts=hosts)
        return [line["task"] for line in run.lines if line["kind"] != "artifacts"], len(round_2.log())

    assert ran([f"web{number}" for number in range(12)]) == ran(["web0"])


@pytest.mark.every_core
@pytest.mark.parametrize("how", ["play", "extra"])
def test_it_runs_in_the_controllers_process_whatever_the_connection_is(plays, round_2, tmp_path, how):
    """But for the report, which extra variables reach."""
    elsewhere = {"ansible_connection": "winrm", "ansible_shell_type": "powershell"}
    elsewhere["ansible_python_interpreter"] = "/no/such"
    report = tmp_path / "report.md"
    [gate] = play(**({"attackforge_retest_gate_report": str(report)} if how == "play" else {}))
    gate["vars"] = elsewhere if how == "play" else {}
    run = plays.run([gate], variables=elsewhere if how == "extra" else None)
    assert run.rc == 2 and "still open" in verdict(run), run.output
    assert report.exists() is (how == "play")
