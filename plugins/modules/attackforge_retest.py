#!/usr/bin/python

# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: attackforge_retest
short_description: Request, cancel or complete a retest in AttackForge
version_added: 0.1.0
description:
  - Makes the whole release step for one AttackForge project. It selects the findings that were fixed, adds a
    remediation note to them, marks them ready for retest, and requests one retest round for them, exactly once.
  - It also cancels or completes a round, and corrects the dates of a round.
  - Before anything is written, the project's retest history is read. A finding that is in an open round is not
    requested again, so a rerun is harmless.
  - A request whose answer was lost is not sent again. Its round is looked for in the history, for as long as
    O(timeout).
    If it does not appear, the task fails with RV(fate=unknown), and the message says whether running the play again is
    safe.
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
    details: The diff shows the open rounds of the project, and the findings that are noted or marked, before and after.
  idempotent:
    support: partial
    details: >-
      With O(preflight=false) nothing is read, so each run requests again. The dates of a round cannot be read, so each
      run with O(requested_date) or O(completed_date) sends them again.
options:
  project_id:
    description:
      - The id of the project, 24 hexadecimal digits; or its code; or its exact name. Codes and names are compared in
        any letter case.
      - A code or a name is looked up with GetProjects. If none or several projects fit, the task fails and lists them.
    type: str
    required: true
    aliases: [project]
  state:
    description:
      - V(requested) means that each finding is in an open round, or closed, or was sent back by the testers.
        See RV(vulnerabilities[].outcome) for what becomes of each.
      - V(cancelled) and V(completed) mean that the round has this status. An open round is changed. A round that has
        the status already is left alone. If it has the other one, the task fails.
    type: str
    choices: [requested, cancelled, completed]
    default: requested
  vulnerability_ids:
    description:
      - The ids of the findings, each 24 hexadecimal digits. Several ids in one text, separated by commas or white
        space, are taken too.
      - With O(state=requested), either this or O(select) is needed.
      - With O(state=cancelled) and O(state=completed), where O(round) is not set, it means the open round that holds
        these findings. If that round also holds others, the task fails.
    type: list
    elements: str
  select:
    description:
      - Selects the findings instead of O(vulnerability_ids). Takes the conditions of
        M(attackforge.retest.attackforge_vulnerability_info) by their names,
        C(ids), C(alternate_ids), C(priorities), C(status), C(tags), C(custom_tags), C(assets), C(cves),
        C(custom_fields), C(target_before), C(title) and C(query).
      - Select by what a finding keeps, such as a tag. This module changes the status, so a rerun that selects by
        C(status) finds other findings.
    type: dict
  allow_empty:
    description:
      - Whether O(select) may find nothing, and whether names in it may be unknown. By default that fails, because a
        typing error must not pass as success.
    type: bool
    default: false
  retesting_window_start:
    description:
      - When testing may begin. Required to request a round, otherwise not used.
      - An ISO 8601 date or time such as V(2026-12-01T08:00:00+01:00) or V(2026-12-01), or a time from now on, such as
        V(now), V(+12h), V(+2d) or V(+1w). A time without an offset is UTC, and a date is its midnight.
    type: str
    aliases: [window_start]
  retesting_window_end:
    description:
      - By when testing is to be done. Without it the round has no end.
      - Written like O(retesting_window_start), but a span such as V(+1w) counts from the start of the window. The end
        must lie after the start and in the future.
    type: str
    aliases: [window_end]
  mark_ready:
    description:
      - Whether findings that are open and not ready for retest are marked ready before the request. Otherwise they make
        the task fail.
      - Each finding is read directly before it is marked. One that a tester has closed meanwhile is left alone.
    type: bool
    default: false
  remediation_note:
    description:
      - A remediation note for each finding that is not closed, added before the finding is marked ready (or after
        that, if the testers had sent it back). A note that stands on a finding already is not added again.
      - A new note also says that a finding which the testers sent back was fixed again.
    type: str
  release:
    description:
      - The name of the release. Where O(remediation_note) is not set, the note is C(Fixed in release NAME.)
    type: str
  note_type:
    description: How the note is written. V(RICHTEXT) takes HTML.
    type: str
    choices: [PLAINTEXT, RICHTEXT]
    default: PLAINTEXT
  on_reopened:
    description:
      - What to do with a finding that the testers sent back. It is open and not ready, its youngest round is completed,
        and nothing says that it was fixed again, because O(remediation_note) stands on it already or none is declared.
      - V(report) does not request it. It is returned as C(reopened), with a warning.
      - V(request) treats it like any other open finding.
      - V(fail) makes the task fail before anything is written.
    type: str
    choices: [report, request, fail]
    default: report
  on_window_change:
    description:
      - What to do when findings are in an open round that has another window. Windows are compared as instants. A bound
        that is counted from now never counts as changed. Nor does an end that only one of the two windows has, because
        the service may not show it, or may set one itself.
      - V(keep) leaves the round as it is, with a warning.
      - V(replace) cancels the round and requests a new one, if the round holds only these findings. A round that also
        holds others is never cancelled; the task fails.
      - V(fail) makes the task fail.
    type: str
    choices: [keep, replace, fail]
    default: keep
  on_duplicate:
    description:
      - What to do when two open rounds hold the same findings. The service has no lock, so two plays that run at the
        same moment can both request a round. Each of them sees it afterwards.
      - V(warn) names both rounds in a warning.
      - V(cancel) cancels the younger round, which is the one with the higher number, if both hold exactly the same
        findings. All runs agree on which one that is.
    type: str
    choices: [warn, cancel]
    default: warn
  round:
    description:
      - The number of the round to cancel or to complete, or whose dates are to be corrected. Where it is not set, the
        one open round is meant.
    type: int
  requested_date:
    description:
      - The date on which the round was requested, to correct it. Needs O(round). Together with O(state=requested) the
        dates of that round are all that is changed.
    type: str
  completed_date:
    description:
      - The date on which the round was completed, to correct it. Needs O(round).
    type: str
  preflight:
    description:
      - With V(false) nothing is read and what is declared is sent, for a key that is granted RequestNewProjectRetest
        alone. Then nothing protects from requesting twice, and the status text of the answer is the only evidence.
      - Then O(project_id) must be an id. With O(state=cancelled) or O(state=completed), O(round) is required.
        O(select),
        O(mark_ready), O(remediation_note) and O(release) do not go with it.
    type: bool
    default: true
notes:
  - "Methods of the API that the key must be granted, with the access level that its user needs in the project:
    GetProjectById and GetProjectVulnerabilitiesById (View); RequestNewProjectRetest (View), CancelProjectRetestRound,
    CompleteProjectRetestRound (Edit) or UpdateProjectRetestRound (Edit), whichever is used; with O(mark_ready=true)
    UpdateVulnerabilityById (View); with a note CreateRemediationNote (View); with either GetVulnerabilityById (View),
    which the list replaces where it is not granted; with a code or a name for O(project_id) GetProjects."
  - "Requests to the service: a rerun with nothing to do reads the history once, and with O(select) or a note also the
    findings. A new request reads the findings and the history, requests, and reads the history again. For each finding
    that is noted or marked, its record is read and one or two writes are sent; then the history is read once more."
seealso:
  - module: attackforge.retest.attackforge_retest_info
  - name: The AttackForge Self-Service API
    description: What the module calls.
    link: https://support.attackforge.com/attackforge-enterprise/modules/self-service-restful-api
"""

EXAMPLES = r"""
- name: Have what release 2026.12 fixed retested within a week from now
  attackforge.retest.attackforge_retest:
    project_id: 66333e1d110ab5acf8a4354e
    select:
      tags: [release-2026.12]
    release: "2026.12"
    mark_ready: true
    window_start: now
    window_end: +7d
  register: requested

- name: Request two findings that are ready, in a fixed window, and move the round if the window was changed
  attackforge.retest.attackforge_retest:
    project_id: 66333e1d110ab5acf8a4354e
    vulnerability_ids:
      - 6639508f50523053f459d29f
      - 6639508f50523053f459d2a0
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
    - The round that holds the findings now, or would after a real run. With O(state=cancelled) and O(state=completed),
      the round that was changed.
    - Where findings are spread over several rounds, the youngest of them; RV(rounds) has them all.
  returned: success, and when the task fails although there is a round
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
      description: By when testing is to be done, or null.
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
  description: What became of each finding, or would in a real run.
  returned: success with O(state=requested), and when the task fails after it has written something
  type: list
  elements: dict
  contains:
    id:
      description: The id of the finding.
      type: str
      returned: always
    alternate_id:
      description: Its name for people, or null.
      type: str
      returned: always
    outcome:
      description: >-
        V(requested) where this task requested it; V(in_scope) where an open round held it already; V(closed) where
        there is nothing to retest; V(reopened) where the testers sent it back and it was not fixed again.
      type: str
      returned: always
    marked:
      description: Whether this task marked it ready for retest.
      type: bool
      returned: always
    noted:
      description: Whether this task added the note.
      type: bool
      returned: always
  sample:
    - id: 6639508f50523053f459d29f
      alternate_id: WEBAPP-1
      outcome: requested
      marked: true
      noted: true
rounds:
  description: >-
    What a gate follows: the rounds that hold the findings, and those from which the testers sent some back, each with
    those of them that were asked for. The option C(rounds) of M(attackforge.retest.attackforge_retest_info) takes it as
    it is.
  returned: success with O(state=requested)
  type: list
  elements: dict
  contains:
    project_id:
      description: The id of the project.
      type: str
      returned: always
    round:
      description: The number of the round, or null where it is not known yet.
      type: int
      returned: always
    status:
      description: The status of the round.
      type: str
      returned: always
    vulnerability_ids:
      description: The ids of the findings that were asked for.
      type: list
      elements: str
      returned: always
  sample:
    - project_id: 66333e1d110ab5acf8a4354e
      round: 3
      status: requested
      vulnerability_ids: [6639508f50523053f459d29f]
request:
  description: >-
    The body that was sent, or would be sent, to RequestNewProjectRetest; with the dates of a round, to
    UpdateProjectRetestRound.
  returned: when there is something to request, or dates to set
  type: dict
  sample:
    retesting_window_start: "2026-12-01T00:00:00.000Z"
    retesting_window_end: "2026-12-08T00:00:00.000Z"
    vulnerability_ids: [6639508f50523053f459d29f]
message:
  description: The service's own status text. It is null where nothing was sent, or where its answer was lost.
  returned: success, and when the task fails after it
  type: str
  sample: Project retest requested for Project 66333e1d110ab5acf8a4354e
diff:
  description: >-
    The open rounds of the project before and after, and the findings that were noted or marked, as YAML. With
    O(preflight=false) nothing is read, so it shows only the round that is declared.
  returned: success
  type: dict
  contains:
    before:
      description: What was there before.
      type: str
      returned: always
    after:
      description: What is there after.
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
    method: RequestNewProjectRetest
    http_status: 403
    detail: Forbidden
fate:
  description: V(unknown) where it is not known whether the service did what it was asked.
  returned: when that is so
  type: str
  sample: unknown
"""

from ansible_collections.attackforge.retest.plugins.module_utils._options import RETEST
from ansible_collections.attackforge.retest.plugins.module_utils._runner import Operation, run_module
from ansible_collections.attackforge.retest.plugins.module_utils.operations import _retest

OPERATION = Operation(
    spec=dict(
        project_id=dict(type="str", required=True, aliases=["project"]),
        state=dict(type="str", choices=["requested", "cancelled", "completed"], default="requested"),
        vulnerability_ids=dict(type="list", elements="str"),
        select=dict(type="dict"),
        allow_empty=dict(type="bool", default=False),
        retesting_window_start=dict(type="str", aliases=["window_start"]),
        retesting_window_end=dict(type="str", aliases=["window_end"]),
        mark_ready=dict(type="bool", default=False),
        remediation_note=dict(type="str"),
        release=dict(type="str"),
        note_type=dict(type="str", choices=["PLAINTEXT", "RICHTEXT"], default="PLAINTEXT"),
        on_reopened=dict(type="str", choices=["report", "request", "fail"], default="report"),
        on_window_change=dict(type="str", choices=["keep", "replace", "fail"], default="keep"),
        on_duplicate=dict(type="str", choices=["warn", "cancel"], default="warn"),
        round=dict(type="int"),
        requested_date=dict(type="str"),
        completed_date=dict(type="str"),
        preflight=dict(type="bool", default=True),
    ),
    options=RETEST,
    run=_retest.run,
)


def main() -> None:
    """Run the module."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
