# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task of a role checks and publishes, with a task and a templar made up. Real plays prove the rest."""

from __future__ import annotations

import json
import os
import re
from datetime import date
from types import SimpleNamespace

import pytest
from ansible import constants as C

from ansible_collections.attackforge.retest.plugins.module_utils._errors import OptionsError
from ansible_collections.attackforge.retest.plugins.plugin_utils import _role as role_module
from ansible_collections.attackforge.retest.plugins.plugin_utils._role import is_omitted, merge, role_of

OMIT = "__omit_place_holder__of_a_test"
RELEASE, GATE = "attackforge_retest", "attackforge_retest_gate"


class Templar:
    """Templates that do nothing but name variables."""

    def __init__(self, variables):
        self._variables = variables

    def is_template(self, value):
        return isinstance(value, str) and "{{" in value

    def template(self, value):
        if isinstance(value, list):
            return [one for one in map(self.template, value) if one != OMIT]
        match = re.fullmatch(r"\{\{ (\w+) \}\}", value) if isinstance(value, str) else None
        if not match:
            return value
        if match[1] == "broken":
            raise ValueError("a template that fails")
        return self.template(self._variables.get(match[1]))

    def copy_with_new_env(self, available_variables):
        return Templar(available_variables)


class HostVars:
    """The variables of each host, as Ansible's variable manager reads them."""

    def __init__(self, hosts, shared):
        self._hosts, self._shared = hosts, shared
        self._inventory = SimpleNamespace(get_host=lambda name: name)
        self._variable_manager = self

    def get_vars(self, play, host, task, _hosts, _hosts_all, include_hostvars, include_delegate_to):
        assert not include_hostvars and not include_delegate_to and _hosts == list(self._hosts)
        return {**self._shared, **self._hosts[host]}


@pytest.fixture(autouse=True)
def extra_vars(monkeypatch):
    """The extra variables of the play."""
    found = {}
    monkeypatch.setattr(role_module, "load_extra_vars", lambda _loader: found)
    role_module._get_vars.cache_clear()
    return found


def role_task(role=RELEASE, hosts=None, args=None, run_once=True, path="site.yml:1", check_mode=False, **variables):
    """A task of a role on the first of these hosts."""
    hosts = hosts or {"localhost": {}}
    shared = {"omit": OMIT, "playbook_dir": "/play", f"{role}_as": f"{role}_result", **variables}
    every = {
        **shared,
        **next(iter(hosts.values())),
        "ansible_play_batch": list(hosts),
        "ansible_play_hosts_all": list(hosts),
        "hostvars": HostVars(hosts, shared),
    }
    task = SimpleNamespace(
        _role=SimpleNamespace(get_name=lambda: f"attackforge.retest.{role}", _role_path=f"/collection/roles/{role}"),
        args=args or {},
        play=None,
        run_once=run_once,
        check_mode=check_mode,
        get_path=lambda: path,
    )
    return role_of(task, every, Templar(every), None)


def mistakes(*args, **more):
    with pytest.raises(OptionsError) as caught:
        role_task(*args, **more).check()
    return caught.value.mistakes


# Which task it is


def test_only_the_tasks_of_the_two_roles_are_of_a_role():
    assert role_task() and role_task(GATE)
    for name in ("attackforge.retest.other", "other.attackforge_retest", "attackforge_retest"):
        task = SimpleNamespace(_role=SimpleNamespace(get_name=lambda name=name: name))
        assert role_of(task, {}, None, None) is None
    assert role_of(SimpleNamespace(_role=None), {}, None, None) is None


def test_a_task_with_nothing_wrong_passes():
    role_task(attackforge_retest_release="2026.10", attackforge_retest_project_id="1" * 24).check()


# Texts, and what YAML makes of them


@pytest.mark.parametrize("name", ["release", "note", "project_id"])
@pytest.mark.parametrize("value", [2026.1, True, 4711, date(2026, 12, 1)])
def test_a_number_for_a_text_is_named_by_its_variable(name, value):
    variable = f"attackforge_retest_{name}"
    assert mistakes(**{variable: value})[0].startswith(f"{variable}: {value} is ")
    # Also where the variable only names another one.
    assert mistakes(**{variable: "{{ version }}", "version": "{{ typed }}", "typed": value})[0].startswith(variable)


def test_an_id_of_digits_and_a_loop_of_names_are_no_such_mistake():
    role_task(attackforge_retest_project_id=int("1" * 24)).check()
    role_task(attackforge_retest_release="{{ attackforge_retest_release }}").check()  # Ansible reports the loop
    role_task(attackforge_retest_release="{{ attackforge_retest_release }} of today").check()


def test_a_text_for_a_dictionary_is_read_as_yaml():
    args = {"select": "{tags: [x]}", "projects": "[1, 2]", "rounds": "plain text", "state": "{a: 1}"}
    role_task(args=args).check()
    assert args == {"select": {"tags": ["x"]}, "projects": [1, 2], "rounds": "plain text", "state": "{a: 1}"}
    assert mistakes(args={"select": "{tags: ["})[0].startswith("attackforge_retest_select: is not YAML (")


# Many projects


@pytest.mark.parametrize("name", ["project_id", "vulnerability_ids", "round"])
def test_what_is_said_of_one_project_does_not_go_with_many(name):
    variable = f"attackforge_retest_{name}"
    assert mistakes(attackforge_retest_projects="all", **{variable: "x"}) == [
        f"{variable}: does not go with attackforge_retest_projects; set one of them"
    ]


@pytest.mark.parametrize("blank", ["", [], {}, None, OMIT])
def test_a_question_left_blank_is_unset(blank):
    role_task(attackforge_retest_projects="all", attackforge_retest_round=blank).check()
    role_task(attackforge_retest_projects=blank, attackforge_retest_round=1).check()


def test_many_projects_are_for_requesting_alone():
    role_task(attackforge_retest_projects="all", attackforge_retest_state="requested").check()
    (mistake,) = mistakes(attackforge_retest_projects="all", attackforge_retest_state="cancelled")
    assert mistake.startswith("attackforge_retest_state: cancelled does not go with attackforge_retest_projects")


@pytest.mark.parametrize("value, omitted", [(OMIT, True), (None, False), ("", False), ("x", False)])
def test_what_is_omitted_is_told_apart(value, omitted):
    assert is_omitted(value, {"omit": OMIT}) is omitted


# Where the key is sent


@pytest.mark.parametrize("name", ["base_url", "api_key", "ca_path", "validate_certs"])
def test_a_shipped_playbook_takes_no_connection_from_outside(extra_vars, name):
    extra_vars[f"attackforge_retest_{name}"] = "x"
    (mistake,) = mistakes(playbook_dir="/collection/playbooks")
    assert mistake.startswith(f"attackforge_retest_{name}: comes from outside this playbook")
    role_task(playbook_dir="/elsewhere").check()


# Hosts


def hosts(first, second, **more):
    return {"web1": first, "web2": second, **more}


PROJECT = "attackforge_retest_gate_project_id"


@pytest.mark.parametrize(
    "first, second",
    [
        ({PROJECT: "a"}, {PROJECT: "b"}),
        ({PROJECT: "{{ mine }}", "mine": "a"}, {PROJECT: "{{ mine }}", "mine": "b"}),
        ({PROJECT: "{{ mine }}", "mine": "{{ of }}", "of": ["a"]}, {PROJECT: "{{ mine }}", "mine": "x", "of": ["a"]}),
    ],
)
def test_values_that_differ_between_hosts_are_an_error_where_the_role_runs_once(first, second):
    assert mistakes(GATE, hosts=hosts(first, second)) == [
        f"{PROJECT}: differs between the hosts of this play (web1 | web2), but the role runs once for all of them. "
        "Give it one value, or set attackforge_retest_gate_run_once to false"
    ]
    role_task(GATE, hosts=hosts(first, second), run_once=False).check()
    role_task(GATE, hosts={"web1": first}).check()


@pytest.mark.parametrize(
    "first, second",
    [
        ({PROJECT: "a"}, {PROJECT: "a"}),
        ({PROJECT: "{{ mine }}", "mine": "a"}, {PROJECT: "{{ yours }}", "yours": "a", "mine": "x"}),
        ({PROJECT: "a"}, {PROJECT: "{{ broken }}"}),  # that host's own affair
        ({"other": "a"}, {"other": "b"}),
    ],
)
def test_values_that_come_out_the_same_are_no_mistake(first, second):
    role_task(GATE, hosts=hosts(first, second)).check()


def test_many_hosts_are_named_in_part():
    many = {f"web{number}": {PROJECT: "a" if number < 12 else "b"} for number in range(24)}
    (mistake,) = mistakes(GATE, hosts=many)
    shown = mistake.partition("(")[2].partition(")")[0]
    assert shown.startswith("web0, ") and shown.count("web") == 20 and shown.count(", ...") == 2


def test_variables_are_read_without_those_of_all_hosts_by_every_core():
    """include_delegate_to is gone in ansible-core 2.19."""

    class Older:
        def get_vars(self, host, include_hostvars=True, include_delegate_to=True):
            return host, include_hostvars, include_delegate_to

    class Newer:
        def get_vars(self, host, include_hostvars=True):
            return host, include_hostvars

    assert role_module._get_vars(Older())(host="a") == ("a", False, False)
    assert role_module._get_vars(Newer())(host="a") == ("a", False)


# The report of the gate


@pytest.mark.parametrize(
    "report, words",
    [
        ("/tmp/report.txt", "does not end in .md or .html"),
        ("/no/such/folder/report.md", "the controller has no folder /no/such/folder"),
        ("report.md", "the controller has no folder /play"),
    ],
)
def test_a_report_that_could_not_be_written_is_told_before_the_wait(report, words):
    (mistake,) = mistakes(GATE, attackforge_retest_gate_report=report)
    assert mistake.startswith("attackforge_retest_gate_report: ") and words in mistake


@pytest.mark.parametrize("report", ["/tmp/report.md", "{{ named }}", "", None, OMIT])
def test_a_report_that_can_be_written_or_is_not_asked_for_is_no_mistake(report):
    role_task(GATE, attackforge_retest_gate_report=report, named="/tmp/report.html").check()


def test_a_report_is_not_written_into_the_collection():
    more = dict(attackforge_retest_gate_report="report.md", playbook_dir="/collection/playbooks")
    assert "would be written into the collection" in mistakes(GATE, **more)[0]


def test_every_mistake_is_told_at_once():
    found = mistakes(attackforge_retest_release=2026.1, attackforge_retest_projects="all", attackforge_retest_round=1)
    assert len(found) == 2


# Messages


@pytest.mark.parametrize(
    "message, named",
    [
        ("release: is empty. Nothing was sent.", "attackforge_retest_release: is empty. Nothing was sent."),
        (
            "2 options are wrong. Nothing was sent.\n- state: x\n- vulnerability_ids[0]: 'x' is not an id",
            "2 options are wrong. Nothing was sent.\n- attackforge_retest_state: x\n"
            "- attackforge_retest_vulnerability_ids[0]: 'x' is not an id",
        ),
        ("select.tags[0]: is empty", "attackforge_retest_select.tags[0]: is empty"),
        ("remediation_note: is empty", "attackforge_retest_note: is empty"),
        ("retesting_window_start: is needed", "attackforge_retest_window_start: is needed"),
        ("retesting_window_end: is over", "attackforge_retest_window_days: is over"),
        ("set mark_ready, or leave them out", "set attackforge_retest_mark_ready, or leave them out"),
        ("The state of this round is odd", "The state of this round is odd"),
        ("it says 'project_id': x.project_id", "it says 'project_id': x.project_id"),
        ("value of state must be one of: a", "value of attackforge_retest_state must be one of: a"),
    ],
)
def test_messages_name_the_variables_of_the_role(message, named):
    assert role_task().named_by_variables(message) == named


def test_the_end_of_the_window_is_named_by_the_variable_that_was_set():
    task = role_task(attackforge_retest_window_end="2026-12-01")
    assert task.named_by_variables("retesting_window_end: is over") == "attackforge_retest_window_end: is over"


# What the role publishes


@pytest.fixture
def job(monkeypatch, tmp_path):
    """A folder of the job's own."""
    monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", str(tmp_path))
    return tmp_path


def entry(finding_id, outcome="in_scope", marked=False, noted=False):
    return {"id": finding_id, "outcome": outcome, "marked": marked, "noted": noted}


def outcome_of(changed, *vulnerabilities, **more):
    return {"changed": changed, "vulnerabilities": list(vulnerabilities), "retest": {"round": 1}, **more}


def test_the_artifact_tells_the_job_and_the_fact_tells_the_pass(job):
    first = outcome_of(True, entry("a", "requested", True, True))
    second = outcome_of(False, entry("a"))
    role_task(args={"project_id": "x", "api_key": "s3cr3t"}).complete(first)
    role_task(args={"project_id": "x", "api_key": "s3cr3t"}).complete(second)
    assert second["outcome"] == {"changed": False, "vulnerabilities": [entry("a")], "retest": {"round": 1}}
    assert second["ansible_stats"]["data"]["attackforge_retest_result"] == {
        "changed": True,
        "vulnerabilities": [entry("a", "requested", True, True)],
        "retest": {"round": 1},
    }
    assert "s3cr3t" not in "".join(os.listdir(job)) + "".join(path.read_text() for path in job.iterdir())


@pytest.mark.parametrize("other", [{"args": {"project_id": "y"}}, {"path": "site.yml:9"}, {"check_mode": True}])
def test_another_use_of_the_role_has_an_outcome_of_its_own(job, other):
    role_task(args={"project_id": "x"}).complete(outcome_of(True, entry("a", "requested")))
    result = outcome_of(False, entry("a"))
    role_task(**{"args": {"project_id": "x"}, **other}).complete(result)
    assert result["ansible_stats"]["data"]["attackforge_retest_result"]["changed"] is False


def test_a_failure_is_named_by_variables_and_leaves_an_artifact_of_what_was_done(job):
    result = outcome_of(True, entry("a", "in_scope", True), failed=True, msg="state: x")
    role_task().complete(result)
    assert result["msg"] == "attackforge_retest_state: x" and "outcome" not in result
    assert result["ansible_stats"]["data"]["attackforge_retest_result"]["changed"] is True


def test_a_verdict_is_the_artifact_of_the_gate(job):
    result = {"changed": False, "verdict": {"passed": True}}
    role_task(GATE).complete(result)
    assert result["ansible_stats"] == {
        "data": {"attackforge_retest_gate_result": {"passed": True}},
        "per_host": False,
        "aggregate": False,
    }
    assert list(job.iterdir()) == []


def test_an_early_failure_publishes_nothing(job):
    result = {"failed": True, "msg": "x"}
    role_task().complete(result)
    assert result == {"failed": True, "msg": "x"} and list(job.iterdir()) == []


def test_an_extra_variable_that_hides_the_fact_is_warned_of(job, extra_vars):
    extra_vars["attackforge_retest_result"] = {}
    result = outcome_of(False)
    role_task().complete(result)
    (warning,) = result["warnings"]
    assert "attackforge_retest_result" in warning and "Set attackforge_retest_as to another name" in warning


# The outcome of several passes


@pytest.mark.parametrize(
    "earlier, later, merged",
    [
        (entry("a", "requested", True, True), entry("a"), entry("a", "requested", True, True)),
        (entry("a"), entry("a", "requested", True), entry("a", "requested", True)),
        (entry("a", noted=True), entry("a", "closed"), entry("a", "closed", noted=True)),
        (entry("a", "reopened"), entry("a"), entry("a")),
    ],
)
def test_what_an_earlier_pass_did_was_done(earlier, later, merged):
    found = merge(outcome_of(True, earlier, message="first"), outcome_of(False, later, message=None))
    assert found == {"changed": True, "vulnerabilities": [merged], "retest": {"round": 1}, "message": "first"}


def test_each_pass_has_the_findings_of_the_last_one():
    found = merge(outcome_of(False, entry("a"), entry("b")), outcome_of(True, entry("b"), entry("c", "requested")))
    assert [one["id"] for one in found["vulnerabilities"]] == ["b", "c"] and found["changed"] is True
    assert merge({"changed": False}, outcome_of(False, entry("a")))["vulnerabilities"] == [entry("a")]


def test_projects_are_merged_each_by_itself():
    def release(*projects):
        return {"changed": any(one["changed"] for one in projects), "projects": list(projects), "totals": {}}

    def project(project_id, *args):
        return {"project": {"id": project_id}, "failed": False, **outcome_of(*args)}

    first = release(project("p", True, entry("a", "requested", True)), project("q", False))
    second = release(project("q", False, entry("b")), project("p", False, entry("a")), project("r", True))
    found = merge(json.loads(json.dumps(first)), second)
    assert [one["project"]["id"] for one in found["projects"]] == ["q", "p", "r"]
    assert found["projects"][1]["vulnerabilities"] == [entry("a", "requested", True)]
    assert found["totals"]["projects"] == 3 and found["totals"]["requested"] == 1 and found["changed"] is True
