#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Under mitogen two module tasks are one process, and what the first changed in a library the second finds
#
# Versions: mitogen 0.3.54 with ansible-core 2.19.14
# Guessed: each task's module starts as a new process with fresh libraries, whatever the strategy.
# Seen: With mitogen_linear both tasks have the same process id, and a counter kept in a standard module goes on
#   counting. With linear each task counts from one.
# Product: the modules set nothing for the whole process: no socket timeout, no logging, no warning filters, no
#   environment (plugins/module_utils/_http.py); docs/works_with.md, mitogen; test: two module runs in one process.

. "$(dirname "$0")/lib.sh"

install core ansible-core==2.19.14 mitogen==0.3.54
strategies=$(echo core/lib/python*/site-packages/ansible_mitogen/plugins/strategy)
export ANSIBLE_STRATEGY_PLUGINS=$PWD/$strategies

mkdir library
cat >library/ferry.py <<'END'
import os
import socket

from ansible.module_utils.basic import AnsibleModule

module = AnsibleModule({})
socket.voyages = getattr(socket, "voyages", 0) + 1
module.exit_json(voyages=socket.voyages, process=os.getpid())
END
cat >play.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ferry:
      register: first
    - ferry:
      register: second
    - ansible.builtin.debug:
        msg: "voyages {{ first.voyages }} {{ second.voyages }}, one process: {{ first.process == second.process }}"
END

expect linear 'voyages 1 1, one process: False' "$(ANSIBLE_STRATEGY=linear play core play.yml)"
expect mitogen_linear 'voyages 1 2, one process: True' "$(ANSIBLE_STRATEGY=mitogen_linear play core play.yml)"
