#!/usr/bin/env python3
"""A small TLS server for the demo, where no nginx is installed. SIGHUP reads the pair again.

Usage: tls_server.py ADDRESS PORT FOLDER PID_FILE; FOLDER holds fullchain.pem and privkey.pem.
"""

import http.server
import os
import signal
import ssl
import sys
from pathlib import Path


class Hello(http.server.BaseHTTPRequestHandler):
    """Answers every GET with one line."""

    def do_GET(self) -> None:
        """One line."""
        body = b"served by the demo of everleaf\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    """Shakes hands in the thread of the connection, with the context of that moment."""

    def __init__(self, address: str, port: int, folder: Path) -> None:
        super().__init__((address, port), Hello)
        self.folder = folder
        self.read_pair()

    def read_pair(self, *_: object) -> None:
        """Read the pair; where that fails the one before stays in use."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.folder / "fullchain.pem", self.folder / "privkey.pem")
        except (OSError, ssl.SSLError) as error:
            print(f"the pair cannot be read: {error}", file=sys.stderr, flush=True)  # noqa: T201
            return
        self.context = context

    def finish_request(self, request: object, client_address: object) -> None:
        """Handshake first, in this connection's thread."""
        request.settimeout(5)  # type: ignore[attr-defined]
        try:
            with self.context.wrap_socket(request, server_side=True) as secured:  # type: ignore[arg-type]
                super().finish_request(secured, client_address)
        except OSError:
            pass

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no error of ours."""


def main() -> None:
    """Serve until terminated."""
    address, port, folder, pid_file = sys.argv[1:]
    server = Server(address, int(port), Path(folder))
    signal.signal(signal.SIGHUP, server.read_pair)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    Path(pid_file).write_text(f"{os.getpid()}\n", encoding="ascii")
    server.serve_forever()


if __name__ == "__main__":
    main()
