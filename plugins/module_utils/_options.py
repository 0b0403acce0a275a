# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""The options of the modules: voluptuous checks them across fields, and they become one typed object a module.

Ansible's argument spec has checked types, defaults and choices before. Here the values are checked, and every mistake
is reported at once, each with its option. Schemas are made when they are first used, so that this file can be imported
where voluptuous is missing; the runner then says so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple

from ._connection import PARSERS, Connection
from ._errors import OptionsError, present
from ._plan import Desired, Marking
from ._projects import ProjectSelection, is_object_id
from ._rounds import CANCELLED, COMPLETED, REQUESTED, whole_number
from ._vulnerabilities import PRIORITIES, WRITTEN, Selection
from ._windows import Window, format_instant, parse_end, parse_instant, parse_start

try:
    import voluptuous as vol
except ImportError as error:
    VOLUPTUOUS_IMPORT_ERROR: ImportError | None = error
else:
    VOLUPTUOUS_IMPORT_ERROR = None

Given = dict[str, Any]
Mistakes = list[tuple[str, str]]  # pairs of the option and what is wrong with it

_SEPARATOR = re.compile(r"[,\s]+")
_CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,}", re.IGNORECASE)


class Parser(NamedTuple):
    """How the options of a module are read.

    ``schema()`` checks and converts each value, ``checks`` find mistakes across options, and ``build`` makes the typed
    object of options that have none.
    """

    schema: Callable[[], Any]
    build: Callable[[Given, datetime], Any]
    checks: tuple[Callable[[Given, datetime], Mistakes], ...] = ()

    def mistakes(self, params: Mapping[str, Any], now: datetime) -> list[str]:
        """Every mistake in the values, also where Ansible has found other ones. Returns messages."""
        return self._read(params, now)[1]

    def parse(self, params: Mapping[str, Any], now: datetime) -> Any:
        """The typed options. ``now`` is the present instant. Raises OptionsError with every mistake."""
        given, mistakes = self._read(params, now)
        if mistakes:
            raise OptionsError(mistakes)
        return self.build(given, now)

    def _read(self, params: Mapping[str, Any], now: datetime) -> tuple[Given, list[str]]:
        given = {name: value for name, value in params.items() if value is not None}
        mistakes = []
        try:
            given = self.schema()(given)
        except vol.MultipleInvalid as invalid:
            # Not in the order of voluptuous, which can change from one process to the next.
            mistakes = sorted(map(_message, invalid.errors))
        for check in self.checks:
            mistakes += [f"{option}: {what}" for option, what in check(given, now)]
        return given, mistakes


def _message(error: Any) -> str:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.path).lstrip(".")
    return f"{path}: {error.error_message}"


# Values of any module


def _for(*kinds: type) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Let a value of another type pass: Ansible's argument spec has reported it already."""

    def decorate(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def check_kind(value: Any) -> Any:
            return check(value) if isinstance(value, kinds) else value

        return check_kind

    return decorate


def _using(parse: Callable[[Any], Any], *kinds: type) -> Callable[[Any], Any]:
    """A check by a parser that raises ValueError."""

    def check(value: Any) -> Any:
        try:
            return parse(value)
        except ValueError as error:
            raise vol.Invalid(str(error)) from None

    return _for(*kinds)(check)


def _check_id(value: str) -> str:
    if not is_object_id(value.strip()):
        raise vol.Invalid(f"{value!r} is not an id of AttackForge, which has 24 hexadecimal digits")
    return value.strip().lower()


@_for(str)
def _project(value: str) -> str:
    """An id, a code or a name. What is as long as an id and nearly one is a typing error."""
    text = value.strip()
    if not text:
        raise vol.Invalid("is empty; give the id, the code or the name of the project")
    return text.lower() if is_object_id(text) else text


@_for(list)
def _ids(values: list[Any]) -> list[str]:
    """Ids, one an entry or several separated by commas, blanks or line breaks, as a survey gives them."""
    texts = [_SEPARATOR.split(value.strip()) if isinstance(value, str) else [str(value)] for value in values]
    parts = [part for text in texts for part in text]
    return [_check_id(part) for part in vol.Schema([_id_text])(parts)]


def _id_text(value: str) -> str:
    _check_id(value)
    return value


@_for(list)
def _words(values: list[Any]) -> list[str]:
    return list(vol.Schema([_word])(values))


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise vol.Invalid(not_a_text(value))
    if not value.strip():
        raise vol.Invalid("is empty")
    return value.strip()


@_for(list)
def _cves(values: list[Any]) -> list[str]:
    return [value.upper() for value in vol.Schema([vol.All(_word, _cve)])(values)]


def _cve(value: str) -> str:
    if not _CVE.fullmatch(value):
        raise vol.Invalid(f"{value!r} is not a CVE number such as CVE-2026-12345")
    return value


@_for(dict)
def _custom_fields(value: dict[str, Any]) -> dict[str, list[str]]:
    fields = {name: inner if isinstance(inner, list) else [inner] for name, inner in value.items()}
    return dict(vol.Schema({str: [_word]})(fields))


@_for(str)
def _expression(value: str) -> str:
    if not value.strip():
        raise vol.Invalid("is empty, which would mean every finding; leave it out")
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        raise vol.Invalid(f"{value!r} is not a regular expression ({error})") from None
    return value


@_for(str)
def _query(value: str) -> str:
    text = value.strip()
    if not (text.startswith("{") and text.endswith("}")):
        raise vol.Invalid(f'{value!r} is not a query of AttackForge, such as {{ priority: {{ $eq: "High" }} }}')
    return text


@_for(str)
def _instant(value: str) -> datetime:
    try:
        return parse_instant(value)
    except ValueError as error:
        raise vol.Invalid(str(error)) from None


@_for(str)
def _note(value: str) -> str:
    if not value.strip():
        raise vol.Invalid("is empty")
    return value


@_for(int, float)
def _seconds(value: float) -> float:
    if not math.isfinite(value) or value <= 0:
        raise vol.Invalid(f"{value} is not a number of seconds above 0")
    if value > 1e9:  # more than the system can sleep
        raise vol.Invalid(f"{value:g} seconds are too many")
    return value


@_for(int)
def _round_number(value: int) -> int:
    if value < 1:
        raise vol.Invalid(f"{value} is not a round; they are counted from 1")
    return value


def _written_round_number(value: Any) -> int:
    """The number of a round in a dictionary, where a template may have made a text of it."""
    number = whole_number(value)
    if not number:
        raise vol.Invalid(f"{value!r} is not a round; they are counted from 1")
    return number


def _or_null(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


def _schema(**options: Callable[[Any], Any]) -> Any:
    return vol.Schema({vol.Optional(name): check for name, check in options.items()}, extra=vol.ALLOW_EXTRA)


def _distinct(values: Iterable[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values or ()))


# Texts that YAML has taken for something else


def not_a_text(value: Any) -> str:
    """Say that a value is not a text, and what to do about it."""
    kind = "true or false" if isinstance(value, bool) else "a date" if isinstance(value, date) else "a number"
    return (
        f"{value} is {kind} and not a text, so it may not be what was typed (2026.10 is the number 2026.1). Put it in "
        "quotes; in an AWX survey, type a text that cannot be taken for a number, such as v2026.10"
    )


def untyped_texts(spec: Mapping[str, Mapping[str, Any]], params: Mapping[str, Any]) -> list[str]:
    """Find values that should be texts and are not, before Ansible makes texts of them. Returns messages.

    Dates are taken where an option is a point in time, and whole numbers where they are all of an id.
    """
    names = {alias: name for name, option in spec.items() for alias in (name, *option.get("aliases", ()))}
    mistakes = []
    for given, value in params.items():
        option = spec.get(names.get(given, ""), {})
        if option.get("choices") or "str" not in (option.get("type"), option.get("elements")):
            continue
        for place, part in _parts(given, value):
            if _is_changed(names[given], part):
                mistakes.append(f"{place}: {'is not a text' if option.get('no_log') else not_a_text(part)}")
    return mistakes


def _parts(name: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, list):
        return [(f"{name}[{position}]", part) for position, part in enumerate(value)]
    return [(name, value)]


_POINTS_IN_TIME = (
    "retesting_window_start",
    "retesting_window_end",
    "requested_date",
    "completed_date",
    "target_before",
)


def _is_changed(name: str, value: Any) -> bool:
    if isinstance(value, date):
        return name not in _POINTS_IN_TIME
    return isinstance(value, (bool, int, float)) and not is_object_id(str(value))


def without_aliases(
    spec: Mapping[str, Mapping[str, Any]], params: Mapping[str, Any], defaults: Iterable[str]
) -> tuple[dict[str, Any], list[str]]:
    """Give each option its own name. Returns (params, messages).

    ``defaults`` are the names that the play's defaults use: what a task sets itself comes before them. Two names for
    one option with different values are a mistake.
    """
    names = {alias: name for name, option in spec.items() for alias in option.get("aliases", ())}
    defaults = set(defaults)
    params, mistakes = dict(params), []
    for alias, name in names.items():
        if alias not in params:
            continue
        value = params.pop(alias)
        if name not in params or (name in defaults and alias not in defaults):
            params[name] = value
        elif params[name] != value and not (alias in defaults and name not in defaults):
            mistakes.append(f"{name}: is set twice, with different values, as {name} and as {alias}; set one of them")
    return params, mistakes


# The connection


def _build_connection(given: Given, now: datetime) -> Connection:
    values: dict[str, Any] = {name: given.get(name) for name in Connection._fields}
    return Connection(**values)


@cache
def _connection_schema() -> Any:
    kinds: dict[str, tuple[type, ...]] = {"timeout": (int, float), "retries": (int,)}
    return _schema(**{name: _using(parse, *kinds.get(name, (str,))) for name, parse in PARSERS.items()})


CONNECTION = Parser(_connection_schema, _build_connection)


# Selections


class SelectionOptions(NamedTuple):
    """The options of attackforge_vulnerability_info.

    ``selection`` is None where an empty list leaves nothing to mean.
    """

    project: str | None
    projects: ProjectSelection | None  # instead of one project
    selection: Selection | None
    include_details: bool


_SELECTION_CHECKS: dict[str, Callable[[Any], Any]] = {
    "ids": _ids,
    "alternate_ids": _words,
    "priorities": _words,
    "status": _words,
    "tags": _words,
    "custom_tags": _words,
    "assets": _words,
    "cves": _cves,
    "custom_fields": _custom_fields,
    "target_before": _instant,
    "title": _expression,
    "query": _query,
}


def _selection_of(given: Given) -> Selection | None:
    """A Selection of checked conditions, or None where an empty list leaves nothing to mean."""
    if any(given.get(name) in ([], {}) for name in _SELECTION_CHECKS):
        return None
    return Selection(
        ids=_distinct(given.get("ids")),
        alternate_ids=_distinct(given.get("alternate_ids")),
        priorities=_distinct(given.get("priorities")),
        statuses=_distinct(given.get("status")),
        tags=_distinct(given.get("tags")),
        custom_tags=_distinct(given.get("custom_tags")),
        assets=_distinct(given.get("assets")),
        cves=_distinct(given.get("cves")),
        custom_fields=tuple((name, tuple(values)) for name, values in given.get("custom_fields", {}).items()),
        target_before=format_instant(given.get("target_before")),
        title=given.get("title"),
        query=given.get("query"),
    )


def _build_selection(given: Given, now: datetime) -> SelectionOptions:
    projects = _projects_of(given["projects"]) if "projects" in given else None
    return SelectionOptions(given.get("project_id"), projects, _selection_of(given), given["include_details"])


@cache
def _selection_schema() -> Any:
    return _schema(project_id=_project, projects=_projects, **_SELECTION_CHECKS)


def _check_selection(given: Given, now: datetime) -> Mistakes:
    if ("project_id" in given) == ("projects" in given):
        return [("project_id", "give either project_id or projects")]
    return []


SELECTION = Parser(_selection_schema, _build_selection, (_check_selection,))

_TEXT_CONDITIONS = ("target_before", "title", "query")
_CHOICES = {"priorities": PRIORITIES, "status": tuple(WRITTEN)}


@_for(dict)
def _select(value: dict[str, Any]) -> dict[str, Any]:
    """The option ``select``: conditions by the names that they have in attackforge_vulnerability_info."""
    unknown = sorted(map(str, set(value) - set(_SELECTION_CHECKS)))
    if unknown:
        raise vol.Invalid(f"takes {', '.join(_SELECTION_CHECKS)}; there is no {', '.join(unknown)}")
    empty = sorted(name for name, inner in value.items() if inner is None)
    if empty or not value:
        raise vol.Invalid(f"needs a value for {' and '.join(empty) or 'at least one condition'}")
    lists = {name: _listed(name, inner) for name, inner in value.items()}
    return dict(
        vol.Schema({name: vol.All(_kind_of(name), _choice_of(name), _SELECTION_CHECKS[name]) for name in lists})(lists)
    )


def _listed(name: str, value: Any) -> Any:
    """One value of a list may be given by itself."""
    is_list = name not in _TEXT_CONDITIONS and name != "custom_fields"
    return [value] if is_list and not isinstance(value, (list, dict)) else value


def _kind_of(name: str) -> Callable[[Any], Any]:
    kind: type = dict if name == "custom_fields" else str if name in _TEXT_CONDITIONS else list
    words = "a text" if kind is str else "a list of texts" if kind is list else "a dictionary of names and values"

    def check(value: Any) -> Any:
        if isinstance(value, datetime) and name == "target_before":
            return value.isoformat()
        if isinstance(value, (bool, int, float, date)):
            raise vol.Invalid(not_a_text(value))
        if not isinstance(value, kind):
            raise vol.Invalid(f"{value!r} is not {words}")
        return value

    return check


def _choice_of(name: str) -> Callable[[Any], Any]:
    choices = _CHOICES.get(name)

    def check(values: Any) -> Any:
        wrong = [value for value in values if value not in choices] if choices else []
        if wrong:
            raise vol.Invalid(f"{wrong[0]!r} is not one of {', '.join(choices or ())}")
        return values

    return check


# attackforge_retest


class RetestOptions(NamedTuple):
    """The options of attackforge_retest.

    ``window`` is None unless the state is requested; ``selection`` is None where ``ids`` are given.
    """

    project: str
    state: str
    ids: tuple[str, ...]
    selection: Selection | None
    selects: bool  # whether findings are selected by conditions
    allow_empty: bool
    window: Window | None
    note: str | None
    note_type: str
    mark_ready: bool
    on_window_change: str
    on_duplicate: str
    on_reopened: str
    round: int | None
    requested_date: datetime | None
    completed_date: datetime | None
    preflight: bool

    @property
    def sets_dates(self) -> bool:
        """Whether the dates of a round are to be set."""
        return self.requested_date is not None or self.completed_date is not None

    def desired(self, ids: tuple[str, ...]) -> Desired:
        """What is desired of these findings."""
        return Desired(
            ids,
            present(self.window),
            self.note,
            self.note_type,
            self.mark_ready,
            self.on_window_change,
            self.on_duplicate,
            self.on_reopened,
            selected=self.selects,
        )


def _build_retest(given: Given, now: datetime) -> RetestOptions:
    updates = given.get("round") is not None and given["state"] == REQUESTED
    return RetestOptions(
        project=given["project_id"],
        state=given["state"],
        ids=_distinct(given.get("vulnerability_ids")),
        selection=_selection_of(given["select"]) if "select" in given else None,
        selects="select" in given,
        allow_empty=given["allow_empty"],
        window=_window_of(given, now) if given["state"] == REQUESTED and not updates else None,
        note=_note_of(given),
        note_type=given["note_type"],
        mark_ready=given["mark_ready"],
        on_window_change=given["on_window_change"],
        on_duplicate=given["on_duplicate"],
        on_reopened=given["on_reopened"],
        round=given.get("round"),
        requested_date=given.get("requested_date"),
        completed_date=given.get("completed_date"),
        preflight=given["preflight"],
    )


def _note_of(given: Given) -> str | None:
    if "remediation_note" in given:
        return str(given["remediation_note"])
    return f"Fixed in release {given['release'].strip()}." if "release" in given else None


@cache
def _retest_schema() -> Any:
    return _schema(
        project_id=_project,
        vulnerability_ids=_ids,
        select=_select,
        remediation_note=_note,
        release=_note,
        round=_round_number,
        requested_date=_instant,
        completed_date=_instant,
    )


def _check_state(given: Given, now: datetime) -> Mistakes:
    """Which options a state needs, and which do not go with it."""
    state = given.get("state")
    if state == REQUESTED:
        return _check_dates_of_round(given) if "round" in given else _check_request(given)
    if state in (CANCELLED, COMPLETED):
        return _check_finish(given)
    return []


def _check_request(given: Given) -> Mistakes:
    mistakes: Mistakes = []
    if ("vulnerability_ids" in given) == ("select" in given):
        mistakes.append(("vulnerability_ids", "give either vulnerability_ids or select when state is requested"))
    elif given.get("vulnerability_ids") == [] and not given.get("allow_empty"):
        mistakes.append(("vulnerability_ids", "name at least one finding when state is requested"))
    if "retesting_window_start" not in given:
        mistakes.append(("retesting_window_start", "is needed when state is requested; the simplest is: now"))
    mistakes += [
        (name, "goes with round, to correct the dates of a round that exists")
        for name in ("requested_date", "completed_date")
        if name in given
    ]
    return mistakes


def _check_dates_of_round(given: Given) -> Mistakes:
    if "requested_date" in given or "completed_date" in given:
        names = ("vulnerability_ids", "select", "retesting_window_start", "retesting_window_end")
        return [(name, "does not go with the dates of a round that exists") for name in names if name in given]
    return [
        ("round", "goes with state cancelled or completed, or with requested_date; a new round gets its own number")
    ]


def _check_finish(given: Given) -> Mistakes:
    mistakes: Mistakes = []
    if "round" not in given and "vulnerability_ids" in given and "select" in given:
        mistakes.append(("vulnerability_ids", "give either vulnerability_ids or select"))
    if "round" not in given and given.get("vulnerability_ids") == []:
        mistakes.append(("vulnerability_ids", "is empty; leave it out to mean the one open round"))
    dates = [name for name in ("requested_date", "completed_date") if name in given]
    if given.get("state") == CANCELLED:
        mistakes += [(name, "does not go with state cancelled") for name in dates]
    elif dates and "round" not in given:
        mistakes.append(("round", f"is needed with {dates[0]}"))
    return mistakes


def _check_preflight(given: Given, now: datetime) -> Mistakes:
    """Without preflight nothing is read, so nothing may be asked for that has to be read."""
    if given.get("preflight", True) is not False:
        return []
    mistakes: Mistakes = []
    if given.get("state") != REQUESTED and "round" not in given:
        mistakes.append(("round", "is needed when preflight is false, because the open round is not looked up"))
    for name in ("select", "remediation_note", "release", "requested_date", "completed_date"):
        if name in given:
            mistakes.append((name, "does not go with preflight: false, which reads nothing"))
    if given.get("mark_ready"):
        mistakes.append(("mark_ready", "does not go with preflight: false, which reads nothing"))
    project = given.get("project_id")
    if isinstance(project, str) and not is_object_id(project):
        mistakes.append(("project_id", f"{project!r} is not an id, and preflight: false looks nothing up"))
    return mistakes


def _check_window(given: Given, now: datetime) -> Mistakes:
    """Whether the window can be read, is not over, and ends after it starts."""
    mistakes: Mistakes = []
    start, start_fixed = None, True
    start_text, end_text = given.get("retesting_window_start"), given.get("retesting_window_end")
    if isinstance(start_text, str):
        try:
            start, start_fixed = parse_start(start_text, now)
        except ValueError as error:
            mistakes.append(("retesting_window_start", str(error)))
    if not isinstance(end_text, str):
        return mistakes
    try:
        end = parse_end(end_text, start, start_fixed)[0]
    except ValueError as error:
        return [*mistakes, ("retesting_window_end", str(error))]
    if end and start and end <= start:
        mistakes.append(
            ("retesting_window_end", f"{format_instant(end)} is not after the start, {format_instant(start)}")
        )
    if end and end <= now and given.get("state") == REQUESTED:
        mistakes.append(
            ("retesting_window_end", f"{format_instant(end)} is over already, it is now {format_instant(now)}")
        )
    return mistakes


def _window_of(given: Given, now: datetime) -> Window:
    start, start_fixed = parse_start(given["retesting_window_start"], now)
    if given.get("retesting_window_end") is None:
        return Window(start, None, start_fixed)
    end, end_fixed = parse_end(given["retesting_window_end"], start, start_fixed)
    return Window(start, end, start_fixed, end_fixed)


RETEST = Parser(_retest_schema, _build_retest, (_check_state, _check_preflight, _check_window))


# attackforge_release


class ReleaseOptions(NamedTuple):
    """The options of attackforge_release. ``step`` is the release step of each project, but for its project and ids."""

    projects: ProjectSelection
    selection: Selection | None
    allow_empty: bool
    step: RetestOptions
    at_once: int
    at_most: int


_PROJECT_CHECKS: dict[str, Callable[[Any], Any]] = {
    "ids": _ids,
    "codes": _words,
    "names": _words,
    "name": _expression,
    "groups": _words,
    "statuses": _words,
    "assets": _words,
    "query": _query,
}
_PROJECT_TEXTS = ("name", "query")


def _projects_of(given: Given) -> ProjectSelection:
    values: dict[str, Any] = {
        name: given.get(name) if name in _PROJECT_TEXTS else _distinct(given.get(name)) for name in _PROJECT_CHECKS
    }
    return ProjectSelection(**values)


@_for(dict)
def _projects(value: dict[str, Any]) -> dict[str, Any]:
    """The option ``projects``: conditions on projects."""
    unknown = sorted(map(str, set(value) - set(_PROJECT_CHECKS)))
    if unknown:
        raise vol.Invalid(f"takes {', '.join(_PROJECT_CHECKS)}; there is no {', '.join(unknown)}")
    given = {name: inner for name, inner in value.items() if inner is not None}
    lists = {name: inner if name in _PROJECT_TEXTS else _listed(name, inner) for name, inner in given.items()}
    empty = sorted(name for name, inner in lists.items() if inner in ([], ""))
    if empty:
        raise vol.Invalid(f"needs a value for {' and '.join(empty)}, or leave it out")
    kinds = {name: _kind_of("title" if name in _PROJECT_TEXTS else "tags") for name in lists}
    return dict(vol.Schema({name: vol.All(kinds[name], _PROJECT_CHECKS[name]) for name in lists})(lists))


def _build_release(given: Given, now: datetime) -> ReleaseOptions:
    step = _build_retest({**given, "project_id": "", "state": REQUESTED, "round": None, "preflight": True}, now)
    return ReleaseOptions(
        projects=_projects_of(given.get("projects") or {}),
        selection=_selection_of(given["select"]),
        allow_empty=given["allow_empty"],
        step=step._replace(selection=None, selects=False),
        at_once=given["at_once"],
        at_most=given["at_most"],
    )


@cache
def _release_schema() -> Any:
    return _schema(
        projects=_projects,
        select=_select,
        remediation_note=_note,
        release=_note,
        at_once=_for(int)(_between(1, 32)),
        at_most=_for(int)(_between(1, 100_000)),
    )


def _between(least: int, most: int) -> Callable[[int], int]:
    def check(value: int) -> int:
        if not least <= value <= most:
            raise vol.Invalid(f"{value} is not between {least} and {most}")
        return value

    return check


def _check_release(given: Given, now: datetime) -> Mistakes:
    """A slip must not mean the whole tenant."""
    if given.get("projects") and given.get("all"):
        return [("all", "does not go with projects; leave one of them out")]
    if not given.get("projects") and not given.get("all"):
        return [("projects", "say which projects are meant, or set all: true to mean all that the key can see")]
    return []


RELEASE = Parser(_release_schema, _build_release, (_check_release, _check_window))


# attackforge_project_info


class ProjectOptions(NamedTuple):
    """The options of attackforge_project_info."""

    projects: ProjectSelection


def _build_projects(given: Given, now: datetime) -> ProjectOptions:
    return ProjectOptions(_projects_of(given))


@cache
def _project_schema() -> Any:
    return _schema(**_PROJECT_CHECKS)


PROJECTS = Parser(_project_schema, _build_projects)


# attackforge_retest_info


class AskedRound(NamedTuple):
    """A round to follow: its project, its number (None: the newest that was not cancelled), and what was asked for."""

    project: str
    round: int | None = None
    ids: tuple[str, ...] = ()


class RoundsOptions(NamedTuple):
    """The options of attackforge_retest_info. ``asked`` has one entry, unless the option rounds is given."""

    asked: tuple[AskedRound, ...]
    status: str | None
    outcome: bool
    verdict: bool
    ignore_priorities: tuple[str, ...]
    fixed_only: bool
    revision_history: bool
    wait: bool
    wait_timeout: float
    wait_interval: float


def _build_rounds(given: Given, now: datetime) -> RoundsOptions:
    if "rounds" in given:
        asked = tuple(
            AskedRound(entry["project_id"], entry.get("round"), _distinct(entry.get("vulnerability_ids")))
            for entry in given["rounds"]
        )
    else:
        asked = (AskedRound(given["project_id"], given.get("round"), _distinct(given.get("vulnerability_ids"))),)
    return RoundsOptions(
        asked=asked,
        status=given.get("status"),
        outcome=given["outcome"] or given["verdict"],
        verdict=given["verdict"],
        ignore_priorities=_distinct(given.get("ignore_priorities")),
        fixed_only=given["fixed_only"],
        revision_history=given["revision_history"],
        wait=given["wait"],
        wait_timeout=given["wait_timeout"],
        wait_interval=given["wait_interval"],
    )


@_for(list)
def _asked_rounds(values: list[Any]) -> list[dict[str, Any]]:
    entry = vol.Schema(
        {
            vol.Required("project_id", msg="is needed"): vol.All(_word, _project),
            vol.Optional("round"): _or_null(_written_round_number),
            vol.Optional("vulnerability_ids"): _or_null(lambda ids: _ids(ids if isinstance(ids, list) else [ids])),
        },
        extra=vol.REMOVE_EXTRA,  # the handle of a release says more
    )
    return [dict(one) for one in vol.Schema([entry])(values)]


@cache
def _rounds_schema() -> Any:
    return _schema(
        project_id=_project,
        round=_round_number,
        rounds=_asked_rounds,
        vulnerability_ids=_ids,
        wait_timeout=_seconds,
        wait_interval=_seconds,
    )


def _check_rounds(given: Given, now: datetime) -> Mistakes:
    mistakes: Mistakes = []
    if ("project_id" in given) == ("rounds" in given):
        mistakes.append(("project_id", "give either project_id or rounds"))
    if given.get("rounds") == []:
        mistakes.append(("rounds", "is empty, so there is nothing to follow"))
    mistakes += [
        (name, "does not go with rounds, which says it for each project")
        for name in ("round", "vulnerability_ids")
        if name in given and "rounds" in given
    ]
    if given.get("verdict") and "status" in given:
        mistakes.append(("status", "does not go with verdict, which decides on the round whatever its status"))
    return mistakes


ROUNDS = Parser(_rounds_schema, _build_rounds, (_check_rounds,))


# attackforge_vulnerability


class MarkingOptions(NamedTuple):
    """The options of attackforge_vulnerability."""

    project: str
    marking: Marking


def _build_marking(given: Given, now: datetime) -> MarkingOptions:
    marking = Marking(
        _distinct(given["vulnerability_ids"]), given.get("status"), given.get("remediation_note"), given["note_type"]
    )
    return MarkingOptions(given["project_id"], marking)


@cache
def _marking_schema() -> Any:
    return _schema(project_id=_project, vulnerability_ids=_ids, remediation_note=_note)


def _check_marking(given: Given, now: datetime) -> Mistakes:
    """There is something to do, and something to do it to."""
    mistakes: Mistakes = []
    if given.get("vulnerability_ids") == []:
        mistakes.append(("vulnerability_ids", "name at least one finding"))
    if "status" not in given and "remediation_note" not in given:
        mistakes.append(("status", "neither status nor remediation_note is given, so there is nothing to do"))
    return mistakes


MARKING = Parser(_marking_schema, _build_marking, (_check_marking,))


# The request


def request_body(window: Window, ids: Iterable[str]) -> dict[str, Any]:
    """The body of RequestNewProjectRetest."""
    body: dict[str, Any] = {"retesting_window_start": format_instant(window.start), "vulnerability_ids": list(ids)}
    if window.end is not None:
        body["retesting_window_end"] = format_instant(window.end)
    return dict(_request_schema()(body))


@cache
def _request_schema() -> Any:
    instant = vol.All(str, vol.Match(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"))
    return vol.Schema(
        {
            vol.Required("retesting_window_start"): instant,
            vol.Optional("retesting_window_end"): instant,
            vol.Required("vulnerability_ids"): vol.All([_check_id], vol.Length(min=1), vol.Unique()),
        }
    )
