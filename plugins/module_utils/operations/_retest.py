# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""The operation of attackforge_retest: which of its states leads where."""

from __future__ import annotations

from typing import Any

from .._client import Client
from .._options import RetestOptions
from .._rounds import REQUESTED
from .._search import resolve_project
from ._finish import correct_dates, finish
from ._request import request
from ._unread import finish_unread, request_unread


def run(options: RetestOptions, client: Client, check_mode: bool) -> dict[str, Any]:
    """Make the declared state true, or say what would be done. Returns the keys of the result."""
    if not options.preflight:
        return (request_unread if options.state == REQUESTED else finish_unread)(options, client, check_mode)
    project_id = resolve_project(client, options.project)
    if options.state != REQUESTED:
        return finish(options, client, project_id, check_mode)
    if options.sets_dates:
        return correct_dates(options, client, project_id, check_mode)
    return request(options, client, project_id, check_mode)
