"""What a TLS client asks for, read off its ClientHello: RFC 8446, section 4.1.2.

Python's `ssl` tells a server neither which protocols were offered nor that none was, before it
has sent its certificate.
"""

from collections.abc import Iterator
from dataclasses import dataclass

LONGEST = 16384
_RECORD_HEAD = 5
_MESSAGE_HEAD = 4
_HANDSHAKE, _CLIENT_HELLO = 22, 1
_MAJOR_VERSION = 3
_VERSION_AND_RANDOM = 34
_SERVER_NAME, _PROTOCOLS = 0, 16
_HOST_NAME = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The name (RFC 6066, section 3) in lower case, and the protocols (RFC 7301) offered."""

    server_name: str = ""
    protocols: tuple[bytes, ...] = ()


def read(raw: bytes) -> Hello | None:
    """Read what came first over a connection; None: it is not whole yet.

    Raises:
        ValueError: it is no ClientHello.
    """
    message, at = b"", 0
    while len(raw) - at >= _RECORD_HEAD:
        length = int.from_bytes(raw[at + 3 : at + _RECORD_HEAD])
        if raw[at] != _HANDSHAKE or raw[at + 1] != _MAJOR_VERSION or not 0 < length <= LONGEST:
            raise ValueError("no handshake")
        message += raw[at + _RECORD_HEAD : at + _RECORD_HEAD + length]
        at += _RECORD_HEAD + length
        if message and message[0] != _CLIENT_HELLO:
            raise ValueError("no ClientHello")
        size = int.from_bytes(message[1:_MESSAGE_HEAD]) + _MESSAGE_HEAD
        if len(message) >= max(size, _MESSAGE_HEAD):
            return _parse(message[_MESSAGE_HEAD:size])
    if len(raw) > LONGEST:
        raise ValueError("it does not end")
    return None


def _parse(body: bytes) -> Hello:
    rest = _Bytes(body)
    rest.take(_VERSION_AND_RANDOM)
    for width in (1, 2, 1):  # session, cipher suites, compression methods
        rest.vector(width)
    name = ""
    protocols: tuple[bytes, ...] = ()
    extensions = _Bytes(rest.vector(2) if rest else b"")
    while extensions:
        kind = int.from_bytes(extensions.take(2))
        content = _Bytes(extensions.vector(2))
        if kind == _SERVER_NAME:
            name = _host(_Bytes(content.vector(2)))
        elif kind == _PROTOCOLS:
            protocols = tuple(_Bytes(content.vector(2)).vectors(1))
    return Hello(server_name=name, protocols=protocols)


def _host(names: "_Bytes") -> str:
    while names:
        kind = names.take(1)[0]
        name = names.vector(2)
        if kind == _HOST_NAME:
            return name.decode("ascii").lower()
    return ""


class _Bytes:
    """Bytes that are taken off from the front."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def __bool__(self) -> bool:
        return bool(self._raw)

    def take(self, size: int) -> bytes:
        if len(self._raw) < size:
            raise ValueError("it ends too early")
        taken, self._raw = self._raw[:size], self._raw[size:]
        return taken

    def vector(self, width: int) -> bytes:
        """What has its length, in so many bytes, before it."""
        return self.take(int.from_bytes(self.take(width)))

    def vectors(self, width: int) -> Iterator[bytes]:
        while self:
            yield self.vector(width)
