# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Reading a project's history, and waiting for it to settle, which several operations share."""

from __future__ import annotations

from .._answers import History, history_of
from .._client import Client


def read_history(client: Client, project_id: str) -> History:
    """Read the rounds of a project once."""
    return history_of(client.get_project(project_id), project_id)


def settled_history(client: Client, project_id: str) -> History:
    """Read the rounds of a project, and again for as long as an open one does not show what it holds, or `timeout`."""
    history = read_history(client, project_id)
    if not _unsettled(history):
        return history

    def check(reader: Client) -> History | None:
        nonlocal history
        history = read_history(reader, project_id)
        return None if _unsettled(history) else history

    client.poll(check)
    return history


def _unsettled(history: History) -> bool:
    return any(one.scope_unknown for one in history.rounds)
