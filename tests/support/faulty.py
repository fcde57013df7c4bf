"""A TLS server on loopback that fails as a test tells it to: alone, or in front of a real one.

In front of Pebble it works because Pebble makes its URLs of the Host header that it is sent.
"""

import http.client
import json
import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from everleaf.demo.listener import make_listener_certificate

_HOP = ("connection", "transfer-encoding", "content-length", "keep-alive")


class Fault(Enum):
    """What may go wrong with one request."""

    LOST_REQUEST = "closed without an answer, before anything was done"
    LOST_ANSWER = "done, then closed without an answer"
    RESET = "reset without an answer"
    HALF_AN_ANSWER = "done, and closed in the middle of the answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer of the test's own."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def document(body: object, status: int = 200, **headers: str) -> Reply:
    """A JSON answer; `retry_after=...` becomes Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(
        status=status,
        body=json.dumps(body).encode(),
        headers={"content-type": "application/json", **named},
    )


def problem(kind: str, status: int, detail: str = "because", **headers: str) -> Reply:
    """A problem document of ACME."""
    body = {"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail, "status": status}
    return document(body, status, **headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request; `payload` is the JWS payload's JSON, None for POST-as-GET and for no JWS."""

    method: str
    path: str
    headers: Mapping[str, str]
    connection: int
    payload: Any = None
    protected: Any = None


@dataclass(slots=True)
class Faulty:
    """The server's script, and what it saw.

    `replies` answer a path for good; `faults` hit requests whose path begins so, each once, in
    order, before any reply. With `one_request_each` a kept connection dies with the next request.
    """

    ca_file: Path
    port: int
    upstream: str | None = None
    upstream_ca: Path | None = None
    replies: dict[str, Reply] = field(default_factory=dict)
    faults: list[tuple[str, Fault | Reply]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    one_request_each: bool = False
    connections: int = 0
    nonces: int = 0
    mutex: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def directory(self) -> str:
        """The directory's URL; the same path as at the upstream."""
        return self.url + (urlsplit(self.upstream).path if self.upstream else "/dir")

    def paths(self, method: str | None = None) -> list[str]:
        """Paths of the requests so far."""
        return [one.path for one in self.seen if method in (None, one.method)]

    def fault(self, path: str) -> Fault | Reply | None:
        """What the next request to this path is to meet, once."""
        with self.mutex:
            for place, (start, what) in enumerate(self.faults):
                if path.startswith(start):
                    del self.faults[place]
                    return what
        return None

    def serve_acme(self, **more: str) -> None:
        """Replies of a small authority: directory, nonces, an account; `more` for the directory."""
        names = {"newNonce": "/nonce", "newAccount": "/account", "newOrder": "/order", **more}
        resources = {name: self.url + path for name, path in names.items()}
        self.replies |= {
            "/dir": document(resources),
            "/nonce": Reply(status=204),
            "/account": document({"status": "valid"}, 201, location=self.url + "/me"),
        }


@contextmanager
def faulty(
    folder: Path, upstream: str | None = None, upstream_ca: Path | None = None
) -> Iterator[Faulty]:
    """A server of the test's own; with `upstream` (a directory's URL) it hands requests on."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key, ca_file = make_listener_certificate(folder)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(certificate, key)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.trust = trust
    server.script = Faulty(
        ca_file=ca_file, port=server.server_address[1], upstream=upstream, upstream_ca=upstream_ca
    )
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
    trust: ssl.SSLContext
    script: Faulty

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._lines: set[socket.socket] = set()

    def finish_request(self, request: Any, client_address: Any) -> None:
        self._lines.add(request)
        try:
            with self.trust.wrap_socket(request, server_side=True) as channel:
                self._lines.add(channel)
                super().finish_request(channel, client_address)
        except OSError:
            return  # the other end went away, as it may

    def end_all(self) -> None:
        for line in list(self._lines):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        script = self.server.script
        with script.mutex:
            script.connections += 1
            self.number = script.connections
        self.served = 0

    def log_message(self, *_: object) -> None:
        return

    def _any(self) -> None:
        script = self.server.script
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        protected, payload = _parts(body)
        script.seen.append(
            Seen(
                method=self.command,
                path=self.path,
                headers={name.lower(): value for name, value in self.headers.items()},
                connection=self.number,
                payload=payload,
                protected=protected,
            )
        )
        self.served += 1
        if script.one_request_each and self.served > 1:
            self._hang_up()
            return
        fault = script.fault(self.path)
        if fault in (Fault.LOST_REQUEST, Fault.RESET):
            self._hang_up(reset=fault is Fault.RESET)
            return
        reply = fault if isinstance(fault, Reply) else self._reply(body)
        if fault is Fault.LOST_ANSWER:
            self._hang_up()
            return
        self._send(reply, half=fault is Fault.HALF_AN_ANSWER)

    do_GET = do_POST = do_HEAD = _any  # noqa: N815 - the names that http.server calls

    def _reply(self, body: bytes) -> Reply:
        script = self.server.script
        if self.path in script.replies:
            return script.replies[self.path]
        if script.upstream is None:
            return problem("malformed", 404, f"no reply for {self.path}")
        return _forward(self, body, script)

    def _send(self, reply: Reply, *, half: bool) -> None:
        script = self.server.script
        headers = {name.lower(): value for name, value in reply.headers.items()}
        if script.upstream is None and "replay-nonce" not in headers:
            with script.mutex:
                script.nonces += 1
                headers["replay-nonce"] = f"{script.nonces:08d}"
        self.send_response(reply.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[: len(reply.body) // 2] if half else reply.body)
        if half:
            self._hang_up()

    def _hang_up(self, *, reset: bool = False) -> None:
        self.close_connection = True
        self.wfile.flush()
        if reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            return
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def _forward(handler: _Handler, body: bytes, script: Faulty) -> Reply:
    parts = urlsplit(script.upstream or "")
    context = ssl.create_default_context(cafile=str(script.upstream_ca))
    line = http.client.HTTPSConnection(
        parts.hostname or "", parts.port, context=context, timeout=20
    )
    try:
        line.request(handler.command, handler.path, body or None, dict(handler.headers.items()))
        answer = line.getresponse()
        content = answer.read()
    finally:
        line.close()
    headers = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
    return Reply(status=answer.status, body=content, headers=headers)


def _parts(body: bytes) -> tuple[Any, Any]:
    """Protected header and payload of a JWS."""
    import base64

    try:
        jws = json.loads(body)
        fields = [jws["protected"], jws["payload"]]
    except (ValueError, KeyError, TypeError):
        return None, None
    texts = [base64.urlsafe_b64decode(one + "=" * (-len(one) % 4)) for one in fields]
    return tuple(json.loads(one) if one else None for one in texts)  # type: ignore[return-value]
