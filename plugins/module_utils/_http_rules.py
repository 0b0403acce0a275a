# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""What an HTTP answer means, how long to wait before a retry, and the service's own words in an answer.

Pure. Modules and event sources share it. The codes of the service are not documented, so each is read by what can have
happened: certainly nothing (`NotProcessed`, `Refused`) or perhaps something (`FateUnknown`).
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from ._errors import FateUnknown, NotProcessed, Refused, SSAPIError

MAX_RETRY_AFTER = 60.0  # seconds, whatever Retry-After asks for
EXCERPT = 200  # characters
WORDS = ("message", "error", "detail", "status")  # where an answer holds the service's own words

_RATE_LIMITED = 429
_RETRIED_4XX = (408, 425)
_REJECTED = (400, 409, 422)


def is_rejection(error: SSAPIError) -> bool:
    """Whether the service understood a request and rejected its content."""
    return isinstance(error, Refused) and error.http_status in _REJECTED


def error_of(method: str, status: int, words: str | None, retry_after: float | None = None) -> SSAPIError:
    """The error that an HTTP status other than 2xx is. ``words`` is what the service said, without the key."""
    what = f"{method}: HTTP {status}{f': {words}' if words else ''}".rstrip(".") + "."
    facts: dict[str, Any] = dict(method=method, http_status=status, detail=words, retry_after=retry_after)
    if status == _RATE_LIMITED:
        return NotProcessed(f"{what} The service limits the rate of requests. Try later, or raise retries.", **facts)
    if status < 200 or status >= 500 or status in _RETRIED_4XX:
        return FateUnknown(what, **facts)
    return Refused(what + _ADVICE.get(status, "").format(method=method), **facts)


_ACCESS = (
    " There are three possible causes: the key is wrong; {method} is not granted to the key's user (an administrator "
    "of AttackForge grants access method by method); or that user's access level or role in the project does not allow "
    "it."
)
_ADVICE = {
    401: _ACCESS,
    403: _ACCESS,
    404: " It does not exist, or the key's user cannot see it. Check the ids and base_url.",
}


def retry_after_of(text: str | None, now: datetime | None = None) -> float | None:
    """Read Retry-After, seconds or a date. Returns seconds between 0 and `MAX_RETRY_AFTER`, or None."""
    text = (text or "").strip()
    try:
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
            seconds = float(text)
        else:
            date = parsedate_to_datetime(text)
            date = date if date.tzinfo else date.replace(tzinfo=timezone.utc)
            seconds = (date - (now or datetime.now(timezone.utc))).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def backoff(attempt: int, retry_after: float | None, jitter: float, first: float = 0.5, most: float = 8.0) -> float:
    """Seconds to wait before the next attempt: ``first``, doubled each time, up to ``most``; at least what was asked.

    ``attempt`` counts from 0. ``jitter``, between 0.5 and 1, shortens the pause, so that clients do not come in step.
    """
    pause: float = min(most, first * 2 ** min(attempt, 16)) * jitter
    return max(retry_after or 0.0, pause)


def words_of(answer: Any, depth: int = 3) -> str | None:
    """The service's own words in a JSON answer, or None, with the details of a validation error where there are any."""
    words = _words(answer, depth)
    details = [line for line in _validation_details(answer) if line not in (words or "")]
    if not details:
        return words
    return f"{(words or 'Validation failed').rstrip('.')}: {'; '.join(details)}"


def _words(answer: Any, depth: int) -> str | None:
    if isinstance(answer, str):
        return answer.strip() or None
    if isinstance(answer, dict) and depth:
        for key in WORDS:
            words = _words(answer.get(key), depth - 1)
            if words:
                return words
    return None


def _validation_details(answer: Any, depth: int = 6) -> list[str]:
    """The entries ``{path, info}`` of ``details[]``, wherever an answer nests them. Returns ``path: info`` each."""
    if isinstance(answer, list):
        return [line for entry in answer for line in _validation_details(entry, depth - 1)] if depth else []
    if not isinstance(answer, dict) or not depth:
        return []
    info = answer.get("info")
    if isinstance(info, str) and info.strip() and "path" in answer:
        return [f"{_path_text(answer['path'])}: {info.strip()}"]
    return [line for inner in answer.values() for line in _validation_details(inner, depth - 1)]


def _path_text(path: Any) -> str:
    steps = path if isinstance(path, list) else [path]
    return ".".join(str(step) for step in steps if isinstance(step, (str, int)) and step != "body") or "body"
