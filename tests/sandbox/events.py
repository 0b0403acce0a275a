# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Events API: JSON-RPC over a WebSocket that tells every deed of the world, and replays what was missed.

uvicorn speaks WebSocket with the Python library websockets; without it this route would answer 404.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import json
import typing
import uuid

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from . import dates
from .answers import Answer, bad_key
from .records import person_row
from .world import CANCELLED, COMPLETED, REQUESTED, Deed, Key, Person, Project, World

if typing.TYPE_CHECKING:
    from .faults import Fault
    from .state import State

# As faults and the log call it.
METHOD = "Events"
NAMES = (
    "project-retest-requested",
    "project-retest-completed",
    "project-retest-cancelled",
    "vulnerability-created",
    "vulnerability-updated",
    "vulnerability-remediation-note-created",
    "project-updated",
)
# Faults that are done to a subscription; every other kind is done to the request that opens the connection.
KINDS = ("cut", "silence", "subscribe_error", "subscribe_unanswered")
_ANSWERS = ("status", "redirect", "login_page", "garbage", "echo_key")

_LOOK = 0.01
_SERVER_ERROR, _INVALID_REQUEST, _NO_SUCH_METHOD, _INVALID_PARAMS = -32000, -32600, -32601, -32602


class _Cut(Exception):
    """The connection ends without a word."""


@dataclasses.dataclass
class _Refusal(Exception):
    """An error as JSON-RPC has it."""

    code: int
    message: str


def endpoint(state: State) -> typing.Callable[[WebSocket], typing.Awaitable[None]]:
    """The endpoint for a route."""

    async def serve(socket: WebSocket) -> None:
        # Coming back without a closing handshake makes the server drop the connection. A RuntimeError is Starlette's
        # word for a peer that has gone meanwhile.
        with contextlib.suppress(_Cut, WebSocketDisconnect, asyncio.CancelledError, RuntimeError):
            await _Connection(state, socket).run()

    return serve


class _Connection:
    """One client from its handshake to its end."""

    def __init__(self, state: State, socket: WebSocket) -> None:
        self.state = state
        self.socket = socket
        # Whoever has no key is turned away before anything else is done.
        self.key = Key("", "", frozenset(), frozenset(), frozenset(), "view", {}, "client", Person("", "", ""))
        self.events: frozenset[str] = frozenset()
        self.subscribed = False
        self.world: World = state.world
        # How many of the world's deeds this client has been told, or has not asked for.
        self.told = len(state.world.deeds)
        self.sent = 0
        self.unanswered = 0
        self.fault: Fault | None = None
        self.silent = False

    async def run(self) -> None:
        """The handshake, then both directions until one of them ends."""
        text = self.socket.headers.get("x-ssapi-key", "")
        key = self.state.world.keys.get(text)
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.socket.scope["headers"]]
        self.entry = self.state.journal.begin(
            METHOD,
            "GET",
            self.socket.url.path,
            [],
            headers,
            b"",
            key.label if key else "unknown key" if text else None,
            [*self.state.world.keys, *([text] if len(text) >= 8 else [])],
        )
        fault = self.state.faults.take(METHOD, self.socket.url.path)
        if fault is not None:
            self.entry["fault"] = fault.kind
        if fault is not None and fault.kind not in KINDS:
            await self._struck(fault, text)
            return
        self.fault = fault
        if key is None:
            await self._deny(bad_key(self.state.switches).answer(self.state.switches))
            return
        self.key = key
        await self.socket.accept()
        self.state.journal.end(self.entry, 101, "connected")
        tasks = [asyncio.ensure_future(work()) for work in (self._listen, self._tell, self._beat)]
        try:
            done, _pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _struck(self, fault: Fault, key: str) -> None:
        from . import faults

        if fault.kind in _ANSWERS:
            await self._deny(faults.answer(fault, key, None))
            return
        self.state.journal.end(self.entry, None, "no answer")
        if fault.kind == "hang":
            await asyncio.sleep(fault.parameters["seconds"])
        raise _Cut

    async def _deny(self, answer: Answer) -> None:
        self.state.journal.end(self.entry, answer.status, answer.note)
        response = Response(answer.body(), answer.status, answer.headers, answer.content_type)
        await self.socket.send_denial_response(response)

    async def _send(self, document: typing.Any) -> None:
        if not self.silent:
            await self.socket.send_text(json.dumps({"jsonrpc": "2.0", **document}, separators=(",", ":")))

    # From the client

    async def _listen(self) -> None:
        while True:
            message = json.loads(await self.socket.receive_text())
            if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
                await self._send({"id": None, "error": {"code": _INVALID_REQUEST, "message": "Invalid Request"}})
            elif "method" not in message:
                self.unanswered = 0
            elif self.fault is None or self.fault.kind != "subscribe_unanswered":
                await self._answer(message)

    async def _answer(self, message: dict[str, typing.Any]) -> None:
        try:
            result, told = self._subscribe(message)
        except _Refusal as refusal:
            error = {"code": refusal.code, "message": refusal.message}
            self.state.journal.say(f"{self.key.label:<14} subscribe refused: {refusal.message}")
            await self._send({"id": message.get("id"), "error": error})
            return
        await self._send({"id": message.get("id"), "result": result})
        self.state.journal.say(f"{self.key.label:<14} subscribed, {len(self.world.deeds) - told} to replay")
        self.told, self.events, self.subscribed = told, frozenset(result), True

    def _subscribe(self, message: dict[str, typing.Any]) -> tuple[list[str], int]:
        """The events that are granted, and from which deed on they are told."""
        if message["method"] != "subscribe":
            raise _Refusal(_NO_SUCH_METHOD, "Method not found")
        if self.fault is not None and self.fault.kind == "subscribe_error":
            raise _Refusal(_SERVER_ERROR, self.fault.parameters["message"])
        parameters = message.get("params")
        if not isinstance(parameters, dict) or set(parameters) - {"events", "from"}:
            raise _Refusal(_INVALID_PARAMS, "params must have events and may have from.")
        granted = self._granted(parameters.get("events"))
        self.world = self.state.world
        return granted, self._first_to_tell(parameters) if "from" in parameters else len(self.world.deeds)

    def _granted(self, wanted: typing.Any) -> list[str]:
        """Those of the events that the key may have."""
        if not isinstance(wanted, list) or not wanted:
            raise _Refusal(_INVALID_PARAMS, "events must be a list of names.")
        for name in wanted:
            if name not in NAMES:
                raise _Refusal(_INVALID_PARAMS, f"Unknown event {name!r:.60}.")
        held = self.state.switches.event_withheld
        granted = [name for name in wanted if name != held and (self.key.grants is None or name in self.key.grants)]
        if not granted or (granted != wanted and self.state.switches.event_grants == "error"):
            missing = ", ".join(name for name in wanted if name not in granted)
            raise _Refusal(_SERVER_ERROR, f"You do not have access to {missing}.")
        return granted

    def _first_to_tell(self, parameters: dict[str, typing.Any]) -> int:
        """The place of the first deed since ``from``."""
        try:
            start = dates.parse(parameters["from"])
        except ValueError:
            raise _Refusal(_INVALID_PARAMS, "from is not an ISO 8601 date.") from None
        if self.state.switches.event_from == "day":
            start = start.replace(hour=0, minute=0, second=0, microsecond=0)
        again = self.state.switches.event_replay == "inclusive"
        for told, deed in enumerate(self.world.deeds):
            when = _time(self.world, deed)
            if when > start or (again and when == start):
                return told
        return len(self.world.deeds)

    # To the client

    async def _tell(self) -> None:
        while True:
            if self.state.world is not self.world:
                # A reset: the deeds of another world begin anew.
                self.world, self.told = self.state.world, 0
            if not self.subscribed or self.told >= len(self.world.deeds):
                await asyncio.sleep(_LOOK)
                continue
            world = self.world
            for deed in self._untold():
                if deed.what in self.events and self.key.sees([deed.project_id]):
                    await self._strike()
                    await self._send({"method": deed.what, "params": payload(world, deed)})
                    self.sent += 1

    def _untold(self) -> list[Deed]:
        """What there is to tell, in the order of the switch; it is told with this."""
        deeds = self.world.deeds[self.told :]
        self.told += len(deeds)
        if self.state.switches.event_order == "newest_first":
            deeds.reverse()
        return deeds

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.state.switches.event_heartbeat / 1000)
            if self.unanswered >= 2:
                self.state.journal.say(f"{self.key.label:<14} answers no heartbeat")
                raise _Cut
            await self._strike()
            await self._send({"method": "heartbeat", "id": str(uuid.uuid4())})
            self.unanswered += not self.silent

    async def _strike(self) -> None:
        if self.fault is None or not self.subscribed or self.sent < self.fault.parameters.get("after", 0):
            return
        if self.fault.kind == "cut":
            raise _Cut
        self.silent = self.silent or self.fault.kind == "silence"


def _time(world: World, deed: Deed) -> datetime.datetime:
    """The timestamp of an event as the switch says. It is the same at each replay."""
    how = world.switches.event_timestamps
    return deed.unique if how == "unique" else deed.time if how == "as_done" else deed.time.replace(microsecond=0)


# What an event says. Of the cancelled round it is documented; the others are assumed to be like it.

_STATUS = {
    "project-retest-requested": (REQUESTED, "Requested"),
    "project-retest-completed": (COMPLETED, "Completed"),
    "project-retest-cancelled": (CANCELLED, "Cancelled"),
}


def payload(world: World, deed: Deed) -> dict[str, typing.Any]:
    """The params of an event."""
    project = world.projects[deed.project_id]
    if deed.what in _STATUS:
        data = _round(project, deed)
    else:
        data = {"project_id": project.id, "project_name": project.name, **deed.subject}
        finding = world.findings.get(deed.subject.get("vulnerability_id", ""))
        if finding is not None:
            data["vulnerability_alternate_id"] = finding.alternate_id
            data["vulnerability_title"] = finding.title
    return {"timestamp": dates.show(_time(world, deed)), "user": {"user_id": deed.by.id}, "data": data}


def _round(project: Project, deed: Deed) -> dict[str, typing.Any]:
    round_ = next(item for item in project.rounds if item.id == deed.subject["round_id"])
    status, word = _STATUS[deed.what]
    window = {"start_date": dates.show(round_.start)}
    if round_.end is not None:
        window["end_date"] = dates.show(round_.end)
    findings = [project.findings[name] for name in round_.scope]
    data = {
        "project_id": project.id,
        "round": round_.number,
        "status": word,
        "vulnerabilities_in_scope": [
            {"title": item.title, "id": item.id, "alternate_id": item.alternate_id} for item in findings
        ],
        "requested_date": dates.show(round_.requested_date or round_.requested_at),
        "retest_window": window,
        "requested_by": person_row(round_.requested_by),
    }
    if status != REQUESTED:
        told = round_.completed_date if status == COMPLETED else None
        data[f"{status}_date"] = dates.show(told or deed.time)
        data[f"{status}_by"] = person_row(deed.by)
    return data
