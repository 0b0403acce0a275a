# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers, and the errors of the service.

The codes and bodies of 400, 401, 403, 404 and 409 are documented nowhere, so the words here are made up, and nothing
may depend on them. The switches error_shape, validation_shape, bad_key_code, no_grant_code, invalid_code and
not_visible_code have the possibilities. Of 400, the code VALIDATION_FAILED and ``details`` of ``{path, info}`` were
seen on a live tenant.
"""

from __future__ import annotations

import dataclasses
import html
import json
import typing

from .switches import Switches


@dataclasses.dataclass
class Answer:
    """An answer before it goes to the wire: ``document`` is JSON unless ``text`` is given. ``note`` is for the log."""

    status: int
    document: typing.Any = None
    text: str | None = None
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    note: str = ""

    def body(self) -> bytes:
        """The bytes of the body."""
        if self.text is not None:
            return self.text.encode("utf-8", "replace")
        return json.dumps(self.document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


@dataclasses.dataclass(frozen=True)
class Detail:
    """One thing that is wrong in a request: where, as the way through the request, and what."""

    path: tuple[str | int, ...]
    info: str


class Refusal(Exception):
    """The service does not do what it was asked. ``details`` are there if the request is not valid."""

    def __init__(self, status: int, message: str, details: typing.Sequence[Detail] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = tuple(details)

    def answer(self, switches: Switches) -> Answer:
        """The refusal in the shape that the switches say."""
        note = f"refused: {self.message}"
        if self.details and switches.validation_shape != "as_other_errors":
            return Answer(self.status, self._validation_document(switches), note=note)
        shape = switches.error_shape
        if shape == "text":
            return Answer(self.status, text=self.message, content_type="text/plain; charset=utf-8", note=note)
        if shape == "html":
            page = f"<!DOCTYPE html><html><body><h1>Error</h1><p>{html.escape(self.message)}</p></body></html>"
            return Answer(self.status, text=page, content_type="text/html; charset=utf-8", note=note)
        if shape == "empty":
            return Answer(self.status, text="", note=note)
        document = {"error": {"message": self.message}} if shape == "nested" else {shape: self.message}
        return Answer(self.status, document, note=note)

    def _validation_document(self, switches: Switches) -> dict[str, typing.Any]:
        as_list = switches.validation_path == "list"
        details = [
            {"path": list(item.path) if as_list else ".".join(map(str, item.path)), "info": item.info}
            for item in self.details
        ]
        code, message = "VALIDATION_FAILED", "Request validation failed"
        documents: dict[str, dict[str, typing.Any]] = {
            "details": {"code": code, "message": message, "error": {"details": details}},
            "bare": {"code": code, "error": {"details": details}},
            "nested": {"error": {"code": code, "message": message, "details": details}},
            "flat": {"code": code, "message": message, "details": details},
        }
        return documents[switches.validation_shape]


def bad_key(switches: Switches) -> Refusal:
    """No key, or one that nobody has."""
    return Refusal(int(switches.bad_key_code), "Invalid API key.")


def no_grant(switches: Switches, method: str) -> Refusal:
    """The key exists, but an administrator has not granted this method."""
    return _forbidden(switches, f"You do not have access to {method}.")


def no_access(switches: Switches, level: str) -> Refusal:
    """The user's access to the project is not enough."""
    return _forbidden(switches, f"This needs {level.capitalize()} access to the project.")


def no_retesting(switches: Switches, cause: str) -> Refusal:
    """The project lets others use retesting, but not this user."""
    return _forbidden(switches, f"Retesting of this project is not for {cause}.")


def _forbidden(switches: Switches, cause: str) -> Refusal:
    """The refusal of somebody who is known."""
    return Refusal(int(switches.no_grant_code), cause if switches.refusal_text == "cause" else "Forbidden")


def not_visible(switches: Switches) -> Refusal:
    """A project that the key's user cannot see."""
    code = int(switches.not_visible_code)
    return Refusal(code, "Project not found." if code == 404 else "You do not have access to this project.")


def invalid(switches: Switches, details: typing.Sequence[Detail]) -> Refusal:
    """A body or a query that is wrong."""
    message = "; ".join(f"{'.'.join(map(str, item.path))}: {item.info}" for item in details)
    return Refusal(int(switches.invalid_code), message, details)


def not_found(what: str) -> Refusal:
    """An id or a path that does not exist."""
    return Refusal(404, f"{what} not found.")


def conflict(message: str) -> Refusal:
    """What the present state does not allow."""
    return Refusal(409, message)
