# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""The findings that a task is about: by their ids, or selected."""

from __future__ import annotations

from .._client import Client
from .._errors import StateError
from .._options import RetestOptions
from .._search import select_vulnerabilities
from .._vulnerabilities import Finding


def selected(client: Client, options: RetestOptions, project_id: str) -> dict[str, Finding]:
    """The findings that ``select`` means. Returns {id: Finding}.

    Raises StateError where it finds nothing, or where a name in it is not known, unless that may be.
    """
    if options.selection is None:
        return _checked(options, project_id, [], [])
    return _checked(options, project_id, *select_vulnerabilities(client, project_id, options.selection))


def _checked(options: RetestOptions, project_id: str, found: list[Finding], missing: list[str]) -> dict[str, Finding]:
    if not options.allow_empty:
        if missing:
            raise StateError(
                f"select: not in project {project_id}: {', '.join(missing)}. Correct it, or set allow_empty: true if "
                "that is as it should be."
            )
        if not found:
            meant = options.selection.described if options.selection else "a list in it is empty"
            raise StateError(f"select: finds nothing in project {project_id} ({meant}). {_advice(options)}")
    return {finding.id: finding for finding in found}


def _advice(options: RetestOptions) -> str:
    by_status = options.selection is not None and options.selection.statuses
    reason = "This task itself changes the status, so a rerun must not select by it. " if by_status else ""
    return f"{reason}Correct it, or set allow_empty: true if that is as it should be."
