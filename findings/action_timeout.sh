#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A task's timeout inside an action is no Exception, and an action that catches it is not stopped
#
# Versions: ansible-core 2.18.19, 2.19.14, 2.21.5
# Guessed: the timeout of a task is raised as an Exception, and the task fails whatever the action does with it.
# Seen: It is raised in the action's own code as a BaseException: "except Exception" does not see it, and a clean-up
#   there is passed over. An action that catches BaseException carries on, and the task is ok.
# Product: the actions clean up in finally, and never catch BaseException without raising it again
#   (plugins/module_utils/_runner.py); test: a task with timeout during a write fails, and a rerun makes no second
#   round.

. "$(dirname "$0")/lib.sh"

mkdir action_plugins
cat >action_plugins/ferry.py <<'END'
import time

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        try:
            time.sleep(10)
        except Exception:
            result["seen"] = "an Exception"
        except BaseException as exc:
            result["seen"] = f"BaseException {type(exc).__name__}"
        return result
END
cat >play.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ferry:
      timeout: 1
      register: result
    - ansible.builtin.debug:
        msg: "{{ result.seen }}, failed {{ result.failed }}"
END

for version in 2.18.19 2.19.14 2.21.5; do
    install "core-$version" "ansible-core==$version"
    expect "$version" 'BaseException TaskTimeoutError, failed False' "$(play "core-$version" play.yml)"
done
