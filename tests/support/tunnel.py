"""An HTTP proxy on loopback that only tunnels (CONNECT), and keeps what it was asked for."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_CHUNK = 1 << 16


@dataclass(slots=True)
class Tunnel:
    """The proxy's script, and what it saw.

    Attributes:
        wants: the value of Proxy-Authorization without which nobody gets through.
        refuses: the status with which everybody is turned away.
        targets: host and port of every tunnel that was opened.
        headers: of every request for one.
    """

    port: int
    wants: str | None = None
    refuses: int | None = None
    targets: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def tunnel(wants: str | None = None) -> Iterator[Tunnel]:
    """A proxy of the test's own."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.script = Tunnel(port=server.server_address[1], wants=wants)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.script
    finally:
        server.shutdown()
        server.end_all()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    script: Tunnel

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.lines: set[socket.socket] = set()

    def end_all(self) -> None:
        for line in list(self.lines):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: object) -> None:
        return

    def do_CONNECT(self) -> None:
        script = self.server.script
        headers = {name.lower(): value for name, value in self.headers.items()}
        script.headers.append(headers)
        if script.refuses is not None:
            self.send_error(script.refuses)
            return
        if script.wants is not None and headers.get("proxy-authorization") != script.wants:
            self.send_error(407)
            return
        script.targets.append(self.path)
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as there:
            there.settimeout(None)
            self.server.lines |= {there, self.connection}
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pour, args=(there, self.connection))
            back.start()
            _pour(self.connection, there)
            back.join()
        self.close_connection = True


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(_CHUNK):
            sink.sendall(chunk)
    for line in (source, sink):
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)
