"""HTTP that knows challenge responses and nothing else: RFC 8555, section 8.3."""

import socket
from collections.abc import Callable
from selectors import EVENT_READ, EVENT_WRITE

from everleaf.challenges.tokens import WELL_KNOWN

Answers = Callable[[str], str | None]

_LONGEST_HEAD = 8192
_CHUNK = 4096
_REQUEST_LINE = 3  # method, target, version


class HttpExchange:
    """`responder.Exchange`: one request, one response, and the connection is closed."""

    def __init__(self, connection: socket.socket, answers: Answers) -> None:
        """Nothing is read yet.

        Args:
            connection: which does not block.
            answers: the key authorization of a token, None where it is not known.
        """
        self._connection = connection
        self._answers = answers
        self._head = b""
        self._sending: bytes | None = None

    def attend(self) -> int:
        """Read the head, send the response, and wait for the other side to close."""
        if self._sending is None:
            return self._read()
        if self._sending:
            return self._send()
        # Closing with unread bytes would reset the connection under the response.
        return EVENT_READ if self._connection.recv(_CHUNK) else 0

    def _read(self) -> int:
        chunk = self._connection.recv(_CHUNK)
        self._head += chunk
        if b"\r\n\r\n" in self._head or b"\n\n" in self._head:
            self._sending = respond(self._head, self._answers)
            return EVENT_WRITE
        return EVENT_READ if chunk and len(self._head) <= _LONGEST_HEAD else 0

    def _send(self) -> int:
        waiting = self._sending or b""
        self._sending = waiting[self._connection.send(waiting) :]
        if self._sending:
            return EVENT_WRITE
        self._connection.shutdown(socket.SHUT_WR)
        return EVENT_READ


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
