# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steer the sandbox between two tasks, in the controller's own process. For tests.

``reset`` (true, or {seed, switches}), ``switches``, ``clear_faults``, ``faults``, ``act`` (a list) and ``sleep`` are
done in this order, then ``clear_acts`` and ``clear_log``. ``look``, a project's id, returns its ``books``, the ``log``
and the ``faults`` as they are before these two.
``@ODD_KEY@`` stands for what the environment variable ODD_KEY holds, so that no playbook need hold it.
"""

from __future__ import annotations

import json
import os
import ssl
import time
import urllib.error
import urllib.request
from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """One task, any of these in their order."""

    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        text = json.dumps(self._task.args).replace("@ODD_KEY@", json.dumps(os.environ.get("ODD_KEY", ""))[1:-1])
        result.update(steer_sandbox(os.environ["SANDBOX_CONTROL"], json.loads(text)))
        return result


def steer_sandbox(control: str, steps: dict[str, Any]) -> dict[str, Any]:
    """Do what a task of this action says, by the control API at the URL ``control``. Returns what was looked at."""
    if steps.get("reset"):
        _call(control, "POST", "reset", {} if steps["reset"] is True else steps["reset"])
        _call(control, "DELETE", "faults")
    if "switches" in steps:
        _call(control, "PUT", "switches", steps["switches"])
    if steps.get("clear_faults"):
        _call(control, "DELETE", "faults")
    if steps.get("faults"):
        _call(control, "POST", "faults", steps["faults"])
    for act in steps.get("act", ()):
        _call(control, "POST", "act", act)
    time.sleep(float(steps.get("sleep", 0)))
    seen = {}
    if "look" in steps:
        seen["books"] = _call(control, "GET", f"books?project_id={steps['look']}")
        seen["log"] = _call(control, "GET", "log")
        seen["faults"] = _call(control, "GET", "faults")
    if steps.get("clear_acts"):
        _call(control, "DELETE", "acts")
    if steps.get("clear_log"):
        _call(control, "DELETE", "log")
    return seen


def _call(control, http, path, body=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without any CA: to load them takes longer than the call
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    request = urllib.request.Request(
        f"{control}/{path}",
        None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json"},
        method=http,
    )
    deadline = time.monotonic() + 30
    while True:
        try:
            with opener.open(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode("utf-8", "replace")) from None
        except (urllib.error.URLError, ConnectionError):  # it refuses connections, for a time
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
