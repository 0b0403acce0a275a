# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rough Events API: it cuts connections at every moment there is, and words what it tells in every way there is.

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

KEY = "rough-key-5b1d0c7e9f"
PROJECT = "66333e1d110ab5acf8a4354e"
NAMES = ("project-retest-requested", "project-retest-completed", "project-retest-cancelled")

MOMENTS = (
    "before_the_handshake",
    "in_the_handshake",
    "refused_for_a_moment",
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

_PATIENCE = 10  # seconds that an answer to a heartbeat may take where the machine is busy


class _Cut(Exception):
    """The connection is gone."""


class Rough:
    """The service in a thread of its own, for as long as the context lasts. ``seed`` decides on all that it does."""

    def __init__(self, seed, cuts, tls=None, clock=0.0):
        """``clock`` is how many seconds its clock is behind."""
        self.dice = random.Random(seed)
        self.moments = []
        self._wanted = cuts
        self.books = []  # (instant, {name, params}), in the order in which they are told
        self.complaints = []
        self.opened = self.cuts = 0
        self.key = KEY
        self.heartbeats = True
        self.errors = []  # that subscribing gets first
        self._tls = tls
        self._clock = datetime.timedelta(seconds=clock)
        self.inclusive, self.replay_first, self.bytes, self.batches, self.pings = (
            self.dice.random() < 0.5 for _count in range(5)
        )
        self._equal = self.dice.random() < 0.4
        self.late = self.dice.choice((0, 0, 5, 30))  # seconds by which an event may be overtaken
        self._lines = {}

    def __enter__(self):
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *_exception):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        assert not self._thread.is_alive(), "the rough service does not end"

    async def _run(self, ready):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        options = {"ping_interval": 0.02 if self.pings else None, "compression": None, "ssl": self._tls}
        hooks = {"process_request": self._open, "process_response": self._date}
        async with serve(self._serve, "127.0.0.1", 0, **hooks, **options) as server:
            port = server.sockets[0].getsockname()[1]
            self.url = "%s://127.0.0.1:%d/some/where" % ("https" if self._tls else "http", port)
            ready.set()
            await self._stop.wait()

    def log(self, _method):
        """The connections that were opened."""
        return [None] * self.opened

    def _now(self):
        return datetime.datetime.now(datetime.timezone.utc) - self._clock

    # What happens

    def happen(self, name=None):
        """Another round has come as far as an event tells."""
        name = name or self.dice.choice(NAMES)
        instant = self._now() - datetime.timedelta(seconds=self.dice.choice((0, 0, self.late)))
        if self._equal:
            instant = instant.replace(microsecond=0)
        instant = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
        self.books.append((instant, {"method": name, "params": self._params(name, len(self.books) + 1, instant)}))

    def _params(self, name, number, instant):
        status = name.rsplit("-", 1)[1]
        data = {
            "project_id": self.dice.choice((PROJECT, PROJECT.upper())),
            "round": self.dice.choice((number, str(number), float(number))),
            "status": self.dice.choice((status, status.title(), status.upper(), "Canceled", None)),
            "vulnerabilities_in_scope": self.dice.choice(
                (
                    None,
                    [],
                    "none",
                    [{"title": "Injection", "id": "6639508f50523053f459d29f", "alternate_id": "WEBAPP-1"}],
                )
            ),
            "retest_window": self.dice.choice((None, {}, {"start_date": "2026-12-01T00:00:00Z", "end_date": None})),
            "unknown": {"deep": [[[[]]]], "text": "\ud800 \u2028 \0", "number": 1e300},
        }
        for left_out in ("status", "vulnerabilities_in_scope", "retest_window", "unknown"):
            if self.dice.random() < 0.3:
                del data[left_out]
        said = self.dice.choice(({"data": data}, {"data": {"retest": data}}, {"retest": data}, data))
        return {**said, "timestamp": self._stamp(instant), "user": {"user_id": 1}}

    def _stamp(self, instant):
        form = self.dice.choice(("Z", "+00:00", "+02:00"))
        if form == "+02:00":
            instant = instant + datetime.timedelta(hours=2)
        return (
            instant.replace(tzinfo=None).isoformat(timespec="auto" if instant.microsecond == 0 else "milliseconds")
            + form
        )

    # A connection

    def _open(self, connection, request):
        self.opened += 1
        if not self.moments:
            self.moments = self.dice.sample(MOMENTS, len(MOMENTS))
        moment = self.moments.pop() if self.cuts < self._wanted else None
        self._lines[connection] = moment
        self.cuts += moment in MOMENTS[:3]
        if request.headers.get("X-SSAPI-KEY") != KEY or request.path != "/some/where/api/ss/events":
            self.complaints.append(request.path)
        if moment == "before_the_handshake":
            connection.transport.abort()
        elif moment == "in_the_handshake":
            connection.transport.write(b"HTTP/1.1 101 Switching Pro")
            connection.transport.abort()
        elif moment == "refused_for_a_moment":
            return connection.respond(http.HTTPStatus.BAD_GATEWAY, "<html>" + KEY)
        return None

    def _date(self, _connection, _request, response):
        del response.headers["Date"]
        response.headers["Date"] = email.utils.format_datetime(self._now(), usegmt=True)

    async def _serve(self, connection):
        try:
            await _Line(self, connection, self._lines.pop(connection)).run()
        except (ConnectionClosed, ConnectionError):
            pass
        except _Cut:
            self.cuts += 1
            connection.transport.abort()

    def replay(self, start):
        """The places in the books that come after an instant."""
        return [
            place
            for place, (instant, _message) in enumerate(self.books)
            if instant > start or (self.inclusive and instant == start)
        ]


class _Line:
    def __init__(self, service, connection, moment):
        self._service = service
        self._connection = connection
        self._moment = moment
        self._left = service.dice.randrange(4)  # events until it is cut
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
                await self._say({"id": subscription["id"], **service.errors.pop(0)})
                await self._listen()
            replay, told = service.replay(_instant(subscription["params"]["from"])), len(service.books)
            answer = {
                "id": subscription["id"],
                "result": service.dice.choice(
                    (subscription["params"]["events"], {"events": subscription["params"]["events"]}, True)
                ),
            }
            if service.replay_first:
                await self._tell(replay)
            await self._say(answer, at="in_the_answer")
            self._cut_at("after_the_answer")
            if not service.replay_first:
                await self._tell(replay)
            listening = asyncio.ensure_future(self._listen())
            while not listening.done():
                if service.heartbeats and service.dice.random() < 0.3:
                    await self._beat()
                new, told = range(told, len(service.books)), len(service.books)
                await self._tell(new)
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
            self._service.complaints.append("a heartbeat is not answered")
        self._beats += 1
        number = self._service.dice.choice((self._beats, "beat-%d" % self._beats))
        self._asked[number] = now
        await self._say({"method": "heartbeat", "id": number})
        self._cut_at("at_a_heartbeat")

    async def _tell(self, places):
        messages = [self._service.books[place][1] for place in places]
        if self._service.dice.random() < 0.2:
            messages = [one for one in messages for _twice in range(2)]
        while messages:
            self._left -= 1
            last = self._left < 0
            if last:
                self._cut_at("before_an_event")
            count = 3 if self._service.batches else 1
            await self._say(*messages[:count], at="in_an_event" if last else None)
            del messages[:count]
            if last:
                self._cut_at("after_an_event")
                if self._moment == "closed":
                    await self._connection.close(self._service.dice.choice((1000, 1001, 1008, 1012)), KEY)
                    raise _Cut

    async def _say(self, *messages, at=None):
        said = [{"jsonrpc": "2.0", **message} for message in messages]
        text = json.dumps(said if len(said) > 1 else said[0])
        frame = text.encode() if self._service.bytes else text
        if at is not None and at == self._moment:
            opcode = Opcode.BINARY if self._service.bytes else Opcode.TEXT
            whole = Frame(opcode, text.encode()).serialize(mask=False)
            self._connection.transport.write(whole[: self._service.dice.randrange(1, len(whole))])
            raise _Cut
        await self._connection.send(frame)

    def _cut_at(self, moment):
        if moment == self._moment:
            raise _Cut


def _instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
