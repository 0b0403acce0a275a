# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TLS for the sandbox: a private CA and a certificate for the loopback, and connections that no client may accept."""

from __future__ import annotations

import datetime
import pathlib
import ssl
import warnings

import trustme

BROKEN = ("expired", "wrong_host", "old_version")


def private(ca_file: str, broken: str | None = None) -> ssl.SSLContext:
    """A context with a certificate of a new CA; the CA's certificate goes to ``ca_file``."""
    authority = trustme.CA()
    names = ["wrong-host.example.com"] if broken == "wrong_host" else ["localhost", "127.0.0.1", "::1"]
    ends = None
    if broken == "expired":
        ends = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    certificate = authority.issue_cert(*names, not_after=ends)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    if broken == "old_version":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            # Today's OpenSSL speaks these only at the lowest security level.
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
    pathlib.Path(ca_file).write_bytes(authority.cert_pem.bytes())
    return context


def from_files(certificate: str, key: str) -> ssl.SSLContext:
    """A context with a certificate that is there already."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
