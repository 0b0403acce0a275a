# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Remediation notes: whether a text stands on a finding already, and why a finding was closed.

Pure.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import NamedTuple

from ._vulnerabilities import Finding, Note

_HTML = re.compile(r"</[a-zA-Z]+>|<br ?/?>")
_LINK = re.compile(r"<[^<>]*\b(?:href|src)\s*=\s*[\"']?([^\"'\s<>]+)", re.IGNORECASE)
# A service that cuts notes cuts long ones. A shorter note that begins alike is another note: release 1 and release 12.
_SHORTEST_CUT = 100  # characters
_ELLIPSIS = re.compile(r"\s*(?:\.{3,}|\u2026)\Z")
_CLOSED = re.compile(r"\s*Issue Closed:\s*(.+)", re.IGNORECASE | re.DOTALL)
_FIX = re.compile(r"\b(?:fixed|remediated|resolved|patched)\b", re.IGNORECASE)
_NO_FIX = re.compile(
    r"\b(?:not|no|never|without|cannot|unable)\b|n['\u2019]?t\b"
    r"|\b(?:half|mostly|partly|partial\w*|incomplete\w*|temporar\w*)\b"
    r"|\b(?:will|would|should|could|might|must)\b|(?:\A|\bneeds |\bhas )to be\b",  # it is not fixed yet
    re.IGNORECASE,
)


def has_note(finding: Finding, text: str) -> bool:
    """Whether a note with this text stands already, whatever its white space and Unicode normal form.

    Plain text has to be the same to the letter, or be cut by the service. HTML may come back arranged otherwise, so its
    words and, where any come back, its links are compared.
    """
    return any(_is_same(note, text) for note in finding.notes or ())


def _is_same(note: Note, text: str) -> bool:
    declared, words = _normal(text), _words(text)
    plain = [_normal(written) for written in (note.text, note.html) if written]
    plain.append(_words(note.html) if note.html else html.unescape(_normal(note.text)))
    if _HTML.search(note.text or ""):
        plain.append(_words(note.text))
    if declared in plain or any(_is_cut(written, declared) for written in plain):
        return True
    if not _HTML.search(text):
        return False
    links = _links(note.html or note.text)
    if not words:
        return bool(links) and links == _links(text)
    return words in plain and (not links or links == _links(text))


def _is_cut(written: str, declared: str) -> bool:
    """Whether a note is the beginning of a text. Where no ellipsis says so, one that ends within a number is another
    note: that of release 2026.1, where release 2026.12 is meant."""
    begun = _ELLIPSIS.sub("", written)
    if len(begun) < _SHORTEST_CUT or not declared.startswith(begun):
        return False
    within_a_word = not declared[len(begun) :].startswith(" ")
    last_word = begun.rpartition(" ")[2]
    return begun != written or not (within_a_word and any(map(str.isdigit, last_word)))


def _links(text: str | None) -> list[str]:
    return [html.unescape(link) for link in _LINK.findall(text or "")]


def _normal(text: str | None) -> str:
    return " ".join(unicodedata.normalize("NFC", text or "").split())


def _words(text: str | None) -> str:
    """What a browser would show of HTML."""
    return _normal(html.unescape(re.sub(r"<[^<>]*>", " ", text or "")))


class Closing(NamedTuple):
    """Why a finding was closed, and who wrote so when, as far as a note says it."""

    reason: str
    by: str | None
    at: str | None

    @property
    def is_fix(self) -> bool:
        """Whether the reason says that it was fixed. "Will be fixed" and "Partially fixed" do not."""
        return bool(_FIX.search(self.reason)) and not _NO_FIX.search(self.reason)


def closing_of(finding: Finding) -> Closing | None:
    """The last note ``Issue Closed: <reason>`` of a finding, or None.

    Source: the vendor's recipe for an export to CSV, which takes the last note with these words for the reason.
    """
    found = []
    for position, note in enumerate(finding.notes or ()):
        match = _CLOSED.match(_words(note.html) if not note.text else note.text)
        if match:
            found.append(
                ((note.created or "", position), Closing(_normal(match.group(1)), note.created_by, note.created))
            )
    return max(found)[1] if found else None
