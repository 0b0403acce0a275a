# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rounds without the Events API: look at the history of the projects again and again, and tell what is new."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from .errors import Refused, SSAPIError
from .handover import Handover
from .happenings import NAMES, STATUSES, Step, event_of_step, news, steps_of
from .service import Backoff, Service
from .state import StateFile
from .windows import present

SOURCE = "attackforge.retest.rounds"

logger = logging.getLogger(SOURCE)


async def run(queue, settings, feedback=None):
    """Put events into ``queue`` until this is cancelled or the service refuses from the start."""
    await _Watch(queue, settings, feedback).run()


class _Watch:
    def __init__(self, queue, settings, feedback):
        self._settings = settings
        self._service = Service(settings)
        self._turn = asyncio.Lock()
        self._handover = Handover(queue, feedback, settings.api_key)
        self._state = StateFile(settings.state_file, SOURCE, settings.base_url)
        self._known = {}  # {project id: set of Steps that need no telling any more}
        self._worked = set()  # the projects that have answered since the start

    async def run(self):
        self._known = self._state.load(_of_state) or {}
        async with self._service.session() as session:
            watches = [asyncio.ensure_future(self._watch(session, one)) for one in self._settings.projects]
            try:
                await asyncio.gather(*watches)
            finally:
                for watch in watches:
                    watch.cancel()
                await asyncio.gather(*watches, return_exceptions=True)

    async def _watch(self, session, project_id):
        backoff = Backoff()
        while True:
            async with self._turn:  # the projects are looked at one after the other
                wait = await self._look(session, project_id)
            if wait is None:
                backoff.reset()
                await asyncio.sleep(self._settings.interval)
            else:
                await backoff.pause(wait)

    async def _look(self, session, project_id):
        """Look at a project. Returns None, or where that failed the seconds that the service asks to wait for."""
        try:
            steps = steps_of(await self._service.get_project(session, project_id))
        except SSAPIError as error:
            # Once it has worked, a refusal may be a moment's trouble, such as a page for maintenance.
            if isinstance(error, Refused) and project_id not in self._worked:
                raise
            logger.warning("%s Trying again.", error.message)
            return error.retry_after or 0.0
        self._worked.add(project_id)
        await self._tell(project_id, steps)
        return None

    async def _tell(self, project_id, steps):
        if project_id not in self._known:
            # The first look: what is there already is no news.
            self._known[project_id] = set(steps)
            self._save()
            return
        for step, row in news(self._known[project_id], steps):
            keep = partial(self._keep, project_id, step)
            if step.status in NAMES and NAMES[step.status] in self._settings.events:
                await self._handover.give(event_of_step(project_id, step, row, present()), keep)
                continue
            if step.status not in NAMES:
                self._warn(project_id, step)
            keep()

    def _keep(self, project_id, step):
        self._known[project_id].add(step)
        self._save()

    def _warn(self, project_id, step):
        logger.warning(
            "Round %d of project %s has the status '%s', which is none of %s: there is no event for it.",
            step.number,
            project_id,
            step.status,
            ", ".join(STATUSES.values()),
        )

    def _save(self):
        self._state.save({project_id: sorted(map(list, steps)) for project_id, steps in self._known.items()})


def _of_state(state):
    return {
        str(project_id): {Step(int(number), str(row_id), str(status)) for number, row_id, status in steps}
        for project_id, steps in state.items()
    }
