"""One HTTP GET from a given address, following redirects as authorities do: RFC 8555, 8.3."""

import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import cast
from urllib.parse import SplitResult, urljoin, urlsplit

from everleaf import __version__
from everleaf.challenges.outlook import Addresses
from everleaf.errors import EverleafError

_HOPS = 10
_REDIRECTS = (301, 302, 307, 308)
_PORTS = {"http": 80, "https": 443}
_MOST_BYTES = 4096


class MisledError(Exception):
    """Something answered, and it was no HTTP, or leads nowhere; the text says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What came back at last; `url` is where it came from, after redirects."""

    url: str
    status: int
    body: bytes


def fetch(url: str, address: str, addresses: Addresses, limit: float) -> Page:
    """Get `url` from this address; of other hosts, to which it is redirected, from theirs.

    Certificates are not verified: a host that is to get its first one has none.

    Args:
        url: http, with a host.
        address: where its host is to be found.
        addresses: of other hosts.
        limit: seconds for all of it.

    Raises:
        OSError: no answer came.
        MisledError: it was no answer.
    """
    end = time.monotonic() + limit
    parts = urlsplit(url)
    first = parts.hostname
    for _ in range(_HOPS + 1):
        host = parts.hostname or ""
        places = [address] if host == first else _places(host, addresses)
        try:
            page, location = _get(url, parts, places, end)
        except http.client.HTTPException as error:
            kind = type(error).__name__
            raise MisledError(f"what answers at {url} is no HTTP, or not whole ({kind})") from error
        if page.status not in _REDIRECTS or location is None:
            return page
        parts = _parts(url, location)
        url = parts.geturl()
    raise MisledError(f"it redirects more than {_HOPS} times, at last to {url[:200]}")


def _parts(url: str, location: str) -> SplitResult:
    with suppress(ValueError):
        parts = urlsplit(urljoin(url, location))
        if parts.scheme in _PORTS and parts.hostname and parts.port != 0:
            return parts
    raise MisledError(f"it redirects to {location[:200]!r}, where authorities do not go")


def _places(host: str, addresses: Addresses) -> Sequence[str]:
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    try:
        return addresses(host)
    except EverleafError as error:
        raise MisledError(f"it redirects to {host}: {error.fault.what}") from error


def _get(
    url: str, parts: SplitResult, places: Sequence[str], end: float
) -> tuple[Page, str | None]:
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    with _connect(places, port, end) as plain:
        line = plain
        if parts.scheme == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            line = context.wrap_socket(plain, server_hostname=host)
        with line:
            line.sendall(_request(parts, host, port))
            answer = http.client.HTTPResponse(cast("socket.socket", _Until(line, end)))
            with answer:
                answer.begin()
                page = Page(url=url, status=answer.status, body=answer.read(_MOST_BYTES))
                return page, answer.headers["location"]


def _connect(places: Sequence[str], port: int, end: float) -> socket.socket:
    last = OSError("no address")
    for place in places:
        try:
            return socket.create_connection((place, port), timeout=_left(end))
        except OSError as error:
            last = error
    raise last


def _request(parts: SplitResult, host: str, port: int) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    name = f"[{host}]" if ":" in host else host
    if port != _PORTS[parts.scheme]:
        name = f"{name}:{port}"
    lines = (
        f"GET {target} HTTP/1.1",
        f"Host: {name}",
        f"User-Agent: everleaf/{__version__} (looking at its own responder)",
        "Accept: */*",
        "Connection: close",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1", "replace")


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Until(io.RawIOBase):
    """What comes over a connection until an instant, as `http.client` reads it."""

    def __init__(self, line: socket.socket, end: float) -> None:
        super().__init__()
        self._line = line
        self._end = end

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._line.settimeout(_left(self._end))
        return self._line.recv_into(buffer)
