# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""The service over aiohttp, which ansible-rulebook brings along. Errors are those of the modules."""

from __future__ import annotations

import asyncio
import json
import os
import random
import ssl
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from ._connection import API_ROOT
from ._errors import FateUnknown, NotProcessed, Refused, SSAPIError, UnexpectedAnswer
from ._http_rules import EXCERPT, backoff, error_of, retry_after_of, words_of
from ._redaction import mask
from ._rounds import hides_history
from ._windows import present
from .arguments import Settings
from .events import JSON
from .tasks import within

USER_AGENT = "attackforge.retest (Ansible event source)"
EVENTS_API = "Events API"
MAX_ANSWER = 96 * 1024 * 1024  # bytes
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds
_BEGINNING = 4096  # bytes of an answer in which its words are looked for


class Backoff:
    """Growing pauses: 1, 2, 4, ... seconds up to a minute, less a random part of up to half."""

    def __init__(self) -> None:
        self._attempt = 0

    def reset(self) -> None:
        """It works again."""
        self._attempt = 0

    async def pause(self, retry_after: float | None) -> None:
        """Wait; at least as long as the service asked for, in seconds."""
        seconds = backoff(self._attempt, retry_after, random.uniform(0.5, 1.0), FIRST_PAUSE, LONGEST_PAUSE)
        self._attempt += 1
        await asyncio.sleep(seconds)


class Client:
    """The service as one user's key sees it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = urlsplit(settings.base_url)
        self._tls = _tls(settings) if self._url.scheme == "https" else None
        # By how much the clock here is ahead of the service's; None as long as the service has not sent its time.
        self.clock_ahead: timedelta | None = None

    @asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """A session that connects to the service and nothing else."""
        trace = aiohttp.TraceConfig()
        trace.on_request_redirect.append(_stop_at_redirect)
        trace.on_request_end.append(self._note_clock)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls) if self._tls else aiohttp.TCPConnector(),
            trace_configs=[trace],
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"X-SSAPI-KEY": self._settings.api_key, "User-Agent": USER_AGENT},
        )
        try:
            yield session
        finally:
            await session.close()

    async def _note_clock(self, _session: Any, _context: Any, params: aiohttp.TraceRequestEndParams) -> None:
        with suppress(KeyError, ValueError, TypeError):
            self.clock_ahead = present() - parsedate_to_datetime(params.response.headers["Date"])

    async def open_events(self, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        """Open the WebSocket of the Events API."""
        opening = _open(session, self._address("/events"), self._proxy())
        socket: aiohttp.ClientWebSocketResponse = await self._guarded(
            EVENTS_API, within(self._settings.timeout, opening)
        )
        return socket

    async def get_project(self, session: aiohttp.ClientSession, project_id: str) -> JSON:
        """GetProjectById: the project's record, without the key wherever it could stand."""
        method = "GetProjectById"
        reading = self._read(session, method, self._address(f"/project/{project_id}"))
        answer = mask(await self._guarded(method, within(self._settings.timeout, reading)), self._settings.api_key)
        project = answer.get("project") if isinstance(answer, dict) else None
        project = project if isinstance(project, dict) else answer
        if not isinstance(project, dict) or not any(str(name).startswith("project_") for name in project):
            raise UnexpectedAnswer(f"{method}: there is no project in the answer.", method=method, http_status=200)
        if hides_history(project):
            raise UnexpectedAnswer(
                f"{method}: the project counts requested retests but shows no project_retesting_history.",
                method=method,
                http_status=200,
            )
        return project

    async def _read(self, session: aiohttp.ClientSession, method: str, url: str) -> Any:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Cache-Control": "no-cache",
            "Content-Type": "application/json",
        }
        async with session.get(url, proxy=self._proxy(), headers=headers) as response:
            content = bytearray()
            encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
            if encoding in ("", "identity"):
                async for chunk in response.content.iter_chunked(64 * 1024):
                    content += chunk
                    if len(content) > MAX_ANSWER:
                        raise Refused(f"{method}: the answer is larger than {MAX_ANSWER} bytes.", method=method)
            if response.status != 200:
                raise self._http_error(method, response.status, response.headers, content)
        if encoding not in ("", "identity"):
            raise UnexpectedAnswer(
                f"{method}: the answer is compressed ({self._masked(encoding)}), which was not asked for.",
                method=method,
                http_status=200,
            )
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise UnexpectedAnswer(f"{method}: the answer is not JSON.", method=method, http_status=200) from None

    def _address(self, path: str) -> str:
        return f"{self._settings.base_url}{API_ROOT}{path}"

    def _proxy(self) -> str | None:
        """The proxy that the environment names. Over plain http, which is for loopback only, it would see the key."""
        proxy = getproxies().get("https") if self._tls and not proxy_bypass(self._url.hostname or "") else None
        return proxy if not proxy or "://" in proxy else f"http://{proxy}"

    async def _guarded(self, method: str, work: Coroutine[Any, Any, Any]) -> Any:
        """Wait for ``work``. Whatever aiohttp raises becomes an SSAPIError."""
        try:
            return await work
        except aiohttp.WSServerHandshakeError as error:
            raise self._http_error(method, error.status, error.headers or {}, b"") from None
        except _Redirected as error:
            where = self._masked(error.where)
            raise Refused(
                f"{method}: the service redirects to {where}. That is not followed, because the key must not be sent "
                "elsewhere. Correct base_url.",
                method=method,
                http_status=error.status,
            ) from None
        except (asyncio.TimeoutError, TimeoutError, aiohttp.ClientError, OSError) as error:
            raise self._network_error(method, error) from None

    def _network_error(self, method: str, error: Exception) -> SSAPIError:
        where = self._url.netloc
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            words = self._masked(error.certificate_error)
            return Refused(
                f"{method}: the certificate of {where} is not accepted: {words}. Correct base_url, or set ca_path to "
                "the CA's certificate.",
                method=method,
            )
        if isinstance(error, aiohttp.InvalidURL):
            return Refused(
                f"{method}: {where} cannot be reached: base_url or the proxy in the environment is not a URL.",
                method=method,
            )
        if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
            return FateUnknown(f"{method}: no answer from {where} within {self._settings.timeout:g} s.", method=method)
        return FateUnknown(f"{method}: no connection to {where}: {self._masked(error)}.", method=method)

    def _http_error(
        self, method: str, status: int, headers: Mapping[str, str], content: bytes | bytearray
    ) -> SSAPIError:
        """The error that an HTTP status is."""
        retry_after = retry_after_of(headers.get("Retry-After"))
        if 200 <= status < 300:
            what = "this is not a WebSocket; check base_url" if method == EVENTS_API else "an unexpected answer"
            return UnexpectedAnswer(f"{method}: HTTP {status}: {what}.", method=method, http_status=status)
        error = error_of(method, status, self._words_of(content), retry_after)
        if isinstance(error, NotProcessed):  # whose advice is for modules
            return NotProcessed(
                f"{method}: HTTP {status}. The service limits the rate of requests.",
                method=method,
                http_status=status,
                retry_after=retry_after,
            )
        if status == 404 and method == EVENTS_API:
            return Refused(
                f"{method}: HTTP 404. This tenant seems to have no Events API. The source attackforge.retest.rounds "
                "works without it.",
                method=method,
                http_status=status,
            )
        return error

    def _words_of(self, content: bytes | bytearray) -> str | None:
        """The service's own words in an answer."""
        try:
            words = words_of(json.loads(content))
        except (ValueError, RecursionError):
            words = None
        return self._masked(words or bytes(content[:_BEGINNING]).decode("utf-8", "replace")) or None

    def _masked(self, value: Any) -> str:
        return " ".join(str(mask(str(value), self._settings.api_key)).split())[:EXCERPT].rstrip(".")


async def _open(session: aiohttp.ClientSession, url: str, proxy: str | None) -> aiohttp.ClientWebSocketResponse:
    # What it returns is generic since aiohttp 3.13; ansible-rulebook brings older ones too.
    return await session.ws_connect(  # type: ignore[return-value]
        url, proxy=proxy, max_msg_size=MAX_ANSWER, autoping=True, heartbeat=None
    )


class _Redirected(Exception):
    def __init__(self, status: int, where: str) -> None:
        super().__init__(status)
        self.status = status
        self.where = where


async def _stop_at_redirect(_session: Any, _context: Any, params: aiohttp.TraceRequestRedirectParams) -> None:
    """aiohttp would take the key along to wherever it is sent. It asks here before it goes."""
    raise _Redirected(params.response.status, params.response.headers.get("Location", "nowhere"))


def _tls(settings: Settings) -> ssl.SSLContext:
    path = settings.ca_path
    try:
        if path and os.path.isdir(path):
            context = ssl.create_default_context(capath=path)
        else:
            context = ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise Refused(f"ca_path: the CA certificates in {path!r} cannot be read: {error}.", method="TLS") from None
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    if not settings.validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
