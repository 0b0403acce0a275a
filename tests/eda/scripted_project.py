# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""GetProjectById with answers that a test writes, one after the other."""

from __future__ import annotations

import json

from aiohttp import web

KEY = "scripted-key-7c3d90ab"
PROJECT = "66333e1d110ab5acf8a4354e"


class ScriptedProject:
    """The service for one project, in the loop of the test. ``answer`` is called with the number of the read, from 1,
    and returns the history, a whole record, or a response."""

    def __init__(self, answer):
        self._answer = answer
        self.reads = 0
        self.requests = []

    async def __aenter__(self):
        app = web.Application()
        app.router.add_get(f"/api/ss/project/{PROJECT}", self._get)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_exception):
        await self._runner.cleanup()

    async def _get(self, request):
        self.reads += 1
        self.requests.append(request)
        answer = self._answer(self.reads)
        if isinstance(answer, web.Response):
            return answer
        if isinstance(answer, list):
            answer = {"project_id": PROJECT, "project_retesting_history": answer}
        return web.Response(text=json.dumps({"project": answer}), content_type="application/json")
