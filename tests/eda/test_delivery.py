# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The delivery to the rules: what they get is what their engine can take."""

from __future__ import annotations

import asyncio
import json

from attackforge_retest_eda.delivery import Delivery


def delivered(event):
    async def play():
        queue, feedback, kept = asyncio.Queue(), asyncio.Queue(), []
        await feedback.put(None)
        await Delivery(queue, feedback).deliver(event, lambda: kept.append(True))
        assert kept == [True]
        return queue.get_nowait()

    return asyncio.run(play())


def test_what_the_engine_cannot_take_is_replaced():
    event = json.loads('{"a": [NaN, Infinity, -1e999, 1.5, "NaN"], "": {"": 1}, "b": null}')
    assert delivered(event) == {"a": [None, None, None, 1.5, "NaN"], "_": {"_": 1}, "b": None}
