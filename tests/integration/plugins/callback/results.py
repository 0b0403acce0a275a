# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes each task's result as a line of JSON, for tests. The screen shows what a user sees."""

from __future__ import annotations

DOCUMENTATION = r"""
name: results
type: notification
short_description: Results as JSON lines
description: Writes each task's result to the file that RESULTS_FILE names.
"""

import json
import os

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """One line for each result, one for the artifacts."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "results"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, **line):
        with open(os.environ["RESULTS_FILE"], "a", encoding="utf-8") as stream:
            stream.write(json.dumps(line, default=str) + "\n")

    def _write_result(self, kind, result):
        self._write(
            kind=kind,
            task=result._task.get_name().rpartition(" : ")[2],
            host=result._host.get_name(),
            result={name: value for name, value in result._result.items() if not name.startswith("_ansible")},
        )

    def v2_runner_on_ok(self, result):
        self._write_result("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._write_result("failed", result)

    def v2_runner_on_skipped(self, result):
        self._write_result("skipped", result)

    def v2_runner_on_unreachable(self, result):
        self._write_result("unreachable", result)

    def v2_playbook_on_stats(self, stats):
        self._write(kind="artifacts", result=dict(stats.custom.get("_run", {})))
