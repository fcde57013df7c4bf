"""Servers that say what a test tells them to, whatever they are asked."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from typing import Any

from support.loopback import Address

Answer = Callable[[str], bytes]


def response(status: str, body: bytes = b"", **headers: str) -> bytes:
    """An HTTP response, whole."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.title()}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: Address, handler: Any) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def handle_error(self, *_: Any) -> None:
        """What clients do is their business."""


@contextmanager
def talking(
    address: Address, answer: Answer, context: ssl.SSLContext | None = None
) -> Iterator[list[str]]:
    """Reads a request's head and sends what `answer` makes of it; gives the heads it has read."""
    heads: list[str] = []

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            if context is None:
                self._talk(self.request)
                return
            with context.wrap_socket(self.request, server_side=True) as line:
                self._talk(line)

        def _talk(self, line: socket.socket) -> None:
            head = b""
            while b"\r\n\r\n" not in head:
                chunk = line.recv(4096)
                if not chunk:
                    return
                head += chunk
            heads.append(head.decode())
            line.sendall(answer(head.decode()))

    with _running(address, Handler):
        yield heads


@contextmanager
def dripping(address: Address) -> Iterator[None]:
    """Sends a byte of a header now and then, for ever."""
    over = Event()

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self.request.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not over.is_set():
                    self.request.sendall(b"x")
                    time.sleep(0.02)

    with _running(address, Handler):
        yield
        over.set()


@contextmanager
def _running(address: Address, handler: Any) -> Iterator[None]:
    with _Server(address, handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
