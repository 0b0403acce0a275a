#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Killing the process group of a play leaves its workers at work
#
# Versions: ansible-core 2.18.19, 2.19.14, 2.21.5
# Guessed: SIGKILL to the group of ansible-playbook, as ansible-runner sends it on cancel, ends all that the play
#   does.
# Seen: So it is on 2.18. From 2.19 a worker is in a session and a group of its own: it goes on and writes its file
#   seconds after the play is gone.
# Product: a worker whose play is gone writes nothing more: the parent is looked at before every verb other than GET
#   (plugins/module_utils/_client.py; docs/faults.md); test: kill the group while a request waits.

. "$(dirname "$0")/lib.sh"

mkdir action_plugins
cat >action_plugins/ferry.py <<'END'
import pathlib
import time

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        pathlib.Path("at-work").touch()
        time.sleep(3)
        pathlib.Path("written").touch()
        return super().run(tmp, task_vars)
END
cat >play.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ferry:
END

# killed ENVIRONMENT: whether the worker of a killed play still wrote.
killed() {
    local group
    rm -f at-work written
    setsid "$1/bin/ansible-playbook" play.yml >said 2>&1 &
    group=$!
    for _ in $(seq 200); do
        [ -e at-work ] && break
        sleep 0.1
    done
    kill -KILL -- "-$group"
    wait "$group" 2>/dev/null || true
    sleep 5
    yes_if test -e written
}
for row in '2.18.19 no' '2.19.14 yes' '2.21.5 yes'; do
    read -r version wrote <<<"$row"
    install "core-$version" "ansible-core==$version"
    expect "$version: written after the kill" "$wrote" "$(killed "core-$version")"
done
