"""Reading a ClientHello: real ones, in whatever pieces they come, and bytes that are none."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everleaf.challenges.hello import LONGEST, Hello, read


def said(name: str | None, *protocols: str) -> bytes:
    """What Python's own client says first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if protocols:
        context.set_alpn_protocols(list(protocols))
    outgoing = ssl.MemoryBIO()
    channel = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        channel.do_handshake()
    return outgoing.read()


def in_records(raw: bytes, size: int) -> bytes:
    """The same handshake message in records of at most `size` bytes."""
    head, message = raw[:3], raw[5:]
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(head + len(piece).to_bytes(2) + piece for piece in pieces)


def test_the_name_and_the_protocols_are_read() -> None:
    raw = said("A.test", "h2", "acme-tls/1")
    assert read(raw) == Hello(server_name="a.test", protocols=(b"h2", b"acme-tls/1"))


def test_a_client_that_names_nothing_and_offers_nothing_is_told_apart() -> None:
    assert read(said(None)) == Hello()


def test_before_it_is_whole_nothing_is_known() -> None:
    raw = said("a.test", "acme-tls/1")
    assert {read(raw[:size]) for size in range(len(raw))} == {None}


@pytest.mark.parametrize("size", [1, 7, 100])
def test_it_may_be_spread_over_many_records(size: int) -> None:
    raw = said("a.test", "acme-tls/1")
    assert read(in_records(raw, size)) == read(raw)


def test_what_follows_it_is_left_alone() -> None:
    raw = said("a.test")
    assert read(raw + b"anything") == read(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"\x80\x2e\x01\x03\x01\x00",  # SSL 2
        b"\x16\x03\x01\x00\x00",  # an empty record
        b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",  # a ServerHello
        b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",  # an empty one
        b"\x16\x03\x01\xff\xff",  # a record longer than any
        b"\x15\x03\x01\x00\x02\x02\x28",  # an alert
    ],
)
def test_what_is_none_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"no handshake|no ClientHello|too early"):
        read(raw)


def test_one_that_does_not_end_is_refused() -> None:
    record = b"\x16\x03\x01\x10\x00" + b"\x01\xff\xff\xff" + b"x" * 4092
    later = b"\x16\x03\x01\x10\x00" + b"x" * 4096
    with pytest.raises(ValueError, match="end"):
        read(record + later * (LONGEST // 4096))


@given(st.binary(), st.integers(0, 600))
def test_damaged_ones_are_refused_or_read_and_never_anything_else(noise: bytes, at: int) -> None:
    raw = said("a.test", "acme-tls/1")
    try:
        read(raw[:at] + noise + raw[at + len(noise) :])
    except ValueError:
        return
