# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""What is believed of an answer: voluptuous checks it, and it becomes typed records.

Unknown keys are dropped. A wrong one that is needed is an error that names it; one that is not needed becomes unknown,
with a warning. Source of the keys: the vendor's reference of the Self-Service API, January 2026. Schemas are made when
they are first used, so that this file can be imported where voluptuous is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from ._errors import UnexpectedAnswer
from ._http_rules import WORDS, words_of
from ._projects import Project, Retesting
from ._rounds import FINISHED, Round, Row, hides_history, rounds_of, status_word, whole_number
from ._vulnerabilities import Finding, Note, folded, status_of
from ._windows import parse_instant

try:
    import voluptuous as vol
except ImportError as error:
    VOLUPTUOUS_IMPORT_ERROR: ImportError | None = error
else:
    VOLUPTUOUS_IMPORT_ERROR = None

_MAX_WORDS = 200  # characters; a longer text is not a message


class History(NamedTuple):
    """A project's retest rounds, oldest first, and what of them could not be read."""

    project: Project
    rounds: list[Round]
    warnings: tuple[str, ...] = ()


class Page(NamedTuple):
    """One page of a list. ``total`` is what the service says the list holds, or None."""

    records: tuple[Any, ...]
    total: int | None


def history_of(answer: dict[str, Any], project_id: str | None = None) -> History:
    """Read the history out of an answer of GetProjectById about this project."""
    method = "GetProjectById"
    record = _project_record(method, answer)
    shown = record.get("project_id")
    if isinstance(shown, str) and project_id is not None and shown.lower() != project_id:
        raise _unexpected(method, "its project_id is that of another project", answer)
    project = _checked(method, _history_schema(), record, answer)
    if hides_history(project):
        raise UnexpectedAnswer(
            f"{method}: the project counts {project['project_retests_requested']} requested retests but shows no "
            "project_retesting_history, so it cannot be seen what is requested already. Try again in a minute; if it "
            "stays so, ask an administrator of AttackForge to let the user of this key see it.",
            method=method,
            http_status=200,
            detail="project_retesting_history is missing or empty",
        )
    rows, warnings = [], []
    for position, row in enumerate(project.get("project_retesting_history") or ()):
        read, doubts = _row_of(row, position, answer)
        warnings += doubts
        if read is not None:
            rows.append(read)
    requested = whole_number(project.get("project_retests_requested"))
    return History(_project(record, project_id), rounds_of(rows, requested), tuple(warnings))


def _row_of(row: Any, position: int, answer: dict[str, Any]) -> tuple[Row | None, list[str]]:
    """Read a row. What cannot be read is unknown, with a warning, unless the row could be an open round."""
    method, place = "GetProjectById", f"project_retesting_history[{position}]"
    row = row if isinstance(row, dict) else {}
    status = status_word(row.get("retesting_round_status"))
    number = whole_number(row.get("retesting_round"))
    if not number:
        if status not in FINISHED:
            raise _unexpected(method, f"{place} is neither finished nor has it a number in retesting_round", answer)
        return None, [f"{place} of the project is {status} but has no number, so it was left out."]
    warnings: list[str] = []
    instants: dict[str, datetime | None] = {}
    for key in ("retesting_window_start", "retesting_window_end"):
        try:
            instants[key] = _instant(row.get(key))
        except vol.Invalid:
            instants[key] = None
            warnings.append(f"Round {number} has a {key} that cannot be read, so that bound of its window is unknown.")
    if status is None:
        warnings.append(f"Round {number} has no retesting_round_status, so it is unknown whether it is open.")
    scope = _scope_of(row.get("retesting_round_vulnerabilities"))
    read = Row(
        number=number,
        status=status or "unknown",
        start=instants["retesting_window_start"],
        end=instants["retesting_window_end"],
        scope=scope,
        retested=_scope_of(row.get("retesting_round_retested_vulnerabilities")) or (),
        id=_text_or_none(row.get("retesting_round_id")),
    )
    return read, warnings


def _scope_of(records: Any) -> tuple[Finding, ...] | None:
    """The findings of a row, or None where they are not shown or cannot be read."""
    if not isinstance(records, list):
        return None
    try:
        return tuple(Finding(**_names(_reference_schema()(record))) for record in records)
    except vol.Invalid:
        return None


def vulnerabilities_page(method: str, answer: dict[str, Any], details: bool = False) -> Page:
    """Read a page of Findings out of an answer of a method that lists findings.

    With ``details`` each finding keeps its whole record.
    """
    page = _checked(method, _page_schema("vulnerabilities"), answer, answer)
    findings = []
    for position, record in enumerate(page["vulnerabilities"]):
        checked = _checked(method, _finding_schema(), _picked(record), answer, f"vulnerabilities[{position}]")
        findings.append(_finding(checked, record if details else None))
    return Page(tuple(findings), page.get("count"))


def vulnerability_of(answer: dict[str, Any]) -> Finding:
    """Read a Finding out of an answer of GetVulnerabilityById."""
    record = answer.get("vulnerability")
    record = record if isinstance(record, dict) else answer
    return _finding(_checked("GetVulnerabilityById", _finding_schema(), _picked(record), answer))


class ProjectRecord(NamedTuple):
    """A project out of a list, with its rounds; None where the list does not carry them."""

    project: Project
    history: History | None

    @property
    def id(self) -> str:
        return self.project.id


def projects_page(answer: dict[str, Any]) -> Page:
    """Read a page of ProjectRecords out of an answer of GetProjects."""
    page = _checked("GetProjects", _page_schema("projects"), answer, answer)
    return Page(
        tuple(_project_entry(record, f"projects[{place}]", answer) for place, record in enumerate(page["projects"])),
        page.get("count"),
    )


def _project_entry(record: Any, place: str, answer: dict[str, Any]) -> ProjectRecord:
    checked = _checked("GetProjects", _project_schema(), record, answer, place)
    project = _project(record, checked["project_id"])
    if not isinstance(record.get("project_retesting_history"), list) or hides_history(record):
        return ProjectRecord(project, None)
    try:
        return ProjectRecord(project, history_of({"project": record}, project.id))
    except UnexpectedAnswer:
        return ProjectRecord(project, None)  # a read of the project itself says what is wrong with it


# The vendor writes a person in several ways.
_NAMES_OF_A_PERSON = ("first_name", "user_first_name", "firstName", "last_name", "user_last_name", "lastName")


class Revision(NamedTuple):
    """A change of a field of a finding."""

    field: str | None
    before: str | None
    after: str | None
    created: str | None
    user: str | None


def revisions_of(answer: dict[str, Any]) -> list[Revision]:
    """Read an answer of GetVulnerabilityRevisionHistory."""
    method = "GetVulnerabilityRevisionHistory"
    entries = answer.get("revisionHistory")
    if not isinstance(entries, list):
        raise _unexpected(method, "revisionHistory is not a list", answer)
    return [
        Revision(
            field=_as_text(entry.get("field")),
            before=_as_text(entry.get("before")),
            after=_as_text(entry.get("after")),
            created=_as_text(entry.get("created")),
            user=_person(entry.get("user")),
        )
        for entry in entries
        if isinstance(entry, dict)
    ]


def _project(record: dict[str, Any], project_id: str | None) -> Project:
    """What a record says of its project. All of it is for people and for selections, so what is odd is unknown."""
    shown = record.get("project_id")
    scope = [record.get("project_scope"), [_of(entry, "name") for entry in _list(record, "project_scope_details")]]
    on_hold = record.get("project_on_hold")
    return Project(
        id=shown.lower() if isinstance(shown, str) else project_id or "",
        name=_text_or_none(record.get("project_name")),
        code=_text_or_none(record.get("project_code")),
        status=_text_or_none(record.get("project_extended_status")) or _text_or_none(record.get("project_status")),
        on_hold=on_hold if isinstance(on_hold, bool) else {"yes": True, "no": False}.get(folded(_as_text(on_hold))),
        groups=_distinct(_of(group, "name") for group in _list(record, "project_groups")),
        assets=_distinct(_text_or_none(name) for names in scope if isinstance(names, list) for name in names),
        organization_code=_text_or_none(record.get("project_organization_code")),
        retesting=_retesting(record),
    )


def _retesting(record: dict[str, Any]) -> Retesting:
    features = record.get("project_features")
    retesting = features.get("retesting") if isinstance(features, dict) else None
    if not isinstance(retesting, dict):
        return Retesting()
    enabled, access = retesting.get("enabled"), retesting.get("access")
    access = access if isinstance(access, dict) else {}
    return Retesting(
        enabled if isinstance(enabled, bool) else None,
        _text_or_none(access.get("project_access_level")),
        _distinct(_text_or_none(role) for role in _list(access, "roles")),
    )


def _list(record: dict[str, Any], key: str) -> list[Any]:
    value = record.get(key)
    return value if isinstance(value, list) else []


def _of(entry: Any, key: str) -> str | None:
    return _text_or_none(entry.get(key)) if isinstance(entry, dict) else None


def _project_record(method: str, answer: dict[str, Any]) -> dict[str, Any]:
    inner = answer.get("project")
    if isinstance(inner, dict):
        return inner
    if any(key.startswith("project_") for key in answer):
        return answer
    raise _unexpected(method, "there is no project in it", answer)


def _checked(
    method: str, schema: Callable[[Any], Any], value: Any, answer: dict[str, Any], place: str = ""
) -> dict[str, Any]:
    try:
        checked: dict[str, Any] = schema(value)
        return checked
    except vol.MultipleInvalid as invalid:
        first = min(invalid.errors, key=lambda error: [str(step) for step in error.path])  # not in voluptuous' order
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first.path)
        raise _unexpected(method, f"{(place + path).lstrip('.')}: {first.error_message}", answer) from None


def _unexpected(method: str, what: str, answer: dict[str, Any]) -> UnexpectedAnswer:
    words = words_of({name: answer[name] for name in WORDS if name in answer})  # there the client masks the key
    if words and len(words) > _MAX_WORDS:
        words = None  # what is cut could be cut within a secret
    said = f"; it says: {words.rstrip('.')}" if words else ""
    return UnexpectedAnswer(
        f"{method}: the answer is not as the service documents it: {what}{said}.",
        method=method,
        http_status=200,
        detail=words or what,
    )


def _picked(record: Any) -> Any:
    """The keys of a finding's record that are used. A record has tens of kilobytes of others."""
    return {key: record[key] for key in _FINDING_KEYS if key in record} if isinstance(record, dict) else record


def _names(record: dict[str, Any]) -> dict[str, Any]:
    return dict(
        id=record["vulnerability_id"],
        alternate_id=record.get("vulnerability_alternate_id"),
        title=record.get("vulnerability_title"),
    )


def _finding(record: dict[str, Any], details: dict[str, Any] | None = None) -> Finding:
    notes = record.get("vulnerability_remediation_notes")
    assets = [record.get("vulnerability_affected_asset_name")]
    assets += [(entry.get("asset") or {}).get("name") for entry in record.get("vulnerability_affected_assets") or ()]
    projects = [record.get("vulnerability_project_id")]
    projects += [project.get("id") for project in record.get("vulnerability_projects") or ()]
    return Finding(
        **_names(record),
        status=status_of(record.get("vulnerability_status"), record.get("vulnerability_retest")),
        priority=record.get("vulnerability_priority"),
        tags=tuple(record.get("vulnerability_tags") or ()),
        assets=_distinct(assets),
        notes=None if notes is None else tuple(map(_note, notes)),
        status_updated=record.get("vulnerability_status_updated"),
        custom_fields=tuple(_custom_fields(record.get("vulnerability_custom_fields") or ())),
        target_remediation_date=record.get("vulnerability_target_remediation_date"),
        project_ids=tuple(one.lower() for one in _distinct(projects)),
        details=details,
    )


def _distinct(texts: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


def _note(note: dict[str, Any]) -> Note:
    author = _person(note.get("created_by"))
    return Note(note.get("id"), note.get("note"), note.get("note_html"), note.get("created"), author)


def _person(value: Any) -> str | None:
    """A person for people: the name, or else what the service knows the person by."""
    if not isinstance(value, dict):
        return _as_text(value)
    names = _distinct(_text_or_none(value.get(name)) for name in _NAMES_OF_A_PERSON)
    return " ".join(names) or _as_text(value.get("user_id") or value.get("id"))


def _custom_fields(fields: Iterable[dict[str, Any]]) -> Iterable[tuple[str, str]]:
    for field in fields:
        value = field.get("value")
        for one in value if isinstance(value, list) else [value]:
            if field.get("key") and one is not None:
                yield str(field["key"]), str(one)


@cache
def _history_schema() -> vol.Schema:
    project = {
        vol.Optional("project_retesting_history"): _or_null([object]),
        vol.Optional("project_retests_requested"): object,
        vol.Optional("project_retests_completed"): object,
    }
    return vol.Schema(project, extra=vol.REMOVE_EXTRA)


@cache
def _page_schema(name: str) -> vol.Schema:
    page = {vol.Required(name): [object], vol.Optional("count"): _or_null(_count)}
    return vol.Schema(page, extra=vol.REMOVE_EXTRA)


@cache
def _project_schema() -> vol.Schema:
    return vol.Schema({vol.Required("project_id"): _id}, extra=vol.REMOVE_EXTRA)


def _reference() -> dict[Any, Any]:
    """What names a finding, in its own record as well as in a round's scope."""
    return {
        vol.Required("vulnerability_id"): _id,
        vol.Optional("vulnerability_alternate_id"): _text,
        vol.Optional("vulnerability_title"): _text,
    }


@cache
def _reference_schema() -> vol.Schema:
    return vol.Schema(_reference(), extra=vol.REMOVE_EXTRA)


_FINDING_KEYS = (
    "vulnerability_id",
    "vulnerability_alternate_id",
    "vulnerability_title",
    "vulnerability_status",
    "vulnerability_status_updated",
    "vulnerability_retest",
    "vulnerability_priority",
    "vulnerability_tags",
    "vulnerability_affected_asset_name",
    "vulnerability_affected_assets",
    "vulnerability_remediation_notes",
    "vulnerability_custom_fields",
    "vulnerability_target_remediation_date",
    "vulnerability_project_id",
    "vulnerability_projects",
)


@cache
def _finding_schema() -> vol.Schema:
    """The part of a finding's record that is used."""
    note: dict[Any, Any] = {vol.Optional(name): _text for name in ("id", "note", "note_html", "created")}
    note[vol.Optional("created_by")] = object
    asset = {vol.Optional("asset"): _or_null({vol.Optional("name"): _text})}
    custom_field = {vol.Optional("key"): object, vol.Optional("value"): object}
    record = {
        **_reference(),
        vol.Optional("vulnerability_status"): _text,
        vol.Optional("vulnerability_status_updated"): _text,
        vol.Optional("vulnerability_retest"): _flag,
        vol.Optional("vulnerability_priority"): _text,
        vol.Optional("vulnerability_tags"): _or_null([str]),
        vol.Optional("vulnerability_affected_asset_name"): _text,
        vol.Optional("vulnerability_affected_assets"): _or_null([asset]),
        vol.Optional("vulnerability_remediation_notes"): _or_null([note]),
        vol.Optional("vulnerability_custom_fields"): _or_null([custom_field]),
        vol.Optional("vulnerability_target_remediation_date"): _text,
        vol.Optional("vulnerability_project_id"): _text,
        vol.Optional("vulnerability_projects"): _or_null([{vol.Optional("id"): _text}]),
    }
    return vol.Schema(record, extra=vol.REMOVE_EXTRA)


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise vol.Invalid("is not a text")
    return value


def _text_or_none(value: Any) -> str | None:
    """A text, or None for anything else: for what is shown and decides nothing."""
    return value if isinstance(value, str) and value.strip() else None


def _as_text(value: Any) -> str | None:
    return None if value is None else str(value)


def _flag(value: Any) -> Any:
    if value is not None and not isinstance(value, (str, bool)):
        raise vol.Invalid("is neither Yes, No, true nor false")
    return value


def _or_null(kind: Any) -> Callable[[Any], Any]:
    """A value of this kind, or null. Not by `vol.Any`, whose caught error keeps the whole answer alive for a while."""
    schema = kind if callable(kind) else vol.Schema(kind, extra=vol.REMOVE_EXTRA)
    return lambda value: None if value is None else schema(value)


def _count(value: Any) -> int:
    number = whole_number(value)
    if number is None:
        raise vol.Invalid("is not a whole number")
    return number


def _instant(value: Any) -> datetime | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise vol.Invalid("is not a date")
    try:
        return parse_instant(value)
    except ValueError:
        raise vol.Invalid("is not a date") from None


def _id(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise vol.Invalid("is not an id")
    return value.strip().lower()
