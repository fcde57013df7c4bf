"""One edge first, quiet hours, and the way back when nobody could confirm."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, timezone

import pytest

from everleaf.core.outcome import Held
from everleaf.core.quiet import QuietHours
from everleaf.core.standing import Sight
from everleaf.core.wanted import Unconfirmed
from support.bench import Bench

DAYS = 70


def live(bench: Bench, name: str = "a") -> str:
    found = bench.live(name)
    assert found is not None
    return found


def reloads(bench: Bench, edge: str) -> int:
    return sum(call[:2] == ("reload", edge) for call in bench.edges.calls)


# -- one edge first ------------------------------------------------------------------------------


def test_the_canary_is_reloaded_and_confirmed_before_the_others(bench: Bench) -> None:
    bench.want("a", "one", "two", "three", canary="two")
    bench.run()
    bench.edges.calls.clear()
    bench.clock.turn(days=DAYS)
    assert not bench.run().failing
    order = [edge for verb, edge, _ in bench.edges.calls if verb == "reload"]
    assert order == ["two", "one", "three"]
    chains = {bench.edges.served[edge, "a"] for edge in ("one", "two", "three")}
    assert len(chains) == 1


def test_the_others_keep_the_old_one_until_the_canary_is_confirmed(bench: Bench) -> None:
    bench.want("a", "one", "two", canary="two")
    bench.run()
    old = bench.edges.served["one", "a"]
    bench.edges.down.add("two")
    bench.clock.turn(days=DAYS)
    assert bench.run().failing == ("a",)
    assert bench.edges.served["one", "a"] == old
    look = bench.pipeline().looks("a")
    assert any(isinstance(one, Held) and "two is confirmed" in one.why for one in look.values())
    bench.edges.down.clear()
    bench.clock.turn(hours=2)
    assert not bench.run().failing
    assert bench.edges.served["one", "a"] == bench.edges.served["two", "a"] != old
    assert bench.versions("a") == 2


# -- quiet hours ---------------------------------------------------------------------------------

WORK = QuietHours(start=time(9), end=time(17))


def test_nothing_is_reloaded_in_the_quiet_hours_and_all_of_it_after_them(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()
    now = bench.clock.now()
    start = (now + timedelta(days=DAYS)).replace(hour=10, minute=0, second=0, microsecond=0)
    bench.wanted["a"] = replace(bench.wanted["a"], quiet=WORK)
    bench.clock.at = start
    before = reloads(bench, "edge")
    assert not bench.run().failing
    assert bench.versions("a") == 2
    assert reloads(bench, "edge") == before
    (held,) = [one for one in bench.pipeline().looks("a").values() if isinstance(one, Held)]
    assert held.until == start.replace(hour=17)
    bench.clock.at = start.replace(hour=17)
    assert not bench.run().failing
    assert reloads(bench, "edge") == before + 1


def test_what_is_in_danger_does_not_mind_them(bench: Bench) -> None:
    bench.want("a", "edge", quiet=WORK)
    bench.clock.at = bench.clock.now().replace(hour=10)
    bench.run()
    assert live(bench)
    bench.clock.at = (bench.clock.now() + timedelta(days=87)).replace(hour=10)
    bench.run()
    assert bench.versions("a") == 2
    assert reloads(bench, "edge") == 2


@pytest.mark.parametrize(
    ("at", "until"),
    [("2026-11-25T08:59", None), ("2026-11-25T09:00", "2026-11-25T17:00"),
     ("2026-11-25T16:59", "2026-11-25T17:00"), ("2026-11-25T17:00", None)],
)  # fmt: skip
def test_the_hours_begin_and_end_when_they_say(at: str, until: str | None) -> None:
    end = datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
    assert WORK.until(datetime.fromisoformat(at).replace(tzinfo=UTC)) == end


def test_they_may_pass_midnight_in_a_zone_of_their_own() -> None:
    zone = timezone(timedelta(hours=2))
    night = QuietHours(start=time(22), end=time(6), zone=zone)
    end = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
    assert night.until(datetime(2026, 11, 24, 20, 0, tzinfo=UTC)) == end
    assert night.until(datetime(2026, 11, 25, 3, 59, tzinfo=UTC)) == end
    assert night.until(end) is None
    assert str(night) == "22:00-06:00"


# -- the way back --------------------------------------------------------------------------------


def test_by_default_what_could_not_be_confirmed_stays(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()
    first = live(bench)
    bench.edges.down.add("edge")
    bench.clock.turn(days=DAYS)
    assert bench.run().failing == ("a",)
    assert live(bench) != first


def test_it_is_rolled_back_in_a_run_that_was_forced_as_well(bench: Bench) -> None:
    bench.want("a", "edge", on_unconfirmed=Unconfirmed.ROLL_BACK)
    bench.run()
    first = live(bench)
    bench.edges.down.add("edge")
    assert bench.run(force=True).failing == ("a",)
    assert (live(bench), bench.versions("a")) == (first, 2)


@pytest.mark.parametrize("force", [True, False])
def test_an_edge_that_kept_the_old_one_is_well_again_once_it_is_rolled_back(
    bench: Bench, force: bool
) -> None:
    bench.want("a", "edge", on_unconfirmed=Unconfirmed.ROLL_BACK)
    bench.run()
    first = live(bench)
    bench.edges.deaf.add("edge")
    bench.clock.turn(days=0 if force else DAYS)
    assert bench.run(force=force).failing == ("a",)
    standing = bench.store.standing("a")
    assert (live(bench), standing.took("edge").version) == (first, first)
    assert [one.sight for one in standing.observations] == [Sight.CONFIRMED]


def test_it_is_rolled_back_where_the_policy_says_so_remembered_and_nothing_is_ordered(
    bench: Bench,
) -> None:
    bench.want("a", "edge", on_unconfirmed=Unconfirmed.ROLL_BACK)
    bench.run()
    first = live(bench)
    bench.edges.down.add("edge")
    bench.clock.turn(days=DAYS)
    assert bench.run().failing == ("a",)
    assert live(bench) == first
    bench.edges.down.clear()
    ordered = bench.ca.ordered
    for _ in range(10):
        bench.clock.turn(hours=7)
        bench.run()
    assert (live(bench), bench.ca.ordered) == (first, ordered)
    (held,) = [one for one in bench.pipeline().looks("a").values() if isinstance(one, Held)]
    assert "no edge confirmed" in held.why
    assert "kept back until" in held.why
    assert not bench.run(force=True).failing
    assert live(bench) != first


@pytest.mark.parametrize(("trouble", "back"), [("down", True), ("deaf", False)])
def test_only_what_is_worse_than_before_is_rolled_back_where_that_is_the_policy(
    bench: Bench, trouble: str, back: bool
) -> None:
    bench.want("a", "edge", on_unconfirmed=Unconfirmed.IF_WORSE)
    bench.run()
    first = live(bench)
    getattr(bench.edges, trouble).add("edge")
    bench.clock.turn(days=DAYS)
    assert bench.run().failing == ("a",)
    assert (live(bench) == first) is back


def test_an_edge_that_was_down_before_is_not_worse(bench: Bench) -> None:
    bench.want("a", "edge", "other", on_unconfirmed=Unconfirmed.IF_WORSE)
    bench.edges.down.add("other")
    bench.run()
    first = live(bench)
    bench.clock.turn(days=DAYS)
    bench.run()
    assert live(bench) != first


# -- by hand -------------------------------------------------------------------------------------


def test_what_was_pinned_by_hand_stays_until_force_and_renewals_stay_back(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()
    first = live(bench)
    bench.clock.turn(days=DAYS)
    bench.run()
    second = live(bench)
    bench.pin("a", first)
    assert not bench.run().failing
    assert live(bench) == first
    (held,) = [one for one in bench.pipeline().looks("a").values() if isinstance(one, Held)]
    assert "by hand" in held.why
    ordered = bench.ca.ordered
    bench.run()
    assert bench.ca.ordered == ordered
    bench.run(force=True)
    assert live(bench) not in (first, second)
    assert bench.pipeline().read("a").pinned() is None


def test_a_pinned_version_that_is_over_or_revoked_does_not_hold_the_others_back(
    bench: Bench,
) -> None:
    one = bench.want("a", "edge")
    bench.run()
    first = live(bench)
    bench.clock.turn(days=DAYS)
    bench.run()
    second = live(bench)
    bench.pin("a", first)
    bench.run()
    assert live(bench) == first
    version = bench.shelf.holding(one).version(first)
    assert version is not None
    bench.shelf.amend("a", replace(version, revoked_at=bench.clock.now()))
    bench.run()
    assert live(bench) == second
