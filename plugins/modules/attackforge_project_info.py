#!/usr/bin/python

# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: attackforge_project_info
short_description: Find projects of AttackForge
version_added: 0.1.0
description:
  - Selects projects by what people know of them, such as a code, a group or an asset, and returns what a release needs
    to know of each.
  - All conditions that are given must hold. Within one condition, one of its values must hold. Without any, all
    projects that the key can see are returned.
  - An id, a code or an exact name that no project has makes the task fail.
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
  ids:
    description:
      - Ids of projects, each 24 hexadecimal digits.
    type: list
    elements: str
  codes:
    description:
      - Codes of projects, in any letter case.
    type: list
    elements: str
  names:
    description:
      - Exact names of projects, in any letter case.
    type: list
    elements: str
  name:
    description:
      - A regular expression in the syntax of Python, searched for anywhere in the name.
    type: str
  groups:
    description:
      - Names of groups that a project belongs to, in any letter case.
    type: list
    elements: str
  statuses:
    description:
      - Statuses, such as V(Testing), V(Completed) or V(Waiting to Start), in any letter case.
    type: list
    elements: str
  assets:
    description:
      - Names of assets in the scope of a project, in any letter case.
    type: list
    elements: str
  query:
    description:
      - A filter in the query language of the service, its parameter C(q). Only the service evaluates it, so the task
        fails if the service rejects it.
    type: str
notes:
  - "Methods of the API that the key must be granted: GetProjects."
  - "Requests to the service: one for each 500 projects that the service brings."
"""

EXAMPLES = r"""
- name: Find the projects of a group that test an asset
  attackforge.retest.attackforge_project_info:
    groups: [Web shops]
    assets: [shop.example.com]
  register: shops
"""

RETURN = r"""
projects:
  description: The projects, by their codes and names.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id of the project.
      type: str
      returned: always
    name:
      description: Its name, or null.
      type: str
      returned: always
    code:
      description: Its code, or null.
      type: str
      returned: always
    status:
      description: Its status, as the service writes it, or null.
      type: str
      returned: always
    on_hold:
      description: Whether it is on hold, or null where that is not known.
      type: bool
      returned: always
    groups:
      description: The names of its groups.
      type: list
      elements: str
      returned: always
    assets:
      description: The names of the assets in its scope.
      type: list
      elements: str
      returned: always
    organization_code:
      description: The code of its organization, or null.
      type: str
      returned: always
    retesting:
      description: What the project asks of who requests a retest; null where that is not known.
      type: dict
      returned: always
      contains:
        enabled:
          description: Whether retesting is enabled.
          type: bool
          returned: always
        access_level:
          description: The lowest access level that may request one, V(View), V(Upload) or V(Edit).
          type: str
          returned: always
        roles:
          description: The roles that may.
          type: list
          elements: str
          returned: always
    open_rounds:
      description: The numbers of its open rounds. It is null where the list of projects does not carry them.
      type: list
      elements: int
      returned: always
  sample:
    - id: 66333e1d110ab5acf8a4354e
      name: Web shop
      code: SHOP
      status: Testing
      on_hold: false
      groups: [Web shops]
      assets: [shop.example.com]
      organization_code: null
      retesting:
        enabled: true
        access_level: View
        roles: [client, consultant]
      open_rounds: [3]
count:
  description: How many projects there are.
  returned: success
  type: int
  sample: 1
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
    method: GetProjects
    http_status: 403
    detail: Forbidden
"""

from ansible_collections.attackforge.retest.plugins.module_utils._options import PROJECTS
from ansible_collections.attackforge.retest.plugins.module_utils._runner import Operation, run_module
from ansible_collections.attackforge.retest.plugins.module_utils.operations import _project_info

OPERATION = Operation(
    spec=dict(
        ids=dict(type="list", elements="str"),
        codes=dict(type="list", elements="str"),
        names=dict(type="list", elements="str"),
        name=dict(type="str"),
        groups=dict(type="list", elements="str"),
        statuses=dict(type="list", elements="str"),
        assets=dict(type="list", elements="str"),
        query=dict(type="str"),
    ),
    options=PROJECTS,
    run=_project_info.run,
)


def main() -> None:
    """Run the module."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
