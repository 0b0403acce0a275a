# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Findings, rows and rounds in few words, for tests of what is decided without the service."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.attackforge.retest.plugins.module_utils._plan import Desired
from ansible_collections.attackforge.retest.plugins.module_utils._rounds import REQUESTED, Round, Row
from ansible_collections.attackforge.retest.plugins.module_utils._vulnerabilities import Finding, Note
from ansible_collections.attackforge.retest.plugins.module_utils._windows import Window

PROJECT = "66333e1d110ab5acf8a4354e"
START = datetime(2026, 12, 1, tzinfo=timezone.utc)
END = START + timedelta(7)
LATER = START + timedelta(30)
A, B, C, D = IDS = tuple(f"{letter}" * 24 for letter in "abcd")
NAMES = {one: f"WEB-{number}" for number, one in enumerate(IDS, 1)}


def finding(one: str, status: str | None = None, *notes: str, **more: Any) -> Finding:
    """A finding with the texts of its notes."""
    written = tuple(Note(None, text) for text in notes)
    return Finding(one, NAMES[one], f"Title of {NAMES[one]}", status, notes=written or None, **more)


def scope_of(ids: Any) -> tuple[Finding, ...] | None:
    return None if ids is None else tuple(finding(one) for one in ids)


def a_round(
    number: int | None,
    ids: Any,
    status: str = REQUESTED,
    start: datetime | None = START,
    end: datetime | None = END,
    retested: Any = (),
) -> Round:
    return Round(number, status, start, end, scope_of(ids), frozenset(retested))


def row(
    number: int,
    status: str,
    ids: Any = None,
    start: datetime | None = None,
    end: datetime | None = None,
    retested: Any = (),
    id: str | None = None,
) -> Row:
    return Row(number, status, start, end, scope_of(ids), scope_of(retested) or (), id)


def desired(*ids: str, start: datetime = START, end: datetime | None = END, **more: Any) -> Desired:
    return Desired(ids, Window(start, end), **more)
