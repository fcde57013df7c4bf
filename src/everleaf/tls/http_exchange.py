"""One HTTP/1.1 request over a given channel, and its answer, bounded in size and time."""

import http.client
import io
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol, cast

from everleaf import __version__
from everleaf.core.wanted import join_port

PORTS = {"http": 80, "https": 443}
_LONGEST_HEAD = 65536
_CHUNK = 16384


class Channel(Protocol):
    """A connected socket, plain or TLS, as far as it is used here. Raises OSError and no other."""

    def sendall(self, data: bytes, /) -> None:
        """Send all of it."""
        ...

    def recv(self, size: int, /) -> bytes:
        """At most so many bytes; empty: the other side has closed."""
        ...

    def settimeout(self, seconds: float, /) -> None:
        """How long the next call may take."""
        ...


Connect = Callable[[], AbstractContextManager[Channel]]


class NotHttpError(Exception):
    """Something answered, and it was no HTTP, or too much of it; the text says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Who is asked, as the Host header has it (RFC 9110, section 7.2)."""

    host: str
    port: int
    scheme: str = "https"

    @property
    def authority(self) -> str:
        """Host and port, which is left out where it is the scheme's own."""
        place = join_port(self.host, self.port)
        return place if self.port != PORTS[self.scheme] else place.removesuffix(f":{self.port}")

    def url(self, target: str = "/") -> str:
        """As a URL."""
        return f"{self.scheme}://{self.authority}{target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The head of a response, and the body as far as it was wanted."""

    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def all(self, name: str) -> tuple[str, ...]:
        """The values of every line of a header, in their order."""
        return tuple(value for key, value in self.headers if key.lower() == name.lower())

    @property
    def line(self) -> str:
        """The status as people write it: `HTTP 400 Bad Request`."""
        return f"HTTP {self.status} {self.reason}".strip()

    @property
    def date(self) -> datetime | None:
        """The server's clock by its Date header (RFC 9110, section 6.6.1)."""
        try:
            found = parsedate_to_datetime(self.all("date")[0])
        except (IndexError, ValueError, TypeError):
            return None
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def request(
    connect: Connect, site: Site, target: str = "/", *, timeout: float, most: int = 0
) -> Answer:
    """GET `target` on a fresh connection; nothing is followed.

    Args:
        connect: opens the connection, which may take its own time.
        site: for the Host header.
        target: path and query.
        timeout: seconds from the first byte of the request to the last of the answer.
        most: bytes of the body that are wanted; what is longer is cut there.

    Raises:
        OSError: there is no connection, or no answer came.
        NotHttpError: it was no answer.
    """
    lines = (
        f"GET {target} HTTP/1.1",
        f"Host: {site.authority}",
        f"User-Agent: everleaf/{__version__}",
        "Accept: */*",
        "Connection: close",
    )
    head = "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1", "replace")
    with connect() as channel:
        end = time.monotonic() + timeout
        channel.settimeout(timeout)
        channel.sendall(head)
        return _read(_Until(channel, end, _LONGEST_HEAD + most), most)


def _read(line: "_Until", most: int) -> Answer:
    try:
        with http.client.HTTPResponse(cast("socket.socket", line)) as answer:
            answer.begin()
            return Answer(
                status=answer.status,
                reason=answer.reason,
                headers=tuple(answer.headers.items()),
                body=_body(answer, most),
            )
    except ConnectionError:
        raise
    except (http.client.HTTPException, ValueError) as error:
        raise NotHttpError(f"what answers is no HTTP/1.1 ({type(error).__name__})") from error


def _body(answer: http.client.HTTPResponse, most: int) -> bytes:
    found = bytearray()
    while len(found) < most:
        chunk = answer.read(min(most - len(found), _CHUNK))
        if not chunk:
            break
        found += chunk
    return bytes(found)


class _Until(io.RawIOBase):
    """What comes over a channel until an instant, and no more than so many bytes."""

    def __init__(self, channel: Channel, end: float, most: int) -> None:
        super().__init__()
        self._channel = channel
        self._end = end
        self._left = most

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if self._left <= 0:
            raise NotHttpError("the answer does not end")
        self._channel.settimeout(left)
        chunk = self._channel.recv(min(len(buffer), self._left))
        self._left -= len(chunk)
        buffer[: len(chunk)] = chunk
        return len(chunk)
