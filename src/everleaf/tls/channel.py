"""TLS of pyOpenSSL over a socket, by way of memory: what comes is seen, and every wait ends."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from everleaf.core.symptoms.connection import CLOSED, HANDSHAKE_FAILED

if TYPE_CHECKING:
    from OpenSSL import SSL

T = TypeVar("T")
_CHUNK = 1 << 14
_KEPT = 1024
_LOOP, _READ_ALERT, _FATAL = 0x1001, 0x4004, 2  # SSL_CB_CONNECT_LOOP, SSL_CB_READ_ALERT
_ASKED = b"read server certificate request"
_LEAST = 0.05  # a time-out of zero would not block at all


class ShakeError(OSError):
    """The handshake, or TLS after it, failed.

    Attributes:
        code: of the symptom.
    """

    def __init__(self, words: str, code: str = HANDSHAKE_FAILED.code) -> None:
        super().__init__(words)
        self.code = code


class Ear:
    """What TLS says of itself while it goes on: callbacks of a context.

    Attributes:
        asked: the server asked for a client's certificate.
        staple: the OCSP answer that it stapled.
        alert: the fatal one that it sent; None: none.
    """

    def __init__(self) -> None:
        self.asked = False
        self.staple = b""
        self.alert: int | None = None

    def hear(self, line: "SSL.Connection", where: int, value: int) -> None:
        """One step of the handshake, or an alert."""
        if where == _READ_ALERT and value >> 8 == _FATAL:
            self.alert = value & 0xFF
        elif where == _LOOP and _ASKED in line.get_state_string():
            self.asked = True

    def take_staple(self, _line: "SSL.Connection", staple: bytes, _data: object) -> bool:
        """The stapled answer, empty where there is none; who judges it is somebody else."""
        self.staple = staple
        return True


class Channel:
    """Bytes over TLS. Raises OSError and nothing else for what the other side does.

    Attributes:
        heard: the first bytes that came, before they were decrypted.
    """

    def __init__(self, line: "SSL.Connection", ear: Ear, sock: socket.socket, end: float) -> None:
        """Nothing is sent yet.

        Args:
            line: over memory.
            ear: of its context.
            sock: connected; stays the caller's.
            end: on the monotonic clock; `settimeout` moves it.
        """
        self._line = line
        self._ear = ear
        self._sock = sock
        self._end = end
        self.heard = b""

    @property
    def asked(self) -> bool:
        """Whether the other side has asked for a certificate so far."""
        return self._ear.asked

    @property
    def alert(self) -> int | None:
        """The fatal alert that the other side has sent so far."""
        return self._ear.alert

    def settimeout(self, seconds: float) -> None:
        """How long the next call may take."""
        self._end = time.monotonic() + seconds

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        self.run(lambda: self._line.sendall(data))

    def recv(self, size: int) -> bytes:
        """At most so many bytes; empty: the other side has closed."""
        try:
            return self.run(lambda: self._line.recv(size))
        except ShakeError as error:
            if error.code == CLOSED.code:
                return b""
            raise

    def run(self, call: Callable[[], T]) -> T:
        """Call into OpenSSL until it has all that it wants.

        Raises:
            ShakeError: TLS failed, or the other side has closed.
            OSError: the connection failed, or the time is over.
        """
        from OpenSSL import SSL

        while True:
            try:
                return call()
            except SSL.WantReadError:
                self._send()
                self._receive()
            except SSL.ZeroReturnError:
                raise _closed() from None
            except SSL.Error as error:
                raise ShakeError(_reason(error)) from error
            finally:
                self._send()

    def _send(self) -> None:
        from OpenSSL import SSL

        # What the other side said before it went away is still to be read.
        with suppress(ConnectionError, SSL.WantReadError):
            while waiting := self._line.bio_read(_CHUNK):
                self._sock.settimeout(self._left())
                self._sock.sendall(waiting)

    def _receive(self) -> None:
        self._sock.settimeout(self._left())
        came = self._sock.recv(_CHUNK)
        if not came:
            raise _closed()
        if len(self.heard) < _KEPT:
            self.heard += came
        self._line.bio_write(came)

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return max(_LEAST, left)


def _closed() -> ShakeError:
    return ShakeError("the server closed the connection during the handshake", CLOSED.code)


def _reason(error: Exception) -> str:
    """OpenSSL's own words."""
    stack = error.args[0] if error.args else ()
    last = stack[-1][-1] if isinstance(stack, list | tuple) and stack else ""
    return f"the handshake failed: {last or 'no reason is given'}"
