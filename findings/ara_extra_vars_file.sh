#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ARA leaves out the values of -e and stores the whole file of -e @file
#
# Versions: ara 1.8.0 with ansible-core 2.19.14
# Guessed: extra variables are not stored, as ARA ignores that argument by default, whichever way they are given.
# Seen: The value of -e name=value is not stored. The file of -e @file is, as it lies on the disk and in clear, beside
#   the playbook's own text. A variable of the environment is not stored.
# Product: SECURITY.md and docs/works_with.md, callbacks: with ARA the key comes from the environment or from a
#   vaulted file, or ARA's ignored_files names the file.

. "$(dirname "$0")/lib.sh"

install core ansible-core==2.19.14 'ara[server]==1.8.0'
ANSIBLE_CALLBACK_PLUGINS=$(core/bin/python -m ara.setup.callback_plugins)
export ANSIBLE_CALLBACK_PLUGINS ARA_BASE_DIR=$PWD/ara ARA_TIME_ZONE=UTC TIDE=invented-environment-value

echo 'berth: invented-file-value' >vars.yml
cat >play.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "{{ [berth, ship, lookup('ansible.builtin.env', 'TIDE')] | map('length') | sum }}"
END
# All of ARA's database, its compressed columns read.
cat >stored.py <<'END'
import sqlite3
import zlib

TABLES = {"results": "content", "playbooks": "arguments", "file_contents": "contents"}
with sqlite3.connect("ara/ansible.sqlite") as database:
    for table, column in TABLES.items():
        for (value,) in database.execute(f"select {column} from {table}"):
            print(table, zlib.decompress(value).decode())
END

expect 'exit code' 0 "$(status core/bin/ansible-playbook play.yml -e @vars.yml -e ship=invented-extra-value)"
core/bin/python stored.py >stored
expect 'results stored' 1 "$(grep -c '^results' stored)"
expect 'stored, by -e name=value' no "$(yes_if grep -q invented-extra-value stored)"
expect 'stored, by -e @file' yes "$(yes_if grep -q 'file_contents berth: invented-file-value' stored)"
expect 'stored, from the environment' no "$(yes_if grep -q invented-environment-value stored)"
