"""When a certificate is ordered, held back, polled about: runs on a clock that the test turns."""

from datetime import timedelta

import pytest

from everleaf.core.identifiers import parse
from everleaf.core.lifecycle import Stage
from everleaf.core.outcome import Held
from everleaf.core.window import (
    Answer,
    LongTermFailure,
    NotOffered,
    Suggestion,
    TemporaryFailure,
    Window,
)
from everleaf.errors import AuthorityError, Problem, UnreachableError
from support.bench import Bench


def refusal(kind: str, status: int, retry_after: timedelta | None, bench: Bench) -> AuthorityError:
    problem = Problem(type=f"urn:ietf:params:acme:error:{kind}", detail="no", status=status)
    at = bench.clock.now() + retry_after if retry_after else None
    return AuthorityError("the order was refused", code="refused", problem=problem, retry_at=at)


@pytest.mark.rule("ARI-6")
@pytest.mark.rule("ARI-10")
def test_one_random_time_is_kept_while_the_window_stays_the_same(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()
    first = bench.store.standing("a").renewal
    assert first is not None
    bench.randomness.value = 0.9
    bench.clock.turn(days=2)
    bench.run()
    second = bench.store.standing("a").renewal
    assert second is not None
    assert second.selected == first.selected
    assert second.last_good != first.last_good, "it was asked again"


@pytest.mark.rule("ARI-10")
def test_nobody_is_asked_before_retry_after(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()
    asked = bench.ca.calls.count("renewal_info")
    assert asked == 1, "right after issuance"
    for _ in range(5):
        bench.clock.turn(minutes=30)
        bench.run()
    assert bench.ca.calls.count("renewal_info") == asked


@pytest.mark.rule("ARI-8")
def test_a_selected_time_before_the_next_run_renews_now(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()
    renewal = bench.store.standing("a").renewal
    assert renewal is not None
    assert renewal.selected is not None
    bench.clock.at = renewal.selected - timedelta(hours=2)
    bench.run()
    assert bench.versions("a") == 1
    bench.clock.at = renewal.selected - timedelta(minutes=30)
    bench.run()
    assert bench.versions("a") == 2


@pytest.mark.rule("ARI-1")
def test_without_ari_a_third_of_the_lifetime_decides(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.ca.offers_renewal_info = False
    bench.run()
    bench.clock.turn(days=59)
    bench.run()
    assert bench.versions("a") == 1
    bench.clock.turn(days=2)
    bench.run()
    assert bench.versions("a") == 2


@pytest.mark.rule("ARI-12")
@pytest.mark.rule("ARI-13")
@pytest.mark.parametrize(
    "answer",
    [TemporaryFailure(why="503"), LongTermFailure(why="no JSON"), NotOffered()],
    ids=["temporary", "long-term", "not-offered"],
)
def test_an_authority_that_answers_nothing_never_delays_past_the_fallback(
    answer: TemporaryFailure | LongTermFailure | NotOffered, bench: Bench
) -> None:
    bench.want("a", "edge")
    bench.run()
    newest = bench.shelf.holding(bench.wanted["a"]).newest
    assert newest is not None
    assert newest.cert_id is not None
    late = Window(newest.not_after - timedelta(days=3), newest.not_after - timedelta(days=2))
    bench.ca.windows[newest.cert_id] = Suggestion(window=late)
    bench.clock.turn(days=2)
    bench.run()
    bench.ca.windows[newest.cert_id] = answer
    for _ in range(62):
        bench.clock.turn(days=1)
        bench.run()
    assert bench.versions("a") == 2


def suggest(bench: Bench, name: str, window: Window) -> None:
    """Let the authority answer this for the newest version."""
    newest = bench.shelf.holding(bench.wanted[name]).newest
    assert newest is not None
    bench.ca.windows[str(newest.cert_id)] = Suggestion(window=window)


@pytest.mark.rule("ARI-4")
@pytest.mark.rule("ARI-17")
def test_a_window_that_outlives_the_certificate_holds_as_far_as_the_certificate_does(
    bench: Bench,
) -> None:
    bench.want("a", "edge")
    bench.run()
    newest = bench.shelf.holding(bench.wanted["a"]).newest
    assert newest is not None
    start = newest.not_after - timedelta(days=40)
    suggest(bench, "a", Window(start, start.replace(year=9999)))
    bench.clock.turn(days=2)
    bench.run()
    known = bench.store.standing("a").renewal
    assert known is not None
    assert known.trouble == ""
    assert known.selected == newest.not_after - timedelta(days=20), "the dice say: half of it"
    for _ in range(70):
        bench.clock.turn(days=1)
        bench.run()
    assert bench.versions("a") == 2


def test_an_authority_that_hurries_lets_no_short_certificate_expire(bench: Bench) -> None:
    class Hurry(dict[str, Answer]):
        def __contains__(self, _: object) -> bool:
            return True

        def __getitem__(self, _: str) -> Answer:
            past = bench.clock.now() - timedelta(days=2)
            return Suggestion(window=Window(past, past + timedelta(hours=1)))

    bench.ca.windows = Hurry()
    bench.ca.lifetime = timedelta(hours=20)
    bench.want("a", "edge")
    for _ in range(2 * 24 * 5):
        bench.run()
        newest = bench.shelf.holding(bench.wanted["a"]).newest
        assert newest is not None
        assert newest.not_after > bench.clock.now()
        bench.clock.turn(minutes=30)
    assert 20 < bench.ca.issued < 40, "every four hours, so that four more attempts would follow"


def test_why_an_order_was_due_is_told_also_by_the_run_that_resumes_it(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.ca.offers_renewal_info = False
    bench.run()
    bench.clock.turn(days=61)
    bench.ca.fail("new_order", UnreachableError("lost", where="ca"), times=3)
    bench.run()
    bench.clock.turn(hours=1)
    bench.run()
    reasons = [one.detail["reason"] for one in bench.store.history("a") if one.stage == "order"]
    assert reasons == ["missing", "fallback", "fallback"]


def test_an_order_that_is_not_due_any_more_is_resumed_and_tells_why_it_was(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()
    bench.ca.fail("new_order", UnreachableError("lost", where="ca"), times=3)
    bench.run(force=True)
    bench.clock.turn(hours=1)
    bench.run()
    last = [one for one in bench.store.history("a") if one.stage == "order"][-1]
    assert last.detail["reason"] == "resumed"
    assert "forced, asked for by hand" in last.detail["because"]


def test_what_is_held_says_what_it_is(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.ca.fail("new_order", refusal("rejectedIdentifier", 400, None, bench))
    bench.run()
    look = bench.pipeline().look("a", Stage.ORDER)
    assert isinstance(look, Held)
    assert look.code == "missing"


@pytest.mark.rule("ARI-14")
def test_nobody_asks_about_what_has_expired_or_was_replaced(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()
    first = bench.shelf.holding(bench.wanted["a"]).newest
    assert first is not None
    bench.run(force=True)
    second = bench.shelf.holding(bench.wanted["a"]).newest
    assert second is not None
    bench.clock.turn(days=1)
    bench.run(poll_now=True)
    renewal = bench.store.standing("a").renewal
    assert renewal is not None
    assert renewal.cert_id == second.cert_id != first.cert_id
    bench.ca.fail("account", refusal("unauthorized", 403, None, bench), times=100)
    bench.clock.turn(days=90)
    asked = bench.ca.calls.count("renewal_info")
    bench.run(poll_now=True)
    assert bench.ca.calls.count("renewal_info") == asked


@pytest.mark.rule("ARI-17")
def test_below_a_twentieth_nothing_that_the_authority_says_holds_it_back(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()
    newest = bench.shelf.holding(bench.wanted["a"]).newest
    assert newest is not None
    assert newest.cert_id is not None
    late = Window(newest.not_after - timedelta(hours=2), newest.not_after - timedelta(hours=1))
    bench.ca.windows[newest.cert_id] = Suggestion(window=late)
    for _ in range(84):
        bench.clock.turn(days=1)
        bench.run()
    assert bench.versions("a") == 1
    for _ in range(3):
        bench.clock.turn(days=1)
        bench.run()
    assert bench.versions("a") == 2


@pytest.mark.rule("ARI-9")
def test_failures_are_counted_for_the_identifiers_and_survive_the_process(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.ca.fail("new_order", refusal("rejectedIdentifier", 400, None, bench), times=3)
    sent = []
    for _ in range(4 * 60):
        bench.run()
        sent.append(bench.ca.calls.count("new_order"))
        bench.clock.turn(minutes=1)
        bench.store = type(bench.store)(bench.folder)
    assert sent[0] == 1
    assert sent[-1] == 4, "at 0, 1, 11 and 111 minutes, then well"
    assert bench.versions("a") == 1


@pytest.mark.rule("ACME-5")
def test_a_limit_holds_every_certificate_of_the_authority_and_force_does_not_break_it(
    bench: Bench,
) -> None:
    bench.want("a", "edge")
    limit = refusal("rateLimited", 429, timedelta(hours=3), bench)
    bench.ca.fail("new_order", limit)
    bench.run()
    bench.want("b", "edge")
    for _ in range(2):
        report = bench.run(force=True)
        assert all(isinstance(one.seen, Held) for one in report.happenings)
    assert bench.ca.calls.count("new_order") == 1
    bench.clock.turn(hours=4)
    bench.run()
    assert (bench.versions("a"), bench.versions("b")) == (1, 1)


def test_changed_names_are_due_and_an_order_under_way_for_the_old_ones_is_given_up(
    bench: Bench,
) -> None:
    bench.want("a", "edge")
    bench.ca.fail("answer", refusal("serverInternal", 503, timedelta(minutes=5), bench))
    bench.run()
    both = (parse("a.example.org"), parse("b.example.org"))
    bench.want("a", "edge", identifiers=both)
    bench.clock.turn(hours=1)
    bench.run()
    newest = bench.shelf.holding(bench.wanted["a"]).newest
    assert newest is not None
    assert newest.identifiers == both
    assert bench.ca.responses == {}


def test_a_chain_that_is_not_trusted_is_looked_at_again_and_ordered_anew_only_by_the_back_off(
    bench: Bench,
) -> None:
    bench.want("a", "edge")
    bench.trusts = False
    assert bench.run().failing == ("a",)
    assert bench.code("a") == "chain-rejected"
    for _ in range(3):
        bench.run()
    assert bench.ca.ordered == 1
    bench.clock.turn(minutes=2)
    bench.run()
    assert bench.ca.ordered == 2
    bench.trusts = True
    assert bench.run().failing == ()
    assert bench.ca.ordered == 2


def test_a_certificate_that_is_being_issued_is_not_given_up_for_how_long_its_validation_took(
    bench: Bench,
) -> None:
    bench.want("a", "edge")
    bench.ca.stuck = {"a.example.org"}
    for _ in range(5):
        bench.run()
        bench.clock.turn(hours=6)
    bench.ca.stuck, bench.ca.processing = set(), 100
    bench.run()
    bench.clock.turn(hours=1)
    bench.run()
    assert bench.ca.ordered == len(bench.ca.certificates) == 1
    assert bench.shelf.holding(bench.wanted["a"]).newest is not None


def test_two_certificates_for_the_same_names_are_ordered_one_after_the_other(
    bench: Bench,
) -> None:
    bench.want("ecdsa", "edge", identifiers=(parse("ecdsa.example.org"),))
    bench.want("rsa", "edge", identifiers=(parse("ecdsa.example.org"),))
    bench.ca.processing = 100_000
    bench.run()
    assert bench.ca.ordered == 1, "the other one waits for the order that is under way"
    bench.ca.processing = 0


def test_a_run_with_nothing_to_do_writes_nothing(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()

    def everything() -> dict[str, bytes]:
        return {str(one): one.read_bytes() for one in bench.folder.rglob("*") if one.is_file()}

    before = everything()
    for _ in range(3):
        bench.clock.turn(minutes=30)
        report = bench.run()
        assert report.happenings == ()
    assert everything() == before
