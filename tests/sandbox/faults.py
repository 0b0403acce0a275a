# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults by script: which request is struck, and how. The list is read from its start; each entry counts its own."""

from __future__ import annotations

import copy
import dataclasses
import typing
import urllib.parse

from . import events
from .answers import Answer
from .methods import NAMES


class FaultError(ValueError):
    """A fault that is not described rightly."""


class _Kind(typing.NamedTuple):
    """A kind of fault: its parameters with their defaults, and when it may strike (the first is the default)."""

    when: tuple[str, ...]
    parameters: dict[str, typing.Any]
    about: str


_EITHER = ("before", "after")
_AFTER = ("after",)
_REQUIRED = object()

KINDS: dict[str, _Kind] = {
    "refuse": _Kind(
        ("after", "before"), {"seconds": 1.0}, "no connection is accepted for so long; with no method, from now on"
    ),
    "reset": _Kind(_EITHER, {}, "the connection is reset (RST), no answer"),
    "close": _Kind(_EITHER, {}, "the connection is closed (FIN), no answer"),
    "hang": _Kind(_EITHER, {"seconds": 60.0}, "no answer for so long, then the connection is closed"),
    "slow": _Kind(_AFTER, {"seconds": 5.0}, "the true answer, its body dribbled over so long"),
    "late_commit": _Kind(
        ("late",), {"seconds": 2.0}, "no answer; the request is carried out after so long, then the connection closed"
    ),
    "status": _Kind(
        _EITHER,
        {"code": _REQUIRED, "body": "json", "message": "Injected by the sandbox.", "headers": {}},
        "any HTTP code; body is json, html, empty or text",
    ),
    "truncated": _Kind(
        _AFTER, {"bytes": None}, "Content-Length is larger than what comes: so many bytes, or half of them"
    ),
    "garbage": _Kind(_EITHER, {"code": 200}, "bytes that are not JSON, as application/json"),
    "login_page": _Kind(_EITHER, {"code": 200}, "an HTML page to log in"),
    "redirect": _Kind(_EITHER, {"url": _REQUIRED, "code": 302}, "a redirect to a URL"),
    "echo_key": _Kind(
        _EITHER, {"code": 400, "where": "json"}, "an error that has the key in it: json, html, header or urlencoded"
    ),
    "huge": _Kind(_EITHER, {"megabytes": 50}, "so many megabytes of JSON"),
    "deep": _Kind(_EITHER, {"levels": 100_000}, "JSON nested so deep"),
    "wrong_type": _Kind(
        _AFTER,
        {"path": _REQUIRED, "value": None, "remove": False},
        "one value of the true answer replaced or removed; the path is dotted, * is every element of a list",
    ),
    "replace": _Kind(_EITHER, {"document": _REQUIRED, "code": 200}, "another JSON document as the answer"),
    "list_moved": _Kind(
        _AFTER, {"records": 1}, "a list as if so many records had left at its head (negative: had come); count follows"
    ),
    "list_shuffled": _Kind(_AFTER, {}, "a list in another order"),
    "counter_ahead": _Kind(_AFTER, {"by": 1}, "project_retests_requested says more rounds than the history has"),
    # Of the Events API.
    "cut": _Kind(("during",), {"after": 0}, "the connection is cut after so many events"),
    "silence": _Kind(("during",), {"after": 0}, "after so many events neither an event nor a heartbeat comes"),
    "subscribe_error": _Kind(("during",), {"message": "Injected by the sandbox."}, "subscribing is refused"),
    "subscribe_unanswered": _Kind(("during",), {}, "subscribing gets no answer"),
}
# These are done to the connection, not to the answer.
AT_THE_WIRE = ("refuse", "reset", "close", "hang", "slow", "late_commit", "truncated", "huge")

_BODIES = ("json", "html", "empty", "text")
_PLACES = ("json", "html", "header", "urlencoded")


@dataclasses.dataclass
class Fault:
    """One entry of the script. ``target`` is a text that the request's path has to hold."""

    kind: str
    method: str
    target: str
    times: int
    skip: int
    when: str
    parameters: dict[str, typing.Any]
    fired: int = 0

    def row(self) -> dict[str, typing.Any]:
        """The fault as the control API shows it: ``times`` and ``skip`` are what is left."""
        return {
            "fault": self.kind,
            "method": self.method,
            "target": self.target,
            "times": self.times,
            "skip": self.skip,
            "when": self.when,
            "fired": self.fired,
            **self.parameters,
        }


def read(document: typing.Any) -> list[Fault]:
    """The faults of one description or of a list."""
    rows = document if isinstance(document, list) else [document]
    return [_read_one(row) for row in rows]


def _read_one(row: typing.Any) -> Fault:
    if not isinstance(row, dict):
        raise FaultError("a fault is an object")
    row = dict(row)
    kind = row.pop("fault", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise FaultError(f"fault: {kind!r} is not one of {', '.join(KINDS)}")
    spec = KINDS[kind]
    method = row.pop("method", "now" if kind == "refuse" else events.METHOD if kind in events.KINDS else "*")
    if kind in events.KINDS and method != events.METHOD:
        raise FaultError(f"method: {kind} is done to {events.METHOD} alone")
    if method not in (*NAMES, events.METHOD, "*") and not (kind == "refuse" and method == "now"):
        raise FaultError(f"method: {method!r} is not one of *, {', '.join(NAMES)}, {events.METHOD}")
    times, skip, target = row.pop("times", 1), row.pop("skip", 0), row.pop("target", "")
    if not isinstance(target, str):
        raise FaultError("target: a text is expected")
    if not isinstance(times, int) or isinstance(times, bool) or times == 0 or times < -1:
        raise FaultError("times: a whole number from 1 is expected, or -1 for always")
    if not isinstance(skip, int) or isinstance(skip, bool) or skip < 0:
        raise FaultError("skip: a whole number from 0 is expected")
    when = row.pop("when", spec.when[0])
    if when not in spec.when:
        raise FaultError(f"when: {kind} is always {' or '.join(spec.when)}")
    unknown = set(row) - set(spec.parameters)
    if unknown:
        known = ", ".join(spec.parameters) or "nothing"
        raise FaultError(f"{kind} has no {', '.join(sorted(unknown))}; it has {known}")
    parameters = {**copy.deepcopy({k: v for k, v in spec.parameters.items() if v is not _REQUIRED}), **row}
    for name, default in spec.parameters.items():
        if default is _REQUIRED and name not in parameters:
            raise FaultError(f"{kind} needs {name}")
    _check(kind, parameters)
    return Fault(kind, method, target, times, skip, when, parameters)


def _check(kind: str, parameters: dict[str, typing.Any]) -> None:
    """Every parameter has its type and a sensible size."""
    numbers = {
        "seconds": (float, 0, 3600),
        "megabytes": (float, 0, 2000),
        "levels": (int, 1, 5_000_000),
        "code": (int, 200, 599),
        "bytes": (int, 0, 10**9),
        "after": (int, 0, 10**6),
        "records": (int, -(10**6), 10**6),
        "by": (int, 1, 10**6),
    }
    for name, (number, low, high) in numbers.items():
        value = parameters.get(name)
        if name not in parameters or (name == "bytes" and value is None):
            continue
        if not _is_number(value, number) or not low <= value <= high:
            raise FaultError(f"{name}: a number in {low}..{high} is expected")
    _check_words(kind, parameters)


def _is_number(value: typing.Any, number: type) -> typing.TypeGuard[float]:
    return isinstance(value, (int, float) if number is float else int) and not isinstance(value, bool)


def _check_words(kind: str, parameters: dict[str, typing.Any]) -> None:
    if kind == "status" and parameters["body"] not in _BODIES:
        raise FaultError(f"body: one of {', '.join(_BODIES)} is expected")
    if kind == "echo_key" and parameters["where"] not in _PLACES:
        raise FaultError(f"where: one of {', '.join(_PLACES)} is expected")
    for name in ("message", "url", "path"):
        if name in parameters and not isinstance(parameters[name], str):
            raise FaultError(f"{name}: a string is expected")
    if "headers" in parameters:
        headers = parameters["headers"]
        if not isinstance(headers, dict) or not all(_is_header(*item) for item in headers.items()):
            raise FaultError("headers: an object of strings is expected, without line breaks")
        if {name.lower() for name in headers} & {"content-length", "transfer-encoding"}:
            raise FaultError("headers: for a wrong length use truncated")
    if "url" in parameters and not _is_header("location", parameters["url"]):
        raise FaultError("url: ASCII without line breaks is expected")
    if "remove" in parameters and not isinstance(parameters["remove"], bool):
        raise FaultError("remove: true or false is expected")


def _is_header(name: typing.Any, value: typing.Any) -> bool:
    texts = isinstance(name, str) and isinstance(value, str)
    return texts and name.isascii() and value.isascii() and (name + value).isprintable() and bool(name.strip())


class Script:
    """The faults that wait for their request."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def add(self, faults: list[Fault]) -> None:
        """Put faults at the end of the script."""
        self.faults.extend(faults)

    def clear(self) -> None:
        """No more faults."""
        self.faults.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that strikes this request, if any: the first that matches, has times left and nothing to skip."""
        for fault in self.faults:
            if fault.method not in ("*", method) or fault.target not in path or fault.times == 0:
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            if fault.times > 0:
                fault.times -= 1
            fault.fired += 1
            return fault
        return None


def answer(fault: Fault, key: str, true_answer: Answer | None) -> Answer:
    """The answer that a fault gives; ``true_answer`` is there for faults that strike after."""
    parameters = fault.parameters
    code = parameters.get("code", 200)
    if fault.kind == "status":
        return _status(code, parameters)
    if fault.kind == "garbage":
        return Answer(code, text='\x00\x01{"project": \ufffd <<not json>>')
    if fault.kind == "login_page":
        return Answer(code, text=_LOGIN_PAGE, content_type="text/html; charset=utf-8")
    if fault.kind == "redirect":
        return Answer(code, text="", headers={"Location": parameters["url"]})
    if fault.kind == "echo_key":
        return _echo(code, parameters["where"], key)
    if fault.kind == "deep":
        levels = parameters["levels"]
        return Answer(200, text='{"project":' + "[" * levels + "]" * levels + "}")
    if fault.kind == "replace":
        return Answer(code, parameters["document"])
    if fault.kind == "wrong_type" and true_answer is not None:
        document = copy.deepcopy(true_answer.document)
        document, hits = _replaced(document, parameters["path"].split("."), parameters)
        note = true_answer.note if hits else f"{true_answer.note}; {parameters['path']} is not in the answer"
        return dataclasses.replace(true_answer, document=document, note=note)
    if fault.kind == "counter_ahead" and true_answer is not None:
        return dataclasses.replace(true_answer, document=_counting_more(true_answer.document, parameters["by"]))
    if fault.kind in ("list_moved", "list_shuffled") and true_answer is not None:
        return true_answer  # the list is made so
    raise AssertionError(f"{fault.kind} gives no answer of its own")


def _counting_more(document: typing.Any, by: int) -> typing.Any:
    """A document in which each project counts more rounds than it has."""
    if isinstance(document, list):
        return [_counting_more(item, by) for item in document]
    if not isinstance(document, dict):
        return document
    name = "project_retests_requested"
    copy = {key: _counting_more(value, by) for key, value in document.items()}
    if isinstance(copy.get(name), int):
        copy[name] += by
    return copy


def _status(code: int, parameters: dict[str, typing.Any]) -> Answer:
    message, headers = parameters["message"], parameters["headers"]
    if parameters["body"] == "json":
        return Answer(code, {"message": message}, headers=headers)
    if parameters["body"] == "html":
        page = f"<!DOCTYPE html><html><head><title>{code}</title></head><body><h1>{message}</h1></body></html>"
        return Answer(code, text=page, content_type="text/html; charset=utf-8", headers=headers)
    text = message if parameters["body"] == "text" else ""
    return Answer(code, text=text, content_type="text/plain; charset=utf-8", headers=headers)


def _echo(code: int, where: str, key: str) -> Answer:
    quoted = urllib.parse.quote(key, safe="")
    if where == "json":
        return Answer(code, {"message": f"The key {key} is not valid here.", "key": key})
    if where == "html":
        page = f"<!DOCTYPE html><html><body><p>The key <b>{key}</b> is not valid here.</p></body></html>"
        return Answer(code, text=page, content_type="text/html; charset=utf-8")
    if where == "header":
        return Answer(code, {"message": "Not valid."}, headers={"X-SSAPI-KEY": key, "WWW-Authenticate": f"Key {key}"})
    return Answer(code, {"message": "See Location."}, headers={"Location": f"/login?key={quoted}"})


def _replaced(value: typing.Any, path: list[str], parameters: dict[str, typing.Any]) -> tuple[typing.Any, int]:
    """The value with what the path leads to replaced or removed, and how many places that were."""
    if not path:
        return parameters["value"], 1
    name, rest = path[0], path[1:]
    hits = 0
    if isinstance(value, dict):
        places: list[typing.Any] = [name] if name in value or (not rest and not parameters["remove"]) else []
    elif isinstance(value, list) and name == "*":
        places = list(range(len(value)))
    elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
        places = [int(name)]
    else:
        places = []
    for place in reversed(places):
        if not rest and parameters["remove"]:
            del value[place]
            hits += 1
        else:
            old = value[place] if isinstance(value, list) or place in value else None
            value[place], found = _replaced(old, rest, parameters)
            hits += found
    return value, hits


def huge_chunks(megabytes: float) -> typing.Iterator[bytes]:
    """The body of the fault huge, piece by piece."""
    piece = b"x" * 65_536
    yield b'{"project":{"project_id":"'
    for _number in range(int(megabytes * 16)):
        yield piece
    yield b'"}}'


_LOGIN_PAGE = """<!DOCTYPE html>
<html><head><title>Sign in</title></head>
<body><h1>Sign in</h1><form method="post" action="/login"><input name="username"><input name="password" type="password">
<button>Sign in</button></form></body></html>
"""
