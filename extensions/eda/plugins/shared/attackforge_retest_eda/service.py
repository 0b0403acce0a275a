# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way to the service with aiohttp, which ansible-rulebook brings along, and what can go wrong on it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import ssl
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from .arguments import API_ROOT
from .errors import FateUnknown, Refused
from .redaction import hide
from .rounds import hides_history
from .windows import present

USER_AGENT = "attackforge.retest (Ansible event source)"
MAX_ANSWER = 96 * 1024 * 1024  # bytes
LONGEST_WAIT = 60.0  # seconds
_EXCERPT = 200  # characters
_PASSING = (408, 425, 429)


class Backoff:
    """Growing pauses: 1, 2, 4, ... seconds up to a minute, less a random part of up to half."""

    def __init__(self, first=1.0, most=LONGEST_WAIT):
        self._first = first
        self._most = most
        self._count = 0

    def reset(self):
        """It works again."""
        self._count = 0

    async def pause(self, least=0.0):
        """Wait. ``least`` is what the service asked for. Returns nothing."""
        seconds = min(self._most, self._first * 2 ** min(self._count, 16)) * random.uniform(0.5, 1.0)
        self._count += 1
        await asyncio.sleep(max(seconds, min(least, LONGEST_WAIT)))


async def within(seconds, work):
    """Wait for a coroutine so long, or raise a timeout. Unlike `asyncio.wait_for` of older Pythons it never swallows
    being cancelled."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task], timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError()
        return task.result()
    finally:
        task.cancel()


class Service:
    """The service as one user's key sees it. ``settings`` are the arguments of a source."""

    def __init__(self, settings):
        self._settings = settings
        self._url = urlsplit(settings.base_url)
        self._tls = _tls(settings) if self._url.scheme == "https" else None
        self.ahead = timedelta(0)  # how far the clock here is ahead of the service's, a day at most

    @asynccontextmanager
    async def session(self):
        """A session that goes to the service and nowhere else."""
        trace = aiohttp.TraceConfig()
        trace.on_request_redirect.append(_stop_at_redirect)
        trace.on_request_end.append(self._note_clock)
        connector = aiohttp.TCPConnector(ssl=self._tls) if self._tls else aiohttp.TCPConnector()
        session = aiohttp.ClientSession(
            connector=connector,
            trace_configs=[trace],
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"X-SSAPI-KEY": self._settings.api_key, "User-Agent": USER_AGENT},
        )
        try:
            yield session
        finally:
            await session.close()

    async def _note_clock(self, session, context, params):
        try:
            ahead = present() - parsedate_to_datetime(params.response.headers["Date"])
        except (KeyError, ValueError, TypeError):
            return  # it does not tell
        self.ahead = min(max(ahead, timedelta(0)), timedelta(days=1))

    async def open_events(self, session):
        """Open the WebSocket of the Events API."""
        opening = session.ws_connect(
            self._address("/events"), proxy=self._proxy(), max_msg_size=MAX_ANSWER, autoping=True, heartbeat=None
        )
        return await self._guarded("Events API", within(self._settings.timeout, opening))

    async def get_project(self, session, project_id):
        """GetProjectById: the project's record."""
        method = "GetProjectById"
        reading = self._read(session, method, self._address(f"/project/{project_id}"))
        answer = await self._guarded(method, within(self._settings.timeout, reading))
        project = answer.get("project") if isinstance(answer, dict) else None
        project = project if isinstance(project, dict) else answer
        if not isinstance(project, dict) or not any(str(name).startswith("project_") for name in project):
            raise FateUnknown(f"{method}: there is no project in the answer.", method=method, http_status=200)
        if hides_history(project):
            raise FateUnknown(
                f"{method}: the project counts requested retests but shows no project_retesting_history.",
                method=method,
                http_status=200,
            )
        return project

    async def _read(self, session, method, url):
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        async with session.get(url, proxy=self._proxy(), headers=headers) as response:
            content = bytearray()
            async for chunk in response.content.iter_chunked(64 * 1024):
                content += chunk
                if len(content) > MAX_ANSWER:
                    raise Refused(f"{method}: the answer is larger than any should be.", method=method)
            if response.status != 200:
                raise self._told(method, response.status, response.headers, content)
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise FateUnknown(f"{method}: the answer is no JSON.", method=method, http_status=200) from None

    def _address(self, path):
        return self._settings.base_url + API_ROOT + path

    def _proxy(self):
        """The proxy that the environment names. Over plain http, which is for loopback only, it would see the key."""
        host = self._url.hostname
        proxy = getproxies().get("https") if self._tls and not proxy_bypass(host) else None
        return proxy if not proxy or "://" in proxy else "http://" + proxy

    async def _guarded(self, method, work):
        """Wait for ``work``. Its errors become Refused, where trying again is no use, or FateUnknown."""
        where = self._url.netloc
        try:
            return await work
        except aiohttp.WSServerHandshakeError as error:
            words = b"this is no WebSocket; is base_url right?" if error.status == 200 else b""
            raise self._told(method, error.status, error.headers or {}, words) from None
        except _Redirected as error:
            raise Refused(
                f"{method}: the service redirects to {self._hidden(error.where)}. That is not followed, because the key must not travel; correct "
                "base_url.",
                method=method,
                http_status=error.status,
            ) from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise Refused(
                f"{method}: the certificate of {where} is not accepted: {self._hidden(error.certificate_error)}. Correct base_url, or give the CA's certificate with "
                "ca_path.",
                method=method,
            ) from None
        except aiohttp.InvalidURL:
            raise Refused(
                f"{method}: {where} cannot be reached: base_url or the proxy that the environment names is no URL.",
                method=method,
            ) from None
        except (asyncio.TimeoutError, TimeoutError):
            raise FateUnknown(
                f"{method}: no answer from {where} within {self._settings.timeout:g} s.", method=method
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise FateUnknown(f"{method}: no connection to {where}: {self._hidden(error)}.", method=method) from None

    def _told(self, method, status, headers, content):
        """The error that an HTTP code is."""
        words = " ".join(self._hidden(bytes(content[:4096]).decode("utf-8", "replace")).split())[:_EXCERPT]
        what = "%s: HTTP %d%s" % (method, status, ": " + words.rstrip(".") if words else "")
        if status >= 500 or status in _PASSING or 200 <= status < 300:
            return FateUnknown(what + ".", method=method, http_status=status, retry_after=_seconds(headers))
        if status in (401, 403):
            what += ". Either the key is wrong or this is not granted to it"
        elif status == 404 and method == "Events API":
            what += ". This tenant seems to have no Events API; the source attackforge.retest.rounds does without"
        elif status == 404:
            what += ". There is no such thing, or this key's user cannot see it"
        return Refused(what + ".", method=method, http_status=status)

    def _hidden(self, value):
        return hide(str(value), self._settings.api_key)[:_EXCERPT]


class _Redirected(Exception):
    def __init__(self, status, where):
        super().__init__(status)
        self.status = status
        self.where = where


async def _stop_at_redirect(session, context, params):
    """aiohttp would take the key along to wherever it is sent. It asks here before it goes."""
    raise _Redirected(params.response.status, params.response.headers.get("Location", "nowhere"))


def _seconds(headers):
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0


def _tls(settings):
    path = settings.ca_path
    try:
        context = ssl.create_default_context(**{"capath" if path and os.path.isdir(path) else "cafile": path})
    except (OSError, ssl.SSLError) as error:
        raise Refused(f"ca_path: the CA certificates in {path!r} cannot be read: {error}.", method="TLS") from None
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    if not settings.validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
