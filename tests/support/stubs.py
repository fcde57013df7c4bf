"""Servers that fail as a test wants them to, before or instead of TLS."""

import select
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from support.loopback import PATIENCE, Address

Act = Callable[[socket.socket], None]
_ALERT = 21  # RFC 8446, section 5.1
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close is a reset


def closes(line: socket.socket) -> None:
    """Takes the hello, and closes."""
    line.recv(4096)


def resets(line: socket.socket) -> None:
    """Takes the hello, and resets the connection."""
    line.recv(4096)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def is_silent(line: socket.socket) -> None:
    """Takes whatever comes until the other side has gone."""
    while line.recv(4096):
        pass


def greets(words: bytes) -> Act:
    """Says this at once, then takes whatever comes."""

    def act(line: socket.socket) -> None:
        line.sendall(words)
        is_silent(line)

    return act


def answers(words: bytes) -> Act:
    """Says this when something has come, and closes."""

    def act(line: socket.socket) -> None:
        line.recv(4096)
        line.sendall(words)

    return act


def conversation(greeting: bytes, *steps: tuple[bytes, bytes], live: Path | None = None) -> Act:
    """Greets, answers what begins so with that, then shakes hands by TLS; else it closes.

    Args:
        greeting: said at once.
        steps: how the other side's next words have to begin, and the answer.
        live: the folder of its certificate; None: it has no TLS.
    """

    def act(line: socket.socket) -> None:
        line.sendall(greeting)
        for beginning, answer in steps:
            said = line.recv(4096)
            if not said.startswith(beginning):
                return
            line.sendall(answer)
        if live is None:
            line.recv(4096)
            return
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(live / "fullchain.pem", live / "privkey.pem")
        with context.wrap_socket(line, server_side=True) as channel:
            channel.recv(4096)

    return act


def hanging_up(there: Address) -> Act:
    """Stands before a server of TLS 1.2, and hangs up in place of an alert of its."""

    def act(line: socket.socket) -> None:
        with socket.create_connection(there, timeout=PATIENCE) as behind:
            while True:
                ready, _, _ = select.select([line, behind], [], [], PATIENCE)
                for one in ready:
                    words = one.recv(1 << 16)
                    if not words or (one is behind and words[0] == _ALERT):
                        return
                    (behind if one is line else line).sendall(words)

    return act


def alert(number: int) -> Act:
    """Answers the hello with a fatal alert of TLS."""
    return answers(bytes((21, 3, 3, 0, 2, 2, number)))


@contextmanager
def stub(address: Address, act: Act) -> Iterator[None]:
    """A server that does this with each connection, one after the other."""
    with socket.create_server(address) as listener:
        thread = Thread(target=_serve, args=(listener, act), daemon=True)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, act: Act) -> None:
    while True:
        try:
            line, _ = listener.accept()
        except OSError:
            return
        with line, suppress(OSError):
            act(line)


@contextmanager
def deaf(address: Address) -> Iterator[None]:
    """A full backlog: further packets that would open a connection are dropped."""
    with socket.create_server(address, backlog=0), _Crowd(address):
        yield


class _Crowd:
    """Connections that nobody takes, as many as there is room for."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lines: list[socket.socket] = []

    def __enter__(self) -> None:
        while True:
            line = socket.socket()
            self._lines.append(line)
            line.settimeout(0.3)
            try:
                line.connect(self._address)
            except TimeoutError:
                return

    def __exit__(self, *_: object) -> None:
        for line in self._lines:
            line.close()
