# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""The arguments of a source, parsed once: by its JSON schema, and by the parsers that the modules use as well.

Every mistake is reported at once.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from jsonschema import Draft202012Validator, ValidationError

from ._connection import PARSERS, expand_path, from_environment, parse_boolean, variable_of
from ._errors import OptionsError
from ._windows import parse_instant

ENVIRONMENT = ("base_url", "api_key", "validate_certs", "ca_path", "timeout")
_TYPES = {"string": "a text", "boolean": "true or false", "number": "a number", "array": "a list"}


@dataclass(frozen=True)
class Settings:
    """The arguments that both sources have. ``timeout`` is in seconds."""

    base_url: str
    api_key: str
    validate_certs: bool
    ca_path: str | None
    timeout: float
    projects: list[str]
    events: list[str]
    state_file: str | None
    feedback: bool


@dataclass(frozen=True)
class EventsSettings(Settings):
    """The arguments of attackforge.retest.events. ``start`` is the argument ``from``; None means now."""

    heartbeat_timeout: float
    start: datetime | None


@dataclass(frozen=True)
class RoundsSettings(Settings):
    """The arguments of attackforge.retest.rounds. ``interval`` is in seconds."""

    interval: float


SettingsT = TypeVar("SettingsT", bound=Settings)


def read(
    kind: type[SettingsT],
    schema_file: Path | str,
    args: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
) -> SettingsT:
    """Parse the arguments of a source. An empty argument or variable is an unset one. Raises OptionsError."""
    schema = json.loads(Path(schema_file).read_text(encoding="utf-8"))
    known = schema["properties"]
    values = _converted(_given(args, known, environment), known)
    mistakes = [_missing(name) for name in schema["required"] if name not in values]
    wrong: set[str] = set()
    for error in Draft202012Validator(schema).iter_errors(values):
        if error.validator != "required":
            mistakes.append(_message(error, known))
            wrong.update(str(step) for step in list(error.absolute_path)[:1])
    for name in known:
        if name in values and name in _PARSERS and name not in wrong:
            try:
                values[name] = _PARSERS[name](values[name])
            except ValueError as mistake:
                mistakes.append(f"{name}: {mistake}")
    if mistakes:
        raise OptionsError(mistakes)
    # `from` cannot be the name of an attribute.
    attributes: dict[str, Any] = {"start" if name == "from" else name: values.get(name) for name in known}
    return kind(**attributes)


def _given(args: Mapping[str, Any], known: Mapping[str, Any], environment: Mapping[str, str] | None) -> dict[str, Any]:
    given = {name: value for name, value in args.items() if value is not None and value != ""}
    fallbacks = {name: from_environment(name, environment) for name in ENVIRONMENT if name not in given}
    defaults = {name: about["default"] for name, about in known.items() if "default" in about}
    return {**defaults, **{name: value for name, value in fallbacks.items() if value is not None}, **given}


def _converted(values: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _as(known[name]["type"], value) if name in known else value for name, value in values.items()}


def _as(kind: str, value: Any) -> Any:
    """Convert a text to the type that is expected, where it can be read so: variables hold texts."""
    if kind == "string" and not isinstance(value, (str, bool, list, dict, int, float)):
        return str(value)  # YAML has turned an unquoted date into an object
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # which is not a number then
    if not isinstance(value, str):
        return value
    if kind == "array":
        return [part.strip() for part in value.split(",") if part.strip()]
    try:
        if kind == "boolean":
            return parse_boolean(value)
        if kind == "number":
            return float(value) if math.isfinite(float(value)) else value
    except ValueError:
        pass
    return value


def _missing(name: str) -> str:
    variable = f" (it can also be set by the environment variable {variable_of(name)})" if name in ENVIRONMENT else ""
    return f"{name}: is required{variable}"


def _message(error: ValidationError, known: Mapping[str, Any]) -> str:
    path, rule, expected = list(error.absolute_path), str(error.validator), cast("Any", error.validator_value)
    if rule == "additionalProperties":
        unknown = sorted(set(cast("dict[str, Any]", error.instance)) - set(known))
        return f"{', '.join(unknown)}: is not an argument of this source; it has {', '.join(known)}"
    name = str(path[0])
    place = "".join(f"[{step}]" if isinstance(step, int) else step for step in path)
    value = "the value" if name == "api_key" else repr(error.instance)
    if rule == "type":
        return f"{place}: {value} is not {_TYPES[expected]}"
    if rule == "enum":
        return f"{place}: {value} is not one of {', '.join(map(str, expected))}"
    if rule == "minItems":
        return f"{place}: is empty"
    if name == "projects":
        return f"{place}: {value} is not an id of AttackForge, which has 24 hexadecimal digits"
    if name == "events":
        return f"{place}: {value} is not the name of an event, such as project-retest-completed"
    least, most = known[name]["exclusiveMinimum"], known[name]["maximum"]
    return f"{place}: {value} is not a number of seconds above {least} and up to {most}"


def _parse_start(value: str) -> datetime | None:
    return None if value.strip().lower() == "now" else parse_instant(value)


def _parse_state_file(value: str) -> str:
    path = os.path.realpath(expand_path(value))
    if os.path.isdir(path):
        raise ValueError(f"{value!r} is a folder; name a file in it")
    folder = os.path.dirname(path)
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise ValueError(f"{value!r} is in a folder that does not exist or cannot be written to")
    return path


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "base_url": PARSERS["base_url"],
    "api_key": PARSERS["api_key"],
    "ca_path": lambda value: PARSERS["ca_path"](expand_path(value)),
    "projects": lambda values: list(dict.fromkeys(value.strip().lower() for value in values)),
    "from": _parse_start,
    "state_file": _parse_state_file,
}
