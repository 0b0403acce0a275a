# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Event source: retest rounds in AttackForge, by polling the history."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

# ansible-rulebook runs this file by its path, so what it shares with its neighbour is found by path as well.
_HERE = Path(__file__).absolute().parent
if str(_HERE.parent / "shared") not in sys.path:
    sys.path.append(str(_HERE.parent / "shared"))

from attackforge_retest_eda import arguments, polling

DOCUMENTATION = r"""
---
short_description: Poll the retest rounds of AttackForge projects
description:
  - An ansible-rulebook event source for tenants without the Events API. It reads the history of each project
    (GetProjectById) again and again, and reports each round that was requested, completed or cancelled since.
  - A rulebook sees the same as with the source attackforge.retest.events, with two differences. C(event.timestamp) is
    the time of the read, because the history has no dates, and C(event.payload) is the row of the history.
  - What is there at the very first read is not reported. Rows are told apart by round and status, not by their ids.
  - It ends with an error if the service refuses a project's first read since the start. Otherwise it tries again
    whatever happens.
author:
  - The attackforge.retest authors
version_added: 0.1.0
options:
  base_url:
    description:
      - The address of AttackForge, for example V(https://tenant.attackforge.com). A path prefix is kept.
      - V(http://) is accepted for loopback addresses only.
      - If not set, the environment variable E(ATTACKFORGE_BASE_URL) is used.
    type: str
    required: true
  api_key:
    description:
      - A key of the AttackForge Self-Service API. It is sent to O(base_url) only, and masked in events, logs and
        O(state_file).
      - If not set, the environment variable E(ATTACKFORGE_API_KEY) is used. That is the better way.
    type: str
    required: true
  validate_certs:
    description:
      - Whether to check the certificate of the service.
      - If not set, the environment variable E(ATTACKFORGE_VALIDATE_CERTS) is used.
    type: bool
    default: true
  ca_path:
    description:
      - A file of CA certificates in PEM form, or a folder of them as made by C(openssl rehash). By default those of the
        system are used.
      - If not set, the environment variable E(ATTACKFORGE_CA_PATH) is used.
    type: path
  timeout:
    description:
      - The longest time that one read can take, in seconds.
      - If not set, the environment variable E(ATTACKFORGE_TIMEOUT) is used.
    type: float
    default: 30
  projects:
    description:
      - The ids of the projects to read.
    type: list
    elements: str
    required: true
  events:
    description:
      - The events to report.
    type: list
    elements: str
    choices: [project-retest-requested, project-retest-completed, project-retest-cancelled]
    default: [project-retest-requested, project-retest-completed, project-retest-cancelled]
  interval:
    description:
      - The time between two reads, in seconds.
    type: float
    default: 60
  state_file:
    description:
      - A file in which the source keeps which rounds were delivered.
        After a restart it goes on where it was, so nothing is lost, and nothing is delivered twice, unless it was
        killed within the quarter of a second before the file was written.
      - Each source needs a file of its own; a second source with the same file ends with an error. The folder must
        exist.
    type: path
  feedback:
    description:
      - Let the rule engine acknowledge each event before it counts as delivered. ansible-rulebook offers this only
        where it runs with a persistence id. Without it an event counts as delivered when it has left the queue to the
        rules.
    type: bool
    default: false
"""

EXAMPLES = r"""
- attackforge.retest.rounds:
    projects: [66333e1d110ab5acf8a4354e]
    interval: 300
    state_file: /var/lib/eda/attackforge-rounds.json
"""


async def main(queue: asyncio.Queue[Any], args: dict[str, Any]) -> None:
    """Put events into the queue until this is cancelled. ansible-rulebook calls this."""
    args = dict(args)
    feedback = args.pop("eda_feedback_queue", None)
    settings = arguments.read(arguments.RoundsSettings, _HERE / "schemas" / "rounds.json", args)
    await polling.run(queue, settings, feedback)
