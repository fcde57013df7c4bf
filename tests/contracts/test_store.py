"""What every `Store` keeps: SQLite, and the fake."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from everleaf.core.backoff import Attempts
from everleaf.core.identifiers import parse
from everleaf.core.lifecycle import Stage
from everleaf.core.limits import Claim, Entry, Kind, Limit
from everleaf.core.outcome import Back, Done, Due, Failed, Waiting
from everleaf.core.standing import Observation, Sight, Standing, Taken
from everleaf.core.window import Renewal
from everleaf.errors import Actor, Fault
from everleaf.ports import Event, Store
from everleaf.store.sqlite import SqliteStore
from fakes.store import MemoryStore

NOW = datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)
FAULT = Fault(actor=Actor.OPERATOR, code="no-such-file", what="it is not there", where="/etc/x")

Open = Callable[[], Store]


@pytest.fixture(params=["sqlite", "memory"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same store again, as the next run does."""
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path)
    one = MemoryStore()
    return lambda: one


@pytest.fixture
def store(reopen: Open) -> Store:
    return reopen()


def settled(version: str) -> Callable[[Standing], Standing]:
    return lambda known: replace(known, settled=version)


def test_what_is_not_known_stands_afresh(store: Store) -> None:
    assert store.standing("www") == Standing(name="www")
    assert store.names() == ()
    assert store.history() == ()
    assert store.attempts("dns:a.test") == Attempts()
    assert store.limited_until("ca") is None


def test_a_change_is_there_for_the_next_run(store: Store, reopen: Open) -> None:
    full = Standing(
        name="www",
        settled="1",
        switched_at=NOW,
        taken={"nginx": Taken(version="1", at=NOW, tried="2", attempts=Attempts(2, NOW))},
        observations=(
            Observation(
                endpoint="a.test:443", address="::1", sight=Sight.STALE, at=NOW, version="1",
                serial="0a",
            ),
        ),
        renewal=Renewal(cert_id="a.b", selected=NOW + timedelta(days=3), next_poll=NOW),
    )  # fmt: skip
    assert store.change("www", lambda _: full) == full
    assert reopen().standing("www") == full
    assert reopen().names() == ("www",)


def test_a_change_gets_what_stands_there(store: Store) -> None:
    store.change("www", settled("1"))
    seen: list[str | None] = []

    def look(known: Standing) -> Standing:
        seen.append(known.settled)
        return known

    store.change("www", look)
    assert seen == ["1"]


def test_a_change_that_raises_changes_nothing(store: Store) -> None:
    store.change("www", settled("1"))

    def fail(_: Standing) -> Standing:
        raise KeyError("www")

    with pytest.raises(KeyError):
        store.change("www", fail, Event(at=NOW, certificate="www", stage="order", what="x"))
    assert store.standing("www").settled == "1"
    assert store.history() == ()
    assert store.change("www", settled("2")).settled == "2"


def test_names_are_sorted(store: Store) -> None:
    for name in ("b", "c", "a"):
        store.change(name, settled("1"))
    assert store.names() == ("a", "b", "c")


def test_an_outcome_goes_into_standing_and_history(store: Store, reopen: Open) -> None:
    store.record("www", Stage.ORDER, Failed(FAULT, NOW + timedelta(hours=1)), NOW)
    standing = store.record("www", Stage.VALIDATE, Waiting(NOW, "the authority"), NOW)
    trouble = reopen().standing("www").troubles[Stage.ORDER]
    assert (trouble.fault, trouble.since, trouble.retry_at) == (
        FAULT, NOW, NOW + timedelta(hours=1),
    )  # fmt: skip
    assert standing.waiting == {Stage.VALIDATE: NOW}
    store.record("www", Stage.ORDER, Done("made"), NOW, Due("10 days left", "fallback"))
    standing = store.record("www", Stage.VALIDATE, Back("void"), NOW)
    assert standing.is_clear
    told = [(one.stage, one.what, dict(one.detail)) for one in reopen().history("www")]
    assert told == [
        ("order", "failed", {"code": "no-such-file", "fault": str(FAULT)}),
        ("validate", "waiting", {"why": "the authority", "until": NOW.isoformat()}),
        ("order", "done", {"note": "made", "reason": "fallback", "because": "10 days left"}),
        ("validate", "begun again", {"why": "void"}),
    ]


def test_the_history_is_told_by_certificate_and_limit_newest_last(store: Store) -> None:
    for number in range(5):
        name = "ab"[number % 2]
        event = Event(at=NOW, certificate=name, stage="order", what=str(number), detail={"ü": "ß"})
        store.change(name, lambda known: known, event)
    assert [one.what for one in store.history()] == ["0", "1", "2", "3", "4"]
    assert [one.what for one in store.history("b")] == ["1", "3"]
    assert [one.what for one in store.history(limit=2)] == ["3", "4"]
    assert store.history("a", 1) == (
        Event(at=NOW, certificate="a", stage="order", what="4", detail={"ü": "ß"}),
    )


def test_failures_are_kept_until_they_are_forgotten(store: Store, reopen: Open) -> None:
    store.set_attempts("dns:a.test", Attempts(3, NOW))
    assert reopen().attempts("dns:a.test") == Attempts(3, NOW)
    assert store.attempts("dns:b.test") == Attempts()
    store.set_attempts("dns:a.test", Attempts())
    assert reopen().attempts("dns:a.test") == Attempts()


def test_the_latest_limit_holds(store: Store, reopen: Open) -> None:
    store.set_limited("ca", NOW)
    store.set_limited("ca", NOW - timedelta(hours=1))
    assert reopen().limited_until("ca") == NOW
    later = NOW.replace(microsecond=0) + timedelta(minutes=1)
    store.set_limited("ca", later)
    assert reopen().limited_until("ca") == later
    assert store.limited_until("other") is None


LIMITS = (Limit(kind=Kind.ORDERS, count=2, span=timedelta(hours=1)),)


def test_what_counts_is_kept_for_its_account(store: Store, reopen: Open) -> None:
    later = NOW + timedelta(minutes=5)
    one = Entry(kind=Kind.FAILURES, key="a.test", at=later)
    two = Entry(kind=Kind.CERTIFICATES, key="dns:a.test", at=NOW)
    store.count("me", [one])
    store.count("me", [two])
    store.count("me", [])
    assert reopen().counted("me") == (two, one)
    assert reopen().counted("another") == ()


def test_what_is_older_than_any_limit_looks_back_is_forgotten(store: Store) -> None:
    store.count("me", [Entry(kind=Kind.ORDERS, key="", at=NOW)])
    late = Entry(kind=Kind.ORDERS, key="", at=NOW + timedelta(days=32))
    store.count("me", [late])
    assert store.counted("me") == (late,)


def test_an_order_is_counted_with_its_turn_and_not_without_one(store: Store, reopen: Open) -> None:
    claim = Claim(name="www", identifiers=(parse("a.test"),))
    assert [store.claim("me", claim, LIMITS, NOW).at for _ in range(3)] == [
        NOW, NOW, NOW + timedelta(hours=1),
    ]  # fmt: skip
    assert len(reopen().counted("me")) == 2
    assert store.claim("another", claim, LIMITS, NOW).at == NOW
    assert store.claim("me", replace(claim, exempt=True), LIMITS, NOW).at == NOW
    assert len(reopen().counted("me")) == 2


def test_turns_side_by_side_never_exceed_the_limit(store: Store) -> None:
    claim = Claim(name="www", identifiers=(parse("a.test"),))
    with ThreadPoolExecutor(8) as pool:
        turns = pool.map(lambda _: store.claim("me", claim, LIMITS, NOW), range(32))
        assert sum(one.at == NOW for one in turns) == 2


def test_notes_are_kept(store: Store, reopen: Open) -> None:
    assert store.noted("wake") == ""
    for text in ("3600", "3600", "7200"):
        store.note("wake", text)
        assert reopen().noted("wake") == text


def test_what_is_forgotten_is_gone_and_the_others_stay(store: Store, reopen: Open) -> None:
    for name in ("a", "b"):
        store.record(name, Stage.ORDER, Done("made"), NOW)
        store.change(name, settled("1"))
    store.forget("a")
    store.forget("never-there")
    assert reopen().standing("a") == Standing(name="a")
    assert [one.certificate for one in reopen().history()] == ["b"]
    assert reopen().names() == ("b",)


def test_changes_side_by_side_are_all_kept(store: Store) -> None:
    def one_more(known: Standing) -> Standing:
        attempts = known.took("nginx").attempts.failed(NOW)
        return known.with_taken("nginx", Taken(attempts=attempts))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.change("www", one_more), range(64)))
    assert store.standing("www").took("nginx").attempts.failures == 64


def test_a_certificate_under_another_name_keeps_standing_and_history(
    store: Store, reopen: Open
) -> None:
    store.record("old", Stage.ORDER, Failed(FAULT), NOW)
    store.rename("old", "new")
    again = reopen()
    assert again.names() == ("new",)
    assert again.standing("new").name == "new"
    assert again.standing("new").is_failing
    assert [one.certificate for one in again.history()] == ["new"]
    again.rename("old", "new")
    assert again.standing("new").is_failing
