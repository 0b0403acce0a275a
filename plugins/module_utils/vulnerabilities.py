# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Findings: what the service's records say in few and plain words, which of them are meant, what is to be done to them.

Pure: no I/O, neither requests nor Ansible.
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple

from .errors import StateError

OPEN = "open"
READY = "retest"
CLOSED = "closed"
WRITTEN = {OPEN: "Open", READY: "Retest", CLOSED: "Closed"}  # as UpdateVulnerabilityById takes them
PRIORITIES = ("Critical", "High", "Medium", "Low", "Info")


class Note(NamedTuple):
    """A remediation note."""

    id: str | None
    text: str | None
    html: str | None
    created: str | None


class Finding(NamedTuple):
    """A vulnerability of a project. In a round's scope only its names are known."""

    id: str
    alternate_id: str | None = None
    title: str | None = None
    status: str | None = None  # open, retest (ready for retest), closed
    priority: str | None = None
    tags: tuple = ()
    assets: tuple = ()
    notes: tuple | None = None  # of Note; None where the record does not tell them
    status_updated: str | None = None
    details: dict | None = None  # the whole record, where it was asked for


class Selection(NamedTuple):
    """Which findings are meant. Conditions are joined by and, the values within one by or; an empty one holds."""

    ids: tuple = ()
    alternate_ids: tuple = ()
    priorities: tuple = ()
    statuses: tuple = ()
    tags: tuple = ()
    assets: tuple = ()
    title: str | None = None  # a regular expression, found anywhere
    query: str | None = None  # the service's own language, judged by the service alone

    def named(self):
        """How single findings are named: pairs of the field, in the service's query as in Finding, and the names."""
        return [pair for pair in (("id", self.ids), ("alternate_id", self.alternate_ids)) if pair[1]]

    def conditions(self):
        """What the service can judge beside the names, in its query language.

        It may let through more than is meant, never less: what it brings is judged again by `matches`.
        """
        found = []
        if self.priorities:
            found.append({"priority": {"$in": list(self.priorities)}})
        if self.tags:
            found.append({"tags": {"$in": list(self.tags)}})
        if self.statuses and set(self.statuses) < set(WRITTEN):
            found.append(_any_of([_STATUS_CONDITIONS[status] for status in self.statuses]))
        return found

    def matches(self, finding):
        """Whether a finding is meant, but for `query`."""
        return (
            (not self.ids or finding.id in self.ids)
            and (not self.alternate_ids or folded(finding.alternate_id) in map(folded, self.alternate_ids))
            and (not self.priorities or folded(finding.priority) in map(folded, self.priorities))
            and (not self.statuses or finding.status in self.statuses)
            and (not self.tags or bool(set(self.tags) & set(finding.tags)))
            and (not self.assets or bool({folded(name) for name in self.assets} & set(map(folded, finding.assets))))
            and (not self.title or bool(re.search(self.title, finding.title or "")))
        )


def _in_any_letters(word):
    return [word, word.lower(), word.upper()]


_STATUS_CONDITIONS = {
    OPEN: {"status": {"$nin": _in_any_letters("Closed")}},
    READY: {
        "$or": [{"is_retest": {"$in": [*_in_any_letters("Yes"), True]}}, {"status": {"$in": _in_any_letters("Retest")}}]
    },
    CLOSED: {"status": {"$in": _in_any_letters("Closed")}},
}


def _any_of(conditions):
    return conditions[0] if len(conditions) == 1 else {"$or": conditions}


def folded(name):
    return (name or "").casefold()


def status_of(status, retest):
    """Tell open, ready and closed apart, however the service writes readiness.

    ``status`` is its `vulnerability_status`, ``retest`` its `vulnerability_retest`. A word that nobody documents
    is read as open: not ready to be asked for, and not closed.
    """
    word = (status or "").strip().lower()
    if word == CLOSED:
        return CLOSED
    if word == READY or retest is True or str(retest).strip().lower() in ("yes", "true"):
        return READY
    return OPEN


def named(findings):
    """Name findings for people: ``WEBAPP-1 (6639508f50523053f459d29f)``, joined by commas."""
    return ", ".join(
        f"{finding.alternate_id} ({finding.id})" if finding.alternate_id else finding.id for finding in findings
    )


# What is to be done to findings


class Marking(NamedTuple):
    """What is wanted of findings: a status (or None), a remediation note (or None) and how the note is written."""

    ids: tuple
    status: str | None
    note: str | None
    note_type: str = "PLAINTEXT"


class Change(NamedTuple):
    """What has to be done to one finding."""

    finding: Finding
    status: str | None  # the new one, None where it is so already
    note: str | None  # to be added, None where it stands already

    @property
    def empty(self):
        return self.status is None and self.note is None

    @property
    def after(self):
        return self.status or self.finding.status

    @property
    def parts(self):
        """What is written, in its order. The note comes first, so that a tester who sees a finding become ready sees
        why."""
        return [part for part in (self._replace(status=None), self._replace(note=None)) if not part.empty]

    def as_result(self):
        """A change as the modules return it."""
        return {
            "id": self.finding.id,
            "alternate_id": self.finding.alternate_id,
            "before": self.finding.status,
            "after": self.after,
            "note_added": self.note is not None,
        }


def plan_marking(marking, findings, project_id):
    """Make the changes, one for each finding and in their order. ``findings`` maps ids to Findings.

    Raises StateError naming each finding that is not in the project; then nothing may be sent.
    """
    missing = [finding_id for finding_id in marking.ids if finding_id not in findings]
    if missing:
        raise StateError(
            "Nothing was changed: not among the findings of project {} that this key can see: {}. Correct "
            "vulnerability_ids or project_id.".format(project_id, ", ".join(missing))
        )
    return [_change(marking, findings[finding_id]) for finding_id in marking.ids]


def _change(marking, finding):
    return Change(
        finding=finding,
        status=marking.status if marking.status and marking.status != finding.status else None,
        note=marking.note if marking.note and not has_note(finding, marking.note) else None,
    )


def is_made(change, findings):
    """Whether a change is to be seen in findings as they are now, ``{id: Finding}``."""
    finding = findings.get(change.finding.id)
    return (
        finding is not None
        and change.status in (None, finding.status)
        and (change.note is None or has_note(finding, change.note))
    )


def has_note(finding, text):
    """Whether a note with this text stands already, whatever its white space.

    Plain text has to be the same to the letter. HTML may come back arranged otherwise, so its words and, where any
    come back, its links are compared.
    """
    wanted, words = _spaced(text), _words(text)
    for note in finding.notes or ():
        same = [_spaced(written) for written in (note.text, note.html) if written]
        same.append(_words(note.html) if note.html else html.unescape(_spaced(note.text)))
        if _HTML.search(note.text or ""):
            same.append(_words(note.text))
        links = _links(note.html or note.text)
        alike = words in same and (not links or links == _links(text)) if words else links and links == _links(text)
        if wanted in same or (_HTML.search(text) and alike):
            return True
    return False


_HTML = re.compile(r"</[a-zA-Z]+>|<br ?/?>")
_LINK = re.compile(r"<[^<>]*\b(?:href|src)\s*=\s*[\"']?([^\"'\s<>]+)", re.IGNORECASE)


def _links(text):
    return [html.unescape(link) for link in _LINK.findall(text or "")]


def _spaced(text):
    return " ".join((text or "").split())


def _words(text):
    """What a browser would show of HTML."""
    return _spaced(html.unescape(re.sub(r"<[^<>]*>", " ", text or "")))
