# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Writes on single findings, which several operations share: a note, then a status, each looked at directly before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from .._client import Client
from .._errors import FateUnknown, SSAPIError
from .._plan import Change, Marking, change_of, is_made
from .._retry import RETRIED_READ, RETRIED_WRITE
from .._search import read_vulnerability
from .._vulnerabilities import CLOSED, WRITTEN, Finding, Note

T = TypeVar("T")


class Written(NamedTuple):
    """What was done to a finding, and what the service said. ``closed`` where somebody closed it meanwhile."""

    finding: Finding  # as it is now
    noted: bool = False
    marked: bool = False
    closed: bool = False
    words: tuple[str, ...] = ()


def write_finding(
    client: Client,
    project_id: str,
    marking: Marking,
    planned: Finding,
    done: Callable[[Written], None],
    read: bool = True,
    status_first: bool = False,
) -> Written:
    """Note a finding and set its status, as far as that is still needed. ``done`` is called after each write.

    The note comes first, so that a tester who sees a finding become ready sees why; ``status_first`` turns that round.
    A finding that was closed since it was planned is left alone. ``read`` False saves the look before, where a note is
    all that is written.
    """
    current = (read_vulnerability(client, project_id, planned.id) if read else None) or planned
    written = Written(current, closed=current.status == CLOSED and planned.status != CLOSED)
    change = change_of(marking, current)
    writes = [_add_note] if change.note is not None else []
    writes += [_set_status] if change.status is not None else []
    for write in reversed(writes) if status_first else writes:
        if written.closed:
            break
        written = write(client, project_id, marking, change, written)
        done(written)
    return written


def _add_note(client: Client, project_id: str, marking: Marking, change: Change, written: Written) -> Written:
    text = change.note or ""
    change = change._replace(status=None)
    words, seen = send(
        client,
        lambda: client.create_remediation_note(project_id, change.finding.id, text, marking.note_type),
        lambda reader: _seen(reader, project_id, change),
        repeatable=False,
    )
    if seen is None:
        notes = (*(written.finding.notes or ()), Note(None, text))
        return written._replace(finding=written.finding._replace(notes=notes), noted=True, words=written.words + words)
    return written._replace(finding=seen, noted=_is_made(change, seen), closed=_is_overtaken(change, seen))


def _set_status(client: Client, project_id: str, marking: Marking, change: Change, written: Written) -> Written:
    change = change._replace(note=None)
    words, seen = send(
        client,
        lambda: client.update_vulnerability(project_id, change.finding.id, WRITTEN[change.status or ""]),
        lambda reader: _seen(reader, project_id, change),
        repeatable=True,
    )
    if seen is None:
        finding = written.finding._replace(status=change.status)
        return written._replace(finding=finding, marked=True, words=written.words + words)
    return written._replace(finding=seen, marked=_is_made(change, seen), closed=_is_overtaken(change, seen))


def _seen(client: Client, project_id: str, change: Change) -> Finding | None:
    """The finding as it is now, if a change need not be sent again: it is made, or somebody has closed the finding."""
    finding = read_vulnerability(client, project_id, change.finding.id)
    if finding is None or not (_is_made(change, finding) or _is_overtaken(change, finding)):
        return None
    return finding


def _is_made(change: Change, finding: Finding) -> bool:
    return is_made(change, {finding.id: finding})


def _is_overtaken(change: Change, finding: Finding) -> bool:
    return finding.status == CLOSED and CLOSED not in (change.status, change.finding.status)


def send(
    client: Client, call: Callable[[], dict[str, Any]], check: Callable[[Client], T | None], repeatable: bool
) -> tuple[tuple[str, ...], T | None]:
    """Send a write, and look directly before it is sent again. Returns (the service's words, what a look has seen).

    ``check`` returns what it sees where the write need not be sent again, or None. A write that is not ``repeatable``,
    such as a note, is sent again only if it certainly was not processed.
    """
    lost = False  # whether an attempt was made whose effect may still come
    for attempt in client.attempts(RETRIED_READ if repeatable else RETRIED_WRITE):
        with attempt:
            seen = client.check_once(check)[0] if attempt.number else None
            if seen is not None:
                return (), seen
            try:
                words = client.words(call())
                return ((words,) if words else ()), None
            except SSAPIError as failure:
                lost = lost or isinstance(failure, FateUnknown)
                if lost:
                    seen, _error = client.check_once(check) if repeatable else client.poll(check)
                    if seen is not None:
                        return (), seen
                    failure.facts["fate"] = "unknown"
                    failure.message += " It is not known whether that was done."
                raise
    raise AssertionError("the last attempt returns or raises")
