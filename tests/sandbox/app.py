# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The application: the way of a request to the API through log, cache, faults, key and method to its answer.

Further parts of the service, such as its Events API, come as further routes: ``build`` takes them, and World.deeds and
World.listeners tell them what happens.
"""

from __future__ import annotations

import asyncio
import typing
import urllib.parse

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.routing import BaseRoute, Route, WebSocketRoute

from . import endpoints, events, faults, records
from .answers import Answer, Refusal, bad_key, not_found
from .calls import Call
from .faults import Fault
from .methods import TABLE, Method
from .server import WIRE, Wire
from .state import State

_MAX_BODY = 8 * 1024 * 1024
# HTTP has no body for these.
_WITHOUT_BODY = (204, 304)


def build(state: State, prefix: str, more_routes: typing.Sequence[BaseRoute] = ()) -> Starlette:
    """The whole application. ``more_routes`` come before the ones that answer 404."""
    routes: list[BaseRoute] = list(more_routes)
    routes.append(WebSocketRoute(f"{prefix}/api/ss/events", events.endpoint(state)))
    for method in TABLE:
        routes.append(Route(f"{prefix}/api/ss{method.path}", Endpoint(state, method), methods=[method.http]))
    routes.append(Route("/{anything:path}", Endpoint(state, None), methods=None))
    return Starlette(routes=routes)


class Endpoint:
    """One API method as an ASGI application; without a method it is what answers 404."""

    def __init__(self, state: State, method: Method | None) -> None:
        self._state = state
        self._method = method

    async def __call__(self, scope: typing.Any, receive: typing.Any, send: typing.Any) -> None:
        try:
            await _Exchange(self._state, self._method, scope, receive, send).run()
        except (ClientDisconnect, asyncio.CancelledError):
            # The client has gone, or the sandbox ends: there is nobody to answer.
            scope[WIRE].close()


class _Exchange:
    """One request and what becomes of it."""

    def __init__(
        self, state: State, method: Method | None, scope: typing.Any, receive: typing.Any, send: typing.Any
    ) -> None:
        self.state = state
        self.method = method
        self.wire: Wire = scope[WIRE]
        self.request = Request(scope, receive)
        self.send = send
        self.path: str = scope["path"]
        self.head = scope["method"] == "HEAD"
        self.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        self.key = dict(self.headers).get("x-ssapi-key", "")
        self.body = b""
        self.entry: dict[str, typing.Any] = {}

    async def run(self) -> None:
        """Log the request, let it be answered by the cache, be struck or carried out, and answer it."""
        await self._read()
        kept = self._from_cache()
        if kept is not None:
            self.entry["cached"] = True
            await self._answer(kept)
            return
        if self.method is not None:
            self.state.run_acts("before", self.method.name, self.path)
        fault = self.state.faults.take(self.method.name, self.path) if self.method else None
        if fault is None:
            answer = self._perform()
            self._to_cache(answer)
            await self._answer(answer)
            return
        self.entry["fault"] = fault.kind
        if fault.kind == "late_commit":
            await self._commit_late(fault)
            return
        true_answer = self._perform(fault) if fault.when == "after" else None
        if fault.kind in faults.AT_THE_WIRE:
            await self._strike(fault, true_answer)
        else:
            await self._answer(faults.answer(fault, self.key, true_answer))

    async def _read(self) -> None:
        chunks, size = [], 0
        async for chunk in self.request.stream():
            size += len(chunk)
            if size <= _MAX_BODY:
                chunks.append(chunk)
        self.too_long = size > _MAX_BODY
        self.body = b"".join(chunks)
        self.query = urllib.parse.parse_qsl(self.request.url.query, keep_blank_values=True)
        keys = self.state.world.keys
        self.entry = self.state.journal.begin(
            self.method.name if self.method else None,
            self.request.method,
            self.request.url.path,
            self.query,
            self.headers,
            self.body,
            keys[self.key].label if self.key in keys else "unknown key" if self.key else None,
            # A wrong key may be a right one elsewhere; what is too short to be one would only blank out the log.
            [*keys, *([self.key] if len(self.key) >= 8 else [])],
        )

    def _perform(self, fault: Fault | None = None) -> Answer:
        """Carry out the request. There is no await in here: what it does, it does as a whole."""
        world, switches = self.state.world, self.state.switches
        before = len(world.deeds)
        try:
            with self.state.replica(self.method):
                answer = endpoints.perform(world, self._call(fault))
        except Refusal as refusal:
            answer = refusal.answer(switches)
        self.entry["committed"] = self.entry["committed"] or len(world.deeds) > before
        if switches.extra_keys == "yes" and answer.text is None:
            answer.document = records.with_extra_keys(answer.document)
        if self.method is not None:
            self.state.run_acts("after", self.method.name, self.path)
        return answer

    def _call(self, fault: Fault | None) -> Call:
        """The request as a call of a method with a key, or a refusal."""
        state = self.state
        if self.too_long:
            raise Refusal(413, "The body is too long.")
        if self.method is None:
            raise not_found("Path")
        if self.key not in state.world.keys:
            raise bad_key(state.switches)
        return Call(
            state.switches,
            self.method,
            state.world.keys[self.key],
            self.request.path_params,
            self.query,
            self.body,
            dict(self.headers),
            shifted=fault.parameters["records"] if fault is not None and fault.kind == "list_moved" else 0,
            shuffled=fault is not None and fault.kind == "list_shuffled",
        )

    # The cache

    def _from_cache(self) -> Answer | None:
        if self.method is None or not self.state.cache.keeps(self.state.switches, self.method):
            return None
        return self.state.cache.look_up(self.key, str(self.request.url), dict(self.headers))

    def _to_cache(self, answer: Answer) -> None:
        if self.method is not None and self.state.cache.keeps(self.state.switches, self.method):
            self.state.cache.keep(self.key, str(self.request.url), answer, self.state.switches.cache_ms)

    # Answering

    async def _answer(self, answer: Answer) -> None:
        body = b"" if answer.status in _WITHOUT_BODY else answer.body()
        self.state.journal.end(self.entry, answer.status, answer.note)
        await self._start(answer, len(body))
        await self._piece(body, last=True)

    async def _start(self, answer: Answer, length: int | None, close: bool = False) -> None:
        headers = [(b"content-type", answer.content_type.encode())]
        if length is not None and answer.status not in _WITHOUT_BODY:
            headers.append((b"content-length", str(length).encode()))
        if close:
            headers.append((b"connection", b"close"))
        headers += [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        await self.send({"type": "http.response.start", "status": answer.status, "headers": headers})

    async def _piece(self, data: bytes, last: bool) -> None:
        await self.send({"type": "http.response.body", "body": b"" if self.head else data, "more_body": not last})

    def _no_answer(self, note: str) -> None:
        self.state.journal.end(self.entry, None, note)

    # Being struck

    async def _strike(self, fault: Fault, true_answer: Answer | None) -> None:
        """A fault that is done to the connection."""
        note = true_answer.note if true_answer else "not carried out"
        seconds = fault.parameters.get("seconds", 0)
        if fault.kind == "reset":
            self._no_answer(note)
            self.wire.reset()
        elif fault.kind == "close":
            self._no_answer(note)
            self.wire.close()
        elif fault.kind == "hang":
            self._no_answer(note)
            await self.wire.gone(seconds)
            self.wire.close()
        elif fault.kind == "refuse":
            await self._refuse(seconds, true_answer, note)
        elif fault.kind == "huge":
            self.state.journal.end(self.entry, 200, note)
            await self._start(Answer(200), None)
            for chunk in faults.huge_chunks(fault.parameters["megabytes"]):
                await self._piece(chunk, last=False)
                # Let other requests have their turn.
                await asyncio.sleep(0)
            await self._piece(b"", last=True)
        elif true_answer is not None and fault.kind == "slow":
            await self._dribble(true_answer, seconds)
        elif true_answer is not None:
            self._truncate(true_answer, fault.parameters["bytes"])

    async def _refuse(self, seconds: float, true_answer: Answer | None, note: str) -> None:
        if true_answer is None:
            self._no_answer(note)
            self.wire.close()
            self.state.refuse_connections(seconds)
            return
        body = true_answer.body()
        self.state.journal.end(self.entry, true_answer.status, note)
        await self._start(true_answer, len(body), close=True)
        # Shut before the answer is complete: the client cannot come back too early.
        self.state.refuse_connections(seconds)
        await self._piece(body, last=True)

    async def _dribble(self, answer: Answer, seconds: float) -> None:
        body = answer.body()
        self.state.journal.end(self.entry, answer.status, answer.note)
        await self._start(answer, len(body))
        pieces = max(1, min(len(body), int(seconds * 10)))
        for number in range(pieces):
            await asyncio.sleep(seconds / pieces)
            data = body[len(body) * number // pieces : len(body) * (number + 1) // pieces]
            await self._piece(data, last=number == pieces - 1)

    def _truncate(self, answer: Answer, count: int | None) -> None:
        body = answer.body()
        part = body[: len(body) // 2 if count is None else min(count, max(0, len(body) - 1))]
        self.state.journal.end(self.entry, answer.status, f"{answer.note}; {len(part)} of {len(body)} bytes")
        head = (
            f"HTTP/1.1 {answer.status} OK\r\nContent-Type: {answer.content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.wire.send_raw(head.encode() + part)

    async def _commit_late(self, fault: Fault) -> None:
        """Carry the request out when its client has long given up."""

        async def commit() -> None:
            await asyncio.sleep(fault.parameters["seconds"])
            answer = self._perform()
            self.state.journal.say(f"late commit: {answer.note}")

        self._no_answer("to be carried out later")
        task = asyncio.get_running_loop().create_task(commit())
        self.state.late.add(task)
        task.add_done_callback(self.state.late.discard)
        await asyncio.wait([task])
        self.wire.close()
