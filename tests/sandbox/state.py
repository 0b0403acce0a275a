# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the sandbox is at a moment: world, switches, faults, planned acts, cache, log, and how it was at the start."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gc
import typing

from . import dates, people
from . import seed as seeds
from .cache import Cache
from .faults import Fault, Script
from .journal import Journal
from .methods import LISTS, Method
from .switches import Switches
from .world import World


def _built(seed: typing.Any, switches: Switches, keys_of: World) -> World:
    """A world, made without looking for garbage among ten thousand new findings."""
    gc.disable()
    try:
        return seeds.build(seed, switches, keys_of)
    finally:
        gc.enable()


class State:
    """Held by the application; a reset replaces the world and the switches."""

    def __init__(
        self,
        seed: typing.Any,
        switches: dict[str, typing.Any],
        journal: Journal,
        refuse_connections: typing.Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._seed = seed
        self._start_switches = dict(switches)
        self.journal = journal
        self.faults = Script()
        self.plan = people.Plan()
        self.cache = Cache()
        self._reads = 0
        # The server puts its own function here: only it can stop listening.
        self.refuse_connections = refuse_connections
        # Commits that are still to come belong to the world in which they were asked for.
        self.late: set[asyncio.Task[None]] = set()
        self.switches = Switches(self._start_switches)
        self.world: World = seeds.build(seed, self.switches)
        self._first_world = self.world

    def reset(self, seed: typing.Any = None, switches: dict[str, typing.Any] | None = None) -> None:
        """Back to the start, or to another world. Nothing changes if the seed or a switch is wrong."""
        fresh = Switches({**self._start_switches, **(switches or {})})
        self.world = _built(self._seed if seed is None else seed, fresh, self._first_world)
        self.switches = fresh
        self.faults.clear()
        self.plan.clear()
        self.cache.clear()
        self.journal.clear()
        for task in self.late:
            task.cancel()

    def add_faults(self, faults: list[Fault]) -> None:
        """Put faults into the script; one that refuses connections from now on is done at once."""
        self.faults.add([fault for fault in faults if fault.method != "now"])
        for fault in faults:
            if fault.method == "now":
                # A moment later, so that the request that asked for it gets its answer.
                asyncio.get_running_loop().call_later(0.05, self.refuse_connections, fault.parameters["seconds"])

    def run_acts(self, when: str, method: str, path: str) -> None:
        """Let people do what they planned to do right before or after a request of this method."""
        for planned in self.plan.due(when, method, path):
            planned.run(self.world)
            self.journal.say(f"people, {when} {method}: {planned.row()}"[:150])

    @contextlib.contextmanager
    def replica(self, method: Method | None) -> typing.Iterator[None]:
        """The world as a read sees it: as it is, or as it was a while ago."""
        lag, which = self.switches.replica_lag_ms, self.switches.replica_reads
        if not lag or method is None or method.http != "GET":
            yield
            return
        self._reads += 1
        if (which == "lists" and method.name not in LISTS) or (which == "every_second" and self._reads % 2):
            yield
            return
        with self.world.as_of(dates.now() - datetime.timedelta(milliseconds=lag)):
            yield
