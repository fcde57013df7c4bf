"""An HTTP responder that knows challenge responses and nothing else: RFC 8555, section 8.3.

One thread with one selector serves every connection of an address, so that slow clients cost
memory but never a place: above the limit the oldest connection goes.
"""

import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from everleaf.challenges.tokens import WELL_KNOWN

Answers = Callable[[str], str | None]

_MOST_CONNECTIONS = 256
_LONGEST_HEAD = 8192
_PATIENCE = 10.0  # seconds for a whole exchange
_CHUNK = 4096
_REQUEST_LINE = 3  # method, target, version


@dataclass(slots=True)
class _Exchange:
    """One connection; `sending` is None while its request's head is being read."""

    until: float
    head: bytes = b""
    sending: bytes | None = field(default=None, repr=False)


class Responder:
    """Serves one bound socket in a thread of its own until it is closed."""

    def __init__(self, listening: socket.socket, answers: Answers) -> None:
        """Start serving.

        Args:
            listening: bound and listening; it is the responder's from now on.
            answers: the key authorization of a token, None where it is not known.
        """
        self._listening = listening
        self._answers = answers
        self._open: dict[socket.socket, _Exchange] = {}
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        listening.setblocking(False)
        self._selector.register(listening, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="everleaf-http-01", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving; the port is free when this returns."""
        self._wake.close()
        self._thread.join()

    def _serve(self) -> None:
        try:
            while self._turn():
                pass
        finally:
            for connection in list(self._open):
                self._drop(connection)
            self._selector.close()
            self._listening.close()
            self._woken.close()

    def _turn(self) -> bool:
        for key, _ in self._selector.select(timeout=1.0 if self._open else None):
            one = key.fileobj
            if one is self._woken:
                return False
            if one is self._listening:
                self._accept()
            elif isinstance(one, socket.socket) and one in self._open:
                self._attend(one, self._open[one])
        # A socket has no deadline for a whole exchange: this is a time-out of the network.
        now = time.monotonic()
        for connection in [one for one, exchange in self._open.items() if exchange.until < now]:
            self._drop(connection)
        return True

    def _accept(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except OSError:  # gone before it was accepted, or no descriptor is left
            self._make_room(0)
            return
        self._make_room(_MOST_CONNECTIONS - 1)
        connection.setblocking(False)
        self._open[connection] = _Exchange(until=time.monotonic() + _PATIENCE)
        self._selector.register(connection, selectors.EVENT_READ)

    def _make_room(self, most: int) -> None:
        if len(self._open) > most:
            self._drop(next(iter(self._open)))

    def _attend(self, connection: socket.socket, exchange: _Exchange) -> None:
        try:
            if exchange.sending is None:
                self._read(connection, exchange)
            elif exchange.sending:
                self._send(connection, exchange)
            elif not connection.recv(_CHUNK):
                # Closing with unread bytes would reset the connection under the response.
                self._drop(connection)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._drop(connection)

    def _read(self, connection: socket.socket, exchange: _Exchange) -> None:
        chunk = connection.recv(_CHUNK)
        exchange.head += chunk
        whole = b"\r\n\r\n" in exchange.head or b"\n\n" in exchange.head
        if whole:
            exchange.sending = respond(exchange.head, self._answers)
            self._selector.modify(connection, selectors.EVENT_WRITE)
        elif not chunk or len(exchange.head) > _LONGEST_HEAD:
            self._drop(connection)

    def _send(self, connection: socket.socket, exchange: _Exchange) -> None:
        waiting = exchange.sending or b""
        exchange.sending = waiting[connection.send(waiting) :]
        if not exchange.sending:
            connection.shutdown(socket.SHUT_WR)
            self._selector.modify(connection, selectors.EVENT_READ)

    def _drop(self, connection: socket.socket) -> None:
        del self._open[connection]
        self._selector.unregister(connection)
        connection.close()


def respond(head: bytes, answers: Answers) -> bytes:
    """The response to a request's head: the key authorization, or 404 with an empty body."""
    words = head.split(b"\n", 1)[0].strip().split(b" ")
    if len(words) != _REQUEST_LINE or words[0] not in (b"GET", b"HEAD"):
        return _response("404 Not Found", b"")
    target = words[1].decode("latin-1")
    token = target.removeprefix(WELL_KNOWN)
    body = answers(token) if target.startswith(WELL_KNOWN) else None
    if body is None:
        return _response("404 Not Found", b"")
    return _response("200 OK", body.encode("ascii"), bare=words[0] == b"HEAD")


def _response(status: str, body: bytes, *, bare: bool = False) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/octet-stream\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + (b"" if bare else body)
