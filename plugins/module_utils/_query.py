# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""The query language of the service, parameter ``q``: conditions as dictionaries become text.

Pure. It is written as the service documents it: unquoted keys, ids as ``ObjectId("...")``, expressions as ``/.../i``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

_PLAIN_KEY = re.compile(r"\$?[A-Za-z_][A-Za-z0-9_]*")


class ObjectId(NamedTuple):
    """An id, written ``ObjectId("...")``."""

    text: str


class Whole(NamedTuple):
    """A text that has to match as a whole, in any letter case, written as a regular expression."""

    text: str


class Contains(NamedTuple):
    """A text that has to occur, in any letter case, written as a regular expression."""

    text: str


def render(condition: Any) -> str:
    """Write a condition in the language of the service."""
    if isinstance(condition, ObjectId):
        return f'ObjectId("{condition.text}")'
    if isinstance(condition, Whole):
        return f"/^{_escaped(condition.text)}$/i"
    if isinstance(condition, Contains):
        return f"/{_escaped(condition.text)}/i"
    if isinstance(condition, Mapping):
        pairs = ", ".join(f"{_key(name)}: {render(value)}" for name, value in condition.items())
        return f"{{ {pairs} }}"
    if isinstance(condition, (list, tuple)):
        return f"[{', '.join(map(render, condition))}]"
    return json.dumps(condition)


def _escaped(text: str) -> str:
    return re.sub(r"([^\w\s-])", r"\\\1", text)


def _key(name: str) -> str:
    return name if _PLAIN_KEY.fullmatch(name) else json.dumps(name)


def all_of(query: str | None, conditions: Iterable[Mapping[str, Any]]) -> str | None:
    """Join a query in the service's language and conditions by and. None where there is neither."""
    parts = ([query] if query else []) + [render(condition) for condition in conditions]
    if len(parts) < 2:
        return "".join(parts) or None
    return f"{{ $and: [{', '.join(parts)}] }}"


def any_of(conditions: list[dict[str, Any]]) -> dict[str, Any]:
    """Join conditions by or."""
    return conditions[0] if len(conditions) == 1 else {"$or": conditions}
