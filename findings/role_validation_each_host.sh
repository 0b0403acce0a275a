#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A role of run_once tasks is still validated once for every host
#
# Versions: ansible-core 2.18.19, 2.21.5
# Guessed: a role all of whose tasks have run_once costs the same on one host and on a hundred.
# Seen: The validation that ansible-core puts before the role has no run_once and runs on each host. It inherits
#   run_once only where the play puts that on the import of the role.
# Product: the roles keep their checks in the module and the specification small, and the pages show run_once on
#   import_role (docs/performance.md); test: tasks counted in a play of many hosts.

. "$(dirname "$0")/lib.sh"

install old ansible-core==2.18.19
install new ansible-core==2.21.5

hosts alder birch cedar dogwood
mkdir -p roles/ferry/meta roles/ferry/tasks
cat >roles/ferry/meta/argument_specs.yml <<'END'
argument_specs:
  main:
    options:
      ferry_name: {type: str, required: true}
END
cat >roles/ferry/tasks/main.yml <<'END'
- ansible.builtin.ping:
  run_once: true
END
cat >plain.yml <<'END'
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: ferry}
      vars: {ferry_name: wren}
END
sed 's/^      vars/      run_once: true\n      vars/' plain.yml >once.yml

results() {
    "$1/bin/ansible-playbook" "$2" | grep -c '^ok:'
}
for name in old new; do
    expect "$name: results of 4 hosts, run_once in the role" 5 "$(results "$name" plain.yml)"
    expect "$name: results of 4 hosts, run_once on the import" 2 "$(results "$name" once.yml)"
done
