# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source against a rough service: whatever is cut, no event is lost and none is told twice."""

from __future__ import annotations

import asyncio
import random

import aiohttp
import pytest
from attackforge_retest_eda import service, stream
from attackforge_retest_eda.errors import Refused

from tests.eda.conftest import Source
from tests.eda.rough import KEY, PROJECT, Rough
from tests.sandbox import certificates

CUTS = 50


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    """Shorter pauses than in earnest."""
    original = service.Backoff.__init__
    monkeypatch.setattr(service.Backoff, "__init__", lambda self: original(self, 0.01, 0.05))
    monkeypatch.setattr(stream, "SUBSCRIBE_TIMEOUT", 2)


def told(events):
    return [(event["name"], event["retest"]["round"]) for event in events]


def written(rough):
    return [(message["method"], number) for number, (_instant, message) in enumerate(rough.books, 1)]


@pytest.mark.parametrize("seed", range(6))
def test_fifty_cuts_lose_nothing_and_repeat_nothing(seed, tmp_path):
    """Cuts at every moment, some restarts, and every wording of an event. Each seed is another service."""
    dice = random.Random(seed)
    tls = certificates.private(str(tmp_path / "ca.pem")) if seed == 0 else None
    got = []

    async def play(rough):
        # Events may be dated half a minute back, so "now" would leave out some of the first.
        args = {
            "base_url": rough.url,
            "api_key": KEY,
            "state_file": str(tmp_path / "state"),
            "projects": [PROJECT],
            "from": "2026-01-01",
        }
        if tls:
            args["ca_path"] = str(tmp_path / "ca.pem")
        while rough.cuts < CUTS:
            async with Source("events", **args) as source:
                before = rough.opened
                await source.until(lambda: rough.opened > before)
                for _step in range(dice.randrange(5, 200)):
                    # Where the machine is busy, the source has to keep up.
                    if len(rough.books) - len(got) - len(source.events) < 20:
                        for _count in range(dice.choice((0, 1, 1, 4))):
                            rough.happen()
                    await asyncio.sleep(dice.choice((0, 0.01, 0.03)))
            # What the rules have taken when it ends counts, be it all of it or not.
            got.extend(source.events)
        async with Source("events", **args) as source:
            await source.has(len(rough.books) - len(got))
            got.extend(source.events)

    with Rough(seed, CUTS, tls) as rough:
        asyncio.run(play(rough))
    assert not rough.complaints
    assert sorted(told(got)) == sorted(written(rough))
    assert {event["retest"]["project_id"] for event in got} == {PROJECT}


@pytest.mark.parametrize("behind", [300, -300])
def test_clocks_that_differ_lose_nothing(behind):
    """The service's clock is behind the one here, or ahead, and the first event comes while the source is away."""
    rough = Rough(0, 10, clock=behind)
    rough.moments = ["before_the_handshake"] * 9 + ["after_the_answer"]

    async def play():
        async with Source("events", base_url=rough.url, api_key=KEY) as source:
            await source.until(lambda: rough.cuts >= 2)
            rough.happen()
            await source.has(1)

    with rough:
        asyncio.run(play())


def test_pings_are_no_sign_of_life():
    rough = Rough(0, 0)
    rough.pings, rough.heartbeats = True, False

    async def play():
        async with Source("events", base_url=rough.url, api_key=KEY, heartbeat_timeout=0.3) as source:
            await source.until(lambda: rough.opened >= 3, 5)

    with rough:
        asyncio.run(play())


def test_a_cut_before_a_ping_is_answered_is_one_like_others(monkeypatch):
    rough = Rough(0, 0)
    rough.pings = True

    async def pong(*_arguments):
        raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")

    async def play():
        async with Source("events", base_url=rough.url, api_key=KEY) as source:
            await source.until(lambda: rough.opened >= 3)

    monkeypatch.setattr(aiohttp.ClientWebSocketResponse, "pong", pong)
    with rough:
        asyncio.run(play())


def test_an_error_of_the_service_s_own_is_waited_out():
    async def play():
        async with Source("events", base_url=rough.url, api_key=KEY) as source:
            rough.happen()
            await source.has(1)

    with Rough(0, 0) as rough:
        rough.errors = [{"error": {"code": -32603, "message": "Internal error"}}] * 2
        asyncio.run(play())
    assert rough.opened == 3


def test_an_error_without_an_id_is_the_answer():
    async def play():
        async with Source("events", base_url=rough.url, api_key=KEY) as source:
            return await source.ends(4)

    with Rough(0, 0) as rough:
        rough.errors = [{"id": None, "error": {"code": -32600, "message": "Invalid Request"}}]
        error = asyncio.run(play())
    assert isinstance(error, Refused) and "Invalid Request" in str(error)


def test_what_is_nested_too_deep_is_left_out():
    deep = "{}{{}}{}".format('{"method": ' * 200, "}" * 200)
    assert stream._messages(f'[{deep}, {{"method": "heartbeat"}}]') == [{"method": "heartbeat"}]
    assert stream._messages("[" * 100000) == []
