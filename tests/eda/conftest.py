# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the event sources share."""

from __future__ import annotations

import asyncio
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "extensions" / "eda" / "plugins"

sys.path.append(str(PLUGINS / "shared"))

from tests.sandbox.control import Sandbox  # noqa: E402

HEARTBEAT = 200  # milliseconds, in the sandbox of these tests
LONGEST = 120  # seconds that a test may take, however busy the machine is


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.timeout(LONGEST))


@pytest.fixture(scope="session", name="running_sandbox")
def fixture_running_sandbox():
    with Sandbox(switches={"event_heartbeat": HEARTBEAT}) as sandbox:
        yield sandbox


@pytest.fixture(name="sandbox")
def fixture_sandbox(running_sandbox):
    """A local AttackForge as at its start."""
    running_sandbox.reset()
    return running_sandbox


class Source:
    """An event source as ansible-rulebook runs it, in this process: its file by its path, a queue with one place."""

    def __init__(self, name, **args):
        self._main = runpy.run_path(str(PLUGINS / "event_source" / (name + ".py")))["main"]
        self._args = args
        self._queue = asyncio.Queue(1)
        self._running = asyncio.Event()
        self._running.set()
        self.events = []

    async def __aenter__(self):
        self._tasks = [asyncio.ensure_future(self._main(self._queue, self._args)), asyncio.ensure_future(self._take())]
        return self

    async def __aexit__(self, *_exception):
        for task in self._tasks:
            task.cancel()
        _done, going_on = await asyncio.wait(self._tasks, timeout=20)
        assert not going_on, "the source does not end"

    async def _take(self):
        while True:
            await self._running.wait()
            self.events.append(await self._queue.get())

    def pause(self):
        """The rules take no more events."""
        self._running.clear()

    async def until(self, condition, timeout=20):
        """Wait until the condition holds. Raises what the source raises."""
        end = asyncio.get_running_loop().time() + timeout
        while not condition():
            if self._tasks[0].done():
                self._tasks[0].result()
                raise AssertionError("the source has come to an end")
            assert asyncio.get_running_loop().time() < end, (
                f"waited in vain; there are {len(self.events)}: {self.names()[-20:]!r}"
            )
            await asyncio.sleep(0.01)

    async def has(self, count, timeout=20):
        """Wait until there are so many events, and a moment longer for what would be too much."""
        await self.until(lambda: len(self.events) >= count, timeout)
        await asyncio.sleep(0.1)
        assert len(self.events) == count, self.names()

    async def ends(self, timeout=20):
        """Wait until the source ends. Returns the error it ends with."""
        await asyncio.wait([self._tasks[0]], timeout=timeout)
        assert self._tasks[0].done(), "the source goes on"
        return self._tasks[0].exception()

    def names(self):
        return [
            (event["name"].removeprefix("project-retest-"), (event.get("retest") or {}).get("round"))
            for event in self.events
        ]


async def act(sandbox, do, **values):
    """What people do, without holding up the source that runs in the same loop."""
    return await asyncio.to_thread(sandbox.act, do, **values)


def log_of(sandbox):
    """The connections that were opened to the Events API."""
    return sandbox.log("Events")
