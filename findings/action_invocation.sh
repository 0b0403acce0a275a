#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The newest ansible-core drops a module's invocation and keeps an action's
#
# Versions: ansible-core 2.18.19, 2.19.14, 2.21.5
# Guessed: invocation never stands in a registered result, and 2.21, which injects it only on demand, has even less.
# Seen: 2.18 and 2.19 take it out of what is registered, for modules and actions alike. On 2.21 a module has none
#   unless INJECT_INVOCATION is on; what an action puts there by itself is registered, whatever the setting.
# Product: an action repeats its options, the key masked, only where ansible-core would repeat a module's: always
#   before 2.21, then if INJECT_INVOCATION is on (plugins/plugin_utils/_action.py; test on 2.21, with the setting and
#   without).

. "$(dirname "$0")/lib.sh"

mkdir action_plugins
cat >action_plugins/ferry.py <<'END'
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        return {**super().run(tmp, task_vars), "invocation": {"module_args": dict(self._task.args)}}
END
cat >play.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.ping:
      register: module
    - ferry: {berth: quay 9}
      register: action
    - ansible.builtin.debug:
        msg: "module {{ module.invocation is defined }}, action {{ action.invocation is defined }}"
END

for row in '2.18.19 False False False' '2.19.14 False False False' '2.21.5 False True True'; do
    read -r version module action injected <<<"$row"
    install "core-$version" "ansible-core==$version"
    expect "$version" "module $module, action $action" "$(play "core-$version" play.yml)"
    expect "$version with INJECT_INVOCATION" "module $injected, action $action" \
        "$(ANSIBLE_INJECT_INVOCATION=1 play "core-$version" play.yml)"
done
