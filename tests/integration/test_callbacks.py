# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Beside callbacks: which ways to give the key they can show, and that what is printed for machines stays readable."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.integration.plays import BIN
from tests.tools.awx_collection import collections

PROJECT = "66333e1d110ab5acf8a4354e"


def look(**more):
    """A task that looks at the rounds, with more options or keywords."""
    options = {"project_id": PROJECT, **more.pop("options", {})}
    return {"name": "Look", "attackforge.retest.attackforge_retest_info": options, **more}


# How the key may be given, and whether a callback that shows a task's arguments shows it. See SECURITY.md.
WAYS = {
    "the environment": (look(), False),
    "a template": (look(options={"api_key": "{{ the_key }}"}), False),
    "a literal, with no_log on the task": (look(options={"api_key": "KEY"}, no_log=True), False),
    # The collection cannot mask this: ansible-core hands callbacks the task as it was written.
    "a literal": (look(options={"api_key": "KEY"}), True),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_callback_that_shows_arguments_shows_a_key_that_is_written_in_the_task(plays, sandbox, way):
    task, shown = WAYS[way]
    options = task["attackforge.retest.attackforge_retest_info"]
    if options.get("api_key") == "KEY":
        task = {**task, "attackforge.retest.attackforge_retest_info": {**options, "api_key": sandbox.key}}
    run = plays.ok([task], variables={"the_key": sandbox.key}, environment={"ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "true"})
    assert task.get("no_log") or "project_id" in run.output, "the arguments are shown"
    assert (sandbox.key in run.output) is shown


@pytest.mark.parametrize("callback", ["json", "jsonl"])
def test_stdout_stays_json_while_a_task_waits(plays, sandbox, callback):
    sandbox.act("request_round", ids=["WEBAPP-7"])
    task = look(options={"wait": True, "wait_timeout": 3, "wait_interval": 1}, ignore_errors=True)
    done = subprocess.run(
        [BIN / "ansible-playbook", "-i", plays.inventory(), plays.write([task])],
        env=plays.environment(
            ANSIBLE_STDOUT_CALLBACK=f"ansible.posix.{callback}",
            RESULTS_FILE=plays.folder / "results.jsonl",
            ANSIBLE_COLLECTIONS_PATH=f"{plays.environment()['ANSIBLE_COLLECTIONS_PATH']}:{collections()}",
        ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    texts = done.stdout.splitlines() if callback == "jsonl" else [done.stdout]
    assert '"Look"' in done.stdout and [json.loads(text) for text in texts], done.stderr
