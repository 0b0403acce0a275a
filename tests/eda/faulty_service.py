# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An Events API that misbehaves: it cuts connections at every point, and writes its events in every form.

It shares nothing with the sandbox, so that what the sandbox takes for granted is not taken for granted twice.
"""

from __future__ import annotations

import asyncio
import datetime
import email.utils
import http
import json
import random
import threading
import time

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

KEY = "faulty-key-5b1d0c7e9f"
PROJECT = "66333e1d110ab5acf8a4354e"
NAMES = ("project-retest-requested", "project-retest-completed", "project-retest-cancelled")

CUT_POINTS = (
    "before_the_handshake",
    "in_the_handshake",
    "refused_once",
    "before_subscribing",
    "before_the_answer",
    "in_the_answer",
    "after_the_answer",
    "before_an_event",
    "in_an_event",
    "after_an_event",
    "at_a_heartbeat",
    "closed",
)

ORDERS = ("oldest first", "newest first", "shuffled")

_PATIENCE = 10  # seconds that an answer to a heartbeat may take where the machine is busy


class _Cut(Exception):
    """The connection is gone."""


class FaultyService:
    """The service in a thread of its own, for as long as the context lasts. ``seed`` decides on all that it does."""

    def __init__(self, seed, cuts, tls=None, clock=0.0):
        """``clock`` is how many seconds its clock is behind."""
        self.random = random.Random(seed)
        self.cut_points = []
        self._wanted = cuts
        self.events = []  # (instant, {name, params}), in the order in which they are sent
        self.violations = []
        self.opened = self.cuts = 0
        self.key = KEY
        self.heartbeats = True
        self.errors = []  # that subscribing gets first
        self._tls = tls
        self._clock = datetime.timedelta(seconds=clock)
        self.inclusive, self.replay_first, self.bytes, self.batches, self.pings = (
            self.random.random() < 0.5 for _count in range(5)
        )
        self._equal = self.random.random() < 0.4
        self.late = self.random.choice((0, 0, 5, 30))  # seconds by which an event may be overtaken
        self.order = self.random.choice(ORDERS)  # of the events in a replay
        self.by_day = self.random.random() < 0.3  # a replay begins with the day that it is asked for
        self.cut_after = []  # after how many events the next connections are cut
        self.sent = 0  # events, replays included
        self._connections = {}
        self._open_connections = set()

    def __enter__(self):
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *_exception):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        assert not self._thread.is_alive(), "the service does not end"

    async def _run(self, ready):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        options = {"ping_interval": 0.02 if self.pings else None, "compression": None, "ssl": self._tls}
        hooks = {"process_request": self._open, "process_response": self._date}
        async with serve(self._serve, "127.0.0.1", 0, **hooks, **options) as server:
            port = server.sockets[0].getsockname()[1]
            self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}/some/where"
            ready.set()
            await self._stop.wait()

    def cut(self):
        """Cut the connections that are open."""
        self._loop.call_soon_threadsafe(lambda: [one.transport.abort() for one in self._open_connections])

    def log(self, _method):
        """The connections that were opened."""
        return [None] * self.opened

    def _now(self):
        return datetime.datetime.now(datetime.timezone.utc) - self._clock

    # What happens

    def create(self, name=None, instant=None):
        """Something happens to another round."""
        name = name or self.random.choice(NAMES)
        instant = instant or self._now() - datetime.timedelta(seconds=self.random.choice((0, 0, self.late)))
        if self._equal:
            instant = instant.replace(microsecond=0)
        instant = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
        self.events.append((instant, {"method": name, "params": self._params(name, len(self.events) + 1, instant)}))

    def _params(self, name, number, instant):
        status = name.rsplit("-", 1)[1]
        data = {
            "project_id": self.random.choice((PROJECT, PROJECT.upper())),
            "round": self.random.choice((number, str(number), float(number))),
            "status": self.random.choice((status, status.title(), status.upper(), "Canceled", None)),
            "vulnerabilities_in_scope": self.random.choice(
                (
                    None,
                    [],
                    "none",
                    [{"title": "Injection", "id": "6639508f50523053f459d29f", "alternate_id": "WEBAPP-1"}],
                )
            ),
            "retest_window": self.random.choice((None, {}, {"start_date": "2026-12-01T00:00:00Z", "end_date": None})),
            "unknown": {"deep": [[[[]]]], "text": "\ud800 \u2028 \0", "number": 1e300},
        }
        for left_out in ("status", "vulnerabilities_in_scope", "retest_window", "unknown"):
            if self.random.random() < 0.3:
                del data[left_out]
        wrapped = self.random.choice(({"data": data}, {"data": {"retest": data}}, {"retest": data}, data))
        return {**wrapped, "timestamp": self._stamp(instant), "user": {"user_id": 1}}

    def _stamp(self, instant):
        form = self.random.choice(("Z", "+00:00", "+02:00"))
        if form == "+02:00":
            instant = instant + datetime.timedelta(hours=2)
        return (
            instant.replace(tzinfo=None).isoformat(timespec="auto" if instant.microsecond == 0 else "milliseconds")
            + form
        )

    # A connection

    def _open(self, connection, request):
        self.opened += 1
        if not self.cut_points:
            self.cut_points = self.random.sample(CUT_POINTS, len(CUT_POINTS))
        cut_point = self.cut_points.pop() if self.cuts < self._wanted else None
        left = self.random.randrange(4)  # events until it is cut
        if self.cut_after:
            cut_point, left = "before_an_event", self.cut_after.pop(0)
        self._connections[connection] = cut_point, left
        self.cuts += cut_point in CUT_POINTS[:3]
        if request.headers.get("X-SSAPI-KEY") != KEY or request.path != "/some/where/api/ss/events":
            self.violations.append(request.path)
        if cut_point == "before_the_handshake":
            connection.transport.abort()
        elif cut_point == "in_the_handshake":
            connection.transport.write(b"HTTP/1.1 101 Switching Pro")
            connection.transport.abort()
        elif cut_point == "refused_once":
            return connection.respond(http.HTTPStatus.BAD_GATEWAY, "<html>" + KEY)
        return None

    def _date(self, _connection, _request, response):
        del response.headers["Date"]
        response.headers["Date"] = email.utils.format_datetime(self._now(), usegmt=True)

    async def _serve(self, connection):
        self._open_connections.add(connection)
        try:
            await _Connection(self, connection, *self._connections.pop(connection)).run()
        except (ConnectionClosed, ConnectionError):
            pass
        except _Cut:
            self.cuts += 1
            connection.transport.abort()
        finally:
            self._open_connections.discard(connection)

    def replay(self, start, count):
        """The places of those among the first events that come after an instant, in the order of a replay."""
        if self.by_day:
            start = start.replace(hour=0, minute=0, second=0, microsecond=0)
        places = [
            place
            for place, (instant, _message) in enumerate(self.events[:count])
            if instant > start or (self.inclusive and instant == start)
        ]
        if self.order == "newest first":
            return places[::-1]
        return self.random.sample(places, len(places)) if self.order == "shuffled" else places


class _Connection:
    def __init__(self, service, connection, cut_point, left):
        self._service = service
        self._connection = connection
        self._cut_point = cut_point
        self._left = left  # events until it is cut
        self._asked = {}  # {id of a heartbeat without an answer so far: when it was sent}
        self._beats = 0

    async def run(self):
        service = self._service
        listening = asyncio.ensure_future(self._listen())
        try:
            self._cut_at("before_subscribing")
            subscription = await listening
            self._cut_at("before_the_answer")
            if service.errors:
                await self._send({"id": subscription["id"], **service.errors.pop(0)})
                await self._listen()
            sent = len(service.events)  # what happens meanwhile comes after the replay
            replay = service.replay(_instant(subscription["params"]["from"]), sent)
            answer = {
                "id": subscription["id"],
                "result": service.random.choice(
                    (subscription["params"]["events"], {"events": subscription["params"]["events"]}, True)
                ),
            }
            if service.replay_first:
                await self._emit(replay)
            await self._send(answer, at="in_the_answer")
            self._cut_at("after_the_answer")
            if not service.replay_first:
                await self._emit(replay)
            listening = asyncio.ensure_future(self._listen())
            while not listening.done():
                if service.heartbeats and service.random.random() < 0.3:
                    await self._beat()
                new, sent = range(sent, len(service.events)), len(service.events)
                await self._emit(new)
                await asyncio.sleep(0.01)
            listening.result()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self):
        """Read until something other than the answer to a heartbeat comes."""
        async for text in self._connection:
            message = json.loads(text)
            if "method" in message:
                return message
            del self._asked[message["id"]]
            _instant(message["result"])
        raise ConnectionError("the client has gone")

    async def _beat(self):
        now = time.monotonic()
        if self._asked and now - min(self._asked.values()) > _PATIENCE:
            self._service.violations.append("a heartbeat is not answered")
        self._beats += 1
        number = self._service.random.choice((self._beats, f"beat-{self._beats}"))
        self._asked[number] = now
        await self._send({"method": "heartbeat", "id": number})
        self._cut_at("at_a_heartbeat")

    async def _emit(self, places):
        messages = [self._service.events[place][1] for place in places]
        if self._service.random.random() < 0.2:
            messages = [one for one in messages for _twice in range(2)]
        while messages:
            self._left -= 1
            last = self._left < 0
            if last:
                self._cut_at("before_an_event")
            count = 3 if self._service.batches else 1
            await self._send(*messages[:count], at="in_an_event" if last else None)
            self._service.sent += len(messages[:count])
            del messages[:count]
            if last:
                self._cut_at("after_an_event")
                if self._cut_point == "closed":
                    await self._connection.close(self._service.random.choice((1000, 1001, 1008, 1012)), KEY)
                    raise _Cut

    async def _send(self, *messages, at=None):
        batch = [{"jsonrpc": "2.0", **message} for message in messages]
        text = json.dumps(batch if len(batch) > 1 else batch[0])
        frame = text.encode() if self._service.bytes else text
        if at is not None and at == self._cut_point:
            opcode = Opcode.BINARY if self._service.bytes else Opcode.TEXT
            whole = Frame(opcode, text.encode()).serialize(mask=False)
            self._connection.transport.write(whole[: self._service.random.randrange(1, len(whole))])
            raise _Cut
        await self._connection.send(frame)

    def _cut_at(self, cut_point):
        if cut_point == self._cut_point:
            raise _Cut


def _instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
