"""Loopback addresses of a test's own, waiting with an end, and what a TLS server sends."""

import random
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

PATIENCE = 20.0  # seconds until something that must happen is given up

Address = tuple[str, int]
T = TypeVar("T")


def until(what: str, look: Callable[[], T]) -> T:
    """Look again and again until there is something, and fail the test if it never comes."""
    end = time.monotonic() + PATIENCE
    while not (found := look()):
        if time.monotonic() > end:
            pytest.fail(f"waited {PATIENCE:g} s in vain: {what}")
        time.sleep(0.01)
    return found


def free(host: str | None = None) -> Address:
    """A loopback address of one's own (or `host`) with a port where nothing listens.

    All of 127.0.0.0/8 is loopback on Linux, so that tests side by side do not meet.
    """
    dice = random.SystemRandom()
    while True:
        mine = host or ".".join(["127", *(str(dice.randint(1, 254)) for _ in range(3))])
        address = (mine, dice.randint(10000, 32000))
        with socket.socket(socket.AF_INET6 if ":" in mine else socket.AF_INET) as line:
            try:
                line.bind(address)
            except OSError:
                continue
        return address


def written(address: Address) -> str:
    """An address as configurations have it: 127.0.0.2:443, [::1]:443."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def served(host: str, port: int, name: str) -> list[bytes]:
    """The chain that a server sends for `name`, leaf first, as DER; on a fresh connection.

    Raises:
        OSError: nobody answers there, or it is no TLS (`ssl.SSLError`).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((host, port), timeout=PATIENCE) as line,
        context.wrap_socket(line, server_hostname=name) as channel,
    ):
        private: Any = channel._sslobj  # type: ignore[attr-defined] # public from 3.13 on
        chain = private.get_unverified_chain() or []
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain]


def switched(address: Address, name: str, leaf: bytes) -> None:
    """Wait until `leaf` is served for `name`, several fresh connections in a row.

    One look is no proof: an old worker may go on answering new connections for a moment.
    """
    until(
        f"{name} on {written(address)} is served with the expected leaf",
        lambda: all(served(*address, name)[0] == leaf for _ in range(5)),
    )
