"""Certificates as PEM, DER and facts."""

import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from everleaf.core.certificate import cert_id
from everleaf.core.identifiers import parse
from everleaf.errors import MachineError
from everleaf.pki.certificates import facts, split, to_pem
from support.forge import Plan, authority, der, key

LEAF, INTERMEDIATE = Plan(names=("b.test", "a.test", "::1")).make(), authority()


def test_pem_and_der_are_each_others_inverse() -> None:
    pem = LEAF.public_bytes(Encoding.PEM) + INTERMEDIATE.public_bytes(Encoding.PEM)
    assert split(pem) == (der(LEAF), der(INTERMEDIATE))
    assert b"".join(to_pem(one) for one in split(pem)) == pem


@given(st.lists(st.binary(min_size=1, max_size=300)))
def test_what_is_written_is_read_again(ders: list[bytes]) -> None:
    assert split(b"".join(to_pem(one) for one in ders)) == tuple(ders)


def test_text_between_and_other_line_ends_do_no_harm() -> None:
    pem = b"# leaf\r\n" + to_pem(der(LEAF)).replace(b"\n", b"\r\n") + b"\r\n\r\nsubject=x\r\n"
    assert split(pem) == (der(LEAF),)


def test_a_block_that_is_no_base64_is_not_lost() -> None:
    pem = b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n" + to_pem(der(LEAF))
    assert split(pem) == (b"!!!", der(LEAF))


@pytest.mark.parametrize("pem", [b"", b"text", b"-----BEGIN CERTIFICATE-----\nAAAA"])
def test_nothing_is_made_of_what_holds_no_certificate(pem: bytes) -> None:
    assert split(pem) == ()


def test_facts_are_those_of_the_certificate() -> None:
    found = facts(der(LEAF))
    assert found.identifiers == (parse("a.test"), parse("b.test"), parse("::1"))
    assert (found.subject, found.issuer) == ("CN=leaf", "CN=Intermediate")
    assert int(found.serial, 16) == LEAF.serial_number
    assert (found.not_before, found.not_after) == (
        LEAF.not_valid_before_utc,
        LEAF.not_valid_after_utc,
    )
    assert found.sha256 == hashlib.sha256(der(LEAF)).hexdigest()


def test_two_certificates_for_one_key_share_its_hash() -> None:
    again, other = facts(der(Plan().make())), facts(der(Plan(key=key(11)).make()))
    assert facts(der(LEAF)).key_sha256 == again.key_sha256 != other.key_sha256


@pytest.mark.rule("ARI-2")
def test_the_cert_id_is_made_of_authority_key_and_serial_with_its_leading_zero() -> None:
    one = Plan(serial=0x8765432100).make()
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(key(2).public_key())
    assert above.key_identifier is not None
    assert facts(der(one)).cert_id == cert_id(above.key_identifier, 0x8765432100)
    assert str(facts(der(one)).cert_id).endswith(".AIdlQyEA")


def test_without_an_authority_key_identifier_there_is_no_cert_id() -> None:
    assert facts(der(Plan(authority_key=False).make())).cert_id is None


def test_a_certificate_without_names_has_none() -> None:
    assert facts(der(INTERMEDIATE)).identifiers == ()


@given(st.binary(max_size=60))
def test_what_is_no_certificate_is_said_so(raw: bytes) -> None:
    with pytest.raises(MachineError, match="cannot be read"):
        facts(raw)
