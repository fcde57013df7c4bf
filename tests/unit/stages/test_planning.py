"""Who comes first, what waits for a limit, and what a wrong clock stops."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from everleaf.core.identifiers import parse
from everleaf.core.limits import Kind, Limit
from everleaf.core.outcome import Failed, Held
from everleaf.core.window import Suggestion, Window
from everleaf.errors import EndOfTimeError, UnreachableError
from everleaf.orchestrator import by_urgency
from everleaf.report import Report
from fakes.authority import refusal
from support.bench import Bench

HOUR = timedelta(hours=1)
THREE = (Limit(kind=Kind.ORDERS, count=3, span=3 * HOUR),)


def held(report: Report, name: str) -> Held:
    (found,) = [one.seen for one in report.happenings if one.certificate == name]
    assert isinstance(found, Held), found
    return found


def revoke(bench: Bench, *names: str) -> None:
    """Let the authority want these replaced at once."""
    for name in names:
        newest = bench.shelf.holding(bench.wanted[name]).newest
        assert newest is not None
        assert newest.cert_id is not None
        past = bench.clock.now() - timedelta(days=2)
        bench.ca.windows[newest.cert_id] = Suggestion(window=Window(past, past + HOUR))


def test_orders_beyond_the_limit_wait_for_their_turn_and_are_no_failure(bench: Bench) -> None:
    bench.published = THREE
    for number in range(5):
        bench.want(f"c{number}")
    report = bench.run()
    assert bench.ca.ordered == 3
    assert report.failing == ()
    assert held(report, "c3").until == held(report, "c4").until
    assert "3 new orders of this account in 3 h" in held(report, "c4").why
    for _ in range(4):
        bench.clock.turn(minutes=40)
        bench.run()
        assert bench.ca.ordered == 3
    bench.clock.turn(minutes=40)
    bench.run()
    assert bench.ca.issued == 5


def test_the_most_urgent_take_the_places_there_are(bench: Bench) -> None:
    bench.ca.offers_renewal_info = False  # and so no order is exempt
    lifetimes = {"a": 90, "b": 30, "c": 60, "d": 20}
    for name, days in lifetimes.items():
        bench.ca.lifetime = timedelta(days=days)
        bench.want(name)
        bench.run()
    bench.clock.turn(days=18)
    jobs = by_urgency([bench.pipeline().read(name) for name in lifetimes])
    assert [job.name for job in jobs] == ["d", "b", "c", "a"]
    bench.published = (Limit(kind=Kind.ORDERS, count=1, span=3 * HOUR),)
    bench.clock.turn(days=1)
    bench.want("new")
    bench.ca.lifetime = timedelta(days=90)
    bench.run()
    assert bench.versions("d") == 2, "it has a twentieth left; a new one comes after it"
    assert bench.versions("new") == 0


@pytest.mark.rule("ARI-15")
def test_a_mass_revocation_is_answered_in_one_run_whatever_the_limits(bench: Bench) -> None:
    names = [f"c{number}" for number in range(12)]
    for name in names:
        bench.want(name)
    bench.run()
    bench.published = (
        *THREE,
        Limit(kind=Kind.CERTIFICATES, count=1, span=7 * 24 * HOUR),
    )
    revoke(bench, *names)
    bench.clock.turn(minutes=5)
    bench.run(poll_now=True)
    assert all(bench.versions(name) == 2 for name in names)
    assert bench.store.counted(bench.ca.url)[-1].at < bench.clock.now() - timedelta(minutes=1)
    reasons = {
        one.detail.get("reason") for one in bench.store.history("c5") if one.stage == "order"
    }
    assert reasons == {"missing", "revoked-window"}


@pytest.mark.rule("ARI-16")
def test_an_order_that_lost_its_exemption_waits_where_there_is_no_room(bench: Bench) -> None:
    bench.want("a")
    bench.run()
    bench.published = (Limit(kind=Kind.ORDERS, count=2, span=3 * HOUR),)
    bench.want("b")
    bench.run()
    revoke(bench, "a")
    bench.ca.fail("new_order", refusal("alreadyReplaced", 409))
    bench.clock.turn(minutes=5)
    bench.run(poll_now=True)
    assert bench.ca.calls.count("new_order") == 3, "refused with replaces, not sent without"
    assert not bench.store.standing("a").is_failing
    bench.clock.turn(hours=1)
    assert isinstance(bench.pipeline().looks("a")[next(iter(bench.pipeline().stages))], Held)
    bench.clock.turn(hours=3)
    bench.run()
    assert bench.versions("a") == 2


def test_failed_validations_are_counted_for_each_identifier(bench: Bench) -> None:
    bench.published = (Limit(kind=Kind.FAILURES, count=2, span=HOUR),)
    bench.want("a", identifiers=(parse("one.test"), parse("two.test")))
    bench.want("b", identifiers=(parse("two.test"),))
    bench.ca.unseen = {"two.test"}
    for _ in range(30):
        bench.run()
        bench.clock.turn(minutes=1)
    failures = [one.key for one in bench.store.counted(bench.ca.url) if one.kind is Kind.FAILURES]
    assert failures == ["two.test"] * 2
    assert "failed validations of two.test" in held(bench.run(), "b").why


def test_the_same_certificate_over_and_over_stays_within_its_limit(bench: Bench) -> None:
    bench.published = (Limit(kind=Kind.CERTIFICATES, count=2, span=7 * 24 * HOUR),)
    bench.ca.offers_renewal_info = False
    bench.ca.lifetime = timedelta(days=2)
    bench.want("a")
    for _ in range(20):
        bench.run()
        bench.clock.turn(hours=8)
    assert bench.ca.issued == 2
    bench.run(force=True)
    assert bench.ca.issued == 3, "by hand our own count is no hindrance"


def test_orders_whose_answers_were_lost_are_counted_too(bench: Bench) -> None:
    bench.published = THREE
    bench.want("a")
    bench.ca.fail("new_order", UnreachableError("lost", where="ca"), times=2, done=True)
    bench.run()
    assert bench.ca.ordered == 3
    assert sum(one.kind is Kind.ORDERS for one in bench.store.counted(bench.ca.url)) == 3


def test_an_authority_that_counts_renewals_too_is_planned_for_as_it_says(bench: Bench) -> None:
    names = [f"c{number}" for number in range(5)]
    for name in names:
        bench.want(name)
    bench.run()
    bench.clock.turn(days=1)
    bench.published = tuple(replace(one, renewals=True) for one in THREE)
    revoke(bench, *names)
    bench.run(poll_now=True)
    assert sum(bench.versions(name) for name in names) == 5 + 3
    bench.clock.turn(hours=4)
    bench.run()
    assert sum(bench.versions(name) for name in names) == 10


def test_a_retry_after_of_a_year_masks_no_later_one(bench: Bench) -> None:
    bench.want("a")
    now = bench.clock.now()
    far = refusal("rateLimited", 429, retry_at=now + timedelta(days=365))
    bench.ca.fail("new_order", far)
    bench.run()
    until = bench.store.limited_until(bench.ca.url)
    assert until is not None
    assert until - now < timedelta(days=9), "nobody is waited for longer"
    bench.store.set_limited(bench.ca.url, now + timedelta(days=365))
    bench.store.set_limited(bench.ca.url, now + 3 * HOUR)
    assert bench.store.limited_until(bench.ca.url) == now + 3 * HOUR
    bench.run(force=True)
    assert bench.ca.calls.count("new_order") == 1


@pytest.mark.rule("ACME-5")
def test_a_limit_of_these_identifiers_alone_stops_nobody_else(bench: Bench) -> None:
    bench.want("a")
    bench.want("b")
    error = refusal("rateLimited", 429, retry_at=bench.clock.now() + 10 * HOUR)
    error.narrow = True
    bench.ca.fail("new_order", error)
    bench.run()
    assert (bench.versions("a"), bench.versions("b")) == (0, 1)
    bench.clock.turn(hours=9)
    bench.run(force=True)
    assert bench.versions("a") == 0
    bench.clock.turn(hours=2)
    bench.run()
    assert bench.versions("a") == 1


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("days", [400, -400])
def test_nothing_is_renewed_by_a_clock_that_was_turned_since_the_account_is_known(
    bench: Bench, days: int, *, force: bool
) -> None:
    bench.want("a", "edge")
    bench.run()
    bench.ca.restarted()
    bench.clock.turn(days=days)
    bench.ca.ahead = timedelta(days=-days)
    bench.run(force=force)
    if force or days > 0:
        assert bench.code("a") == "wrong-clock"
    assert bench.ca.ordered == 1


@pytest.mark.parametrize("ahead", [timedelta(days=400), -timedelta(days=400)])
def test_nothing_is_ordered_by_a_clock_that_is_off(bench: Bench, ahead: timedelta) -> None:
    bench.want("a", "edge")
    bench.ca.ahead = ahead
    report = bench.run()
    assert bench.ca.ordered == 0
    assert bench.code("a") == "wrong-clock"
    (failed,) = [one.seen for one in report.happenings if isinstance(one.seen, Failed)]
    assert ("slow" if ahead > timedelta(0) else "fast") in failed.fault.what
    assert [line[0] for line in bench.events.lines if line[1] == "clocks differ"] == ["error"]
    bench.ca.ahead = timedelta(0)
    report = bench.run()
    assert report.failing == ()
    assert bench.versions("a") == 1


def test_no_window_is_kept_that_was_told_to_a_wrong_clock(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()
    known = bench.store.standing("a").renewal
    assert known is not None
    bench.ca.ahead = timedelta(hours=2)
    bench.clock.turn(days=2)
    bench.run()
    after = bench.store.standing("a").renewal
    assert after is not None
    assert (after.selected, after.last_good) == (known.selected, known.last_good)
    assert "clock" in after.trouble


def test_what_a_clock_that_was_far_ahead_wrote_holds_nothing_back(bench: Bench) -> None:
    bench.published = (Limit(kind=Kind.ORDERS, count=1, span=3 * HOUR),)
    bench.want("a", "edge")
    bench.clock.turn(days=400)
    bench.ca.fail("new_order", refusal("rejectedIdentifier", 400))
    bench.run()
    bench.clock.turn(days=-400)
    bench.run()
    assert bench.versions("a") == 1
    asked = bench.ca.calls.count("renewal_info")
    bench.clock.turn(days=20)
    bench.run()
    bench.clock.turn(days=-20, hours=1)
    looks = bench.edges.looks
    bench.run()
    assert bench.ca.calls.count("renewal_info") == asked + 2
    assert bench.edges.looks > looks


def test_a_clock_a_few_minutes_off_is_told_of_once_and_goes_on(bench: Bench) -> None:
    for name in "abc":
        bench.want(name)
    bench.ca.ahead = timedelta(minutes=3)
    bench.run()
    assert bench.ca.issued == 3
    told = [(line[0], line[2]["ours"]) for line in bench.events.lines if line[1] == "clocks differ"]
    assert told == [("warning", "3 minutes slow")]


def test_whoever_a_run_was_cut_off_at_goes_behind_the_others(bench: Bench) -> None:
    bench.ca.lifetime = timedelta(days=6)
    for name in ("slow", "a", "b"):
        bench.want(name)
    bench.run()
    bench.clock.turn(days=5.9)
    bench.ca.fail("finalize", EndOfTimeError("the run was told to stop"))
    assert bench.run().stopped
    (behind,) = [name for name in bench.wanted if bench.store.standing(name).cut_off]
    jobs = [bench.pipeline().read(name) for name in bench.wanted]
    assert by_urgency(jobs)[-1].name == behind
    bench.run()
    assert all(bench.versions(name) == 2 for name in bench.wanted)
    assert bench.store.standing(behind).cut_off == 0


def test_an_emergency_is_told_once(bench: Bench) -> None:
    bench.want("a")
    bench.run()
    bench.ca.fail("account", UnreachableError("down", where="ca"), times=100)
    bench.clock.turn(days=80)
    bench.run()
    for _ in range(8):
        bench.clock.turn(days=1)
        bench.run()
    kinds = [one.kind.value for one in bench.alerts.sent]
    assert kinds.count("emergency") == 1
    assert kinds.index("failing") < kinds.index("emergency")


@pytest.mark.rule("ARI-17")
def test_an_emergency_that_was_renewed_in_the_same_run_is_told_all_the_same(bench: Bench) -> None:
    bench.want("a")
    for _ in range(2):
        bench.run()
        bench.clock.turn(days=87)  # nobody ran us in between
        bench.run()
        bench.run()
    assert bench.versions("a") == 3
    told = [one for one in bench.alerts.sent if one.kind.value == "emergency"]
    assert len(told) == 2
    assert all("renewed in this run" in one.what for one in told)


def test_the_attempts_come_closer_together_towards_the_end(bench: Bench) -> None:
    bench.want("a")
    bench.run()
    bench.ca.fail("account", UnreachableError("down", where="ca"), times=10_000)
    newest = bench.shelf.holding(bench.wanted["a"]).newest
    assert newest is not None
    bench.clock.at = newest.not_after - timedelta(days=31)
    times = []
    while bench.clock.now() < newest.not_after:
        before = bench.ca.calls.count("account")
        bench.run()
        if bench.ca.calls.count("account") > before:
            times.append(bench.clock.now())
        bench.clock.turn(minutes=30)
    last_day = [at for at in times if at > newest.not_after - timedelta(days=1)]
    a_day_before = [at for at in times if at < newest.not_after - timedelta(days=6)]
    assert len(last_day) >= 5
    assert len(a_day_before) <= 30


def test_the_next_time_that_a_waiting_run_waits_for(bench: Bench) -> None:
    bench.want("a")
    bench.run()
    renewal = bench.store.standing("a").renewal
    assert renewal is not None
    assert renewal.selected is not None
    bench.clock.at = renewal.selected - timedelta(minutes=90)
    bench.wake = timedelta(days=1)
    report = bench.run(waits=timedelta(hours=2))
    assert bench.versions("a") == 1
    assert report.next_at == renewal.selected
    bench.clock.at = renewal.selected - timedelta(seconds=1)
    bench.run(waits=timedelta(minutes=30))
    assert bench.versions("a") == 2


def test_a_waiting_run_waits_for_the_next_question_and_for_what_is_held_too(bench: Bench) -> None:
    bench.want("a")
    bench.run()
    bench.clock.turn(hours=5)
    assert bench.run(waits=timedelta(minutes=30)).next_at is None
    renewal = bench.store.standing("a").renewal
    assert renewal is not None
    assert bench.run(waits=2 * HOUR).next_at == renewal.next_poll
    bench.want("b")
    bench.ca.fail("new_order", refusal("rejectedIdentifier", 400))
    report = bench.run(waits=2 * HOUR)
    assert report.next_at is not None
    assert timedelta(0) < report.next_at - bench.clock.now() <= timedelta(minutes=2)


def test_a_waiting_run_goes_on_where_the_records_of_one_are_damaged(bench: Bench) -> None:
    for name in "ab":
        bench.want(name)
    bench.run()
    renewal = bench.store.standing("a").renewal
    assert renewal is not None
    assert renewal.selected is not None
    bench.clock.at = renewal.selected - timedelta(minutes=30)
    live = Path(bench.shelf.live_path("b")).resolve()
    live.joinpath("version.json").write_text("junk")
    report = bench.run(waits=HOUR)
    assert report.failing == ("b",)
    assert report.next_at == renewal.selected


def test_an_order_of_a_challenge_that_is_stuck_is_taken_up_again(bench: Bench) -> None:
    bench.want("a")
    bench.ca.stuck = {"a.example.org"}
    bench.clock.deadline = bench.clock.now() + timedelta(minutes=1)
    report = bench.run()
    bench.clock.deadline = None
    assert report.failing == (), "the authority is at work on it"
    assert not bench.ca.responses
    bench.ca.stuck = set()
    bench.clock.turn(minutes=2)
    bench.run()
    assert (bench.ca.ordered, bench.ca.issued) == (1, 1)
