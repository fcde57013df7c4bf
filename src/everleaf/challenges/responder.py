"""One thread that serves all connections of a listening socket, by whichever protocol.

It has one selector for them, so that slow clients cost memory but never a place: above the limit
the oldest connection goes.
"""

import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

_MOST_CONNECTIONS = 256
_PATIENCE = 10.0  # seconds for a whole exchange


class Exchange(Protocol):
    """One connection, as its protocol goes on with it."""

    def attend(self) -> int:
        """Go on as far as can be without waiting.

        Returns:
            What to wait for, `EVENT_READ` or `EVENT_WRITE`; 0: it is over.

        Raises:
            OSError: the connection is broken.
        """
        ...


Begin = Callable[[socket.socket], Exchange]


@dataclass(slots=True)
class _Held:
    """One open connection; `events` are those that its exchange waits for."""

    exchange: Exchange
    until: float
    events: int = selectors.EVENT_READ


class Responder:
    """Serves one bound socket in a thread of its own until it is closed."""

    def __init__(self, listening: socket.socket, begin: Begin) -> None:
        """Start serving.

        Args:
            listening: bound and listening; it is the responder's from now on.
            begin: the protocol's part for a new connection.
        """
        self._listening = listening
        self._begin = begin
        self._open: dict[socket.socket, _Held] = {}
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        listening.setblocking(False)
        self._selector.register(listening, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="everleaf-responder", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving; the port is free when this returns, unless it was handed to us."""
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
        for connection in [one for one, held in self._open.items() if held.until < now]:
            self._drop(connection)
        return True

    def _accept(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except BlockingIOError:  # another process that has this socket was faster
            return
        except OSError:  # gone before it was accepted, or no descriptor is left
            self._make_room(0)
            return
        self._make_room(_MOST_CONNECTIONS - 1)
        connection.setblocking(False)
        held = _Held(self._begin(connection), time.monotonic() + _PATIENCE)
        self._open[connection] = held
        self._selector.register(connection, held.events)

    def _make_room(self, most: int) -> None:
        if len(self._open) > most:
            self._drop(next(iter(self._open)))

    def _attend(self, connection: socket.socket, held: _Held) -> None:
        try:
            events = held.exchange.attend()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            events = 0
        if not events:
            self._drop(connection)
        elif events != held.events:
            held.events = events
            self._selector.modify(connection, events)

    def _drop(self, connection: socket.socket) -> None:
        del self._open[connection]
        self._selector.unregister(connection)
        connection.close()
