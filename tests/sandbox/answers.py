# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers, and the errors of the service.

Everything in this module is INVENTED: the codes and bodies of 400, 401, 403, 404 and 409 are documented nowhere. That
is why the switches error_shape, bad_key_code, no_grant_code, invalid_code and not_visible_code exist. Nothing may
depend on the words.
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


class Refusal(Exception):
    """The service does not do what it was asked."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def answer(self, switches: Switches) -> Answer:
        """The refusal in the shape that the switch error_shape says."""
        shape = switches.error_shape
        note = f"refused: {self.message}"
        if shape == "text":
            return Answer(self.status, text=self.message, content_type="text/plain; charset=utf-8", note=note)
        if shape == "html":
            page = f"<!DOCTYPE html><html><body><h1>Error</h1><p>{html.escape(self.message)}</p></body></html>"
            return Answer(self.status, text=page, content_type="text/html; charset=utf-8", note=note)
        if shape == "empty":
            return Answer(self.status, text="", note=note)
        return Answer(self.status, {shape: self.message}, note=note)


def bad_key(switches: Switches) -> Refusal:
    """No key, or one that nobody has."""
    return Refusal(int(switches.bad_key_code), "Invalid API key.")


def no_grant(switches: Switches, method: str) -> Refusal:
    """The key exists, but an administrator has not granted this method."""
    return Refusal(int(switches.no_grant_code), f"You do not have access to {method}.")


def no_access(switches: Switches, access: str) -> Refusal:
    """The user's access to the project is not enough."""
    return Refusal(int(switches.no_grant_code), f"This needs {access} access to the project.")


def not_visible(switches: Switches) -> Refusal:
    """A project that the key's user cannot see."""
    code = int(switches.not_visible_code)
    return Refusal(code, "Project not found." if code == 404 else "You do not have access to this project.")


def invalid(switches: Switches, message: str) -> Refusal:
    """A body or a query that is wrong."""
    return Refusal(int(switches.invalid_code), message)


def not_found(what: str) -> Refusal:
    """An id or a path that does not exist."""
    return Refusal(404, f"{what} not found.")


def conflict(message: str) -> Refusal:
    """What the present state does not allow."""
    return Refusal(409, message)
