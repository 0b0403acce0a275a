# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Event source: events of AttackForge, over its Events API."""

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
    is replayed. A replay that breaks is repeated until it is whole. An event that comes again is recognized and
    dropped.
  - While the rules do not take events, reading pauses when 4096 events wait.
  - A rulebook sees C(event.name), C(event.timestamp), C(event.payload) as the service sent it and, for a round,
    C(event.retest) with C(project_id), C(round), C(status) (V(requested), V(completed) or V(cancelled)),
    C(retesting_window_start), C(retesting_window_end) and C(vulnerabilities), a list of C(id), C(alternate_id) and
    C(title).
  - It ends with an error if the service refuses before subscribing has worked once since the start. Otherwise it tries
    again whatever happens.
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
      - The longest time that opening a connection can take, in seconds.
      - If not set, the environment variable E(ATTACKFORGE_TIMEOUT) is used.
    type: float
    default: 30
  events:
    description:
      - The events to subscribe to, by AttackForge's names. The key's user must have been granted each of them.
    type: list
    elements: str
    default: [project-retest-requested, project-retest-completed, project-retest-cancelled]
  projects:
    description:
      - The ids of the projects whose events are wanted. By default all that the key's user can see.
    type: list
    elements: str
    default: []
  from:
    description:
      - From when on events are wanted at the very first start, V(now) or an ISO 8601 time. Because clocks differ,
        V(now) reaches back 10 seconds, and further where the service's clock is behind.
      - If O(state_file) exists, it decides.
    type: str
    default: now
  heartbeat_timeout:
    description:
      - The time without an event or a heartbeat after which the connection is closed and opened again, in seconds.
    type: float
    default: 31
  state_file:
    description:
      - A file in which the source keeps which events were delivered.
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
- attackforge.retest.events:
    projects: [66333e1d110ab5acf8a4354e]
    state_file: /var/lib/eda/attackforge-events.json
"""


async def main(queue: asyncio.Queue[Any], args: dict[str, Any]) -> None:
    """Put events into the queue until this is cancelled. ansible-rulebook calls this."""
    args = dict(args)
    feedback = args.pop("eda_feedback_queue", None)
    settings = arguments.read(arguments.EventsSettings, _HERE / "schemas" / "events.json", args)
    await stream.run(queue, settings, feedback)
