"""What an authority, a server or a disk may do at the worst moment, and what comes of it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from everleaf.core.backoff import Attempts
from everleaf.core.identifiers import parse
from everleaf.core.limits import Kind
from everleaf.core.outcome import Held, Waiting
from everleaf.core.wanted import Copy, CopyKind, KeyType
from everleaf.core.window import Answer, Suggestion, Window
from everleaf.errors import AuthorityError, EndOfTimeError, OperatorError, UnreachableError
from fakes.authority import refusal
from support.bench import Bench

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def malformed() -> AuthorityError:
    return AuthorityError("it is no PEM chain", code="authority-malformed")


@pytest.mark.parametrize("kind", ["orderNotReady", "caa"])
def test_a_refusal_at_finalize_is_a_failure_with_its_back_off(bench: Bench, kind: str) -> None:
    bench.want("a")
    bench.ca.fail("finalize", refusal(kind, 403), times=1000)
    reports = []
    for _ in range(30):
        reports.append(bench.run())
        bench.clock.turn(minutes=1)
    assert bench.ca.ordered == 1
    assert all(report.failing == ("a",) for report in reports)
    assert bench.ca.calls.count("finalize") <= 4


def test_the_same_refusal_for_ever_ends_in_a_new_order_at_last(bench: Bench) -> None:
    bench.want("a")
    bench.ca.fail("finalize", refusal("caa", 403), times=6)
    for _ in range(7 * 24):
        bench.run()
        bench.clock.turn(hours=1)
    assert bench.ca.ordered == 2
    assert bench.versions("a") == 1


@pytest.mark.rule("ACME-4")
@pytest.mark.parametrize(
    "error", [refusal("malformed", 404), malformed(), refusal("serverInternal", 500)]
)
def test_what_was_issued_is_fetched_however_often_the_download_fails(
    bench: Bench, error: AuthorityError
) -> None:
    bench.want("a")
    bench.ca.fail("certificate", error, times=3)
    for _ in range(10):
        bench.run()
        bench.clock.turn(minutes=30)
    assert (bench.ca.ordered, bench.ca.issued, bench.versions("a")) == (1, 1, 1)


def test_an_order_that_is_gone_is_placed_anew_and_again_only_after_a_while(bench: Bench) -> None:
    bench.want("a")
    bench.ca.fail("order", refusal("malformed", 404), times=50)
    for _ in range(60):
        bench.run()
        bench.clock.turn(minutes=1)
    assert 2 <= bench.ca.ordered <= 5


@pytest.mark.rule("ACME-5")
def test_a_429_in_the_middle_of_an_order_is_obeyed_even_by_hand(bench: Bench) -> None:
    bench.want("a")
    error = refusal("rateLimited", 429, retry_at=bench.clock.now() + 5 * HOUR)
    bench.ca.fail("finalize", error)
    for _ in range(20):
        bench.run(force=True)
        bench.clock.turn(minutes=10)
    assert bench.ca.calls.count("finalize") == 1
    bench.clock.turn(hours=2)
    bench.run()
    assert (bench.ca.ordered, bench.versions("a")) == (1, 1)


def test_an_authority_that_is_configured_no_more_holds_nothing_up(bench: Bench) -> None:
    bench.want("a")
    bench.ca.fail("finalize", UnreachableError("lost", where="ca"), times=3)
    bench.run()

    def authority(name: str) -> object:
        if name == "memory":
            raise OperatorError("no authority 'memory' is configured any more", code="no-authority")
        return bench.ca

    bench.authorities = authority
    bench.want("a", authorities=("new",))
    bench.run()
    bench.clock.turn(minutes=2)
    bench.run()
    assert bench.versions("a") == 1


@pytest.mark.parametrize("spoil", ["order.json", "version.json", "row"])
def test_what_is_damaged_for_one_certificate_stops_no_other_and_is_told(
    bench: Bench, spoil: str
) -> None:
    for name in "ab":
        bench.want(name, "edge")
    bench.run()
    damage(bench, spoil)
    bench.clock.turn(days=70)
    reports = [bench.run(), bench.run()]
    assert bench.versions("b") == 2
    assert all(report.failing == ("a",) for report in reports)
    told = [one.certificate for one in bench.alerts.sent if one.kind.value == "failing"]
    assert told
    assert set(told) == {"a"}


def damage(bench: Bench, what: str) -> None:
    if what == "row":
        (name,) = bench.folder.glob("state.sqlite")
        import sqlite3

        with sqlite3.connect(name) as one:
            one.execute("UPDATE standing SET document = '{}' WHERE name = 'a'")
        one.close()
    elif what == "order.json":
        place = bench.folder / "pending" / "a"
        place.mkdir(parents=True)
        place.joinpath("order.json").write_text("{")
    else:
        live = Path(bench.shelf.live_path("a")).resolve()
        live.joinpath("version.json").write_text("junk")


def test_a_folder_that_everleaf_did_not_make_is_left_alone(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()
    bench.folder.joinpath("certificates", "a", "versions", "backup").mkdir()
    assert bench.run().failing == ()


def test_an_authorization_that_takes_hours_is_waited_for_and_holds_nobody_up(bench: Bench) -> None:
    bench.want("slow", "edge")
    bench.want("b", "edge")
    bench.ca.stuck = {"slow.example.org"}
    bench.ca.retry_after = 2 * HOUR
    bench.clock.deadline = bench.clock.now() + HOUR
    report = bench.run()
    assert report.failing == ()
    assert bench.live("b") is not None
    waiting = [one.seen for one in report.happenings if isinstance(one.seen, Waiting)]
    (until,) = [one.until for one in waiting]
    assert abs(until - bench.clock.now() - 2 * HOUR) < timedelta(minutes=1)
    bench.clock.deadline = None
    bench.ca.stuck = set()
    bench.ca.retry_after = None
    bench.clock.turn(hours=2)
    bench.run()
    assert (bench.ca.ordered, bench.versions("slow")) == (2, 1)


def test_no_wait_is_longer_than_a_day_whatever_an_authority_says(bench: Bench) -> None:
    bench.want("a")
    bench.ca.processing, bench.ca.retry_after = 1, 300 * DAY
    bench.run()
    bench.clock.turn(days=1, minutes=1)
    bench.run()
    assert bench.versions("a") == 1


def test_a_test_that_fails_once_by_chance_blames_nobody(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()
    failures = ["host not found in upstream"]
    bench.edges.refuses = lambda _: failures.pop() if failures else ""
    report = bench.run(force=True)
    assert report.failing == ()
    assert bench.refused("a") == []
    assert bench.live("a") == bench.shelf.holding(bench.wanted["a"]).versions[-1].id


def test_a_refused_pair_is_tried_again_once_the_live_one_is_over(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()
    old = bench.live("a")
    bench.edges.refuses = lambda _: "no" if bench.live("a") != old else ""
    bench.clock.turn(days=70)
    bench.run()
    assert bench.live("a") == old
    bench.edges.refuses = lambda _: ""
    bench.run()
    assert bench.live("a") == old, "kept back while the live one is good"
    bench.clock.turn(days=21)
    bench.run()
    assert bench.live("a") != old


def test_a_copy_that_cannot_be_written_leaves_all_as_it_was_and_stops_no_other(
    bench: Bench, tmp_path: Path
) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    copy = Copy(path=folder / "a.pem", kind=CopyKind.COMBINED)
    bench.want("a", "edge", copies=(copy,))
    bench.want("b", "edge")
    bench.run()
    before = bench.live("a")
    bench.clock.turn(days=70)
    copy.path.unlink()
    copy.path.mkdir()
    report = bench.run()
    assert report.failing == ("a",)
    assert bench.live("a") == before
    assert len(bench.edges.served) == 2
    assert bench.live("b") == bench.shelf.holding(bench.wanted["b"]).versions[-1].id
    copy.path.rmdir()
    bench.clock.turn(days=2)
    assert bench.run().failing == ()
    assert bench.live("a") != before


def test_a_rejected_chain_and_a_changed_configuration_together_order_nothing_undue(
    bench: Bench,
) -> None:
    bench.want("a", "edge")
    bench.run()
    bench.want("a", "edge", key_type=KeyType.ECDSA_P384)
    bench.trusts = False
    bench.run()
    assert bench.ca.ordered == 2
    bench.trusts = True
    bench.want("a", "edge")
    bench.store.set_limited(bench.ca.url, bench.clock.now() + 3 * DAY)
    bench.run()
    assert bench.ca.ordered == 2
    assert bench.shelf.holding(bench.wanted["a"]).pending is None


def test_a_run_told_to_stop_while_the_authority_looks_is_no_failed_challenge(bench: Bench) -> None:
    bench.want("a")
    bench.ca.fail("answer", EndOfTimeError("the run was told to stop"))
    assert bench.run().stopped
    # Now the authority looks, finds nothing, and says so.
    authorization = next(iter(bench.ca._authorizations))
    bench.ca.answer(f"{authorization}/challenge")
    report = bench.run()
    assert report.failing == ()
    assert (bench.ca.ordered, bench.versions("a")) == (2, 1)


@pytest.mark.rule("ARI-7")
def test_an_authority_that_wants_every_new_certificate_replaced_is_not_obeyed_without_end(
    bench: Bench,
) -> None:
    class Past(dict[str, Answer]):
        def __contains__(self, _: object) -> bool:
            return True

        def __getitem__(self, _: str) -> Answer:
            past = bench.clock.now() - 2 * DAY
            return Suggestion(window=Window(past, past + HOUR), retry_at=bench.clock.now() + HOUR)

    bench.want("a", "edge")
    bench.run()
    bench.ca.windows = Past()
    for _ in range(3 * 24 * 12):
        bench.clock.turn(minutes=5)
        bench.run(poll_now=True)
    assert 4 <= bench.ca.issued <= 9
    bench.ca.windows = {}
    bench.clock.turn(days=1)
    bench.run(poll_now=True)
    assert bench.store.standing("a").rushed == Attempts()


def test_a_certificate_is_counted_once_however_often_finalize_is_sent(bench: Bench) -> None:
    bench.want("a")
    bench.ca.fail("finalize", UnreachableError("lost", where="ca"), times=5)
    for _ in range(5):
        bench.run()
        bench.clock.turn(hours=2)
    counted = [one for one in bench.store.counted(bench.ca.url) if one.kind is Kind.CERTIFICATES]
    assert len(counted) == 1
    assert bench.versions("a") == 1


def test_an_old_refusal_is_no_hold_once_a_later_version_is_live(bench: Bench) -> None:
    bench.want("a", "edge")
    bench.run()
    first = bench.live("a")
    bench.edges.refuses = lambda _: "no" if bench.live("a") != first else ""
    bench.run(force=True)
    assert bench.refused("a")
    bench.edges.refuses = lambda _: ""
    bench.clock.turn(minutes=5)
    bench.want("a", "edge", identifiers=(parse("a.example.org"), parse("b.example.org")))
    bench.run()
    assert bench.live("a") == bench.shelf.holding(bench.wanted["a"]).versions[-1].id
    looks = bench.pipeline().looks("a").values()
    assert not any(isinstance(one, Held) for one in looks)


def test_what_an_account_is_refused_for_is_tried_with_back_off(bench: Bench) -> None:
    bench.want("a")
    bench.ca.fail("account", OperatorError("the contact is refused", code="contact"), times=1000)
    for _ in range(120):
        bench.run()
        bench.clock.turn(minutes=1)
    assert bench.ca.calls.count("account") <= 4


def test_a_copys_mode_is_part_of_what_is_wanted(bench: Bench, tmp_path: Path) -> None:
    copy = Copy(path=tmp_path / "a.pem", kind=CopyKind.COMBINED)
    bench.want("a", "edge", copies=(copy,))
    bench.run()
    bench.want("a", "edge", copies=(replace(copy, mode=0o640),))
    bench.run()
    assert copy.path.stat().st_mode & 0o777 == 0o640
