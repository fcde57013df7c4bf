"""A handshake never raises for what the other side says, and always ends."""

import socket
import time
from threading import Thread

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from everleaf.core.symptoms.table import ALL
from everleaf.tls.handshake import Shake, _written, shake

CODES = {one.code for one in ALL}
SOON = 5.0


def answered(answer: bytes, *, closes: bool = True, most: float = SOON) -> Shake:
    """A handshake with somebody who says this to the hello."""
    here, there = socket.socketpair()
    with here, there:

        def say() -> None:
            there.recv(4096)
            there.sendall(answer)
            if closes:
                there.shutdown(socket.SHUT_WR)

        speaker = Thread(target=say)
        speaker.start()
        try:
            return shake(here, server_name="www.example.org", end=time.monotonic() + most)
        finally:
            speaker.join()


@given(st.binary(max_size=200))
@settings(max_examples=50, deadline=None)
def test_whatever_is_answered_a_failed_handshake_has_a_code(answer: bytes) -> None:
    found = answered(answer)
    assert found.code in CODES
    assert found.words
    assert not found.ended_well
    assert found.heard == answer


@given(st.sampled_from([20, 21, 22, 23, 24]), st.binary(min_size=1, max_size=300))
@settings(max_examples=50, deadline=None)
def test_records_of_tls_with_nonsense_in_them_are_no_harm(kind: int, body: bytes) -> None:
    record = bytes((kind, 3, 3)) + len(body).to_bytes(2, "big") + body
    assert answered(record).code in CODES


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", "closed-after-hello"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "other-protocol"),
        (bytes((21, 3, 3, 0, 2, 2, 112)), "unknown-name"),
        (bytes((21, 3, 3, 0, 2, 2, 70)), "no-common-version"),
        (bytes((21, 3, 1, 0, 2, 2, 40)), "no-common-cipher"),
    ],
)
def test_how_it_failed_is_told_by_what_came(answer: bytes, code: str) -> None:
    assert answered(answer).code == code


def test_silence_ends_when_the_time_is_over() -> None:
    assert answered(b"", closes=False, most=0.1).code == "silent"


def test_a_greeting_is_kept_where_nothing_more_comes() -> None:
    found = answered(b"220 mail.example.org ESMTP\r\n", closes=False, most=0.5)
    assert found.code == "other-protocol"
    assert found.heard.startswith(b"220 ")


def test_names_are_written_as_cryptography_writes_them_by_older_versions_too() -> None:
    parts = {"C": "DE", "O": 'A, "B" + <C>; \\d', "CN": "Leute"}
    oids = (NameOID.COUNTRY_NAME, NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
    name = x509.Name([x509.NameAttribute(*one) for one in zip(oids, parts.values(), strict=True)])
    found = _written([(kind.encode(), value.encode()) for kind, value in parts.items()])
    assert found == name.rfc4514_string()
