# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The log of all requests, for tests and for the terminal. A key never gets into it, wherever a client put it."""

from __future__ import annotations

import collections
import json
import sys
import time
import typing
import urllib.parse

from . import dates

_LIMIT = 20_000
_HIDDEN = "<key>"
_COLOURS = {2: "32", 3: "36", 4: "33", 5: "31"}


def hide(text: str, secrets: typing.Iterable[str]) -> str:
    """The text without any of the keys, spelled as they are or URL-encoded."""
    for secret in secrets:
        for spelling in (secret, urllib.parse.quote(secret, safe="")):
            if spelling and spelling in text:
                text = text.replace(spelling, _HIDDEN)
    return text


def _query(query: list[tuple[str, str]], secrets: list[str]) -> dict[str, str | list[str]]:
    """The parameters of a query: a text, or a list of texts if one is there several times."""
    values: dict[str, list[str]] = {}
    for name, value in query:
        values.setdefault(hide(name, secrets), []).append(hide(value, secrets))
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


class Journal:
    """All requests to the API, oldest first. Entries are plain dicts: they are filled in while a request goes on."""

    def __init__(self, quiet: bool = False, stream: typing.TextIO | None = None) -> None:
        self.entries: collections.deque[dict[str, typing.Any]] = collections.deque(maxlen=_LIMIT)
        self._number = 0
        self._quiet = quiet
        self._stream = stream or sys.stdout
        self._colour = self._stream.isatty()

    def clear(self) -> None:
        """Forget all entries; the numbers go on."""
        self.entries.clear()

    def begin(
        self,
        method: str | None,
        http: str,
        path: str,
        query: list[tuple[str, str]],
        headers: list[tuple[str, str]],
        body: bytes,
        label: str | None,
        secrets: list[str],
    ) -> dict[str, typing.Any]:
        """A request has arrived. ``secrets`` are all keys, and what this request gave as its key."""
        elsewhere = [
            f"header {name}" for name, value in headers if name != "x-ssapi-key" and hide(value, secrets) != value
        ]
        raw = body.decode("utf-8", "replace")
        if hide(raw, secrets) != raw:
            elsewhere.append("body")
        query_text = urllib.parse.urlencode(query)
        if hide(path, secrets) != path or hide(query_text, secrets) != query_text:
            elsewhere.append("url")
        raw = hide(raw, secrets)
        try:
            document = json.loads(raw) if raw else None
        except (ValueError, RecursionError):
            document = None
        self._number += 1
        entry = {
            "n": self._number,
            "time": dates.show(dates.now()),
            "method": method,
            "http": http,
            "path": hide(path, secrets),
            "query": _query(query, secrets),
            "body": document,
            "raw_body": raw if raw and document is None else None,
            "key": label,
            "headers": {name: hide(value, secrets) for name, value in headers if name != "x-ssapi-key"},
            "header_names": [name for name, _value in headers],
            "key_header": any(name == "x-ssapi-key" for name, _value in headers),
            "key_elsewhere": elsewhere,
            "status": None,
            "fault": None,
            "cached": False,
            "committed": False,
            "seconds": None,
            "note": "",
            "_begun": time.monotonic(),
        }
        self.entries.append(entry)
        return entry

    def end(self, entry: dict[str, typing.Any], status: int | None, note: str) -> None:
        """A request was answered, with this code, or was left without an answer."""
        entry["status"] = status
        entry["note"] = note
        entry["seconds"] = round(time.monotonic() - entry["_begun"], 4)
        if not self._quiet:
            self._print(entry)

    def rows(self) -> list[dict[str, typing.Any]]:
        """The entries as the control API gives them."""
        return [{name: value for name, value in entry.items() if name[0] != "_"} for entry in self.entries]

    def say(self, text: str) -> None:
        """A line on the terminal for something that is not a request to the API."""
        if self._quiet:
            return
        try:
            print(f"{time.strftime('%H:%M:%S')}  {text}", file=self._stream, flush=True)
        except BrokenPipeError:
            # Whoever read the output has gone; the sandbox goes on.
            self._quiet = True

    def _print(self, entry: dict[str, typing.Any]) -> None:
        status = "---" if entry["status"] is None else str(entry["status"])
        if self._colour:
            status = f"\x1b[{_COLOURS.get((entry['status'] or 500) // 100, '0')}m{status}\x1b[0m"
        what = entry["method"] or f"{entry['http']} {entry['path']:.60}"
        fault = f"  [fault: {entry['fault']}]" if entry["fault"] else ""
        label = entry["key"] or "no key"
        self.say(f"{label:<14} {_plain(what):<30} {status}  {_plain(entry['note'])}{fault}")


def _plain(text: str) -> str:
    """What a client sends must not steer the terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)
