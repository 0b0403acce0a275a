# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults at the wire, TLS, the start and the end of the process: over real HTTP."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from tests.sandbox.control import Sandbox, SandboxError

READY = "6639508f50523053f459d29f"


def read(sandbox, timeout=5):
    return sandbox.request("GET", f"/project/{sandbox.project_id}", timeout=timeout)


def ask(sandbox, timeout=5):
    body = {"retesting_window_start": "2027-03-23T00:00:00.000Z", "vulnerability_ids": [READY]}
    return sandbox.request("POST", f"/project/{sandbox.project_id}/retest/request", body, timeout=timeout)


def rounds(sandbox):
    return len(sandbox.books()["rounds"])


# The script


def test_times_skip_and_order(sandbox):
    sandbox.script(
        [
            {"fault": "status", "code": 503, "times": 2, "method": "GetProjectById"},
            {"fault": "status", "code": 429, "skip": 1, "headers": {"Retry-After": "7"}},
        ]
    )
    assert [read(sandbox)[0] for _read in range(5)] == [503, 503, 200, 429, 200]
    assert [(row["fired"], row["times"], row["skip"]) for row in sandbox.faults()] == [(2, 0, 0), (1, 0, 0)]
    assert [row["fault"] for row in sandbox.log()] == ["status", "status", None, "status", None]


@pytest.mark.parametrize("kind", ["close", "reset", "status", "garbage", "login_page"])
def test_before_and_after_the_commit(sandbox, kind):
    extra = {"code": 500} if kind == "status" else {}
    for when, expected in (("before", 1), ("after", 2)):
        sandbox.fault(kind, "RequestNewProjectRetest", when=when, **extra)
        try:
            ask(sandbox)
        except (OSError, http.client.HTTPException):
            assert kind in ("close", "reset")
        assert rounds(sandbox) == expected
        assert sandbox.writes()[-1]["committed"] == (when == "after")


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "meteor"},
        {"fault": "status"},
        {"fault": "status", "code": 99},
        {"fault": "hang", "minutes": 1},
        {"fault": "close", "times": 0},
        {"fault": "close", "skip": -1},
        {"fault": "slow", "when": "before"},
        {"fault": "close", "method": "GetEverything"},
        {"fault": "status", "code": 200, "body": "xml"},
        [],
        "close",
        {"fault": "status", "code": 200, "headers": {"X": "a\r\nb"}},
        {"fault": "echo_key", "where": "cookie"},
    ],
)
def test_wrong_faults(sandbox, fault):
    if fault == []:
        sandbox.script([])
    else:
        with pytest.raises(SandboxError):
            sandbox.script(fault)
    assert sandbox.faults() == []


# At the wire


def test_reset_and_close(sandbox):
    sandbox.fault("reset")
    with pytest.raises(ConnectionResetError):
        read(sandbox)
    sandbox.fault("close")
    with pytest.raises(http.client.RemoteDisconnected):
        read(sandbox)
    assert [row["status"] for row in sandbox.log()] == [None, None]


def test_hang(sandbox):
    sandbox.fault("hang")
    with pytest.raises(TimeoutError):
        read(sandbox, timeout=0.2)
    sandbox.fault("hang", seconds=0.2)
    with pytest.raises(http.client.RemoteDisconnected):
        read(sandbox)


def test_slow(sandbox):
    sandbox.fault("slow", seconds=0.5)
    begun = time.monotonic()
    assert read(sandbox)[1]["project"]["project_code"] == "WEBAPP"
    assert time.monotonic() - begun > 0.4


def test_late_commit(sandbox):
    sandbox.fault("late_commit", "RequestNewProjectRetest", seconds=0.5)
    with pytest.raises(TimeoutError):
        ask(sandbox, timeout=0.2)
    assert rounds(sandbox) == 1
    time.sleep(0.5)
    assert rounds(sandbox) == 2
    assert sandbox.writes()[0]["committed"]


def test_a_reset_forgets_late_commits(sandbox):
    sandbox.fault("late_commit", seconds=0.3)
    with pytest.raises(TimeoutError):
        ask(sandbox, timeout=0.1)
    sandbox.reset()
    time.sleep(0.4)
    assert rounds(sandbox) == 1


def test_refuse_at_once_and_after_a_request(sandbox):
    address = sandbox.url.rpartition("/")[2].split(":")
    sandbox.fault("refuse", seconds=0.4)
    time.sleep(0.15)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address[0], int(address[1])))
    time.sleep(0.4)
    sandbox.fault("refuse", "GetProjectById", seconds=0.4)
    idle = http.client.HTTPConnection(address[0], int(address[1]), timeout=5)
    idle.request("GET", "/api/ss/projects", headers={"X-SSAPI-KEY": sandbox.key})
    idle.getresponse().read()
    assert read(sandbox)[0] == 200
    with pytest.raises(urllib.error.URLError, match="refused"):
        ask(sandbox)
    # A pooled connection is of no use either.
    idle.auto_open = 0
    with pytest.raises((OSError, http.client.HTTPException)):
        idle.request("GET", "/api/ss/projects", headers={"X-SSAPI-KEY": sandbox.key})
        idle.getresponse().read()
    # The control API waits for the door to open.
    assert rounds(sandbox) == 1
    assert ask(sandbox)[0] == 200


def test_truncated(sandbox):
    for extra in ({}, {"bytes": 10}):
        sandbox.fault("truncated", **extra)
        with pytest.raises(http.client.IncompleteRead):
            read(sandbox)


def test_answers_that_are_not_what_was_asked_for(sandbox):
    sandbox.script(
        [
            {"fault": "garbage"},
            {"fault": "login_page"},
            {"fault": "redirect", "url": "http://example.com/", "code": 307},
            {"fault": "status", "code": 502, "body": "html"},
            {"fault": "status", "code": 500, "body": "empty"},
            {"fault": "status", "code": 204},
            {"fault": "status", "code": 418, "body": "text", "message": "short"},
            {"fault": "replace", "document": [1]},
            {"fault": "deep", "levels": 50_000},
            {"fault": "huge", "megabytes": 1},
        ]
    )
    answers = [read(sandbox) for _fault in range(10)]
    assert [code for code, _document in answers] == [200, 200, 307, 502, 500, 204, 418, 200, 200, 200]
    documents = [document for _code, document in answers]
    assert isinstance(documents[0], str) and "<form" in documents[1] and "<h1>" in documents[3]
    assert documents[4:8] == ["", "", "short", [1]]
    assert documents[8].count("[") == 50_000
    assert len(documents[9]["project"]["project_id"]) == 1024 * 1024


def test_wrong_type(sandbox):
    path = "project.project_retesting_history.0.retesting_round"
    sandbox.fault("wrong_type", path=path, value="x")
    assert read(sandbox)[1]["project"]["project_retesting_history"][0]["retesting_round"] == "x"
    sandbox.fault("wrong_type", path="project.project_retesting_history.*.retesting_round", remove=True)
    assert "retesting_round" not in read(sandbox)[1]["project"]["project_retesting_history"][0]
    sandbox.fault("wrong_type", path="project.nothing.here", value=1)
    read(sandbox)
    assert "is not in the answer" in sandbox.log()[-1]["note"]


def test_echo_key(sandbox):
    sandbox.script([{"fault": "echo_key", "where": where} for where in ("json", "html")])
    assert sandbox.key in read(sandbox)[1]["message"]
    assert sandbox.key in read(sandbox)[1]
    for where, header in (("header", "WWW-Authenticate"), ("urlencoded", "Location")):
        sandbox.fault("echo_key", where=where, code=401)
        request = urllib.request.Request(f"{sandbox.url}/api/ss/projects", headers={"X-SSAPI-KEY": sandbox.key})
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        with caught.value:
            assert sandbox.key in caught.value.headers[header]


# The process


def test_ends_at_once_while_requests_hang():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Sandbox() as sandbox:
            sandbox.script([{"fault": "hang"}, {"fault": "late_commit", "seconds": 60}])
            errors = []

            def hang(sandbox, errors):
                try:
                    read(sandbox, timeout=30)
                except (OSError, http.client.HTTPException) as error:
                    errors.append(error)

            threads = [threading.Thread(target=hang, args=(sandbox, errors)) for _thread in range(2)]
            for thread in threads:
                thread.start()
            while len(sandbox.log()) < 2:
                time.sleep(0.02)
            process = sandbox._process
            os.kill(sandbox.pid, number)
            # Long before any of the requests would end.
            assert process.wait(25) == 0
            for thread in threads:
                thread.join()
            assert len(errors) == 2


def test_ends_with_the_process_that_started_it(tmp_path):
    script = "from tests.sandbox.control import Sandbox; import os; s = Sandbox(); s.start(); print(s.pid, flush=True)"
    done = subprocess.run(
        [sys.executable, "-c", f"{script}; os._exit(0)"], stdout=subprocess.PIPE, timeout=20, check=True
    )
    pid = int(done.stdout)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            if file.read().rpartition(")")[2].split()[0] == "Z":
                return
        time.sleep(0.05)
    pytest.fail("the sandbox outlived its parent")


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", "tests.sandbox", *words], capture_output=True, text=True, timeout=20, check=False
    )


def test_errors_at_the_start(sandbox, tmp_path):
    port = sandbox.url.rpartition(":")[2]
    seed = tmp_path / "seed.yml"
    seed.write_text("keys: []\nprojects:\n  - {name: x, code: X, findings: [{title: a, priority: Severe}]}\n")
    for words, message in (
        (("--port", port), f"sandbox: port {port} is taken; choose another with --port"),
        (("--host", "0.0.0.0"), "not a loopback address"),
        (("--host", "192.168.1.1"), "not a loopback address"),
        (("--switch", "count=guessed"), "total, page, missing, too_high"),
        (("--switch", "wrapped"), "name=value"),
        (("--seed", str(tmp_path / "none.yml")), "No such file"),
        (("--seed", str(seed)), "seed.projects[0].findings[0].priority: 'Severe' is not one of Critical, High"),
        (("--cert", "x"), "--cert and --key belong together"),
    ):
        done = run(*words)
        assert done.returncode != 0 and message in done.stderr, done.stderr
        assert "Traceback" not in done.stderr


def test_lists_its_switches():
    done = run("--list-switches")
    assert done.returncode == 0 and "history_rows = per_round    (per_round, per_action)" in done.stdout


def test_terminal_output(tmp_path):
    ready = tmp_path / "ready.json"
    output = tmp_path / "output"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.sandbox", "--port", "0", "--ready-file", str(ready)], stdout=stream
        )
    try:
        while not ready.exists():
            assert process.poll() is None
            time.sleep(0.02)
        facts = json.loads(ready.read_text())
        assert set(facts) >= {"url", "key", "project_id", "pid", "ca"} and facts["pid"] == process.pid
        assert ready.stat().st_mode & 0o077 == 0
        for path in ("/api/ss/projects", "/api/ss/project/%1b%5b31m", f"/{facts['key']}"):
            request = urllib.request.Request(facts["url"] + path, headers={"X-SSAPI-KEY": facts["key"]})
            try:
                urllib.request.urlopen(request).close()
            except urllib.error.HTTPError as error:
                error.close()
    finally:
        process.terminate()
        assert process.wait(5) == 0
    banner, _blank, lines = output.read_text().partition("\n\n")
    assert facts["url"] in banner and facts["key"] in banner and READY in banner
    assert facts["key"] not in lines and "\x1b" not in lines
    assert "demo           GetProjects                    200  2 of 2 from 0" in lines


# TLS


def open_tls(sandbox, context):
    request = urllib.request.Request(f"{sandbox.url}/api/ss/projects", headers={"X-SSAPI-KEY": sandbox.key})
    with urllib.request.urlopen(request, context=context, timeout=5) as answer:
        return answer.status


def test_tls_with_a_private_ca():
    with Sandbox(tls=True, prefix="/tenant/one") as sandbox:
        assert sandbox.url.startswith("https://127.0.0.1:") and sandbox.url.endswith("/tenant/one")
        assert open_tls(sandbox, ssl.create_default_context(cafile=sandbox.ca)) == 200
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            open_tls(sandbox, ssl.create_default_context())
        sandbox.fault("close")
        with pytest.raises((OSError, http.client.HTTPException)):
            open_tls(sandbox, ssl.create_default_context(cafile=sandbox.ca))


@pytest.mark.parametrize(
    "broken, message", [("expired", "expired"), ("wrong_host", "IP address mismatch"), ("old_version", "SSL")]
)
def test_tls_that_is_broken(broken, message):
    with Sandbox(tls_broken=broken) as sandbox:
        with pytest.raises(urllib.error.URLError, match=message):
            open_tls(sandbox, ssl.create_default_context(cafile=sandbox.ca))
        # Tests can steer it all the same.
        assert sandbox.books()["code"] == "WEBAPP"
