# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a request says: strict bodies, strict queries. All that is wrong becomes one refusal, with a detail for each."""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing

from . import dates
from .answers import Detail, Refusal, invalid
from .methods import Method
from .switches import Switches
from .world import Key

_BOOLEANS = {"true": True, "false": False}
_TYPE_NAMES = {str: "a string", list: "an array", dict: "an object", bool: "a boolean", int: "a number"}


@dataclasses.dataclass
class Call:
    """One request to the API, after its key was accepted. ``parameters`` and ``repeated`` are those of its query."""

    switches: Switches
    method: Method
    key: Key
    path: dict[str, str]
    query: list[tuple[str, str]]
    raw_body: bytes
    headers: dict[str, str]
    # A record so many places off, as if records had left (or, negative, come) at the head of the list.
    shifted: int = 0
    shuffled: bool = False
    parameters: dict[str, str] = dataclasses.field(default_factory=dict)
    repeated: dict[str, list[str]] = dataclasses.field(default_factory=dict)

    def refuse(self, info: str, *path: str | int) -> Refusal:
        """The refusal of something that is wrong in this request."""
        return invalid(self.switches, [Detail(path or ("body",), info)])

    # The query

    def read_query(self) -> None:
        """Each documented parameter, and unless the switch says otherwise no others."""
        wrong = []
        refused = self.switches.cf_key_lists == "refused"
        for name, value in self.query:
            if name in self.method.repeated and not (refused and "cf_key" in name):
                self.repeated.setdefault(name, []).append(value)
            elif self._loosely_named and name == "projectId":
                self.parameters[name] = value
            elif name not in self.method.parameters:
                if self.switches.unknown_query == "refused":
                    wrong.append(Detail(("query", name[:60]), "is not a parameter of this method"))
            elif name in self.parameters:
                wrong.append(Detail(("query", name), "must not be there twice"))
            else:
                self.parameters[name] = value
        if wrong:
            raise invalid(self.switches, wrong)

    def whole_number(self, name: str, default: int, low: int) -> int:
        """A number of the query."""
        text = self.parameters.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= low):
            raise self.refuse(f"must be an integer from {low}", "query", name)
        return int(text)

    def flag(self, name: str) -> bool:
        """A boolean of the query."""
        text = self.parameters.get(name, "false").lower()
        if text not in _BOOLEANS:
            raise self.refuse("must be true or false", "query", name)
        return _BOOLEANS[text]

    def one_of(self, name: str, choices: typing.Sequence[str]) -> str | None:
        """A word of the query."""
        value = self.parameters.get(name)
        if value is not None and value not in choices:
            raise self.refuse(f"must be one of {', '.join(choices)}", "query", name)
        return value

    def date_parameter(self, name: str) -> datetime.datetime | None:
        """A date of the query."""
        try:
            return dates.parse(self.parameters[name]) if name in self.parameters else None
        except ValueError:
            raise self.refuse("must be ISO8601", "query", name) from None

    # The body

    def empty_body(self) -> None:
        """No body is expected; an empty object is let pass."""
        if self.raw_body.strip() and self._json() != {}:
            raise self.refuse("must be empty", "body")

    def body(self, **kinds: type) -> dict[str, typing.Any]:
        """The JSON object of the body, with no other keys than these, each of its type."""
        document = self._json()
        if not isinstance(document, dict):
            raise self.refuse("must be an object", "body")
        if self._loosely_named:
            self._rename_project(document)
        wrong = []
        for name, value in document.items():
            kind = kinds.get(name)
            if kind is None:
                wrong.append(Detail(("body", name[:60]), "is not a key of this method"))
            elif not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                wrong.append(Detail(("body", name), f"must be {_TYPE_NAMES[kind]}"))
        if wrong:
            raise invalid(self.switches, wrong)
        return document

    @property
    def _loosely_named(self) -> bool:
        return self.method.names_project and self.switches.project_id_forms == "any"

    def _rename_project(self, document: dict[str, typing.Any]) -> None:
        """What other clients call the project, as the documentation calls it."""
        for given in (document.pop("project_id", None), self.parameters.get("projectId")):
            if given is not None:
                document.setdefault("projectId", given)

    def _json(self) -> typing.Any:
        content_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            raise self.refuse("must be application/json", "headers", "content-type")
        try:
            return json.loads(self.raw_body)
        except (ValueError, RecursionError):
            raise self.refuse("is not JSON", "body") from None

    def instant(self, document: dict[str, typing.Any], name: str) -> datetime.datetime | None:
        """A date of the body."""
        if name not in document:
            return None
        try:
            return dates.parse(document[name])
        except ValueError:
            raise self.refuse("must be ISO8601", "body", name) from None
