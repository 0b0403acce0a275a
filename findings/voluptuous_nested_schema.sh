#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A Schema inside a Schema keeps its own rule for keys that are not named
#
# Versions: voluptuous 0.14.1, 0.16.0
# Guessed: extra=REMOVE_EXTRA of the outer Schema holds for all that is inside it.
# Seen: It holds for a plain dictionary inside. A Schema inside was made with the default and refuses the key, under
#   REMOVE_EXTRA and ALLOW_EXTRA alike: an answer with one new key deep inside is then an error as a whole.
# Product: inner schemas are plain dictionaries, or made with the same rule (plugins/module_utils/_answers.py); test:
#   an unknown key at every level of every answer.

. "$(dirname "$0")/lib.sh"

cat >nested.py <<'END'
import voluptuous as v

ROW = {"id": str}
for extra in ("REMOVE_EXTRA", "ALLOW_EXTRA"):
    for name, inner in (("dictionary", ROW), ("Schema", v.Schema(ROW))):
        try:
            seen = v.Schema({"row": inner}, extra=getattr(v, extra))({"row": {"id": "7", "new": 1}})
        except v.Invalid as exc:
            seen = exc
        print(f"{extra}, {name}: {seen}")
END

for version in 0.14.1 0.16.0; do
    install "voluptuous-$version" "voluptuous==$version"
    "voluptuous-$version/bin/python" nested.py >seen
    expect "$version" "REMOVE_EXTRA, dictionary: {'row': {'id': '7'}}" "$(sed -n 1p seen)"
    expect "$version" "REMOVE_EXTRA, Schema: extra keys not allowed @ data['row']['new']" "$(sed -n 2p seen)"
    expect "$version" "ALLOW_EXTRA, dictionary: {'row': {'id': '7', 'new': 1}}" "$(sed -n 3p seen)"
    expect "$version" "ALLOW_EXTRA, Schema: extra keys not allowed @ data['row']['new']" "$(sed -n 4p seen)"
done
