#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A null for a required text passes a role's specification
#
# Versions: ansible-core 2.18.19, 2.19.14, 2.21.5
# Guessed: null is refused where a text is required; and where an option has a default, null means the default.
# Seen: 2.18 refuses null for both. From 2.19 both pass, and the role works with null: the default is not taken.
# Product: the roles treat null as "not set" for options with a default and refuse it, by name, for required ones
#   (roles/); test: each variable of a role given as null, on every ansible-core.

. "$(dirname "$0")/lib.sh"

install old ansible-core==2.18.19
install middle ansible-core==2.19.14
install new ansible-core==2.21.5

mkdir -p roles/ferry/meta roles/ferry/tasks roles/ferry/defaults
cat >roles/ferry/meta/argument_specs.yml <<'END'
argument_specs:
  main:
    options:
      ferry_name: {type: str, required: true}
      ferry_berth: {type: str, default: quay 9}
END
echo 'ferry_berth: quay 9' >roles/ferry/defaults/main.yml
cat >roles/ferry/tasks/main.yml <<'END'
- ansible.builtin.debug:
    msg: "name {{ ferry_name | type_debug }}, berth {{ ferry_berth | type_debug }}"
END
cat >play.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: ferry}
      vars: {ferry_name: null, ferry_berth: null}
END

expect '2.18 refuses the play' 2 "$(status old/bin/ansible-playbook play.yml)"
for name in middle new; do
    expect "$name runs the role with null" 'name NoneType, berth NoneType' "$(play "$name" play.yml)"
done
