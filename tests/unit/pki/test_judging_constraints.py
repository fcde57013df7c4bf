"""Name constraints, judged as `openssl verify` judges them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from everleaf.core.diagnosis import Store
from everleaf.pki.judging import judge
from support.forge import NOW, der, key, named
from support.lineage import NAME, Link, authority, chain, constraints, openssl_takes

Names = Sequence[str | x509.GeneralName]
UNIT = x509.Name(
    [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"),
        x509.NameAttribute(NameOID.COMMON_NAME, "leaf"),
    ]
)


def organization(name: str) -> x509.DirectoryName:
    return x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)]))


@pytest.mark.parametrize(
    ("names", "permitted", "excluded", "refused"),
    [
        ([NAME], ["example.org"], [], []),
        ([NAME], ["www.example.org"], [], []),
        ([NAME], [".example.org"], [], []),
        ([NAME], ["EXAMPLE.org"], [], []),
        ([NAME], ["ample.org"], [], [NAME]),
        ([NAME], ["a.example.org"], [], [NAME]),
        ([NAME], ["example.com"], [], [NAME]),
        ([NAME], ["example.com", "example.org"], [], []),
        ([NAME], [], ["example.com"], []),
        ([NAME], [], ["example.org"], [NAME]),
        ([NAME], [], ["example.com", "example.org"], [NAME]),
        ([NAME], ["example.org"], ["www.example.org"], [NAME]),
        ([NAME, "a.example.com"], ["example.org"], [], ["a.example.com"]),
        (["*.example.org"], ["example.org"], [], []),
        (["*.example.org"], ["example.com"], [], ["*.example.org"]),
        ([NAME], [""], [], []),
        ([NAME], [], [""], [NAME]),
        ([NAME, "10.1.2.3"], ["10.0.0.0/8"], [], []),
        ([NAME, "10.1.2.3"], ["example.org"], [], []),
        ([NAME, "11.1.2.3"], ["10.0.0.0/8"], [], ["11.1.2.3"]),
        ([NAME, "10.1.2.3"], [], ["10.0.0.0/8"], ["10.1.2.3"]),
        ([NAME, "11.1.2.3"], [], ["10.0.0.0/8"], []),
        ([NAME, "2001:db8::1"], ["2001:db8::/32"], [], []),
        ([NAME, "2001:db8::1"], ["10.0.0.0/8"], [], ["2001:db8::1"]),
        ([NAME, "2001:db9::1"], ["2001:db8::/32"], [], ["2001:db9::1"]),
        ([NAME], [organization("Example")], [], []),
        ([NAME], [organization("EXAMPLE")], [], []),
        ([NAME], [organization("Other")], [], ["CN=leaf,O=Example"]),
        ([NAME], [], [organization("Example")], ["CN=leaf,O=Example"]),
        ([NAME], [], [organization("Other")], []),
        ([NAME], [x509.RFC822Name("example.org")], [], []),
    ],
)
def test_names_within_and_without(
    tmp_path: Path, names: list[str], permitted: Names, excluded: Names, refused: list[str]
) -> None:
    above = authority(1, more=(constraints(permitted, excluded),))
    *sent, top = chain(Link(subject=UNIT, names=tuple(names)), above, authority(0))
    found = judge([der(one) for one in sent], "", [Store(name="system", roots=(der(top),))], NOW)
    assert [one.code for one in found] == (["name-not-permitted"] if refused else [])
    assert not refused or found[0].detail == {"subject": "CN=Authority 1", "names": refused}
    takes, words = openssl_takes(tmp_path, sent, [top])
    assert takes == (not refused), words


@pytest.mark.parametrize(("own", "refused"), [(True, False), (False, True)])
def test_an_intermediate_that_issued_itself_is_exempt(
    tmp_path: Path, *, own: bool, refused: bool
) -> None:
    """A new key of the same authority: RFC 5280, section 6.1.3 (b)."""
    only_the_leaf = constraints([x509.DirectoryName(named("leaf"))])
    upper = authority(1, more=(only_the_leaf,))
    lower = authority(2, subject=upper.subject if own else "Authority 2")
    *sent, top = chain(Link(), lower, upper, authority(0))
    found = judge([der(one) for one in sent], NAME, [Store(name="system", roots=(der(top),))], NOW)
    assert [one.code for one in found] == (["name-not-permitted"] if refused else [])
    takes, words = openssl_takes(tmp_path, sent, [top])
    assert takes == (not refused), words


def test_a_leaf_that_is_called_as_its_issuer_is_not_exempt(tmp_path: Path) -> None:
    above = authority(1, more=(constraints([x509.DirectoryName(named("other"))]),))
    *sent, top = chain(Link(subject="Authority 1"), above, authority(0))
    found = judge([der(one) for one in sent], NAME, [Store(name="system", roots=(der(top),))], NOW)
    assert [one.code for one in found] == ["name-not-permitted"]
    assert not openssl_takes(tmp_path, sent, [top])[0]


def test_what_an_authority_above_permits_holds_for_all_below() -> None:
    top = authority(0, more=(constraints(["example.com"]),))
    sent = chain(Link(), authority(2), replace(authority(1), key=key(44)), top)
    trusted = [Store(name="system", roots=(der(sent[-1]),))]
    (found,) = judge([der(one) for one in sent[:-1]], NAME, trusted, NOW)
    assert found.detail == {"subject": "CN=Top", "names": [NAME]}
