"""A chain that ends early: an intermediate is missing, or nobody trusts its root."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from everleaf.core.diagnosis import Finding, Store
from everleaf.pki.judging import judge
from everleaf.system.trust import stores
from support.forge import NOW, der
from support.lineage import NAME, Link, authority

PUBLIC = stores()
OTHER = Store(name="/etc/other.pem", roots=(der(authority(50, subject="Other Top").below()),))


def called(common: str, organization: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organization:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def above(common: str, organization: str = "") -> Link:
    return authority(1, subject=called(common, organization))


def found(*sent: x509.Certificate, trusted: Sequence[Store] = PUBLIC) -> Finding:
    (one,) = judge([der(one) for one in sent], NAME, trusted, NOW)
    return one


def access(url: str) -> tuple[x509.ExtensionType, bool]:
    where = x509.AccessDescription(
        AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(url)
    )
    return x509.AuthorityInformationAccess([where]), False


@pytest.mark.parametrize(
    ("issuer", "changes"),
    [
        (above("R13", "Let's Encrypt"), {}),
        (above("DigiCert TLS RSA SHA256 2020 CA1", "DigiCert Inc"), {}),
        (above("ZeroSSL ECC Domain Secure Site CA", "ZeroSSL"), {}),
        (above("WE1", "Google Trust Services"), {}),
        (above("Amazon RSA 2048 M02", "Amazon"), {}),
        (above("Example TLS 2026"), {"more": (access("http://pki.example/tls.der"),)}),
        (above("Example Intermediate 3"), {}),
        (above("Example Issuing CA"), {}),
    ],
)
def test_the_leaf_alone_lacks_its_intermediate(issuer: Link, changes: dict[str, Any]) -> None:
    one = found(Link(**changes).below(issuer))
    assert one.code == "missing-intermediate"
    assert one.detail["issuer"] == issuer.name.rfc4514_string()


def test_below_a_public_root_that_we_have_a_second_intermediate_may_be_missing() -> None:
    """`Root YE` of Let's Encrypt is no root yet: ISRG Root X2 signed it."""
    upper = above("Root YE", "ISRG")
    lower = authority(2, subject=called("YE1", "Let's Encrypt"))
    assert found(Link().below(lower), lower.below(upper)).code == "missing-intermediate"


@pytest.mark.parametrize(
    "issuer",
    [above("Home CA"), above("mkcert me@laptop", "mkcert development CA"), above("Example Root")],
)
def test_a_leaf_directly_below_a_private_root_is_not_trusted(issuer: Link) -> None:
    one = found(Link().below(issuer))
    assert one.code == "untrusted-authority"
    assert "neither sent nor held" in one.what
    assert one.detail["root"] == issuer.name.rfc4514_string()


def test_where_somebody_chose_the_roots_a_leaf_alone_lacks_its_intermediate() -> None:
    leaf = Link().below(above("Home CA"))
    assert found(leaf, trusted=[OTHER]).code == "missing-intermediate"
    assert found(leaf, trusted=[OTHER, *PUBLIC]).code == "missing-intermediate"


def test_a_private_chain_that_goes_up_to_its_root_is_not_trusted() -> None:
    top = above("Home CA")
    middle = authority(2, subject=called("Home Intermediate"))
    one = found(Link().below(middle), middle.below(top))
    assert one.code == "untrusted-authority"
    assert "which no trust store holds" in one.what


@pytest.mark.parametrize(
    ("issuer_of_issuer", "code"),
    [("Home CA", "untrusted-authority"), ("Home Top", "missing-intermediate")],
)
def test_an_authority_key_identifier_may_say_who_issued_the_issuer(
    issuer_of_issuer: str, code: str
) -> None:
    known = x509.AuthorityKeyIdentifier(
        None, [x509.DirectoryName(called(issuer_of_issuer))], authority_cert_serial_number=7
    )
    leaf = Link(key_ids=False, more=((known, False),)).below(above("Home CA"))
    assert found(leaf).code == code


def test_a_root_of_that_name_and_another_key_is_told() -> None:
    top = above("Home CA")
    other = replace(top, key=authority(9).key).below()
    one = found(Link().below(top), trusted=[*PUBLIC, Store(name="x", roots=(der(other),))])
    assert one.code == "untrusted-authority"
    assert "another key" in one.what
