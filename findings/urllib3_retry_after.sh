#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# urllib3 waits as long as Retry-After says, or six hours, depending on its version; a fraction is an exception
#
# Versions: urllib3 1.26.20, 2.2.3, 2.8.0
# Guessed: Retry-After has an upper bound in every version, and 1.5 means one and a half seconds.
# Seen: 1.26 and 2.2 take 999999999 seconds, 31 years, as they stand; 2.8 caps them at 21,600. All raise InvalidHeader
#   on 1.5, so a service with fractions turns an answer into an exception.
# Product: Retry-After is parsed by our own rules, with a bound of 60 seconds, and one that cannot be read counts as
#   none (plugins/module_utils/_http_rules.py; docs/faults.md, rule 5); test: both ends of the supported urllib3.

. "$(dirname "$0")/lib.sh"

cat >wait.py <<'END'
import sys

from urllib3.exceptions import InvalidHeader
from urllib3.util.retry import Retry


class Answer:
    headers = {"Retry-After": sys.argv[1]}


try:
    print(Retry().get_retry_after(Answer()))
except InvalidHeader:
    print("InvalidHeader")
END

for row in '1.26.20 999999999' '2.2.3 999999999' '2.8.0 21600'; do
    read -r version bound <<<"$row"
    install "urllib3-$version" "urllib3==$version"
    expect "$version: 999999999" "$bound" "$("urllib3-$version/bin/python" wait.py 999999999)"
    expect "$version: 7" 7 "$("urllib3-$version/bin/python" wait.py 7)"
    expect "$version: 1.5" InvalidHeader "$("urllib3-$version/bin/python" wait.py 1.5)"
done
