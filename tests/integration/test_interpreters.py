# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a task runs and with which Python, as docs/awx.md says."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.integration.plays import Plays, task

PROJECT = "66333e1d110ab5acf8a4354e"
WEBAPP_1 = "6639508f50523053f459d29f"
NOWHERE = "/no/such/python"
INFO = {"project_id": PROJECT, "round": 1}
ROLE = {"attackforge_retest_project_id": PROJECT, "attackforge_retest_vulnerability_ids": [WEBAPP_1]}


def bare(folder, *libraries):
    """A Python without what the modules need, but for these libraries. Returns its path."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next((folder / "lib").glob("python*")) / "site-packages"
    for library in libraries:
        (site / library).symlink_to(Path(importlib.import_module(library).__file__).parent)
    return folder / "bin/python"


@pytest.fixture(scope="module", name="pythons")
def fixture_pythons(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pythons")
    return {
        "requests": bare(folder / "without-requests"),
        "voluptuous": bare(
            folder / "without-voluptuous", "requests", "urllib3", "idna", "certifi", "charset_normalizer"
        ),
    }


@pytest.fixture(scope="module", name="run")
def fixture_run(tmp_path_factory, running_sandbox, pythons):
    """Plays over hosts whose interpreter is not there, and over such as lack one library each."""
    running_sandbox.reset()
    folder = tmp_path_factory.mktemp("interpreters")
    hosts = {
        name: {"ansible_connection": "elsewhere", "ansible_python_interpreter": str(python)}
        for name, python in {"web1": NOWHERE, "web2": NOWHERE, **pythons}.items()
    }
    hosts.update({name: {"ansible_python_interpreter": NOWHERE} for name in ("app1", "app2")})
    inventory = folder / "inventory.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
    web = {"hosts": "web*", "gather_facts": False}
    plays = [
        dict(
            web,
            become=True,
            vars=ROLE,
            tasks=[{"name": "role", "ansible.builtin.include_role": {"name": "attackforge.retest.attackforge_retest"}}],
        ),
        dict(web, tasks=[dict(task("delegated", "retest_info", **INFO), delegate_to="localhost", run_once=True)]),
        dict(web, hosts="app*", connection="local", tasks=[task("local", "retest_info", **INFO)]),
        dict(web, tasks=[task("there", "retest_info", **INFO) | {"ignore_unreachable": True}]),
        dict(web, hosts="requests:voluptuous", tasks=[task("lacking", "retest_info", **INFO)]),
    ]
    return Plays(folder, running_sandbox).run(plays, inventory=inventory)


def test_a_role_runs_on_the_controller_whatever_the_hosts_are_like(run, running_sandbox):
    assert run.outcome("Request, cancel or complete the retest") == "changed"
    assert (
        len(run.results("Request, cancel or complete the retest"))
        == 1
        == len(running_sandbox.log("RequestNewProjectRetest"))
    )


def test_a_delegated_task_runs_once_and_with_the_controller_s_python(run):
    assert [result.get("failed", False) for result in run.results("delegated")] == [False]


def test_on_a_local_connection_no_interpreter_is_asked_and_each_host_counts(run):
    assert [result.get("failed", False) for result in run.results("local")] == [False, False]


def test_a_task_that_is_not_delegated_runs_there_and_with_the_interpreter_of_the_host(run):
    assert len(run.results("there")) == 2
    assert run.outcome("there") in ("failed", "unreachable") and NOWHERE in str(run.results("there"))


@pytest.mark.parametrize("library", ["requests", "voluptuous"])
def test_a_missing_library_is_named_with_the_interpreter_and_the_remedy(run, pythons, library):
    message = next(
        line["result"]["msg"] for line in run.lines if line.get("task") == "lacking" and line["host"] == library
    )
    assert f"Failed to import the required Python library ({library})" in message
    assert str(pythons[library]) in message
    assert "dependencies.python" in message and "leaves voluptuous out" in message


def test_a_localhost_of_the_inventory_is_a_host_like_others_unless_it_is_said_to_be_local(tmp_path, sandbox):
    plays, results = Plays(tmp_path, sandbox), []
    for facts in ({"ansible_port": 9}, {"ansible_connection": "local"}):
        inventory = tmp_path / "localhost.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": {"localhost": facts}}}), encoding="utf-8")
        look = task("look", "retest_info", **INFO) | {"ignore_unreachable": True, "delegate_to": "localhost"}
        results.append(plays.run([look], inventory=inventory).outcome("look"))
    assert results[0] in ("unreachable", "failed") and results[1] == "ok"
