#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A Decimal in an action's result fails the task after its work is done, if the task registers it
#
# Versions: ansible-core 2.18.19, 2.19.14, 2.21.5
# Guessed: a result is stored as it is, and at worst printed badly.
# Seen: 2.18 and 2.19 store it; the default callback fails to print it, which is a warning. On 2.21 the task fails
#   where it registers the result, with its work done and a retry doing it again; without register it passes. A range
#   fails in the same way, a set becomes a list.
# Product: the results of the actions hold only what JSON has: a test walks the result of each module for exact types
#   (plugins/module_utils/_runner.py); docs/works_with.md, ansible-core 2.21.

. "$(dirname "$0")/lib.sh"

mkdir action_plugins
cat >action_plugins/ferry.py <<'END'
import decimal
import pathlib

from ansible.plugins.action import ActionBase

VALUES = {"decimal": decimal.Decimal("1.50"), "range": range(3), "set": {7}}


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        pathlib.Path("work-done").touch()
        return {**super().run(tmp, task_vars), "value": VALUES[self._task.args["kind"]]}
END
cat >registered.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ferry: {kind: "{{ kind }}"}
      register: result
END
grep -v register: registered.yml >plain.yml

for row in '2.18.19 0 0' '2.19.14 0 0' '2.21.5 2 2'; do
    read -r version decimal range <<<"$row"
    install "core-$version" "ansible-core==$version"
    rm -f work-done
    playbook=core-$version/bin/ansible-playbook
    expect "$version: Decimal, registered: exit code" "$decimal" "$(status "$playbook" registered.yml -e kind=decimal)"
    expect "$version: the work was done" yes "$(yes_if test -e work-done)"
    expect "$version: Decimal, not registered: exit code" 0 "$(status "$playbook" plain.yml -e kind=decimal)"
    expect "$version: set, registered: exit code" 0 "$(status "$playbook" registered.yml -e kind=set)"
    [ "$version" = 2.18.19 ] && continue # it cannot even copy a range
    expect "$version: range, registered: exit code" "$range" "$(status "$playbook" registered.yml -e kind=range)"
done
