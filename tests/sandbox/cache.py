# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cache between a client and the service, such as a proxy: it answers reads again until they are too old."""

from __future__ import annotations

import dataclasses
import time

from .answers import Answer
from .methods import LISTS, Method
from .switches import Switches

_FRESH = ("no-cache", "no-store", "max-age=0")


class Cache:
    """Answers of reads by key and URL. Writes do not touch it, as it does not know what they change."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[float, float, Answer]] = {}

    def clear(self) -> None:
        """Keep nothing."""
        self._kept.clear()

    @staticmethod
    def keeps(switches: Switches, method: Method) -> bool:
        """Whether the answers of this method are kept."""
        if not switches.cache_ms or method.http != "GET":
            return False
        return switches.cached_reads == "all" or method.name == "GetProjectById" or method.name in LISTS

    def look_up(self, key: str, url: str, headers: dict[str, str]) -> Answer | None:
        """The answer that is kept, unless the request asks for a fresh one."""
        asked = headers.get("cache-control", "").lower().replace(" ", "").split(",")
        if any(word in _FRESH for word in asked) or headers.get("pragma", "").lower() == "no-cache":
            return None
        now = time.monotonic()
        begun, ends, answer = self._kept.get((key, url), (0.0, 0.0, Answer(200)))
        if ends < now:
            return None
        headers = {**answer.headers, "Age": str(int(now - begun))}
        return dataclasses.replace(answer, headers=headers, note=f"{answer.note}, from the cache")

    def keep(self, key: str, url: str, answer: Answer, milliseconds: int) -> None:
        """Keep an answer, if it is a good one."""
        if answer.status == 200:
            now = time.monotonic()
            self._kept[key, url] = (now, now + milliseconds / 1000, answer)
