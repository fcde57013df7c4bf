"""PROXY headers, byte by byte as proxy-protocol.txt has them."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from everleaf.tls.line.header import header
from support.loopback import free

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")


@contextmanager
def connection(host: str) -> Iterator[tuple[socket.socket, int, int]]:
    """A connection within one address, with the ports of its ends."""
    at = free(host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server(at, family=family), socket.create_connection(at) as line:
        yield line, line.getsockname()[1], at[1]


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", "TCP4"), ("::1", "TCP6")])
def test_the_text_names_both_ends(host: str, family: str) -> None:
    with connection(host) as (line, ours, theirs):
        sent = header(1, line, direct=True)
    assert sent == f"PROXY {family} {host} {host} {ours} {theirs}\r\n".encode()
    assert len(sent) <= 107  # section 2.1


@pytest.mark.parametrize(
    ("host", "start"), [("127.0.0.1", b"\x21\x11\x00\x0c"), ("::1", b"\x21\x21\x00\x24")]
)
def test_the_binary_one_names_both_ends(host: str, start: bytes) -> None:
    with connection(host) as (line, ours, theirs):
        sent = header(2, line, direct=True)
    end = ipaddress.ip_address(host).packed
    ports = ours.to_bytes(2, "big") + theirs.to_bytes(2, "big")
    assert sent == SIGNATURE + start + end + end + ports


def test_what_is_not_known_is_not_claimed() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert header(1, ours, direct=False) == b"PROXY UNKNOWN\r\n"
        assert header(2, ours, direct=False) == SIGNATURE + b"\x20\x00\x00\x00"


def test_there_is_no_third_version() -> None:
    with socket.socket() as line, pytest.raises(ValueError, match="version 3"):
        header(3, line, direct=True)
