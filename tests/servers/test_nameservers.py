"""Zones, CNAME records and agreement, against real BIND servers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from everleaf.challenges.nameservers import NameServers
from everleaf.challenges.zones import Server, Zones
from everleaf.errors import EndOfTimeError
from everleaf.system.dns import DnsError
from fakes.clock import TurnedClock
from support.bind import Bind, Key, Zone, two
from support.loopback import free, written

OWNER = "_acme-challenge.a.test."
KEY = Key()
ALIASES = (
    "_acme-challenge.www CNAME www.delegated.test.",
    "chain CNAME _acme-challenge.www",
    "round CNAME trip",
    "trip CNAME round",
    *(f"long{number} CNAME long{number + 1}" for number in range(20)),
    "alias CNAME elsewhere.delegated.test.",
)


@dataclass(slots=True)
class Meanwhile(TurnedClock):
    """Does what is next on its list whenever it sleeps."""

    then: list[Callable[[], object]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def sleep(self, span: float) -> None:
        TurnedClock.sleep(self, span)
        self.slept.append(span)
        if self.then:
            self.then.pop(0)()


@dataclass(slots=True)
class World:
    """Two servers that are both primary for a.test, so that each has what it was given."""

    first: Bind
    second: Bind
    clock: Meanwhile = field(default_factory=Meanwhile)

    def servers(self, *addresses: str, patience: int = 120) -> NameServers:
        return NameServers(
            clock=self.clock,
            resolver=[self.first.at],
            servers=addresses,
            port=self.first.address[1],
            patience=timedelta(seconds=patience),
        )

    @property
    def zones(self) -> Zones:
        return self.servers().zones


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    at = two()
    policy = (f"grant {KEY.name} subdomain a.test. TXT",)
    zones = [
        Zone("a.test", policy, ALIASES, at),
        Zone("delegated.test", records=("x.y TXT z",), at=at[:1]),
        Zone("lame.test", at=at),
        Zone("nobody.test", others=("away.a.test.",)),
        Zone("broken.test", records=("@ MX 10 no.such..name.",), at=at[:1]),
    ]
    with ExitStack() as stack:
        first = Bind(tmp_path / "first", at[0], keys=[KEY], zones=zones)
        second = Bind(tmp_path / "second", at[1], keys=[KEY], zones=zones[:1])
        yield World(stack.enter_context(first), stack.enter_context(second))


def test_a_name_without_an_alias_is_its_own_place(world: World) -> None:
    assert world.zones.place(OWNER) == OWNER
    assert world.zones.place("_acme-challenge.no.such.a.test.") == "_acme-challenge.no.such.a.test."


@pytest.mark.parametrize("owner", ["_acme-challenge.www.a.test.", "Chain.a.TEST."])
def test_cname_records_are_followed_to_their_end(world: World, owner: str) -> None:
    assert world.zones.place(owner) == "www.delegated.test."


def test_cname_records_that_go_round_are_told_with_their_way(world: World) -> None:
    with pytest.raises(DnsError, match="go round in a circle") as caught:
        world.zones.place("round.a.test.")
    assert caught.value.fault.words == ("round.a.test. -> trip.a.test. -> round.a.test.",)


def test_cname_records_without_an_end_are_not_followed_for_ever(world: World) -> None:
    with pytest.raises(DnsError, match="do not end"):
        world.zones.place("long0.a.test.")


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("a.test.", "a.test."),
        (OWNER, "a.test."),
        ("_acme-challenge.no.such.A.test.", "a.test."),
        ("q.x.y.delegated.test.", "delegated.test."),
        # What is below an alias is not in the zone to which the alias leads.
        ("_acme-challenge.alias.a.test.", "a.test."),
    ],
)
def test_the_zone_is_that_of_the_nearest_soa_record(world: World, name: str, zone: str) -> None:
    assert world.zones.zone(name) == zone


def test_a_name_that_the_resolver_refuses_is_told_with_its_words(world: World) -> None:
    with pytest.raises(DnsError, match="cannot be looked up") as caught:
        world.zones.zone("_acme-challenge.b.test.")
    assert "REFUSED" in str(caught.value.fault.words)


def test_a_zone_that_its_server_could_not_load_is_a_servfail(world: World) -> None:
    for look in (world.zones.zone, world.zones.place):
        with pytest.raises(DnsError) as caught:
            look("_acme-challenge.broken.test.")
        assert caught.value.fault.code == "dns-lookup-failed"
        assert "SERVFAIL" in str(caught.value.fault.words)


def test_every_address_of_every_server_is_found(world: World) -> None:
    found = world.zones.servers("a.test.")
    assert found == tuple(Server(*one.address) for one in (world.first, world.second))
    assert [one.name for one in found] == ["ns1.a.test.", "ns2.a.test."]
    assert str(found[1]) == f"ns2.a.test. ([::1]:{world.second.address[1]})"


def test_the_primary_server_is_the_one_that_the_soa_record_names(world: World) -> None:
    assert world.zones.primary("a.test.") == (Server(*world.first.address),)


def test_a_zone_whose_servers_have_no_address_is_told(world: World) -> None:
    for look in (world.zones.servers, world.zones.primary):
        with pytest.raises(DnsError, match="address") as caught:
            look("nobody.test.")
        assert "away.a.test." in str(caught.value.fault)


def test_agreement_is_at_once_where_all_show_the_values(world: World) -> None:
    for server in (world.first, world.second):
        server.add(OWNER, "one", "two")
    world.servers().agree([(OWNER, "one"), (OWNER, "two"), (OWNER, "one")])
    assert world.clock.slept == []


def test_a_server_that_lags_is_waited_for(world: World) -> None:
    world.first.add(OWNER, "one")
    world.clock.then = [lambda: None, lambda: None, lambda: world.second.add(OWNER, "one")]
    world.servers().agree([(OWNER, "one")])
    assert len(world.clock.slept) == 3
    assert world.clock.slept == sorted(world.clock.slept)


def test_all_records_are_waited_for_together(world: World) -> None:
    names = [f"_acme-challenge.n{number}.a.test." for number in range(5)]
    for name in names:
        world.first.add(name, name)
    world.clock.then = [lambda name=name: world.second.add(name, name) for name in names]  # type: ignore[misc]
    world.servers().agree([(name, name) for name in names])
    assert len(world.clock.slept) == len(names)


def test_at_the_deadline_it_says_which_server_shows_what(world: World) -> None:
    world.first.add(OWNER, "one")
    world.second.add(OWNER, "old", "older")
    with pytest.raises(DnsError, match="not every name server shows") as caught:
        world.servers(patience=7).agree([(OWNER, "one")])
    fault = caught.value.fault
    assert fault.code == "dns-not-everywhere"
    assert fault.where == OWNER
    (words,) = fault.words
    assert words.startswith(f"{OWNER}: ns2.a.test. ([::1]:{world.second.address[1]}) shows ")
    assert words.endswith(", not 'one'")
    assert "'old'" in words
    assert "'older'" in words
    assert sum(world.clock.slept) == pytest.approx(7)


def test_no_record_at_all_is_said_so(world: World) -> None:
    with pytest.raises(DnsError) as caught:
        world.servers(patience=0).agree([(OWNER, "one")])
    assert len(caught.value.fault.words) == 2
    assert all("has no TXT record, not 'one'" in one for one in caught.value.fault.words)


def test_a_server_that_does_not_serve_the_zone_is_named(world: World) -> None:
    with pytest.raises(DnsError) as caught:
        world.servers(patience=0).agree([("_acme-challenge.lame.test.", "one")])
    lame = [one for one in caught.value.fault.words if "ns2.lame.test." in one]
    assert len(lame) == 1
    assert "answers REFUSED, so that it does not serve the zone" in lame[0]


def test_a_server_that_is_down_is_named(world: World) -> None:
    away = written(free("127.0.0.1"))
    with pytest.raises(DnsError) as caught:
        world.servers(world.first.at, away, patience=0).agree([(OWNER, "1"), ("b.a.test.", "2")])
    words = [one for one in caught.value.fault.words if away in one]
    assert words == [f"{OWNER}: {away} does not answer", f"b.a.test.: {away} does not answer"]


def test_servers_of_the_configuration_are_asked_instead(world: World) -> None:
    world.first.add(OWNER, "one")
    world.servers(world.first.at).agree([(OWNER, "one")])
    with pytest.raises(DnsError):
        world.servers(world.second.at, patience=0).agree([(OWNER, "one")])


def test_an_answer_that_is_too_long_for_udp_is_fetched_by_tcp(world: World) -> None:
    values = [f"{number:03}{'x' * 60}" for number in range(40)]
    world.first.add(OWNER, *values)
    (shown,) = world.servers(world.first.at).look(OWNER).values()
    assert sorted(shown.texts) == values


def test_a_run_that_is_told_to_stop_waits_no_longer(world: World) -> None:
    world.clock.then = [world.clock.stop]
    with pytest.raises(EndOfTimeError):
        world.servers().agree([(OWNER, "one")])
