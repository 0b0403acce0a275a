# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Event source: what happens in AttackForge, over its Events API."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

# ansible-rulebook runs this file by its path, so what it shares with its neighbour is found by path as well.
_HERE = Path(__file__).absolute().parent
if str(_HERE.parent / "shared") not in sys.path:
    sys.path.append(str(_HERE.parent / "shared"))

from attackforge_retest_eda import arguments, stream

DOCUMENTATION = r"""
---
short_description: Receive the events of AttackForge
description:
  - An ansible-rulebook event source that subscribes to the Events API of AttackForge, over a WebSocket.
  - A connection that breaks or falls silent is opened again, with growing pauses of up to a minute, and what was missed
    is replayed. An event that comes again is recognised and dropped.
  - A rulebook sees C(event.name), C(event.timestamp), C(event.payload) as the service sent it and, for a round,
    C(event.retest) with C(project_id), C(round), C(status) (V(requested), V(completed) or V(cancelled)),
    C(retesting_window_start), C(retesting_window_end) and C(vulnerabilities), a list of C(id), C(alternate_id) and
    C(title).
  - It ends with an error where the service refuses before subscribing has worked once since the start. Otherwise it
    tries again whatever happens.
author:
  - The attackforge.retest authors
version_added: 0.1.0
options:
  base_url:
    description:
      - Where AttackForge is, for example V(https://tenant.attackforge.com). A path prefix is kept.
      - V(http://) is accepted for a loopback address alone.
      - Taken from the environment variable E(ATTACKFORGE_BASE_URL) where it is not set.
    type: str
    required: true
  api_key:
    description:
      - A key of the AttackForge Self-Service API. It is sent to O(base_url) and nowhere else, and shown nowhere.
      - Taken from the environment variable E(ATTACKFORGE_API_KEY) where it is not set. That is the better way.
    type: str
    required: true
  validate_certs:
    description:
      - Whether the certificate of the service is checked.
      - Taken from the environment variable E(ATTACKFORGE_VALIDATE_CERTS) where it is not set.
    type: bool
    default: true
  ca_path:
    description:
      - A file of CA certificates in PEM form, or a folder of them as made by C(openssl rehash), that the certificate of
        the service is checked against. Without it those of the system are used.
      - Taken from the environment variable E(ATTACKFORGE_CA_PATH) where it is not set.
    type: path
  timeout:
    description:
      - Seconds that opening a connection may take.
      - Taken from the environment variable E(ATTACKFORGE_TIMEOUT) where it is not set.
    type: float
    default: 30
  events:
    description:
      - The events to subscribe to, by the names that AttackForge has for them. The key's user must have been granted
        each of them.
    type: list
    elements: str
    default: [project-retest-requested, project-retest-completed, project-retest-cancelled]
  projects:
    description:
      - The ids of the projects whose events are wanted. Without any it is all that the key's user can see.
    type: list
    elements: str
    default: []
  from:
    description:
      - From when on events are wanted at the very first start, V(now) or an ISO 8601 time. Because clocks differ,
        V(now) reaches back 10 seconds, and further where the service's clock is behind.
      - Where O(state_file) exists, that decides.
    type: str
    default: now
  heartbeat_timeout:
    description:
      - Seconds of silence, without event or heartbeat, after which a connection is given up.
    type: float
    default: 31
  state_file:
    description:
      - A file in which the source keeps the time of the last event and what it has told.
        Started again with it, the source goes on where it was, so nothing is lost, and nothing is told twice, unless it
        was ended between telling an event and writing it down.
      - Each source, each rulebook and each O(base_url) needs a file of its own. The folder must exist.
    type: path
  feedback:
    description:
      - Have the rule engine acknowledge each event before it counts as told. ansible-rulebook offers this only where it
        runs with a persistence id. Without it an event counts as told when it has left the queue to the rules.
    type: bool
    default: false
"""

EXAMPLES = r"""
- attackforge.retest.events:
    projects: [66333e1d110ab5acf8a4354e]
    state_file: /var/lib/eda/attackforge-events.json
"""


async def main(queue: asyncio.Queue[Any], args: dict[str, Any]) -> None:
    """Put events into the queue until this is cancelled. ansible-rulebook calls this."""
    args = dict(args)
    feedback = args.pop("eda_feedback_queue", None)
    settings = arguments.read(_HERE / "schemas" / "events.json", args)
    await stream.run(queue, settings, feedback)
