# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Events API: subscribe, answer heartbeats, notice silence, come back, and tell each event once."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from functools import partial

import aiohttp

from .errors import FateUnknown, Refused, SSAPIError
from .handover import Handover
from .happenings import MARGIN, Position, event_of, projects_of
from .redaction import hide
from .service import Backoff, Service, within
from .state import StateFile
from .windows import format_instant, present

SOURCE = "attackforge.retest.events"
SUBSCRIBE_TIMEOUT = 5.0  # seconds; the vendor's clients give up then
_CLOSE_TIMEOUT = 2.0
_METHOD = "Events API"
_ENDS = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
_INTERNAL_ERROR = -32603  # as JSON-RPC numbers it
_DEEPEST = 100  # levels of lists and objects in a message; deeper ones would be too much for what comes after

logger = logging.getLogger(SOURCE)


async def run(queue, settings, feedback=None):
    """Put events into ``queue`` until this is cancelled or the service refuses from the start."""
    await _Stream(queue, settings, feedback).run()


class _Stream:
    """Two tasks: one reads and answers the service, one hands over to the rules, who may be busy for hours."""

    def __init__(self, queue, settings, feedback):
        self._settings = settings
        self._service = Service(settings)
        self._backoff = Backoff()
        self._handover = Handover(queue, feedback, settings.api_key)
        self._state = StateFile(settings.state_file, SOURCE, settings.base_url)
        self._waiting = asyncio.Queue()  # of (method, params): read and not handed over
        self._worked = False
        self._strangers = set()

    async def run(self):
        kept = self._state.load(Position.of_state)
        self._now = None if kept or self._settings.start else present() - MARGIN
        self._done = kept or Position(self._settings.start or self._now)  # what the rules have seen
        self._read = self._done.copy()  # what has been read
        self._state.save(self._done.as_state())
        tasks = [asyncio.ensure_future(self._keep_reading()), asyncio.ensure_future(self._hand_over())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _hand_over(self):
        while True:
            method, params = await self._waiting.get()
            keep = partial(self._keep, method, params)
            if self._wanted(method, params):
                await self._handover.give(event_of(method, params), keep)
            else:
                keep()

    def _keep(self, method, params):
        self._done.take(method, params, present())
        self._state.save(self._done.as_state())

    def _wanted(self, method, params):
        if not self._settings.projects:
            return True
        named = projects_of(params)
        if not named and method not in self._strangers:
            self._strangers.add(method)
            logger.warning("Events %s do not name their project, so they are left out: projects is set.", method)
        return not named.isdisjoint(self._settings.projects)

    async def _keep_reading(self):
        while True:
            try:
                async with self._service.session() as session:
                    socket = await self._service.open_events(session)
                    self._set_clock()
                    await self._read_connection(socket)
            except SSAPIError as error:
                # Once it has worked, a refusal may be a moment's trouble, such as a page for maintenance.
                if isinstance(error, Refused) and not self._worked:
                    raise
                logger.warning("%s Trying again.", error.message)
                await self._backoff.pause(error.retry_after or 0.0)

    def _set_clock(self):
        """Where the clock here is ahead of the service's, "now" is a time that its events have yet to reach."""
        if self._now is not None and self._read.last is None:
            self._done.since = self._read.since = min(self._read.since, self._now - self._service.ahead)
            self._state.save(self._done.as_state())

    async def _read_connection(self, socket):
        """Subscribe, and read until the connection ends, which is always an error."""
        try:
            subscription = str(uuid.uuid4())
            await self._send(
                socket,
                {
                    "method": "subscribe",
                    "id": subscription,
                    "params": {"events": self._settings.events, "from": format_instant(self._read.resume)},
                },
            )
            answer_by = time.monotonic() + SUBSCRIBE_TIMEOUT
            while True:
                patience = self._settings.heartbeat_timeout
                if answer_by is not None:
                    patience = min(patience, max(0.001, answer_by - time.monotonic()))
                for message in _messages(await self._receive(socket, patience, answer_by is not None)):
                    if "method" in message:
                        await self._told(socket, message)
                    elif answer_by is not None and _answers(message, subscription):
                        self._answered(message)
                        answer_by = None
                if answer_by is not None and time.monotonic() >= answer_by:
                    raise _no_answer()
        finally:
            try:
                await within(_CLOSE_TIMEOUT, socket.close())
            except (asyncio.TimeoutError, TimeoutError, aiohttp.ClientError, OSError):
                pass  # it is gone

    async def _receive(self, socket, patience, subscribing):
        try:
            # Pings are no sign of life, so the time that aiohttp would count anew after each is not enough.
            frame = await within(patience, socket.receive())
        except (asyncio.TimeoutError, TimeoutError):
            if subscribing:
                raise _no_answer() from None
            raise FateUnknown(f"{_METHOD}: silence for {patience:g} s, not even a heartbeat.", method=_METHOD) from None
        except (aiohttp.ClientError, OSError):
            raise _ended() from None  # before aiohttp could answer a ping
        if frame.type in _ENDS:
            raise _ended(self._last_words(frame, socket))
        return frame.data

    def _last_words(self, frame, socket):
        """Why the service closed the connection, if it said so."""
        words = self._hidden(frame.extra or "")
        return " ({}{})".format(socket.close_code, words and " " + words) if socket.close_code else ""

    async def _send(self, socket, message):
        try:
            await socket.send_str(json.dumps(dict(message, jsonrpc="2.0")))
        except (aiohttp.ClientError, OSError):
            raise _ended() from None

    async def _told(self, socket, message):
        method, params = message["method"], message.get("params")
        if isinstance(params, list) and len(params) == 1:
            params = params[0]
        if method == "heartbeat":
            if "id" in message:
                await self._send(socket, {"result": format_instant(present()), "id": message["id"]})
            self._backoff.reset()
        elif method in self._settings.events and isinstance(params, dict):
            self._backoff.reset()
            if self._read.take(method, params, present()):
                self._waiting.put_nowait((method, params))
        else:
            logger.debug("A message that nobody asked for: %.60r", method)

    def _answered(self, message):
        """Hold that each event is subscribed to: access is granted event by event."""
        error = message.get("error")
        if error is not None:
            error = error if isinstance(error, dict) else {"message": error}
            words = error.get("message")
            if error.get("code") == _INTERNAL_ERROR:
                raise FateUnknown(
                    f"{_METHOD}: subscribing got an error of the service: {self._hidden(words)}.", method=_METHOD
                )
            raise self._not_granted(self._settings.events, words)
        result = message.get("result")
        if isinstance(result, list) and all(isinstance(name, str) for name in result):
            missing = [name for name in self._settings.events if name not in result]
            if missing:
                raise self._not_granted(missing, "it has left them out")
        self._worked = True
        self._backoff.reset()

    def _hidden(self, words):
        return hide(" ".join(str(words).split()), self._settings.api_key)[:200].rstrip(".")

    def _not_granted(self, events, words):
        words = self._hidden(words)
        return Refused(
            "{}: the service does not subscribe this key to {}: {}. An administrator of AttackForge grants access "
            "event by event.".format(_METHOD, ", ".join(events), words),
            method=_METHOD,
            detail=words,
        )


def _no_answer():
    return FateUnknown(f"{_METHOD}: subscribing got no answer within {SUBSCRIBE_TIMEOUT:g} s.", method=_METHOD)


def _ended(why=""):
    return FateUnknown(f"{_METHOD}: the connection has ended{why}.", method=_METHOD)


def _answers(message, subscription):
    """Whether this is the answer to the subscription. An error may say that not even an id could be read."""
    return message.get("id") == subscription or (message.get("id") is None and message.get("error") is not None)


def _messages(data):
    """The JSON-RPC messages in a frame. What is none is left out."""
    try:
        found = json.loads(data)
    except (ValueError, TypeError, RecursionError):
        found = None
    found = found if isinstance(found, list) else [found]
    messages = [one for one in found if isinstance(one, dict) and not _is_deep(one, _DEEPEST)]
    if len(messages) < len(found) or not found:
        logger.warning("%s: what is no JSON-RPC message was left out.", _METHOD)
    return messages


def _is_deep(value, levels):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels == 0 or any(_is_deep(one, levels - 1) for one in inner)
