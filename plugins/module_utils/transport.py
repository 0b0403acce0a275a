# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One HTTP exchange with the service, over one requests session: bounded in time and size, and going nowhere else.

What goes wrong on the way comes back as an error of ``errors.py`` that tells whether the service can have acted.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple
from urllib.parse import urlsplit

from .errors import FateUnknown, NotProcessed, Refused
from .redaction import hide

try:
    import requests
    import urllib3
    from requests import Session
    from requests.adapters import HTTPAdapter
    from requests.auth import AuthBase
    from urllib3.util.ssl_ import create_urllib3_context, is_ipaddress
    from urllib3.util.ssl_match_hostname import CertificateError
except ImportError as error:
    REQUESTS_IMPORT_ERROR = error
    AuthBase = HTTPAdapter = Session = object
else:
    REQUESTS_IMPORT_ERROR = None

VERSION = "0.1.0"
USER_AGENT = f"attackforge.retest/{VERSION} (Ansible collection)"

MAX_ANSWER = 96 * 1024 * 1024  # bytes; a page of 500 findings with all their texts stays well below
_GRACE = 0.5  # seconds
_EXCERPT = 200  # characters
_NO_CERTIFICATES = ("NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE", "BAD_BASE64_DECODE", "ASN1_LIB", "PEM_LIB")


class Reply(NamedTuple):
    """An answer as it came."""

    status: int
    headers: Mapping
    content: bytearray


class Transport:
    """The way to the service. ``connection`` is a `Connection`."""

    def __init__(self, connection):
        self._connection = connection
        self._session = None

    def send(self, method, verb, url, data):
        """Send one request on behalf of an API method. Returns a Reply.

        It is done in a thread: neither a name server that hangs nor a server that dribbles its headers can be stopped
        otherwise.
        """
        if self._session is None:
            self._session = self._new_session()
        worker = _Worker(lambda: self._talk(self._session, verb, url, data))
        outcome = worker.result(self._connection.timeout + _GRACE)
        if isinstance(outcome, Exception):
            self._session = None  # its connection may still be in use
            raise self._network_error(method, verb, outcome, worker.sending) from None
        if outcome.status < 200:
            self._session = None  # the answer itself is still to come on that connection
        return outcome

    def _talk(self, session, verb, url, data):
        connection = self._connection
        deadline = time.monotonic() + connection.timeout
        verify = (connection.ca_path or True) if connection.validate_certs else False
        response = session.request(
            verb,
            url,
            data=data,
            allow_redirects=False,
            verify=verify,
            stream=True,
            timeout=urllib3.Timeout(total=connection.timeout),
        )
        with response:
            response.raw.enforce_content_length = True  # urllib3 1.26 takes a short answer for a whole one otherwise
            content = bytearray()
            for chunk in response.iter_content(64 * 1024):
                content += chunk
                if len(content) > MAX_ANSWER:
                    raise TooLarge()
                if _given_up() or time.monotonic() > deadline:
                    raise TooLate("timed out")
            return Reply(response.status_code, response.headers, content)

    def _new_session(self):
        session = _Session()
        session.auth = _KeyAuth(self._connection.api_key)
        session.headers.update(
            {"User-Agent": USER_AGENT, "Content-Type": "application/json", "Accept": "application/json"}
        )
        # Over plain http, which is for loopback only, a proxy would see the key.
        session.trust_env = self._connection.base_url.startswith("https:")
        if not self._connection.validate_certs:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        adapter = _Adapter(self._connection.validate_certs)
        for scheme in ("https://", "http://"):
            session.mount(scheme, adapter)
        return session

    def _network_error(self, method, verb, error, sending):
        """Tell what the network did in words that help, and whether the service can have seen the request.

        ``sending``: whether the connection stood, so that the request can have left.
        """
        where = urlsplit(self._connection.base_url).netloc
        causes = list(_causes(error))
        detail = hide(" ".join(str(causes[-1]).split()), self._connection.api_key)[:_EXCERPT]
        detail = detail or type(causes[-1]).__name__

        def first(*kinds):
            return next((cause for cause in causes if isinstance(cause, kinds)), None)

        def told(kind, message):
            return kind(f"{method}: {message % where}", method=method, detail=detail)

        certificate = first(ssl.SSLCertVerificationError, CertificateError)
        if certificate is not None:
            # urllib3 1.26 compares the name itself, and its error has no code.
            named = 64 if is_ipaddress(urlsplit(self._connection.base_url).hostname) else 62
            code = getattr(certificate, "verify_code", named)
            detail = str(getattr(certificate, "verify_message", None) or certificate).rstrip(".")
            remedy = {
                10: "has expired; the service needs a new one",
                62: "is for another host name; correct base_url",
                64: "is for another address; correct base_url",
            }.get(code, "is not trusted here; give the CA's certificate with ca_path")
            return told(Refused, "the certificate of %s {} ({}).".format(remedy, detail.replace("%", "%%")))
        if first(TooLarge):
            kind = Refused if verb == "GET" else FateUnknown
            return told(
                kind,
                "the answer of %%s is larger than %d MiB, which no answer should be; it was not read."
                % (MAX_ANSWER // 2**20),
            )
        plain = detail.replace("%", "%%")
        if first(urllib3.exceptions.ProxyError) and not sending:  # urllib3 also calls so what breaks behind the proxy
            return told(NotProcessed, f"the proxy gives no connection to %s: {plain}.")
        if first(socket.gaierror):
            return told(NotProcessed, f"the name of %s cannot be resolved: {plain}. Correct base_url.")
        if first(urllib3.exceptions.NewConnectionError, ConnectionRefusedError):
            return told(NotProcessed, f"no connection to %s: {plain}.")
        if any(map(_in_handshake, causes)):
            return told(NotProcessed, f"no TLS connection to %s (TLS 1.2 or newer is needed): {plain}.")
        if first(urllib3.exceptions.ConnectTimeoutError):
            return told(NotProcessed, f"no connection to %s within {self._connection.timeout:g} s (timeout).")
        if first(TooLate, urllib3.exceptions.TimeoutError, socket.timeout):
            return told(FateUnknown, f"no whole answer from %s within {self._connection.timeout:g} s (timeout).")
        tls = first(ssl.SSLError)
        if tls is not None and getattr(tls, "reason", None) in _NO_CERTIFICATES:
            return told(
                Refused,
                f"%s was not asked, for the CA certificates cannot be read: {plain}. Check ca_path and "
                "REQUESTS_CA_BUNDLE.",
            )
        wrong_url = ("InvalidURL", "InvalidSchema", "InvalidProxyURL")
        if first(*(getattr(requests.exceptions, name) for name in wrong_url)):
            return told(Refused, f"%s cannot be reached: {plain}. Correct base_url or the proxy variables.")
        if first(requests.exceptions.RequestException, urllib3.exceptions.HTTPError, ConnectionError, UnicodeError):
            if not sending:
                return told(NotProcessed, f"no connection to %s: {plain}.")
            return told(FateUnknown, f"the connection to %s broke before an answer was there: {plain}.")
        if first(OSError) and not sending:
            return told(Refused, f"%s cannot be reached: {plain}. Check REQUESTS_CA_BUNDLE and ca_path.")
        if sending:  # whatever it is, it must not hide that the service may have done it
            return told(
                FateUnknown,
                f"{type(error).__name__} came up before an answer of %s was read: {plain}. Please report it.",
            )
        raise error


class _Worker(threading.Thread):
    """A thread that does one piece of work, and can be given up."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self.given_up = threading.Event()
        self.sending = False
        self._work = work
        self._box = queue.SimpleQueue()

    def run(self):
        try:
            self._box.put(self._work())
        except Exception as error:  # it is raised where the result is waited for
            self._box.put(error)

    def result(self, timeout):
        """Do the work. Returns what it returned, or the exception it raised, or TooLate."""
        self.start()
        try:
            return self._box.get(timeout=timeout)
        except queue.Empty:
            return TooLate("timed out")
        finally:
            self.given_up.set()


def _given_up():
    """Whether nobody waits any more for what this thread does."""
    worker = threading.current_thread()
    return isinstance(worker, _Worker) and worker.given_up.is_set()


def _sending():
    """Note that from now on something of the request can have left."""
    threading.current_thread().sending = True


class TooLarge(Exception):
    """More bytes than any answer has."""


class TooLate(Exception):
    """The time of a request is over."""


class _KeyAuth(AuthBase):
    """Put the key on each request. With an auth of its own a session does not look into .netrc."""

    def __init__(self, key):
        self._key = key

    def __call__(self, request):
        request.headers["X-SSAPI-KEY"] = self._key
        return request


class _Session(Session):
    """A session that goes nowhere else: a redirect is an answer like any other."""

    def get_redirect_target(self, resp):
        return None


class _Adapter(HTTPAdapter):
    """TLS 1.2 or newer, whatever the defaults of Python and urllib3 are; and nothing is sent that was given up."""

    def __init__(self, validate_certs):
        self._context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if validate_certs else ssl.CERT_NONE)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        super().__init__()

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        _guard(self.poolmanager)

    def proxy_manager_for(self, proxy, **kwargs):
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)
        _guard(manager)
        return manager


def _guard(manager):
    """Have a pool manager make connections that send nothing when they come too late. A proxy's is given again."""
    manager.pool_classes_by_scheme = {
        scheme: _guarded(getattr(pool, "unguarded", pool)) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


@cache
def _guarded(pool):
    class Connection(pool.ConnectionCls):
        def connect(self):
            super().connect()
            if _given_up():
                self.close()
                raise TooLate("timed out")
            _sending()

        def request(self, *args, **kwargs):
            if self.sock is not None:  # it was kept
                _sending()
            return super().request(*args, **kwargs)

        def getresponse(self, *args, **kwargs):
            # A server that writes its answer in two pieces and waits for the first to be acknowledged would otherwise
            # cost 40 ms a request on a connection that is kept.
            if hasattr(socket, "TCP_QUICKACK") and hasattr(self.sock, "setsockopt"):  # TLS within TLS has none
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            return super().getresponse(*args, **kwargs)

    class Pool(pool):
        ConnectionCls = Connection
        unguarded = pool

    return Pool


def _in_handshake(error):
    """Whether an error came up before anything of the request can have been sent over TLS."""
    return any(frame.name == "do_handshake" for frame in traceback.extract_tb(error.__traceback__))


def _causes(error):
    """The error and everything behind it, outermost first."""
    seen = []
    todo = [error]
    while todo:
        cause = todo.pop(0)
        if isinstance(cause, BaseException) and cause not in seen:
            seen.append(cause)
            context = None if cause.__suppress_context__ else cause.__context__
            todo += [getattr(cause, "reason", None), cause.__cause__, context, *cause.args]
    return seen
