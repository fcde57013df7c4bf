"""Names of a certificate: matched as OpenSSL does, and said where they are only close."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from everleaf.core.diagnosis import Finding
from everleaf.pki.judging.names import findings
from support.lineage import Link, authority, bundle, openssl

ABOVE = authority(1)


def found(name: str, *names: str, subject: str = "leaf") -> list[Finding]:
    return list(findings(Link(names=names, subject=subject).below(ABOVE), name))


def is_for(name: str, *names: str) -> bool:
    return found(name, *names) == []


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("www.example.org", ["a.example.net", "www.example.org"]),
        ("WWW.example.ORG.", ["www.Example.org"]),
        ("bücher.example", ["xn--bcher-kva.example"]),
        ("BÜCHER.example.", ["*.example.net", "xn--bcher-kva.example"]),
        ("a.xn--bcher-kva.example", ["*.xn--bcher-kva.example"]),
        ("www.example.org", ["*.example.org"]),
        ("xn--bcher-kva.example.org", ["*.example.org"]),
        ("a_b.example.org", ["a_b.example.org"]),
        ("_dmarc.example.org", ["_dmarc.example.org"]),
        ("localhost", ["localhost"]),
        ("192.0.2.1", ["192.0.2.1"]),
        ("[2001:db8::1]", ["2001:db8:0:0::1"]),
        ("fe80::1%eth0", ["fe80::1"]),
    ],
)
def test_a_name_that_it_is_for(name: str, names: list[str]) -> None:
    assert is_for(name, *names)


@pytest.mark.parametrize(
    ("name", "names", "why"),
    [
        ("example.org", ["*.example.org"], "does not stand for example.org itself"),
        ("a.b.example.org", ["*.example.org"], "stands for one label only"),
        ("a_b.example.org", ["*.example.org"], "underscore"),
        ("a.b_c.example.org", ["*.b_c.example.org"], "underscore"),
        ("example.org", ["www.example.org"], "with and without www"),
        ("www.example.org", ["example.org"], "with and without www"),
        ("192.0.2.1", ["www.example.org"], "holds no address"),
        ("192.0.2.1", ["192.0.2.2"], "for 192.0.2.2 and not for 192.0.2.1"),
        ("foo.example.org", ["f*.example.org"], "f*.example.org"),
        ("www.example.org", ["www.*.org"], "www.*.org"),
        ("example.org", ["*.org"], "*.org"),
        ("www.example.org", ["other.example.org"], "other.example.org"),
        ("bücher.example", ["bucher.example"], "xn--bcher-kva.example"),
        ("a..b", ["a.b"], "a..b"),
        ("ä" * 70, ["www.example.org"], "ää"),
        ("www.example.org", [f"n{at}.example.org" for at in range(9)], "and 4 more"),
        ("www.example.org", [f"n{at}.example.org" for at in range(5)], "n4.example.org and not"),
    ],
)
def test_a_name_that_it_is_not_for_is_said_with_what_is_close(
    name: str, names: list[str], why: str
) -> None:
    (one,) = found(name, *names)
    assert one.code == "hostname-mismatch"
    assert why in one.what
    assert one.detail["names"] == names


def test_a_wildcard_of_another_domain_is_not_explained() -> None:
    (one,) = found("a.b.example.org", "*.example.net")
    assert one.what == "the certificate is for *.example.net and not for a.b.example.org"


def test_an_address_as_a_dns_name_is_none() -> None:
    name = x509.SubjectAlternativeName([x509.DNSName("192.0.2.1")])
    leaf = Link(names=(), more=((name, False),)).below(ABOVE)
    (one,) = findings(leaf, "192.0.2.1")
    assert one.code == "hostname-mismatch"
    assert "as a DNS name" in one.what


@pytest.mark.parametrize(
    ("name", "subject", "codes"),
    [
        ("www.example.org", "www.example.org", ["no-subject-alternative-name"]),
        ("", "www.example.org", ["no-subject-alternative-name"]),
        (
            "www.example.org",
            "other.example.org",
            ["no-subject-alternative-name", "hostname-mismatch"],
        ),
        ("www.example.org", "", ["no-subject-alternative-name", "hostname-mismatch"]),
    ],
)
def test_a_common_name_alone_is_not_enough(name: str, subject: str, codes: Sequence[str]) -> None:
    assert [one.code for one in found(name, subject=subject)] == codes


def test_names_of_other_kinds_are_no_names_of_servers() -> None:
    mail = x509.SubjectAlternativeName([x509.RFC822Name("a@example.org")])
    leaf = Link(names=(), more=((mail, False),)).below(ABOVE)
    assert [one.code for one in findings(leaf, "")] == ["no-subject-alternative-name"]


def test_without_a_name_names_are_not_judged() -> None:
    assert found("", "other.example.org") == []


label = st.sampled_from(
    ["a", "www", "a-b", "x1", "a_b", "*", "xn--bcher-kva", "example", "org", "A"]
)
names = st.lists(label, min_size=1, max_size=4).map(".".join)


@settings(max_examples=25, deadline=None)
@given(pattern=names, asked=st.lists(names.filter(lambda one: "*" not in one), max_size=3))
def test_names_match_as_openssl_matches_them(pattern: str, asked: list[str]) -> None:
    """The names asked for are the pattern's own with its star replaced, and others."""
    asked = [*asked, pattern.replace("*", "www"), pattern.replace("*", "a_b"), f"x.{pattern}"]
    with tempfile.TemporaryDirectory() as folder:
        path = bundle(Path(folder) / "leaf.pem", Link(names=(pattern,)).below(ABOVE))
        for name in (one for one in asked if "*" not in one):
            command = [openssl(), "x509", "-in", str(path), "-noout", "-checkhost", name]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
            assert is_for(name, pattern) == ("does match" in done.stdout), (name, done.stdout)
