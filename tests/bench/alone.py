# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is measured without Ansible, in a process of its own: ``python -m tests.bench.alone NAME JSON``.

``exchange`` is the bare HTTP exchange of the whole job with http.client, ``post`` a number of bare POSTs, ``client``
the operation behind the module. Each prints its figures as JSON; the start of the interpreter is not in them.
"""

from __future__ import annotations

import http.client
import importlib
import json
import sys
import time
from urllib.parse import quote, urlsplit


def main():
    """Measure what the command line names."""
    given = json.loads(sys.argv[2])
    work = {"exchange": _exchange, "post": _post, "client": _client}[sys.argv[1]](given)
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    figures = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "memory": _peak_memory()}
    print(json.dumps(figures))


def _peak_memory():
    """The largest resident size so far, in bytes."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def _talk(given):
    """Make one connection. Returns a function that does one exchange and returns the answer's bytes."""
    url = urlsplit(given["url"])
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=300)
    headers = {"X-SSAPI-KEY": given["key"], "Content-Type": "application/json"}

    def talk(verb, path, body=None):
        connection.request(verb, url.path + "/api/ss" + path, body and json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return content

    return talk


def _post(given):
    talk = _talk(given)

    def work():
        for _unused in range(given["count"]):
            talk("POST", f"/project/{given['project']}/retest/request", given["body"])

    return work


def _exchange(given):
    """What a whole job asks of the service, for each project, and nothing done with the answers."""
    talk = _talk(given)

    def work():
        for project in given["projects"]:
            path = f"/project/{project['project']}"
            query = json.dumps({"id": {"$in": project["wanted"]}}, separators=(",", ":"))
            talk("GET", path)
            if not given.get("rerun"):
                talk("GET", f"{path}/vulnerabilities?skip=0&limit=500&q={quote(query)}")
                talk("POST", path + "/retest/request", dict(given["body"], vulnerability_ids=project["wanted"]))
                talk("GET", path)

    return work


def _client(given):
    sys.path.insert(0, given["collections"])
    utils = "ansible_collections.attackforge.retest.plugins.module_utils."
    connect = importlib.import_module(utils + "_client").Client
    run = importlib.import_module(utils + "_runner").run_in_process
    module = importlib.import_module("ansible_collections.attackforge.retest.plugins.modules.attackforge_retest")
    params = {
        "base_url": given["url"],
        "api_key": given["key"],
        "project_id": given["project"],
        "vulnerability_ids": given["wanted"],
        "retesting_window_start": "2030-12-01",
        "timeout": 300,
    }

    def work():
        result = run(module.OPERATION, params, False, connect)
        assert result.get("changed"), result

    return work


if __name__ == "__main__":
    main()
