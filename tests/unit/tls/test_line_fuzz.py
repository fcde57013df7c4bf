"""Whatever a server says before TLS, nothing but a LineError comes of it, or the go-ahead."""

import socket
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everleaf.core.approach import StartTls
from everleaf.tls.line import LineError
from everleaf.tls.line.ber import Element, elements, encoded
from everleaf.tls.line.starttls import turned
from everleaf.tls.line.talk import Deadline

STARTS = {
    StartTls.SMTP: b"220 x ESMTP\r\n250-x\r\n250 STARTTLS\r\n220 go\r\n",
    StartTls.IMAP: b"* OK\r\n* CAPABILITY STARTTLS\r\na1 OK\r\na2 OK\r\n",
    StartTls.POP3: b"+OK\r\n+OK\r\nSTLS\r\n.\r\n+OK\r\n",
    StartTls.FTP: b"220-x\r\n220 x\r\n234 go\r\n",
    StartTls.LDAP: b"0\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00",
    StartTls.XMPP: b"<?xml version='1.0'?><s:stream xmlns:s='http://etherx.jabber.org/streams'>"
    b"<s:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></s:features>"
    b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    StartTls.POSTGRES: b"S",
    StartTls.MYSQL: b"\x1b\x00\x00\x00\x0a5.7\x00" + b"s" * 13 + b"\xff\xff" + bytes(7),
}
EACH = pytest.mark.parametrize("starttls", StartTls)


def said(starttls: StartTls, words: bytes) -> None:
    """Have a server say all of this at once, and then close.

    Raises:
        LineError: it did not come to TLS.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(words)
        theirs.shutdown(socket.SHUT_WR)
        turned(ours, starttls, "www.example.org", Deadline(10, lambda: 0))


@EACH
def test_the_unchanged_dialogue_comes_to_tls(starttls: StartTls) -> None:
    said(starttls, STARTS[starttls])


@EACH
@settings(deadline=None)
@given(words=st.binary(max_size=200))
def test_noise_is_refused(starttls: StartTls, words: bytes) -> None:
    if starttls is StartTls.POSTGRES and words == b"S":
        return
    with pytest.raises(LineError) as caught:
        said(starttls, words)
    assert str(caught.value).isprintable()


@EACH
@settings(deadline=None)
@given(data=st.data())
def test_a_dialogue_that_is_damaged_in_one_place_raises_nothing_else(
    starttls: StartTls, data: st.DataObject
) -> None:
    whole = STARTS[starttls]
    at = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.binary(max_size=4))
    with suppress(LineError):
        said(starttls, whole[:at] + other + whole[at + 1 :])


@given(st.binary(max_size=60))
def test_elements_are_whole_or_refused(octets: bytes) -> None:
    with suppress(ValueError):
        for one in elements(octets):
            assert one.content in octets


@given(st.lists(st.builds(Element, st.integers(0, 255), st.binary(max_size=127)), max_size=4))
def test_what_is_encoded_is_read_again(items: list[Element]) -> None:
    assert elements(b"".join(encoded(one.tag, one.content) for one in items)) == items
