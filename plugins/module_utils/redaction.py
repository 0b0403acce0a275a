# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep the key out of whatever is told, in each spelling in which a service could echo it."""

from __future__ import annotations

import re
from functools import lru_cache

MASK = "********"
_DEPTH = 100  # of lists and dictionaries; nothing that means anything lies deeper
_ENCODED = re.compile(r"[&%\\]")  # what every spelling but the plain one has in it
_HTML_NAMES = {"<": "lt", ">": "gt", "&": "amp", '"': "quot", "'": "apos"}


def hide(value, key, depth=_DEPTH):
    """Mask the key in a text, and in all texts within lists and dictionaries. What is nested too deeply is left out."""
    if isinstance(value, str):
        if not key:
            return value
        if not _ENCODED.search(value):
            return value.replace(key, MASK)
        return _pattern(key).sub(MASK, value)
    if not isinstance(value, (dict, list, tuple)):
        return value
    if not depth:
        return "..."
    if isinstance(value, dict):
        return {hide(name, key): hide(inner, key, depth - 1) for name, inner in value.items()}
    return [hide(inner, key, depth - 1) for inner in value]


@lru_cache(maxsize=4)
def _pattern(key):
    return re.compile("".join(_spellings(letter) for letter in key))


def _spellings(letter):
    """A letter as it is, and as URLs, HTML and JSON write it."""
    code = ord(letter)
    ways = [
        "&#0*%d;" % code,
        f"&#[xX]0*(?i:{code:x});",
        f"%(?i:{code:02x})",
        rf"\\{{1,4}}u(?i:{code:04x})",
        r"\\{0,4}" + re.escape(letter),  # as it is, in JSON, and in JSON within JSON
    ]
    if letter in _HTML_NAMES:
        ways.insert(0, f"&{_HTML_NAMES[letter]};")
    return "(?:{})".format("|".join(ways))
