# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the sandbox is at a moment: the world, the switches, the faults, the log, and how it all was at the start."""

from __future__ import annotations

import asyncio
import typing

from . import seed as seeds
from .faults import Fault, Script
from .journal import Journal
from .switches import Switches
from .world import World


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
        self.world = seeds.build(self._seed if seed is None else seed, fresh, self._first_world)
        self.switches = fresh
        self.faults.clear()
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
