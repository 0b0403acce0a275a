#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# requests takes an interim 102 or 103 for the answer, and calls it ok
#
# Versions: requests 2.31.0 with urllib3 1.26.20, requests 2.34.2 with urllib3 2.8.0
# Guessed: an interim answer (1xx) is passed over, and the final one is returned.
# Seen: 100 is passed over. 102 and 103 are returned as the answer, with ok true and an empty body, while the final
#   answer waits in the connection.
# Product: a status below 200 is no answer: a read is repeated, a write has an unknown fate, and the connection is
#   dropped (plugins/module_utils/_http_rules.py; docs/faults.md, rule 3); test: 102 and 103 before each answer.

. "$(dirname "$0")/lib.sh"

cat >interim.py <<'END'
import socket
import threading

import requests

FINAL = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nmoored"


def serve(listener, interim):
    connection = listener.accept()[0]
    connection.recv(65536)
    connection.sendall(f"HTTP/1.1 {interim} Interim\r\n\r\n{FINAL}".encode())
    connection.close()


for interim in (100, 102, 103):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener, interim), daemon=True).start()
        answer = requests.get(f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout=10)
        print(f"{interim}: {answer.status_code}, ok {answer.ok}, {answer.text!r}")
END

for row in '2.31.0 1.26.20' '2.34.2 2.8.0'; do
    read -r requests urllib3 <<<"$row"
    install "requests-$requests" "requests==$requests" "urllib3==$urllib3"
    "requests-$requests/bin/python" interim.py >seen
    expect "$requests, 100" "100: 200, ok True, 'moored'" "$(sed -n 1p seen)"
    expect "$requests, 102" "102: 102, ok True, ''" "$(sed -n 2p seen)"
    expect "$requests, 103" "103: 103, ok True, ''" "$(sed -n 3p seen)"
done
