"""Batches: who goes live, who is to blame, who is reloaded, and what the next run makes of it."""

from pathlib import Path

import pytest

from support.bench import Bench


def leaf(bench: Bench, name: str) -> bytes:
    return Path(bench.shelf.live_path(name), "cert.pem").read_bytes()


def test_certificates_of_one_terminator_are_checked_and_reloaded_together(bench: Bench) -> None:
    for name in ("a", "b", "c"):
        bench.want(name, "edge")
    report = bench.run()
    assert report.failing == ()
    assert bench.edges.calls == [
        ("check", "edge", ("a", "b", "c")),
        ("reload", "edge", ("a", "b", "c")),
    ]


def test_all_checks_come_before_the_first_reload(bench: Bench) -> None:
    bench.want("a", "one", "two")
    bench.run()
    assert [call[0] for call in bench.edges.calls] == ["check", "check", "reload", "reload"]


@pytest.mark.parametrize("guilty", [("a",), ("d",), ("b", "c"), ("a", "b", "c", "d")])
def test_the_guilty_pairs_stay_back_and_the_others_go_forward(
    guilty: tuple[str, ...], bench: Bench
) -> None:
    names = ("a", "b", "c", "d")
    for name in names:
        bench.want(name, "edge")
    bench.run()
    liked = {name: leaf(bench, name) for name in guilty}
    before = {name: bench.live(name) for name in names}

    def refuses(_: str) -> str:
        bad = [name for name in guilty if leaf(bench, name) != liked[name]]
        return f"cannot use {', '.join(bad)}" if bad else ""

    bench.edges.refuses = refuses
    report = bench.run(force=True)
    assert set(report.failing) == set(guilty)
    for name in names:
        assert (bench.live(name) == before[name]) == (name in guilty)
    assert {bench.code(name) for name in guilty} == {"pair-refused"}


def test_a_refused_pair_is_remembered_until_the_hook_changes(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()
    liked = leaf(bench, "a")
    bench.edges.refuses = lambda _: "no" if leaf(bench, "a") != liked else ""
    bench.run(force=True)
    calls = len(bench.edges.calls)
    ordered = bench.ca.ordered
    bench.clock.turn(days=1)
    assert bench.run().failing == ("a",)
    assert len(bench.edges.calls) == calls
    assert bench.ca.ordered == ordered, "a valid newer version is at hand"
    bench.edges.refuses = lambda _: ""
    bench.edges.hooks = "2"
    assert bench.run().failing == ()
    assert leaf(bench, "a") != liked


def test_a_broken_configuration_leaves_the_new_version_installed_and_is_tried_every_run(
    bench: Bench,
) -> None:
    bench.want("a", "edge")
    bench.run()
    bench.edges.refuses = lambda _: "[emerg] unknown directive"
    assert bench.run(force=True).failing == ("a",)
    assert bench.code("a") == "configuration-broken"
    assert bench.edges.count("reload") == 1
    bench.edges.refuses = lambda _: ""
    ordered = bench.ca.ordered
    report = bench.run()
    assert bench.stages(report, "a") == ["reload", "confirm"]
    assert (report.failing, bench.ca.ordered) == ((), ordered)


def test_a_first_certificate_that_is_refused_stays_installed_and_is_not_reloaded(
    bench: Bench,
) -> None:
    bench.want("a", "edge")
    bench.edges.refuses = lambda _: "no"
    assert bench.run().failing == ("a",)
    assert bench.live("a") is not None
    assert bench.edges.count("reload") == 0


def test_a_broken_terminator_does_not_keep_the_others_from_their_reload(bench: Bench) -> None:
    bench.want("a", "good", "bad")
    bench.edges.refuses = lambda terminator: "no" if terminator == "bad" else ""
    assert bench.run().failing == ("a",)
    assert [call for call in bench.edges.calls if call[0] == "reload"] == [
        ("reload", "good", ("a",))
    ]
    sights = {one.address: one.sight for one in bench.store.standing("a").observations}
    assert sights == {"good:443": "confirmed"}


def test_a_reload_that_fails_goes_back_and_is_tried_after_1_10_and_100_minutes(
    bench: Bench,
) -> None:
    bench.want("a", "edge")
    bench.run()
    before = bench.live("a")
    bench.edges.broken["edge"] = "Job for nginx failed"
    assert bench.run(force=True).failing == ("a",)
    assert bench.live("a") == before
    assert bench.code("a") == "reload-failed"
    for minutes in (1, 10, 100):
        reloads = bench.edges.count("reload")
        bench.clock.turn(minutes=minutes * 0.9)
        bench.run()
        assert bench.edges.count("reload") == reloads, "too early"
        bench.clock.turn(minutes=minutes * 0.25)
        bench.run()
        assert bench.edges.count("reload") > reloads
    bench.edges.broken.clear()
    bench.clock.turn(days=2)
    assert bench.run().failing == ()
    assert bench.live("a") != before


def test_once_one_terminator_has_taken_a_version_it_is_kept_where_the_other_fails(
    bench: Bench,
) -> None:
    bench.want("a", "one", "two")
    bench.run()
    before = bench.live("a")
    bench.edges.broken["two"] = "no"
    assert bench.run(force=True).failing == ("a",)
    assert bench.live("a") != before
    bench.edges.broken.clear()
    bench.clock.turn(minutes=2)
    report = bench.run()
    assert report.failing == ()
    assert bench.edges.calls[-1] == ("reload", "two", ("a",))


def test_a_version_that_went_back_is_not_taken_by_another_terminator_of_the_same_batch(
    bench: Bench,
) -> None:
    bench.want("a", "one", "two")
    bench.run()
    before = bench.live("a")
    bench.edges.broken["one"] = "no"
    assert bench.run(force=True).failing == ("a",)
    assert bench.live("a") == before
    taken = bench.store.standing("a").taken
    assert {one.version for one in taken.values()} == {before}


def test_a_deaf_edge_is_reloaded_again_with_back_off_and_never_causes_an_order(
    bench: Bench,
) -> None:
    bench.want("a", "edge")
    bench.run()
    bench.edges.deaf.add("edge")
    assert bench.run(force=True).failing == ("a",)
    ordered, reloads = bench.ca.ordered, bench.edges.count("reload")
    bench.run()
    assert bench.edges.count("reload") == reloads + 1, "at once in the next run"
    bench.run()
    assert bench.edges.count("reload") == reloads + 1, "then held back"
    bench.clock.turn(minutes=2)
    bench.run()
    assert bench.edges.count("reload") == reloads + 2
    bench.edges.deaf.clear()
    bench.clock.turn(minutes=12)
    assert bench.run().failing == ()
    assert bench.ca.ordered == ordered


def test_an_edge_that_is_down_is_looked_at_again_and_never_reloaded_for_that(
    bench: Bench,
) -> None:
    bench.want("a", "one", "two")
    bench.run()
    bench.edges.down.add("two")
    bench.clock.turn(hours=7)
    reloads = bench.edges.count("reload")
    assert bench.run().failing == ("a",)
    for _ in range(20):
        bench.clock.turn(minutes=30)
        assert bench.run().failing == ("a",)
    looks = bench.edges.looks
    bench.run()
    assert bench.edges.looks == looks, "backed off to hourly"
    bench.edges.down.clear()
    bench.clock.turn(minutes=90)
    assert bench.run().failing == ()
    assert bench.edges.count("reload") == reloads


def test_people_are_told_once_when_it_fails_and_once_when_it_is_well(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.edges.down.add("edge")
    for _ in range(4):
        bench.run()
        bench.clock.turn(minutes=30)
    bench.edges.down.clear()
    bench.clock.turn(hours=2)
    bench.run()
    bench.run()
    assert [one.kind for one in bench.alerts.sent] == ["failing", "recovered"]
