# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replays in any order, of more than was asked for, cut in the middle; bursts; a state file of two sources.

No test here knows how a source works inside.
"""

from __future__ import annotations

import asyncio
import collections
import datetime
import json
import logging
import os
import time

import pytest

from tests.eda.conftest import Source
from tests.eda.faulty_service import KEY, ORDERS, FaultyService

DONE = "project-retest-completed"
HOURS = datetime.timedelta(hours=1)
LONG_AGO = {"from": "2026-01-01"}


def orderly():
    """A service that does not misbehave by itself."""
    service = FaultyService(0, 0)
    service.inclusive, service.replay_first, service.batches, service.pings = True, False, False, False
    service.order, service.by_day, service.late = ORDERS[0], False, 0
    return service


def source(service, **more):
    return Source("events", **{"base_url": service.url, "api_key": KEY, **more})


def fill(service, count, span=3 * HOURS):
    """Events evenly over the time before now."""
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    for number in range(count):
        service.create(DONE, now - span + span * number / count)


def once_each(events, count):
    rounds = collections.Counter(event["retest"]["round"] for event in events)
    return sorted(rounds) == list(range(1, count + 1)) and set(rounds.values()) == {1}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("restart", [False, True], ids=["cut", "restart"])
def test_a_replay_that_is_cut_in_the_middle_is_resumed(order, restart, tmp_path):
    service = orderly()
    service.order, service.cut_after = order, [10, 15, 0, 20]
    fill(service, 30)
    args = {"state_file": str(tmp_path / "state"), **LONG_AGO}
    got = []

    async def play():
        if restart:
            async with source(service, **args) as events:
                await events.until(lambda: len(events.events) >= 10)
            got.extend(events.events)
        async with source(service, **args) as events:
            await events.has(30 - len(got))
        got.extend(events.events)

    with service:
        asyncio.run(play())
    assert once_each(got, 30)


@pytest.mark.parametrize("order", ORDERS)
def test_a_service_that_replays_the_whole_day_repeats_nothing(order):
    """``from`` is taken for the day. The events are of yesterday, so that no midnight comes between."""
    service = orderly()
    service.order, service.by_day = order, True
    service.cut_after = [0, 1500, 1599, 0, 300]
    noon = datetime.datetime.now(datetime.timezone.utc).replace(hour=12, minute=0, second=0, microsecond=0)
    for number in range(1600):
        service.create(DONE, noon - 24 * HOURS + datetime.timedelta(seconds=number))

    async def play():
        start = (noon - 24 * HOURS).isoformat()
        async with source(service, **{"from": start}) as events:
            await events.until(lambda: service.opened >= 6 and len(events.events) >= 1600)
            service.create(DONE)
            await events.has(1601)
        return events.events

    with service:
        assert once_each(asyncio.run(play()), 1601)


def test_what_was_before_the_start_is_not_emitted_although_the_service_replays_the_day():
    service = orderly()
    service.by_day = True
    now = datetime.datetime.now(datetime.timezone.utc)
    for minutes in (5, 3, 2):
        service.create(DONE, max(now - datetime.timedelta(minutes=minutes), now.replace(hour=0, minute=0, second=0)))

    async def play():
        async with source(service) as events:
            await events.until(lambda: service.sent >= 3)
            service.create(DONE)
            await events.has(1)
        assert events.events[0]["retest"]["round"] == 4

    with service:
        asyncio.run(play())


def test_a_burst_loses_nothing_and_writes_the_state_a_few_times_a_second(tmp_path, monkeypatch):
    service, count = orderly(), 20_000
    written = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *paths: (written.append(1), replace(*paths)))

    async def play():
        async with source(service, state_file=str(tmp_path / "state"), **LONG_AGO) as events:
            await events.until(lambda: service.opened)
            for _number in range(count):
                service.create(DONE)
            begin = time.monotonic()
            await events.until(lambda: len(events.events) >= count, 110)
            seconds = time.monotonic() - begin
        async with source(service, state_file=str(tmp_path / "state"), **LONG_AGO) as again:
            await again.until(lambda: service.opened >= 2)
            await asyncio.sleep(0.5)
        return events.events + again.events, seconds

    with service:
        events, seconds = asyncio.run(play())
    assert once_each(events, count)
    assert len(written) < 5 * seconds + 20


def test_a_source_stops_reading_while_the_rules_do_not_take_its_events():
    """So that its memory is bounded: the service cannot send more than a few thousand events and what the sockets
    hold."""
    service, count = orderly(), 60_000
    fill(service, count)

    async def play():
        async with source(service, **LONG_AGO) as events:
            events.pause()
            sent = -1
            while sent != service.sent or not sent:
                sent = service.sent
                await asyncio.sleep(1)
            assert sent < count / 2

    with service:
        asyncio.run(play())


@pytest.mark.parametrize("name", ["events", "rounds"])
def test_two_sources_with_one_state_file_are_refused(name, tmp_path):
    service = orderly()
    state = str(tmp_path / "state")
    more = {"projects": ["6" * 24]} if name == "rounds" else {}

    async def play():
        async with source(service, state_file=state) as events:
            await events.until(lambda: service.opened)
            async with Source(name, base_url=service.url, api_key=KEY, state_file=state, **more) as second:
                error = await second.ends()
            service.create(DONE)
            await events.has(1)
        # It is free again now.
        async with source(service, state_file=state) as events:
            await events.until(lambda: service.opened == 2)
        return error

    with service:
        words = str(asyncio.run(play()))
    assert "in use" in words and state in words
    assert "attackforge.retest.events" in words and "of this rulebook" in words and "state_file of its own" in words


def test_the_key_is_in_no_line_of_the_log_and_not_in_the_state(tmp_path, caplog):
    service = orderly()
    service.events.append((service._now(), {"method": f"project-{KEY.upper()}", "params": {}}))
    service.events.append((service._now(), {"method": KEY * 9, "params": {KEY: [KEY]}}))
    service.create(DONE)
    service.events[-1][1]["params"][KEY] = {"status": KEY.upper()}
    service.cut_points = ["closed"]

    async def play():
        async with source(service, state_file=str(tmp_path / "state"), **LONG_AGO) as events:
            await events.has(1)
            await asyncio.sleep(0.5)
        return events.events

    with service, caplog.at_level(logging.DEBUG):
        events = asyncio.run(play())
    # The service runs in this process too, and has a log of its own.
    log = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("websockets"))
    assert "not subscribed to" in log
    for text in (log, json.dumps(events), (tmp_path / "state").read_text(encoding="utf-8")):
        assert KEY[:10].lower() not in text.lower()
