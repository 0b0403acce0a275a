#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A task's environment does not reach the action that runs in the controller's own process
#
# Versions: ansible-core 2.18.19, 2.21.5
# Guessed: environment on a task or a play holds for whatever the task runs.
# Seen: A module sees it. An action's own os.environ does not: it has the environment of ansible-playbook.
# Product: the actions read the task's environment for ATTACKFORGE_ variables, proxies and CA bundles, and a client is
#   shared only between tasks with the same ones (plugins/plugin_utils/_action.py); test: environment of one loop
#   item.

. "$(dirname "$0")/lib.sh"

install old ansible-core==2.18.19
install new ansible-core==2.21.5

mkdir action_plugins library
cat >action_plugins/ferry.py <<'END'
import os

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        return {**super().run(tmp, task_vars), "tide": os.environ.get("TIDE", "unset")}
END
cat >library/barge.py <<'END'
import os

from ansible.module_utils.basic import AnsibleModule

AnsibleModule({}).exit_json(tide=os.environ.get("TIDE", "unset"))
END
cat >play.yml <<'END'
- hosts: localhost
  gather_facts: false
  environment: {TIDE: high}
  tasks:
    - ferry:
      register: action
    - barge:
      register: module
    - ansible.builtin.debug:
        msg: "action {{ action.tide }}, module {{ module.tide }}"
END

for name in old new; do
    expect "$name" 'action unset, module high' "$(play "$name" play.yml)"
done
