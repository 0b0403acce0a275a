# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One HTTP exchange, against a server on bare sockets: what the network does, TLS, proxies, and the bounds."""

from __future__ import annotations

import contextlib
import datetime
import gzip
import ipaddress
import socket
import ssl
import subprocess
import threading
import time
import types
import warnings
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from urllib3.connectionpool import HTTPSConnectionPool

from ansible_collections.attackforge.retest.plugins.module_utils import _http as http_module
from ansible_collections.attackforge.retest.plugins.module_utils._errors import (
    FateUnknown,
    NotProcessed,
    Refused,
    SSAPIError,
)
from ansible_collections.attackforge.retest.tests.unit.wire import (
    KEY,
    PROJECT,
    Server,
    answer,
    client,
    clock,
    dribble,
    failure,
    free_port,
    raw,
    read,
    reset,
    silence,
    tunnel,
    write,
)

__all__ = ["clock"]


# What is sent where


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


# The network


def test_a_refused_connection_was_not_processed():
    port = free_port()
    error = failure(client(f"http://127.0.0.1:{port}"), write, NotProcessed)
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
        one = client(f"http://127.0.0.1:{door.getsockname()[1]}", timeout=0.3)
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
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:proxy-word@127.0.0.1:{port}")
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
        error = failure(client(server.url, timeout=0.3), write, FateUnknown)
    # The server itself would go on for ten seconds, and end it in another way.
    assert "no whole answer" in str(error) and "0.3 s" in str(error) and len(server.requests) == 1


def test_after_a_timeout_the_client_still_works():
    with Server(dribble(b"HTTP/1.1 200 OK\r\nX: "), answer(200, {"status": "ok"})) as server:
        one = client(server.url, timeout=0.3)
        failure(one, read, FateUnknown)
        assert read(one) == {"status": "ok"}


@pytest.mark.parametrize("call, kind", [(read, Refused), (write, FateUnknown)])
def test_an_encoded_answer_is_not_read(call, kind):
    packed = gzip.compress(b'{"status": "ok"}')
    with Server(answer(200, packed, [("Content-Encoding", "gzip")])) as server:
        error = failure(client(server.url), call, kind)
    assert "has the content encoding gzip, which was not asked for" in error.message
    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_every_read_asks_caches_for_a_fresh_answer():
    with Server() as server:
        read(client(server.url))
    assert server.requests[0].headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("call, kind", [(read, SSAPIError), (write, FateUnknown)])
def test_an_answer_that_is_too_large_is_not_read(monkeypatch, call, kind):
    monkeypatch.setattr(http_module, "MAX_ANSWER", 2**20)
    with Server(answer(200, b'{"a": "' + b"x" * 2**21 + b'"}')) as server:
        error = failure(client(server.url, retries=3), call, kind)
    assert "1 MiB" in str(error) and not isinstance(error, NotProcessed)
    assert len(server.requests) == 1


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
    (tmp_path / "ca.pem").write_bytes(Path(authority.path).read_bytes())
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
    adapter = client("https://tenant.example")._http._new_session().get_adapter("https://tenant.example")
    manager = types.SimpleNamespace(pool_classes_by_scheme={"https": type("Pool", (HTTPSConnectionPool,), {"own": 1})})
    http_module._guard(manager)
    guarded = manager.pool_classes_by_scheme["https"]
    http_module._guard(manager)
    assert manager.pool_classes_by_scheme["https"] is guarded and guarded.own == 1
    assert hasattr(adapter.poolmanager.pool_classes_by_scheme["https"], "unguarded")


def test_an_unforeseen_error_after_the_request_was_sent_is_fate_unknown(monkeypatch):
    with Server() as server:
        one = client(server.url)
        talk = one._http._exchange

        def stumble(*arguments):
            talk(*arguments)
            raise AttributeError("of a library")

        monkeypatch.setattr(one._http, "_exchange", stumble)
        error = failure(one, write, FateUnknown)
    assert "AttributeError occurred" in str(error) and "of a library" in str(error) and len(server.requests) == 1


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
    adapter = client("https://tenant.example")._http._new_session().get_adapter("https://tenant.example")
    context = adapter.poolmanager.connection_pool_kw["ssl_context"]
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_server_without_tls_was_not_processed():
    with Server(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        failure(client(server.url.replace("http:", "https:")), write, NotProcessed)


def test_tls_that_breaks_after_the_request_was_sent_is_fate_unknown(authority):
    def garbage(sock, _request):
        # Around the TLS layer: what comes is no TLS record.
        plain = sock.detach()
        with socket.socket(fileno=plain) as bare:
            bare.sendall(b"HTTP/1.1 200 OK\r\n\r\n{}" * 20)
            time.sleep(0.1)

    for call in (write, lambda one: one.cancel_round(PROJECT, 2)):
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
        error = failure(client(server.url.replace("http:", "https:"), timeout=0.3), write)
    assert "handshake operation timed out" in str(error)
