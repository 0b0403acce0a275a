#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# set_stats with aggregate adds up booleans, joins texts and drops what is of another type
#
# Versions: ansible-core 2.18.19, 2.19.14, 2.21.5
# Guessed: a later value replaces an earlier one, except that lists and dictionaries are merged.
# Seen: Two times true is the integer 2. Two texts are joined without a blank. Integers add up. A value of another
#   type than the first is dropped without a word. Lists append, and dictionaries merge.
# Product: the roles set their artifact with aggregate false and a whole, new value (roles/); docs/awx.md: do not
#   aggregate a key of ours; test: the artifact of a play with two passes is the job's.

. "$(dirname "$0")/lib.sh"

export ANSIBLE_SHOW_CUSTOM_STATS=1
cat >play.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.set_stats:
        data: {flag: true, text: one, count: 2, kind: 5, list: [1], map: {a: 1}}
    - ansible.builtin.set_stats:
        data: {flag: true, text: two, count: 3, kind: "6", list: [2], map: {b: 2}}
        aggregate: true
END

for version in 2.18.19 2.19.14 2.21.5; do
    install "core-$version" "ansible-core==$version"
    expect "$version" \
        '"count": 5, "flag": 2, "kind": 5, "list": [ 1, 2 ], "map": { "a": 1, "b": 2 }, "text": "onetwo"' \
        "$("core-$version/bin/ansible-playbook" play.yml | sed -n 's/^.*RUN: { \(.*\)}$/\1/p' | tr -s ' ')"
done
