"""Through a SOCKS5 (RFC 1928, RFC 1929) or HTTP proxy (CONNECT: RFC 9110, section 9.3.6)."""

import socket
from typing import TYPE_CHECKING, Any, cast

from everleaf.core.approach import Via, Way
from everleaf.core.symptoms import Symptom
from everleaf.core.symptoms.connection import (
    CONNECTION_FAILED,
    CONNECTION_REFUSED,
    HOST_UNREACHABLE,
    TIMED_OUT,
    VANTAGE_FAILED,
)
from everleaf.errors import OperatorError
from everleaf.tls.line.errors import LineError
from everleaf.tls.line.talk import LONGEST, Deadline, shown
from everleaf.tls.line.tcp import connected

if TYPE_CHECKING:
    from python_socks.sync import Proxy

_END = b"\r\n\r\n"

# What a proxy says of the server, and not of itself: RFC 1928, section 6; RFC 9110, section 15.6.
_OF_THE_SERVER: dict[tuple[Way, int], Symptom] = {
    (Way.SOCKS5, 3): HOST_UNREACHABLE,
    (Way.SOCKS5, 4): HOST_UNREACHABLE,
    (Way.SOCKS5, 5): CONNECTION_REFUSED,
    (Way.SOCKS5, 6): TIMED_OUT,
    (Way.HTTP, 500): CONNECTION_FAILED,
    (Way.HTTP, 502): CONNECTION_FAILED,
    (Way.HTTP, 503): CONNECTION_FAILED,
    (Way.HTTP, 504): TIMED_OUT,
}


def through_proxy(via: Via, host: str, port: int, deadline: Deadline) -> socket.socket:
    """A connection to a host by way of the proxy, which resolves the host where it is a name.

    Raises:
        LineError: the proxy cannot be used, or does not reach the host.
    """
    from python_socks import ProxyError, ProxyType
    from python_socks.sync import Proxy

    kind = ProxyType.SOCKS5 if via.way is Way.SOCKS5 else ProxyType.HTTP
    first = _First(via, deadline)
    password = _password(via) if via.user else None
    proxy = Proxy(
        kind,
        via.host,
        via.port,
        username=via.user or None,
        password=password,
        rdns=True,
        forward=cast("Proxy", first),
    )
    try:
        line = proxy.connect(host, port)
    except ProxyError as error:
        raise _refused(via, error.error_code, str(error)) from None
    except LineError:
        raise
    except TimeoutError:
        words = f"the proxy {via}, or the server behind it, gave no answer in time"
        raise LineError(words, TIMED_OUT) from None
    except OSError as error:
        words = f"the proxy {via} failed: {error.strerror or error}"
        raise LineError(words, VANTAGE_FAILED) from None
    except (ValueError, AssertionError):  # the text of which may show a part of the password
        words = f"the proxy {via} cannot be used: a user, password or answer that it cannot carry"
        raise LineError(words, VANTAGE_FAILED) from None
    return socket.socket(fileno=line.detach())


def _password(via: Via) -> str:
    if via.hidden is None:
        return via.password
    try:
        return via.hidden.read()
    except OperatorError as error:
        words = f"the proxy {via} cannot be asked: {error.fault.what} ({error.fault.where})"
        raise LineError(words, VANTAGE_FAILED) from None


def _refused(via: Via, code: int | None, words: str) -> LineError:
    known = _OF_THE_SERVER.get((via.way, code or 0))
    said = shown(words.encode("utf-8", "replace"))
    if known is None:
        return LineError(f"the proxy {via} refused: {said}", VANTAGE_FAILED)
    return LineError(f"the proxy {via} does not reach the server: {said}", known)


class _First:
    """The way to the proxy itself, in the place where the library has a proxy before it."""

    def __init__(self, via: Via, deadline: Deadline) -> None:
        self._via = via
        self._deadline = deadline

    def connect(self, dest_host: str, dest_port: int, **_: Any) -> socket.socket:
        """A connection to the proxy that keeps to the deadline.

        Raises:
            LineError: there is none.
        """
        try:
            line = connected(dest_host, dest_port, self._deadline)
        except OSError as error:
            words = f"the proxy {self._via} cannot be reached: {error.strerror or error}"
            raise LineError(words, VANTAGE_FAILED) from error
        kind = _Heads if self._via.way is Way.HTTP else _Timely
        return kind(line, self._deadline)


class _Timely(socket.socket):
    """A connection, all waits of which end together."""

    def __init__(self, line: socket.socket, deadline: Deadline) -> None:
        super().__init__(fileno=line.detach())
        self._deadline = deadline

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """All of it."""
        self.settimeout(self._deadline.left())
        super().sendall(data, flags)

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """What comes next."""
        self.settimeout(self._deadline.left())
        return super().recv(size, flags)


class _Heads(_Timely):
    """The library reads an answer of HTTP at one go: here it is its head, whole, and no more."""

    def recv(self, size: int, _flags: int = 0, /) -> bytes:
        """An answer's head; after it comes what the server says, perhaps already."""
        head = b""
        while not head.endswith(_END):
            if len(head) >= min(size, LONGEST):
                raise LineError("what the proxy answers has no end", VANTAGE_FAILED)
            seen = super().recv(LONGEST, socket.MSG_PEEK)
            if not seen:
                raise LineError("the proxy closed the connection", VANTAGE_FAILED)
            whole = head + seen
            end = whole.find(_END)
            more = len(seen) if end < 0 else end + len(_END) - len(head)
            head += super().recv(more)
        return head
