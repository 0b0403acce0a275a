# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Rounds without the Events API: read the history of the projects again and again, and report what is new."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import aiohttp

from ._errors import Refused, SSAPIError
from ._windows import present
from .arguments import RoundsSettings
from .client import Backoff, Client
from .delivery import Delivery
from .events import JSON, NAMES, STATUSES, event_of_row
from .history import History, Step
from .state_file import StateFile, StateWriter
from .tasks import MaskingLog, run_together

SOURCE = "attackforge.retest.rounds"


async def run(queue: asyncio.Queue[Any], settings: RoundsSettings, feedback: asyncio.Queue[Any] | None = None) -> None:
    """Put events into ``queue`` until this is cancelled or the service refuses from the start."""
    await _Poller(queue, settings, feedback).run()


class _Poller:
    """One task a project. The projects are read one after the other, each at its own interval."""

    def __init__(
        self, queue: asyncio.Queue[Any], settings: RoundsSettings, feedback: asyncio.Queue[Any] | None
    ) -> None:
        self._settings = settings
        self._log = MaskingLog(SOURCE, settings.api_key)
        self._client = Client(settings)
        self._turn = asyncio.Lock()
        self._delivery = Delivery(queue, feedback)
        self._file = StateFile(settings.state_file, SOURCE, settings.base_url)
        self._writer = StateWriter(self._file, self._state)
        self._histories: dict[str, History] = {}
        self._answered: set[str] = set()  # the projects that have answered since the start

    async def run(self) -> None:
        self._histories = self._file.open(_of_state) or {}
        try:
            async with self._client.session() as session:
                polls = [self._poll(session, project_id) for project_id in self._settings.projects]
                await run_together(self._writer.run(), *polls)
        finally:
            try:
                self._writer.flush()
            finally:
                self._file.close()

    async def _poll(self, session: aiohttp.ClientSession, project_id: str) -> None:
        pauses = Backoff()
        while True:
            async with self._turn:
                error = await self._read(session, project_id)
            if error is None:
                pauses.reset()
                await asyncio.sleep(self._settings.interval)
            else:
                await pauses.pause(error.retry_after)

    async def _read(self, session: aiohttp.ClientSession, project_id: str) -> SSAPIError | None:
        """Read a project once and deliver what is new. Returns the error where that failed."""
        try:
            project = await self._client.get_project(session, project_id)
        except SSAPIError as error:
            # Once it has worked, a refusal may be temporary, such as a page for maintenance.
            if isinstance(error, Refused) and project_id not in self._answered:
                raise
            self._log.warning(f"{error.message} Trying again.")
            return error
        self._answered.add(project_id)
        history = self._histories.setdefault(project_id, History())
        news = history.read(project)
        self._writer.changed()
        for step, row in news:
            await self._emit(project_id, step, row)
        return None

    async def _emit(self, project_id: str, step: Step, row: JSON) -> None:
        taken = partial(self._taken, project_id, step)
        if step.status not in NAMES:
            self._log.warning(
                f"Round {step.number} of project {project_id} has the status '{step.status}', which is none of "
                f"{', '.join(STATUSES.values())}: there is no event for it."
            )
        elif NAMES[step.status] in self._settings.events:
            await self._delivery.deliver(event_of_row(project_id, step.status, row, present()), taken)
            return
        taken()

    def _taken(self, project_id: str, step: Step) -> None:
        self._histories[project_id].add(step)
        self._writer.changed()

    def _state(self) -> JSON:
        return {project_id: history.as_state() for project_id, history in self._histories.items()}


def _of_state(state: Any) -> dict[str, History]:
    return {str(project_id): History.of_state(history) for project_id, history in state.items()}
