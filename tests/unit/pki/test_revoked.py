"""Lists and staples that are damaged: whatever comes is judged, and nothing is raised."""

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st

from everleaf.pki import revoked, stapled
from everleaf.pki.revoked import Subject
from support import forge

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
URL = "http://lists.test/1.crl"
HASHES = (hashes.SHA1(), hashes.SHA256(), hashes.SHA384())  # noqa: S303 - CertIDs mostly have SHA-1


@cache
def subject() -> Subject:
    return Subject(certificate=forge.Plan().make(), issuer=forge.authority())


@cache
def list_of() -> bytes:
    serial = subject().certificate.serial_number
    reason = x509.CRLReason(x509.ReasonFlags.key_compromise)
    entry = x509.RevokedCertificateBuilder(serial, NOW).add_extension(reason, critical=False)
    return (
        x509.CertificateRevocationListBuilder(
            issuer_name=forge.named("Intermediate"),
            last_update=NOW,
            next_update=NOW + timedelta(days=7),
        )
        .add_extension(x509.CRLNumber(7), critical=False)
        .add_revoked_certificate(entry.build())
        .sign(forge.key(2), hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


ODD_NAMES = pytest.mark.filterwarnings("ignore:Attribute's length")  # damage in a name


def answer(one: Subject, digest: hashes.HashAlgorithm, signer: x509.Certificate) -> bytes:
    assert one.issuer is not None
    return (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=one.certificate,
            issuer=one.issuer,
            algorithm=digest,
            cert_status=ocsp.OCSPCertStatus.REVOKED,
            this_update=NOW,
            next_update=NOW + timedelta(days=7),
            revocation_time=NOW,
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, signer)
        .certificates([signer])
        .sign(forge.key(2), hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


def codes(reading: revoked.Reading) -> list[str]:
    return [one.code for one in reading.findings]


def test_what_is_damaged_below_is_whole_at_first() -> None:
    one = subject()
    assert one.issuer is not None
    assert codes(revoked.judge(list_of(), one, URL, NOW)) == ["revoked-by-crl"]
    for digest in HASHES:
        staple = answer(one, digest, one.issuer)
        assert codes(stapled.judge(staple, one, NOW)) == ["revoked-by-staple"]
        assert stapled.is_of(staple, one)


@ODD_NAMES
@given(at=st.integers(min_value=0), byte=st.integers(0, 255), cut=st.integers(0, 40))
def test_a_damaged_list_is_judged_and_never_raises(at: int, byte: int, cut: int) -> None:
    data = bytearray(list_of())
    data[at % len(data)] = byte
    reading = revoked.judge(bytes(data[: len(data) - cut]), subject(), URL, NOW)
    assert all(one.what for one in reading.findings)


@ODD_NAMES
@given(at=st.integers(min_value=0), byte=st.integers(0, 255), cut=st.integers(0, 40))
def test_a_damaged_staple_is_judged_and_never_raises(at: int, byte: int, cut: int) -> None:
    one = subject()
    assert one.issuer is not None
    data = bytearray(answer(one, HASHES[0], one.issuer))
    data[at % len(data)] = byte
    damaged = bytes(data[: len(data) - cut])
    assert all(found.what for found in stapled.judge(damaged, one, NOW).findings)
    stapled.is_of(damaged, one)


def test_an_issuer_that_may_not_sign_lists_signs_none() -> None:
    certificate_only = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    issuer = forge.authority(key_usage=certificate_only)
    one = Subject(certificate=subject().certificate, issuer=issuer)
    assert codes(revoked.judge(list_of(), one, URL, NOW)) == ["crl-untrusted"]


def test_an_issuer_whose_key_is_of_another_kind_has_signed_nothing() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    issuer = forge.authority(public=key.public_key())
    one = Subject(certificate=subject().certificate, issuer=issuer)
    assert codes(revoked.judge(list_of(), one, URL, NOW)) == ["crl-untrusted"]


def test_what_is_sent_beside_the_path_is_not_looked_for() -> None:
    leaf, issuer, root = subject().certificate, forge.authority(), forge.root()
    unrelated = forge.authority(subject="Unrelated", key=forge.key(7))
    found = revoked.subjects([leaf, unrelated, root, issuer, leaf], [])
    assert [one.certificate for one in found] == [leaf, issuer]
    assert [one.issuer for one in found] == [issuer, root]


def point(*names: x509.GeneralName, other: bool = False) -> x509.DistributionPoint:
    return x509.DistributionPoint(
        full_name=list(names),
        relative_name=None,
        reasons=None,
        crl_issuer=[x509.DirectoryName(forge.named("Other"))] if other else None,
    )


def test_only_plain_http_and_the_issuers_own_lists_are_named() -> None:
    def uri(text: str) -> x509.UniformResourceIdentifier:
        return x509.UniformResourceIdentifier(text)

    points = [
        point(uri("ldap://lists.test/cn=1"), uri("HTTP://lists.test/1.crl"), uri(URL)),
        point(uri("https://lists.test/2.crl")),
        point(x509.DirectoryName(forge.named("Somewhere"))),
        point(uri("http://lists.test/3.crl"), other=True),
        point(uri("http://lists.test/4.crl")),
    ]
    leaf = forge.Plan(more=(x509.CRLDistributionPoints(points),)).make()
    assert revoked.places(leaf) == (
        ("HTTP://lists.test/1.crl", URL),
        ("http://lists.test/4.crl",),
    )
