"""A dialogue in plain text, every read of which ends: in time, and in size."""

import socket
import time
from collections.abc import Callable

from everleaf.core.symptoms.connection import (
    CLOSED,
    CONNECTION_RESET,
    SILENT,
    STARTTLS_FAILED,
    TLS_AT_ONCE,
)
from everleaf.tls.line.errors import LineError

LONGEST = 4096  # of a line, a packet or an element
_MOST = 1 << 16  # of all that is said before TLS
_SHOWN = 120
_RECORDS = frozenset({0x15, 0x16})  # alert and handshake: RFC 8446, section 5.1
_RECORD_START = 2


class Deadline:
    """An instant of the monotonic clock."""

    def __init__(self, end: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._end = end
        self._clock = clock

    def left(self) -> float:
        """Seconds from now.

        Raises:
            TimeoutError: it has passed.
        """
        left = self._end - self._clock()
        if left <= 0:
            raise TimeoutError("no answer in time")
        return left

    def earlier(self, share: float) -> "Deadline":
        """After this share of what is left."""
        return Deadline(self._clock() + share * self.left(), self._clock)


class Talk:
    """What is said to a server before TLS, and what it answers."""

    def __init__(self, line: socket.socket, deadline: Deadline) -> None:
        self.socket = line
        self._deadline = deadline
        self._came = b""
        self._heard = 0

    def say(self, data: bytes) -> None:
        """Send all of it.

        Raises:
            OSError: the connection failed, or the time is over.
        """
        self.socket.settimeout(self._deadline.left())
        try:
            self.socket.sendall(data)
        except (ConnectionResetError, BrokenPipeError) as error:
            raise self._cut() from error

    def line(self) -> bytes:
        """One line, without its end.

        Raises:
            LineError: there was none, or no end of it.
        """
        return self.through(b"\n").rstrip(b"\r\n")

    def through(self, mark: bytes) -> bytes:
        """All up to this mark, which is in it.

        Raises:
            LineError: it did not come, or too late in the text.
        """
        while (at := self._came.find(mark)) < 0:
            if len(self._came) > LONGEST:
                raise LineError(f"{self._start()}, and no end of it", STARTTLS_FAILED)
            self._receive()
        if at > LONGEST:
            raise LineError(f"{self._start()}, and no end of it", STARTTLS_FAILED)
        return self._take(at + len(mark))

    def exactly(self, count: int) -> bytes:
        """So many bytes.

        Raises:
            LineError: they did not come, or are more than anybody needs.
        """
        if count > LONGEST:
            raise LineError(f"the server announces {count} bytes", STARTTLS_FAILED)
        while len(self._came) < count:
            self._receive()
        return self._take(count)

    def turn(self) -> None:
        """Have TLS follow: nothing that came in plain text may be taken for it.

        Raises:
            LineError: something came already; a server is silent until it is greeted in TLS.
        """
        self.socket.settimeout(0)
        try:
            early = self._came or self.socket.recv(_SHOWN, socket.MSG_PEEK)
        except (BlockingIOError, ConnectionError):
            return
        if early:
            raise LineError(
                f"after the turn to TLS more came in plain text: {shown(early)}", STARTTLS_FAILED
            )

    def other(self, protocol: str, came: bytes) -> LineError:
        """The error for what is not this protocol."""
        words = f"the server does not speak {protocol}: {shown(came + self._came)}"
        return LineError(words, STARTTLS_FAILED)

    def _take(self, count: int) -> bytes:
        taken, self._came = self._came[:count], self._came[count:]
        return taken

    def _receive(self) -> None:
        try:
            self.socket.settimeout(self._deadline.left())
            came = self.socket.recv(LONGEST)
        except TimeoutError as error:
            words = f"{self._start()}, and then nothing" if self._heard else "the server is silent"
            raise LineError(words, SILENT) from error
        except ConnectionResetError as error:
            raise self._cut() from error
        if not came:
            raise self._closed()
        self._came += came
        if not self._heard and is_tls(came):
            raise LineError("the server speaks TLS from the first byte", TLS_AT_ONCE)
        self._heard += len(came)
        if self._heard > _MOST:
            raise LineError("the server does not come to an end", STARTTLS_FAILED)

    def _cut(self) -> LineError:
        return LineError("the connection was reset before the turn to TLS", CONNECTION_RESET)

    def _closed(self) -> LineError:
        if self._heard:
            words = f"{self._start()}, and closed the connection before the turn to TLS"
            return LineError(words, STARTTLS_FAILED)
        return LineError("the server closed the connection without a word", CLOSED)

    def _start(self) -> str:
        return f"the server said {shown(self._came)}" if self._came else "the server spoke"


def is_tls(came: bytes) -> bool:
    """Whether these bytes begin a record of TLS that a server sends first."""
    return len(came) >= _RECORD_START and came[0] in _RECORDS and came[1] == 3  # noqa: PLR2004 - its version


def shown(text: bytes) -> str:
    """The beginning, as far as it can be shown."""
    return repr("".join(chr(one) if 32 <= one < 127 else "." for one in text[:_SHOWN]))  # noqa: PLR2004 - printable
