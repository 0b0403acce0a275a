# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Events API: JSON-RPC over a WebSocket that tells every deed of the world, and replays what was missed.

uvicorn speaks WebSocket where the Python library websockets is installed; without it this route answers 404.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import json
import typing
import uuid

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from . import dates
from .answers import Answer, bad_key
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
        try:
            await _Connection(state, socket).run()
        except (_Cut, WebSocketDisconnect, asyncio.CancelledError, RuntimeError):
            # Coming back without a closing handshake makes the server drop the connection. A RuntimeError is
            # Starlette's word for a peer that has gone meanwhile.
            pass

    return serve


class _Connection:
    """One client from its handshake to its end."""

    def __init__(self, state: State, socket: WebSocket) -> None:
        self.state = state
        self.socket = socket
        self.key: Key | None = None
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
        self.key = self.state.world.keys.get(text)
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.socket.scope["headers"]]
        self.entry = self.state.journal.begin(
            METHOD,
            "GET",
            self.socket.url.path,
            [],
            headers,
            b"",
            self.key.label if self.key else "unknown key" if text else None,
            [*self.state.world.keys, *([text] if len(text) >= 8 else [])],
        )
        fault = self.state.faults.take(METHOD)
        if fault is not None:
            self.entry["fault"] = fault.kind
        if fault is not None and fault.kind not in KINDS:
            await self._struck(fault, text)
            return
        self.fault = fault
        if self.key is None:
            await self._deny(bad_key(self.state.switches).answer(self.state.switches))
            return
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
        wanted = parameters.get("events") if isinstance(parameters, dict) else None
        if not isinstance(wanted, list) or not wanted or set(parameters) - {"events", "from"}:
            raise _Refusal(_INVALID_PARAMS, "params must have events and may have from.")
        for name in wanted:
            if name not in NAMES:
                raise _Refusal(_INVALID_PARAMS, f"Unknown event {name!r:.60}.")
        held = self.state.switches.event_withheld
        granted = [name for name in wanted if name != held and (self.key.grants is None or name in self.key.grants)]
        if not granted or (granted != wanted and self.state.switches.event_grants == "error"):
            missing = ", ".join(name for name in wanted if name not in granted)
            raise _Refusal(_SERVER_ERROR, f"You do not have access to {missing}.")
        self.world = self.state.world
        if "from" not in parameters:
            return granted, len(self.world.deeds)
        try:
            start = dates.parse(parameters["from"])
        except ValueError:
            raise _Refusal(_INVALID_PARAMS, "from is not an ISO 8601 date.") from None
        again = self.state.switches.event_replay == "inclusive"
        for told, when in enumerate(_times(self.world)):
            if when > start or (again and when == start):
                return granted, told
        return granted, len(self.world.deeds)

    # To the client

    async def _tell(self) -> None:
        while True:
            if self.state.world is not self.world:
                # A reset: the deeds of another world begin anew.
                self.world, self.told = self.state.world, 0
            if not self.subscribed or self.told >= len(self.world.deeds):
                await asyncio.sleep(_LOOK)
                continue
            deed, when = self.world.deeds[self.told], _times(self.world)[self.told]
            self.told += 1
            visible = self.key.projects is None or deed.project_id in self.key.projects
            if deed.what in self.events and visible:
                await self._strike()
                await self._send({"method": deed.what, "params": payload(self.world, deed, when)})
                self.sent += 1

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


def _times(world: World) -> list[datetime.datetime]:
    """The timestamps of the events, one for each deed, as the switch says. They are the same at each replay."""
    if world.switches.event_timestamps == "equal":
        return [deed.time.replace(microsecond=0) for deed in world.deeds]
    if world.switches.event_timestamps == "as_done":
        return [deed.time for deed in world.deeds]
    times: list[datetime.datetime] = []
    for deed in world.deeds:
        least = times[-1] + datetime.timedelta(milliseconds=1) if times else deed.time
        times.append(max(deed.time, least))
    return times


# What an event says. Of the cancelled round it is documented; the others are assumed to be like it.

_STATUS = {
    "project-retest-requested": (REQUESTED, "Requested"),
    "project-retest-completed": (COMPLETED, "Completed"),
    "project-retest-cancelled": (CANCELLED, "Cancelled"),
}


def payload(world: World, deed: Deed, when: datetime.datetime) -> dict[str, typing.Any]:
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
    return {"timestamp": dates.show(when), "user": {"user_id": deed.by.id}, "data": data}


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
        "requested_date": dates.show(round_.requested_at),
        "retest_window": window,
        "requested_by": _person(round_.requested_by),
    }
    if status != REQUESTED:
        data[f"{status}_date"] = dates.show(deed.time)
        data[f"{status}_by"] = _person(deed.by)
    return data


def _person(person: Person) -> dict[str, str]:
    return {"user_id": person.id, "first_name": person.first_name, "last_name": person.last_name}
