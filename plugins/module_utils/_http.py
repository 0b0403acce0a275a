# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""One HTTP exchange with the service over requests: bounded in time and size, and sent nowhere else.

A failure of the network comes back as an error of ``_errors.py`` that says whether the service can have acted.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ._connection import Connection
from ._errors import FateUnknown, NotProcessed, PlayEnded, Refused, SSAPIError
from ._http_rules import EXCERPT
from ._play_watch import PlayWatch
from ._redaction import mask

try:
    import requests
    import urllib3
    from requests import Session
    from requests.adapters import HTTPAdapter
    from requests.auth import AuthBase
    from urllib3.util.ssl_ import create_urllib3_context, is_ipaddress
    from urllib3.util.ssl_match_hostname import CertificateError
except ImportError as error:
    REQUESTS_IMPORT_ERROR: ImportError | None = error
    AuthBase = HTTPAdapter = Session = object  # type: ignore[misc, assignment]
else:
    REQUESTS_IMPORT_ERROR = None

VERSION = "0.1.0"
USER_AGENT = f"attackforge.retest/{VERSION} (Ansible collection)"

MAX_ANSWER = 96 * 1024 * 1024  # bytes; a page of 500 findings with all their texts stays well below
_GRACE = 0.5  # seconds
_CHUNK = 64 * 1024  # bytes
_READ = "GET"


class Reply(NamedTuple):
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    content: bytearray


class TooLarge(Exception):
    """More bytes than any answer has."""


class TooLate(Exception):
    """The time of a request is over."""


class Encoded(Exception):
    """An answer in a content encoding, which was not asked for and could unpack to more than the bounds allow."""


class Http:
    """The way to the service."""

    def __init__(self, connection: Connection, watch: PlayWatch) -> None:
        self._connection = connection
        self._watch = watch
        self._session: Session | None = None

    def send(self, method: str, verb: str, url: str, data: bytes | None) -> Reply:
        """Send one request on behalf of an API method.

        A thread does it: neither a name server that hangs nor a server that dribbles its headers can be stopped
        otherwise.
        """
        if self._session is None:
            self._session = self._new_session()
        session = self._session
        before_sending = _nothing if verb == _READ else self._watch.check
        worker = _Worker(lambda: self._exchange(session, verb, url, data), before_sending)
        outcome = worker.result(self._connection.timeout + _GRACE)
        if isinstance(outcome, PlayEnded):
            raise outcome
        if isinstance(outcome, Exception):
            self._session = None  # its connection may still be in use
            failure = _Failure(method, verb, outcome, worker.sending, self._connection)
            raise failure.as_error() from None
        if outcome.status < 200:
            self._session = None  # the answer itself is still to come on that connection
        return outcome

    def _exchange(self, session: Session, verb: str, url: str, data: bytes | None) -> Reply:
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
            timeout=urllib3.Timeout(total=connection.timeout),  # type: ignore[arg-type]
        )
        with response:
            if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
                raise Encoded(response.headers["Content-Encoding"])
            response.raw.enforce_content_length = True  # urllib3 1.26 takes a short answer for a whole one otherwise
            content = bytearray()
            for chunk in response.raw.stream(_CHUNK, decode_content=False):
                content += chunk
                if len(content) > MAX_ANSWER:
                    raise TooLarge()
                if _given_up() or time.monotonic() > deadline:
                    raise TooLate("timed out")
            return Reply(response.status_code, response.headers, content)

    def _new_session(self) -> Session:
        session = _Session()
        session.auth = _KeyAuth(self._connection.api_key)
        session.headers.update(
            {
                "User-Agent": USER_AGENT,
                "Content-Type": "application/json",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "Cache-Control": "no-cache",  # what is read decides what is written
            }
        )
        secure = self._connection.base_url.startswith("https:")
        # Over plain http, which is for loopback only, a proxy would see the key.
        session.trust_env = secure
        if not self._connection.validate_certs:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        adapter = _Adapter(_tls_context(self._connection.validate_certs) if secure else None)
        for scheme in ("https://", "http://"):
            session.mount(scheme, adapter)
        return session


# What the network did


class _Rule(NamedTuple):
    """How a kind of failure is reported. In ``text`` stand {where}, {detail}, {timeout} and {name}."""

    applies: Callable[[_Failure], bool]
    error: type[SSAPIError]
    text: str


@cache
def _rules() -> tuple[_Rule, ...]:
    """The table of failures; the first rule that applies holds. Made late, because the libraries may be missing."""
    raised, exceptions = urllib3.exceptions, requests.exceptions
    broken = (exceptions.RequestException, raised.HTTPError, ConnectionError, UnicodeError)
    return (
        _Rule(
            # urllib3 also calls what breaks behind the proxy a proxy's error.
            lambda failure: failure.caused_by(raised.ProxyError) and not failure.sending,
            NotProcessed,
            "the proxy gives no connection to {where}: {detail}.",
        ),
        _Rule(
            lambda failure: failure.caused_by(socket.gaierror),
            NotProcessed,
            "the name of {where} cannot be resolved: {detail}. Correct base_url.",
        ),
        _Rule(
            lambda failure: failure.caused_by(raised.NewConnectionError, ConnectionRefusedError),
            NotProcessed,
            "no connection to {where}: {detail}.",
        ),
        _Rule(
            lambda failure: failure.in_handshake,
            NotProcessed,
            "no TLS connection to {where} (TLS 1.2 or newer is needed): {detail}.",
        ),
        _Rule(
            lambda failure: failure.caused_by(raised.ConnectTimeoutError),
            NotProcessed,
            "no connection to {where} within {timeout:g} s (timeout).",
        ),
        _Rule(
            lambda failure: failure.caused_by(TooLate, raised.TimeoutError, socket.timeout),
            FateUnknown,
            "no whole answer from {where} within {timeout:g} s (timeout).",
        ),
        _Rule(
            lambda failure: failure.certificates_unreadable,
            Refused,
            "{where} was not asked, because the CA certificates cannot be read: {detail}. Check ca_path and "
            "REQUESTS_CA_BUNDLE.",
        ),
        _Rule(
            lambda failure: failure.caused_by(
                exceptions.InvalidURL, exceptions.InvalidSchema, exceptions.InvalidProxyURL
            ),
            Refused,
            "{where} cannot be reached: {detail}. Correct base_url or the proxy variables.",
        ),
        _Rule(
            lambda failure: failure.caused_by(*broken) and not failure.sending,
            NotProcessed,
            "no connection to {where}: {detail}.",
        ),
        _Rule(
            lambda failure: failure.caused_by(*broken),
            FateUnknown,
            "the connection to {where} broke before an answer was there: {detail}.",
        ),
        _Rule(
            lambda failure: failure.caused_by(OSError) and not failure.sending,
            Refused,
            "{where} cannot be reached: {detail}. Check REQUESTS_CA_BUNDLE and ca_path.",
        ),
        _Rule(
            # Whatever it is, it must not hide that the service may have acted.
            lambda failure: failure.sending,
            FateUnknown,
            "{name} occurred before an answer of {where} was read: {detail}. Please report it.",
        ),
    )


_UNREADABLE_CERTIFICATES = ("NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE", "BAD_BASE64_DECODE", "ASN1_LIB", "PEM_LIB")
_CERTIFICATE_ADVICE = {
    10: "has expired; the service needs a new one",
    62: "is for another host name; correct base_url",
    64: "is for another address; correct base_url",
}


class _Failure:
    """A failed exchange: what the network did, and whether the service can have seen the request.

    ``sending`` says whether the connection stood, so that the request can have left.
    """

    def __init__(self, method: str, verb: str, error: Exception, sending: bool, connection: Connection) -> None:
        self._method = method
        self._verb = verb
        self._error = error
        self.sending = sending
        self._connection = connection
        self._causes = _causes(error)
        detail = mask(" ".join(str(self._causes[-1]).split()), connection.api_key)[:EXCERPT]
        self._detail = detail or type(self._causes[-1]).__name__

    def as_error(self) -> Exception:
        """The error to raise. What is neither the network's nor known comes back as it is."""
        certificate = self._first(ssl.SSLCertVerificationError, CertificateError)
        if certificate is not None:
            return self._certificate_error(certificate)
        if self.caused_by(TooLarge, Encoded):
            return self._unread_answer()
        rule = next((rule for rule in _rules() if rule.applies(self)), None)
        return self._made(rule.error, rule.text) if rule else self._error

    def caused_by(self, *kinds: type[BaseException]) -> bool:
        """Whether an error of these kinds is behind it."""
        return self._first(*kinds) is not None

    @property
    def in_handshake(self) -> bool:
        """Whether it came up before anything of the request can have been sent over TLS."""
        return any(
            frame.name == "do_handshake"
            for cause in self._causes
            for frame in traceback.extract_tb(cause.__traceback__)
        )

    @property
    def certificates_unreadable(self) -> bool:
        """Whether TLS found no certificates where it was told to read them."""
        return getattr(self._first(ssl.SSLError), "reason", None) in _UNREADABLE_CERTIFICATES

    def _first(self, *kinds: type[BaseException]) -> BaseException | None:
        return next((cause for cause in self._causes if isinstance(cause, kinds)), None)

    def _made(self, kind: type[SSAPIError], text: str, **more: str) -> SSAPIError:
        values = dict(
            where=urlsplit(self._connection.base_url).netloc,
            detail=self._detail,
            timeout=self._connection.timeout,
            name=type(self._error).__name__,
        )
        return kind(f"{self._method}: {text.format(**{**values, **more})}", method=self._method, detail=self._detail)

    def _certificate_error(self, error: Any) -> SSAPIError:
        # urllib3 1.26 compares the name itself, and its error has no code.
        other_name = 64 if is_ipaddress(urlsplit(self._connection.base_url).hostname or "") else 62
        code = getattr(error, "verify_code", other_name)
        advice = _CERTIFICATE_ADVICE.get(code, "is not trusted here; give the CA's certificate with ca_path")
        said = str(getattr(error, "verify_message", None) or error).rstrip(".")
        return self._made(Refused, "the certificate of {where} {advice} ({said}).", advice=advice, said=said)

    def _unread_answer(self) -> SSAPIError:
        kind = Refused if self._verb == _READ else FateUnknown
        encoded = self._first(Encoded)
        if encoded is None:
            size = f"{MAX_ANSWER // 2**20} MiB"
            return self._made(
                kind,
                "the answer of {where} is larger than {size}, which no answer should be; it was not read.",
                size=size,
            )
        return self._made(
            kind,
            "the answer of {where} has the content encoding {detail}, which was not asked for; it was not read. Have "
            "the proxy in between pass answers on as they are.",
        )


def _causes(error: BaseException) -> list[BaseException]:
    """The error and everything behind it, outermost first."""
    seen: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and cause not in seen:
            seen.append(cause)
            context = None if cause.__suppress_context__ else cause.__context__
            waiting += [getattr(cause, "reason", None), cause.__cause__, context, *cause.args]
    return seen


# The thread of one exchange


class _Worker(threading.Thread):
    """A thread that does one exchange, and can be given up."""

    def __init__(self, work: Callable[[], Reply], before_sending: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.given_up = threading.Event()
        self.sending = False
        self.before_sending = before_sending
        self._work = work
        self._result: queue.SimpleQueue[Reply | Exception] = queue.SimpleQueue()

    def run(self) -> None:
        try:
            self._result.put(self._work())
        except Exception as error:  # it is raised where the result is waited for
            self._result.put(error)

    def result(self, timeout: float) -> Reply | Exception:
        """Do the work. Returns what it returned, or the exception it raised, or TooLate."""
        self.start()
        try:
            return self._result.get(timeout=timeout)
        except queue.Empty:
            return TooLate("timed out")
        finally:
            self.given_up.set()


def _nothing() -> None:
    pass


def _given_up() -> bool:
    """Whether nobody waits any more for what this thread does."""
    worker = threading.current_thread()
    return isinstance(worker, _Worker) and worker.given_up.is_set()


def _begin_sending() -> None:
    """Note that from now on something of the request can have left, unless it must not."""
    worker = threading.current_thread()
    if isinstance(worker, _Worker):
        worker.before_sending()
        worker.sending = True


class _KeyAuth(AuthBase):
    """Put the key on each request. With an auth of its own a session does not look into .netrc."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: Any) -> Any:
        request.headers["X-SSAPI-KEY"] = self._key
        return request


class _Session(Session):
    """A session that goes nowhere else: a redirect is an answer like any other."""

    def get_redirect_target(self, resp: Any) -> None:
        return None


def _tls_context(validate_certs: bool) -> Any:
    """TLS 1.2 or newer, whatever the defaults of Python and urllib3 are. Not shared: urllib3 loads the CA into it."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if validate_certs else ssl.CERT_NONE)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class _Adapter(HTTPAdapter):
    """Sends nothing that was given up."""

    def __init__(self, context: Any) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        _guard(self.poolmanager)

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)
        _guard(manager)
        return manager


def _guard(manager: Any) -> None:
    """Have a pool manager make connections that send nothing when they come too late. A proxy's is given again."""
    manager.pool_classes_by_scheme = {
        scheme: _guarded(getattr(pool, "unguarded", pool)) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


@cache
def _guarded(pool: Any) -> Any:
    class Connection(pool.ConnectionCls):  # type: ignore[misc]
        def connect(self) -> None:
            super().connect()
            if _given_up():
                self.close()
                raise TooLate("timed out")
            _begin_sending()

        def request(self, *args: Any, **kwargs: Any) -> Any:
            if self.sock is not None:  # it was kept
                _begin_sending()
            return super().request(*args, **kwargs)

        def getresponse(self, *args: Any, **kwargs: Any) -> Any:
            # A server that writes its answer in two pieces and waits for the first to be acknowledged would otherwise
            # cost 40 ms a request on a connection that is kept.
            if hasattr(socket, "TCP_QUICKACK") and hasattr(self.sock, "setsockopt"):  # TLS within TLS has none
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            return super().getresponse(*args, **kwargs)

    class Pool(pool):  # type: ignore[misc]
        ConnectionCls = Connection
        unguarded = pool

    return Pool
