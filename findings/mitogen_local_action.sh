#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# mitogen puts a connection of its own in the place of the local one and keeps the transport's name
#
# Versions: mitogen 0.3.54 with ansible-core 2.19.14
# Guessed: an action that sees the transport "local" has the connection plugin of that name; and under a strategy that
#   is about speed an action may run in some process of mitogen's.
# Seen: The transport is local, and the plugin's load name is mitogen_local. The action still runs in a worker whose
#   parent is ansible-playbook.
# Product: whether a task stays in the controller's process is decided by the transport, not by the plugin's name, and
#   the parent is watched as without mitogen (plugins/plugin_utils/_action.py); docs/works_with.md, mitogen.

. "$(dirname "$0")/lib.sh"

install core ansible-core==2.19.14 mitogen==0.3.54
strategies=$(echo core/lib/python*/site-packages/ansible_mitogen/plugins/strategy)
export ANSIBLE_STRATEGY_PLUGINS=$PWD/$strategies

mkdir action_plugins
cat >action_plugins/ferry.py <<'END'
import os
import pathlib

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        names = f"{self._connection.transport} {self._connection._load_name}"
        parent = pathlib.Path("play").read_text().strip() == str(os.getppid())
        return {**super().run(tmp, task_vars), "seen": f"{names}, child of the play {parent}"}
END
cat >play.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ferry:
      register: result
    - ansible.builtin.debug:
        msg: "{{ result.seen }}"
END

# seen STRATEGY: what the action says; the play's process id is in ./play before it starts.
seen() {
    ANSIBLE_STRATEGY=$1 bash -c 'echo $$ >play; exec core/bin/ansible-playbook play.yml' 2>&1 |
        sed -n 's/^ *"msg": "\(.*\)"$/\1/p'
}
expect linear 'local local, child of the play True' "$(seen linear)"
expect mitogen_linear 'local mitogen_local, child of the play True' "$(seen mitogen_linear)"
