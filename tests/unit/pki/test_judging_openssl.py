"""The judgement of chains beside that of `openssl verify`: whatever is wrong, both say so."""

import random
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from everleaf.core.diagnosis import Store
from everleaf.core.wanted import Usage
from everleaf.pki.judging import judge
from support.forge import CLIENT, DAY, NOW, SERVER, der, key, named, rsa_key, usage
from support.lineage import NAME, Link, authority, broken, chain, constraints, openssl_takes

ANY = x509.ObjectIdentifier("2.5.29.37.0")
UNKNOWN = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\5\0"), True)
EXPIRED: dict[str, Any] = {"start": NOW - 400 * DAY, "end": NOW - DAY}
# OpenSSL sorts, so that an order is nothing to it.
SORTED = frozenset({"wrong-order"})

LEAVES: tuple[dict[str, Any], ...] = (
    {},
    EXPIRED,
    {"start": NOW + DAY},
    {"usages": CLIENT},
    {"usages": ()},
    {"usages": (ANY,)},
    {"usages": (*SERVER, ANY)},
    {"key_usage": None},
    {"names": ("other.example.org",)},
    {"names": (NAME, "10.1.2.3")},
    {"names": ("*.example.org",)},
    {"key": rsa_key(1024)},
    {"key": rsa_key(2048)},
    {"ca": None},
    {"more": (UNKNOWN,)},
    {"key_ids": False},
)
AUTHORITIES: tuple[dict[str, Any], ...] = (
    {},
    EXPIRED,
    {"start": NOW + DAY},
    {"ca": False},
    {"key_usage": None},
    {"key_usage": usage()},
    {"path_length": 0},
    {"path_length": 1},
    {"usages": SERVER},
    {"usages": CLIENT},
    {"more": (UNKNOWN,)},
    {"key_ids": False},
    {"key": rsa_key(1024)},
    {"more": (constraints(["example.org"]),)},
    {"more": (constraints([".example.org"]),)},
    {"more": (constraints(["example.com"]),)},
    {"more": (constraints((), ["www.example.org"]),)},
    {"more": (constraints(["10.0.0.0/8"]),)},
    {"more": (constraints((), ["10.0.0.0/8"]),)},
    {"more": (constraints([x509.DirectoryName(named("leaf"))]),)},
    {"more": (constraints((), [x509.DirectoryName(named("leaf"))]),)},
)

leaves = st.sampled_from(LEAVES)
authorities = st.sampled_from(AUTHORITIES)
sometimes = st.sampled_from([False, False, True])


def agree(
    sent: list[x509.Certificate | bytes],
    roots: list[x509.Certificate],
    usage: Usage = Usage.SERVER,
) -> None:
    """Both take the chain, or both refuse it."""
    ders = [one if isinstance(one, bytes) else der(one) for one in sent]
    trusted = Store(name="system", roots=tuple(map(der, roots)))
    judged = judge(ders, NAME, [trusted], NOW, usage=usage)
    found = {one.code for one in judged if one.is_fault} - SORTED
    with tempfile.TemporaryDirectory() as folder:
        name = NAME if usage is Usage.SERVER else ""
        takes, words = openssl_takes(Path(folder), ders, roots, name=name, purpose=f"ssl{usage}")
    assert takes == (not found), (found, words)


@settings(max_examples=80, deadline=None)
@given(
    leaf=leaves,
    above=st.lists(authorities, min_size=1, max_size=4),
    crossed=sometimes,
    expired=sometimes,
    known=sometimes,
    with_root=sometimes,
    for_client=sometimes,
    seed=st.integers(0, 1000),
)
def test_whatever_is_wrong_openssl_finds_it_too_and_nothing_else(
    leaf: dict[str, Any],
    above: list[dict[str, Any]],
    *,
    crossed: bool,
    expired: bool,
    known: bool,
    with_root: bool,
    for_client: bool,
    seed: int,
) -> None:
    dice = random.Random(seed)  # noqa: S311 - no secret
    tower = [authority(at, **one) for at, one in reversed(list(enumerate(above)))]
    links = [Link(**leaf), *tower]
    *sent, top = chain(*links)
    roots = [top]
    other = authority(50, subject="Other Top")
    if crossed:
        one = dice.choice(links[1:])
        sent.append(replace(one, **EXPIRED if expired else {}).below(other))
        roots += [other.below()] if known else []
    if with_root:
        sent.append(top)
    rest = sent[1:]
    dice.shuffle(rest)
    agree([sent[0], *rest], roots, Usage.CLIENT if for_client else Usage.SERVER)


@pytest.mark.parametrize(
    ("place", "how"),
    [(place, how) for place in (0, 1, 2) for how in ("broken", "lacking", "other", "untrusted")],
)
def test_a_gap_in_the_chain_is_found_wherever_it_is(place: int, how: str) -> None:
    links = [Link(), authority(2), authority(1), authority(0)]
    *good, top = chain(*links)
    sent: list[x509.Certificate | bytes] = [*good]
    roots = [top]
    if how == "broken":
        sent[place] = broken(good[place])
    elif how == "untrusted":
        roots = [authority(50).below()]
    elif place == 0:
        roots = [replace(links[-1], key=key(99)).below()]
    elif how == "lacking":
        del sent[place]
    else:
        sent[place] = replace(links[place], key=key(99)).below(links[place + 1])
    agree(sent, roots)
