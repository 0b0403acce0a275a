# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sandbox for Python tests: start it, steer it, read its books. Standard library only."""

from __future__ import annotations

import json
import os
import pathlib
import ssl
import subprocess
import sys
import tempfile
import time
import typing
import urllib.error
import urllib.parse
import urllib.request

_ROOT = pathlib.Path(__file__).resolve().parents[2]


class SandboxError(RuntimeError):
    """The sandbox did not start, or did not accept what it was told."""


class Sandbox:
    """A sandbox process on a free port, for as long as the context lasts.

    ``seed`` is the path of a YAML file or the document itself. ``python`` is the interpreter that has what
    requirements.txt names. Attributes: ``url`` (the base URL, with the prefix), ``key`` and ``keys`` (by label),
    ``project_id`` (of the first project), ``ca`` (path of the private CA, or None), ``pid``, ``control`` (the
    URL of the control API).
    """

    def __init__(
        self,
        seed: str | os.PathLike[str] | dict[str, typing.Any] | None = None,
        switches: dict[str, typing.Any] | None = None,
        *,
        tls: bool = False,
        tls_broken: str | None = None,
        prefix: str = "",
        host: str = "127.0.0.1",
        python: str = sys.executable,
        start_timeout: float = 90,
    ) -> None:
        self._seed = seed
        self._switches = switches or {}
        self._tls = tls
        self._tls_broken = tls_broken
        self._prefix = prefix
        self._host = host
        self._python = python
        self._start_timeout = start_timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.control = ""
        self.url = ""
        self.key = ""
        self.keys: dict[str, str] = {}
        self.project_id = ""
        self.ca: str | None = None
        self.pid = 0

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process and wait until it listens."""
        self._folder = tempfile.TemporaryDirectory(prefix="sandbox-")
        folder = pathlib.Path(self._folder.name)
        ready, output = folder / "ready.json", folder / "output.txt"
        command = [self._python, "-m", "tests.sandbox", "--quiet", "--end-with-stdin", "--port", "0"]
        command += ["--host", self._host, "--ready-file", str(ready), "--prefix", self._prefix]
        if isinstance(self._seed, dict):
            # JSON is YAML too.
            (folder / "seed.yml").write_text(json.dumps(self._seed), encoding="utf-8")
            command += ["--seed", str(folder / "seed.yml")]
        elif self._seed is not None:
            command += ["--seed", str(pathlib.Path(self._seed).resolve())]
        if self._switches:
            command += ["--switch", *(f"{name}={_word(value)}" for name, value in self._switches.items())]
        if self._tls or self._tls_broken:
            command += ["--tls", "--ca-out", str(folder / "ca.pem")]
        if self._tls_broken:
            command += ["--tls-broken", self._tls_broken]
        with output.open("wb") as stream:
            # The sandbox ends when this pipe closes, so it does not outlive this process, however that ends.
            self._process = subprocess.Popen(
                command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=stream, stderr=subprocess.STDOUT
            )
        try:
            self._wait_for(ready, output)
        except BaseException:
            self.stop()
            raise

    def _wait_for(self, ready: pathlib.Path, output: pathlib.Path) -> None:
        assert self._process is not None
        end = time.monotonic() + self._start_timeout
        while not ready.exists():
            if self._process.poll() is not None:
                raise SandboxError(f"the sandbox ended: {output.read_text(errors='replace').strip()}")
            if time.monotonic() > end:
                raise SandboxError(f"the sandbox did not start: {output.read_text(errors='replace').strip()}")
            time.sleep(0.02)
        facts = json.loads(ready.read_text(encoding="utf-8"))
        self.url, self.ca, self.pid, self.control = facts["url"], facts["ca"], facts["pid"], facts["control"]
        self.key, self.keys, self.project_id = facts["key"], facts["keys"], facts["project_id"]

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            process, self._process = self._process, None
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin is not None:
                process.stdin.close()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    # Steering

    def switch(self, **values: typing.Any) -> dict[str, typing.Any]:
        """Set switches; all of them with their values come back."""
        return self._object("PUT", "switches", values)

    def switches(self) -> dict[str, typing.Any]:
        """All switches with their values."""
        return self._object("GET", "switches")

    def fault(self, kind: str, method: str | None = None, **parameters: typing.Any) -> None:
        """Put a fault at the end of the script. Without a method it strikes any (``refuse``: at once)."""
        row = {"fault": kind, **parameters}
        if method is not None:
            row["method"] = method
        self._call("POST", "faults", row)

    def script(self, faults: list[dict[str, typing.Any]]) -> None:
        """Put several faults at the end of the script."""
        self._call("POST", "faults", faults)

    def faults(self) -> list[dict[str, typing.Any]]:
        """The script: ``times`` and ``skip`` are what is left of each, ``fired`` how often it struck."""
        return self._list("GET", "faults")

    def clear_faults(self) -> None:
        """No more faults."""
        self._call("DELETE", "faults")

    def act(self, do: str, **values: typing.Any) -> dict[str, typing.Any]:
        """What people do in the web interface: close, reopen, complete_round, ...

        With ``before`` or ``after``, the name of an API method, it is done right before or after a request of that
        method: the next one or, with ``skip=N``, the one after N others; with ``target``, of those whose path holds it.
        """
        return self._object("POST", "act", {"do": do, **values})

    def acts(self) -> list[dict[str, typing.Any]]:
        """The acts that were planned: ``done``, ``result``, and ``error`` if nobody could do it at that moment."""
        return self._list("GET", "acts")

    def clear_acts(self) -> None:
        """No more planned acts."""
        self._call("DELETE", "acts")

    def reset(self, seed: dict[str, typing.Any] | None = None, switches: dict[str, typing.Any] | None = None) -> None:
        """Back to the start, or to another world; ``key``, ``keys`` and ``project_id`` follow."""
        body: dict[str, typing.Any] = {}
        if seed is not None:
            body["seed"] = seed
        if switches is not None:
            body["switches"] = switches
        result = self._call("POST", "reset", body)
        self.project_id, self.keys = result["project_id"], result["keys"]
        self.key = next(iter(self.keys.values()))

    # Looking

    def log(self, method: str | None = None) -> list[dict[str, typing.Any]]:
        """All requests to the API, oldest first; or those of one API method."""
        return [row for row in self._list("GET", "log") if method in (None, row["method"])]

    def writes(self) -> list[dict[str, typing.Any]]:
        """All requests to the API that were not GET."""
        return [row for row in self.log() if row["http"] not in ("GET", "HEAD")]

    def clear_log(self) -> None:
        """Forget all requests so far."""
        self._call("DELETE", "log")

    def books(self, project_id: str | None = None) -> dict[str, typing.Any]:
        """The truth about one project, by default the first."""
        wanted = urllib.parse.urlencode({"project_id": project_id or self.project_id})
        return self._object("GET", f"books?{wanted}")

    def all_books(self) -> dict[str, typing.Any]:
        """The truth about all projects."""
        return self._object("GET", "books")

    def request(
        self,
        http: str,
        path: str,
        body: typing.Any = None,
        *,
        key: str | None = None,
        timeout: float = 10,
        headers: dict[str, str] | None = None,
        **query: typing.Any,
    ) -> tuple[int, typing.Any]:
        """A request to the API as any client makes it: the code, and the JSON (or the text) of the answer.

        A list among the parameters of the query is a parameter that is there several times.
        """
        url = f"{self.url}/api/ss{path}"
        if query:
            url += "?" + urllib.parse.urlencode(query, doseq=True)
        headers = {"X-SSAPI-KEY": self.key if key is None else key, **(headers or {})}
        return self._send(http, url, body, headers, timeout)

    def _object(self, http: str, path: str, body: typing.Any = None) -> dict[str, typing.Any]:
        return dict(self._call(http, path, body))

    def _list(self, http: str, path: str) -> list[dict[str, typing.Any]]:
        return list(self._call(http, path))

    def _call(self, http: str, path: str, body: typing.Any = None) -> typing.Any:
        """A request to the control API. While the sandbox refuses connections this waits."""
        end = time.monotonic() + 30
        while True:
            try:
                code, document = self._send(http, f"{self.control}/{path}", body, {}, 30)
                break
            except (urllib.error.URLError, ConnectionError) as error:
                # While it shuts its door it closes what is idle or waits; what was read is answered.
                reason = getattr(error, "reason", error)
                if not isinstance(reason, ConnectionError) or self._ended() or time.monotonic() > end:
                    raise SandboxError(f"the sandbox does not answer: {reason}") from error
                time.sleep(0.05)
        if code >= 400:
            raise SandboxError(document.get("error", document) if isinstance(document, dict) else document)
        return document

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _send(
        self, http: str, url: str, body: typing.Any, headers: dict[str, str], timeout: float
    ) -> tuple[int, typing.Any]:
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers = {**headers, "Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=http)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_trusting()), _NoRedirect()
        )
        try:
            with opener.open(request, timeout=timeout) as answer:
                return answer.status, _document(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _document(error.read())


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other."""

    def redirect_request(self, *_arguments: typing.Any) -> None:
        return None


def _trusting() -> ssl.SSLContext:
    """Tests steer the sandbox also where its TLS is broken on purpose."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return context


def _document(body: bytes) -> typing.Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")


def _word(value: typing.Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
