"""A new certificate beside its predecessor, and as browsers see it."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from everleaf.pki.issuance import calendar, pinned, renewed, transparency
from everleaf.pki.keys import public_bytes
from support.forge import DAY, Plan, authority, key


def life(start: str, days: float) -> x509.Certificate:
    begin = datetime.fromisoformat(start).replace(tzinfo=UTC)
    return Plan(start=begin, end=begin + timedelta(days=days) - timedelta(seconds=1)).make()


@pytest.mark.parametrize(
    ("start", "days"),
    [("2026-03-14", 398), ("2026-03-15", 200), ("2027-03-14", 200), ("2027-03-15", 100),
     ("2029-03-14", 100), ("2029-03-15", 47), ("2020-01-01", 825)],
)  # fmt: skip
def test_as_long_as_the_calendar_allows_is_no_objection_and_a_second_more_is(
    start: str, days: int
) -> None:
    assert list(calendar(life(start, days))) == []
    longer = list(calendar(life(start, days + 1 / 86400)))
    if start < "2020-09-01":
        assert longer == []
    else:
        assert f"may live for {days}" in longer[0]


def test_the_predecessors_serial_is_an_objection() -> None:
    before = Plan(serial=7).make()
    (said,) = renewed(Plan(serial=7, key=key(11)).make(), before, reuse_key=False)
    assert "serial number" in said


def test_the_predecessors_key_is_an_objection_unless_it_was_to_be_reused() -> None:
    before, after = Plan().make(), Plan().make()
    (said,) = renewed(after, before, reuse_key=False)
    assert "key of its predecessor" in said
    assert list(renewed(after, before, reuse_key=True)) == []
    assert list(renewed(Plan(key=key(12)).make(), before, reuse_key=False)) == []
    assert list(renewed(after, None, reuse_key=False)) == []


def test_a_certificate_without_timestamps_is_refused_by_browsers() -> None:
    (said,) = transparency(Plan(end=Plan().end + DAY).make())
    assert "no signed certificate timestamps" in said


def timestamps(count: int, *, same: bool = False) -> x509.UnrecognizedExtension:
    """A list of signed certificate timestamps as logs write it (RFC 6962, section 3.3)."""
    signature = b"\x04\x03" + (4).to_bytes(2, "big") + b"\0" * 4
    end = (10**12).to_bytes(8, "big") + b"\0\0" + signature
    them = [b"\0" + bytes([0 if same else log]) * 32 + end for log in range(count)]
    entries = b"".join(len(one).to_bytes(2, "big") + one for one in them)
    tls = len(entries).to_bytes(2, "big") + entries
    length = bytes([len(tls)]) if len(tls) < 128 else b"\x81" + bytes([len(tls)])
    oid = ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS
    return x509.UnrecognizedExtension(oid, b"\x04" + length + tls)


def missing(days: float, extension: x509.UnrecognizedExtension) -> list[str]:
    """What is said of a certificate with these timestamps that lives so long."""
    end = Plan().start + timedelta(days=days) - timedelta(seconds=1)
    leaf = Plan(end=end, more=(extension,)).make()
    return list(transparency(x509.load_der_x509_certificate(leaf.public_bytes(Encoding.DER))))


@pytest.mark.parametrize(
    ("days", "count", "good"),
    [(90, 1, False), (90, 2, True), (180, 2, True), (180 + 1 / 86400, 2, False), (200, 2, False),
     (200, 3, True)],
)  # fmt: skip
def test_two_timestamps_are_enough_up_to_180_days_and_three_beyond(
    days: float, count: int, good: bool
) -> None:
    said = missing(days, timestamps(count))
    assert (said == []) is good
    if count == 1:
        assert "carries 1 signed certificate timestamp:" in said[0]


def test_timestamps_of_one_log_count_once() -> None:
    (said,) = missing(90, timestamps(2, same=True))
    assert "carries 1 signed" in said


def test_pins_that_the_chain_does_not_hold_are_told() -> None:
    chain = [Plan().make(), authority()]
    own = hashlib.sha256(public_bytes(chain[1].public_key())).hexdigest()
    assert pinned(chain, frozenset({own})) == ""
    assert pinned(chain, frozenset()) == ""
    assert "pinned" in pinned(chain, frozenset({"00" * 32}))
