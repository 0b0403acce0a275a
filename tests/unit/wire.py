# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small scripted HTTP server on loopback, on bare sockets: it can also do what no HTTP library lets a server do."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from typing import NamedTuple

import pytest

from ansible_collections.attackforge.retest.plugins.module_utils import _retry
from ansible_collections.attackforge.retest.plugins.module_utils._client import Client
from ansible_collections.attackforge.retest.plugins.module_utils._connection import Connection
from ansible_collections.attackforge.retest.plugins.module_utils._errors import SSAPIError
from ansible_collections.attackforge.retest.plugins.module_utils._play_watch import PlayWatch

KEY = 'k3y/with+odd=<signs>&"more"\'yet%41!'
PROJECT = "66333e1d110ab5acf8a4354e"
BODY = {"retesting_window_start": "2026-12-01T00:00:00.000Z", "vulnerability_ids": ["a" * 24]}

_END = 10.0  # seconds after which no script goes on


class Request(NamedTuple):
    """What a client sent."""

    verb: str
    target: str
    headers: dict  # names in lower case
    body: bytes


def answer(status=200, body=b"{}", headers=(), length=None):
    """Answer with these bytes; anything but bytes is sent as JSON. ``length`` lies about their number."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode("utf-8")
    lines = [f"HTTP/1.1 {status} Word", "Connection: close"]
    lines += [f"Content-Length: {len(content) if length is None else length}"]
    lines += [f"{name}: {value}" for name, value in headers]

    def act(sock, _request):
        sock.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content)

    return act


def raw(*pieces):
    """Send these bytes as they are, and close."""

    def act(sock, _request):
        for piece in pieces:
            sock.sendall(piece)

    return act


def reset(first=b""):
    """Send ``first``, then cut the connection with a reset."""

    def act(sock, _request):
        sock.sendall(first)
        if first:
            time.sleep(0.05)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return act


def silence(sock, _request):
    """Never answer."""
    sock.settimeout(_END)
    with contextlib.suppress(OSError):
        sock.recv(1)


def dribble(head, every=0.05):
    """Send ``head`` at once and then one byte again and again."""

    def act(sock, _request):
        sock.sendall(head)
        end = time.monotonic() + _END
        with contextlib.suppress(OSError):
            while time.monotonic() < end:
                sock.sendall(b"x")
                time.sleep(every)

    return act


def tunnel(sock, request):
    """Be a proxy: pass on what comes, either way, until one side ends."""

    def pass_on(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    host, _colon, port = request.target.rpartition(":")
    with socket.create_connection((host, int(port))) as service:
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        back = threading.Thread(target=pass_on, args=(service, sock), daemon=True)
        back.start()
        pass_on(sock, service)
        back.join(_END)


class Server:
    """Each request takes the next action of the script, a function of (socket, request); the last one stays."""

    def __init__(self, *script, tls=None):
        self.requests = []
        self.connections = 0
        self._script = list(script) or [answer()]
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_unused):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends the accept that waits
        self._listener.close()

    @property
    def url(self):
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                sock = self._listener.accept()[0]
                self.connections += 1
                threading.Thread(target=self._talk, args=(sock,), daemon=True).start()

    def _talk(self, sock):
        with contextlib.suppress(OSError), sock:
            sock.settimeout(_END)
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
            with sock:
                request = _read(sock)
                if request is not None:
                    self.requests.append(request)
                    action = self._script.pop(0) if len(self._script) > 1 else self._script[0]
                    action(sock, request)


def reply(function):
    """An action that answers with what ``function`` makes of the request: a body, or (status, body)."""

    def act(sock, request):
        made = function(request)
        answer(*(made if isinstance(made, tuple) else (200, made)))(sock, request)

    return act


def _read(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            return None
        data += piece
        if data.startswith(b"\x16\x03"):
            return Request("TLS", "", {}, data)  # a client that expects TLS
    head, _unused, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, _unused, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    while len(body) < int(headers.get("content-length", 0)):
        piece = sock.recv(65536)
        if not piece:
            break
        body += piece
    verb, target, _unused = first.split(" ")
    return Request(verb, target, headers, body)


def free_port():
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


# What tests of the client share


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Waiting between attempts costs nothing, and is written down."""
    slept = []
    monkeypatch.setattr(PlayWatch, "sleep", lambda _watch, seconds: slept.append(seconds))
    monkeypatch.setattr(_retry.random, "uniform", lambda low, high: high)
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


def failure(one, call, kind=SSAPIError):
    """The error that a call ends in. It does not show the key."""
    with pytest.raises(kind) as caught:
        call(one)
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value.facts)
    return caught.value
