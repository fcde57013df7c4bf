"""The way back, by policy or by hand, is gone to its end and never undone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import time, timedelta

import pytest

from everleaf.cli.rollback import earlier, newest_of
from everleaf.core.certificate import Version
from everleaf.core.outcome import Due, Held
from everleaf.core.quiet import QuietHours
from everleaf.core.wanted import Copy, CopyKind, Endpoint, KeyType, Unconfirmed
from everleaf.errors import EndOfTimeError, OperatorError
from everleaf.orchestrator import Orchestrator
from everleaf.ports import Ask, Seen
from everleaf.report import Report
from everleaf.stages.by_hand import release
from support.bench import Bench

DAYS = 70
ROLL_BACK = Unconfirmed.ROLL_BACK
WORK = QuietHours(start=time(9), end=time(17))


def live(bench: Bench) -> str:
    found = bench.live("a")
    assert found is not None
    return found


def reloads(bench: Bench, edge: str) -> int:
    return sum(call[:2] == ("reload", edge) for call in bench.edges.calls)


def two(bench: Bench, *edges: str, **more: object) -> tuple[str, str]:
    """A certificate and its successor, both of which were well."""
    bench.want("a", *(edges or ("edge",)), **more)
    assert not bench.run().failing
    first = live(bench)
    return first, renewed(bench)


def renewed(bench: Bench) -> str:
    bench.clock.turn(days=DAYS)
    bench.run()
    return live(bench)


def withdrawn(bench: Bench, **more: object) -> tuple[str, str]:
    """A certificate, live again, and its successor that no edge confirmed."""
    bench.want("a", "edge", on_unconfirmed=ROLL_BACK, **more)
    bench.run()
    first = live(bench)
    bench.edges.down.add("edge")
    assert renewed(bench) == first
    newest = bench.shelf.holding(bench.wanted["a"]).newest
    assert newest is not None
    assert newest.id != first
    return first, newest.id


def by_hand(bench: Bench, version: str) -> Report:
    """As `everleaf rollback --version` does it."""
    bench.clock.turn(seconds=1)
    bench.pin("a", version)
    return Orchestrator(bench.pipeline()).deploy(("a",))


def version(bench: Bench, version_id: str) -> Version:
    found = bench.shelf.holding(bench.wanted["a"]).version(version_id)
    assert found is not None
    return found


def served(bench: Bench, edge: str = "edge") -> bytes:
    return bench.edges.served[edge, "a"][0]


def said(bench: Bench) -> str:
    return str(bench.store.standing("a").troubles)


# -- a lost state --------------------------------------------------------------------------------


def only(bench: Bench, good: str) -> Callable[[str], str]:
    return lambda _: "" if bench.live("a") == good else "no start line"


def test_a_guilty_pair_is_taken_back_also_where_the_state_is_lost(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()
    first = live(bench)
    bench.edges.refuses = only(bench, first)
    bench.lose_state()
    bench.run(force=True)
    assert live(bench) == first
    assert bench.code("a") == "pair-refused"
    assert f"version {first} is live" in said(bench)


def test_what_was_refused_is_not_tried_again_because_the_state_is_lost(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()
    first = live(bench)
    bench.edges.refuses = only(bench, first)
    assert renewed(bench) == first
    bench.lose_state()
    bench.edges.calls.clear()
    bench.run()
    assert live(bench) == first
    assert bench.edges.count("check") == 1


def test_what_was_withdrawn_stays_so_where_the_state_is_lost(bench: Bench) -> None:
    first, _ = withdrawn(bench)
    bench.edges.down.clear()
    bench.lose_state()
    assert not bench.run().failing
    assert live(bench) == first


def test_what_was_pinned_stays_so_where_the_state_is_lost(bench: Bench) -> None:
    first, _ = two(bench)
    by_hand(bench, first)
    bench.lose_state()
    bench.run()
    assert live(bench) == first


def test_a_placeholder_is_nothing_to_go_back_to(bench: Bench) -> None:
    one = bench.want("a", "edge")
    bench.run()
    bench.shelf.amend("a", replace(version(bench, live(bench)), placeholder=True))
    bench.lose_state()
    bench.edges.refuses = lambda _: "broken"
    bench.run()
    newest = bench.shelf.holding(one).newest
    assert newest is not None
    assert live(bench) == newest.id
    assert bench.code("a") == "configuration-broken"


# -- by policy -----------------------------------------------------------------------------------


def test_it_is_rolled_back_in_a_run_with_force_too(bench: Bench) -> None:
    bench.want("a", "edge", on_unconfirmed=ROLL_BACK)
    bench.run()
    first = live(bench)
    bench.edges.down.add("edge")
    assert bench.run(force=True).failing == ("a",)
    assert live(bench) == first
    assert f"version {first} is live again" in said(bench)


def test_it_goes_back_to_what_was_live_and_not_to_another_that_was_withdrawn(bench: Bench) -> None:
    first, second = withdrawn(bench)
    copy = Copy(path=bench.folder.parent / "copy.pem", kind=CopyKind.COMBINED)
    bench.wanted["a"] = replace(bench.wanted["a"], key_type=KeyType.RSA_2048, copies=(copy,))
    bench.run()
    assert live(bench) == first
    assert bench.versions("a") == 3
    assert second in bench.refused("a")
    assert f"version {first} is live again" in said(bench)


def test_a_server_that_died_does_not_end_the_way_back(bench: Bench) -> None:
    bench.want("a", "edge", on_unconfirmed=ROLL_BACK)
    bench.run()
    first = live(bench)

    def die(version_id: str) -> None:
        if version_id != first:
            bench.edges.down.add("edge")
            bench.edges.broken["edge"] = "nginx is not running"

    bench.edges.after_reload = lambda _: die(live(bench))
    assert renewed(bench) == first
    assert "nginx is not running" in said(bench)
    assert f"version {first} is live again" in said(bench)
    bench.edges.down.clear()
    bench.edges.broken.clear()
    bench.clock.turn(minutes=2)
    bench.run()
    assert served(bench) == bench.on_disk("a")[0]


def test_what_the_way_back_cannot_lead_to_is_told_as_it_is(bench: Bench) -> None:
    bench.want("a", "edge", on_unconfirmed=ROLL_BACK)
    bench.run()
    first = live(bench)
    bench.edges.down.add("edge")
    bench.edges.after_reload = lambda _: setattr(
        bench.edges, "refuses", lambda _: "no" if live(bench) == first else ""
    )
    second = renewed(bench)
    assert second != first
    assert f"version {second} is live all the same" in said(bench)
    calls = len(bench.edges.calls)
    bench.run()
    assert len(bench.edges.calls) == calls


def test_a_bad_follower_brings_the_canary_back_too_in_the_same_run(bench: Bench) -> None:
    bench.want("a", "one", "two", canary="one", on_unconfirmed=ROLL_BACK)
    bench.run()
    first, old = live(bench), served(bench, "two")
    bench.edges.says = lambda ask: (
        Seen(words="handshake failure")
        if ask.address == "two" and served(bench, "two") != old
        else None
    )
    assert renewed(bench) == first
    assert served(bench, "one") == served(bench, "two") == old


@pytest.mark.parametrize("lasts", [1, 4000])
def test_a_run_that_ended_before_it_could_judge_leaves_that_to_the_next(
    bench: Bench, lasts: int
) -> None:
    bench.want("a", "edge", on_unconfirmed=ROLL_BACK)
    bench.run()
    first = live(bench)

    def end(ask: Ask) -> Seen | None:
        raise EndOfTimeError(f"no time to look at {ask.address}")

    bench.edges.says = end
    assert renewed(bench) != first
    bench.edges.says = lambda _: None
    bench.edges.down.add("edge")
    bench.clock.turn(seconds=lasts)
    bench.run()
    assert live(bench) == first


def test_what_was_confirmed_once_is_judged_and_stays(bench: Bench) -> None:
    _, second = two(bench, on_unconfirmed=ROLL_BACK)
    bench.edges.down.add("edge")
    bench.clock.turn(days=1)
    assert bench.run().failing
    assert live(bench) == second


def test_an_endpoint_that_came_later_does_not_judge_what_was_live_before_it(bench: Bench) -> None:
    _, second = two(bench, on_unconfirmed=ROLL_BACK)
    one = bench.wanted["a"]
    other = Endpoint(host="other.example.org", addresses=("nowhere",), terminator="edge")
    bench.wanted["a"] = replace(one, endpoints=(*one.endpoints, other))
    assert bench.run().failing
    assert live(bench) == second


def test_another_certificate_than_old_and_new_is_worse(bench: Bench) -> None:
    bench.want("d", "edge")
    bench.want("a", "edge", on_unconfirmed=Unconfirmed.IF_WORSE)
    bench.run()
    first, default = live(bench), bench.on_disk("d")
    bench.edges.says = lambda ask: (
        Seen(chain=default) if ask.server_name.startswith("a.") and live(bench) != first else None
    )
    assert renewed(bench) == first
    assert not bench.store.standing("d").is_failing


def test_what_was_withdrawn_goes_live_before_the_one_before_it_ends(bench: Bench) -> None:
    first, second = withdrawn(bench)
    life = version(bench, first)
    bench.clock.at = life.earliest_end - timedelta(days=5)
    bench.run()
    assert live(bench) == first
    bench.clock.at = life.earliest_end - timedelta(days=4)
    for _ in range(3):
        bench.run()
        assert live(bench) == second
        bench.clock.turn(hours=1)


@pytest.mark.parametrize("change", ["optional", "policy"])
def test_a_withdrawal_ends_when_what_it_was_judged_by_changes(bench: Bench, change: str) -> None:
    _, second = withdrawn(bench)
    one = bench.wanted["a"]
    endpoints = tuple(replace(each, optional=True) for each in one.endpoints)
    bench.wanted["a"] = (
        replace(one, endpoints=endpoints)
        if change == "optional"
        else replace(one, on_unconfirmed=Unconfirmed.KEEP)
    )
    ordered = bench.ca.ordered
    bench.run()
    assert (live(bench), bench.ca.ordered) == (second, ordered)


# -- by hand -------------------------------------------------------------------------------------


def test_the_way_back_minds_no_quiet_hours(bench: Bench) -> None:
    first, _ = two(bench)
    bench.wanted["a"] = replace(bench.wanted["a"], quiet=WORK)
    bench.clock.at = bench.clock.at.replace(hour=10)
    before = reloads(bench, "edge")
    by_hand(bench, first)
    assert served(bench) == bench.on_disk("a")[0]
    assert (live(bench), reloads(bench, "edge")) == (first, before + 1)


def test_a_stale_edge_of_a_pinned_version_does_mind_them(bench: Bench) -> None:
    first, _ = two(bench)
    by_hand(bench, first)
    bench.wanted["a"] = replace(bench.wanted["a"], quiet=WORK)
    bench.edges.served["edge", "a"] = bench.on_disk("a")[::-1]
    bench.clock.at = (bench.clock.at + timedelta(days=1)).replace(hour=10)
    before = reloads(bench, "edge")
    bench.run()
    bench.clock.turn(minutes=2)
    bench.run()
    assert reloads(bench, "edge") == before


def test_a_pin_holds_though_the_server_is_down_and_is_taken_when_it_is_not(bench: Bench) -> None:
    first, _ = two(bench)
    bench.edges.broken["edge"] = "nginx is not running"
    assert by_hand(bench, first).failing == ("a",)
    assert live(bench) == first
    assert "the version stays installed" in said(bench)
    assert isinstance(bench.pipeline().looks("a")["reload"], Held)  # type: ignore[index]
    bench.edges.broken.clear()
    assert not by_hand(bench, first).failing
    assert served(bench) == bench.on_disk("a")[0]


def test_what_was_pinned_by_hand_no_policy_withdraws(bench: Bench) -> None:
    first, second = two(bench, on_unconfirmed=ROLL_BACK)
    bench.edges.down.add("edge")
    assert by_hand(bench, first).failing
    assert live(bench) == first
    assert bench.refused("a") == []
    assert second not in said(bench)


def test_a_pinned_pair_that_is_refused_is_tried_once(bench: Bench) -> None:
    first, second = two(bench)
    bench.edges.refuses = only(bench, second)
    by_hand(bench, first)
    assert live(bench) == second
    assert f"version {second} is live" in said(bench)
    checks = bench.edges.count("check")
    for _ in range(5):
        bench.clock.turn(hours=1)
        bench.run()
    assert (live(bench), bench.edges.count("check")) == (second, checks)
    bench.edges.refuses = lambda _: ""
    assert not by_hand(bench, first).failing
    assert live(bench) == first


def test_the_one_before_is_none_that_was_refused_or_withdrawn(bench: Bench) -> None:
    first, second = withdrawn(bench)
    bench.edges.down.clear()
    bench.run(force=True)
    third = live(bench)
    assert third not in (first, second)
    job = bench.pipeline().read("a")
    assert earlier(job, None).id == first
    assert earlier(job, second).id == second
    bench.shelf.amend("a", replace(version(bench, first), revoked_at=bench.clock.now()))
    with pytest.raises(OperatorError, match="no earlier version") as told:
        earlier(bench.pipeline().read("a"), None)
    assert f"{second} (kept back)" in str(told.value.fault)


def test_by_hand_nothing_is_ordered_first(bench: Bench) -> None:
    first, _ = two(bench)
    bench.wanted["a"] = replace(bench.wanted["a"], key_type=KeyType.RSA_2048)
    ordered = bench.ca.ordered
    by_hand(bench, first)
    assert (live(bench), bench.ca.ordered) == (first, ordered)


def test_a_pin_ends_without_an_order_and_what_was_held_against_the_newest_too(
    bench: Bench,
) -> None:
    first, second = withdrawn(bench)
    bench.edges.down.clear()
    bench.clock.turn(hours=2)
    by_hand(bench, first)
    one, ordered = bench.wanted["a"], bench.ca.ordered
    release(one, newest_of(bench.pipeline().read("a")), bench)
    assert isinstance(bench.pipeline().looks("a")["reload"], Due)  # type: ignore[index]
    assert not bench.run().failing
    assert (live(bench), bench.ca.ordered) == (second, ordered)
    assert bench.refused("a") == []


def test_a_pinned_version_is_not_served_until_it_ends(bench: Bench) -> None:
    first, second = two(bench)
    by_hand(bench, first)
    end = version(bench, first).earliest_end
    bench.clock.at = end - timedelta(days=5)
    bench.run()
    assert live(bench) == first
    bench.clock.at = end - timedelta(days=4)
    bench.run()
    assert live(bench) == second


def test_the_only_version_stays_live_however_near_its_end_it_is(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()
    first = live(bench)
    by_hand(bench, first)
    bench.ca.fail("new_order", OperatorError("no", code="no"))
    bench.clock.at = version(bench, first).earliest_end - timedelta(hours=1)
    bench.run()
    assert live(bench) == first


def test_pinned_and_previous_versions_are_kept_whatever_the_number(bench: Bench) -> None:
    first, second = two(bench, keep_versions=1)
    bench.pin("a", first)
    bench.wanted["a"] = replace(bench.wanted["a"], key_type=KeyType.RSA_2048)
    bench.run()
    kept = [one.id for one in bench.shelf.holding(bench.wanted["a"]).versions]
    assert {first, second} < set(kept)
    assert live(bench) == first


def test_what_was_decided_goes_along_with_a_new_name(bench: Bench) -> None:
    first, _ = two(bench)
    by_hand(bench, first)
    bench.wanted["b"] = replace(bench.wanted.pop("a"), name="b", endpoints=())
    bench.shelf.rename("a", "b")
    bench.store.rename("a", "b")
    bench.run()
    assert bench.live("b") == first


def test_what_was_confirmed_before_a_run_was_killed_is_judged_by_the_next(bench: Bench) -> None:
    _, second = two(bench, on_unconfirmed=Unconfirmed.ROLL_BACK, keep_versions=2)
    previous = bench.store.standing("a").previous
    assert previous is not None
    assert previous.awaited == ()
    keys = tuple(one.key for one in bench.wanted["a"].endpoints)
    awaited = replace(previous, awaited=keys)
    bench.store.change("a", lambda known: replace(known, previous=awaited))
    bench.run()
    judged = bench.store.standing("a").previous
    assert judged == previous
    bench.edges.down.add("edge")
    bench.clock.turn(hours=7)
    bench.run()
    assert live(bench) == second
