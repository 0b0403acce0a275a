#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ARA stores the whole item of a loop, although the loop's label shows only a part of it
#
# Versions: ara 1.8.0 with ansible-core 2.19.14
# Guessed: loop_control.label keeps the rest of an item out of what callbacks report.
# Seen: The label is for the screen alone. ARA's database has the whole item. With no_log the item is not stored.
# Product: no role of ours loops over items with the key in them (roles/; test over their tasks); docs/works_with.md,
#   callbacks: a label hides nothing, no_log does.

. "$(dirname "$0")/lib.sh"

install core ansible-core==2.19.14 'ara[server]==1.8.0'
ANSIBLE_CALLBACK_PLUGINS=$(core/bin/python -m ara.setup.callback_plugins)
export ANSIBLE_CALLBACK_PLUGINS ARA_BASE_DIR=$PWD/ara ARA_TIME_ZONE=UTC

cat >play.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "{{ item.ship }}"
      loop: "{{ [{'ship': 'wren', 'berth': ['invented', 'labelled', 'value'] | join('-')}] }}"
      loop_control: {label: "{{ item.ship }}"}
    - ansible.builtin.debug:
        msg: "{{ item.ship }}"
      loop: "{{ [{'ship': 'tern', 'berth': ['invented', 'hidden', 'value'] | join('-')}] }}"
      no_log: true
END
cat >stored.py <<'END'
import sqlite3
import zlib

with sqlite3.connect("ara/ansible.sqlite") as database:
    rows = database.execute("select content from results").fetchall()
print(*(zlib.decompress(row[0]).decode() for row in rows), sep="\n")
END

expect 'exit code' 0 "$(status core/bin/ansible-playbook play.yml)"
expect 'on the screen' no "$(yes_if grep -q invented-labelled-value said)"
core/bin/python stored.py >stored
expect 'results stored' 2 "$(wc -l <stored)"
expect 'stored, with a label' yes "$(yes_if grep -q invented-labelled-value stored)"
expect 'stored, with no_log' no "$(yes_if grep -q invented-hidden-value stored)"
