"""When a certificate is ordered, held back, polled about: runs on a clock that the test turns."""

import json
from datetime import timedelta

import pytest

from everleaf.ca import renewalinfo
from everleaf.ca.answer import Answer as HttpAnswer
from everleaf.core.identifiers import parse
from everleaf.core.outcome import Held
from everleaf.core.window import LongTermFailure, NotOffered, Suggestion, TemporaryFailure, Window
from everleaf.errors import AuthorityError, Problem
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


def window(start: str, end: str) -> dict[str, object]:
    return {"suggestedWindow": {"start": start, "end": end}}


GOOD = "2026-04-20T00:00:00Z"
MALFORMED: list[object] = [
    b"", b"no JSON", b"<html>maintenance</html>", b"null", b"true", b"17", b'"text"', b"[]", b"{}",
    b"\xff\xfe", b'{"suggestedWindow":', {"suggestedWindow": None}, {"suggestedWindow": []},
    {"suggestedWindow": "soon"}, {"suggestedWindow": {}}, {"suggestedWindow": {"start": GOOD}},
    window(GOOD, GOOD), window("2026-04-22T00:00:00Z", GOOD), window("2026-04-20", "2026-04-22"),
    window("2026-04-20T00:00:00", "2026-04-22T00:00:00"), window(GOOD, "9999-12-31T23:59:59Z"),
    window("9999-12-30T00:00:00Z", "9999-12-31T00:00:00Z"), window("99999-01-01T00:00:00Z", GOOD),
    window("2026-13-45T00:00:00Z", "2026-14-01T00:00:00Z"), window("tomorrow", "next week"),
    {"suggestedWindow": {"start": 1776643200, "end": 10**400}},
    {"suggestedWindow": {"start": 1e308, "end": -1}},
    {"suggestedwindow": {"start": GOOD, "end": "2026-04-22T00:00:00Z"}},
]  # fmt: skip


@pytest.mark.rule("ARI-4")
@pytest.mark.rule("ARI-13")
@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_renewal_information_is_told_once_and_never_delays(
    body: object, bench: Bench
) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    bench.want("a", "edge")
    bench.run()
    newest = bench.shelf.holding(bench.wanted["a"]).newest
    assert newest is not None
    bench.clock.turn(days=1)
    said = renewalinfo.parse(
        HttpAnswer(url="https://ca.test/ari", status=200, body=raw), bench.clock.now()
    )
    bench.ca.windows[str(newest.cert_id)] = said
    for _ in range(61):
        bench.clock.turn(days=1)
        bench.run()
        if bench.versions("a") == 2:
            break
    assert bench.clock.now() <= newest.not_after - timedelta(days=28)
    told = [line[0] for line in bench.events.lines if line[1] == "renewal information"]
    assert told.count("warning") == 1
    assert bench.store.standing("a").troubles == {}


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
