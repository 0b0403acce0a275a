# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""As much of a controller's API as the modules of awx.awx need to set one up.

It keeps what it is sent. As AWX does, it reads a project's repository when the project is made or updated, and refuses
a job template whose playbook the project does not have.
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

ITEM = re.compile(r"/api/v2/(?P<kind>\w+)/(?:(?P<id>\d+)/(?:(?P<part>\w+)/)?)?")
SECRET = "$encrypted$"


class Controller:
    """``objects`` are lists of dictionaries by their kind, as the API names it.

    ``repositories`` are the playbooks by the URL of their repository; a repository that is not there cannot be read.
    ``writes`` are all requests other than GET, each as its method and path.
    """

    def __init__(self) -> None:
        self.objects: dict[str, list[dict[str, Any]]] = {}
        self.repositories: dict[str, list[str]] = {}
        self.writes: list[tuple[str, str]] = []
        self.token = "a-token"
        handler = type("Handler", (_Handler,), {"controller": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exception):
        self._server.shutdown()
        self._server.server_close()

    def of(self, kind):
        if kind == "unified_job_templates":
            return self.of("job_templates") + self.of("workflow_job_templates")
        return self.objects.setdefault(kind, [])

    def named(self, kind, name):
        return next(one for one in self.of(kind) if one["name"] == name)

    def add(self, kind, /, **fields):
        number = 1 + sum(len(found) for found in self.objects.values())
        url = f"/api/v2/{kind}/{number}/"
        made = {
            "id": number,
            "url": url,
            "type": kind[:-1],
            "related": {name: f"{url}{name}/" for name in ("survey_spec", "playbooks", "update")},
            "summary_fields": {},
            "scm_revision": "",
        }
        self.of(kind).append(dict(fields, **made))
        return self.of(kind)[-1]

    def _update(self, project):
        """Read the repository of a project. Returns the finished job."""
        found = self.repositories.get(project.get("scm_url"))
        job = self.add(
            "project_updates",
            status="failed" if found is None else "successful",
            failed=found is None,
            finished="2026-12-01T08:00:00Z",
            event_processing_finished=True,
        )
        if found is not None:
            project.update(playbooks=found, scm_revision=str(hash(tuple(found))))
        job["scm_revision"] = project["scm_revision"]
        return job

    def _create(self, kind, body):
        playbook, project = body.get("playbook"), body.get("project")
        if kind == "job_templates":
            known = next(one for one in self.of("projects") if one["id"] == project).get("playbooks", [])
            if playbook not in known:
                return 400, {"playbook": ["Playbook not found for project."]}
        item = self.add(kind, **body)
        shown = self._shown(item)
        if kind == "projects":
            shown = dict(shown, summary_fields={"current_update": {"id": self._update(item)["id"]}})
        return 201, shown

    def _fits(self, item, query):
        """Whether an item is one of those that a query selects. Conditions with or__ are alternatives."""
        either = [self._has(item, key[4:], wanted) for key, wanted in query if key.startswith("or__")]
        every = [self._has(item, key, wanted) for key, wanted in query if not key.startswith("or__")]
        return all(every) and (any(either) or not either)

    def _has(self, item, key, wanted):
        name, _dunder, field = key.partition("__")
        value = item.get(name)
        if field and value is not None:
            value = next(one for one in self.of(name + "s") if one["id"] == value).get(field)
        return str(value) == wanted

    def answer(self, method, path, query, body):
        """The status and the body of an answer."""
        if method != "GET":
            self.writes.append((method, path))
        place = ITEM.fullmatch(path)
        if not place:
            return 200, {}
        kind, number, part = place["kind"], place["id"], place["part"]
        if number is None:
            if method == "POST":
                return self._create(kind, body)
            found = [one for one in self.of(kind) if self._fits(one, query)]
            return 200, {"count": len(found), "next": None, "results": [self._shown(one) for one in found]}
        item = next(one for one in self.of(kind) if one["id"] == int(number))
        if part is None:
            item.update(body if method == "PATCH" else {})
            return 200, self._shown(item)
        if part == "playbooks":
            return 200, item.get("playbooks", [])
        if part == "update":
            return 202, self._update(item)
        if part == "survey_spec":
            if method == "POST":
                item["survey_spec"] = body
            return 200, item.get("survey_spec", {})
        if method == "GET":
            return 200, {"count": 0, "next": None, "results": [{"id": one} for one in item.get(part, [])]}
        item.setdefault(part, []).append(body["id"])
        return 204, None

    @staticmethod
    def _shown(item):
        """An item as the API shows it: without its secrets."""
        inputs = item.get("inputs", {})
        return dict(item, inputs=dict(inputs, api_key=SECRET)) if "api_key" in inputs else item


class _Handler(BaseHTTPRequestHandler):
    controller = None

    def _do(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != "Bearer " + self.controller.token:
            code, answer = 401, {}
        else:
            parts = urlsplit(self.path)
            code, answer = self.controller.answer(
                self.command, parts.path, parse_qsl(parts.query), json.loads(body or b"{}")
            )
        data = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = _do  # noqa: N815

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        """Be silent."""
