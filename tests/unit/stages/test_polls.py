"""Questions to an authority that hangs, is slow, or has had enough: orders never wait for them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeVar

import pytest

from everleaf.core.identifiers import parse
from everleaf.core.wanted import RenewBefore
from everleaf.core.window import Answer, Suggestion, TemporaryFailure, Window
from everleaf.errors import UnreachableError
from everleaf.ports import Order
from fakes.authority import MemoryAuthority
from support.bench import Bench

T = TypeVar("T")
R = TypeVar("R")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FLEET = tuple(f"c{number:02}" for number in range(20))


@dataclass(slots=True)
class Slow(MemoryAuthority):
    """Answers about renewal only after a while; `says` instead of what it would say.

    Attributes:
        first_order: when the first one was taken since this was forgotten.
    """

    lasts: timedelta = timedelta(0)
    says: Answer | None = None
    asked: list[str] = field(default_factory=list)
    first_order: datetime | None = None

    def renewal_info(self, cert_id: str) -> Answer:
        self.asked.append(cert_id)
        self.clock.sleep(self.lasts.total_seconds())
        answer = MemoryAuthority.renewal_info(self, cert_id)
        return self.says or answer

    def _new_order(self, *arguments: object) -> Order:
        self.first_order = self.first_order or self.clock.now()
        return MemoryAuthority._new_order(self, *arguments)  # type: ignore[arg-type]


@pytest.fixture
def slow(bench: Bench) -> Slow:
    """The bench's authority, and a fleet that was issued there a day ago."""
    bench.ca = one = Slow(bench.clock)
    for name in FLEET:
        bench.want(name)
    bench.run()
    bench.clock.turn(days=1)
    one.asked.clear()
    one.first_order = None
    return one


def hang(one: Slow) -> None:
    one.lasts = timedelta(seconds=20)
    one.says = TemporaryFailure(why="the authority does not answer", general=True)


@pytest.mark.rule("ARI-12")
def test_an_authority_that_does_not_answer_is_asked_once_in_a_run(bench: Bench, slow: Slow) -> None:
    hang(slow)
    bench.run()
    assert len(slow.asked) == 1
    renewals = [bench.store.standing(name).renewal for name in FLEET]
    failures = [one.failures for one in renewals if one]
    assert sorted(failures) == [0] * 19 + [1], "who was not asked has not failed"
    assert all(one and one.next_poll > bench.clock.now() for one in renewals)
    assert all(one and one.trouble for one in renewals)


def test_whoever_an_authority_hung_at_is_asked_after_the_others(bench: Bench, slow: Slow) -> None:
    hang(slow)
    bench.run()
    (stuck,) = slow.asked
    slow.lasts, slow.says = timedelta(0), None
    bench.clock.turn(hours=1)
    bench.run()
    assert len(slow.asked) == 1 + len(FLEET)
    assert slow.asked[-1] == stuck


@pytest.mark.parametrize("due", ["missing", "changed", "emergency", "fallback"])
def test_what_is_due_does_not_wait_for_questions_about_others(
    bench: Bench, slow: Slow, due: str
) -> None:
    if due == "missing":
        bench.want("new")
    elif due == "changed":
        bench.want("c07", identifiers=(parse("other.example.org"),))
    elif due == "emergency":
        bench.want("c07", emergency=RenewBefore(span=80 * DAY))
        bench.clock.turn(days=15)
    else:
        bench.want("c07", renew_before=RenewBefore(span=80 * DAY))
        bench.clock.turn(days=15)
    slow.lasts = timedelta(seconds=9)
    begun = bench.clock.now()
    bench.run()
    assert slow.first_order is not None
    assert slow.first_order - begun < timedelta(minutes=1)
    assert len(set(slow.asked)) >= len(FLEET), "all were asked in the end"


@pytest.mark.rule("ARI-12")
def test_a_429_is_an_answer_to_all_questions_of_the_run(bench: Bench, slow: Slow) -> None:
    at = bench.clock.now() + 3 * HOUR
    slow.says = TemporaryFailure(why="too many requests", retry_at=at, general=True)
    bench.run()
    assert len(slow.asked) == 1
    for _ in range(5):
        bench.clock.turn(minutes=30)
        bench.run()
    assert len(slow.asked) == 1
    bench.clock.turn(hours=1)
    slow.says = None
    bench.run()
    assert len(slow.asked) == 1 + len(FLEET)


@pytest.mark.rule("ARI-12")
def test_temporary_failures_are_asked_again_at_growing_distances_up_to_six_hours(
    bench: Bench,
) -> None:
    bench.ca = slow = Slow(bench.clock)
    bench.want("a")
    bench.run()
    bench.clock.turn(days=1)
    slow.asked.clear()
    slow.says = TemporaryFailure(why="HTTP 500")
    minutes = []
    for minute in range(24 * 60):
        before = len(slow.asked)
        bench.run()
        minutes += [minute] * (len(slow.asked) - before)
        bench.clock.turn(seconds=59)
    spans = [after - before for before, after in pairwise(minutes)]
    assert spans[:8] == [1, 2, 4, 8, 16, 32, 64, 128]
    assert set(spans[8:]) == {360}


@pytest.mark.rule("ARI-9")
@pytest.mark.rule("ARI-10")
def test_by_hand_nobody_is_asked_twice_within_a_minute_whoever_asked_before(bench: Bench) -> None:
    bench.ca = slow = Slow(bench.clock)
    bench.want("a")
    bench.run()
    bench.clock.turn(hours=7)
    bench.run()
    assert len(slow.asked) == 2
    bench.run(poll_now=True)
    bench.run(poll_now=True)
    assert len(slow.asked) == 2
    bench.clock.turn(minutes=1)
    bench.run(poll_now=True)
    assert len(slow.asked) == 3


@pytest.mark.rule("ARI-5")
def test_an_explanation_is_told_once_at_info_and_stands_in_every_alert(bench: Bench) -> None:
    bench.want("a")
    bench.run()
    newest = bench.shelf.holding(bench.wanted["a"]).newest
    assert newest is not None
    past = bench.clock.now() - 2 * DAY
    why = "https://ca.test/incident"
    answer = Suggestion(window=Window(past, past + HOUR), explanation_url=why)
    bench.ca.windows[str(newest.cert_id)] = answer
    bench.ca.fail("new_order", UnreachableError("down", where="ca"), times=100)
    bench.clock.turn(days=1)
    for _ in range(3):
        bench.run(poll_now=True)
        bench.clock.turn(minutes=5)
    told = [
        level
        for level, event, fields in bench.events.lines
        if event == "renewal information" and fields["explanation_url"] == why
    ]
    assert told.count("info") == 1
    assert {one["explanation_url"] for one in bench.alerts.contexts} == {why}
    assert [one.kind.value for one in bench.alerts.sent] == ["failing"]


@dataclass(slots=True)
class Ticking:
    """The port `Executor`: inline, with a tick after each second that a call takes to begin."""

    turn: Callable[[], None]

    def each(
        self, call: Callable[[T], R], items: Sequence[T], tick: float | None = None
    ) -> Iterator[tuple[T, R] | None]:
        for item in items:
            if tick is not None:
                for _ in range(10):
                    self.turn()
                    yield None
            yield item, call(item)


@pytest.mark.rule("ARI-8")
def test_whose_time_comes_while_others_are_at_work_is_not_held_up(bench: Bench) -> None:
    bench.want("a")
    bench.run()
    known = bench.store.standing("a").renewal
    assert known is not None
    assert known.selected is not None
    bench.clock.at = known.selected - timedelta(seconds=16)  # ten for the question
    bench.want("b")
    bench.executor = Ticking(lambda: bench.clock.turn(seconds=1))  # type: ignore[assignment]
    orders: list[tuple[str, datetime]] = []
    place = bench.ca.new_order

    def noted(identifiers: Sequence[object], *more: object) -> Order:
        orders.append((str(identifiers[0]), bench.clock.now()))
        return place(identifiers, *more)  # type: ignore[arg-type]

    bench.authorities = lambda _: _Noting(bench.ca, noted)
    bench.wake = DAY
    bench.run(waits=HOUR)
    assert [name for name, _ in orders] == ["a.example.org", "b.example.org"]
    assert known.selected <= orders[0][1] < known.selected + timedelta(seconds=15)


class _Noting:
    """An authority whose newOrder is looked at."""

    def __init__(self, one: MemoryAuthority, new_order: Callable[..., Order]) -> None:
        self._one = one
        self.new_order = new_order

    def __getattr__(self, name: str) -> object:
        return getattr(self._one, name)
