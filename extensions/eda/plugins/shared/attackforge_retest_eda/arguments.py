# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The arguments of a source: judged by its JSON schema and by what a schema cannot say, every mistake at once."""

from __future__ import annotations

import ipaddress
import json
import math
import os
import re
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator

from .errors import OptionsError
from .windows import parse_instant

API_ROOT = "/api/ss"
ENVIRONMENT = ("base_url", "api_key", "validate_certs", "ca_path", "timeout")
_WORDS = {**dict.fromkeys(("yes", "true", "on", "1"), True), **dict.fromkeys(("no", "false", "off", "0"), False)}
_KINDS = {"string": "a text", "boolean": "true or false", "number": "a number", "array": "a list"}


def read(schema_file, args, environment=None):
    """Read the arguments of a source. Returns them as attributes, defaults filled in; raises OptionsError."""
    schema = json.loads(Path(schema_file).read_text(encoding="utf-8"))
    known = schema["properties"]
    environment = os.environ if environment is None else environment
    given = {name: value for name, value in args.items() if value is not None and value != ""}
    for name in ENVIRONMENT:
        if name not in given and environment.get(_variable(name)):
            given[name] = environment[_variable(name)]
    given = {**{name: about["default"] for name, about in known.items() if "default" in about}, **given}
    given = {name: _as(known[name]["type"], value) if name in known else value for name, value in given.items()}
    mistakes = [
        "{}: is required{}".format(
            name, f" (the environment may hold it as {_variable(name)})" if name in ENVIRONMENT else ""
        )
        for name in schema["required"]
        if name not in given
    ]
    wrong = set()
    for error in Draft202012Validator(schema).iter_errors(given):
        if error.validator != "required":
            mistakes.append(_say(error, known))
            wrong.update(str(step) for step in list(error.absolute_path)[:1])
    for name, judge in _JUDGES.items():
        if name in given and name in known and name not in wrong:
            try:
                given[name] = judge(given[name])
            except ValueError as mistake:
                mistakes.append(f"{name}: {mistake}")
    if mistakes:
        raise OptionsError(mistakes)
    # `from` cannot be the name of an attribute.
    return SimpleNamespace(**{"start" if name == "from" else name: given.get(name) for name in known})


def _variable(name):
    return f"ATTACKFORGE_{name.upper()}"


def _as(kind, value):
    """Make of a text what is expected, where it can be read so: a variable and the environment hold texts."""
    if kind == "string" and not isinstance(value, (str, bool, list, dict, int, float)):
        return str(value)  # YAML has turned an unquoted date into an object
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # which is no number then
    if not isinstance(value, str):
        return value
    if kind == "boolean":
        return _WORDS.get(value.strip().lower(), value)
    if kind == "array":
        return [part.strip() for part in value.split(",") if part.strip()]
    if kind == "number":
        try:
            return float(value) if math.isfinite(float(value)) else value
        except ValueError:
            return value
    return value


def _say(error, known):
    path = list(error.absolute_path)
    if error.validator == "additionalProperties":
        unknown = sorted(set(error.instance) - set(known))
        return "{}: there is no such argument; there are {}".format(", ".join(unknown), ", ".join(known))
    place = "".join("[%d]" % step if isinstance(step, int) else str(step) for step in path)
    value = "the value" if path[0] == "api_key" else repr(error.instance)
    if error.validator == "type":
        return f"{place}: {value} is not {_KINDS[error.validator_value]}"
    if error.validator == "enum":
        return "{}: {} is not one of {}".format(place, value, ", ".join(map(str, error.validator_value)))
    if error.validator == "minItems":
        return f"{place}: is empty"
    if path[0] == "projects":
        return f"{place}: {value} is not an id of AttackForge, which has 24 hexadecimal digits"
    if path[0] == "events":
        return f"{place}: {value} is no name of an event, such as project-retest-completed"
    least, most = known[path[0]]["exclusiveMinimum"], known[path[0]]["maximum"]
    return f"{place}: {value} is not a number of seconds above {least} and up to {most}"


def _base_url(value):
    example = "give it as https://tenant.attackforge.com"
    if "@" in value:  # which must not be told
        raise ValueError(f"holds a user name or password, which the service does not use; {example}")
    try:
        url = urlsplit(value.strip())
        host, port = url.hostname, url.port
    except ValueError as error:
        raise ValueError(f"{value!r} is no URL ({error}); {example}") from None
    if url.scheme not in ("https", "http") or not host or re.search(r"[\s\\]", url.netloc) or port == 0:
        raise ValueError(f"{value!r} is no URL with https:// and a host; {example}")
    if url.query or url.fragment:
        raise ValueError(f"{value!r} has a query or a fragment behind the path; {example}")
    if url.scheme == "http" and not _is_loopback(host):
        raise ValueError(f"{value!r} would send the key in clear text; use https:// (http:// is for loopback only)")
    path = url.path.rstrip("/")
    if path.endswith(API_ROOT):
        raise ValueError(f"{value!r} ends in {API_ROOT}, which is added here; leave it out")
    return f"{url.scheme}://{url.netloc}{path}"


def _is_loopback(host):
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _api_key(value):
    # The value itself must not be told.
    if value != value.strip():
        raise ValueError("has white space or a line break at an end; take it off")
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        raise ValueError("has a character that no key has: only printable ASCII without blanks can be sent")
    return value


def _ca_path(value):
    path = os.path.expanduser(value)
    if not os.path.exists(path):
        raise ValueError(f"there is no file or folder {value!r} where the rulebook runs")
    if not os.access(path, os.R_OK):
        raise ValueError(f"{value!r} cannot be read by the user that runs the rulebook")
    return path


def _projects(values):
    return [value.strip().lower() for value in values]


def _start(value):
    return None if value.strip().lower() == "now" else parse_instant(value)


def _state_file(value):
    path = os.path.abspath(os.path.expanduser(value))
    if os.path.isdir(path):
        raise ValueError(f"{value!r} is a folder; name a file in it")
    folder = os.path.dirname(path)
    if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise ValueError(f"{value!r} is in a folder that does not exist or cannot be written to")
    return path


_JUDGES = {
    "base_url": _base_url,
    "api_key": _api_key,
    "ca_path": _ca_path,
    "projects": _projects,
    "from": _start,
    "state_file": _state_file,
}
