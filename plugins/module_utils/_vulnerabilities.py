# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Findings: what the service's records say in few and plain words, and which of them are selected.

Pure. A finding is what AttackForge calls a vulnerability.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from ._query import Contains, Whole, any_of
from ._windows import parse_instant

OPEN = "open"
READY = "retest"
CLOSED = "closed"
WRITTEN = {OPEN: "Open", READY: "Retest", CLOSED: "Closed"}  # as UpdateVulnerabilityById takes them
PRIORITIES = ("Critical", "High", "Medium", "Low", "Info")
_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,}", re.IGNORECASE)


class Note(NamedTuple):
    """A remediation note. ``created`` is as the service writes it."""

    id: str | None
    text: str | None
    html: str | None = None
    created: str | None = None
    created_by: str | None = None


class Finding(NamedTuple):
    """A finding of a project. In a round's scope only its names are known."""

    id: str
    alternate_id: str | None = None
    title: str | None = None
    status: str | None = None  # open, retest (ready for retest), closed
    priority: str | None = None
    tags: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    notes: tuple[Note, ...] | None = None  # None where the record does not show them
    status_updated: str | None = None
    custom_fields: tuple[tuple[str, str], ...] = ()  # pairs of key and value
    target_remediation_date: str | None = None
    project_ids: tuple[str, ...] = ()
    details: dict[str, Any] | None = None  # the whole record, where it was asked for

    @property
    def name(self) -> str:
        """The finding for people: ``WEBAPP-1 (6639508f50523053f459d29f)``."""
        return f"{self.alternate_id} ({self.id})" if self.alternate_id else self.id

    @property
    def cves(self) -> frozenset[str]:
        """The CVE numbers in its title, tags and custom fields, in capitals."""
        texts = [self.title or "", *self.tags, *(value for _key, value in self.custom_fields)]
        return frozenset(found.upper() for text in texts for found in _CVE.findall(text))


class Selection(NamedTuple):
    """Which findings are meant. Conditions are joined by and, the values within one by or; an empty one
    always holds."""

    ids: tuple[str, ...] = ()
    alternate_ids: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    custom_tags: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    cves: tuple[str, ...] = ()
    custom_fields: tuple[tuple[str, tuple[str, ...]], ...] = ()  # pairs of key and values
    target_before: str | None = None  # an instant as the service writes it
    title: str | None = None  # a regular expression, searched for anywhere
    query: str | None = None  # the service's own language, evaluated by the service alone

    @property
    def described(self) -> str:
        """The conditions for people: ``tags: release-2026.12; priorities: Critical, High``."""
        given = {**self._asdict(), "custom_fields": tuple(f"{key}={', '.join(of)}" for key, of in self.custom_fields)}
        given = {"status" if name == "statuses" else name: value for name, value in given.items() if value}
        return "; ".join(f"{name}: {v if isinstance(v, str) else ', '.join(v)}" for name, v in given.items())

    def conditions(self) -> list[dict[str, Any]]:
        """What the service can filter by, in its query language, but for ids.

        It may let through more than is meant, never less: what it brings is filtered again by `matches`.
        """
        found: list[dict[str, Any]] = []
        if self.priorities:
            found.append({"priority": {"$in": list(self.priorities)}})
        if self.tags:
            found.append({"tags": {"$in": list(self.tags)}})
        if self.custom_tags:
            found.append({"custom_tags": {"$in": list(self.custom_tags)}})
        for key, values in self.custom_fields:
            found.append(any_of([_custom_field_condition(key, value) for value in values]))
        if self.cves:
            found.append(any_of([_cve_condition(Contains(cve)) for cve in self.cves]))
        if self.target_before:
            found.append({"target_remediation_date": {"$lt": self.target_before}})
        if self.statuses and set(self.statuses) < set(WRITTEN):
            found.append(any_of([_STATUS_CONDITIONS[status] for status in self.statuses]))
        return found

    def unseen(self, findings: Iterable[Finding]) -> list[str]:
        """The ids and alternate ids in it that none of these findings has."""
        findings = list(findings)
        ids = {finding.id for finding in findings}
        names = {folded(finding.alternate_id) for finding in findings}
        missing = [one for one in self.ids if one not in ids]
        return missing + [one for one in self.alternate_ids if folded(one) not in names]

    def matches(self, finding: Finding) -> bool:
        """Whether a finding is meant, but for what the service alone evaluates: `query` and `custom_tags`."""
        return (
            (not self.ids or finding.id in self.ids)
            and has_any(self.alternate_ids, [finding.alternate_id])
            and has_any(self.priorities, [finding.priority])
            and (not self.statuses or finding.status in self.statuses)
            and (not self.tags or bool(set(self.tags) & set(finding.tags)))
            and has_any(self.assets, finding.assets)
            and (not self.cves or not finding.cves.isdisjoint(self.cves))
            and all(has_any(values, _values_of(finding, key)) for key, values in self.custom_fields)
            and (not self.target_before or _is_before(finding.target_remediation_date, self.target_before))
            and (not self.title or bool(re.search(self.title, finding.title or "")))
        )


def _cve_condition(cve: Contains) -> dict[str, Any]:
    return {
        "$or": [
            {"title": {"$regex": cve}},
            {"tags": {"$regex": cve}},
            {"custom_fields": {"$elemMatch": {"value": {"$regex": cve}}}},
        ]
    }


def has_any(wanted: Iterable[str], present: Iterable[str | None]) -> bool:
    """Whether a wanted text is present, in any letter case, or none is wanted."""
    names = {folded(text) for text in wanted}
    return not names or not names.isdisjoint(folded(text) for text in present if text)


def _is_before(date: str | None, limit: str) -> bool:
    """Compare as instants, because a service may write a date alone, an offset, or no milliseconds."""
    if not date:
        return False
    try:
        return parse_instant(date) < parse_instant(limit)
    except ValueError:
        return date < limit


def _values_of(finding: Finding, key: str) -> list[str]:
    return [value for name, value in finding.custom_fields if folded(name) == folded(key)]


def _custom_field_condition(key: str, value: str) -> dict[str, Any]:
    # In any letter case, as `matches` compares.
    return {"custom_fields": {"$elemMatch": {"name": {"$regex": Whole(key)}, "value": {"$regex": Whole(value)}}}}


def _in_any_case(word: str) -> list[Any]:
    return [word, word.lower(), word.upper()]


_STATUS_CONDITIONS: dict[str, dict[str, Any]] = {
    OPEN: {"status": {"$nin": _in_any_case("Closed")}},
    READY: {"$or": [{"is_retest": {"$in": [*_in_any_case("Yes"), True]}}, {"status": {"$in": _in_any_case("Retest")}}]},
    CLOSED: {"status": {"$in": _in_any_case("Closed")}},
}


def folded(name: str | None) -> str:
    """A name as it is compared: in any letter case, without white space at its ends."""
    return (name or "").strip().casefold()


def status_of(status: str | None, retest: str | bool | None) -> str:
    """Tell open, ready and closed apart, however the service writes readiness.

    ``status`` is its `vulnerability_status`, ``retest`` its `vulnerability_retest`. A word that nobody documents is
    read as open: neither ready nor closed.
    """
    word = folded(status)
    if word == CLOSED:
        return CLOSED
    if word == READY or retest is True or str(retest).strip().lower() in ("yes", "true"):
        return READY
    return OPEN


def names_of(findings: Iterable[Finding]) -> str:
    """Findings for people, joined by commas."""
    return ", ".join(finding.name for finding in findings)
