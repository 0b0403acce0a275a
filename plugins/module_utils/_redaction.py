# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Mask the key in whatever is shown, in each spelling in which a service could echo it.

Covered: any letter case; URL encoding; HTML entities, numeric and named; JSON escapes; and these nested in one another,
in any order. Not covered: a transformed key, such as a hash, base64 or the key backwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from html.entities import html5
from typing import Any

MASK = "********"
LONGEST_SPELLING = 24  # characters that one character of the key takes at most, as services write it
_MAX_DEPTH = 100  # of lists and dictionaries; nothing meaningful is nested deeper
_MAX_LEVELS = 8  # of encodings within encodings
_ENCODED = re.compile(
    r"""
    & (?: \#0*(?P<decimal>[0-9]{1,7}) | \#[xX]0*(?P<hexadecimal>[0-9a-fA-F]{1,6}) | (?P<name>[A-Za-z][A-Za-z0-9]*) ) ;
    | % (?P<percent>[0-9a-fA-F]{2})
    | \\ (?: u(?P<unicode>[0-9a-fA-F]{4}) | x(?P<byte>[0-9a-fA-F]{2}) | (?P<escaped>[^\w\s]) )
    """,
    re.VERBOSE,
)


def mask(value: Any, key: str | None, depth: int = _MAX_DEPTH) -> Any:
    """Mask the key in a text, and in all texts within lists and dictionaries. What is nested too deeply is left out."""
    if isinstance(value, str):
        return _mask_text(value, key) if key else value
    if not isinstance(value, (dict, list, tuple)):
        return value
    if not depth:
        return "..."
    if isinstance(value, dict):
        return {mask(name, key): mask(inner, key, depth - 1) for name, inner in value.items()}
    return [mask(inner, key, depth - 1) for inner in value]


def _mask_text(text: str, key: str) -> str:
    pattern = _pattern(key)
    if not _ENCODED.search(text):
        return pattern.sub(MASK, text)
    # To find where a spelling begins and ends costs more than to see that there is none.
    return _mask_spellings(text, pattern) if any(map(pattern.search, _levels(text))) else text


@lru_cache(maxsize=4)
def _pattern(key: str) -> re.Pattern[str]:
    """The key, and what comes of it where it can itself be taken for encoded, as abc%41 can.

    How many backslashes are left then depends on which encoding is taken away first, so any number of them will do.
    """
    *_levels_before, decoded = _levels(key)
    spellings = dict.fromkeys(map(re.escape, (key, decoded)))
    if decoded != key:
        spellings[r"\\*".join(map(re.escape, decoded.replace("\\", "")))] = None
    return re.compile("|".join(filter(None, spellings)), re.IGNORECASE)


def _levels(text: str) -> Iterator[str]:
    """The text, then with one level of encodings taken away, then with two, until none is left."""
    for _level in range(_MAX_LEVELS):
        yield text
        decoded = _ENCODED.sub(_letter, text)
        if decoded == text:
            return
        text = decoded


def _letter(match: re.Match[str]) -> str:
    """The character that an encoded one stands for, or the same text where it stands for none."""
    part = match.groupdict()
    if part["escaped"]:
        return part["escaped"]
    if part["name"]:
        return html5.get(f"{part['name']};", match.group())
    digits = part["hexadecimal"] or part["percent"] or part["unicode"] or part["byte"]
    code = int(digits, 16) if digits else int(part["decimal"])
    return chr(code) if code < 0x110000 else match.group()


def _mask_spellings(text: str, pattern: re.Pattern[str]) -> str:
    """Mask what of the text becomes the key at any level."""
    spans: set[tuple[int, int]] = set()
    decoded: str = text
    places: Sequence[int] = range(len(text) + 1)  # where each character of the decoded text begins in the text
    for _level in range(_MAX_LEVELS):
        spans.update((places[match.start()], places[match.end()]) for match in pattern.finditer(decoded))
        decoded, places = _decoded(decoded, places)
    masked, end = "", 0
    for start, stop in sorted(spans):
        if start >= end:
            masked += text[end:start] + MASK
        end = max(end, stop)
    return masked + text[end:]


def _decoded(text: str, places: Sequence[int]) -> tuple[str, Sequence[int]]:
    """Take away one level of encodings, and keep track of the places."""
    letters, kept, end = "", [], 0
    for match in _ENCODED.finditer(text):
        letter = _letter(match)
        letters += text[end : match.start()] + letter
        # What stands for several characters, or for none, keeps its beginning for each.
        kept += [*places[end : match.start()], *(places[match.start()] for _character in letter)]
        end = match.end()
    return letters + text[end:], [*kept, *places[end:]]
