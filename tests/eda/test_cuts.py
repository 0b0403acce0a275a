# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source against a service that misbehaves: whatever is cut, no event is lost and none is delivered twice."""

from __future__ import annotations

import asyncio
import json
import random

import aiohttp
import pytest
from attackforge_retest_eda import arguments, client, stream
from attackforge_retest_eda._errors import FateUnknown, Refused

from tests.eda.conftest import PLUGINS, Source
from tests.eda.faulty_service import KEY, PROJECT, FaultyService
from tests.sandbox import certificates

CUTS = 50


def settings():
    args = {"base_url": "https://tenant.example", "api_key": KEY}
    return arguments.read(arguments.EventsSettings, PLUGINS / "event_source/schemas/events.json", args, {})


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    """Shorter pauses than in earnest."""
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(client, "LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(stream, "SUBSCRIBE_TIMEOUT", 2)


def emitted(events):
    return [(event["name"], event["retest"]["round"]) for event in events]


def created(service):
    return [(message["method"], number) for number, (_instant, message) in enumerate(service.events, 1)]


@pytest.mark.parametrize("seed", range(6))
def test_fifty_cuts_lose_nothing_and_repeat_nothing(seed, tmp_path):
    """Cuts at every point, some restarts, every form of an event, replays in any order. A seed is a service."""
    choices = random.Random(seed)
    tls = certificates.private(str(tmp_path / "ca.pem")) if seed == 0 else None
    got = []

    async def play(service):
        # Events may be dated half a minute back, so "now" would leave out some of the first.
        args = {
            "base_url": service.url,
            "api_key": KEY,
            "state_file": str(tmp_path / "state"),
            "projects": [PROJECT],
            "from": "2026-01-01",
        }
        if tls:
            args["ca_path"] = str(tmp_path / "ca.pem")
        while service.cuts < CUTS:
            async with Source("events", **args) as source:
                await source.until(lambda before=service.opened: service.opened > before)
                for _step in range(choices.randrange(5, 200)):
                    # Where the machine is busy, the source has to keep up.
                    if len(service.events) - len(got) - len(source.events) < 20:
                        for _count in range(choices.choice((0, 1, 1, 4))):
                            service.create()
                    await asyncio.sleep(choices.choice((0, 0.01, 0.03)))
            # What the rules have taken when it ends counts, be it all of it or not.
            got.extend(source.events)
        async with Source("events", **args) as source:
            await source.has(len(service.events) - len(got))
            got.extend(source.events)

    with FaultyService(seed, CUTS, tls) as service:
        asyncio.run(play(service))
    assert not service.violations
    assert sorted(emitted(got)) == sorted(created(service))
    assert {event["retest"]["project_id"] for event in got} == {PROJECT}


@pytest.mark.parametrize("behind", [300, -300])
def test_clocks_that_differ_lose_nothing(behind):
    """The service's clock is behind the one here, or ahead, and the first event comes while the source is away."""
    service = FaultyService(0, 10, clock=behind)
    service.cut_points = ["before_the_handshake"] * 9 + ["after_the_answer"]

    async def play():
        async with Source("events", base_url=service.url, api_key=KEY) as source:
            await source.until(lambda: service.cuts >= 2)
            service.create()
            await source.has(1)

    with service:
        asyncio.run(play())


def test_pings_are_no_sign_of_life():
    service = FaultyService(0, 0)
    service.pings, service.heartbeats = True, False

    async def play():
        async with Source("events", base_url=service.url, api_key=KEY, heartbeat_timeout=0.3) as source:
            await source.until(lambda: service.opened >= 3, 5)

    with service:
        asyncio.run(play())


def test_a_cut_before_a_ping_is_answered_is_one_like_others(monkeypatch):
    service = FaultyService(0, 0)
    service.pings = True

    async def pong(*_arguments):
        raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")

    async def play():
        async with Source("events", base_url=service.url, api_key=KEY) as source:
            await source.until(lambda: service.opened >= 3)

    monkeypatch.setattr(aiohttp.ClientWebSocketResponse, "pong", pong)
    with service:
        asyncio.run(play())


def test_an_error_of_the_service_s_own_is_waited_out():
    async def play():
        async with Source("events", base_url=service.url, api_key=KEY) as source:
            service.create()
            await source.has(1)

    with FaultyService(0, 0) as service:
        service.errors = [{"error": {"code": -32603, "message": "Internal error"}}] * 2
        asyncio.run(play())
    assert service.opened == 3


def test_an_error_without_an_id_is_the_answer():
    async def play():
        async with Source("events", base_url=service.url, api_key=KEY) as source:
            return await source.ends(4)

    with FaultyService(0, 0) as service:
        service.errors = [{"id": None, "error": {"code": -32600, "message": "Invalid Request"}}]
        error = asyncio.run(play())
    assert isinstance(error, Refused) and "Invalid Request" in str(error)


class Socket:
    """A connection that sends the given messages and then ends."""

    close_code = None

    def __init__(self, messages):
        self._messages = messages
        self.sent = []

    async def send_str(self, text):
        self.sent.append(json.loads(text))

    async def receive(self):
        if not self._messages:
            return aiohttp.WSMessage(aiohttp.WSMsgType.CLOSED, None, None)
        message = self._messages.pop(0)
        if message is None:
            message = {"id": self.sent[0]["id"], "result": self.sent[0]["params"]["events"]}
        return aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, json.dumps(message), None)

    async def close(self):
        pass


def test_time_in_which_the_rules_were_busy_does_not_make_a_replay_whole(monkeypatch):
    """The newest event is followed by a pause of the source's own; older ones are still to be read."""
    monkeypatch.setattr(stream, "REPLAY_QUIET", 0.2)
    monkeypatch.setattr(stream, "MAX_WAITING", 1)
    name = "project-retest-completed"
    times = ("2026-03-01T03:00:00Z", "2026-03-01T02:00:00Z", "2099-01-01T00:00:00Z", "2098-01-01T00:00:00Z")
    events = [
        {"method": name, "params": {"timestamp": when, "data": {"project_id": PROJECT, "round": number}}}
        for number, when in enumerate(times)
    ]

    async def play():
        args = {"base_url": "https://tenant.example", "api_key": KEY, "from": "2026-03-01"}
        schema = PLUGINS / "event_source/schemas/events.json"
        reader = stream._Stream(asyncio.Queue(1), arguments.read(arguments.EventsSettings, schema, args, {}), None)
        reader._delivered = stream.Position(stream.to_ms(reader._settings.start))
        reader._start, reader._received = None, reader._delivered.copy()
        begin = reader._received.floor
        reading = asyncio.ensure_future(reader._read_connection(Socket([None, *events])))
        for _event in events:
            await asyncio.sleep(0.3)
            await reader._waiting.get()
        with pytest.raises(FateUnknown, match="has ended"):
            await reading
        assert reader._received.floor == begin

    asyncio.run(play())


def test_what_is_nested_too_deep_is_left_out():
    deep = "{}{{}}{}".format('{"method": ' * 200, "}" * 200)
    reader = stream._Stream(asyncio.Queue(1), settings(), None)
    assert reader._messages(f'[{deep}, {{"method": "heartbeat"}}]') == [{"method": "heartbeat"}]
    assert reader._messages("[" * 100000) == []
