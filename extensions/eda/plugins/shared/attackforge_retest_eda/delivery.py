# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Deliver events to ansible-rulebook, one after the other, and notice when the rule engine has taken one."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.05  # seconds between two checks of the queue


class Delivery:
    """``queue`` is what ansible-rulebook gave the source, ``feedback`` its queue of acknowledgements or None."""

    def __init__(self, queue: asyncio.Queue[Any], feedback: asyncio.Queue[Any] | None) -> None:
        self._queue = queue
        self._feedback = feedback

    async def deliver(self, event: dict[str, Any], taken: Callable[[], None]) -> None:
        """Deliver an event, and call ``taken`` once the rule engine has it, so that it counts as delivered.

        The queue between a source and the rule engine has one place. What has left it has reached the rules.
        """
        await self._queue.put(_for_engine(event))
        if self._feedback is not None:
            await self._feedback.get()
            taken()
            return
        place = getattr(self._queue, "queue", self._queue)
        pause = 0.0  # the rule engine usually takes it in the next turn of the loop
        try:
            while not place.empty():
                await asyncio.sleep(pause)
                pause = min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)
        finally:
            # Also when this is cancelled: the rule engine may have taken it meanwhile.
            if place.empty():
                taken()


def _for_engine(value: Any) -> Any:
    """The same value as the rule engine can take it.

    The engine loses an event with a number such as NaN, and hangs on a dictionary with an empty name.
    """
    if isinstance(value, dict):
        return {name or "_": _for_engine(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_for_engine(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
