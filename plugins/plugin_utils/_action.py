# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""The action behind every module of this collection.

Where a task runs on the controller anyway, it runs in the controller's own process: no interpreter is started, and the
key is never written to disk. Everywhere else the module runs as modules do.

What is imported here is imported once, before Ansible forks its workers.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any

from ansible import constants as C
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.attackforge.retest.plugins.module_utils._client import Client
from ansible_collections.attackforge.retest.plugins.module_utils._connection import Connection, network_identity
from ansible_collections.attackforge.retest.plugins.module_utils._errors import OptionsError
from ansible_collections.attackforge.retest.plugins.module_utils._options import untyped_texts, without_aliases
from ansible_collections.attackforge.retest.plugins.module_utils._play_watch import (
    VARIABLE,
    identity_of_controller,
    watch_process,
)
from ansible_collections.attackforge.retest.plugins.module_utils._runner import LIBRARIES, Operation, run_in_process
from ansible_collections.attackforge.retest.plugins.modules import (
    attackforge_project_info,
    attackforge_release,
    attackforge_retest,
    attackforge_retest_info,
    attackforge_vulnerability,
    attackforge_vulnerability_info,
)
from ansible_collections.attackforge.retest.plugins.plugin_utils._role import RoleTask, role_of

_OPERATIONS: dict[str, Operation] = {
    module.__name__.rpartition(".")[2]: module.OPERATION
    for module in (
        attackforge_project_info,
        attackforge_release,
        attackforge_retest,
        attackforge_retest_info,
        attackforge_vulnerability,
        attackforge_vulnerability_info,
    )
}
# Ansible imports this in its main process, which then forks the workers. Elsewhere the parent is the best that is
# known.
_IMPORTED_BY = os.getpid()


class ActionModule(ActionBase):  # type: ignore[misc]
    """Run a module of this collection in this process, or as a module."""

    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        name = self._task.action.rpartition(".")[2]
        operation = _OPERATIONS[name]
        role = role_of(self._task, task_vars or {}, self._templar, self._loader)
        try:
            self._use_canonical_names(operation, role)
            if role:
                role.check()
        except OptionsError as error:
            result.update(failed=True, msg=role.named_by_variables(error.message) if role else error.message)
            return result
        if self._runs_here(role):
            with self._like_a_module(), nullcontext() if name.endswith("_info") else self._alone(role):
                result.update(run_in_process(operation, self._task.args, self._task.check_mode, self._client))
                if role:
                    role.complete(result)
            if not _shows_invocation(task_vars):
                result.pop("invocation", None)
        else:
            result.update(self._run_as_module(task_vars))
        return result

    def _use_canonical_names(self, operation: Operation, role: RoleTask | None) -> None:
        """Replace aliases, so that an option of the task comes before a default of the play whatever their names.

        The task of a role leaves out what its user does not set, with omit. Ansible then also leaves out the default
        that the play has for it, so that is put back.
        """
        spec, defaults = operation.argument_spec, self._play_defaults()
        args, clashes = without_aliases(spec, self._task.args, defaults)
        if role:
            args = {**without_aliases(spec, defaults, ())[0], **args}
        mistakes = untyped_texts(spec, args)
        self._task.args = args
        if mistakes or clashes:
            raise OptionsError([*mistakes, *clashes])

    def _play_defaults(self) -> dict[str, Any]:
        """The options for which the play has defaults, for this module or its group, under the names that it uses."""
        collection, _dot, name = self._task.action.rpartition(".")
        given: dict[str, Any] = {}
        for defaults in self._task.module_defaults or ():
            given.update(defaults)
        found: dict[str, Any] = {}
        for applies_to in (f"group/{collection}.attackforge", name, self._task.action):
            options = self._templar.template(given.get(applies_to, {}))
            found.update(options if isinstance(options, Mapping) else {})
        return found

    def _runs_here(self, role: RoleTask | None) -> bool:
        """Whether the module would run on the controller, as the same user, and in time to be waited for.

        The tasks of the roles always do.
        """
        if not LIBRARIES or self._task.async_val:
            return False
        return role is not None or (self._connection.transport == "local" and not self._connection.become)

    def _run_as_module(self, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Run the module, and tell it which process to watch: when the play is gone, it writes nothing more."""
        controller = {VARIABLE: identity_of_controller(_controller())}
        self._task.environment = [*(self._task.environment or ()), controller]
        wrap_async = self._task.async_val and not self._connection.has_native_async
        result: dict[str, Any] = self._execute_module(task_vars=task_vars, wrap_async=wrap_async)
        return result

    @contextmanager
    def _alone(self, role: RoleTask | None) -> Iterator[None]:
        """Have the tasks of this play that write to the same project take turns, on however many hosts they run: none
        reads what is there while another is about to change it."""
        project = str(self._task.args.get("project_id")).strip().lower()
        name = f"attackforge-{hashlib.sha256(project.encode('utf-8', 'replace')).hexdigest()}.lock"
        with open(os.path.join(C.DEFAULT_LOCAL_TMP, name), "w", encoding="utf-8") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _like_a_module(self) -> Iterator[None]:
        """Have the environment and the folder that a module on a local connection would have."""
        environment, folder = dict(os.environ), os.getcwd()
        wanted: dict[str, Any] = {}
        self._compute_environment_string(wanted)
        os.environ.update({name: str(value) for name, value in wanted.items()})
        os.chdir(self._loader.get_basedir())
        try:
            yield
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environment)

    @staticmethod
    def _client(connection: Connection) -> Client:
        return _client(connection, network_identity())


def _controller() -> int:
    """The process id of the ansible-playbook that this worker belongs to."""
    return os.getppid() if os.getpid() == _IMPORTED_BY else _IMPORTED_BY


def _shows_invocation(task_vars: dict[str, Any] | None) -> bool:
    """Whether a result repeats the task's options: since ansible-core 2.21 a setting, before that always."""
    if not hasattr(C, "INJECT_INVOCATION"):
        return True
    return bool(C.config.get_config_value("INJECT_INVOCATION", variables=task_vars))


@lru_cache(maxsize=4)
def _client(connection: Connection, network: tuple[tuple[str, str], ...]) -> Client:
    """One client for all items of a loop, so that its connection is made once."""
    return Client(connection, watch_process(_controller()), progress=_progress)


def _progress(line: str) -> None:
    """A line for people. Callbacks such as ansible.posix.json print their result to standard output."""
    Display().display(line, stderr=True)
