# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The key goes to the service and nowhere else: to no output, no file, no other host, no list of processes."""

from __future__ import annotations

import contextlib
import html
import json
import re
import socket
import threading
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import yaml

from tests.integration.calls import Calls
from tests.integration.plays import ROOT, Plays, steer, task
from tests.sandbox.control import Sandbox

PROJECT = "66333e1d110ab5acf8a4354e"
WEBAPP_1 = "6639508f50523053f459d29f"
CORE = "Zq7XcoreX7qZ"  # letters that no spelling of the key changes
KEY = f"a/b+c=&\"{CORE}<'%2F\\u0041#{{{{x"
SEED = yaml.safe_load((ROOT / "tests/sandbox/demo.yml").read_text(encoding="utf-8"))
SEED["keys"].insert(0, {"label": "odd", "key": KEY})
REQUEST = dict(
    project_id=PROJECT, vulnerability_ids=[WEBAPP_1], retesting_window_start="2030-12-01", timeout=2, retries=0
)
INFO = dict(project_id=PROJECT, timeout=2, retries=0)
OPTION = {"api_key": "{{ lookup('env', 'ODD_KEY') }}"}
PLACES = ("json", "html", "header", "urlencoded")


def echoes():
    """Every place and code in which a service could give the key back."""
    for source, options in (("environment", {}), ("option", OPTION)):
        yield task(f"{source}: preview", "retest", **REQUEST, **options) | {"check_mode": True, "diff": True}
        for place in PLACES:
            for code in (200, 301, 400, 401, 500):
                case = f"{source}, {place}, {int(code)}"
                yield steer(
                    case,
                    clear_faults=True,
                    faults=[dict(fault="echo_key", where=place, code=code, method="GetProjectById")],
                )
                yield task(f"{case}: read", "retest_info", **INFO, **options)
            case = f"{source}, {place}"
            yield steer(
                case,
                clear_faults=True,
                faults=[dict(fault="echo_key", where=place, method="RequestNewProjectRetest", code=422)],
            )
            yield task(f"{case}: write", "retest", **REQUEST, **options)
            yield steer(
                f"{case} unseen",
                clear_faults=True,
                faults=[dict(fault="echo_key", where=place, method="RequestNewProjectRetest", code=200)],
            )
            yield task(f"{case}: unseen", "retest", preflight=False, **REQUEST, **options)
        for depth in (170, 190, 205, 8180, 16370):  # where texts are cut
            yield steer(
                f"{source} {int(depth)}",
                clear_faults=True,
                faults=[
                    dict(
                        fault="status",
                        code=400,
                        body="text",
                        message="x" * depth + "@ODD_KEY@",
                        method="GetProjectById",
                    )
                ],
            )
            yield task(f"{source}: cut at {int(depth)}", "retest_info", **INFO, **options)
        yield steer(
            f"{source} values",
            clear_faults=True,
            faults=[
                dict(
                    fault="wrong_type",
                    method="GetProjectVulnerabilitiesById",
                    path="vulnerabilities.0." + name,
                    value="@ODD_KEY@",
                    times=1,
                )
                for name in ("vulnerability_title", "vulnerability_status")
            ],
        )
        yield task(f"{source}: a title", "vulnerability_info", include_details=True, **INFO, **options)
        yield task(f"{source}: a status", "vulnerability_info", **INFO, **options)
        yield steer(
            f"{source} answers",
            clear_faults=True,
            faults=[
                dict(
                    fault="wrong_type",
                    method="GetProjectById",
                    path="project.project_retesting_history.0." + name,
                    value="@ODD_KEY@",
                    times=1,
                )
                for name in ("retesting_round", "retesting_round_status", "retesting_window_start")
            ],
        )
        for name in ("round", "status", "start"):
            yield task(f"{source}: a {name}", "retest_info", **INFO, **options)
        yield steer(f"{source} down", clear_faults=True, faults=[dict(fault="reset", method="GetProjectById")])
        yield task(f"{source}: reset", "retest_info", **INFO, **options)
        yield task(f"{source}: works", "retest_info", **INFO, **options)


@pytest.fixture(scope="module", name="runs", params=["process", "module", "play", "play of modules"])
def fixture_runs(request, tmp_path_factory):
    """Every echo without a play; in plays, whose output is looked at too, a few: the code is the same."""
    folder = tmp_path_factory.mktemp("runs")
    with Sandbox(seed=SEED) as sandbox:
        if not request.param.startswith("play"):
            tasks = json.loads(json.dumps(list(echoes())).replace("@ODD_KEY@", json.dumps(KEY)[1:-1]))
            for one in tasks:
                for options in one.values():
                    if isinstance(options, dict) and "api_key" in options:
                        options["api_key"] = KEY
            return Calls(sandbox, request.param).ok(tasks), folder, sandbox.log()
        few = re.compile("start|preview|works|environment, (json|urlencoded), (200|301|400)|option, html, 500")
        tasks = [one for one in echoes() if few.match(one["name"]) or few.search(one["name"].partition(": ")[2])]
        mode = "process" if request.param == "play" else "module"
        environment = {"ODD_KEY": KEY, "ATTACKFORGE_API_KEY": KEY}
        run = Plays(folder, sandbox, mode).ok(tasks, "-vvvv", environment=environment)
        return run, folder, sandbox.log()


def test_the_key_works_whatever_characters_it_has(runs):
    for source in ("environment", "option"):
        assert runs[0].outcome(f"{source}: works") == "ok", runs[0].result(f"{source}: works")
    assert {row["key"] for row in runs[2]} == {"odd"}


def test_the_key_is_in_no_output_and_no_result(runs):
    run = runs[0]
    assert [line for line in run.output.splitlines() if CORE.lower() in line.lower()] == []
    assert [line for line in run.lines if CORE.lower() in str(line).lower()] == []
    assert "Traceback" not in run.output and "should not have happened" not in run.output


SPELLINGS = {
    "lower": KEY.lower(),
    "upper": KEY.upper(),
    "URL in URL": quote(quote(KEY, safe=""), safe=""),
    "HTML in HTML": html.escape(html.escape(KEY)),
    "JSON in JSON": json.dumps(json.dumps(KEY)),
    "URL in HTML in JSON": json.dumps(html.escape(quote(KEY))),
}


@pytest.mark.parametrize("mode", ["process", "module"])
def test_the_key_is_masked_however_it_is_spelled(mode):
    with Sandbox(seed=SEED) as sandbox:
        for name, spelled in SPELLINGS.items():
            for fault in (
                dict(fault="status", code=400, body="text", message=f"Key {spelled} is wrong."),
                dict(
                    fault="wrong_type", path="project.project_retesting_history.0.retesting_round_status", value=spelled
                ),
            ):
                sandbox.script([dict(fault, method="GetProjectById", times=1)])
                result = Calls(sandbox, mode).call("retest_info", **INFO)
                assert "****" in str(result), name
                assert CORE.lower() not in str(result).lower(), name
                sandbox.clear_faults()


def test_the_key_is_in_no_file_that_is_left(runs):
    left = [path for path in runs[1].rglob("*") if path.is_file()]
    assert [path for path in left if CORE.encode() in path.read_bytes()] == []


def test_the_key_goes_in_its_header_alone(runs):
    assert all(row["key_header"] and not row["key_elsewhere"] for row in runs[2])


class Listener:
    """Counts what comes to a port, and answers nothing. As a proxy it passes CONNECT on."""

    def __init__(self, passes_on=False):
        self._server = socket.create_server(("127.0.0.1", 0))
        self._passes_on = passes_on
        self.url = f"http://127.0.0.1:{int(self._server.getsockname()[1])}"
        self.connections = 0
        self.seen = b""

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_exception):
        self._server.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                here = self._server.accept()[0]
                self.connections += 1
                threading.Thread(target=self._serve, args=(here,), daemon=True).start()

    def _serve(self, here):
        with contextlib.suppress(OSError), here:
            head = b""
            while b"\r\n\r\n" not in head:
                data = here.recv(65536)
                if not data:
                    return
                head += data
                self.seen += data
            if not self._passes_on:
                return
            host, _colon, port = head.split()[1].decode().rpartition(":")
            there = socket.create_connection((host, int(port)))
            here.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=self._pump, args=(there, here, False), daemon=True)
            back.start()
            self._pump(here, there, True)
            back.join(10)

    def _pump(self, source, target, keep):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if keep:
                    self.seen += data
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def test_a_redirect_is_refused_and_nothing_arrives_there(calls, sandbox):
    with Listener() as elsewhere:
        tasks = []
        for code in (301, 302, 303, 307, 308):
            for method in ("GetProjectById", "RequestNewProjectRetest"):
                tasks.append(
                    steer(
                        "to",
                        clear_faults=True,
                        faults=[dict(fault="redirect", url=elsewhere.url + "/api/ss/", code=code, method=method)],
                    )
                )
                tasks.append(task(f"{code} {method}", "retest", **REQUEST))
        run = calls.ok(tasks)
        assert elsewhere.connections == 0
    for code in (301, 302, 303, 307, 308):
        for method in ("GetProjectById", "RequestNewProjectRetest"):
            name = f"{int(code)} {method}"
            assert run.outcome(name) == "failed" and "redirect" in run.result(name)["msg"]
            assert run.result(name)["error"]["http_status"] == code
    assert sandbox.books()["open_rounds"] == []


def test_clear_text_is_refused_off_loopback_and_nothing_is_sent_even_by_a_proxy(plays):
    with Listener() as proxy:
        run = plays.ok(
            [task("task", "retest_info", base_url="http://tenant.attackforge.com", **INFO)],
            environment={"HTTP_PROXY": proxy.url, "http_proxy": proxy.url, "ALL_PROXY": proxy.url},
        )
        assert proxy.connections == 0
    assert run.outcome("task") == "failed" and "clear text" in run.result("task")["msg"]


def test_a_proxy_is_not_asked_for_a_loopback_in_clear_text(plays, sandbox):
    with Listener() as proxy:
        plays.ok(
            [task("task", "retest_info", **INFO)],
            environment={"HTTP_PROXY": proxy.url, "http_proxy": proxy.url, "ALL_PROXY": proxy.url},
        )
        assert proxy.connections == 0
    assert sandbox.log()


def test_a_netrc_is_not_used(tmp_path, anywhere, sandbox):
    (tmp_path / ".netrc").write_text(
        "machine 127.0.0.1 login someone password netrc-word\ndefault login a password b\n", encoding="utf-8"
    )
    (tmp_path / ".netrc").chmod(0o600)
    with Sandbox(tls=True) as secure:
        done = anywhere.ok(
            [
                task("clear", "retest_info", **INFO),
                task("secure", "retest_info", base_url=secure.url, ca_path=secure.ca, **INFO),
            ],
            environment={"NETRC": tmp_path / ".netrc"},
        )
        assert [done.outcome(name) for name in ("clear", "secure")] == ["ok", "ok"]
        log = sandbox.log() + secure.log()
    assert len(log) == 2
    assert not [row for row in log if "authorization" in map(str.lower, row["header_names"])]


def test_https_goes_by_a_proxy_that_does_not_see_the_key(tmp_path):
    with Sandbox(tls=True) as secure, Listener(passes_on=True) as proxy:
        for mode in ("process", "module"):
            (tmp_path / mode).mkdir()
            before = proxy.connections
            run = Plays(tmp_path / mode, secure, mode).ok(
                [task("task", "retest", ca_path=secure.ca, **REQUEST)],
                environment={"HTTPS_PROXY": proxy.url, "https_proxy": proxy.url},
            )
            assert run.outcome("task") in ("changed", "ok"), run.result("task")
            assert proxy.connections > before
        assert secure.books()["open_rounds"] == [2]
        assert b"CONNECT" in proxy.seen and secure.key.encode() not in proxy.seen and b"SSAPI" not in proxy.seen
        spared = proxy.connections
        run = Plays(tmp_path, secure).ok(
            [task("task", "retest_info", ca_path=secure.ca, **INFO)],
            environment={"HTTPS_PROXY": proxy.url, "NO_PROXY": urlsplit(secure.url).hostname},
        )
        assert run.outcome("task") == "ok" and proxy.connections == spared


def test_behind_a_proxy_too_a_request_whose_answer_is_lost_is_sent_once(tmp_path):
    options = {**REQUEST, "retries": 2}
    with Sandbox(tls=True) as secure, Listener(passes_on=True) as proxy:
        plays = Plays(tmp_path, secure)

        def run(when, **more):
            secure.clear_log()
            done = plays.ok(
                [
                    steer(
                        "lose", reset=True, faults=[dict(fault="reset", when=when, method="RequestNewProjectRetest")]
                    ),
                    task("task", "retest", ca_path=secure.ca, **options, **more),
                ],
                environment={"HTTPS_PROXY": proxy.url},
            )
            assert [row["method"] for row in secure.log()].count("RequestNewProjectRetest") == 1
            return done

        after = run("after")
        assert after.outcome("task") == "changed" and "was lost" in after.result("task")["warnings"][0]
        assert secure.books()["open_rounds"] == [2]
        for when, more in (("before", {}), ("before", {"preflight": False}), ("after", {"preflight": False})):
            lost = run(when, **more)
            assert lost.outcome("task") == "failed" and lost.result("task")["fate"] == "unknown"
            assert "broke before an answer was there" in lost.result("task")["msg"]
        assert proxy.connections > 0


def test_a_proxy_that_is_not_there_is_named_and_the_key_is_not(plays):
    with Sandbox(tls=True) as secure:
        run = plays.ok(
            [task("task", "retest_info", base_url=secure.url, ca_path=secure.ca, **INFO)],
            environment={"HTTPS_PROXY": "http://user:proxy-word@127.0.0.1:9"},
        )
        assert secure.log() == []
    assert run.outcome("task") == "failed" and "proxy" in run.result("task")["msg"]
    assert "proxy-word" not in run.output


def test_requests_ca_bundle_is_used_and_ca_path_comes_before_it(tmp_path):
    with Sandbox(tls=True) as secure, Sandbox(tls=True) as other:
        runs = Plays(tmp_path, secure).both(
            [
                task("bundle", "retest_info", **INFO),
                task("own", "retest_info", ca_path=secure.ca, **INFO),
                task("other", "retest_info", ca_path=other.ca, **INFO),
            ],
            environment={"REQUESTS_CA_BUNDLE": secure.ca},
        )
        for run in runs.values():
            assert [run.outcome(name) for name in ("bundle", "own", "other")] == ["ok", "ok", "failed"]
            assert "not trusted" in run.result("other")["msg"]


@pytest.mark.every_core
@pytest.mark.parametrize("mode", ["process", "module"])
def test_the_key_is_in_no_list_of_processes_and_in_process_no_file_is_made_for_it(tmp_path, sandbox, mode):
    sandbox.reset(seed=SEED)
    sandbox.fault("hang", "GetProjectById", seconds=20)
    wait = Plays(tmp_path, sandbox, mode).start(
        [task("task", "retest_info", **{**INFO, **OPTION, "timeout": 3})],
        environment={"ODD_KEY": KEY, "ATTACKFORGE_API_KEY": None},
    )
    deadline = time.monotonic() + 60
    while not sandbox.log() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert sandbox.log(), "the task did not come to its request"
    processes = []  # while the request hangs
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            processes.append(path.read_bytes())
    files = [path for path in (tmp_path / "remote-tmp").rglob("*") if path.is_file()]
    written = [path for path in tmp_path.rglob("*") if path.is_file() and CORE.encode() in path.read_bytes()]
    run = wait()
    assert run.outcome("task") == "failed"
    assert any(b"ansible-playbook" in line for line in processes)
    assert not [line for line in processes if CORE.encode() in line]
    assert bool(files) == (mode == "module")
    assert mode == "module" or written == []
    assert CORE not in run.output
