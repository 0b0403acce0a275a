# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hand events to ansible-rulebook, one after the other, and know when it has taken one."""

from __future__ import annotations

import asyncio
import math

from .redaction import hide

_SHORTEST, _LONGEST = 0.001, 0.05  # seconds between two looks


class Handover:
    """``queue`` is what ansible-rulebook gave the source, ``feedback`` its queue of acknowledgements or None."""

    def __init__(self, queue, feedback, api_key):
        self._queue = queue
        self._feedback = feedback
        self._api_key = api_key

    async def give(self, event, keep):
        """Hand over an event, and call ``keep`` when the rules have seen it, so that it counts as told.

        ansible-rulebook has one place between a source and the rules. What has left it has reached the rules.
        """
        await self._queue.put(_bearable(hide(event, self._api_key)))
        if self._feedback is not None:
            await self._feedback.get()
            keep()
            return
        place = getattr(self._queue, "queue", self._queue)
        pause = _SHORTEST
        try:
            while not place.empty():
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST)
        finally:
            # Also when this is cancelled: the rules may have taken it meanwhile.
            if place.empty():
                keep()


def _bearable(value):
    """The same as the engine of the rules bears it: it loses an event with a number that is none, and stalls on an
    entry without a name."""
    if isinstance(value, dict):
        return {name or "_": _bearable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_bearable(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
