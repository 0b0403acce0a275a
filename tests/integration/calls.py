# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks without a play: what the collection itself decides is tested so, over HTTP against the sandbox.

A play starts a process and forks a worker for each task, some 200 ms. Here a task is a call of what its action, or its
module, calls. Plays prove that Ansible gets there, and what it makes of options, results and output.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock

from ansible.module_utils import basic

from ansible_collections.attackforge.retest.plugins.module_utils._client import Client
from ansible_collections.attackforge.retest.plugins.module_utils._runner import Operation, run_in_process, run_module
from tests.integration.plays import Run
from tests.integration.plugins.action.sandbox import steer_sandbox
from tests.sandbox.control import Sandbox

_COLLECTION = "attackforge.retest."
Task = Mapping[str, Any]


def operation_of(module: str) -> Operation:
    """The operation of a module of this collection, by its name without the collection."""
    name = f"ansible_collections.attackforge.retest.plugins.modules.{module}"
    return importlib.import_module(name).OPERATION


class Calls:
    """Runs lists of tasks as `Plays` does, without Ansible. A task has a name, an action, ``check_mode`` and
    ``ignore_errors``; there are no templates.

    ``mode`` is `process`, what the action calls, or `module`, what a module calls.
    """

    def __init__(self, sandbox: Sandbox, mode: str = "process") -> None:
        self._sandbox = sandbox
        self._mode = mode

    def run(self, tasks: Iterable[Task]) -> Run:
        """Run tasks in their order. Returns a Run."""
        lines, output = [], io.StringIO()
        for task in tasks:
            result = self._result(task, output)
            failed = bool(result.get("failed"))
            lines.append({"kind": "failed" if failed else "ok", "task": task["name"], "result": result})
            if failed and not task.get("ignore_errors"):
                return Run(2, f"{task['name']}: {result['msg']}", lines)
        return Run(0, output.getvalue(), lines)

    def ok(self, tasks: Iterable[Task]) -> Run:
        """Run tasks that have to succeed, but for those whose errors are ignored. Returns a Run."""
        done = self.run(tasks)
        assert done.rc == 0, done.output
        return done

    def call(self, module: str, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        """Run one module by its short name, such as ``retest``. Returns its result."""
        return self._result({"name": "", f"{_COLLECTION}attackforge_{module}": options, "check_mode": check_mode})

    def _result(self, task: Task, output: io.StringIO | None = None) -> dict[str, Any]:
        if "sandbox" in task:
            try:
                return steer_sandbox(self._sandbox.control, json.loads(json.dumps(task["sandbox"])))
            except AssertionError as error:  # what the sandbox says
                return {"failed": True, "msg": str(error)}
        (name,) = (name for name in task if name.startswith(_COLLECTION))
        operation = operation_of(name[len(_COLLECTION) :])
        params = {"base_url": self._sandbox.url, "api_key": self._sandbox.key, **task[name]}
        check_mode = bool(task.get("check_mode"))
        if self._mode == "module":
            return call_module(operation, params, check_mode)

        def connect(connection: Any) -> Client:
            return Client(connection, progress=lambda line: print(line, file=output))

        return run_in_process(operation, params, check_mode, connect)


def call_module(operation: Operation, params: Mapping[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """Run a module in this process: its arguments as Ansible hands them over, its result as it prints it."""
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {**params, "_ansible_check_mode": check_mode}}, default=str)
    printed, warnings = io.StringIO(), []
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(basic, "_ANSIBLE_ARGS", arguments.encode()))
        stack.enter_context(mock.patch.object(basic, "_ANSIBLE_PROFILE", "legacy", create=True))
        stack.enter_context(contextlib.redirect_stdout(printed))
        stack.enter_context(contextlib.suppress(SystemExit))
        # Where Ansible's controller is imported too, a module's warnings go to the screen.
        stack.enter_context(mock.patch.object(basic.AnsibleModule, "warn", lambda _module, text: warnings.append(text)))
        run_module(operation)
    return {**json.loads(printed.getvalue()), **({"warnings": warnings} if warnings else {})}


def at_once(parts: Iterable[list[Task]]) -> Iterator[Run]:
    """Run lists of tasks at the same time, each against a sandbox of its own: most of their time is waiting."""
    parts = list(parts)
    with contextlib.ExitStack() as stack:
        sandboxes = [stack.enter_context(Sandbox()) for _part in parts]
        pool = stack.enter_context(ThreadPoolExecutor(len(parts)))
        yield from pool.map(lambda pair: Calls(pair[0]).ok(pair[1]), zip(sandboxes, parts))
