# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""So much of a controller as ansible-rulebook needs to launch a job template and to see its job end."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

TOKEN = "controller-token-of-a-test"
_TEMPLATE = {
    "id": 5,
    "type": "job_template",
    "name": "AttackForge release gate",
    "ask_limit_on_launch": False,
    "ask_labels_on_launch": False,
    "ask_inventory_on_launch": False,
    "ask_variables_on_launch": False,
    "summary_fields": {"organization": {"name": "Default"}},
    "related": {"launch": "/api/v2/job_templates/5/launch/"},
}
_JOB = {"id": 7, "type": "job", "status": "successful", "created": "2026-12-01T00:00:00Z", "artifacts": {}}
_ANSWERS = {
    "/api/v2/config/": {"version": "4.6.0"},
    "/api/v2/unified_job_templates/": {"count": 1, "next": None, "results": [_TEMPLATE]},
    "/api/v2/job_templates/5/launch/": {**_JOB, "url": "/api/v2/jobs/7/"},
    "/api/v2/jobs/": {"count": 1, "next": None, "results": [_JOB]},
}


class Controller:
    """A controller for as long as the context lasts. ``launched`` has the body of each launch."""

    def __enter__(self):
        self.launched = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.launched))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_exception):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(launched):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path = urlsplit(self.path).path
            known = path in _ANSWERS and self.headers["Authorization"] == "Bearer " + TOKEN
            content = json.dumps(_ANSWERS[path] if known else {}).encode()
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self):
            launched.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.do_GET()

        def log_message(self, *_arguments):
            pass

    return Handler
