"""The judgement of an issued chain: each fault by itself, all at once, and the order mended."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from everleaf.core.identifiers import parse
from everleaf.core.wanted import Usage
from everleaf.errors import MachineError
from everleaf.pki.chain import Verdict, judge
from everleaf.pki.keys import public
from support.forge import (
    CLIENT,
    DAY,
    NOW,
    SERVER,
    Plan,
    authority,
    der,
    key,
    key_pem,
    root,
    rsa_key,
    usage,
)

ROOT, INTERMEDIATE, LEAF = root(), authority(), Plan().make()


def verdict(
    *chain: x509.Certificate | bytes,
    names: Sequence[str] = ("www.example.org",),
    roots: Sequence[x509.Certificate] = (ROOT,),
    pem: bytes | None = None,
    **changes: Any,
) -> Verdict:
    return judge(
        [one if isinstance(one, bytes) else der(one) for one in chain],
        public_key=public(pem or key_pem()),
        usages=changes.get("usages", (Usage.SERVER,)),
        identifiers=[parse(name) for name in names],
        roots=[der(one) for one in roots],
        now=changes.get("now", NOW),
    )


def only(found: Verdict, *words: str) -> None:
    """There is one objection, and it says these words."""
    assert len(found.objections) == 1, found.objections
    for word in words:
        assert word in found.objections[0]


def test_a_good_chain_passes() -> None:
    found = verdict(LEAF, INTERMEDIATE)
    assert found == Verdict(mended=(der(LEAF), der(INTERMEDIATE)), objections=())


def test_a_root_that_was_sent_is_dropped() -> None:
    assert verdict(LEAF, INTERMEDIATE, ROOT).mended == (der(LEAF), der(INTERMEDIATE))


@given(st.permutations([LEAF, INTERMEDIATE, ROOT, authority(subject="Other", issuer="Else")]))
def test_whatever_the_order_the_chain_is_mended_and_strangers_are_left_out(
    chain: list[x509.Certificate],
) -> None:
    assert verdict(*chain) == Verdict(mended=(der(LEAF), der(INTERMEDIATE)), objections=())


def test_a_certificate_that_was_sent_twice_is_kept_once() -> None:
    found = verdict(LEAF, LEAF, INTERMEDIATE, INTERMEDIATE)
    assert found == Verdict(mended=(der(LEAF), der(INTERMEDIATE)), objections=())


def test_two_intermediates_are_put_in_order() -> None:
    second = authority(subject="Second", issuer="Intermediate", key=key(3), signer=key(2))
    leaf = Plan(issuer="Second", signer=key(3)).make()
    found = verdict(leaf, INTERMEDIATE, second)
    assert found == Verdict(mended=(der(leaf), der(second), der(INTERMEDIATE)), objections=())


def test_a_leaf_straight_below_the_root_is_a_chain() -> None:
    leaf = Plan(issuer="Root", signer=key(1)).make()
    assert verdict(leaf) == Verdict(mended=(der(leaf),), objections=())


def test_a_cross_signed_root_that_goes_on_to_a_stranger_is_trusted_by_its_own_name() -> None:
    crossed = authority(subject="Root", issuer="Older Root", key=key(1), signer=key(5))
    found = verdict(LEAF, INTERMEDIATE, crossed)
    assert found.objections == ()
    assert found.mended == (der(LEAF), der(INTERMEDIATE), der(crossed))


@pytest.mark.rule("ACME-10")
def test_a_missing_name_is_said() -> None:
    only(verdict(LEAF, INTERMEDIATE, names=["www.example.org", "a.test"]), "lacks", "a.test")


@pytest.mark.rule("ACME-10")
def test_a_name_too_many_is_said() -> None:
    leaf = Plan(names=("www.example.org", "evil.test")).make()
    only(verdict(leaf, INTERMEDIATE), "not asked for", "evil.test")


def test_a_name_of_another_kind_is_said() -> None:
    leaf = Plan(other_names=(x509.RFC822Name("root@example.org"),)).make()
    only(verdict(leaf, INTERMEDIATE), "RFC822Name")


@pytest.mark.parametrize("name", ["*.example.org", "192.0.2.1", "2001:db8::1", "xn--bcher-kva.de"])
def test_wildcards_and_addresses_pass_the_verifier(name: str) -> None:
    assert verdict(Plan(names=(name,)).make(), INTERMEDIATE, names=[name]).objections == ()


def test_names_compare_without_regard_to_capitals() -> None:
    assert verdict(Plan(names=("WWW.Example.org",)).make(), INTERMEDIATE).objections == ()


def test_an_empty_subject_is_fine() -> None:
    assert verdict(Plan(subject="").make(), INTERMEDIATE).objections == ()


@pytest.mark.rule("ACME-10")
def test_another_key_is_said() -> None:
    only(verdict(LEAF, INTERMEDIATE, pem=key_pem(key(11))), "another key")


def test_a_leaf_is_known_by_its_key_among_several() -> None:
    other = Plan(key=key(11), names=("other.test",)).make()
    assert verdict(other, LEAF, INTERMEDIATE).mended[0] == der(LEAF)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ((Usage.CLIENT,), "not for client authentication"),
        ((Usage.SERVER, Usage.CLIENT), "not for client authentication"),
    ],
)
def test_a_usage_that_was_asked_for_and_is_not_there_is_an_objection(
    wanted: tuple[Usage, ...], words: str
) -> None:
    only(verdict(LEAF, INTERMEDIATE, usages=wanted), words)


@pytest.mark.parametrize("wanted", [(Usage.CLIENT,), (Usage.SERVER, Usage.CLIENT)])
def test_a_certificate_for_clients_is_verified_as_such(wanted: tuple[Usage, ...]) -> None:
    purposes = {Usage.SERVER: SERVER, Usage.CLIENT: CLIENT}
    leaf = Plan(usages=tuple(purpose for one in wanted for purpose in purposes[one])).make()
    assert verdict(leaf, INTERMEDIATE, usages=wanted).objections == ()


def test_an_expired_leaf_is_said_with_its_date() -> None:
    only(verdict(LEAF, INTERMEDIATE, now=NOW + 90 * DAY), "the leaf expired", "2027-02-21")


def test_an_expired_intermediate_is_said() -> None:
    only(verdict(LEAF, authority(end=NOW - DAY)), "'CN=Intermediate' expired")


def test_an_expired_root_is_said() -> None:
    only(verdict(LEAF, INTERMEDIATE, roots=[root(end=NOW - DAY)]), "root 'CN=Root' expired")


def test_a_leaf_of_tomorrow_is_said() -> None:
    only(verdict(Plan(start=NOW + DAY).make(), INTERMEDIATE), "not valid before 2026-11-25")


def test_a_clock_that_is_a_little_behind_does_no_harm() -> None:
    leaf = Plan(start=NOW + timedelta(minutes=4)).make()
    assert verdict(leaf, INTERMEDIATE).objections == ()


@pytest.mark.parametrize("usages", [CLIENT, ()])
def test_a_leaf_that_is_not_for_servers_is_said(usages: Any) -> None:
    only(verdict(Plan(usages=usages).make(), INTERMEDIATE), "server authentication")


def test_the_certificate_of_an_authority_is_no_leaf() -> None:
    leaf = Plan(ca=True, key_usage=usage(sign_certificates=True)).make()
    only(verdict(leaf, INTERMEDIATE), "an authority")


def test_a_key_usage_that_tls_1_3_cannot_use_is_said() -> None:
    leaf = Plan(key_usage=usage(digital_signature=False)).make()
    only(verdict(leaf, INTERMEDIATE), "digital signatures")


def test_an_rsa_key_of_1024_bits_is_said() -> None:
    small = rsa_key(1024)
    only(verdict(Plan(key=small).make(), INTERMEDIATE, pem=key_pem(small)), "1024 bits")


def test_an_rsa_key_of_2048_bits_passes() -> None:
    good = rsa_key(2048)
    assert verdict(Plan(key=good).make(), INTERMEDIATE, pem=key_pem(good)).objections == ()


def test_an_odd_curve_is_said() -> None:
    odd = ec.generate_private_key(ec.SECP256K1())
    only(verdict(Plan(key=odd).make(), INTERMEDIATE, pem=key_pem(odd)), "secp256k1")


def test_an_odd_digest_is_said() -> None:
    only(verdict(Plan(digest=hashes.SHA3_256()).make(), INTERMEDIATE), "sha3-256")


def test_a_missing_intermediate_is_said_with_the_name_that_is_missing() -> None:
    only(verdict(LEAF), "'CN=Intermediate'", "intermediate is missing")


def test_an_untrusted_root_is_said() -> None:
    stranger = root(subject="Stranger", issuer="Stranger", key=key(7), signer=key(7))
    only(verdict(LEAF, INTERMEDIATE, roots=[stranger]), "'CN=Root'", "none of the 1 trusted")


def test_a_root_of_the_same_name_with_another_key_is_said() -> None:
    only(verdict(LEAF, INTERMEDIATE, roots=[root(key=key(7), signer=key(7))]), "another key")


def test_a_chain_without_any_trusted_root_is_said() -> None:
    only(verdict(LEAF, INTERMEDIATE, roots=[]), "none of the 0 trusted")


def test_a_self_signed_leaf_is_said() -> None:
    leaf = Plan(issuer="leaf", signer=key(10)).make()
    only(verdict(leaf), "signed by itself")


def test_a_forged_signature_leads_nowhere() -> None:
    forged = Plan(signer=key(8)).make()
    found = verdict(forged, INTERMEDIATE)
    assert found.mended == (der(forged),)
    only(found, "'CN=Intermediate'")


def test_an_intermediate_that_may_not_sign_is_refused_by_the_verifier() -> None:
    found = verdict(LEAF, authority(key_usage=usage()))
    only(found, "no path")


def test_an_intermediate_that_is_none_is_refused_by_the_verifier() -> None:
    found = verdict(LEAF, authority(ca=False, key_usage=usage()))
    assert found.objections


def test_a_root_without_key_usage_is_trusted_all_the_same() -> None:
    assert verdict(LEAF, INTERMEDIATE, roots=[root(key_usage=None)]).objections == ()


def test_roots_that_cannot_be_read_are_left_out() -> None:
    found = judge(
        [der(LEAF), der(INTERMEDIATE)],
        public_key=public(key_pem()),
        identifiers=[parse("www.example.org")],
        roots=[b"junk", der(ROOT)],
        now=NOW,
    )
    assert found.objections == ()


def test_all_faults_are_said_at_once() -> None:
    small = rsa_key(1024)
    leaf = Plan(names=("evil.test",), usages=CLIENT, end=NOW - DAY, start=NOW - 9 * DAY, key=small)
    stranger = root(subject="Stranger", issuer="Stranger", key=key(7), signer=key(7))
    text = "\n".join(verdict(leaf.make(), INTERMEDIATE, roots=[stranger]).objections)
    for words in ("lacks", "evil.test", "another key", "server auth", "1024", "expired", "trusted"):
        assert words in text


def test_junk_in_the_chain_is_said_and_the_rest_judged() -> None:
    found = verdict(LEAF, b"junk", INTERMEDIATE)
    only(found, "certificate 2 of 3 cannot be read")
    assert found.mended == (der(LEAF), der(INTERMEDIATE))


def test_an_empty_chain_is_said() -> None:
    only(verdict(), "no certificate")


@given(st.lists(st.binary(max_size=40), max_size=3))
def test_no_bytes_at_all_pass_or_raise(chain: list[bytes]) -> None:
    assert verdict(*chain).objections


def test_a_private_key_that_cannot_be_read_is_the_machines_fault() -> None:
    with pytest.raises(MachineError):
        verdict(LEAF, INTERMEDIATE, pem=b"junk")
