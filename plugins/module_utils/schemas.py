# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""voluptuous: what may be asked, what is sent, what is believed of an answer.

Ansible's argument spec has seen types, defaults and choices before; these schemas judge the values, across options
too, and report every mistake at once, each with its option. Schemas are made when they are first used, so that this
file can be imported where voluptuous is missing; ``module.py`` then says so.
"""

from __future__ import annotations

import ipaddress
import math
import os
import re
from functools import cache
from typing import NamedTuple
from urllib.parse import urlsplit

from .errors import UnexpectedAnswer
from .rounds import CANCELLED, COMPLETED, REQUESTED, Row, Wish, hides_history
from .vulnerabilities import Finding, Marking, Note, Selection, status_of
from .windows import Window, format_instant, parse_end, parse_instant, parse_start

try:
    import voluptuous as vol
except ImportError as error:
    vol = None
    VOLUPTUOUS_IMPORT_ERROR = error
else:
    VOLUPTUOUS_IMPORT_ERROR = None

API_ROOT = "/api/ss"
WORDS = ("message", "error", "detail", "status")  # where an answer holds the service's own words
_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")


# What may be asked: the options of the modules


class Connection(NamedTuple):
    """How the service is reached. ``timeout`` in seconds, of one request."""

    base_url: str
    api_key: str
    validate_certs: bool
    ca_path: str | None
    timeout: float
    retries: int


class RetestOptions(NamedTuple):
    """The options of attackforge_retest; ``wish`` is None unless the state is ``requested``."""

    project_id: str
    state: str
    wish: Wish | None
    ids: tuple
    round: int | None
    preflight: bool
    assume_ready: tuple


def connection_mistakes(params):
    """Judge the options that every module shares. Returns a list of messages."""
    return _mistakes(params, _connection_schema())


def connection_options(params):
    """Make a Connection of options in which `connection_mistakes` found nothing."""
    given = _connection_schema()(_given(params))
    return Connection(**{name: given.get(name) for name in Connection._fields})


def retest_mistakes(params, now):
    """Judge the options of attackforge_retest. Returns a list of messages."""
    return _mistakes(params, _retest_schema(), _judge_state, lambda given: _judge_window(given, now))


def retest_options(params, now):
    """Make RetestOptions of options in which `retest_mistakes` found nothing. ``now`` is the present instant."""
    given = _retest_schema()(_given(params))
    ids = _unique(given.get("vulnerability_ids"))
    wish = None
    if given["state"] == REQUESTED:
        wish = Wish(ids, _window_of(given, now), given["on_window_change"], given["on_duplicate"])
    return RetestOptions(
        given["project_id"],
        given["state"],
        wish,
        ids,
        given.get("round"),
        given["preflight"],
        _unique(given.get("assume_ready")),
    )


def selection_mistakes(params, now):
    """Judge the options of attackforge_vulnerability_info. Returns a list of messages."""
    return _mistakes(params, _selection_schema())


def selection_options(params, now):
    """Make (project id, Selection, include_details) of options in which `selection_mistakes` found nothing.

    The Selection is None where an empty list leaves nothing to be meant.
    """
    given = _selection_schema()(_given(params))
    if any(value == [] for value in given.values()):
        return given["project_id"], None, given["include_details"]  # no value holds for anything
    selection = Selection(
        ids=_unique(given.get("ids")),
        alternate_ids=_unique(given.get("alternate_ids")),
        priorities=_unique(given.get("priorities")),
        statuses=_unique(given.get("status")),
        tags=_unique(given.get("tags")),
        assets=_unique(given.get("assets")),
        title=given.get("title"),
        query=given.get("query"),
    )
    return given["project_id"], selection, given["include_details"]


class RoundsOptions(NamedTuple):
    """The options of attackforge_retest_info."""

    project_id: str
    round: int | None
    status: str | None
    outcome: bool
    wait: bool
    wait_timeout: float
    wait_interval: float


def rounds_mistakes(params, now):
    """Judge the options of attackforge_retest_info. Returns a list of messages."""
    return _mistakes(params, _retest_schema())


def rounds_options(params, now):
    """Make RoundsOptions of options in which `rounds_mistakes` found nothing."""
    given = _retest_schema()(_given(params))
    return RoundsOptions(**{name: given.get(name) for name in RoundsOptions._fields})


def marking_mistakes(params, now):
    """Judge the options of attackforge_vulnerability. Returns a list of messages."""
    return _mistakes(params, _retest_schema(), _judge_marking)


def marking_options(params, now):
    """Make (project id, Marking) of options in which `marking_mistakes` found nothing."""
    given = _retest_schema()(_given(params))
    marking = Marking(
        _unique(given["vulnerability_ids"]), given.get("status"), given.get("remediation_note"), given["note_type"]
    )
    return given["project_id"], marking


def _unique(values):
    return tuple(dict.fromkeys(values or ()))


def _given(params):
    return {name: value for name, value in params.items() if value is not None}


def _mistakes(params, *judges):
    given, found = _given(params), []
    for judge in judges:
        try:
            judge(given)
        except vol.MultipleInvalid as invalid:
            found += [_say(error) for error in invalid.errors]
    return found


def _say(error):
    path = "".join("[%d]" % step if isinstance(step, int) else f".{step}" for step in error.path).lstrip(".")
    return f"{path}: {error.error_message}"


@cache
def _connection_schema():
    return vol.Schema(
        {
            vol.Optional("base_url"): _base_url,
            vol.Optional("api_key"): _api_key,
            vol.Optional("ca_path"): _ca_path,
            vol.Optional("timeout"): _timeout,
            vol.Optional("retries"): _retries,
        },
        extra=vol.ALLOW_EXTRA,
    )


@cache
def _retest_schema():
    """The options of all modules but the selection's; each uses some of them."""
    return vol.Schema(
        {
            vol.Optional("project_id"): _object_id,
            vol.Optional("vulnerability_ids"): _object_ids,
            vol.Optional("assume_ready"): _object_ids,
            vol.Optional("round"): _round_number,
            vol.Optional("wait_timeout"): _positive,
            vol.Optional("wait_interval"): _positive,
        },
        extra=vol.ALLOW_EXTRA,
    )


@cache
def _selection_schema():
    words = _for(list)(vol.Schema([_word]))
    return vol.Schema(
        {
            vol.Optional("project_id"): _object_id,
            vol.Optional("ids"): _object_ids,
            vol.Optional("alternate_ids"): words,
            vol.Optional("priorities"): words,
            vol.Optional("tags"): words,
            vol.Optional("assets"): words,
            vol.Optional("title"): _expression,
            vol.Optional("query"): _query,
        },
        extra=vol.ALLOW_EXTRA,
    )


def _judge_marking(given):
    """Hold that there is something to do, to something, with a text in it."""
    mistakes = []
    if given.get("vulnerability_ids") == []:
        mistakes.append(_at("vulnerability_ids", "name at least one finding"))
    if "status" not in given and "remediation_note" not in given:
        mistakes.append(_at("status", "neither status nor remediation_note is given, so there is nothing to do"))
    note = given.get("remediation_note")
    if isinstance(note, str) and not note.strip():
        mistakes.append(_at("remediation_note", "is empty"))
    if mistakes:
        raise vol.MultipleInvalid(mistakes)


def _for(kind):
    """Let a value of another type through: Ansible's argument spec has reported it already."""

    def decorate(judge):
        def judge_kind(value):
            return judge(value) if isinstance(value, kind) else value

        return judge_kind

    return decorate


@_for(str)
def _object_id(value):
    if not _OBJECT_ID.fullmatch(value.strip()):
        raise vol.Invalid(f"{value!r} is not an id of AttackForge, which has 24 hexadecimal digits")
    return value.strip().lower()


@_for(list)
def _object_ids(value):
    return vol.Schema([_object_id])(value)


@_for(str)
def _word(value):
    if not value.strip():
        raise vol.Invalid("is empty")
    return value.strip()


@_for(str)
def _expression(value):
    if not value.strip():
        raise vol.Invalid("is empty, which would mean every finding; leave it out")
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        raise vol.Invalid(f"{value!r} is no regular expression ({error})") from None
    return value


@_for(str)
def _query(value):
    text = value.strip()
    if not (text.startswith("{") and text.endswith("}")):
        raise vol.Invalid(f'{value!r} is no query of AttackForge, such as {{ priority: {{ $eq: "High" }} }}')
    return text


@_for(str)
def _base_url(value):
    example = "give it as https://tenant.attackforge.com"
    if "@" in value:  # which must not be told
        raise vol.Invalid(f"holds a user name or password, which the service does not use; {example}")
    try:
        url = urlsplit(value.strip())
        host, port = url.hostname, url.port
    except ValueError as error:
        raise vol.Invalid(f"{value!r} is no URL ({error}); {example}") from None
    if url.scheme not in ("https", "http") or not host or re.search(r"[\s\\]", url.netloc):
        raise vol.Invalid(f"{value!r} is no URL with https:// and a host; {example}")
    if url.query or url.fragment:
        raise vol.Invalid(f"{value!r} has a query or a fragment behind the path; {example}")
    if url.scheme == "http" and not _is_loopback(host):
        raise vol.Invalid(f"{value!r} would send the key in clear text; use https:// (http:// is for loopback only)")
    path = url.path.rstrip("/")
    if path.endswith(API_ROOT):
        raise vol.Invalid(f"{value!r} ends in {API_ROOT}, which is added here; leave it out")
    if port == 0:
        raise vol.Invalid(f"{value!r} has the port 0; {example}")
    return f"{url.scheme}://{url.netloc}{path}"


def _is_loopback(host):
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@_for(str)
def _api_key(value):
    # The value itself must not be told.
    if not value:
        raise vol.Invalid("is empty")
    if value != value.strip():
        raise vol.Invalid("has white space or a line break at an end; take it off, for instance with the filter trim")
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        raise vol.Invalid("has a character that no key has: only printable ASCII without blanks can be sent")
    return value


@_for(str)
def _ca_path(value):
    if not os.path.exists(value):
        raise vol.Invalid(f"there is no file or folder {value!r} where this task runs")
    if not os.access(value, os.R_OK):
        raise vol.Invalid(f"{value!r} cannot be read by the user that runs this task")
    return value


@_for((int, float))
def _timeout(value):
    if not math.isfinite(value) or not 0 < value <= 3600:
        raise vol.Invalid(f"{value} is not a number of seconds above 0 and up to 3600")
    return value


@_for((int, float))
def _positive(value):
    if not math.isfinite(value) or value <= 0:
        raise vol.Invalid(f"{value} is not a number of seconds above 0")
    if value > 1e9:  # more than the system can sleep
        raise vol.Invalid(f"{value:g} seconds are too many")
    return value


@_for(int)
def _retries(value):
    if not 0 <= value <= 20:
        raise vol.Invalid("%d is not between 0 and 20" % value)
    return value


@_for(int)
def _round_number(value):
    if value < 1:
        raise vol.Invalid("%d is no round; they are counted from 1" % value)
    return value


def _judge_state(given):
    """Hold which options a state needs, and which mean nothing in it."""
    state = given.get("state")
    mistakes = []
    if state == REQUESTED:
        if not given.get("vulnerability_ids"):
            mistakes.append(_at("vulnerability_ids", "name at least one finding when state is requested"))
        if "retesting_window_start" not in given:
            mistakes.append(_at("retesting_window_start", "is needed when state is requested; the simplest is: now"))
        if "round" in given:
            mistakes.append(_at("round", "goes with state cancelled or completed; a new round gets its number itself"))
    elif state in (CANCELLED, COMPLETED):
        if given.get("vulnerability_ids") == []:
            mistakes.append(_at("vulnerability_ids", "is empty; leave it out to mean the one open round"))
        if given.get("preflight") is False and "round" not in given:
            mistakes.append(_at("round", "is needed when preflight is false, because the open round is not looked up"))
    if mistakes:
        raise vol.MultipleInvalid(mistakes)


def _judge_window(given, now):
    """Hold that the window can be read, is not over, and ends after it starts."""
    mistakes, start, start_fixed = [], None, True
    start_text, end_text = given.get("retesting_window_start"), given.get("retesting_window_end")
    if isinstance(start_text, str):
        try:
            start, start_fixed = parse_start(start_text, now)
        except ValueError as error:
            mistakes.append(_at("retesting_window_start", error))
    if isinstance(end_text, str):
        try:
            end = parse_end(end_text, start, start_fixed)[0]
        except ValueError as error:
            mistakes.append(_at("retesting_window_end", error))
        else:
            if end and start and end <= start:
                mistakes.append(
                    _at(
                        "retesting_window_end", f"{format_instant(end)} is not after the start, {format_instant(start)}"
                    )
                )
            if end and end <= now and given.get("state") == REQUESTED:
                mistakes.append(
                    _at(
                        "retesting_window_end",
                        f"{format_instant(end)} is over already, it is now {format_instant(now)}",
                    )
                )
    if mistakes:
        raise vol.MultipleInvalid(mistakes)


def _window_of(given, now):
    start, start_fixed = parse_start(given["retesting_window_start"], now)
    if given.get("retesting_window_end") is None:
        return Window(start, None, start_fixed)
    end, end_fixed = parse_end(given["retesting_window_end"], start, start_fixed)
    return Window(start, end, start_fixed, end_fixed)


def _at(option, message):
    return vol.Invalid(str(message), path=[option])


# What is sent


def request_body(window, ids):
    """The body of RequestNewProjectRetest."""
    body = {"retesting_window_start": format_instant(window.start), "vulnerability_ids": list(ids)}
    if window.end is not None:
        body["retesting_window_end"] = format_instant(window.end)
    return _request_schema()(body)


@cache
def _request_schema():
    instant = vol.All(str, vol.Match(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"))
    return vol.Schema(
        {
            vol.Required("retesting_window_start"): instant,
            vol.Optional("retesting_window_end"): instant,
            vol.Required("vulnerability_ids"): vol.All([_object_id], vol.Length(min=1), vol.Unique()),
        }
    )


# What is believed of an answer: unknown keys are dropped, a wrong one is named


def history_rows(answer, project_id=None):
    """Read the rows of the history out of an answer of GetProjectById about this project."""
    method = "GetProjectById"
    told = _project_of(method, answer).get("project_id")
    if isinstance(told, str) and project_id is not None and told.lower() != project_id:
        raise _unexpected(method, "its project_id is that of another project", answer)
    project = _believe(method, _project_schema(), _project_of(method, answer))
    if hides_history(project):
        raise UnexpectedAnswer(
            "{}: the project counts {} requested retests but shows no project_retesting_history, so it cannot be seen "
            "what is requested already. Look again in a minute; if it stays so, ask an administrator of AttackForge to "
            "let the user of this key see it.".format(method, project["project_retests_requested"]),
            method=method,
            http_status=200,
            detail="project_retesting_history is missing or empty",
        )
    return [
        Row(
            number=row["retesting_round"],
            status=row["retesting_round_status"],
            start=row.get("retesting_window_start"),
            end=row.get("retesting_window_end"),
            scope=_scope(row.get("retesting_round_vulnerabilities")),
            retested=_scope(row.get("retesting_round_retested_vulnerabilities")) or (),
        )
        for row in project.get("project_retesting_history") or ()
    ]


def vulnerabilities_page(answer, details=False):
    """Read (findings, count or None) out of an answer of GetProjectVulnerabilitiesById.

    With ``details`` each finding keeps its whole record.
    """
    page = _believe("GetProjectVulnerabilitiesById", _page_schema(), answer)
    records = answer["vulnerabilities"] if details else [None] * len(page["vulnerabilities"])
    return tuple(_finding(*pair) for pair in zip(page["vulnerabilities"], records)), page.get("count")


def vulnerability(answer):
    """Read a Finding out of an answer of GetVulnerabilityById."""
    record = answer.get("vulnerability")
    return _finding(_believe("GetVulnerabilityById", _record_schema(), record if isinstance(record, dict) else answer))


def words_of(answer, depth=3):
    """The service's own words in a JSON answer, or None: `message`, `error`, `detail` or `status`."""
    if isinstance(answer, str):
        return answer.strip() or None
    if isinstance(answer, dict) and depth:
        for key in WORDS:
            words = words_of(answer.get(key), depth - 1)
            if words:
                return words
    return None


def _project_of(method, answer):
    if isinstance(answer.get("project"), dict):
        return answer["project"]
    if any(key.startswith("project_") for key in answer):
        return answer
    raise _unexpected(method, "there is no project in it", answer)


def _believe(method, schema, answer):
    try:
        return schema(answer)
    except vol.MultipleInvalid as invalid:
        raise _unexpected(method, _say(invalid.errors[0]), answer) from None


def _unexpected(method, what, answer):
    words = words_of(answer)
    if words and len(words) > 200:
        words = None  # a text of that length is no message, and what is cut could be cut within a secret
    return UnexpectedAnswer(
        "{}: the answer is not as the service documents it: {}{}.".format(
            method, what, "; it says: {}".format(words.rstrip(".")) if words else ""
        ),
        method=method,
        http_status=200,
        detail=words or what,
    )


def _scope(records):
    return None if records is None else tuple(Finding(**_names(record)) for record in records)


def _names(record):
    return dict(
        id=record["vulnerability_id"],
        alternate_id=record.get("vulnerability_alternate_id"),
        title=record.get("vulnerability_title"),
    )


def _finding(record, details=None):
    notes = record.get("vulnerability_remediation_notes")
    assets = [record.get("vulnerability_affected_asset_name")]
    assets += [(entry.get("asset") or {}).get("name") for entry in record.get("vulnerability_affected_assets") or ()]
    return Finding(
        **_names(record),
        status=status_of(record.get("vulnerability_status"), record.get("vulnerability_retest")),
        priority=record.get("vulnerability_priority"),
        tags=tuple(record.get("vulnerability_tags") or ()),
        assets=tuple(dict.fromkeys(name for name in assets if name)),
        notes=None
        if notes is None
        else tuple(
            Note(note.get("id"), note.get("note"), note.get("note_html"), note.get("created")) for note in notes
        ),
        status_updated=record.get("vulnerability_status_updated"),
        details=details,
    )


@cache
def _project_schema():
    row = {
        vol.Required("retesting_round"): _whole_number,
        vol.Required("retesting_round_status"): _round_status,
        vol.Optional("retesting_window_start"): _answered_instant,
        vol.Optional("retesting_window_end"): _answered_instant,
        vol.Optional("retesting_round_vulnerabilities"): _or_null([_reference()]),
        vol.Optional("retesting_round_retested_vulnerabilities"): _or_null([_reference()]),
    }
    project = {
        vol.Optional("project_retesting_history"): _or_null([row]),
        vol.Optional("project_retests_requested"): object,
        vol.Optional("project_retests_completed"): object,
    }
    return vol.Schema(project, extra=vol.REMOVE_EXTRA)


@cache
def _page_schema():
    page = {vol.Required("vulnerabilities"): [_record()], vol.Optional("count"): _or_null(_whole_number)}
    return vol.Schema(page, extra=vol.REMOVE_EXTRA)


@cache
def _record_schema():
    return vol.Schema(_record(), extra=vol.REMOVE_EXTRA)


def _reference():
    """What names a vulnerability, in its own record as well as in a round's scope."""
    return {
        vol.Required("vulnerability_id"): _answered_id,
        vol.Optional("vulnerability_alternate_id"): _text,
        vol.Optional("vulnerability_title"): _text,
    }


def _record():
    """The part of a vulnerability's record that is used."""
    note = {
        vol.Optional("id"): _text,
        vol.Optional("note"): _text,
        vol.Optional("note_html"): _text,
        vol.Optional("created"): _text,
    }
    asset = {vol.Optional("asset"): _or_null({vol.Optional("name"): _text})}
    return {
        **_reference(),
        vol.Optional("vulnerability_status"): _text,
        vol.Optional("vulnerability_status_updated"): _text,
        vol.Optional("vulnerability_retest"): _flag,
        vol.Optional("vulnerability_priority"): _text,
        vol.Optional("vulnerability_tags"): _or_null([str]),
        vol.Optional("vulnerability_affected_asset_name"): _text,
        vol.Optional("vulnerability_affected_assets"): _or_null([asset]),
        vol.Optional("vulnerability_remediation_notes"): _or_null([note]),
    }


def _text(value):
    if value is not None and not isinstance(value, str):
        raise vol.Invalid("is not a text")
    return value


def _flag(value):
    if value is not None and not isinstance(value, (str, bool)):
        raise vol.Invalid("is neither Yes, No, true nor false")
    return value


def _or_null(kind):
    """A value of this kind, or null. Not by `vol.Any`, whose caught error keeps the whole answer alive for a while."""
    schema = kind if callable(kind) else vol.Schema(kind, extra=vol.REMOVE_EXTRA)
    return lambda value: None if value is None else schema(value)


def _whole_number(value):
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise vol.Invalid("is not a whole number")
    return value


def _round_status(value):
    if not isinstance(value, str) or not value.strip():
        raise vol.Invalid("is not a word")
    word = value.strip().lower()
    return CANCELLED if word == "canceled" else word


def _answered_instant(value):
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise vol.Invalid("is not a date")
    try:
        return parse_instant(value)
    except ValueError:
        raise vol.Invalid("is not a date") from None


def _answered_id(value):
    if not isinstance(value, str) or not value.strip():
        raise vol.Invalid("is not an id")
    return value.strip().lower()
