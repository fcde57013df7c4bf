"""One edge first: who is looked at where many have one name, and when nobody waits any longer."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from everleaf.core.approach import Approach
from everleaf.core.standing import Observation, Sight, Standing
from everleaf.core.wanted import Endpoint
from everleaf.stages.by_hand import pin
from everleaf.store.codec import decode, encode
from support.bench import Bench

DAYS = 70
OLD, NEW = "old", "new"


def reloaded(bench: Bench) -> list[str]:
    return [edge for verb, edge, _ in bench.edges.calls if verb == "reload"]


def served(bench: Bench, edge: str, name: str = "a") -> str:
    """Whether an edge serves what is on disk."""
    return NEW if bench.edges.served[edge, name] == bench.on_disk(name) else OLD


def canary_is_down(bench: Bench) -> None:
    """One is down and has the new version; the others have the old one."""
    bench.want("a", "one", "two", canary="one")
    bench.run()
    bench.edges.down.add("one")
    bench.clock.turn(days=DAYS)
    bench.run()
    bench.edges.calls.clear()


# -- many with one name and port -----------------------------------------------------------------


def test_edges_with_one_name_and_port_are_each_looked_at(bench: Bench) -> None:
    bench.want("a", "one", "two", canary="one")
    bench.run()
    bench.clock.turn(days=DAYS)
    assert not bench.run().failing
    seen = bench.store.standing("a").observations
    assert {one.address for one in seen if one.version == bench.live("a")} == {"one:443", "two:443"}


def test_a_follower_that_misses_its_reload_is_seen_in_the_same_run(bench: Bench) -> None:
    bench.want("a", "one", "two", canary="one")
    bench.run()
    bench.edges.deaf.add("two")
    bench.clock.turn(days=DAYS)
    assert bench.run().failing == ("a",)
    seen = bench.store.standing("a").observations
    assert {one.address: one.sight for one in seen} == {
        "one:443": Sight.CONFIRMED, "two:443": Sight.STALE,
    }  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        Endpoint(host="a.test", addresses=("b",)),
        Endpoint(host="a.test", addresses=("a",), terminator="b"),
        Endpoint(host="a.test", addresses=("a",), approach=Approach(proxy_protocol=2)),
        Endpoint(host="a.test", command=("/b",)),
        Endpoint(host="a.test"),
    ],
)
def test_endpoints_are_told_apart_by_all_that_says_where_to_look(other: Endpoint) -> None:
    one = Endpoint(host="a.test", addresses=("a",))
    assert other.key != one.key
    assert replace(one, optional=True).key == one.key
    assert Endpoint(host="a.test").key == "a.test:443"


def test_an_observation_from_before_is_of_the_endpoint_of_its_terminator(bench: Bench) -> None:
    one = Observation(
        endpoint="a.test:443", address="1:443", sight=Sight.CONFIRMED, at=bench.clock.now(),
        version="1", terminator="a", key="a.test:443",
    )  # fmt: skip
    old = json.loads(encode(Standing(name="a", observations=(one,))))
    del old["observations"][0]["key"]
    (found,) = decode(Standing, json.dumps(old), "").observations
    assert found.is_of(Endpoint(host="a.test", addresses=("1",), terminator="a"))
    assert not found.is_of(Endpoint(host="a.test", addresses=("2",), terminator="b"))


# -- what ends the waiting -----------------------------------------------------------------------


def test_others_wait_for_no_canary_once_what_they_have_is_in_danger(bench: Bench) -> None:
    canary_is_down(bench)
    end = bench.shelf.holding(bench.wanted["a"]).versions[0].earliest_end
    while bench.clock.now() < end - timedelta(days=6):
        bench.run()
        bench.clock.turn(hours=6)
    assert served(bench, "two") == OLD
    while bench.clock.now() < end - timedelta(hours=6):
        bench.run()
        bench.clock.turn(hours=6)
    assert served(bench, "two") == NEW
    assert bench.versions("a") == 2


def test_days_are_counted_to_the_end_of_what_an_edge_still_has(bench: Bench) -> None:
    canary_is_down(bench)
    first = bench.shelf.holding(bench.wanted["a"]).versions[0]
    bench.clock.at = first.earliest_end - timedelta(days=6)
    bench.alerts.sent.clear()
    bench.run()
    (alert,) = [one for one in bench.alerts.sent if one.days is not None]
    assert alert.days == 7
    assert "what two has" in alert.what


def test_a_version_that_an_edge_has_still_is_kept(bench: Bench) -> None:
    bench.want("a", "one", "two", keep_versions=1)
    bench.run()
    first = bench.live("a")
    bench.edges.broken["two"] = "no"
    bench.clock.turn(days=DAYS)
    bench.run()
    bench.run(force=True)
    assert first in [one.id for one in bench.shelf.holding(bench.wanted["a"]).versions]


# -- who waits for nobody ------------------------------------------------------------------------


def test_a_canary_that_fails_later_holds_back_nobody_who_has_the_version(bench: Bench) -> None:
    bench.want("a", "one", "two", canary="one")
    bench.run()
    bench.edges.down.add("one")
    bench.clock.turn(hours=7)
    bench.run()
    assert not any("others wait" in str(one) for one in bench.pipeline().looks("a").values())
    bench.edges.served["two", "a"] = bench.on_disk("a")[::-1]
    bench.edges.calls.clear()
    for _ in range(2):
        bench.clock.turn(hours=7)
        bench.run()
    assert "two" in reloaded(bench)
    assert served(bench, "two") == NEW


def test_the_way_back_waits_for_no_canary(bench: Bench) -> None:
    bench.want("a", "one", "two", canary="one")
    bench.run()
    (first,) = bench.shelf.holding(bench.wanted["a"]).versions
    bench.clock.turn(days=DAYS)
    bench.run()
    bench.edges.down.add("one")
    pin(bench.wanted["a"], first, bench)
    bench.run()
    assert bench.live("a") == first.id
    assert served(bench, "two") == NEW


# -- what counts as confirmed --------------------------------------------------------------------


def test_a_canary_that_nobody_looks_at_is_not_confirmed(bench: Bench) -> None:
    bench.want("a", "one", "two", canary="one")
    anywhere = Endpoint(host="a.example.org", addresses=("one",))
    bench.wanted["a"] = replace(bench.wanted["a"], endpoints=(anywhere,))
    bench.run()
    assert reloaded(bench) == ["one"]


def test_a_canary_to_which_there_is_no_route_is_not_confirmed(bench: Bench) -> None:
    bench.want("a", "one", "two", canary="one")
    bench.edges.unrouted.add("one")
    bench.run()
    assert reloaded(bench) == ["one"]


# -- other certificates of the same edges --------------------------------------------------------


def test_another_certificate_does_not_bring_the_new_pair_to_an_edge_before_its_canary(
    bench: Bench,
) -> None:
    bench.want("a", "one", "two", canary="one")
    bench.want("b", "one", "two")
    bench.run()
    bench.edges.calls.clear()
    bench.clock.turn(days=DAYS)
    assert not bench.run().failing
    assert bench.edges.calls.count(("reload", "two", ("a", "b"))) == 1
    assert reloaded(bench) == ["one", "two"]


def test_an_edge_waits_while_another_certificate_awaits_its_canary_there(bench: Bench) -> None:
    bench.want("a", "one", "two", canary="one")
    bench.want("b", "two")
    bench.run()
    bench.edges.down.add("one")
    bench.clock.turn(days=DAYS)
    for _ in range(3):
        bench.edges.calls.clear()
        assert bench.run().failing == ("a",)
        assert "two" not in reloaded(bench)
        bench.clock.turn(hours=6)
    written = len(bench.store.history("b"))
    bench.run()
    assert len(bench.store.history("b")) == written
    bench.edges.down.clear()
    bench.clock.turn(hours=6)
    assert not bench.run().failing
    assert served(bench, "two", "a") == served(bench, "two", "b") == NEW


def test_a_first_version_waits_for_the_canary_of_no_other(bench: Bench) -> None:
    canary_is_down(bench)
    bench.want("c", "two")
    bench.run()
    assert served(bench, "two", "c") == NEW


def test_two_that_are_each_other_s_canary_go_on(bench: Bench) -> None:
    bench.want("a", "one", "two", canary="one")
    bench.want("b", "one", "two", canary="two")
    bench.run()
    bench.clock.turn(days=DAYS)
    assert not bench.run().failing
    assert {served(bench, edge, name) for edge in ("one", "two") for name in "ab"} == {NEW}


def test_an_edge_that_misses_its_reload_is_not_reloaded_again_in_the_same_run(
    bench: Bench,
) -> None:
    bench.want("a", "one", "two", canary="one")
    bench.want("b", "three")
    bench.run()
    bench.edges.deaf.add("three")
    bench.edges.calls.clear()
    bench.clock.turn(days=DAYS)
    assert bench.run().failing == ("b",)
    assert reloaded(bench).count("three") == 1
