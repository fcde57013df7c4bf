"""Full TLS handshakes one after the other, several side by side, each with a request; a program.

Reads one JSON line: {"host", "port", "name", "source": the address to come from, "lines": how many
side by side, "count": how many in all}. Says `begun` after the first, and at the end one JSON line:
how many succeeded, in what words the others failed, and of every leaf (its SHA-256) the seconds of
the monotonic clock at which the first and the last connection that showed it were opened.
"""

import json
import socket
import ssl
import sys
import time
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock, Thread
from typing import Any

_PATIENCE = 20.0


@dataclass(slots=True)
class Load:
    """What is asked for, and what has come of it."""

    host: str
    port: int
    name: str
    source: str
    lines: int
    count: int
    done: int = 0
    failures: list[str] = field(default_factory=list)
    leaves: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _context: ssl.SSLContext = field(
        default_factory=lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    )

    def run(self) -> None:
        """All of it."""
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE
        threads = [Thread(target=self._line) for _ in range(self.lines)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _line(self) -> None:
        while self._takes_one():
            opened = time.monotonic()
            try:
                leaf = self._shake()
            except OSError as error:
                with self._lock:
                    self.failures.append(f"{time.monotonic():.3f}: {error!r}")
                continue
            digest = sha256(leaf).hexdigest()
            with self._lock:
                if self.done == 0:
                    print("begun", flush=True)  # noqa: T201 - the answer
                self.done += 1
                first, last = self.leaves.get(digest, (opened, opened))
                self.leaves[digest] = (min(first, opened), max(last, opened))

    def _takes_one(self) -> bool:
        with self._lock:
            self.count -= 1
            return self.count >= 0

    def _shake(self) -> bytes:
        """The leaf that was shown on a fresh connection, after a request was answered there."""
        with (
            socket.create_connection((self.host, self.port), _PATIENCE, (self.source, 0)) as line,
            self._context.wrap_socket(line, server_hostname=self.name) as channel,
        ):
            leaf = channel.getpeercert(binary_form=True) or b""
            channel.sendall(f"GET / HTTP/1.0\r\nHost: {self.name}\r\n\r\n".encode())
            answer = channel.recv(4096)
        if b" 200 " not in answer.partition(b"\r\n")[0]:
            raise ConnectionError(f"no answer to a request: {answer[:80]!r}")
        return leaf

    def document(self) -> dict[str, Any]:
        """What has come of it."""
        return {"done": self.done, "failures": self.failures, "leaves": self.leaves}


if __name__ == "__main__":
    asked = Load(**json.loads(sys.stdin.readline()))
    asked.run()
    print(json.dumps(asked.document()), flush=True)  # noqa: T201 - the answer
