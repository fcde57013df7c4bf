"""A direct connection over TCP."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from everleaf.ports import Ask


@contextmanager
def opened(ask: Ask, end: float) -> Iterator[socket.socket]:
    """A connected socket."""
    left = max(0.05, end - time.monotonic())
    with socket.create_connection((ask.address, ask.port), timeout=left) as line:
        yield line
