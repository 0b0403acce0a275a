#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A plugin's own result key "attempts" is replaced on one ansible-core and stands on the next
#
# Versions: ansible-core 2.18.19, 2.19.14, 2.21.5
# Guessed: under until, attempts is always how often ansible-core ran the task.
# Seen: 2.18 and 2.19 overwrite the plugin's value with theirs. On 2.21 the plugin's value stands, under until too.
# Product: no result of ours has a key named attempts or retries of its own (test over the RETURN documentation).

. "$(dirname "$0")/lib.sh"

mkdir action_plugins
cat >action_plugins/ferry.py <<'END'
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        return {**super().run(tmp, task_vars), "attempts": 7}
END
cat >play.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ferry:
      register: result
      until: true
      retries: 3
    - ansible.builtin.debug:
        msg: "attempts {{ result.attempts }}"
END

for row in '2.18.19 1' '2.19.14 1' '2.21.5 7'; do
    read -r version attempts <<<"$row"
    install "core-$version" "ansible-core==$version"
    expect "$version" "attempts $attempts" "$(play "core-$version" play.yml)"
done
