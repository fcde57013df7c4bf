"""The validation certificate of tls-alpn-01, as RFC 8737 and RFC 8738 have it."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from everleaf.core.identifiers import Identifier, parse
from everleaf.core.wanted import KeyType
from everleaf.pki.alpn import ACME_IDENTIFIER, validation_certificate
from everleaf.pki.certificates import alternatives, identifiers_of
from everleaf.pki.keys import make, matches

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def made(identifier: Identifier, key: bytes | None = None) -> x509.Certificate:
    pem = validation_certificate(key or make(KeyType.ECDSA_P256), identifier, "token.thumb", NOW)
    return x509.load_pem_x509_certificate(pem)


@pytest.mark.parametrize("name", ["a.test", "xn--mnchen-3ya.example", "192.0.2.1", "2001:db8::1"])
def test_its_only_name_is_the_identifier(name: str) -> None:
    names = alternatives(made(parse(name)))
    assert len(list(names)) == 1
    assert list(identifiers_of(names)) == [parse(name)]


def test_it_holds_the_hash_of_the_key_authorization_in_a_critical_extension() -> None:
    extension = made(parse("a.test")).extensions.get_extension_for_oid(ACME_IDENTIFIER)
    assert ACME_IDENTIFIER.dotted_string == "1.3.6.1.5.5.7.1.31"
    assert extension.critical
    assert isinstance(extension.value, x509.UnrecognizedExtension)
    assert extension.value.value == b"\x04\x20" + hashlib.sha256(b"token.thumb").digest()


def test_it_is_signed_by_itself_with_the_key_that_was_given() -> None:
    key = make(KeyType.ECDSA_P256)
    certificate = made(parse("a.test"), key)
    certificate.verify_directly_issued_by(certificate)
    assert matches(key, certificate.public_bytes(Encoding.DER))


def test_it_is_valid_now_on_a_clock_that_is_hours_off() -> None:
    certificate = made(parse("a.test"))
    assert certificate.not_valid_before_utc < NOW - timedelta(hours=12)
    assert certificate.not_valid_after_utc > NOW + timedelta(hours=12)
