#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A condition on a run_once task is asked of the first host alone
#
# Versions: ansible-core 2.18.19, 2.21.5
# Guessed: run_once picks a host for which the condition is true.
# Seen: The first host of the batch is asked. If the condition is false there, the task is skipped for all hosts, and
#   each of them has a skipped result registered, although it was true for another.
# Product: docs/gate.md and the roles: never put a condition that differs between hosts on the gate; the role refuses
#   variables that differ between hosts while it runs once.

. "$(dirname "$0")/lib.sh"

install old ansible-core==2.18.19
install new ansible-core==2.21.5

hosts alder birch cedar
cat >play.yml <<'END'
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.ping:
      run_once: true
      when: inventory_hostname == 'birch'
      register: gate
    - ansible.builtin.debug:
        msg: "{{ inventory_hostname }} skipped: {{ gate is skipped }}"
END

for name in old new; do
    expect "$name" 'alder skipped: True birch skipped: True cedar skipped: True' \
        "$(play "$name" play.yml | sort | one_line)"
done
