# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""As much of a controller's API as the modules of awx.awx need to set one up. It believes everything and keeps it."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

ITEM = re.compile(r"/api/v2/(?P<kind>\w+)/(?:(?P<id>\d+)/(?:(?P<part>\w+)/)?)?")
SECRET = "$encrypted$"


class Controller:
    """``objects`` are lists of dictionaries by their kind, as the API names it."""

    def __init__(self):
        self.objects = {}
        self.token = "a-token"
        handler = type("Handler", (_Handler,), {"controller": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = "http://127.0.0.1:%d" % self._server.server_address[1]

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
        url = "/api/v2/%s/%d/" % (kind, number)
        made = {
            "id": number,
            "url": url,
            "type": kind[:-1],
            "related": {"survey_spec": url + "survey_spec/"},
            "summary_fields": {},
            "scm_revision": "",
        }
        self.of(kind).append(dict(fields, **made))
        return self.of(kind)[-1]

    def answer(self, method, path, query, body):
        """The status and the body of an answer."""
        place = ITEM.fullmatch(path)
        if not place:
            return 200, {}
        kind, number, part = place["kind"], place["id"], place["part"]
        if number is None:
            if method == "POST":
                return 201, self._shown(self.add(kind, **body))
            found = [one for one in self.of(kind) if all(str(one.get(key)) == value for key, value in query)]
            return 200, {"count": len(found), "next": None, "results": [self._shown(one) for one in found]}
        item = next(one for one in self.of(kind) if one["id"] == int(number))
        if part is None:
            item.update(body if method == "PATCH" else {})
            return 200, self._shown(item)
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

    do_GET = do_POST = do_PATCH = _do

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        """Be silent."""
