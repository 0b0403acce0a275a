# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""The Events API: subscribe, answer heartbeats, notice silence, reconnect, and emit each event once."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import aiohttp

from ._errors import FateUnknown, Refused, SSAPIError
from ._http_rules import EXCERPT
from ._redaction import mask
from ._windows import format_instant, present
from .arguments import EventsSettings
from .client import EVENTS_API, Backoff, Client
from .delivery import Delivery
from .events import JSON, Event, parse_event
from .position import MARGIN, Position, from_ms, to_ms
from .state_file import StateFile, StateWriter
from .tasks import MaskingLog, run_together, within

SOURCE = "attackforge.retest.events"
SUBSCRIBE_TIMEOUT = 5.0  # seconds; the vendor's clients give up then
# The service does not say when a replay is whole. It is taken for whole when for so many seconds no event came that is
# older than the connection.
REPLAY_QUIET = 10.0
MAX_WAITING = 4096  # events that were read and not delivered; when there are so many, reading pauses
_CLOSE_TIMEOUT = 2.0
_MAX_CLOCK = timedelta(days=1)  # by which clocks may differ
_ENDS = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
_INTERNAL_ERROR = -32603  # as JSON-RPC numbers it
_MAX_DEPTH = 100  # levels of lists and objects in a message; deeper ones would be too much for what comes after


async def run(queue: asyncio.Queue[Any], settings: EventsSettings, feedback: asyncio.Queue[Any] | None = None) -> None:
    """Put events into ``queue`` until this is cancelled or the service refuses from the start."""
    await _Stream(queue, settings, feedback).run()


class _ReplayEnd(NamedTuple):
    """Stands in the queue behind the events of a replay that is whole."""

    connection: int


class _Replay:
    """Whether the replay of a connection is whole."""

    def __init__(self, subscribed_at: int) -> None:
        """``subscribed_at`` is the service's time, in milliseconds since 1970."""
        self._subscribed_at = subscribed_at
        self.restart_quiet()

    def restart_quiet(self) -> None:
        """Begin to count the quiet time anew."""
        self._quiet_since = time.monotonic()

    def note(self, event: Event) -> None:
        """An event has arrived."""
        if event.instant is None or to_ms(event.instant) < self._subscribed_at:
            self.restart_quiet()

    @property
    def whole(self) -> bool:
        return time.monotonic() - self._quiet_since >= REPLAY_QUIET


class _Stream:
    """Three tasks: one reads and answers the service, one delivers to the rules, which can be busy for hours, and one
    writes the state."""

    def __init__(
        self, queue: asyncio.Queue[Any], settings: EventsSettings, feedback: asyncio.Queue[Any] | None
    ) -> None:
        self._settings = settings
        self._log = MaskingLog(SOURCE, settings.api_key)
        self._client = Client(settings)
        self._pauses = Backoff()
        self._delivery = Delivery(queue, feedback)
        self._file = StateFile(settings.state_file, SOURCE, settings.base_url)
        self._writer = StateWriter(self._file, self._state)
        self._waiting: asyncio.Queue[Event | _ReplayEnd] = asyncio.Queue(MAX_WAITING)
        self._connection = 0
        self._subscribed = False  # since the start
        self._without_project: set[str] = set()  # names of events that do not name a project

    async def run(self) -> None:
        kept = self._file.open(Position.of_state)
        start = to_ms(self._settings.start or present())
        self._start = None if kept or self._settings.start else start  # the argument from is now
        self._delivered = kept or Position(start if self._settings.start else start - MARGIN)
        self._received = self._delivered.copy()
        try:
            self._file.save(self._state())
            await run_together(self._read_forever(), self._deliver_forever(), self._writer.run())
        finally:
            try:
                self._writer.flush()
            finally:
                self._file.close()

    def _state(self) -> dict[str, Any]:
        return self._delivered.as_state()

    # From the queue to the rules

    async def _deliver_forever(self) -> None:
        while True:
            item = await self._waiting.get()
            if isinstance(item, _ReplayEnd):
                if item.connection == self._connection:
                    self._delivered.end_replay()
                    self._writer.changed()
            elif self._is_wanted(item):
                await self._delivery.deliver(item.for_rules(), partial(self._taken, item))
            else:
                self._taken(item)

    def _taken(self, event: Event) -> None:
        self._delivered.receive(event, to_ms(present()))
        self._writer.changed()

    def _is_wanted(self, event: Event) -> bool:
        if not self._settings.projects:
            return True
        projects = event.projects()
        if not projects and event.name not in self._without_project:
            self._without_project.add(event.name)
            self._log.warning(f"Events {event.name} do not name their project, so they are left out: projects is set.")
        return not projects.isdisjoint(self._settings.projects)

    # From the service to the queue

    async def _read_forever(self) -> None:
        while True:
            try:
                async with self._client.session() as session:
                    socket = await self._client.open_events(session)
                    await self._read_connection(socket)
            except SSAPIError as error:
                # Once it has worked, a refusal may be temporary, such as a page for maintenance.
                if isinstance(error, Refused) and not self._subscribed:
                    raise
                self._log.warning(f"{error.message} Trying again.")
                await self._pauses.pause(error.retry_after)

    def _begin_replay(self) -> _Replay:
        ahead = self._client.clock_ahead
        self._connection += 1
        for position in (self._received, self._delivered):
            position.begin_replay()
            if self._start is not None and position.last is None:
                # Where the clock here is ahead of the service's, "now" is a time that its events have yet to reach.
                behind = min(max(ahead or timedelta(0), timedelta(0)), _MAX_CLOCK)
                position.floor = min(position.floor, to_ms(from_ms(self._start) - behind) - MARGIN)
                position.horizon = 0 if ahead is None else position.floor
        self._writer.changed()
        return _Replay(to_ms(present() - min(max(ahead or timedelta(0), -_MAX_CLOCK), _MAX_CLOCK)))

    async def _read_connection(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Subscribe, and read until the connection ends, which is always an error."""
        try:
            replay = self._begin_replay()
            subscription = await self._subscribe(socket)
            answer_by: float | None = time.monotonic() + SUBSCRIBE_TIMEOUT
            while True:
                for message in self._messages(await self._receive(socket, answer_by)):
                    if "method" in message:
                        await self._on_message(socket, message, replay)
                    elif answer_by is not None and _answers(message, subscription):
                        self._on_answer(message)
                        answer_by = None
                if answer_by is not None and time.monotonic() >= answer_by:
                    raise _no_answer()
                if answer_by is None and self._received.replaying and replay.whole:
                    self._received.end_replay()
                    await self._waiting.put(_ReplayEnd(self._connection))
        finally:
            with suppress(asyncio.TimeoutError, TimeoutError, aiohttp.ClientError, OSError):  # it may be gone
                await within(_CLOSE_TIMEOUT, socket.close())

    async def _subscribe(self, socket: aiohttp.ClientWebSocketResponse) -> str:
        subscription = str(uuid.uuid4())
        start = format_instant(from_ms(self._received.floor))
        params = {"events": self._settings.events, "from": start}
        await self._send(socket, {"method": "subscribe", "id": subscription, "params": params})
        return subscription

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse, answer_by: float | None) -> Any:
        patience = self._settings.heartbeat_timeout
        if answer_by is not None:
            patience = min(patience, max(0.001, answer_by - time.monotonic()))
        try:
            # Pings are no sign of life, so the time that aiohttp would count anew after each is not enough.
            frame = await within(patience, socket.receive())
        except (asyncio.TimeoutError, TimeoutError):
            if answer_by is not None:
                raise _no_answer() from None
            raise FateUnknown(
                f"{EVENTS_API}: silence for {patience:g} s, not even a heartbeat.", method=EVENTS_API
            ) from None
        except (aiohttp.ClientError, OSError):
            raise _ended() from None  # before aiohttp could answer a ping
        if frame.type in _ENDS:
            raise _ended(self._close_reason(frame, socket))
        return frame.data

    def _close_reason(self, frame: aiohttp.WSMessage, socket: aiohttp.ClientWebSocketResponse) -> str:
        """Why the service closed the connection, if it said so."""
        words = self._masked(frame.extra or "")
        return f" ({socket.close_code}{f' {words}' if words else ''})" if socket.close_code else ""

    async def _send(self, socket: aiohttp.ClientWebSocketResponse, message: JSON) -> None:
        try:
            await socket.send_str(json.dumps({**message, "jsonrpc": "2.0"}))
        except (aiohttp.ClientError, OSError):
            raise _ended() from None

    def _messages(self, data: Any) -> list[JSON]:
        """The JSON-RPC messages in a frame, without the key. What is not a message is left out."""
        try:
            content = json.loads(data)
        except (ValueError, TypeError, RecursionError):
            content = None
        content = content if isinstance(content, list) else [content]
        messages = [one for one in content if isinstance(one, dict) and not _is_deep(one, _MAX_DEPTH)]
        if len(messages) < len(content) or not content:
            self._log.warning(f"{EVENTS_API}: something that is not a JSON-RPC message was left out.")
        return [mask(message, self._settings.api_key) for message in messages]

    async def _on_message(self, socket: aiohttp.ClientWebSocketResponse, message: JSON, replay: _Replay) -> None:
        method, params = message["method"], message.get("params")
        if isinstance(params, list) and len(params) == 1:
            params = params[0]
        if method == "heartbeat":
            if "id" in message:
                await self._send(socket, {"result": format_instant(present()), "id": message["id"]})
            self._pauses.reset()
        elif method in self._settings.events and isinstance(params, dict):
            self._pauses.reset()
            event = parse_event(method, params)
            replay.note(event)
            if self._received.receive(event, to_ms(present())):
                full = self._waiting.full()
                await self._waiting.put(event)
                if full:  # meanwhile nothing was read, so it was not the service that was quiet
                    replay.restart_quiet()
        else:
            self._log.debug(f"A message that was not subscribed to: {str(method)[:EXCERPT]!r}")

    def _on_answer(self, message: JSON) -> None:
        """Make sure that each event is subscribed to: access is granted event by event."""
        error = message.get("error")
        if error is not None:
            error = error if isinstance(error, dict) else {"message": error}
            words = self._masked(error.get("message"))
            if error.get("code") == _INTERNAL_ERROR:
                raise FateUnknown(f"{EVENTS_API}: the service failed to subscribe: {words}.", method=EVENTS_API)
            raise _not_granted(self._settings.events, words)
        result = message.get("result")
        if isinstance(result, list) and all(isinstance(name, str) for name in result):
            missing = [name for name in self._settings.events if name not in result]
            if missing:
                raise _not_granted(missing, "its answer left them out")
        self._subscribed = True
        self._pauses.reset()

    def _masked(self, words: Any) -> str:
        return " ".join(str(mask(str(words), self._settings.api_key)).split())[:EXCERPT].rstrip(".")


def _not_granted(events: list[str], words: str) -> Refused:
    return Refused(
        f"{EVENTS_API}: the service does not subscribe this key to {', '.join(events)}: {words}. An administrator of "
        "AttackForge grants access event by event.",
        method=EVENTS_API,
        detail=words,
    )


def _no_answer() -> FateUnknown:
    return FateUnknown(f"{EVENTS_API}: no answer to subscribe within {SUBSCRIBE_TIMEOUT:g} s.", method=EVENTS_API)


def _ended(why: str = "") -> FateUnknown:
    return FateUnknown(f"{EVENTS_API}: the connection has ended{why}.", method=EVENTS_API)


def _answers(message: JSON, subscription: str) -> bool:
    """Whether this is the answer to the subscription. An error may say that not even an id could be read."""
    return message.get("id") == subscription or (message.get("id") is None and message.get("error") is not None)


def _is_deep(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels == 0 or any(_is_deep(one, levels - 1) for one in inner)
