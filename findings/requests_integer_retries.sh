#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# An integer max_retries of requests repeats writes that were answered
#
# Versions: requests 2.31.0 with urllib3 1.26.20, requests 2.34.2 with urllib3 2.8.0
# Guessed: max_retries=2 is about connections that fail, as its documentation says, and repeats no answered request.
# Seen: GET, PUT and DELETE are sent again on 429, 503 and 413 that carry Retry-After, after as long as it asks for. A
#   POST, a 502, and an answer without Retry-After are not.
# Product: the session is made with max_retries=0, and all repeating is ours (plugins/module_utils/_http.py;
#   docs/faults.md, rules 2 to 4); test: requests counted for each method and status.

. "$(dirname "$0")/lib.sh"

cat >retries.py <<'END'
import http.server
import threading

import requests

seen = []


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        seen.append(self.command)
        _, status, *header = self.path.split("/")
        self.send_response(int(status) if len(seen) == 1 else 200)
        self.send_header("Content-Length", "0")
        if header == ["again"]:
            self.send_header("Retry-After", "0")
        self.end_headers()

    do_GET = do_PUT = do_DELETE = do_POST = answer

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
session = requests.Session()
session.mount("http://", requests.adapters.HTTPAdapter(max_retries=2))
for path in ("429/again", "503/again", "413/again", "502/again", "503"):
    sent = []
    for method in ("GET", "PUT", "DELETE", "POST"):
        seen.clear()
        session.request(method, f"http://127.0.0.1:{server.server_port}/{path}", timeout=10)
        sent.append(f"{method} {len(seen)}")
    print(*sent)
END

for row in '2.31.0 1.26.20' '2.34.2 2.8.0'; do
    read -r requests urllib3 <<<"$row"
    install "requests-$requests" "requests==$requests" "urllib3==$urllib3"
    "requests-$requests/bin/python" retries.py >seen
    line=0
    for answer in '429 with Retry-After' '503 with Retry-After' '413 with Retry-After' '502 with it' '503 without'; do
        line=$((line + 1))
        times=2
        [ "$line" -gt 3 ] && times=1
        expect "$requests, $answer, sent" "GET $times PUT $times DELETE $times POST 1" "$(sed -n "${line}p" seen)"
    done
done
