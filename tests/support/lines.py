"""Fresh connections to one address, as whoever looks from outside opens them."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from everleaf.core.approach import Pair
from everleaf.tls.handshake import Shake, shake
from everleaf.tls.http_exchange import Channel, Connect
from support.loopback import PATIENCE, Address


def plain(address: Address) -> Connect:
    """Opens connections without TLS."""

    @contextmanager
    def connect() -> Iterator[Channel]:
        with socket.create_connection(address, timeout=PATIENCE) as line:
            yield line

    return connect


def secure(address: Address, name: str, client: Pair | None = None) -> Connect:
    """Opens connections with TLS, trusting anybody."""

    @contextmanager
    def connect() -> Iterator[Channel]:
        with socket.create_connection(address, timeout=PATIENCE) as line:
            yield _channel(_shake(line, name, client))

    return connect


def shaken(address: Address, name: str, client: Pair | None = None) -> Shake:
    """What one handshake shows; its channel is closed."""
    with socket.create_connection(address, timeout=PATIENCE) as line:
        return _shake(line, name, client)


def _shake(line: socket.socket, name: str, client: Pair | None) -> Shake:
    return shake(line, server_name=name, end=time.monotonic() + PATIENCE, client=client)


def _channel(seen: Shake) -> Channel:
    assert seen.channel is not None, seen.words
    return seen.channel
