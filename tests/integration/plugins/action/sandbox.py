# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steer the sandbox between two tasks, in the controller's own process. For tests.

``reset`` (true, or {seed, switches}), ``switches``, ``clear_faults``, ``faults``, ``act`` (a list), ``sleep`` and
``clear_log`` are done in this order. ``look``, a project's id, returns its ``books``, the ``log`` and the ``faults``.
``@ODD_KEY@`` stands for what the environment variable ODD_KEY holds, so that no playbook need hold it.
"""

from __future__ import annotations

import json
import os
import ssl
import time
import urllib.error
import urllib.request

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """One task, any of these in their order."""

    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        wish = json.dumps(self._task.args)
        wish = json.loads(wish.replace("@ODD_KEY@", json.dumps(os.environ.get("ODD_KEY", ""))[1:-1]))
        if wish.get("reset"):
            _call("POST", "reset", {} if wish["reset"] is True else wish["reset"])
            _call("DELETE", "faults")
        if "switches" in wish:
            _call("PUT", "switches", wish["switches"])
        if wish.get("clear_faults"):
            _call("DELETE", "faults")
        if wish.get("faults"):
            _call("POST", "faults", wish["faults"])
        for deed in wish.get("act", ()):
            _call("POST", "act", deed)
        time.sleep(float(wish.get("sleep", 0)))
        if "look" in wish:
            result["books"] = _call("GET", "books?project_id={}".format(wish["look"]))
            result["log"] = _call("GET", "log")
            result["faults"] = _call("GET", "faults")
        if wish.get("clear_log"):
            _call("DELETE", "log")
        return result


def _call(http, path, body=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without any CA: to load them takes longer than the call
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    request = urllib.request.Request(
        "{}/{}".format(os.environ["SANDBOX_CONTROL"], path),
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
