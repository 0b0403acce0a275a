#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# --start-at-task and --skip-tags leave out the validation of a role and run the role
#
# Versions: ansible-core 2.18.19, 2.21.5
# Guessed: a role never runs without its specification being checked.
# Seen: The check is a task like others. --start-at-task with a task of the role begins after it, and --skip-tags
#   always leaves it out; the role then runs without a required variable.
# Product: the roles' one module validates again, so the specification is a convenience and no guard (roles/); test:
#   each role under both switches fails before any write and names what is missing.

. "$(dirname "$0")/lib.sh"

install old ansible-core==2.18.19
install new ansible-core==2.21.5

mkdir -p roles/ferry/meta roles/ferry/tasks
cat >roles/ferry/meta/argument_specs.yml <<'END'
argument_specs:
  main:
    options:
      ferry_name: {type: str, required: true}
END
cat >roles/ferry/tasks/main.yml <<'END'
- name: Cast off
  ansible.builtin.debug:
    msg: "sailing, name defined: {{ ferry_name is defined }}"
END
cat >play.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: ferry}
END

for name in old new; do
    expect "$name refuses the plain run" 2 "$(status "$name/bin/ansible-playbook" play.yml)"
    expect "$name --start-at-task" 'sailing, name defined: False' \
        "$(play "$name" play.yml --start-at-task 'ferry : Cast off')"
    expect "$name --skip-tags always" 'sailing, name defined: False' "$(play "$name" play.yml --skip-tags always)"
done
