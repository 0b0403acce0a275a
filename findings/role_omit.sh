#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# omit given to a role is a text on one ansible-core and no value on the next
#
# Versions: ansible-core 2.18.19, 2.19.14, 2.21.5
# Guessed: omit makes a role's variable as good as not given, so the role's default holds.
# Seen: The default holds nowhere. On 2.18 a text is a long placeholder, which the specification accepts, and a number
#   fails validation. From 2.19 both pass, and neither is a text or a number.
# Product: the roles pass each variable to one module, which leaves out what is omit from 2.19; on 2.18 they refuse
#   the placeholder (roles/); docs/works_with.md says: give a role's variable or leave it out, do not give it omit.

. "$(dirname "$0")/lib.sh"

install old ansible-core==2.18.19
install middle ansible-core==2.19.14
install new ansible-core==2.21.5

mkdir -p roles/ferry/meta roles/ferry/tasks roles/ferry/defaults
cat >roles/ferry/meta/argument_specs.yml <<'END'
argument_specs:
  main:
    options:
      ferry_berth: {type: str, default: quay 9}
      ferry_seats: {type: int, default: 40}
END
printf 'ferry_berth: quay 9\nferry_seats: 40\n' >roles/ferry/defaults/main.yml
cat >roles/ferry/tasks/main.yml <<'END'
- ansible.builtin.debug:
    msg: "{{ ferry_berth | type_debug }} {{ (ferry_berth | string)[:18] }}"
  when: what == 'text'
- ansible.builtin.debug:
    msg: "{{ ferry_seats | type_debug }}"
  when: what == 'number'
END
cat >text.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: ferry}
      vars: {what: text, ferry_berth: "{{ omit }}"}
END
sed 's/what: text, ferry_berth/what: number, ferry_seats/' text.yml >number.yml

expect '2.18, a text' 'str __omit_place_holde' "$(play old text.yml)"
expect '2.18, a number' 'exit code 2' "exit code $(status old/bin/ansible-playbook number.yml)"
for name in middle new; do
    expect "$name, a text is no text" '_OmitType' "$(play "$name" text.yml | cut -d ' ' -f 1)"
    expect "$name, a number is no number" '_OmitType' "$(play "$name" number.yml)"
done
