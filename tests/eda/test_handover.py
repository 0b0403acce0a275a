# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The handover to the rules: what they get is without the key, and as their engine bears it."""

from __future__ import annotations

import asyncio
import json

from attackforge_retest_eda.handover import Handover

KEY = "s3cr3t-of-a-test"


def handed(event):
    async def play():
        queue, feedback, kept = asyncio.Queue(), asyncio.Queue(), []
        await feedback.put(None)
        await Handover(queue, feedback, KEY).give(event, lambda: kept.append(True))
        assert kept == [True]
        return queue.get_nowait()

    return asyncio.run(play())


def test_what_the_engine_cannot_take_is_made_bearable():
    event = json.loads('{"a": [NaN, Infinity, -1e999, 1.5, "NaN"], "": {"": 1}, "b": null}')
    assert handed(event) == {"a": [None, None, None, 1.5, "NaN"], "_": {"_": 1}, "b": None}


def test_the_key_is_in_no_name_and_no_text():
    assert KEY not in json.dumps(handed({KEY: {"a": [KEY, f"x{KEY}x"]}}))
