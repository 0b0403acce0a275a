# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Tasks of a source, and its log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, MutableMapping
from typing import Any

from ._redaction import mask


async def run_together(*work: Coroutine[Any, Any, None]) -> None:
    """Run coroutines that have no end until the first of them fails or this is cancelled; then end them all."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def within(seconds: float, work: Coroutine[Any, Any, Any]) -> Any:
    """Wait for a coroutine for so long, or raise a timeout. Unlike `asyncio.wait_for` of older Pythons it never
    swallows being cancelled."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task], timeout=seconds)
        if not task.done():
            raise asyncio.TimeoutError()
        return task.result()
    finally:
        task.cancel()


class MaskingLog(logging.LoggerAdapter):  # type: ignore[type-arg]
    """A log in which the key is masked, at every level. Messages are whole texts, without arguments."""

    def __init__(self, name: str, api_key: str) -> None:
        super().__init__(logging.getLogger(name), {})
        self._api_key = api_key

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return mask(str(msg), self._api_key), kwargs
