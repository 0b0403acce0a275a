# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Instants and windows: what people write, what the service writes, what is sent.

Pure. An instant is an aware datetime in UTC with whole milliseconds, which is as fine as the service writes it.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

FORMS = "an ISO 8601 date or time such as 2026-12-01T08:00:00Z or 2026-12-01"

_INSTANT = re.compile(
    r"""
    (?P<year>[0-9]{4}) (?P<dash>-?) (?P<month>[0-9]{2}) (?P=dash) (?P<day>[0-9]{2})
    (?: (?:[Tt]|[ ]+)
        (?P<hour>[0-9]{2})
        (?: :? (?P<minute>[0-9]{2}) (?: :? (?P<second>[0-9]{2}) (?: [.,] (?P<fraction>[0-9]+) )? )? )?
        [ ]* (?: (?P<utc>[Zz]) | (?P<sign>[+-]) (?P<zone_hours>[0-9]{2}) :? (?P<zone_minutes>[0-9]{2})? )?
    )?
    """,
    re.VERBOSE,
)
_SPAN = re.compile(r"\+\s*([0-9]+)\s*([hdw])", re.IGNORECASE)
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


class Window(NamedTuple):
    """When a round is to be tested. A bound that was counted from the present moment is not ``fixed``: it comes out
    differently at each run, so it says nothing about whether the window was changed."""

    start: datetime
    end: datetime | None
    start_fixed: bool = True
    end_fixed: bool = True

    def differs_from(self, start: datetime | None, end: datetime | None) -> bool:
        """Whether a round with these bounds (None: not known) has another window than this one."""
        return _differs(self.start, self.start_fixed, start) or _differs(self.end, self.end_fixed, end)


def _differs(declared: datetime | None, fixed: bool, present: datetime | None) -> bool:
    return fixed and None not in (declared, present) and declared != present


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 date or time. No offset means UTC, no time means midnight. Raises ValueError."""
    match = _INSTANT.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not {FORMS}")
    part = match.groupdict(default="")
    milliseconds = int(part["fraction"][:3].ljust(3, "0"))
    if int(part["zone_minutes"] or 0) > 59:
        raise ValueError(f"{text!r} has an offset from UTC that does not exist")
    offset = timedelta(hours=int(part["zone_hours"] or 0), minutes=int(part["zone_minutes"] or 0))
    try:
        local = datetime(
            int(part["year"]),
            int(part["month"]),
            int(part["day"]),
            int(part["hour"] or 0),
            int(part["minute"] or 0),
            int(part["second"] or 0),
            milliseconds * 1000,
            timezone(-offset if part["sign"] == "-" else offset),
        )
        return local.astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a date in the calendar ({error})") from None


def format_instant(instant: datetime | None) -> str | None:
    """Write an instant as the service does: ``2026-12-01T00:00:00.000Z``. None stays None."""
    if instant is None:
        return None
    return instant.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def window_text(start: datetime | None, end: datetime | None) -> str:
    """A window for people."""
    return f"{format_instant(start) or 'no start'} to {format_instant(end) or 'no end'}"


def present() -> datetime:
    """The present moment, in whole milliseconds."""
    now = datetime.now(timezone.utc)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def parse_start(text: str, now: datetime) -> tuple[datetime, bool]:
    """Read the start of a window: ``now``, ``+2d`` (from now), or an instant. Returns (instant, fixed)."""
    if text.strip().lower() == "now":
        return now, False
    span = _parse_span(text)
    if span is not None:
        return _add(now, span, text), False
    return _parse_fixed(text, f"neither {FORMS}, nor now, nor a span such as +12h, +2d or +1w"), True


def parse_end(text: str, start: datetime | None, start_fixed: bool) -> tuple[datetime | None, bool]:
    """Read the end of a window: ``+1w`` (from the start), or an instant. Returns (instant, fixed).

    The instant is None where it counts from a start that could not be read.
    """
    span = _parse_span(text)
    if span is None:
        return _parse_fixed(text, f"neither {FORMS}, nor a span from the start such as +12h, +2d or +1w"), True
    return None if start is None else _add(start, span, text), start_fixed


def _parse_span(text: str) -> timedelta | None:
    match = _SPAN.fullmatch(text.strip())
    if not match:
        return None
    try:
        return timedelta(**{_UNITS[match.group(2).lower()]: int(match.group(1))})
    except OverflowError:
        raise ValueError(f"{text!r} is too far away") from None


def _add(instant: datetime, span: timedelta, text: str) -> datetime:
    try:
        return instant + span
    except OverflowError:
        raise ValueError(f"{text!r} is too far away") from None


def _parse_fixed(text: str, otherwise: str) -> datetime:
    if not _INSTANT.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is {otherwise}")
    return parse_instant(text)
