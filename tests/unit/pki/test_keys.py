"""Keys, requests and placeholders."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from everleaf.core.identifiers import parse
from everleaf.core.wanted import KeyType
from everleaf.errors import MachineError
from everleaf.pki.certificates import facts, split
from everleaf.pki.chain import judge
from everleaf.pki.csr import csr
from everleaf.pki.keys import OpensslKeys, load, matches, public
from everleaf.pki.placeholder import MARK, placeholder
from support.forge import NOW, Plan, der, key, key_pem

SIZES = {"ecdsa-p256": 256, "ecdsa-p384": 384, "rsa-2048": 2048, "rsa-3072": 3072, "rsa-4096": 4096}


@pytest.mark.parametrize("key_type", list(KeyType))
def test_every_kind_of_key_is_made_and_read_again(key_type: KeyType) -> None:
    made = load(OpensslKeys().generate(key_type))
    assert made.key_size == SIZES[key_type.value]
    wanted = rsa.RSAPrivateKey if key_type.value.startswith("rsa") else ec.EllipticCurvePrivateKey
    assert isinstance(made, wanted)


def test_two_keys_differ() -> None:
    assert OpensslKeys().generate(KeyType.ECDSA_P256) != OpensslKeys().generate(KeyType.ECDSA_P256)


def test_a_certificate_is_for_its_key_and_for_no_other() -> None:
    leaf = der(Plan().make())
    assert matches(key_pem(), leaf)
    assert not matches(key_pem(key(11)), leaf)


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
        key(0).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ),
    ],
)
def test_a_key_that_is_of_no_use_is_said_and_not_shown(pem: bytes) -> None:
    with pytest.raises(MachineError) as caught:
        load(pem)
    assert caught.value.__cause__ is None
    assert "c2VjcmV0" not in str(caught.value)


@pytest.mark.rule("ACME-10")
def test_a_request_names_exactly_the_identifiers_and_no_subject() -> None:
    names = [
        parse(one) for one in ("*.example.org", "a.test", "192.0.2.1", "2001:db8::1", "a.test")
    ]
    request = x509.load_der_x509_csr(csr(key_pem(), names))
    assert request.is_signature_valid
    assert list(request.subject) == []
    (extension,) = request.extensions
    value = extension.value
    assert isinstance(value, x509.SubjectAlternativeName)
    assert [str(one.value) for one in value] == [
        "*.example.org",
        "a.test",
        "192.0.2.1",
        "2001:db8::1",
    ]


@pytest.mark.parametrize("length", [64, 65, 200])
def test_a_long_name_fits_into_a_request(length: int) -> None:
    labels = ".".join(["a" * 50] * 4)
    name = parse(labels[-(length - 5) :].lstrip(".") + ".test")
    assert x509.load_der_x509_csr(csr(key_pem(), [name])).is_signature_valid


@pytest.mark.parametrize("key_type", [KeyType.ECDSA_P384, KeyType.RSA_2048])
def test_requests_are_signed_with_every_kind_of_key(key_type: KeyType) -> None:
    pem = OpensslKeys().generate(key_type)
    assert x509.load_der_x509_csr(csr(pem, [parse("a.test")])).is_signature_valid


def test_a_placeholder_is_marked_and_for_the_names_and_never_passes_for_issued() -> None:
    names = [parse("a.test"), parse("::1")]
    (leaf,) = split(placeholder(key_pem(), names, NOW))
    found = facts(leaf)
    assert MARK in found.subject
    assert found.subject == found.issuer
    assert set(found.identifiers) == set(names)
    assert matches(key_pem(), leaf)
    assert found.cert_id is None
    assert found.not_before < NOW < NOW + timedelta(days=1) < found.not_after
    verdict = judge([leaf], public_key=public(key_pem()), identifiers=names, roots=[], now=NOW)
    assert verdict.objections
