#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Of two kinds of dictionary in a list, voluptuous tries only the first
#
# Versions: voluptuous 0.14.1, 0.16.0
# Guessed: a list schema of two dictionaries takes elements of either kind.
# Seen: An element of the second kind is an error about the first. With REMOVE_EXTRA it is none: it becomes {} without
#   a word. Any of the two inside the list is right, but with REMOVE_EXTRA only where each kind has a required key.
# Product: no schema of ours lists two dictionaries; records of several kinds are told apart by Python
#   (plugins/module_utils/_answers.py); test: every record of a mixed list arrives whole.

. "$(dirname "$0")/lib.sh"

cat >kinds.py <<'END'
import voluptuous as v

FREE = ({"id": str}, {"code": str})
REQUIRED = ({v.Required("id"): str}, {v.Required("code"): str})
for name, schema in (("two", list(FREE)), ("any", [v.Any(*FREE)]), ("any of required", [v.Any(*REQUIRED)])):
    for extra in ("PREVENT_EXTRA", "REMOVE_EXTRA"):
        try:
            seen = v.Schema(schema, extra=getattr(v, extra))([{"code": "K-1"}])
        except v.Invalid as exc:
            seen = exc
        print(f"{name}, {extra}: {seen}")
END

for version in 0.14.1 0.16.0; do
    install "voluptuous-$version" "voluptuous==$version"
    "voluptuous-$version/bin/python" kinds.py >seen
    expect "$version" "two, PREVENT_EXTRA: extra keys not allowed @ data[0]['code']" "$(sed -n 1p seen)"
    expect "$version" 'two, REMOVE_EXTRA: [{}]' "$(sed -n 2p seen)"
    expect "$version" "any, PREVENT_EXTRA: [{'code': 'K-1'}]" "$(sed -n 3p seen)"
    expect "$version" 'any, REMOVE_EXTRA: [{}]' "$(sed -n 4p seen)"
    expect "$version" "any of required, REMOVE_EXTRA: [{'code': 'K-1'}]" "$(sed -n 6p seen)"
done
