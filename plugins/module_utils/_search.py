# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Searches: lists read to their end, findings by name or by condition, projects by code or name.

A list is believed only when it adds up: as many distinct records as the service counts, none of them twice, and the
count unmoved. Otherwise it is read again; if it never adds up, that is an error and not a shorter list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from ._answers import Page, ProjectRecord, projects_page, vulnerabilities_page, vulnerability_of
from ._client import Client
from ._errors import Refused, SSAPIError, StateError, UnexpectedAnswer
from ._http_rules import backoff, is_rejection
from ._projects import Project, ProjectSelection, is_object_id, named, the_one
from ._query import ObjectId, Whole, all_of
from ._vulnerabilities import Finding, Selection, folded

PAGE_SIZE = 500  # the most that the service gives at once
MAX_PAGES = 2000
READINGS = 4  # how often a list is read that does not add up

T = TypeVar("T", Finding, ProjectRecord)
Condition = dict[str, Any]


# Lists


class _Reading:
    """One pass over the pages of a list: what was seen, and whether it adds up."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.read = 0
        self._sizes: list[int] = []
        self._counts: list[int | None] = []

    def take(self, page: Page) -> list[Any]:
        """Note a page. Returns its records that were not seen before."""
        fresh = {record.id: record for record in page.records if record.id not in self.ids}
        self.ids.update(fresh)
        self.read += len(page.records)
        self._sizes.append(len(page.records))
        self._counts.append(page.total)
        return list(fresh.values())

    @property
    def total(self) -> int | None:
        """How many records the service counts, or None where its count is that of each page, or missing."""
        pairs = [(size, count) for size, count in zip(self._sizes, self._counts) if count is not None]
        if not pairs or (len(self._sizes) > 1 and all(size == count for size, count in pairs)):
            return None
        return pairs[0][1]

    @property
    def at_end(self) -> bool:
        """Whether no further page is to come. A full page may be the last one, and a short one need not be."""
        size, count = self._sizes[-1], self._counts[-1]
        if not size or self._brings_nothing_new:
            return True
        if count is None:
            return size < max(self._sizes)
        return self.read >= count if count > size else size < PAGE_SIZE

    @property
    def _brings_nothing_new(self) -> bool:
        return len(self._sizes) > 1 and 0 < self._sizes[-1] <= self.read - len(self.ids)

    @property
    def adds_up(self) -> bool:
        """Whether what was read can be believed to be the whole list."""
        counts = {count for count in self._counts if count is not None}
        if self.total is not None:
            return len(counts) == 1 and len(self.ids) == self.read == self.total
        if self._brings_nothing_new and len(self._sizes) == 2:
            # The service ignores skip. Its one page is all there is where it is a short one, or as long as it counts.
            return max(self._sizes) < PAGE_SIZE or counts == {len(self.ids)}
        return len(self.ids) == self.read


def read_list(
    client: Client,
    method: str,
    fetch: Callable[[int], Page],
    keep: Callable[[T], bool],
    enough: Callable[[list[T]], bool] = lambda kept: False,
) -> list[T]:
    """Read a list to its end. ``fetch(skip)`` reads a page. Returns the records to ``keep``.

    Reading ends early where what was kept is ``enough``. Raises UnexpectedAnswer where the list does not add up.
    """
    for attempt in range(READINGS):
        kept: list[T] = []
        reading = _Reading()
        for _page in range(MAX_PAGES):
            kept += filter(keep, reading.take(fetch(reading.read)))
            if enough(kept):
                return kept
            if reading.at_end:
                break
        else:
            raise UnexpectedAnswer(
                f"{method}: the list does not end after {MAX_PAGES} pages.",
                method=method,
                http_status=200,
                detail=f"{MAX_PAGES} pages",
            )
        if reading.adds_up:
            return kept
        if attempt + 1 < READINGS:
            client.watch.sleep(backoff(attempt, None, jitter=1.0))
    told = f"{len(reading.ids)} of {reading.total}" if reading.total is not None else f"{len(reading.ids)}"
    raise UnexpectedAnswer(
        f"{method}: the list does not add up: {told} records were read, each time that it was tried ({READINGS} "
        "times). It changes while it is read, or its order does. Run the play again in a while, or select fewer "
        "findings.",
        method=method,
        http_status=200,
        detail=f"{told} records",
    )


# Findings


class _IdForm(NamedTuple):
    """A way to write ids in a query. Which one a tenant understands is not documented."""

    name: str
    size: int  # ids in one query, which keeps the URL below 2,000 characters
    condition: Callable[[Sequence[str]], Condition]


_ID_FORMS = (
    _IdForm("ObjectId in a list", 36, lambda ids: {"id": {"$in": [ObjectId(one) for one in ids]}}),
    _IdForm("ObjectId each", 18, lambda ids: {"$or": [{"id": {"$eq": ObjectId(one)}} for one in ids]}),
    _IdForm("text in a list", 50, lambda ids: {"id": {"$in": list(ids)}}),
)
_ALTERNATE_ID_FORMS = (_IdForm("text in a list", 50, lambda ids: {"alternate_id": {"$in": list(ids)}}),)
_FORMS = {"id": _ID_FORMS, "alternate_id": _ALTERNATE_ID_FORMS}
_LEARNED_FORM = "form of ids in a query"
_LEARNED_PROJECTS = "form of ids in a query of projects"
_PAGES = "pages"
_NO_SINGLE_RECORDS = "GetVulnerabilityById is not granted"


def find_vulnerabilities(client: Client, project_id: str, ids: Iterable[str]) -> dict[str, Finding]:
    """Read the findings of a project with these ids. Returns {id: Finding}; an id that is not there is left out."""
    ids = list(ids)
    if not ids:
        return {}
    found, _missing = _find_named(_Scope(client, project_id), "id", ids)
    return {finding.id: finding for finding in found}


def select_vulnerabilities(
    client: Client, project_id: str, selection: Selection, details: bool = False
) -> tuple[list[Finding], list[str]]:
    """Read the findings that are selected. Returns (findings, names in the selection that no finding has).

    The service filters what it can, and it is filtered again here: a tenant may refuse a query, ignore it, or match
    otherwise than expected.
    """
    scope = _Scope(client, project_id, selection.query, details)
    fields = [pair for pair in (("id", selection.ids), ("alternate_id", selection.alternate_ids)) if pair[1]]
    if not fields:
        return scope.read(selection.conditions(), selection.matches), []
    (field, names), *others = fields
    found, missing = _find_named(scope, field, names)
    if selection.query:  # what is there, but left out by the query, is not missing
        missing = _find_named(_Scope(client, project_id), field, missing)[1]
    for field, names in others:
        seen = {folded(getattr(finding, field)) for finding in found}
        missing += _find_named(_Scope(client, project_id), field, [name for name in names if folded(name) not in seen])[
            1
        ]
    return [finding for finding in found if selection.matches(finding)], missing


class _Scope(NamedTuple):
    """Where findings are searched for: a project, and in it what a query of the user's lets through."""

    client: Client
    project_id: str
    query: str | None = None
    details: bool = False

    def read(
        self,
        conditions: list[Condition],
        keep: Callable[[Finding], bool],
        enough: Callable[[list[Finding]], bool] = lambda kept: False,
        optional: bool = True,
    ) -> list[Finding]:
        """Read the findings to ``keep``. Conditions that the service rejects are done without if they are optional."""
        try:
            return self._read(all_of(self.query, conditions), keep, enough)
        except Refused as refusal:
            if not optional or not conditions or not is_rejection(refusal):
                raise
        return self._read(self.query, keep, enough)

    def _read(
        self, query: str | None, keep: Callable[[Finding], bool], enough: Callable[[list[Finding]], bool]
    ) -> list[Finding]:
        method = "GetProjectVulnerabilitiesById"
        parameters = {"q": query} if query else {}

        def fetch(skip: int) -> Page:
            answer = self.client.get_project_vulnerabilities(self.project_id, skip=skip, limit=PAGE_SIZE, **parameters)
            return vulnerabilities_page(method, answer, self.details)

        return read_list(self.client, method, fetch, keep, enough)


def _find_named(scope: _Scope, field: str, names: Sequence[str]) -> tuple[list[Finding], list[str]]:
    """Find findings by id or alternate_id. Returns (findings, the names that none has)."""
    if not names:
        return [], []
    forms = list(_FORMS[field])
    learned = scope.client.learned.get(_LEARNED_FORM) if field == "id" else None
    if learned:
        forms = [form for form in forms if form.name == learned]
    found, form = _by_forms(scope, forms, field, names, learned)
    missing = _unseen(field, names, found)
    if missing and not (field == "id" and form):
        # No way to write ids brought any of them, or names are compared in another letter case there.
        rest = scope.read([], _is_named(field, missing), _has(len(missing)))
        found += rest
        form = _PAGES if rest else None
        missing = _unseen(field, names, found)
    if field == "id" and form:
        scope.client.learned[_LEARNED_FORM] = form
    return found, missing


def _by_forms(
    scope: _Scope, forms: Iterable[_IdForm], field: str, names: Sequence[str], learned: str | None
) -> tuple[list[Finding], str | None]:
    """Ask with each form until one brings something, or is known to work.

    Returns (findings, the name of that form or None).
    """
    for form in forms:
        found: list[Finding] = []
        try:
            for chunk in _chunks(names, form.size):
                # A tenant that ignores the query brings findings of other chunks too.
                left = _unseen(field, names, found)
                wanted = _unseen(field, chunk, found)
                if wanted:
                    condition = form.condition(wanted)
                    found += scope.read([condition], _is_named(field, left), _has_all(field, wanted), optional=False)
        except Refused as refusal:
            if not is_rejection(refusal):
                raise
            continue
        if found or form.name == learned:
            return found, form.name
    return [], None


def _has(number: int) -> Callable[[list[Finding]], bool]:
    return lambda kept: len(kept) >= number


def _has_all(field: str, names: Sequence[str]) -> Callable[[list[Finding]], bool]:
    return lambda kept: len(kept) >= len(names) and not _unseen(field, names, kept)


def _chunks(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), size):
        yield names[start : start + size]


def _is_named(field: str, names: Iterable[str]) -> Callable[[Finding], bool]:
    wanted = {folded(name) for name in names}
    return lambda finding: folded(getattr(finding, field)) in wanted


def _unseen(field: str, names: Iterable[str], found: Iterable[Finding]) -> list[str]:
    seen = {folded(getattr(finding, field)) for finding in found}
    return [name for name in names if folded(name) not in seen]


def select_over_tenant(
    client: Client, selection: Selection, keep: Callable[[Finding], bool], details: bool = False
) -> list[Finding]:
    """Read the findings of all projects that are selected, with GetVulnerabilities. Returns those to ``keep``.

    Names are not looked up one by one: what the service does not filter is filtered here.
    """
    conditions = selection.conditions()

    def wanted(finding: Finding) -> bool:
        return selection.matches(finding) and keep(finding)

    def read(more: list[Condition]) -> list[Finding] | None:
        try:
            return _read_tenant(client, all_of(selection.query, more), wanted, details)
        except Refused as refusal:
            if not more or not is_rejection(refusal):
                raise
            return None

    learned = client.learned.get(_LEARNED_FORM)
    for form in _forms(learned, selection.ids):
        found = read([*conditions, form.condition(selection.ids)])
        if found:
            client.learned[_LEARNED_FORM] = form.name
        if found or (found is not None and learned):
            return found
    found = read(conditions)
    return found if found is not None else _read_tenant(client, selection.query, wanted, details)


def _forms(learned: str | None, ids: Sequence[str]) -> list[_IdForm]:
    """The forms in which these ids can be asked for at once: the one that is known to work, or all."""
    return [form for form in _ID_FORMS if ids and len(ids) <= form.size and learned in (None, form.name)]


def find_over_tenant(client: Client, ids: Sequence[str]) -> dict[str, Finding]:
    """Read the findings with these ids, whatever their projects. Returns {id: Finding}."""
    forms = [form for form in _ID_FORMS if client.learned.get(_LEARNED_FORM, form.name) == form.name]
    for form in forms:
        found: dict[str, Finding] = {}
        try:
            for chunk in _chunks(ids, form.size):
                query = all_of(None, [form.condition(chunk)])
                kept = _read_tenant(client, query, _is_named("id", chunk), enough=_has(len(chunk)))
                found.update({finding.id: finding for finding in kept})
        except Refused as refusal:
            if not is_rejection(refusal):
                raise
            continue
        if found:
            client.learned[_LEARNED_FORM] = form.name
            return found
    return {}


def _read_tenant(
    client: Client,
    query: str | None,
    keep: Callable[[Finding], bool],
    details: bool = False,
    enough: Callable[[list[Finding]], bool] = lambda kept: False,
) -> list[Finding]:
    method = "GetVulnerabilities"
    parameters = {"q": query} if query else {}

    def fetch(skip: int) -> Page:
        answer = client.get_vulnerabilities(skip=skip, limit=PAGE_SIZE, **parameters)
        return vulnerabilities_page(method, answer, details)

    return read_list(client, method, fetch, keep, enough)


def read_vulnerability(client: Client, project_id: str, finding_id: str) -> Finding | None:
    """Read one finding as it is now, with all its notes, which a list need not show. None where it is not there.

    Where GetVulnerabilityById is not granted, the list has to do.
    """
    if not client.learned.get(_NO_SINGLE_RECORDS):
        try:
            return vulnerability_of(client.get_vulnerability(finding_id))
        except Refused as refusal:
            if refusal.http_status not in (401, 403):
                raise
            client.learned[_NO_SINGLE_RECORDS] = True
    return find_vulnerabilities(client, project_id, [finding_id]).get(finding_id)


# Projects


def resolve_project(client: Client, reference: str) -> str:
    """The id of the project that is meant by its id, its code or its exact name. Raises StateError or SSAPIError."""
    if is_object_id(reference):
        return reference.lower()
    try:
        found = named(reference, _named_projects(client, reference))
        others = found or [record.project for record in read_projects(client)]
    except SSAPIError as error:
        error.message = (
            f"project_id: {reference!r} is not an id, so the project has to be looked up, and that failed: "
            f"{error.message} Or give the id of the project, 24 hexadecimal digits."
        )
        raise
    return the_one(reference, found or named(reference, others), others).id


def _named_projects(client: Client, reference: str) -> list[Project]:
    """Ask for the projects with this code or name. A query that the service rejects brings none."""
    query = all_of(None, [{"$or": [{"code": Whole(reference)}, {"name": Whole(reference)}]}])
    try:
        return [record.project for record in read_projects(client, query)]
    except Refused as refusal:
        if not is_rejection(refusal):
            raise
        return []


def select_projects(client: Client, selection: ProjectSelection) -> list[ProjectRecord]:
    """Read the projects that are selected, in the order of their codes and names.

    Raises StateError where an id, a code or a name in the selection is not known.
    """
    found = [record for record in read_projects(client, selection.query) if selection.matches(record.project)]
    unseen = selection.unseen(record.project for record in found)
    if unseen:
        raise StateError(
            f"projects: no project that this key can see, and that the other conditions select, has the id, code or "
            f"name {', '.join(map(repr, unseen))}. Correct it, or leave it out."
        )
    return sorted(found, key=lambda record: (folded(record.project.code), folded(record.project.name), record.id))


def read_projects(client: Client, query: str | None = None) -> list[ProjectRecord]:
    """Read all projects that the key's user can access, or those that a query lets through."""
    parameters = {"q": query} if query else {}

    def fetch(skip: int) -> Page:
        return projects_page(client.get_projects(skip=skip, limit=PAGE_SIZE, **parameters))

    return read_list(client, "GetProjects", fetch, lambda record: True)


def find_projects(client: Client, ids: Sequence[str]) -> dict[str, ProjectRecord]:
    """Read the projects with these ids by lists. Returns {id: ProjectRecord}; one that no list brings is left out."""
    forms = [form for form in _ID_FORMS if client.learned.get(_LEARNED_PROJECTS, form.name) == form.name]
    for form in forms:
        found: dict[str, ProjectRecord] = {}
        try:
            for chunk in _chunks(ids, form.size):
                records = read_projects(client, all_of(None, [form.condition(chunk)]))
                found.update({record.id: record for record in records if record.id in chunk})
        except Refused as refusal:
            if not is_rejection(refusal):
                raise
            continue
        if found:
            client.learned[_LEARNED_PROJECTS] = form.name
            return found
    return {}
