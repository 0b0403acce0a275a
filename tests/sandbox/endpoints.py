# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All API methods by name: each takes a call and gives an answer, at once and without I/O, so each is atomic."""

from __future__ import annotations

from . import access, reads, writes
from .answers import Answer
from .calls import Call
from .methods import NAMES
from .world import World

HANDLERS = {**reads.HANDLERS, **writes.HANDLERS}
assert set(HANDLERS) == set(NAMES)


def perform(world: World, call: Call) -> Answer:
    """Carry out one call: the grant first, then the method itself, which looks at the access to the project."""
    access.require_grant(world, call.key, call.method.name)
    if world.switches.connection_close == "required" and call.headers.get("connection", "").lower() != "close":
        raise call.refuse("must be close", "headers", "connection")
    call.read_query()
    return HANDLERS[call.method.name](world, call)
