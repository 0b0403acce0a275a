#!/usr/bin/python

# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: attackforge_retest
short_description: Have findings retested in AttackForge
version_added: 0.1.0
description:
  - Requests a retest round for findings of an AttackForge project, exactly once, and cancels or completes a round.
  - Before anything is sent, the project's retest history is read. A finding that is in an open round already is not
    asked for again, so that a rerun is harmless.
  - A request whose answer was lost is never sent again by itself. Its round is looked for in the history, for as long
    as O(timeout). If it does not turn up, the task fails with RV(fate=unknown), and its message says whether running
    the play again is safe. It is, unless a new round is there that holds none of the findings.
author:
  - The attackforge.retest authors (@attackforge-retest)
extends_documentation_fragment:
  - attackforge.retest.connection
  - attackforge.retest.attributes
attributes:
  check_mode:
    support: full
    details: Only reads are sent. The result has the same keys as that of a real run.
  diff_mode:
    support: full
    details: The diff shows the open rounds of the project before and after.
  idempotent:
    support: partial
    details: With O(preflight=false) nothing is read, so each run asks again.
options:
  project_id:
    description:
      - The id of the project, 24 hexadecimal digits.
    type: str
    required: true
  state:
    description:
      - V(requested) means that each finding is in an open round, or closed. Those that are ready for retest and in no
        open round go into one new round. A closed one is named in a warning. If any is open and not ready, or not in
        the project, the task fails, names each of them, and nothing is sent.
      - V(cancelled) and V(completed) mean that the round is so. An open round is changed; one that is so already is
        left alone; one that is the other makes the task fail.
    type: str
    choices: [requested, cancelled, completed]
    default: requested
  vulnerability_ids:
    description:
      - The ids of the findings to have retested, each 24 hexadecimal digits. Required with O(state=requested).
      - With O(state=cancelled) and O(state=completed), where O(round) is left out, the open round that holds
        such findings is meant; if it also holds others, the task fails.
    type: list
    elements: str
  retesting_window_start:
    description:
      - When testing may begin. Required with O(state=requested), otherwise not used.
      - An ISO 8601 date or time such as V(2026-12-01T08:00:00+01:00) or V(2026-12-01), or counted from now, as V(now),
        V(+12h), V(+2d) or V(+1w). An offset is converted, a time without one is UTC, a date is its midnight.
    type: str
    aliases: [window_start]
  retesting_window_end:
    description:
      - When testing is to be done by; not used unless O(state=requested). Without it the round has no end.
      - Written like O(retesting_window_start), but a span such as V(+1w) counts from the start of the window. It lies
        after the start and must not be over.
    type: str
    aliases: [window_end]
  round:
    description:
      - The number of the round to cancel or to complete. Where it is left out, the one open round is meant.
      - Does not go with O(state=requested).
    type: int
  on_window_change:
    description:
      - What to do where findings are in an open round already and that round has another window. Windows are compared
        as instants. A bound that is counted from now never counts as changed. Neither does an end where only one of the
        two windows has one, because the service may not tell it, or set one itself.
      - V(keep) leaves the round as it is, with a warning.
      - V(replace) cancels the round and requests a new one, if it holds these findings alone. A round that also holds
        others is never cancelled; the task fails.
      - V(fail) makes the task fail.
    type: str
    choices: [keep, replace, fail]
    default: keep
  on_duplicate:
    description:
      - What to do where two open rounds hold the same findings. The service has no lock, so two plays that run at the
        same moment can both request a round; each of them sees it afterwards.
      - V(warn) names both rounds in a warning.
      - V(cancel) cancels the younger one, which is the one with the higher number, if both hold exactly the same
        findings. All runs agree on which one that is.
    type: str
    choices: [warn, cancel]
    default: warn
  assume_ready:
    description:
      - Ids of findings that an earlier task of the play makes ready for retest. Check mode takes them as ready, since
        there that task did not change them. In a real run this has no effect.
    type: list
    elements: str
  preflight:
    description:
      - With V(false) nothing is read and what was declared is sent, for a key that is granted RequestNewProjectRetest
        alone. Then nothing protects from asking twice, and the status text of the answer is the only witness.
      - With V(false) and O(state=cancelled) or O(state=completed), O(round) is required.
    type: bool
    default: true
notes:
  - "Methods of the API that the key must be granted: GetProjectById, GetProjectVulnerabilitiesById, and
    RequestNewProjectRetest, CancelProjectRetestRound or CompleteProjectRetestRound, whichever is used."
  - "Requests to the service: a rerun whose findings are all in open rounds reads the history once. A new request reads
    the history, reads the findings that are in no open round (up to 50 at a time, and all pages of the project's
    findings where one of them is not seen by that), asks, and reads the history again."
seealso:
  - name: The AttackForge Self-Service API
    description: What the module calls.
    link: https://support.attackforge.com/attackforge-enterprise/modules/self-service-restful-api
"""

EXAMPLES = r"""
- name: Have two fixed findings retested within a week from now
  attackforge.retest.attackforge_retest:
    project_id: 66333e1d110ab5acf8a4354e
    vulnerability_ids:
      - 6639508f50523053f459d29f
      - 6639508f50523053f459d2a0
    window_start: now
    window_end: +7d
  register: requested

- name: The same in a fixed window, and move the round if the window was changed
  attackforge.retest.attackforge_retest:
    project_id: 66333e1d110ab5acf8a4354e
    vulnerability_ids: "{{ requested.vulnerabilities.in_scope + requested.vulnerabilities.requested }}"
    window_start: "{{ release_day }}T08:00:00+01:00"
    window_end: +2w
    on_window_change: replace

- name: Withdraw the open round after a roll-back
  attackforge.retest.attackforge_retest:
    project_id: 66333e1d110ab5acf8a4354e
    state: cancelled

- name: Set where the service is once for all tasks of a play
  module_defaults:
    group/attackforge.retest.attackforge:
      base_url: "{{ attackforge_url }}"
      timeout: 10
  block:
    - name: Complete a round by its number
      attackforge.retest.attackforge_retest:
        project_id: 66333e1d110ab5acf8a4354e
        state: completed
        round: 1
"""

RETURN = r"""
retest:
  description:
    - The round that holds the findings now, or would after a real run; with O(state=cancelled) and O(state=completed)
      the round that was changed.
    - Where findings are spread over several rounds, the youngest of them.
  returned: success, and where the task fails though there is a round
  type: dict
  contains:
    project_id:
      description: The id of the project.
      type: str
      returned: always
    round:
      description: The number of the round. It is null where it is not known yet, or where there is no round.
      type: int
      returned: always
    status:
      description: >-
        V(requested), V(completed) or V(cancelled), or the service's own word where it is none of these. It is null
        where there is no round.
      type: str
      returned: always
    retesting_window_start:
      description: When testing may begin, in UTC with milliseconds.
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
  sample:
    project_id: 66333e1d110ab5acf8a4354e
    round: 3
    status: requested
    retesting_window_start: "2026-12-01T00:00:00.000Z"
    retesting_window_end: "2026-12-08T00:00:00.000Z"
    vulnerabilities:
      - id: 6639508f50523053f459d29f
        alternate_id: WEBAPP-1
        title: SQL injection in the order search
vulnerabilities:
  description: The ids of O(vulnerability_ids), by what became of them.
  returned: success, with O(state=requested)
  type: dict
  contains:
    requested:
      description: Those that this task requested, or would request.
      type: list
      elements: str
      returned: always
    in_scope:
      description: Those that an open round held already.
      type: list
      elements: str
      returned: always
    closed:
      description: Those that are closed, so that there is nothing to retest.
      type: list
      elements: str
      returned: always
  sample:
    requested: [6639508f50523053f459d29f]
    in_scope: []
    closed: []
request:
  description: The body that was sent, or would be sent, to RequestNewProjectRetest.
  returned: where there is something to request
  type: dict
  sample:
    retesting_window_start: "2026-12-01T00:00:00.000Z"
    retesting_window_end: "2026-12-08T00:00:00.000Z"
    vulnerability_ids: [6639508f50523053f459d29f]
message:
  description: The service's own status text. It is null where nothing was sent, or where its answer was lost.
  returned: success, and where the task fails after it
  type: str
  sample: Project retest requested for Project 66333e1d110ab5acf8a4354e
diff:
  description: >-
    The open rounds of the project before and after, as YAML. With O(preflight=false) nothing is read, so it shows the
    round alone that is meant.
  returned: success
  type: dict
  contains:
    before:
      description: The open rounds before.
      type: str
      returned: always
    after:
      description: The open rounds after.
      type: str
      returned: always
    before_header:
      description: What is compared.
      type: str
      returned: always
    after_header:
      description: What is compared.
      type: str
      returned: always
error:
  description: Which call of the service went wrong, and how.
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
      description: The service's own words, or what the network said; the key is masked. It can be null.
      type: str
      returned: always
  sample:
    method: RequestNewProjectRetest
    http_status: 403
    detail: Forbidden
fate:
  description: V(unknown) where it is not known whether the service did what it was asked.
  returned: when that is so
  type: str
  sample: unknown
"""

from ansible_collections.attackforge.retest.plugins.module_utils.module import Operation, run_module
from ansible_collections.attackforge.retest.plugins.module_utils.operations import retest
from ansible_collections.attackforge.retest.plugins.module_utils.schemas import retest_mistakes, retest_options

OPERATION = Operation(
    spec=dict(
        project_id=dict(type="str", required=True),
        state=dict(type="str", choices=["requested", "cancelled", "completed"], default="requested"),
        vulnerability_ids=dict(type="list", elements="str"),
        retesting_window_start=dict(type="str", aliases=["window_start"]),
        retesting_window_end=dict(type="str", aliases=["window_end"]),
        round=dict(type="int"),
        on_window_change=dict(type="str", choices=["keep", "replace", "fail"], default="keep"),
        on_duplicate=dict(type="str", choices=["warn", "cancel"], default="warn"),
        assume_ready=dict(type="list", elements="str"),
        preflight=dict(type="bool", default=True),
    ),
    judge=retest_mistakes,
    read=retest_options,
    run=retest.run,
)


def main():
    """Run the module."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
