# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""How the service is reached: the options that modules and event sources share, parsed by the same code.

No third-party library. Each ``parse_...`` function takes a value of the right type and returns it as it is used, or
raises ValueError with what is wrong. An empty environment variable is an unset one.
"""

from __future__ import annotations

import ipaddress
import math
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

API_ROOT = "/api/ss"
OPTIONS = ("base_url", "api_key", "validate_certs", "ca_path", "timeout", "retries")
# As Ansible reads them, so that a variable means the same to a module and to an event source.
_TRUE = frozenset(("y", "yes", "on", "1", "true", "t", "1.0"))
_FALSE = frozenset(("n", "no", "off", "0", "false", "f", "0.0"))
_EXAMPLE = "write it like https://tenant.attackforge.com"
# What decides, beside the options, whom TLS trusts and which proxy is used.
_NETWORK_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


class Connection(NamedTuple):
    """How the service is reached. ``timeout`` is in seconds, for one request."""

    base_url: str
    api_key: str
    validate_certs: bool = True
    ca_path: str | None = None
    timeout: float = 30.0
    retries: int = 4


def variable_of(option: str) -> str:
    """The environment variable of an option."""
    return f"ATTACKFORGE_{option.upper()}"


def from_environment(option: str, environment: Mapping[str, str] | None = None) -> str | None:
    """The value of an option in the environment, or None where the variable is unset or empty."""
    return (os.environ if environment is None else environment).get(variable_of(option)) or None


def network_identity(environment: Mapping[str, str] | None = None) -> tuple[tuple[str, str], ...]:
    """What of the environment decides on TLS and proxies. Two tasks with the same may share a connection."""
    environment = os.environ if environment is None else environment
    return tuple(
        sorted(
            (name, value)
            for name, value in environment.items()
            if name in _NETWORK_VARIABLES or name.lower().endswith("_proxy")
        )
    )


def parse_boolean(text: str) -> bool:
    """Read a boolean as Ansible does. Raises ValueError."""
    word = text.strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(f"{text!r} is neither true nor false")


def expand_path(text: str) -> str:
    """Expand ``~`` and environment variables in a path, as Ansible does."""
    return os.path.expanduser(os.path.expandvars(text))


def parse_base_url(value: str) -> str:
    """Check the address of the service. Returns it without a trailing slash."""
    if "@" in value:  # the value must not be shown
        raise ValueError(f"holds a user name or password, which the service does not use; {_EXAMPLE}")
    try:
        url = urlsplit(value.strip())
        host, port = url.hostname, url.port
    except ValueError as error:
        raise ValueError(f"{value!r} is not a URL ({error}); {_EXAMPLE}") from None
    if url.scheme not in ("https", "http") or not host or re.search(r"[\s\\]", url.netloc) or port == 0:
        raise ValueError(f"{value!r} is not a URL with https:// and a host; {_EXAMPLE}")
    if url.query or url.fragment:
        raise ValueError(f"{value!r} has a query or a fragment behind the path; {_EXAMPLE}")
    if url.scheme == "http" and not _is_loopback(host):
        raise ValueError(f"{value!r} would send the key in clear text; use https:// (http:// is for loopback only)")
    path = url.path.rstrip("/")
    if path.endswith(API_ROOT):
        raise ValueError(f"{value!r} ends in {API_ROOT}, which is added automatically; leave it out")
    return f"{url.scheme}://{url.netloc}{path}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_api_key(value: str) -> str:
    """Check the key. No message shows it."""
    if not value:
        raise ValueError("is empty")
    if value != value.strip():
        raise ValueError("has white space or a line break at an end; remove it, for example with the filter trim")
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        raise ValueError("has a character that no key has: only printable ASCII without blanks can be sent")
    return value


def parse_ca_path(value: str) -> str:
    """Check that the CA certificates are there. ``value`` is expanded already."""
    if not os.path.exists(value):
        raise ValueError(f"there is no file or folder {value!r} where this runs")
    if not os.access(value, os.R_OK):
        raise ValueError(f"{value!r} cannot be read by the user that runs this")
    return value


def parse_timeout(value: float) -> float:
    """Check the seconds that one request may take."""
    if not math.isfinite(value) or not 0 < value <= 3600:
        raise ValueError(f"{value} is not a number of seconds above 0 and up to 3600")
    return value


def parse_retries(value: int) -> int:
    """Check the number of retries."""
    if not 0 <= value <= 20:
        raise ValueError(f"{value} is not between 0 and 20")
    return value


PARSERS: dict[str, Callable[[Any], Any]] = {
    "base_url": parse_base_url,
    "api_key": parse_api_key,
    "ca_path": parse_ca_path,
    "timeout": parse_timeout,
    "retries": parse_retries,
}
