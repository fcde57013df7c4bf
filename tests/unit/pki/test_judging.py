"""A chain as it was sent: each fault by its code, several at once, and good ones without any."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from everleaf.core.diagnosis import Finding, Store
from everleaf.core.wanted import Usage
from everleaf.pki import certificates
from everleaf.pki.judging import judge
from support.forge import CLIENT, DAY, NOW, SERVER, der, key, pem_of, rsa_key, usage
from support.lineage import (
    NAME,
    Link,
    authority,
    broken,
    chain,
    constraints,
    openssl,
    weakly_signed,
)

ANY = x509.ObjectIdentifier("2.5.29.37.0")
UNKNOWN = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\5\0"), True)
TOP, MIDDLE, OTHER_TOP = authority(0), authority(1), authority(50, subject="Other Top")
LEAF, INTERMEDIATE, ROOT = chain(Link(), MIDDLE, TOP)
LONG = chain(Link(), authority(3), authority(2), authority(1), TOP)
EXPIRED: dict[str, Any] = {"start": NOW - 400 * DAY, "end": NOW - DAY}
Sent = Sequence[x509.Certificate | bytes]


def store(*roots: x509.Certificate, name: str = "system") -> Store:
    return Store(name=name, roots=tuple(map(der, roots)))


def judged(
    sent: Sent,
    *,
    name: str = NAME,
    stores: Sequence[Store] = (store(ROOT),),
    now: datetime = NOW,
    usage: Usage = Usage.SERVER,
) -> tuple[Finding, ...]:
    ders = [one if isinstance(one, bytes) else der(one) for one in sent]
    return judge(ders, name, stores, now, usage=usage)


def codes(sent: Sent, **how: Any) -> list[str]:
    return [one.code for one in judged(sent, **how)]


def only(sent: Sent, code: str, **how: Any) -> Finding:
    """There is this one finding."""
    (found,) = judged(sent, **how)
    assert found.code == code
    assert found.where == ()
    return found


def under(*links: Link, top: Link = TOP) -> tuple[list[x509.Certificate], dict[str, Any]]:
    """A chain without its root, and a store that holds that."""
    *sent, root = chain(*links, top)
    return sent, {"stores": [store(root)]}


# -- healthy ---------------------------------------------------------------------------------------


HEALTHY: dict[str, Sequence[Link]] = {
    "RSA": (Link(key=rsa_key(2048)), authority(1, key=rsa_key(3072))),
    "RSA below ECDSA": (Link(key=rsa_key(2048)), MIDDLE),
    "P-384": (Link(key=ec.generate_private_key(ec.SECP384R1())), MIDDLE),
    "P-521 below P-384": (
        Link(key=ec.generate_private_key(ec.SECP521R1())),
        authority(1, key=ec.generate_private_key(ec.SECP384R1()), digest=hashes.SHA384()),
    ),
    "no intermediate": (Link(),),
    "three intermediates": (Link(), authority(3), authority(2), authority(1)),
    "path lengths that just suffice": (
        Link(),
        authority(2, path_length=0),
        authority(1, path_length=1),
    ),
    "wildcard": (Link(names=("*.example.org",)), MIDDLE),
    "capitals": (Link(names=("WWW.Example.ORG",)), MIDDLE),
    "many names": (Link(names=(*(f"n{at}.example.net" for at in range(300)), NAME)), MIDDLE),
    "no subject": (Link(subject=""), MIDDLE),
    "no extended key usage": (Link(usages=()), MIDDLE),
    "for servers and clients": (Link(usages=(*CLIENT, *SERVER)), MIDDLE),
    "no key usage": (Link(key_usage=None), MIDDLE),
    "no key identifiers": (Link(key_ids=False), authority(1, key_ids=False)),
    "an intermediate for servers": (Link(), authority(1, usages=SERVER)),
    "names that are permitted": (Link(), authority(1, more=(constraints(["example.org"]),))),
    "names that are not excluded": (
        Link(),
        authority(1, more=(constraints((), ["example.com", "10.0.0.0/8"]),)),
    ),
}


@pytest.mark.parametrize("links", HEALTHY.values(), ids=HEALTHY)
def test_nothing_speaks_against_a_healthy_chain(links: Sequence[Link]) -> None:
    sent, how = under(*links)
    assert judged(sent, **how) == ()


@pytest.mark.parametrize("name", ["192.0.2.7", "2001:db8::7", "[2001:DB8:0::7]"])
def test_addresses_are_healthy_where_they_are_asked_for(name: str) -> None:
    sent, how = under(Link(names=("192.0.2.7", "2001:db8::7")), MIDDLE)
    assert judged(sent, name=name, **how) == ()


def test_rsa_pss_is_healthy() -> None:
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    above = authority(1, key=rsa_key(2048), padding=None)
    leaf = Link(key=rsa_key(2048), padding=pss).below(above)
    assert judged([leaf, above.below(TOP)]) == ()


@pytest.mark.parametrize(
    "made", [ed25519.Ed25519PrivateKey.generate, ed448.Ed448PrivateKey.generate]
)
def test_a_chain_of_edwards_curves_is_healthy_and_not_for_browsers(made: Any) -> None:
    top, above = authority(0, key=made(), digest=None), authority(1, key=made(), digest=None)
    sent, how = under(Link(key=made(), digest=None), above, top=top)
    found = judged(sent, **how)
    assert {one.code for one in found} == {"key-not-for-browsers"}
    assert not any(one.is_fault for one in found)
    assert re.match(r"the leaf has an Ed(25519|448) key, which", found[0].what)


def test_a_root_may_be_signed_by_any_means() -> None:
    """Nobody relies on it."""
    top = authority(0, key=rsa_key(2048))
    weak = weakly_signed(top.below(), rsa_key(2048), "sha1")
    sent = [Link().below(MIDDLE), MIDDLE.below(top)]
    assert judged(sent, stores=[Store(name="system", roots=(weak,))]) == ()


def test_a_root_of_the_first_version_is_healthy(tmp_path: Path) -> None:
    """It can have no basic constraints, which one of the third version must have."""
    top, request = authority(0), tmp_path / "request.pem"
    private = tmp_path / "key.pem"
    private.touch(0o600)
    private.write_bytes(pem_of(top.key))
    new = x509.CertificateSigningRequestBuilder().subject_name(top.name)
    request.write_bytes(new.sign(top.key, hashes.SHA256()).public_bytes(Encoding.PEM))
    command = [openssl(), "x509", "-req", "-in", str(request), "-signkey", str(private)]
    command += ["-days", "900", "-outform", "DER"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=20)
    first = x509.load_der_x509_certificate(done.stdout)
    assert first.version is x509.Version.v1
    how: dict[str, Any] = {"now": first.not_valid_before_utc + DAY}
    assert judged([LEAF, INTERMEDIATE], stores=[store(first)], **how) == ()
    third = authority(0, ca=None).below()
    found = only([LEAF, INTERMEDIATE], "issuer-is-no-authority", stores=[store(third)])
    assert found.detail == {"subject": "CN=Top"}


def test_a_self_signed_leaf_is_healthy_where_it_is_trusted_itself() -> None:
    own = Link(ca=True).below()
    assert judged([own], stores=[store(own, name="/etc/own.pem")]) == ()


def test_a_leaf_is_healthy_below_an_intermediate_that_is_trusted_itself() -> None:
    assert judged([LEAF], stores=[store(INTERMEDIATE, name="/etc/partial.pem")]) == ()


def test_a_store_with_junk_in_it_is_good_for_the_rest() -> None:
    assert judged([LEAF, INTERMEDIATE], stores=[Store(name="x", roots=(b"junk", der(ROOT)))]) == ()


def test_a_name_of_the_issuer_in_other_letters_is_the_same_name() -> None:
    above = replace(MIDDLE, subject="AUTHORITY  1")
    assert judged([LEAF, above.below(TOP)]) == ()


# -- cross-signatures ------------------------------------------------------------------------------


CROSSED = TOP.below(OTHER_TOP)
CROSSED_OVER = authority(0, **EXPIRED).below(authority(50, subject="Other Top", **EXPIRED))


@pytest.mark.parametrize("roots", [[ROOT], [OTHER_TOP.below()], [ROOT, OTHER_TOP.below()]])
def test_a_cross_signed_root_is_healthy_with_the_old_root_and_with_the_new_one(
    roots: list[x509.Certificate],
) -> None:
    assert judged([LEAF, INTERMEDIATE, CROSSED], stores=[store(*roots)]) == ()


def test_an_expired_cross_signature_beside_a_good_way_is_only_worth_knowing() -> None:
    found = only([LEAF, INTERMEDIATE, CROSSED_OVER], "expired-cross-signature")
    assert not found.is_fault
    assert found.detail == {"subject": "CN=Top", "issuer": "CN=Other Top"}


def test_an_expired_cross_signature_is_a_fault_where_there_is_no_other_way() -> None:
    old = authority(50, subject="Other Top").below()
    found = only([LEAF, INTERMEDIATE, CROSSED_OVER], "intermediate-expired", stores=[store(old)])
    assert found.detail["subject"] == "CN=Top"


def test_an_intermediate_signed_by_two_roots_is_healthy_where_both_are_trusted() -> None:
    sent = [LEAF, INTERMEDIATE, MIDDLE.below(OTHER_TOP)]
    assert judged(sent, stores=[store(ROOT, OTHER_TOP.below())]) == ()


def test_a_cross_signature_that_leads_nowhere_misleads_where_it_comes_first() -> None:
    astray = MIDDLE.below(OTHER_TOP)
    assert codes([LEAF, INTERMEDIATE, astray]) == []
    found = only([LEAF, astray, INTERMEDIATE], "misleading-cross-signature")
    assert found.detail == {"subject": "CN=Authority 1", "issuer": "CN=Other Top"}
    assert found.what.endswith("'CN=Other Top' is not trusted")
    narrow = authority(50, subject="Other Top", more=(constraints(["example.com"]),)).below()
    sent, both = [LEAF, astray, INTERMEDIATE], [store(ROOT, narrow)]
    assert "its name constraints forbid it" in only(sent, found.code, stores=both).what


def test_authorities_that_signed_one_another_lead_round_in_no_circle() -> None:
    one, other = authority(1), authority(2)
    sent = [Link().below(one), one.below(other), other.below(one)]
    assert codes(sent) == ["untrusted-authority"]


# -- the leaf --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leaf", "code", "detail"),
    [
        (
            Link(end=NOW - 3 * DAY, start=NOW - 9 * DAY),
            "expired",
            {"not_after": "2026-11-21T12:00:00Z", "seconds": 3 * 86400},
        ),
        (Link(end=NOW, start=NOW - DAY), "expired", {"seconds": 0}),
        (
            Link(start=NOW + DAY / 24),
            "not-yet-valid",
            {"not_before": "2026-11-24T13:00:00Z", "seconds": 3600},
        ),
        (Link(key=rsa_key(1024)), "weak-key", {"key": "RSA 1024"}),
        (
            Link(key=ec.generate_private_key(ec.SECP224R1())),
            "weak-key",
            {"key": "ECDSA secp224r1"},
        ),
        (
            Link(key=ec.generate_private_key(ec.SECP256K1())),
            "uncommon-key",
            {"key": "ECDSA secp256k1"},
        ),
        (Link(usages=CLIENT), "wrong-usage", {}),
        (Link(usages=(ANY,)), "wrong-usage", {}),
        (Link(key_usage=usage(digital_signature=False)), "wrong-usage", {}),
        (Link(ca=True), "wrong-usage", {}),
        (
            Link(more=(UNKNOWN,)),
            "unknown-critical-extension",
            {"extension": "1.3.6.1.4.1.99999.1"},
        ),
        (Link(names=("other.example.org",)), "hostname-mismatch", {"wanted": NAME}),
        (Link(names=()), "hostname-mismatch", {"names": ["leaf"]}),
        (Link(names=(), subject=NAME), "no-subject-alternative-name", {"common_name": NAME}),
    ],
)
def test_a_fault_of_the_leaf(leaf: Link, code: str, detail: dict[str, object]) -> None:
    sent, how = under(leaf, MIDDLE)
    found = {one.code: one for one in judged(sent, **how)}
    assert set(found) <= {code, "no-subject-alternative-name"}
    assert {**found[code].detail, **detail} == found[code].detail


def test_a_certificate_for_clients_is_judged_as_one_and_not_by_its_name() -> None:
    sent, how = under(Link(usages=CLIENT, names=()), MIDDLE)
    assert judged(sent, usage=Usage.CLIENT, **how) == ()
    assert codes([LEAF, INTERMEDIATE], usage=Usage.CLIENT) == ["wrong-usage"]


@pytest.mark.parametrize("how", ["sha1", "md5"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_weak_signature_of_leaf_or_intermediate(how: str, place: int) -> None:
    top, above = authority(0, key=rsa_key(2048)), authority(1, key=rsa_key(3072))
    sent: list[x509.Certificate | bytes] = [Link().below(above), above.below(top)]
    signer = (above, top)[place].key
    one = sent[place]
    assert isinstance(one, x509.Certificate)
    sent[place] = weakly_signed(one, signer, how)
    found = only(sent, "weak-signature", stores=[store(top.below())])
    assert found.detail["signature"] == how


def test_a_signature_of_an_unknown_kind_is_weak_and_not_called_broken() -> None:
    above = authority(1, key=rsa_key(2048))
    one = Link().below(above)
    sha256 = bytes.fromhex("06092a864886f70d01010b")
    unknown = der(one).replace(sha256, sha256[:-1] + b"\x7f")
    found = only([unknown, above.below(TOP)], "weak-signature")
    assert found.detail["signature"] == "1.2.840.113549.1.1.127"


# -- the chain -------------------------------------------------------------------------------------


def test_a_missing_intermediate_is_named_with_where_it_is_to_be_had() -> None:
    where = x509.AccessDescription(
        x509.oid.AuthorityInformationAccessOID.CA_ISSUERS,
        x509.UniformResourceIdentifier("http://pki.example/one.der"),
    )
    status = x509.AccessDescription(
        x509.oid.AuthorityInformationAccessOID.OCSP,
        x509.UniformResourceIdentifier("http://ocsp.example/"),
    )
    aia = (x509.AuthorityInformationAccess([status, where]), False)
    found = only([Link(more=(aia,)).below(MIDDLE)], "missing-intermediate")
    assert found.detail["issuer"] == "CN=Authority 1"
    assert found.detail["url"] == "http://pki.example/one.der"
    assert "http://pki.example/one.der" in found.what


def test_an_intermediate_that_is_missing_further_up_is_told_beside_what_is_unrelated() -> None:
    leaf, three, _two, one, _root = chain(
        Link(), authority(3), authority(2, subject="Issuing 2"), authority(1), TOP
    )
    assert codes([leaf, three, one]) == ["missing-intermediate", "unrelated-certificates"]


def test_an_intermediate_of_another_lineage_is_told_by_itself() -> None:
    other = authority(1, key=key(99)).below(TOP)
    found = only([LEAF, other], "intermediate-of-another-lineage")
    assert found.detail == {
        "subject": "CN=leaf",
        "issuer": "CN=Authority 1",
        "wanted_key": (certificates.authority_key(LEAF) or b"").hex(),
    }


@pytest.mark.parametrize("signer", [rsa_key(2048), key(98), ed25519.Ed25519PrivateKey.generate()])
@pytest.mark.parametrize("other", [rsa_key(3072), key(99), ed448.Ed448PrivateKey.generate()])
def test_a_lineage_of_another_kind_of_key_is_another_lineage(signer: Any, other: Any) -> None:
    above = authority(1, key=signer)
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    leaf = Link(digest=digest).below(above)
    assert codes([leaf, above.below(TOP)])[:1] != ["intermediate-of-another-lineage"]
    found = codes([leaf, replace(above, key=other).below(TOP)])
    assert "intermediate-of-another-lineage" in found


def test_beside_the_right_intermediate_one_of_another_lineage_is_unrelated() -> None:
    other = authority(1, key=key(99)).below(TOP)
    found = only([LEAF, INTERMEDIATE, other], "unrelated-certificates")
    assert not found.is_fault


@pytest.mark.parametrize("place", [0, 1])
def test_a_broken_signature(place: int) -> None:
    sent: list[x509.Certificate | bytes] = [LEAF, INTERMEDIATE]
    sent[place] = broken((LEAF, INTERMEDIATE)[place])
    assert only(sent, "broken-signature").is_fault


@pytest.mark.parametrize(
    ("above", "code"),
    [
        (authority(1, **EXPIRED), "intermediate-expired"),
        (authority(1, start=NOW + DAY), "intermediate-not-yet-valid"),
        (authority(1, ca=False), "issuer-is-no-authority"),
        (authority(1, ca=None), "issuer-is-no-authority"),
        (authority(1, key_usage=usage()), "issuer-is-no-authority"),
        (authority(1, usages=CLIENT), "wrong-usage"),
        (authority(1, key=rsa_key(1024)), "weak-key"),
        (authority(1, more=(UNKNOWN,)), "unknown-critical-extension"),
        (authority(1, more=(constraints(["example.com"]),)), "name-not-permitted"),
        (authority(1, more=(constraints((), ["example.org"]),)), "name-not-permitted"),
    ],
)
def test_a_fault_of_the_intermediate(above: Link, code: str) -> None:
    sent, how = under(Link(), above)
    assert only(sent, code, **how).detail["subject"] == "CN=Authority 1"


@pytest.mark.parametrize(
    ("top", "code"),
    [
        (authority(0, **EXPIRED), "root-expired"),
        (authority(0, path_length=0), "path-too-long"),
        (authority(0, more=(constraints(["example.com"]),)), "name-not-permitted"),
    ],
)
def test_a_fault_of_the_root(top: Link, code: str) -> None:
    sent, how = under(Link(), MIDDLE, top=top)
    assert only(sent, code, **how).detail["subject"] == "CN=Top"


def test_a_path_that_is_too_long_is_counted_and_what_issued_itself_is_not() -> None:
    sent, how = under(Link(), authority(3), authority(2, path_length=0), authority(1))
    found = only(sent, "path-too-long", **how)
    assert found.detail == {"subject": "CN=Authority 2", "allowed": 0, "found": 1}
    own = authority(2, subject="Authority 1")
    sent, how = under(Link(), own, authority(1, path_length=0))
    assert judged(sent, **how) == ()


# -- the order, and what need not be there ---------------------------------------------------------


@given(order=st.permutations(range(4)))
def test_any_order_of_a_good_chain_is_only_the_wrong_order(order: list[int]) -> None:
    found = codes([LONG[at] for at in order], stores=[store(LONG[-1])])
    assert found == ([] if order == [0, 1, 2, 3] else ["wrong-order"])


def test_a_root_that_is_sent_is_only_worth_knowing() -> None:
    found = only([LEAF, INTERMEDIATE, ROOT], "root-sent")
    assert not found.is_fault
    assert codes([LEAF, ROOT, INTERMEDIATE]) == ["wrong-order", "root-sent"]


def test_what_does_not_belong_there_is_a_fault_only_where_it_stands_between() -> None:
    stranger = authority(70).below(OTHER_TOP)
    assert codes([LEAF, INTERMEDIATE, stranger]) == ["unrelated-certificates"]
    assert codes([LEAF, stranger, INTERMEDIATE]) == ["wrong-order", "unrelated-certificates"]


def test_what_is_sent_twice_is_a_fault_only_where_it_stands_between() -> None:
    assert codes([LEAF, INTERMEDIATE, INTERMEDIATE]) == ["certificate-sent-twice"]
    assert codes([LEAF, LEAF, INTERMEDIATE]) == ["wrong-order", "certificate-sent-twice"]


# -- trust -----------------------------------------------------------------------------------------


def test_a_leaf_that_signed_itself_is_self_signed_and_not_untrusted_besides() -> None:
    assert codes([Link().below()]) == ["self-signed"]
    assert codes([Link().below(), INTERMEDIATE]) == ["self-signed", "unrelated-certificates"]


def test_a_root_of_nobody_is_untrusted_sent_or_not() -> None:
    nobodys = [store(OTHER_TOP.below())]
    found = only([LEAF, INTERMEDIATE], "untrusted-authority", stores=nobodys)
    assert found.detail["root"] == "CN=Top"
    assert codes([LEAF, INTERMEDIATE, ROOT], stores=nobodys) == ["untrusted-authority", "root-sent"]
    assert codes([LEAF, INTERMEDIATE], stores=[]) == ["untrusted-authority"]


def test_a_root_of_the_same_name_and_another_key_is_not_the_root() -> None:
    other = authority(0, key=key(99)).below()
    found = only([LEAF, INTERMEDIATE], "untrusted-authority", stores=[store(other)])
    assert "another key" in found.what


def test_a_root_that_the_deciding_store_lacks_is_a_fault_and_says_who_has_it() -> None:
    lacks, has = store(OTHER_TOP.below()), store(ROOT, name="mozilla")
    found = only([LEAF, INTERMEDIATE], "trusted-by-some", stores=[lacks, has])
    assert found.is_fault
    assert found.detail == {"root": "CN=Top", "trusted": ["mozilla"], "untrusted": ["system"]}


def test_a_private_root_that_another_store_lacks_is_only_worth_knowing() -> None:
    has, lacks = store(ROOT), store(OTHER_TOP.below(), name="mozilla")
    found = only([LEAF, INTERMEDIATE], "root-of-one-store", stores=[has, lacks])
    assert not found.is_fault
    assert found.detail == {"root": "CN=Top", "trusted": ["system"], "untrusted": ["mozilla"]}


def test_a_public_leaf_whose_root_a_store_lacks_is_a_fault() -> None:
    """Signed timestamps are in it, so that browsers are meant to take it (RFC 6962, 3.3)."""
    entry = b"\0" + bytes(32) + bytes(8) + b"\0\0" + b"\4\3\0\10" + bytes(8)
    entries = (len(entry).to_bytes(2, "big") + entry) * 2
    listed = len(entries).to_bytes(2, "big") + entries
    oid = x509.oid.ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS
    stamped = (x509.UnrecognizedExtension(oid, b"\4" + bytes([len(listed)]) + listed), False)
    sent = [Link(more=(stamped,)).below(MIDDLE), INTERMEDIATE]
    stores = [store(ROOT), store(OTHER_TOP.below(), name="mozilla")]
    assert only(sent, "trusted-by-some", stores=stores).is_fault
    assert codes(sent[:1], stores=stores) == ["missing-intermediate"]


def test_a_store_that_knows_only_a_bad_way_is_told_with_what_is_bad_there() -> None:
    good, bad = store(ROOT), store(authority(50, subject="Other Top").below(), name="old")
    found = judged([LEAF, INTERMEDIATE, CROSSED_OVER], stores=[bad, good])
    assert [one.code for one in found] == ["trusted-by-some", "expired-cross-signature"]
    assert "expired" in found[0].what


# -- several at once -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("links", "sent", "faults"),
    [
        (
            (Link(names=("a.example.com",), start=NOW - 9 * DAY, end=NOW - DAY), MIDDLE),
            2,
            {"expired", "hostname-mismatch"},
        ),
        (
            (Link(names=("a.example.com",)), authority(1, subject="Intermediate")),
            1,
            {"missing-intermediate", "hostname-mismatch"},
        ),
        (
            (Link(start=NOW - 9 * DAY, end=NOW - DAY), authority(1, subject="Intermediate")),
            1,
            {"missing-intermediate", "expired"},
        ),
        ((Link(key=rsa_key(1024), usages=CLIENT), MIDDLE), 2, {"weak-key", "wrong-usage"}),
        (
            (Link(start=NOW + DAY), authority(1, **EXPIRED)),
            2,
            {"not-yet-valid", "intermediate-expired"},
        ),
        (
            (Link(), authority(2, ca=False), authority(1, path_length=0)),
            3,
            {"issuer-is-no-authority", "path-too-long"},
        ),
        (
            (Link(names=("a.example.com",)), authority(1, more=(constraints(["example.org"]),))),
            2,
            {"name-not-permitted", "hostname-mismatch"},
        ),
        (
            (Link(), authority(1, **EXPIRED, key=rsa_key(1024), usages=CLIENT)),
            2,
            {"intermediate-expired", "weak-key", "wrong-usage"},
        ),
    ],
)
def test_several_faults_are_all_named(links: Sequence[Link], sent: int, faults: set[str]) -> None:
    certificates, how = under(*links)
    assert set(codes(certificates[:sent], **how)) == faults


def test_faults_of_leaf_chain_order_and_trust_are_all_named() -> None:
    leaf = Link(names=("a.example.com",), start=NOW - 9 * DAY, end=NOW - DAY, key=rsa_key(1024))
    sent = [leaf.below(MIDDLE), ROOT, INTERMEDIATE]
    assert codes(sent, stores=[store(OTHER_TOP.below())]) == [
        "hostname-mismatch",
        "expired",
        "wrong-order",
        "untrusted-authority",
        "weak-key",
        "root-sent",
    ]


def test_more_certificates_than_any_chain_has_are_not_all_looked_at() -> None:
    """Each could have been signed by each: all ways through them would take minutes."""
    ring = [authority(1, key=key(200 + at)) for at in range(40)]
    others = [one.below(above) for one in ring for above in ring[:3]]
    sent = [LEAF, INTERMEDIATE, *others]
    (many, *_) = [one for one in judged(sent) if one.code == "unrelated-certificates"]
    assert many.detail == {"count": 122}


# -- what cannot be read ---------------------------------------------------------------------------


def test_no_certificate_at_all() -> None:
    assert codes([]) == ["no-certificate"]
    assert codes([b"junk"]) == ["no-certificate", "unreadable-certificate"]


def test_an_unreadable_intermediate_hides_nothing_of_the_leaf() -> None:
    sent: Sent = [Link(names=("a.example.com",)).below(MIDDLE), b"\x30\x03\x02\x01\x01"]
    assert codes(sent) == ["hostname-mismatch", "unreadable-certificate", "missing-intermediate"]


def test_below_an_unreadable_leaf_nothing_is_taken_for_the_leaf() -> None:
    found = only([b"junk", INTERMEDIATE], "unreadable-certificate")
    assert found.detail == {"place": 1}


@given(text=st.binary(max_size=200), at=st.integers(0, 2000), value=st.integers(0, 255))
def test_no_bytes_that_a_server_sends_raise(text: bytes, at: int, value: int) -> None:
    bent = bytearray(der(LEAF))
    bent[at % len(bent)] = value
    assert judged([text, LEAF]) is not None
    assert judged([bytes(bent), INTERMEDIATE]) is not None
    assert judged([LEAF, bytes(bent), INTERMEDIATE]) is not None
