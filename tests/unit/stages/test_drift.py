"""What an edge serves drifts away: found on the schedule, reloaded again, and never ordered for."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from everleaf.core.approach import DIRECT, Approach
from everleaf.core.wanted import Endpoint
from support.bench import Bench
from support.certs import Authority

HOST = "a.example.org"
EVERY = timedelta(hours=6)
RSA = rsa.generate_private_key(65537, 2048)


def reloads(bench: Bench, edge: str) -> int:
    return sum(call[:2] == ("reload", edge) for call in bench.edges.calls)


@dataclass(slots=True)
class Drift:
    """A bench whose edges serve the second version; `old`, the first, is what an image holds."""

    bench: Bench
    old: tuple[bytes, ...]


@pytest.fixture
def drift(bench: Bench) -> Drift:
    bench.want("a", "one", "two", confirm_every=EVERY)
    bench.run()
    old = bench.edges.served["one", "a"]
    bench.clock.turn(days=70)
    assert not bench.run().failing
    assert bench.edges.served["one", "a"] != old
    return Drift(bench, old)


def test_an_edge_restored_from_an_old_image_is_found_once_the_look_is_too_old(drift: Drift) -> None:
    bench = drift.bench
    right, placed = bench.edges.served["one", "a"], bench.ca.issued
    assert right != drift.old
    bench.edges.served["one", "a"] = drift.old
    looks = bench.edges.looks
    bench.clock.turn(hours=5)
    assert not bench.run().failing
    assert bench.edges.looks == looks, "the last look is not old enough"
    bench.clock.turn(hours=2)
    assert bench.run().failing == ("a",)
    assert bench.code("a") == "unconfirmed"
    before = reloads(bench, "two")
    bench.clock.turn(hours=1)
    assert not bench.run().failing
    assert bench.edges.served["one", "a"] == right
    assert reloads(bench, "two") == before, "the other edge is well"
    assert bench.ca.issued == placed


def test_a_certificate_replaced_by_hand_stays_failing_is_reloaded_with_patience_and_not_ordered(
    drift: Drift,
) -> None:
    bench = drift.bench
    strange = tuple(Authority("Strange").issue(HOST).chain)
    placed = bench.ca.issued
    bench.edges.deaf.add("one")
    bench.edges.served["one", "a"] = strange
    bench.clock.turn(hours=7)
    before = reloads(bench, "one")
    for _ in range(72):
        assert bench.run().failing == ("a",)
        bench.clock.turn(hours=1)
    assert 1 < reloads(bench, "one") - before < 8
    assert bench.ca.issued == placed
    assert bench.versions("a") == 2
    bench.edges.deaf.clear()
    for _ in range(48):
        bench.run()
        bench.clock.turn(hours=1)
    assert not bench.run().failing, "reloaded with success, and seen"
    assert bench.ca.issued == placed


def test_an_edge_that_went_down_is_found_and_never_reloaded_for_it(drift: Drift) -> None:
    bench = drift.bench
    bench.edges.down.add("one")
    before, placed = reloads(bench, "one"), bench.ca.issued
    bench.clock.turn(hours=7)
    assert bench.run().failing == ("a",)
    bench.clock.turn(days=1)
    assert bench.run().failing == ("a",)
    assert reloads(bench, "one") == before
    assert bench.ca.issued == placed


def test_every_run_looks_where_that_is_wanted(drift: Drift) -> None:
    bench = drift.bench
    bench.want("a", "one", "two", confirm_every=timedelta(0))
    bench.edges.served["one", "a"] = drift.old
    assert bench.run().failing == ("a",)


# -- where a server has certificates with keys of two kinds ---------------------------------------


def test_a_certificate_with_another_kind_of_key_that_comes_first_is_no_drift(drift: Drift) -> None:
    bench = drift.bench
    bench.edges.first["one", "a"] = tuple(Authority("RSA").issue(HOST, key=RSA).chain)
    bench.clock.turn(hours=7)
    assert not bench.run().failing


def test_ours_is_looked_at_behind_one_of_another_kind(drift: Drift) -> None:
    bench = drift.bench
    bench.edges.first["one", "a"] = tuple(Authority("RSA").issue(HOST, key=RSA).chain)
    bench.edges.served["one", "a"] = drift.old
    bench.clock.turn(hours=7)
    assert bench.run().failing == ("a",)
    bench.clock.turn(hours=1)
    assert not bench.run().failing


def test_another_kind_of_key_alone_is_not_ours(drift: Drift) -> None:
    bench = drift.bench
    bench.edges.deaf.add("one")
    bench.edges.served["one", "a"] = tuple(Authority("RSA").issue(HOST, key=RSA).chain)
    bench.clock.turn(hours=7)
    assert bench.run().failing == ("a",)


# -- where the addresses come from ----------------------------------------------------------------


def test_addresses_are_those_that_a_program_prints_at_each_look(bench: Bench) -> None:
    endpoint = Endpoint(host=HOST, command=("list",))
    bench.want("a", "one", "two", endpoints=(endpoint,), confirm_every=EVERY)
    bench.resolver.programs = {"list": ("one", "two")}
    assert not bench.run().failing
    assert {one.host for one in bench.store.standing("a").observations} == {"one", "two"}
    bench.resolver.programs = {"list": ("one", "three")}
    bench.clock.turn(hours=7)
    assert bench.run().failing == ("a",)
    bench.resolver.programs = {}
    bench.clock.turn(hours=7)
    assert bench.run().failing == ("a",)
    (seen,) = bench.store.standing("a").observations
    assert "prints no address" in seen.words


def test_two_ways_to_one_address_are_looked_at_each_for_itself(bench: Bench) -> None:
    ways = (DIRECT, Approach(http3=True))
    endpoints = tuple(Endpoint(host=HOST, addresses=("one",), approach=way) for way in ways)
    bench.want("a", "one", endpoints=endpoints)
    assert not bench.run().failing
    seen = bench.store.standing("a").observations
    assert {one.endpoint for one in seen} == {f"{HOST}:443", f"{HOST}:443 (over QUIC)"}
