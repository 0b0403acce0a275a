# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times: ISO 8601 in, the service's own spelling out, and the relative forms that seeds use."""

from __future__ import annotations

import calendar
import datetime
import re

_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s*(Z|z|[+-]\d{2}:?\d{2})?)?"
)
_RELATIVE = re.compile(r"([+-])\s*(\d{1,6})\s*(second|minute|hour|day|week|month|year)s?")
_MODIFIER = re.compile(r"([+-]\d{1,6}) (minute|hour|day|month|year)s?")
_SHORT = re.compile(r"([+-])(\d{1,6})([mhdw])")
_SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86400,
    "week": 604800,
    "month": 30 * 86400,
    "year": 365 * 86400,
    "m": 60,
    "h": 3600,
    "d": 86400,
    "w": 604800,
}


def now() -> datetime.datetime:
    """The present instant, in whole milliseconds as the service writes it."""
    instant = datetime.datetime.now(datetime.timezone.utc)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def parse(text: str) -> datetime.datetime:
    """ISO 8601 (a date, or a date with a time; without an offset it is UTC) as an instant, else a ValueError."""
    match = _ISO.fullmatch(text.strip()) if isinstance(text, str) else None
    if not match:
        raise ValueError(f"{text!r} is not an ISO 8601 date")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    zone = datetime.timezone.utc
    if offset and offset not in "Zz":
        digits = offset[1:].replace(":", "")
        delta = datetime.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        zone = datetime.timezone(-delta if offset[0] == "-" else delta)
    instant = datetime.datetime(
        int(year),
        int(month),
        int(day),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        int((fraction or "0").ljust(6, "0")[:6]),
        zone,
    )
    try:
        return instant.astimezone(datetime.timezone.utc)
    except OverflowError:
        raise ValueError(f"{text!r} is out of range") from None


def shift(instant: datetime.datetime, modifier: str) -> datetime.datetime:
    """An instant moved by ``-7 days``, ``+2 weeks``, ...; a month is 30 days and a year 365. Else a ValueError."""
    match = _RELATIVE.fullmatch(modifier.strip()) or _SHORT.fullmatch(modifier.strip())
    if not match:
        raise ValueError(f"{modifier!r} is not of the form '-7 days'")
    sign, number, unit = match.groups()
    try:
        return instant + datetime.timedelta(seconds=int(sign + number) * _SECONDS[unit])
    except OverflowError:
        raise ValueError(f"{modifier!r} is out of range") from None


def modify(instant: datetime.datetime, modifier: str) -> datetime.datetime:
    """An instant moved by a modifier of ``datetime`` in q: ``-7 days``, ``start of month``, ... Else a ValueError."""
    midnight = instant.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = {"day": midnight, "month": midnight.replace(day=1), "year": midnight.replace(day=1, month=1)}
    if modifier.startswith("start of ") and modifier[9:] in starts:
        return starts[modifier[9:]]
    match = _MODIFIER.fullmatch(modifier)
    if not match:
        raise ValueError(f"{modifier!r} is neither of the form '-7 days' nor 'start of month'")
    number, unit = int(match.group(1)), match.group(2)
    try:
        if unit in ("month", "year"):
            return _move_months(instant, number * (12 if unit == "year" else 1))
        return instant + datetime.timedelta(seconds=number * _SECONDS[unit])
    except (OverflowError, ValueError):
        raise ValueError(f"{modifier!r} is out of range") from None


def _move_months(instant: datetime.datetime, months: int) -> datetime.datetime:
    """The same day of another month, or its last day where that is shorter."""
    year, month = divmod(instant.year * 12 + instant.month - 1 + months, 12)
    day = min(instant.day, calendar.monthrange(year, month + 1)[1])
    return instant.replace(year=year, month=month + 1, day=day)


def parse_seed(text: str, start: datetime.datetime) -> datetime.datetime:
    """A time in a seed: ISO 8601, ``now``, or relative to the start of the sandbox (``-45d``, ``+12h``)."""
    if text == "now":
        return start
    if text[:1] in ("+", "-"):
        return shift(start, text)
    return parse(text)


def show(instant: datetime.datetime, form: str = "documented") -> str:
    """An instant in the spelling of the service; ``form`` is a value of the switch window_format."""
    if form == "offset":
        local = instant.astimezone(datetime.timezone(datetime.timedelta(hours=2)))
        return local.isoformat(timespec="milliseconds")
    utc = instant.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return utc.isoformat(timespec="seconds" if form == "no_millis" else "milliseconds") + "Z"
