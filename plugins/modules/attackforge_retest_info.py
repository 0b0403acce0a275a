#!/usr/bin/python

# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: attackforge_retest_info
short_description: Tell the retest rounds of an AttackForge project and how they went
version_added: 0.1.0
description:
  - Reads the retest history of a project as rounds, newest first, and, if so wished, how the findings of each round
    fared.
author:
  - The attackforge.retest authors (@attackforge-retest)
extends_documentation_fragment:
  - attackforge.retest.connection
  - attackforge.retest.attributes
attributes:
  check_mode:
    support: full
    details: It only reads.
  diff_mode:
    support: N/A
    details: It changes nothing.
  idempotent:
    support: full
options:
  project_id:
    description:
      - The id of the project, 24 hexadecimal digits.
    type: str
    required: true
  round:
    description:
      - The number of the round to tell; the task fails if there is none. Where it is left out, all rounds are told.
    type: int
  status:
    description:
      - Tell only rounds that are so.
    type: str
    choices: [requested, completed, cancelled]
  outcome:
    description:
      - Whether the present status of each finding is read too, and counted as RV(rounds[].outcome).
    type: bool
    default: false
  wait:
    description:
      - Whether to wait, looking again and again, until none of the rounds that are told is open. Where the task runs on
        the controller, each look prints a line.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds to wait at most. Then the rounds are told as they are, which is no failure unless the last look failed.
        A look that fails meanwhile is made up for by the next one; a refusal, such as of the key, is a failure at once.
    type: float
    default: 3600
  wait_interval:
    description:
      - Seconds between two looks.
    type: float
    default: 60
notes:
  - "Methods of the API that the key must be granted: GetProjectById, and with O(outcome=true)
    GetProjectVulnerabilitiesById."
  - "Requests to the service: one, and with O(outcome=true) one for each 50 findings in the rounds that are told, and
    all pages of the project's findings where one of them is not seen by that. With O(wait=true) each look costs as
    much."
"""

EXAMPLES = r"""
- name: See how the newest completed round went
  attackforge.retest.attackforge_retest_info:
    project_id: 66333e1d110ab5acf8a4354e
    status: completed
    outcome: true
  register: retests

- name: Stop unless everything is closed
  ansible.builtin.assert:
    that: retests.rounds[0].outcome.reopened + retests.rounds[0].outcome.pending == 0
"""

RETURN = r"""
rounds:
  description: The rounds, newest first.
  returned: success
  type: list
  elements: dict
  contains:
    round:
      description: The number of the round.
      type: int
      returned: always
    status:
      description: V(requested), V(completed) or V(cancelled); or, with a warning, a word that nobody documents.
      type: str
      returned: always
    open:
      description: Whether testers still work on it.
      type: bool
      returned: always
    retesting_window_start:
      description: When testing may begin, in UTC with milliseconds, or null.
      type: str
      returned: always
    retesting_window_end:
      description: When testing is to be done by, or null.
      type: str
      returned: always
    vulnerabilities:
      description: The findings in the scope of the round.
      type: list
      elements: dict
      returned: always
      contains:
        id:
          description: The id of the finding.
          type: str
          returned: always
        alternate_id:
          description: Its name for people, or null.
          type: str
          returned: always
        title:
          description: Its title, or null.
          type: str
          returned: always
        retested:
          description: Whether the round tells that it was retested.
          type: bool
          returned: always
        status:
          description: V(open), V(retest) or V(closed) as it is now; null where it cannot be seen.
          type: str
          returned: with O(outcome=true)
        priority:
          description: Its priority, or null.
          type: str
          returned: with O(outcome=true)
    outcome:
      description:
        - How many findings of the round are V(closed), were V(reopened), which is open and no longer ready for
          retest, and are V(pending), which is ready for retest or not to be seen.
        - It is null, with a warning, where AttackForge does not tell which findings the round holds.
      type: dict
      returned: with O(outcome=true)
      contains:
        closed:
          description: How many are closed.
          type: int
          returned: always
        reopened:
          description: How many were tested and sent back.
          type: int
          returned: always
        pending:
          description: How many are still to be tested.
          type: int
          returned: always
  sample:
    - round: 3
      status: completed
      open: false
      retesting_window_start: "2026-12-01T00:00:00.000Z"
      retesting_window_end: "2026-12-08T00:00:00.000Z"
      vulnerabilities:
        - id: 6639508f50523053f459d29f
          alternate_id: WEBAPP-1
          title: SQL injection in the order search
          retested: true
          status: closed
          priority: Critical
      outcome: {closed: 1, reopened: 0, pending: 0}
error:
  description: Which call of the service went wrong, and how; as in M(attackforge.retest.attackforge_retest).
  returned: when a call of the service failed
  type: dict
  sample:
    method: GetProjectById
    http_status: 403
    detail: Forbidden
"""

from ansible_collections.attackforge.retest.plugins.module_utils.module import Operation, run_module
from ansible_collections.attackforge.retest.plugins.module_utils.operations import retest_info
from ansible_collections.attackforge.retest.plugins.module_utils.schemas import rounds_mistakes, rounds_options

OPERATION = Operation(
    spec=dict(
        project_id=dict(type="str", required=True),
        round=dict(type="int"),
        status=dict(type="str", choices=["requested", "completed", "cancelled"]),
        outcome=dict(type="bool", default=False),
        wait=dict(type="bool", default=False),
        wait_timeout=dict(type="float", default=3600),
        wait_interval=dict(type="float", default=60),
    ),
    judge=rounds_mistakes,
    read=rounds_options,
    run=retest_info.run,
)


def main():
    """Run the module."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
