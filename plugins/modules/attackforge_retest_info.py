#!/usr/bin/python

# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: attackforge_retest_info
short_description: Read retest rounds of AttackForge, their outcome and the verdict
version_added: 0.1.0
description:
  - Reads the retest history of a project as rounds, newest first; if asked, also what became of the findings of each
    round, and the verdict on which a release passes or stops.
  - It never writes to the service.
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
      - The id of the project, 24 hexadecimal digits; or its code; or its exact name. Codes and names are compared in
        any letter case.
      - A code or a name is looked up with GetProjects. If none or several projects fit, the task fails and lists them.
      - Either this or O(rounds) is needed.
    type: str
    aliases: [project]
  round:
    description:
      - The number of the round; the task fails if there is none. Where it is not set, all rounds are returned, or with
        O(verdict=true) the newest one that was not cancelled.
    type: int
  vulnerability_ids:
    description:
      - The ids of the findings that were asked for. One that is neither in the round nor closed is C(removed).
    type: list
    elements: str
  rounds:
    description:
      - Rounds of several projects, instead of O(project_id), O(round) and O(vulnerability_ids). Each is a dictionary of
        C(project_id) and, if wanted, C(round) and C(vulnerability_ids); other keys are ignored.
      - Takes RV(attackforge.retest.attackforge_retest#module:rounds) as it is.
    type: list
    elements: dict
  status:
    description:
      - Return only rounds with this status.
    type: str
    choices: [requested, completed, cancelled]
  outcome:
    description:
      - Whether the findings are read too, to say what became of each.
    type: bool
    default: false
  verdict:
    description:
      - Whether to return the RV(verdict). It includes O(outcome=true).
    type: bool
    default: false
  ignore_priorities:
    description:
      - Priorities of findings that may pass although they are not closed.
    type: list
    elements: str
    choices: [Critical, High, Medium, Low, Info]
    default: []
  fixed_only:
    description:
      - Whether only fixed findings pass. By default a finding that was closed for another reason, such as an accepted
        risk, passes too.
    type: bool
    default: false
  revision_history:
    description:
      - Whether the verdict says who closed each finding and when, from GetVulnerabilityRevisionHistory, with one more
        request for each closed finding. Where that is not granted, the closing note is all that is known.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait, reading again and again, until none of the rounds is open. Where the task runs on the
        controller, each read prints a line.
    type: bool
    default: false
  wait_timeout:
    description:
      - The longest time to wait, in seconds. Then the rounds are returned as they are, which is no failure unless the
        last read failed. A read that fails before is repeated, with a warning.
    type: float
    default: 3600
  wait_interval:
    description:
      - The time between two reads, in seconds.
    type: float
    default: 60
notes:
  - "Methods of the API that the key must be granted, with the access level View in the project: GetProjectById; with
    O(outcome=true) GetProjectVulnerabilitiesById; with O(verdict=true) also GetVulnerabilityById, for findings whose
    notes the list does not show; with O(revision_history=true) GetVulnerabilityRevisionHistory (Edit); with a code or a
    name for O(project_id) GetProjects."
  - "Requests to the service: one for each project, and with O(outcome=true) one for each 36 findings in the rounds.
    With
    O(wait=true) each read costs as much."
"""

EXAMPLES = r"""
- name: Read how the newest completed round went
  attackforge.retest.attackforge_retest_info:
    project_id: 66333e1d110ab5acf8a4354e
    status: completed
    outcome: true
  register: retests

- name: Wait for the newest round, for a day at most, and read the verdict
  attackforge.retest.attackforge_retest_info:
    project_id: 66333e1d110ab5acf8a4354e
    verdict: true
    ignore_priorities: [Info]
    wait: true
    wait_timeout: 86400
  register: gate

- name: Stop unless the verdict passes
  ansible.builtin.assert:
    that: gate.verdict.passed
    fail_msg: "{{ gate.verdict.message }}"
"""

RETURN = r"""
rounds:
  description: The rounds, newest first.
  returned: success
  type: list
  elements: dict
  contains:
    project_id:
      description: The id of the project.
      type: str
      returned: always
    round:
      description: The number of the round.
      type: int
      returned: always
    status:
      description: V(requested), V(completed) or V(cancelled); or, with a warning, a word that nobody documents.
      type: str
      returned: always
    open:
      description: Whether the round is open.
      type: bool
      returned: always
    retesting_window_start:
      description: When testing may begin, in UTC with milliseconds, or null.
      type: str
      returned: always
    retesting_window_end:
      description: By when testing is to be done, or null.
      type: str
      returned: always
    outcome:
      description: >-
        How many findings of the round have each outcome. It is null where the service does not show its findings.
      returned: with O(outcome=true)
      type: dict
      contains:
        fixed:
          description: Those that are closed, and no other reason than a fix is told.
          type: int
          returned: always
        accepted:
          description: Those that are closed for another reason than a fix.
          type: int
          returned: always
        reopened:
          description: Those that were tested and are open.
          type: int
          returned: always
        pending:
          description: Those that are not tested yet, or cannot be seen.
          type: int
          returned: always
        removed:
          description: Those that were asked for, are no longer in the round, and are not closed.
          type: int
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
          description: Whether the service says that it was tested.
          type: bool
          returned: always
        status:
          description: V(open), V(retest) (ready for retest) or V(closed), as it is now. Null where it cannot be seen.
          type: str
          returned: with O(outcome=true)
        priority:
          description: Its priority, or null.
          type: str
          returned: with O(outcome=true)
        outcome:
          description: V(fixed), V(accepted), V(reopened), V(pending) or V(removed).
          type: str
          returned: with O(outcome=true)
        reason:
          description: Why it was closed, where a remediation note says it, or null.
          type: str
          returned: with O(outcome=true)
  sample:
    - project_id: 66333e1d110ab5acf8a4354e
      round: 1
      status: completed
      open: false
      retesting_window_start: "2026-12-01T00:00:00.000Z"
      retesting_window_end: "2026-12-08T00:00:00.000Z"
      outcome:
        fixed: 1
        accepted: 0
        reopened: 0
        pending: 0
        removed: 0
      vulnerabilities:
        - id: 6639508f50523053f459d29f
          alternate_id: WEBAPP-1
          title: SQL injection in the order search
          retested: true
          status: closed
          priority: High
          outcome: fixed
          reason: Issue has been fixed
verdict:
  description: Whether the release may pass, and why not.
  returned: success with O(verdict=true)
  type: dict
  contains:
    passed:
      description: Whether every round is completed and no finding blocks it.
      type: bool
      returned: always
    message:
      description: The verdict for people, with what to do where it does not pass.
      type: str
      returned: always
    totals:
      description: How many findings of all rounds have each outcome.
      type: dict
      returned: always
      contains:
        fixed:
          description: Those that are closed, and no other reason than a fix is told.
          type: int
          returned: always
        accepted:
          description: Those that are closed for another reason than a fix.
          type: int
          returned: always
        reopened:
          description: Those that were tested and are open.
          type: int
          returned: always
        pending:
          description: Those that are not tested yet, or cannot be seen.
          type: int
          returned: always
        removed:
          description: Those that were asked for, are no longer in the round, and are not closed.
          type: int
          returned: always
        ignored:
          description: Those that do not pass and are ignored by their priority.
          type: int
          returned: always
    blocking:
      description: The ids of the findings that keep it from passing.
      type: list
      elements: str
      returned: always
    table:
      description: Lines of text for people, one for each round and finding.
      type: list
      elements: str
      returned: always
    rounds:
      description: The verdict on each round, the worst first.
      type: list
      elements: dict
      returned: always
      contains:
        project_id:
          description: The id of the project.
          type: str
          returned: always
        project_name:
          description: Its name, or null.
          type: str
          returned: always
        project_code:
          description: Its code, or null.
          type: str
          returned: always
        round:
          description: The number of the round.
          type: int
          returned: always
        status:
          description: The status of the round.
          type: str
          returned: always
        open:
          description: Whether the round is open.
          type: bool
          returned: always
        passed:
          description: Whether this round passes.
          type: bool
          returned: always
        message:
          description: The verdict on this round for people.
          type: str
          returned: always
        retesting_window_start:
          description: When testing may begin, or null.
          type: str
          returned: always
        retesting_window_end:
          description: By when testing is to be done, or null.
          type: str
          returned: always
        totals:
          description: How many findings have each outcome.
          type: dict
          returned: always
          contains:
            fixed:
              description: Those that are closed, and no other reason than a fix is told.
              type: int
              returned: always
            accepted:
              description: Those that are closed for another reason than a fix.
              type: int
              returned: always
            reopened:
              description: Those that were tested and are open.
              type: int
              returned: always
            pending:
              description: Those that are not tested yet, or cannot be seen.
              type: int
              returned: always
            removed:
              description: Those that were asked for, are no longer in the round, and are not closed.
              type: int
              returned: always
            ignored:
              description: Those that do not pass and are ignored by their priority.
              type: int
              returned: always
        vulnerabilities:
          description: The findings of the round and those that were asked for, the ones that block it first.
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
            priority:
              description: Its priority, or null.
              type: str
              returned: always
            status:
              description: >-
                V(open), V(retest) (ready for retest) or V(closed), as it is now. Null where it cannot be seen.
              type: str
              returned: always
            outcome:
              description: V(fixed), V(accepted), V(reopened), V(pending) or V(removed).
              type: str
              returned: always
            reason:
              description: Why it was closed, where a remediation note says it, or null.
              type: str
              returned: always
            closed_by:
              description: Who closed it, where that is known, or null.
              type: str
              returned: always
            closed_at:
              description: When it was closed, as the service writes it, where that is known, or null.
              type: str
              returned: always
            ignored:
              description: Whether it does not pass and is ignored by its priority.
              type: bool
              returned: always
            blocks:
              description: Whether it keeps the verdict from passing.
              type: bool
              returned: always
error:
  description: Which call of the service failed, and how.
  returned: when a call of the service failed
  type: dict
  contains:
    method:
      description: The name of the API method.
      type: str
      returned: always
    http_status:
      description: The HTTP code, or null where there was no answer.
      type: int
      returned: always
    detail:
      description: The service's own words, or what the network reported; the key is masked. It can be null.
      type: str
      returned: always
  sample:
    method: GetProjectById
    http_status: 403
    detail: Forbidden
"""

from ansible_collections.attackforge.retest.plugins.module_utils._options import ROUNDS
from ansible_collections.attackforge.retest.plugins.module_utils._runner import Operation, run_module
from ansible_collections.attackforge.retest.plugins.module_utils.operations import _retest_info

OPERATION = Operation(
    spec=dict(
        project_id=dict(type="str", aliases=["project"]),
        round=dict(type="int"),
        vulnerability_ids=dict(type="list", elements="str"),
        rounds=dict(type="list", elements="dict"),
        status=dict(type="str", choices=["requested", "completed", "cancelled"]),
        outcome=dict(type="bool", default=False),
        verdict=dict(type="bool", default=False),
        ignore_priorities=dict(
            type="list", elements="str", choices=["Critical", "High", "Medium", "Low", "Info"], default=[]
        ),
        fixed_only=dict(type="bool", default=False),
        revision_history=dict(type="bool", default=False),
        wait=dict(type="bool", default=False),
        wait_timeout=dict(type="float", default=3600),
        wait_interval=dict(type="float", default=60),
    ),
    options=ROUNDS,
    run=_retest_info.run,
)


def main() -> None:
    """Run the module."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
