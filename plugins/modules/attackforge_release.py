#!/usr/bin/python

# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: attackforge_release
short_description: Request retests in many AttackForge projects at once
version_added: 0.1.0
description:
  - Makes the release step of M(attackforge.retest.attackforge_retest) in every project that has findings which are
    selected.
    After a patch rollout, the fixed findings lie in dozens or hundreds of projects; this is one task for all of them.
  - One round is requested a project. A project that fails leaves the others alone; running the play again does the
    rest.
  - Projects and findings are read by lists over the tenant. Where a list is not granted or does not carry what it
    should, each project is read by itself, with a warning.
  - A finding that is linked to several of the selected projects belongs to the one in which an open round holds it.
    Otherwise the task fails before anything is sent and names the projects.
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
    details: One diff for each project that changes.
  idempotent:
    support: full
options:
  projects:
    description:
      - Which projects are meant. A dictionary of one or more of C(ids), C(codes), C(names), C(name) (a regular
        expression),
        C(groups), C(statuses), C(assets) (names in the project's scope) and C(query), as in
        M(attackforge.retest.attackforge_project_info). All conditions that are given must hold.
      - Either this or O(all) is needed.
    type: dict
  all:
    description:
      - Whether all projects that the key can see are meant. It has to be said, so that a slip does not mean it.
    type: bool
    default: false
  select:
    description:
      - Which findings were fixed. Takes the conditions of
        M(attackforge.retest.attackforge_vulnerability_info) by their names,
        C(ids), C(alternate_ids), C(priorities), C(status), C(tags), C(custom_tags), C(assets), C(cves),
        C(custom_fields), C(target_before), C(title) and C(query).
      - Select by what a finding keeps, such as a tag. This module changes the status, so a rerun that selects by
        C(status) finds other findings.
    type: dict
    required: true
  allow_empty:
    description:
      - Whether O(select) may find nothing in any project. By default that fails, because a typing
        error must not pass as success.
    type: bool
    default: false
  retesting_window_start:
    description:
      - When testing may begin.
      - An ISO 8601 date or time such as V(2026-12-01T08:00:00+01:00) or V(2026-12-01), or a time from now on, such as
        V(now), V(+12h), V(+2d) or V(+1w). A time without an offset is UTC, and a date is its midnight.
    type: str
    required: true
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
      - V(fail) makes the project fail before anything is written to it.
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
        holds others is never cancelled; the project fails.
      - V(fail) makes the project fail.
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
  at_once:
    description:
      - How many requests run at once, between 1 and 32. When the service answers that it is too much (HTTP 429 or 503),
        all of them wait, and their number is halved.
    type: int
    default: 8
  at_most:
    description:
      - The largest number of projects with selected findings. With more, nothing is sent, and the message says how many
        there are.
    type: int
    default: 100
notes:
  - "Methods of the API that the key must be granted: GetProjects, GetVulnerabilities, GetProjectById and
    RequestNewProjectRetest; with O(mark_ready=true) UpdateVulnerabilityById; with a note CreateRemediationNote; with
    O(on_window_change=replace) or O(on_duplicate=cancel) CancelProjectRetestRound. Where GetVulnerabilities is not
    granted, GetProjectVulnerabilitiesById replaces it."
  - "Requests to the service: one for each 500 projects, one for each 500 findings that the service brings, one for each
    note, mark and request, and a few for each batch of twice O(at_once) projects."
  - Where the task runs on the controller, it prints a line of progress on standard error after each batch.
seealso:
  - module: attackforge.retest.attackforge_retest
  - module: attackforge.retest.attackforge_project_info
"""

EXAMPLES = r"""
- name: After a patch rollout, have what was fixed on its hosts retested, wherever it lies
  attackforge.retest.attackforge_release:
    projects:
      groups: [Web shops]
    select:
      assets: "{{ ansible_play_hosts_all }}"
      cves: [CVE-2026-12345]
    release: patch-2026-12
    mark_ready: true
    window_start: now
    window_end: +14d
  register: release

- name: Wait for the verdict on all its rounds
  attackforge.retest.attackforge_retest_info:
    rounds: "{{ release.rounds }}"
    verdict: true
    wait: true
    wait_timeout: 1209600
"""

RETURN = r"""
totals:
  description: How many projects and findings there are, and what became of the findings.
  returned: success, and when projects fail
  type: dict
  sample:
    projects: 214
    requested: 402
    in_scope: 0
    closed: 11
    reopened: 3
    failed: 2
    findings: 416
    marked: 380
    noted: 402
rounds:
  description: >-
    What a gate follows: the rounds that hold the findings, and those from which the testers sent some back, each with
    those of them that were asked for. The option C(rounds) of M(attackforge.retest.attackforge_retest_info) takes it as
    it is.
  returned: success, and when projects fail
  type: list
  elements: dict
  contains:
    project_id:
      description: The id of the project.
      type: str
      returned: always
    code:
      description: Its code, or null.
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
projects:
  description: >-
    What became of each project, the failed ones first. Each entry also has the keys that
    M(attackforge.retest.attackforge_retest) returns, but for C(diff).
  returned: success, and when projects fail
  type: list
  elements: dict
  contains:
    project:
      description: The C(id), C(code) and C(name) of the project.
      type: dict
      returned: always
    changed:
      description: Whether anything was written to it.
      type: bool
      returned: always
    failed:
      description: Whether it failed.
      type: bool
      returned: always
    msg:
      description: What went wrong and what to do.
      type: str
      returned: when it failed
diff:
  description: The diff of each project that changes, as in M(attackforge.retest.attackforge_retest).
  returned: success, and when projects fail
  type: list
  elements: dict
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
"""

from ansible_collections.attackforge.retest.plugins.module_utils._options import RELEASE
from ansible_collections.attackforge.retest.plugins.module_utils._runner import Operation, run_module
from ansible_collections.attackforge.retest.plugins.module_utils.operations import _release

OPERATION = Operation(
    spec=dict(
        projects=dict(type="dict"),
        all=dict(type="bool", default=False),
        select=dict(type="dict", required=True),
        allow_empty=dict(type="bool", default=False),
        retesting_window_start=dict(type="str", required=True, aliases=["window_start"]),
        retesting_window_end=dict(type="str", aliases=["window_end"]),
        mark_ready=dict(type="bool", default=False),
        remediation_note=dict(type="str"),
        release=dict(type="str"),
        note_type=dict(type="str", choices=["PLAINTEXT", "RICHTEXT"], default="PLAINTEXT"),
        on_reopened=dict(type="str", choices=["report", "request", "fail"], default="report"),
        on_window_change=dict(type="str", choices=["keep", "replace", "fail"], default="keep"),
        on_duplicate=dict(type="str", choices=["warn", "cancel"], default="warn"),
        at_once=dict(type="int", default=8),
        at_most=dict(type="int", default=100),
    ),
    options=RELEASE,
    run=_release.run,
)


def main() -> None:
    """Run the module."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
