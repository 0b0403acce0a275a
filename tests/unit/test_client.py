# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client, against a server on bare sockets: what each answer, or the lack of one, is taken for."""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import ipaddress
import json
import socket
import ssl
import threading
import time
import types
import warnings
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from ansible_collections.attackforge.retest.plugins.module_utils import client as client_module
from ansible_collections.attackforge.retest.plugins.module_utils import transport as transport_module
from ansible_collections.attackforge.retest.plugins.module_utils.client import Client
from ansible_collections.attackforge.retest.plugins.module_utils.errors import (
    AttackForgeError,
    FateUnknown,
    NotProcessed,
    Refused,
    SSAPIError,
    UnexpectedAnswer,
)
from ansible_collections.attackforge.retest.plugins.module_utils.schemas import Connection, history_rows
from ansible_collections.attackforge.retest.plugins.module_utils.transport import USER_AGENT
from ansible_collections.attackforge.retest.plugins.module_utils.vulnerabilities import Selection
from ansible_collections.attackforge.retest.tests.unit.wire import (
    Server,
    answer,
    dribble,
    free_port,
    raw,
    reply,
    reset,
    silence,
    tunnel,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from urllib3.connectionpool import HTTPSConnectionPool

KEY = 'k3y/with+odd=<signs>&"more"\'yet%41!'
PROJECT = "66333e1d110ab5acf8a4354e"
BODY = {"retesting_window_start": "2026-12-01T00:00:00.000Z", "vulnerability_ids": ["a" * 24]}
HTML = b"<html><head><title>Log in</title><style>p {}</style></head><body><p>Please log in</p></body></html>"


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Waiting between attempts costs nothing, and is written down."""
    slept = []
    monkeypatch.setattr(
        client_module, "time", types.SimpleNamespace(sleep=slept.append, monotonic=time.monotonic, time=time.time)
    )
    monkeypatch.setattr(client_module, "random", types.SimpleNamespace(uniform=lambda low, high: high))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return slept


def client(url, timeout=5.0, retries=0, validate_certs=True, ca_path=None, key=KEY):
    return Client(Connection(url, key, validate_certs, ca_path, timeout, retries))


def read(one):
    return one.get_project(PROJECT)


def write(one):
    return one.request_retest(PROJECT, BODY)


CALLS = [
    (read, "GetProjectById"),
    (write, "RequestNewProjectRetest"),
    (lambda one: one.cancel_round(PROJECT, 2), "CancelProjectRetestRound"),
    (lambda one: one.complete_round(PROJECT, 2), "CompleteProjectRetestRound"),
]
every_call = pytest.mark.parametrize("call, method", CALLS, ids=[method for _unused, method in CALLS])


def failure(one, call, kind=SSAPIError):
    with pytest.raises(kind) as caught:
        call(one)
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value.facts)
    return caught.value


# What is sent


def test_a_call_is_sent_as_the_service_documents_it():
    with Server(answer(200, {"status": "ok"})) as server:
        write(client(server.url + "/prefix"))
    (sent,) = server.requests
    assert (sent.verb, sent.target) == ("POST", f"/prefix/api/ss/project/{PROJECT}/retest/request")
    assert sent.headers["x-ssapi-key"] == KEY
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["user-agent"] == USER_AGENT
    assert json.loads(sent.body) == BODY
    assert "authorization" not in sent.headers and "cookie" not in sent.headers


@pytest.mark.parametrize(
    "call, verb, target",
    [
        (read, "GET", f"/api/ss/project/{PROJECT}"),
        (CALLS[2][0], "POST", f"/api/ss/project/{PROJECT}/retest/2/cancel"),
        (CALLS[3][0], "POST", f"/api/ss/project/{PROJECT}/retest/2/complete"),
    ],
)
def test_what_has_no_body_is_sent_without_one(call, verb, target):
    with Server() as server:
        call(client(server.url))
    assert [(one.verb, one.target, one.body) for one in server.requests] == [(verb, target, b"")]


def test_a_netrc_is_not_used(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with Server() as server:
        read(client(server.url))
    assert "authorization" not in server.requests[0].headers


def test_proxy_variables_are_not_used_over_loopback_http(monkeypatch):
    with Server() as proxy, Server() as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        read(client(server.url))
    assert proxy.connections == 0 and len(server.requests) == 1


def test_cookies_of_an_answer_are_no_way_for_the_key():
    with Server(answer(200, {}, [("Set-Cookie", "a=b")])) as server:
        one = client(server.url)
        read(one)
        read(one)
    assert all(sent.headers["x-ssapi-key"] == KEY for sent in server.requests)


# What an answer is taken for


@every_call
@pytest.mark.parametrize(
    "status, kind",
    [
        (400, Refused),
        (401, Refused),
        (403, Refused),
        (404, Refused),
        (405, Refused),
        (409, Refused),
        (422, Refused),
        (408, FateUnknown),
        (425, FateUnknown),
        (429, NotProcessed),
        (500, FateUnknown),
        (502, FateUnknown),
        (503, FateUnknown),
        (504, FateUnknown),
        (599, FateUnknown),
    ],
)
def test_each_status_has_its_meaning_and_the_words_are_kept(call, method, status, kind):
    with Server(answer(status, {"message": "Words of the service"})) as server:
        error = failure(client(server.url), call, kind)
    assert error.__class__ is kind
    assert (error.method, error.http_status, error.detail) == (method, status, "Words of the service")
    assert error.facts["error"] == {"method": method, "http_status": status, "detail": "Words of the service"}
    for text in (method, str(status), "Words of the service"):
        assert text in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_no_access_names_the_method_that_may_not_be_granted(status):
    with Server(answer(status, b"")) as server:
        error = failure(client(server.url), write, Refused)
    assert "RequestNewProjectRetest is not granted" in str(error) and "key is wrong" in str(error)


@pytest.mark.parametrize(
    "body, words",
    [
        ({"message": "m", "error": "e", "detail": "d", "status": "s"}, "m"),
        ({"error": "e", "detail": "d"}, "e"),
        ({"detail": "d", "status": "s"}, "d"),
        ({"status": "s"}, "s"),
        ({"error": {"message": "inner"}}, "inner"),
        ({"message": "", "status": " s "}, "s"),
        ("text in JSON", "text in JSON"),
        ({"message": ["no text"], "status": "s"}, "s"),
        ({"message": 5, "error": False, "status": "s"}, "s"),
        (b"plain text", "plain text"),
        (b"two\r\n  lines\x00\x1b[31m", "two lines [31m"),
        (b"", None),
        (HTML, "Log in Please log in"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ({"other": 1}, '{"other": 1}'),
    ],
)
def test_the_services_words_are_found(body, words):
    with Server(answer(400, body)) as server:
        assert failure(client(server.url), read, Refused).detail == words


def test_long_words_are_cut():
    with Server(answer(400, {"message": "word " * 1000})) as server:
        assert len(failure(client(server.url), read, Refused).detail) < 300


@pytest.mark.parametrize(
    "body",
    [b"<" * 60000, b"<script" * 9000, b"<a" * 30000, b"<script>" * 8000 + b"</style>", b"<style>" * 9000],
    ids=["brackets", "scripts", "tags", "mixed", "styles"],
)
def test_no_body_takes_long_to_be_told(body):
    with Server(answer(500, body)) as server:
        begun = time.monotonic()
        failure(client(server.url), read, FateUnknown)
        assert time.monotonic() - begun < 2


@every_call
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"OK",
        b"[]",
        b"null",
        b"17",
        b'"text"',
        b'{"status": "cut',
        b"\xff\x00garbage",
        HTML,
        b"[" * 100000 + b"]" * 100000,
        b'{"a":' * 100000 + b"1" + b"}" * 100000,
    ],
    ids=[
        "nothing",
        "blanks",
        "text",
        "list",
        "null",
        "number",
        "string",
        "cut",
        "bytes",
        "html",
        "deep list",
        "deep dict",
    ],
)
def test_a_2xx_without_a_json_object_is_fate_unknown(call, method, body):
    with Server(answer(200, body)) as server:
        error = failure(client(server.url), call, FateUnknown)
    assert (error.method, error.http_status) == (method, 200)
    assert len(server.requests) == 1


def test_a_refusal_that_has_nothing_to_do_with_project_id_is_told():
    def judge(request):
        return 400, {"message": "The finding is locked" if b"projectId" in request.body else "projectId is required"}

    with Server(reply(judge)) as server:
        error = failure(client(server.url), lambda one: one.update_vulnerability(PROJECT, "a" * 24, "Retest"))
    assert "The finding is locked" in str(error) and len(server.requests) == 2


def test_a_204_is_fate_unknown():
    with Server(raw(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")) as server:
        assert failure(client(server.url), write, FateUnknown).http_status == 204


def test_a_2xx_with_json_is_the_answer_whatever_its_content_type():
    with Server(answer(201, {"status": "ok"}, [("Content-Type", "text/html")])) as server:
        assert write(client(server.url)) == {"status": "ok"}


@every_call
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_not_followed(call, method, status):
    with Server() as elsewhere, Server() as server:
        server._script[:] = [answer(status, b"", [("Location", elsewhere.url + "/api/ss")])]
        error = failure(client(server.url), call, Refused)
        assert elsewhere.url in str(error) and error.http_status == status and error.method == method
        assert elsewhere.connections == 0 and len(server.requests) == 1


def test_a_redirect_to_nowhere_or_with_the_key_is_refused_too():
    for location in ([], [("Location", "/?key=" + KEY)], [("Location", "\xe9" * 9000)], [("Location", "http://[")]):
        with Server(answer(302, b"", location)) as server:
            assert len(str(failure(client(server.url), read, Refused))) < 600


# The network


def test_a_refused_connection_was_not_processed():
    port = free_port()
    error = failure(client("http://127.0.0.1:%d" % port), write, NotProcessed)
    assert str(port) in str(error) and error.http_status is None


def test_a_name_that_does_not_exist_was_not_processed():
    error = failure(client("https://tenant.invalid"), write, NotProcessed)
    assert "tenant.invalid" in str(error) and "base_url" in str(error)


def test_a_connection_that_does_not_come_about_was_not_processed():
    with socket.socket() as door, contextlib.ExitStack() as queue:
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        for _unused in range(4):  # more than may wait at the door; what comes then gets no answer
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(door.getsockname())
        one = client("http://%s:%d" % door.getsockname(), timeout=0.3)
        error = failure(one, write, NotProcessed)
    assert "no connection to" in str(error) and "0.3 s (timeout)" in str(error)


def test_a_name_server_that_answers_too_late_lets_nothing_be_sent(monkeypatch):
    resolved, resolve = threading.Event(), socket.getaddrinfo

    def slowly(*args, **kwargs):
        time.sleep(1.2)
        resolved.set()
        return resolve(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    with Server(answer()) as server:
        error = failure(client(server.url, timeout=0.3), write, FateUnknown)
        assert resolved.wait(5)
        time.sleep(0.2)
    assert "0.3 s (timeout)" in str(error) and server.requests == []


def test_proxy_variables_that_are_no_url_are_named(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http:///")
    assert "the proxy variables" in str(failure(client("https://tenant.invalid"), write, Refused))


def test_a_proxy_that_is_not_there_is_named_without_its_password(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", "http://user:proxy-word@127.0.0.1:%d" % port)
    error = failure(client("https://tenant.invalid"), write, NotProcessed)
    assert "the proxy gives no connection to tenant.invalid" in str(error) and "proxy-word" not in str(error)


def test_a_ca_bundle_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file")
    error = str(failure(client("https://tenant.invalid"), write, Refused))
    assert "/no/such/file" in error and "Check REQUESTS_CA_BUNDLE" in error


def test_what_is_no_failure_of_the_network_is_told_as_it_is(monkeypatch):
    monkeypatch.setattr(requests.Session, "request", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write(client("https://tenant.invalid"))


@pytest.mark.parametrize(
    "action",
    [
        reset(),
        reset(b"HTTP/1.1 200 OK\r\nContent-Le"),
        reset(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
        raw(),
        raw(b"HTTP/1.1 200 OK\r\n"),
        raw(b"SSH-2.0-OpenSSH_9\r\n"),
        raw(b"\x00\x01\x02\r\n\r\n"),
        raw(b"HTTP/1.1 abc\r\n\r\n"),
        answer(200, b'{"status": "ok"}', length=1000),
        raw(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":'),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"),
        answer(200, b"no gzip", [("Content-Encoding", "gzip")]),
        raw(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500 + b"\r\n{}"),
        raw(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100000 + b"\r\n\r\n{}"),
    ],
    ids=[
        "reset",
        "reset in the headers",
        "reset in the body",
        "closed",
        "closed in the headers",
        "ssh",
        "bytes",
        "bad status line",
        "short body",
        "cut chunk",
        "bad chunk",
        "bad gzip",
        "many headers",
        "long header",
    ],
)
@pytest.mark.parametrize("call", [read, write])
def test_what_broke_after_sending_is_fate_unknown_and_sent_once(action, call):
    with Server(action) as server:
        error = failure(client(server.url), call, FateUnknown)
    assert len(server.requests) == 1
    assert error.facts["error"]["method"] == error.method


@pytest.mark.parametrize(
    "action",
    [
        silence,
        dribble(b""),
        dribble(b"HTTP/1.1 200 OK\r\nX: "),
        dribble(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
        dribble(b"HTTP/1.1 200 OK\r\n\r\n{"),
    ],
    ids=["silence", "dribbled status line", "dribbled headers", "dribbled body", "dribbled body without length"],
)
def test_the_whole_answer_is_bounded_by_timeout(action):
    with Server(action) as server:
        begun = time.monotonic()
        error = failure(client(server.url, timeout=0.3), write, FateUnknown)
        assert time.monotonic() - begun < 3
    assert "0.3 s" in str(error) and len(server.requests) == 1


def test_after_a_timeout_the_client_still_works():
    with Server(dribble(b"HTTP/1.1 200 OK\r\nX: "), answer(200, {"status": "ok"})) as server:
        one = client(server.url, timeout=0.3)
        failure(one, read, FateUnknown)
        assert read(one) == {"status": "ok"}


@pytest.mark.parametrize("call, kind", [(read, SSAPIError), (write, FateUnknown)])
def test_an_answer_that_is_too_large_is_not_read(monkeypatch, call, kind):
    monkeypatch.setattr(transport_module, "MAX_ANSWER", 2**20)
    with Server(answer(200, b'{"a": "' + b"x" * 2**21 + b'"}')) as server:
        error = failure(client(server.url, retries=3), call, kind)
    assert "1 MiB" in str(error) and not isinstance(error, NotProcessed)
    assert len(server.requests) == 1


# What is sent again


@pytest.mark.parametrize(
    "actions", [[answer(429, b""), answer(503, b""), reset()], [raw(), answer(500, HTML), answer(200, HTML)]]
)
def test_a_read_is_sent_again_until_it_is_answered(actions, clock):
    with Server(*actions, answer(200, {"project": {}})) as server:
        assert read(client(server.url, retries=3)) == {"project": {}}
    assert len(server.requests) == 4 and clock == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_a_read_is_sent_retries_times_again(retries):
    with Server(answer(503, b"")) as server:
        failure(client(server.url, retries=retries), read, FateUnknown)
    assert len(server.requests) == retries + 1


def test_a_refusal_is_not_sent_again():
    with Server(answer(403, b"")) as server:
        failure(client(server.url, retries=4), read, Refused)
    assert len(server.requests) == 1


@pytest.mark.parametrize("action", [answer(429, b""), answer(503, b""), reset(), answer(200, HTML)])
@pytest.mark.parametrize("call", [write, CALLS[2][0], CALLS[3][0]])
def test_a_write_is_sent_once(action, call):
    with Server(action) as server:
        failure(client(server.url, retries=4), call)
    assert len(server.requests) == 1


def test_the_pauses_grow_to_eight_seconds(clock):
    with Server(answer(503, b"")) as server:
        failure(client(server.url, retries=7), read, FateUnknown)
    assert clock == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def http_date(**later):
    return email.utils.format_datetime(
        datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**later), usegmt=True
    )


@pytest.mark.parametrize(
    "asked, low, high",
    [
        ("7", 7, 7),
        ("1.5", 1.5, 1.5),
        ("99999", 60, 60),
        ("9" * 400, 60, 60),
        ({"hours": 1}, 60, 60),
        ({"seconds": 55}, 5, 55),  # a date so much later
        # Nonsense counts as nothing, and nothing makes the pause shorter than it would be.
        ("soon", 0.5, 0.5),
        ("-5", 0.5, 0.5),
        ("", 0.5, 0.5),
        ("nan", 0.5, 0.5),
        ("inf", 0.5, 0.5),
        ("1e9", 0.5, 0.5),
        ("Wed, 99 Foo 2026 99:99:99 GMT", 0.5, 0.5),
        ("0", 0.1, 0.5),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.1, 0.5),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured_within_bounds(clock, asked, low, high, status):
    asked = http_date(**asked) if isinstance(asked, dict) else asked
    with Server(answer(status, b"", [("Retry-After", asked)]), answer()) as server:
        read(client(server.url, retries=1))
    assert len(clock) == 1 and low <= clock[0] <= high


def test_a_glance_is_not_sent_again():
    with Server(answer(503, b"")) as server:
        one = client(server.url, retries=4)
        found, error = one.glance(lambda: read(one))
    assert found is None and isinstance(error, FateUnknown) and len(server.requests) == 1


# Pages


def record(number, **more):
    return dict(
        vulnerability_id=f"{number:024x}",
        vulnerability_title="Title %d" % number,
        vulnerability_status="Open",
        vulnerability_retest="Yes",
        **more,
    )


def pages(total, cap=500, count="total", q=True):
    """A service with so many findings; ``q``: True, 400, "ignored" or "never"."""
    records = [record(number) for number in range(total)]

    def page(request):
        asked = {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}
        found = records
        if "q" in asked:
            if isinstance(q, int) and q is not True:
                return q, {"message": "Unknown field"}
            if q is True:
                wanted = json.dumps(asked["q"])
                found = [one for one in records if one["vulnerability_id"] in wanted]
            elif q == "never":
                found = []
        skip, limit = int(asked["skip"]), min(int(asked["limit"]), cap)
        shown = found[skip : skip + limit]
        counts = {"total": len(found), "page": len(shown), "more": len(found) + 250, "less": 3, "text": str(len(found))}
        return dict({"vulnerabilities": shown}, **({} if count is None else {"count": counts[count]}))

    return reply(page)


def all_of(one):
    return [int(finding.id, 16) for finding in one.vulnerabilities(PROJECT)]


@pytest.mark.parametrize(
    "total, count, requests",
    [
        (0, "total", 1),
        (0, None, 1),
        (3, "total", 1),
        (3, "page", 1),
        (3, None, 2),
        (3, "text", 1),
        (3, "more", 2),
        (500, "total", 2),
        (500, None, 2),
        (501, "total", 2),
        (501, None, 2),
        (501, "page", 2),
        (1000, "total", 2),
        (1000, "page", 3),
        (1000, None, 3),
        (1200, "total", 3),
        (1200, "page", 3),
        (1200, None, 3),
        (1200, "less", 3),
        (1200, "more", 4),
    ],
)
def test_every_finding_is_read_once_with_few_requests(total, count, requests):
    with Server(pages(total, count=count)) as server:
        assert all_of(client(server.url)) == list(range(total))
    assert len(server.requests) == requests
    assert all("limit=500" in sent.target for sent in server.requests)


@pytest.mark.parametrize("total, cap, requests", [(250, 100, 3), (200, 100, 2), (100, 100, 1)])
def test_a_service_with_smaller_pages_is_read_to_the_end_by_its_count(total, cap, requests):
    with Server(pages(total, cap=cap)) as server:
        assert all_of(client(server.url)) == list(range(total))
    assert len(server.requests) == requests


@pytest.mark.parametrize("total, requests", [(250, 3), (200, 3), (100, 2), (1, 2)])
def test_without_a_count_smaller_pages_are_read_until_one_is_shorter_or_empty(total, requests):
    with Server(pages(total, cap=100, count=None)) as server:
        assert all_of(client(server.url)) == list(range(total))
    assert len(server.requests) == requests


def test_repeated_records_are_dropped():
    page = {"vulnerabilities": [record(1), record(1), record(2)], "count": 3}
    with Server(answer(200, page)) as server:
        assert all_of(client(server.url)) == [1, 2]


def test_a_service_that_sends_the_same_page_again_and_again_is_an_error():
    page = {"vulnerabilities": [record(number) for number in range(500)], "count": 1200}
    with Server(answer(200, page)) as server:
        assert "same page" in str(failure(client(server.url), all_of))
    assert len(server.requests) == 2


@pytest.mark.parametrize("total", [3, 500, 700])
def test_a_service_that_ignores_skip_but_has_sent_all_that_it_counts_is_read(total):
    page = {"vulnerabilities": [record(number) for number in range(total)], "count": total}
    with Server(answer(200, page)) as server:
        assert all_of(client(server.url)) == list(range(total))
    assert len(server.requests) <= 2


def test_a_short_page_that_comes_again_without_a_count_is_all_there_is():
    with Server(answer(200, {"vulnerabilities": [record(1), record(2)]})) as server:
        assert all_of(client(server.url)) == [1, 2]
    assert len(server.requests) == 2


def test_pages_without_end_are_bounded(monkeypatch):
    monkeypatch.setattr(client_module, "MAX_PAGES", 4)

    def page(request):
        skip = int(parse_qs(urlsplit(request.target).query)["skip"][0])
        return {"vulnerabilities": [record(skip + number) for number in range(500)]}

    with Server(reply(page)) as server:
        assert "4 pages" in str(failure(client(server.url), all_of))
    assert len(server.requests) == 4


# Findings by id


def found_by(one, *numbers):
    found = one.find_vulnerabilities(PROJECT, [f"{number:024x}" for number in numbers])
    assert all(finding.id == finding_id for finding_id, finding in found.items())
    return sorted(int(finding_id, 16) for finding_id in found)


def test_no_ids_are_no_request():
    with Server() as server:
        assert client(server.url).find_vulnerabilities(PROJECT, ()) == {}
    assert server.requests == []


def test_the_service_filters_the_ids():
    with Server(pages(1200)) as server:
        assert found_by(client(server.url), 3, 1100) == [3, 1100]
    (sent,) = server.requests
    query = json.loads(parse_qs(urlsplit(sent.target).query)["q"][0])
    assert query == {"id": {"$in": [f"{3:024x}", f"{1100:024x}"]}}


@pytest.mark.parametrize("q", [400, 422, "ignored", "never"])
def test_findings_are_found_whatever_becomes_of_the_query(q):
    with Server(pages(1200, q=q)) as server:
        assert found_by(client(server.url), 3, 1100) == [3, 1100]
    assert len(server.requests) <= 4


def test_a_finding_that_is_nowhere_is_left_out():
    with Server(pages(600)) as server:
        assert found_by(client(server.url), 3, 9000) == [3]
    assert len(server.requests) == 3


def test_many_ids_go_into_several_short_queries():
    with Server(pages(300)) as server:
        assert found_by(client(server.url), *range(120)) == list(range(120))
    assert 2 <= len(server.requests) <= 4
    assert all(len(sent.target) < 2000 for sent in server.requests)


def test_what_an_ignored_query_brought_is_not_asked_for_again():
    with Server(pages(300, q="ignored")) as server:
        assert found_by(client(server.url), *range(120)) == list(range(120))
    assert len(server.requests) == 1


def test_what_a_query_leaves_out_is_not_missing():
    def page(request):
        query = parse_qs(urlsplit(request.target).query).get("q", [""])[0]
        found = [] if "sla" in query else [record(1)]
        return {"vulnerabilities": found, "count": len(found)}

    wanted = Selection(ids=(f"{1:024x}", f"{2:024x}"), query="{ sla: { $eq: 1 } }")
    with Server(reply(page)) as server:
        assert client(server.url).select_vulnerabilities(PROJECT, wanted) == ([], [f"{2:024x}"])


@pytest.mark.parametrize(
    "alternate_ids, missing, requests",
    [(["WEB-1"], [], 1), (["web-1", "WEB-3"], [], 2), (["WEB-9"], ["WEB-9"], 3), (["WEB-9", "WEB-2"], ["WEB-9"], 3)],
)
def test_names_of_either_kind_are_missed(alternate_ids, missing, requests):
    records = [record(number, vulnerability_alternate_id="WEB-%d" % number) for number in (1, 2, 3)]

    def page(request):
        query = parse_qs(urlsplit(request.target).query).get("q", [None])[0]
        found = [
            one
            for one in records
            if query is None
            or one["vulnerability_id"] in query
            or one["vulnerability_alternate_id"].lower() in query.lower()
        ]
        return {"vulnerabilities": found, "count": len(found)}

    wanted = Selection(ids=(f"{1:024x}", f"{2:024x}"), alternate_ids=tuple(alternate_ids))
    with Server(reply(page)) as server:
        found, missed = client(server.url).select_vulnerabilities(PROJECT, wanted)
    assert [one.alternate_id for one in found] == [
        name for name in ("WEB-1", "WEB-2") if name.lower() in map(str.lower, alternate_ids)
    ]
    assert missed == missing and len(server.requests) == requests


def test_a_query_that_is_forbidden_is_an_error():
    with Server(pages(3, q=403)) as server:
        assert failure(client(server.url), lambda one: found_by(one, 1), Refused).http_status == 403


def test_a_read_that_fails_on_the_second_page_is_an_error():
    first = {"vulnerabilities": [record(number) for number in range(500)], "count": 700}
    with Server(answer(200, first), answer(403, b"")) as server:
        failure(client(server.url), all_of, Refused)


# The key


def echoes():
    import html as html_module
    from urllib.parse import quote, quote_plus

    return {
        "raw": KEY,
        "url": quote(KEY, safe=""),
        "form": quote_plus(KEY),
        "html": html_module.escape(KEY),
        "json": json.dumps(KEY)[1:-1],
    }


@pytest.mark.parametrize("kind", ["raw", "url", "form", "html", "json"])
@pytest.mark.parametrize("status", [200, 302, 400, 403, 429, 500])
@pytest.mark.parametrize("shape", ["message", "text", "html", "other key"])
def test_an_echoed_key_is_in_no_error(kind, status, shape):
    echo = echoes()[kind]
    body = {
        "message": json.dumps({"message": f"key {echo} is bad"}),
        "text": f"key {echo} is bad",
        "html": f"<p>key {echo} is bad</p>",
        "other key": json.dumps({"reason": f"key {echo} is bad"}),
    }[shape].encode("utf-8")
    body = b"[%s]" % body if status == 200 and shape in ("message", "other key") else body
    with Server(answer(status, body, [("Location", "/?" + echo)])) as server:
        error = failure(client(server.url), write)
    told = str(error) + repr(error.facts) + str(error.detail)
    assert echo not in told
    # Nor a part of it: tags are taken out of a text, not out of the key.
    assert "yet%41" not in told and "k3y/with" not in told


@pytest.mark.parametrize(
    "call", [lambda one: history_rows(read(one)), lambda one: one.find_vulnerabilities(PROJECT, ["a" * 24])]
)
@pytest.mark.parametrize(
    "body",
    [
        {"message": f"key {KEY} is bad"},
        {"status": KEY, "vulnerabilities": 5, "project": 5},
        {"vulnerabilities": [{"vulnerability_id": 5}], "detail": KEY, "project": {"project_retesting_history": KEY}},
        {
            "vulnerabilities": KEY,
            "project": {
                "project_retesting_history": [
                    {"retesting_round": 1, "retesting_round_status": "Requested", "retesting_window_start": KEY}
                ]
            },
        },
    ],
)
def test_an_echoed_key_is_in_no_unexpected_answer(call, body):
    with Server(answer(200, body)) as server:
        failure(client(server.url), call, UnexpectedAnswer)


def test_an_unexpected_answer_is_told_shortly():
    with Server(answer(200, {"message": "word " * 10000})) as server:
        assert len(str(failure(client(server.url), lambda one: one.find_vulnerabilities(PROJECT, ["a" * 24])))) < 1000


def test_words_of_an_answer_are_without_the_key():
    one = client("https://tenant.example")
    assert KEY not in one.words({"status": f"Done with {KEY}"})
    assert one.words({"status": "Done"}) == "Done"
    assert one.words({}) is None


# TLS


class Authority:
    """A private CA."""

    def __init__(self, folder):
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA of a test")])
        self._certificate = self._sign(
            self._name,
            self._key.public_key(),
            [
                (x509.BasicConstraints(ca=True, path_length=None), True),
                (x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), False),
                (x509.KeyUsage(False, False, False, False, False, True, True, False, False), True),
            ],
        )
        self.path = str(folder / "ca.pem")
        (folder / "ca.pem").write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, name, public_key, extensions, days=(-30, 30)):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self._name).public_key(public_key)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now + datetime.timedelta(days[0]))
        builder = builder.not_valid_after(now + datetime.timedelta(days[1]))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._key, hashes.SHA256())

    def context(self, *names, days=(-1, 30)):
        """A server's context with a certificate for these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = self._sign(
            x509.Name([]),
            key.public_key(),
            [
                (x509.SubjectAlternativeName(list(names)), True),
                (authority, False),
                (x509.BasicConstraints(ca=False, path_length=None), True),
            ],
            days,
        )
        path = self._folder / (f"{certificate.serial_number:x}.pem")
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(path))
        return context


LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


def test_a_private_ca_works_with_ca_path(authority):
    with Server(answer(200, {"status": "ok"}), tls=authority.context(LOOPBACK)) as server:
        assert write(client(server.url, ca_path=authority.path)) == {"status": "ok"}
    assert server.requests[0].headers["x-ssapi-key"] == KEY


def test_ca_path_may_be_a_folder(authority, tmp_path):
    import subprocess

    (tmp_path / "ca.pem").write_bytes(open(authority.path, "rb").read())
    try:
        subprocess.run(["openssl", "rehash", str(tmp_path)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("there is no openssl rehash here")
    with Server(tls=authority.context(LOOPBACK)) as server:
        assert read(client(server.url, ca_path=str(tmp_path))) == {}


def test_validate_certs_false_asks_for_no_ca_and_does_not_warn(authority):
    with warnings.catch_warnings(record=True) as caught:
        with Server(tls=authority.context(x509.DNSName("other.example"))) as server:
            assert read(client(server.url, validate_certs=False)) == {}
    assert not [one for one in caught if "Unverified" in str(one.message)]


@pytest.mark.parametrize(
    "names, days, ca, words",
    [
        ([LOOPBACK], (-1, 30), False, "ca_path"),
        ([x509.DNSName("other.example")], (-1, 30), True, "base_url"),
        ([x509.IPAddress(ipaddress.ip_address("127.0.0.2"))], (-1, 30), True, "base_url"),
        ([LOOPBACK], (-20, -1), True, "expired"),
    ],
)
def test_a_bad_certificate_is_refused_with_the_remedy_and_nothing_is_sent(authority, names, days, ca, words):
    with Server(tls=authority.context(*names, days=days)) as server:
        error = failure(client(server.url, retries=3, ca_path=authority.path if ca else None), read, Refused)
    assert words in str(error) and "certificate" in str(error)
    assert server.requests == [] and server.connections == 1


@pytest.mark.parametrize("end", [raw(), reset(), reset(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), silence])
def test_what_breaks_behind_a_proxy_after_the_request_was_sent_is_fate_unknown(authority, monkeypatch, end):
    with Server(tunnel) as proxy, Server(end, tls=authority.context(LOOPBACK)) as server:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        error = failure(client(server.url, ca_path=authority.path, timeout=0.5), write, FateUnknown)
    assert len(server.requests) == len(proxy.requests) == 1 and "proxy" not in str(error)


def test_a_proxy_with_tls_works(authority, monkeypatch):
    context = authority.context(LOOPBACK)
    with Server(tunnel, tls=context) as proxy, Server(tls=context) as server:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert write(client(server.url, ca_path=authority.path)) == {}
    assert len(server.requests) == len(proxy.requests) == 1


def test_the_pools_of_a_proxy_are_its_own_and_guarded_once():
    """A proxy's manager is given again for each request, and that for SOCKS has pools of its own."""
    adapter = client("https://tenant.example")._transport._new_session().get_adapter("https://tenant.example")
    manager = types.SimpleNamespace(pool_classes_by_scheme={"https": type("Pool", (HTTPSConnectionPool,), {"own": 1})})
    transport_module._guard(manager)
    guarded = manager.pool_classes_by_scheme["https"]
    transport_module._guard(manager)
    assert manager.pool_classes_by_scheme["https"] is guarded and guarded.own == 1
    assert hasattr(adapter.poolmanager.pool_classes_by_scheme["https"], "unguarded")


def test_an_unforeseen_error_after_the_request_was_sent_is_fate_unknown(monkeypatch):
    with Server() as server:
        one = client(server.url)
        talk = one._transport._talk

        def stumble(*arguments):
            talk(*arguments)
            raise AttributeError("of a library")

        monkeypatch.setattr(one._transport, "_talk", stumble)
        error = failure(one, write, FateUnknown)
    assert "AttributeError came up" in str(error) and "of a library" in str(error) and len(server.requests) == 1


@pytest.mark.parametrize("line", [b"HTTP/1.1 102 Processing", b"HTTP/1.1 103 Early Hints", b"HTTP/1.1 101 Switching"])
def test_an_answer_that_is_none_yet_is_fate_unknown_and_its_connection_is_left(line):
    with Server(raw(line + b"\r\n\r\n"), answer(200, {"status": "of another request"})) as server:
        one = client(server.url)
        assert failure(one, write, FateUnknown).facts["error"]["http_status"] == int(line[9:12])
        assert read(one) == {"status": "of another request"}
    assert server.connections == 2


@pytest.mark.parametrize("end", [answer(502), raw(), reset()])
def test_a_proxy_that_makes_no_tunnel_was_not_processed(monkeypatch, end):
    with Server(end) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        error = failure(client("https://tenant.invalid"), write, NotProcessed)
    assert "no connection to tenant.invalid" in str(error)


def test_a_certificate_behind_a_proxy_is_looked_at(authority, monkeypatch):
    with Server(tunnel) as proxy, Server(tls=authority.context(LOOPBACK)) as server:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert "not trusted" in str(failure(client(server.url), write, Refused))
        assert write(client(server.url, ca_path=authority.path)) == {}
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "end, words",
    [
        (raw(), "Remote end closed connection without response"),
        (reset(), "Connection reset by peer"),
        (silence, "timed out"),
    ],
)
def test_what_broke_is_told_as_the_network_said_it(end, words):
    with Server(end) as server:
        error = failure(client(server.url, timeout=0.3), write, FateUnknown)
    assert words in error.facts["error"]["detail"]


def test_a_server_with_tls_1_1_only_gets_nothing(authority):
    context = authority.context(LOOPBACK)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with Server(tls=context) as server:
        error = failure(client(server.url, ca_path=authority.path), write, NotProcessed)
    assert "TLS" in str(error) and server.requests == []


def test_the_client_itself_asks_for_tls_1_2_or_newer():
    adapter = client("https://tenant.example")._transport._new_session().get_adapter("https://tenant.example")
    context = adapter.poolmanager.connection_pool_kw["ssl_context"]
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_server_without_tls_was_not_processed():
    with Server(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        failure(client(server.url.replace("http:", "https:")), write, NotProcessed)


def test_tls_that_breaks_after_the_request_was_sent_is_fate_unknown(authority):
    def garbage(sock, _request):
        # Around the TLS layer: what comes is no TLS record.
        plain = sock.detach()
        import socket as socket_module

        with socket_module.socket(fileno=plain) as bare:
            bare.sendall(b"HTTP/1.1 200 OK\r\n\r\n{}" * 20)
            time.sleep(0.1)

    for call in (write, CALLS[2][0]):
        with Server(garbage, tls=authority.context(LOOPBACK)) as server:
            failure(client(server.url, ca_path=authority.path), call, FateUnknown)
        assert len(server.requests) == 1


def test_a_ca_path_without_a_certificate_is_named(authority, tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate\n")
    with Server(tls=authority.context(LOOPBACK)) as server:
        error = failure(client(server.url, ca_path=str(empty), retries=3), read)
    assert "ca_path" in str(error) and server.requests == []


def test_a_handshake_that_hangs_is_bounded_by_timeout():
    with Server(silence) as server:
        begun = time.monotonic()
        failure(client(server.url.replace("http:", "https:"), timeout=0.3), write)
        assert time.monotonic() - begun < 3


# The search


def test_look_stops_at_timeout_and_returns_the_last_error(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(
        client_module,
        "time",
        types.SimpleNamespace(
            monotonic=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds), time=time.time
        ),
    )
    looks = []

    def sight():
        looks.append(now[0])
        raise FateUnknown("lost", method="GetProjectById")

    found, error = client("https://tenant.example", timeout=20.0).look(sight)
    assert found is None and error.message == "lost"
    assert 4 < len(looks) < 12 and looks[-1] <= 20


def test_look_returns_what_is_seen():
    seen = iter([None, None, "round"])
    assert client("https://tenant.example").look(lambda: next(seen)) == ("round", None)


def test_look_lets_other_errors_through():
    def sight():
        raise AttackForgeError("a defect")

    with pytest.raises(AttackForgeError, match="a defect"):
        client("https://tenant.example").look(sight)


def test_no_thread_is_left_after_an_ordinary_call():
    with Server() as server:
        one = client(server.url)
        before = threading.active_count()
        read(one)
        for _unused in range(100):
            if threading.active_count() <= before:
                break
            time.sleep(0.02)
        assert threading.active_count() <= before


# What an answer may hold that no result can


@pytest.mark.parametrize(
    "text, told",
    [('"cut \\ud83d"', "cut ?"), ('"\\udc00\\ud800 both"', "?? both"), ('"whole \\ud83d\\ude00"', "whole \U0001f600")],
)
def test_half_a_character_is_replaced(text, told):
    body = b'{"status": %s, "more": [{%s: %s}]}' % ((text.encode("ascii"),) * 3)
    with Server(answer(200, body)) as server:
        assert write(client(server.url)) == {"status": told, "more": [{told: told}]}


@pytest.mark.parametrize("depth", [90, 500, 900])  # how much deeper Python itself reads depends on its version
def test_words_that_are_nested_deeply_are_no_reason_to_stumble(depth):
    body = b'{"message": %s"x"%s, "status": "ok"}' % (b"[" * depth, b"]" * depth)
    with Server(answer(200, body)) as server:
        assert write(client(server.url))["status"] == "ok"


@pytest.mark.parametrize("fill", range(0, 40, 3))
def test_a_body_that_is_cut_within_the_key_does_not_tell_its_first_half(fill):
    key = "0123456789abcdefghijklmnopqrstuvwxyz"
    body = b"<" + key.encode() * 454 + b"x" * fill + b">" + key.encode() * 9
    with Server(answer(400, body)) as server:
        one = client(server.url, key=key)
        assert "0123456789" not in str(failure(one, write, Refused))


def test_a_refusal_before_a_lost_answer_is_told_too():
    with Server(answer(400, {"message": "the note is too long"}), answer(500, {"message": "oh"})) as server:
        error = failure(
            client(server.url), lambda one: one.update_vulnerability(PROJECT, "a" * 24, "Retest"), FateUnknown
        )
    assert "HTTP 500: oh" in error.message and "the note is too long" in error.message and len(server.requests) == 2
