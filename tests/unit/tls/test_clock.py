"""Whether it is rather our clock: who is a witness, and what outweighs what."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtensionOID

from everleaf.core.diagnosis import Finding
from everleaf.pki.judging import judge
from everleaf.tls.diagnosing.clock import findings, server_clock
from support.forge import DAY, NOW, der
from support.lineage import NAME, Link, authority, chain

TOP = authority(0)
BEFORE, AFTER = NOW - 5 * DAY, NOW + 400 * DAY


def found(
    sent: Sequence[bytes], now: datetime, *, staple: bytes = b"", server: datetime | None = None
) -> list[Finding]:
    judged = judge(sent, NAME, (), now)
    return list(findings(sent, staple, judged, now, server=server, timeout=1, asking=False))


def codes(*arguments: Sequence[bytes] | datetime, **more: datetime | bytes) -> list[str]:
    return [one.code for one in found(*arguments, **more)]  # type: ignore[arg-type]


def sent(one: Link) -> list[bytes]:
    """The leaf alone, so that no intermediate is a witness."""
    return [der(chain(one, TOP)[0])]


def timestamps(at: datetime) -> tuple[x509.ExtensionType, bool]:
    """Signed by a transparency log (RFC 6962, section 3.3)."""
    when = round(at.timestamp() * 1000).to_bytes(8, "big")
    entry = b"\0" + bytes(32) + when + b"\0\0" + b"\4\3\0\10" + bytes(8)
    listed = (len(entry).to_bytes(2, "big") + entry) * 1
    tls = len(listed).to_bytes(2, "big") + listed
    oid = ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS
    return x509.UnrecognizedExtension(oid, b"\4" + bytes([len(tls)]) + tls), False


def staple(at: datetime) -> bytes:
    """An OCSP answer that was produced then."""
    leaf, root = chain(Link(), TOP)
    single = ocsp.OCSPResponseBuilder().add_response(
        leaf, root, hashes.SHA256(), ocsp.OCSPCertStatus.GOOD, at, at + DAY, None, None
    )
    answer = single.responder_id(ocsp.OCSPResponderEncoding.HASH, root)
    return answer.sign(TOP.key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_a_good_certificate_calls_no_witnesses() -> None:
    assert codes(sent(Link()), NOW, server=NOW) == []


def test_clocks_that_differ_are_a_notice() -> None:
    (one,) = found(sent(Link()), NOW, server=NOW + DAY / 24)
    assert one.code == "clocks-differ"
    assert one.what == "by our clock, the server's is 60 minutes ahead"
    assert one.detail == {"skew": 3600}
    assert codes(sent(Link()), NOW, server=NOW + DAY / 24 / 60) == []


def test_the_server_s_clock_is_a_witness_where_the_certificate_begins_in_our_future() -> None:
    (one,) = found(sent(Link()), BEFORE, server=NOW)
    assert one.code == "our-clock"
    assert "the server says 2026-11-24 12:00Z" in one.what
    assert one.what.endswith("the others are 5 days ahead")


def test_without_a_witness_nothing_is_known() -> None:
    assert codes(sent(Link()), BEFORE) == []
    assert codes(sent(Link()), AFTER) == []


def test_a_server_with_the_same_clock_as_ours_is_no_witness_for_it() -> None:
    assert codes(sent(Link()), BEFORE, server=BEFORE) == []


def test_the_server_s_clock_alone_is_none_where_the_certificate_is_over() -> None:
    assert codes(sent(Link()), AFTER, server=NOW) == ["clocks-differ"]


def test_a_transparency_log_has_signed_in_our_future() -> None:
    (one,) = found(sent(Link(more=(timestamps(NOW),))), BEFORE)
    assert one.code == "our-clock"
    assert "a transparency log" in one.what


def test_a_stapled_answer_was_produced_in_our_future() -> None:
    (one,) = found(sent(Link()), BEFORE, staple=staple(NOW))
    assert one.code == "our-clock"
    assert "the stapled OCSP answer" in one.what


def test_a_damaged_staple_is_no_witness() -> None:
    assert codes(sent(Link()), BEFORE, staple=b"nonsense") == []


def test_as_many_against_as_for_us_prove_nothing() -> None:
    both = sent(Link(more=(timestamps(NOW),)))
    assert codes(both, BEFORE, server=BEFORE) == []


def test_a_certificate_that_cannot_be_read_says_nothing_of_clocks() -> None:
    assert codes([b"nonsense"], NOW, server=NOW) == []
    assert codes([], NOW, server=NOW) == []


def test_the_server_s_clock_is_among_what_was_said_in_http() -> None:
    assert server_clock({"date": NOW.isoformat()}) == NOW
    assert server_clock({"date": None}) is None
    assert server_clock({}) is None
