# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action behind every module of this collection.

Where a task runs on the controller anyway, it is done in the controller's own process: no interpreter is started, and
the key is never written to disk. Everywhere else the module runs as modules do.

What is imported here is imported once, before Ansible forks its workers.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import contextmanager, nullcontext
from functools import lru_cache

from ansible import constants as C
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.attackforge.retest.plugins.module_utils.client import Client
from ansible_collections.attackforge.retest.plugins.module_utils.module import LIBRARIES, run_in_process
from ansible_collections.attackforge.retest.plugins.modules import (
    attackforge_retest,
    attackforge_retest_info,
    attackforge_vulnerability,
    attackforge_vulnerability_info,
)

_OPERATIONS = {
    module.__name__.rpartition(".")[2]: module.OPERATION
    for module in (
        attackforge_retest,
        attackforge_retest_info,
        attackforge_vulnerability,
        attackforge_vulnerability_info,
    )
}


class ActionModule(ActionBase):
    """Run a module of this collection in this process, or as a module."""

    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        if not self._can_run_here():
            wrap_async = self._task.async_val and not self._connection.has_native_async
            result.update(self._execute_module(task_vars=task_vars, wrap_async=wrap_async))
            return result
        name = self._task.action.rpartition(".")[2]
        operation = _OPERATIONS[name]
        with self._like_a_module(), nullcontext() if name.endswith("_info") else self._alone():
            result.update(run_in_process(operation, self._task.args, self._task.check_mode, _client))
        if not _tells_invocation(task_vars):
            del result["invocation"]
        return result

    def _can_run_here(self):
        """Whether the module would run on the controller, as the same user, and in time to be waited for."""
        return (
            LIBRARIES
            and self._connection.transport == "local"
            and not self._connection.become
            and not self._task.async_val
        )

    @contextmanager
    def _alone(self):
        """Have the tasks of this play that write to the same project take turns, on however many hosts they run: none
        reads what is there while another is about to change it."""
        project = str(self._task.args.get("project_id")).strip().lower()
        name = "attackforge-{}.lock".format(hashlib.sha256(project.encode("utf-8", "replace")).hexdigest())
        with open(os.path.join(C.DEFAULT_LOCAL_TMP, name), "w", encoding="utf-8") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _like_a_module(self):
        """Have the environment and the folder that a module on a local connection would have."""
        environment, folder = dict(os.environ), os.getcwd()
        wanted = {}
        self._compute_environment_string(wanted)
        os.environ.update({name: str(value) for name, value in wanted.items()})
        os.chdir(self._loader.get_basedir())
        try:
            yield
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environment)


def _tells_invocation(task_vars):
    """Whether a result repeats the task's options: since ansible-core 2.21 a setting, before that always."""
    if not hasattr(C, "INJECT_INVOCATION"):
        return True
    return C.config.get_config_value("INJECT_INVOCATION", variables=task_vars)


@lru_cache(maxsize=4)
def _client(connection):
    """One client for all items of a loop, so that its connection is made once."""
    return Client(connection, tell=Display().display)
