"""HTTP exchanges with one authority: connections, trust, time limits and sizes."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from threading import Lock

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NewConnectionError,
    ProxyError,
    SSLError,
)
from urllib3.util import Timeout, Url, parse_url

from everleaf import __version__
from everleaf.ca.answer import Answer
from everleaf.ca.proxy import choose, connections
from everleaf.errors import AuthorityError, EndOfTimeError, OperatorError, UnreachableError
from everleaf.ports import Clock

USER_AGENT = f"everleaf/{__version__} (+acme)"
_CONNECT = 10.0
_READ = 30.0
_WHOLE = 120.0
_LARGEST_BODY = 1 << 20
_CHUNK = 1 << 16
_REFUSED = re.compile(r"Tunnel connection failed: 4\d\d")  # http.client's words
_KEPT = 8  # connections; more at once are opened and not kept


class Again(Enum):
    """Which requests may be sent again after a lost answer."""

    ALL = "all"  # this one never left
    READS = "reads"  # it may have been carried out
    NONE = "none"  # the next one would fail in the same way


class LostError(UnreachableError):
    """No answer came; `again` says who may ask once more."""

    def __init__(self, what: str, *, where: str, again: Again, remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.again = again


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. `fresh`: over a connection that is opened for it alone."""

    method: str
    url: str
    body: bytes | None = None
    headers: Mapping[str, str]
    fresh: bool = False


class Wire:
    """Connections to one authority, kept between requests.

    A server may close a kept connection at the very moment at which a request leaves, and then
    nobody can tell whether that request arrived. What must not be sent twice without a look is
    therefore sent over a fresh connection (`Request.fresh`), which costs a handshake for newOrder,
    finalize and each challenge: where that cannot be opened, nothing was sent.
    """

    def __init__(self, clock: Clock, ca_file: Path | None, proxy: str | None = None) -> None:
        """Nothing is opened or read yet.

        Args:
            clock: gives the run's deadline.
            ca_file: trust for the authority's own TLS, PEM; None: the system's.
            proxy: URL; empty: none; None: the environment's.
        """
        self._proxy = proxy
        self._clock = clock
        self._ca_file = ca_file
        self._trust: ssl.SSLContext | None = None
        self._managers: dict[str, urllib3.PoolManager] = {}
        self._mutex = Lock()

    def send(self, request: Request) -> Answer:
        """One exchange, whatever its status; redirects are not followed.

        Raises:
            LostError: no whole answer came.
            AuthorityError: the URL is none, or the answer is too large.
            OperatorError: `ca_file` or the proxy is of no use.
            EndOfTimeError: the run's deadline has passed.
        """
        left = self._clock.remaining().total_seconds()
        if left <= 0:
            raise EndOfTimeError("no time is left for a request to the authority")
        timeout = Timeout(connect=min(_CONNECT, left), read=min(_READ, left))
        manager = self._manager(request)
        try:
            return self._exchange(manager, request, timeout)
        except LocationValueError as error:
            raise _no_url(request.url) from error
        except HTTPError as error:
            raise _lost(request.url, error) from error
        finally:
            if request.fresh:
                manager.clear()

    def _exchange(self, manager: urllib3.PoolManager, request: Request, timeout: Timeout) -> Answer:
        response = manager.request(
            request.method,
            request.url,
            body=request.body,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **request.headers},
            timeout=timeout,
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            body = self._read(response, request.url)
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return Answer(
            url=request.url,
            status=response.status,
            headers={name.lower(): value for name, value in response.headers.items()},
            links=tuple(response.headers.getlist("link")),
            body=body,
        )

    def _read(self, response: urllib3.BaseHTTPResponse, url: str) -> bytes:
        body = b""
        end = self._clock.monotonic() + _WHOLE
        while chunk := response.read1(_CHUNK, decode_content=False):
            body += chunk
            if len(body) > _LARGEST_BODY:
                raise AuthorityError(
                    f"the authority's answer is larger than {_LARGEST_BODY} bytes",
                    code="authority-malformed",
                    where=url,
                )
            if self._clock.monotonic() > end:
                raise LostError("the answer does not end", where=url, again=Again.READS)
        return body

    def _manager(self, request: Request) -> urllib3.PoolManager:
        proxy = choose(_parts(request.url), self._proxy)
        with self._mutex:
            if self._trust is None:
                self._trust = _trust(self._ca_file)
            if request.fresh:
                return self._new_manager(proxy, self._trust)
            if proxy not in self._managers:
                self._managers[proxy] = self._new_manager(proxy, self._trust)
            return self._managers[proxy]

    def _new_manager(self, proxy: str, trust: ssl.SSLContext) -> urllib3.PoolManager:
        return connections(proxy, trust, kept=_KEPT, configured=self._proxy is not None)


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as error:  # ssl.SSLError is one
        raise OperatorError(
            f"the trust for the authority's own TLS cannot be read: {error.strerror or error}",
            code="bad-ca-file",
            where=str(ca_file or ""),
            remedy="Correct the authority's ca_file: PEM, readable",
        ) from error


def _parts(url: str) -> Url:
    try:
        parts = parse_url(url)
    except LocationValueError as error:
        raise _no_url(url) from error
    if parts.scheme not in ("https", "http") or not parts.host:
        raise _no_url(url)
    return parts


def _no_url(url: str) -> AuthorityError:
    return AuthorityError(
        f"{url[:200]!r} is no URL that can be asked", code="authority-malformed", where=url[:200]
    )


def _lost(url: str, error: HTTPError) -> LostError:
    reason = error.args[-1] if error.args else error
    if isinstance(error, SSLError) and isinstance(reason, ssl.SSLCertVerificationError):
        return LostError(
            f"the authority's own certificate is not trusted: {reason.verify_message}",
            where=url,
            again=Again.NONE,
            remedy="Name what to trust in the authority's ca_file, or see who answers there",
        )
    if isinstance(error, ProxyError):
        words = _words(error)
        return LostError(
            f"the proxy does not carry us to the authority: {words}",
            where=url,
            again=Again.NONE if _REFUSED.search(words) else Again.ALL,
            remedy="Correct the authority's `proxy` (empty: none), or see what it refuses",
        )
    never_left = isinstance(error, NewConnectionError | ConnectTimeoutError)
    return LostError(
        f"the authority does not answer: {_words(error)}",
        where=url,
        again=Again.ALL if never_left else Again.READS,
        remedy="It is tried again; see that this machine reaches it",
    )


def _words(error: HTTPError) -> str:
    """The innermost words of an exception, without object addresses."""
    found: BaseException = error
    while isinstance(found.__cause__ or found.__context__, Exception):
        found = found.__cause__ or found.__context__ or found
    text = str(found) or type(found).__name__
    return f"{type(found).__name__}: {text}" if text != type(found).__name__ else text
