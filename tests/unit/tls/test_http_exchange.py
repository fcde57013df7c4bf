"""One request over a channel: what is sent, what comes back, and what is given up."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everleaf.tls.http_exchange import Answer, Channel, NotHttpError, Site, request
from support import lines
from support.loopback import PATIENCE, free
from support.talkers import dripping, response, talking

SITE = Site(host="www.a.test", port=443)


def ask(answer: bytes, site: Site = SITE, target: str = "/", **more: int) -> Answer:
    address = free()
    with talking(address, lambda _: answer):
        return request(lines.plain(address), site, target, timeout=PATIENCE, **more)


def sent(site: Site, target: str = "/") -> str:
    address = free()
    with talking(address, lambda _: response("200 OK")) as heads:
        request(lines.plain(address), site, target, timeout=PATIENCE)
    (head,) = heads
    return head


@pytest.mark.parametrize(
    ("site", "host"),
    [
        (SITE, "www.a.test"),
        (Site(host="www.a.test", port=8443), "www.a.test:8443"),
        (Site(host="www.a.test", port=80, scheme="http"), "www.a.test"),
        (Site(host="www.a.test", port=443, scheme="http"), "www.a.test:443"),
        (Site(host="::1", port=443), "[::1]"),
        (Site(host="::1", port=8443), "[::1]:8443"),
    ],
)
def test_the_host_is_named_with_its_port_where_that_is_unusual(site: Site, host: str) -> None:
    assert f"\r\nHost: {host}\r\n" in sent(site)
    assert site.url("/x").endswith(f"://{host}/x")


def test_a_connection_is_for_one_request() -> None:
    head = sent(SITE, "/a?b=c")
    assert head.startswith("GET /a?b=c HTTP/1.1\r\n")
    assert "\r\nConnection: close\r\n" in head


def test_every_line_of_a_header_is_kept_in_order() -> None:
    found = ask(b"HTTP/1.1 200 OK\r\nX-One: a\r\nOther: x\r\nx-one: b\r\n\r\n")
    assert found.all("X-ONE") == ("a", "b")
    assert found.all("missing") == ()
    assert found.line == "HTTP 200 OK"


def test_a_body_is_cut_where_it_is_long() -> None:
    assert ask(response("200 OK", b"x" * 10), most=100).body == b"x" * 10
    assert ask(response("200 OK", b"x" * 1000), most=100).body == b"x" * 100
    assert ask(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 200_000, most=150_000).body == b"x" * 150_000


def test_a_body_that_nobody_wants_is_not_waited_for() -> None:
    assert ask(b"HTTP/1.1 403 No\r\nContent-Length: 99\r\n\r\n").status == 403


def test_an_answer_in_pieces_is_put_together() -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    assert ask(chunked, most=100).body == b"abcde"


@pytest.mark.parametrize(
    "said",
    [
        b"220 mail.test ESMTP\r\n",
        b"* OK IMAP4rev1 ready\r\n",
        b"+OK POP3 ready\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 two OK\r\n\r\n",
        b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nwhat\r\n",
    ],
)
def test_what_is_no_http_or_too_much_of_it_is_told_so(said: bytes) -> None:
    with pytest.raises(NotHttpError):
        ask(said, most=100)


def test_a_server_that_closes_without_an_answer_gave_none() -> None:
    with pytest.raises(OSError, match="without response"):
        ask(b"")


def test_nobody_there_is_an_error_of_the_connection() -> None:
    with pytest.raises(ConnectionRefusedError):
        request(lines.plain(free()), SITE, timeout=PATIENCE)


def test_a_byte_now_and_then_does_not_stretch_the_limit() -> None:
    address = free()
    with dripping(address), pytest.raises(TimeoutError):
        request(lines.plain(address), SITE, timeout=0.3)


@pytest.mark.parametrize(
    ("value", "clock"),
    [
        ("Wed, 25 Nov 2026 06:30:00 GMT", datetime(2026, 11, 25, 6, 30, tzinfo=UTC)),
        ("Wed, 25 Nov 2026 07:30:00 +0100", datetime(2026, 11, 25, 6, 30, tzinfo=UTC)),
        ("Wed, 25 Nov 2026 06:30:00 -0000", datetime(2026, 11, 25, 6, 30, tzinfo=UTC)),
        ("yesterday", None),
        ("Wed, 99 Nov 2026 06:30:00 GMT", None),
        ("", None),
    ],
)
def test_the_date_is_a_clock_or_none(value: str, clock: datetime | None) -> None:
    assert Answer(status=200, headers=(("Date", value),)).date == clock


def test_an_answer_without_a_date_has_no_clock() -> None:
    assert Answer(status=200).date is None


class Bytes:
    """A channel that says what it was given."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def sendall(self, data: bytes, /) -> None:
        """Nobody listens."""

    def recv(self, size: int, /) -> bytes:
        said, self._said = self._said[:size], self._said[size:]
        return said

    def settimeout(self, seconds: float, /) -> None:
        """It never waits."""


@given(
    st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(b"HTTP/1.1 200 OK\r\n".__add__))
)
def test_whatever_is_said_is_an_answer_or_one_of_two_errors(said: bytes) -> None:
    @contextmanager
    def connect() -> Iterator[Channel]:
        yield Bytes(said)

    try:
        found = request(connect, SITE, timeout=PATIENCE)
    except (OSError, NotHttpError):
        return
    assert found.date is None or found.date.tzinfo is UTC
