# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a request says: strict bodies, strict queries. Whatever is wrong becomes a refusal with a code of 400 or 422."""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing

from . import dates
from .answers import Refusal, invalid
from .switches import Switches
from .world import Key


@dataclasses.dataclass
class Call:
    """One request to the API, after its key was accepted."""

    switches: Switches
    key: Key
    path: dict[str, str]
    query: list[tuple[str, str]]
    raw_body: bytes
    headers: dict[str, str]

    def refuse(self, message: str) -> Refusal:
        """The refusal of something that is wrong in this request."""
        return invalid(self.switches, message)

    def empty_body(self) -> None:
        """No body is expected; an empty object is let pass."""
        if self.raw_body.strip() and self._json() != {}:
            raise self.refuse("No body is expected.")

    def body(self, **kinds: type) -> dict[str, typing.Any]:
        """The JSON object of the body, with no other keys than these, each of its type."""
        document = self._json()
        if not isinstance(document, dict):
            raise self.refuse("The body must be a JSON object.")
        for name, value in document.items():
            if name not in kinds:
                raise self.refuse(f"Unknown key {name!r:.60}.")
            if not isinstance(value, kinds[name]):
                raise self.refuse(f"{name} has the wrong type.")
        return document

    def _json(self) -> typing.Any:
        content_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            raise self.refuse("Content-Type must be application/json.")
        try:
            return json.loads(self.raw_body)
        except (ValueError, RecursionError):
            raise self.refuse("The body is not JSON.") from None

    def instant(self, document: dict[str, typing.Any], name: str) -> datetime.datetime | None:
        """A date of the body."""
        if name not in document:
            return None
        try:
            return dates.parse(document[name])
        except ValueError:
            raise self.refuse(f"{name} is not an ISO 8601 date.") from None

    def parameters(self, *names: str) -> dict[str, str]:
        """The query parameters, each at most once and, unless the switch says otherwise, no others."""
        found: dict[str, str] = {}
        for name, value in self.query:
            if name not in names:
                if self.switches.unknown_query == "ignored":
                    continue
                raise self.refuse(f"Unknown query parameter {name!r:.60}.")
            if name in found:
                raise self.refuse(f"{name} is there twice.")
            found[name] = value
        return found

    def whole_number(self, parameters: dict[str, str], name: str, default: int, low: int) -> int:
        """A number of the query."""
        text = parameters.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= low):
            raise self.refuse(f"{name} must be a whole number from {low}.")
        return int(text)

    def date_parameter(self, parameters: dict[str, str], name: str) -> datetime.datetime | None:
        """A date of the query."""
        try:
            return dates.parse(parameters[name]) if name in parameters else None
        except ValueError:
            raise self.refuse(f"{name} is not an ISO 8601 date.") from None
