#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# voluptuous names the missing keys of a schema in an order that changes from process to process
#
# Versions: voluptuous 0.14.1, 0.16.0
# Guessed: missing keys are reported in the order in which the schema names them.
# Seen: The order follows the hashes of the keys' texts, which Python draws anew for each process: 20 processes report
#   several orders, and with a fixed hash seed always the same.
# Product: the messages about options and answers are sorted by path before they are joined
#   (plugins/module_utils/_options.py, _answers.py), so a play may compare them; test: the same message from processes
#   of other hash seeds.

. "$(dirname "$0")/lib.sh"

cat >missing.py <<'END'
import voluptuous

NAMES = ("round", "finding", "window", "tenant", "status", "note")
try:
    voluptuous.Schema({voluptuous.Required(name): str for name in NAMES})({})
except voluptuous.MultipleInvalid as exc:
    print(*(error.path[0] for error in exc.errors))
END

# orders VERSION SETTING: how many orders 20 processes report.
orders() {
    for _ in $(seq 20); do env "$2" "voluptuous-$1/bin/python" missing.py; done | sort -u | wc -l
}
for version in 0.14.1 0.16.0; do
    install "voluptuous-$version" "voluptuous==$version"
    expect "$version: more than one order" yes "$(yes_if test "$(orders "$version" PYTHONHASHSEED=random)" -gt 1)"
    expect "$version: orders with a fixed seed" 1 "$(orders "$version" PYTHONHASHSEED=7)"
done
