"""Deliberate faults in the timing are caught by the simulation, and told with a short life."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everleaf import orchestrator, polling
from everleaf.core import job, schedule
from everleaf.core.limits import Turn
from everleaf.core.window import TemporaryFailure, after_poll
from everleaf.pipeline import Pipeline
from everleaf.stages import order, placing
from fakes.store import MemoryStore
from simulation.scenario import generate
from simulation.shortest import shortest, violations

Patch = Callable[[pytest.MonkeyPatch], None]
FAR = datetime.max.replace(tzinfo=UTC)
LIVES = 12


def no_emergency(patch: pytest.MonkeyPatch) -> None:
    """The authority is believed until the end."""
    never = timedelta(days=-10_000)

    def without(*arguments: Any) -> schedule.Times:
        found = times(*arguments)
        return replace(found, emergency=found.end - never)

    times = schedule.times
    patch.setattr(schedule, "times", without)


def rolled_again(patch: pytest.MonkeyPatch) -> None:
    """Every answer gets a new random time, as certbot does."""

    def rolled(known: Any, *arguments: Any) -> Any:
        return after_poll(replace(known, window=None) if known else None, *arguments)

    patch.setattr(polling, "after_poll", rolled)


def all_at_the_start(patch: pytest.MonkeyPatch) -> None:
    """Nobody throws dice: every renewal comes when the window opens."""

    def first(known: Any, cert_id: str, answer: Any, now: datetime, _: float) -> Any:
        return after_poll(known, cert_id, answer, now, 0.0)

    patch.setattr(polling, "after_poll", first)


def no_retry_after(patch: pytest.MonkeyPatch) -> None:
    """Every run asks."""
    patch.setattr(polling, "poll_due", lambda *_, **__: True)


def no_fallback(patch: pytest.MonkeyPatch) -> None:
    """What the authority said once holds, however long ago."""
    patch.setattr(schedule, "_holds", lambda *_: True)


def late_fallback(patch: pytest.MonkeyPatch) -> None:
    """The fallback comes a quarter of its time later."""

    def later(*arguments: Any) -> schedule.Times:
        found = times(*arguments)
        return replace(found, fallback=found.fallback + (found.end - found.fallback) / 4)

    times = schedule.times
    patch.setattr(schedule, "times", later)


def nothing_held(patch: pytest.MonkeyPatch) -> None:
    """Neither a Retry-After nor our own back-off holds an order."""
    patch.setattr(order, "_held", lambda _: None)


def no_back_off(patch: pytest.MonkeyPatch) -> None:
    """Every run tries again what failed."""
    patch.setattr(job, "next_attempt", lambda *_, **__: None)


def always_due(patch: pytest.MonkeyPatch) -> None:
    """An hour after issuance is late enough."""

    def hasty(newest: Any, wanted: Any, renewal: Any, moment: Any) -> schedule.Decision:
        return decide(newest, wanted, renewal, replace(moment, next_wake=FAR))

    decide = schedule.decide
    patch.setattr(job, "decide", hasty)


def no_next_wake(patch: pytest.MonkeyPatch) -> None:
    """A time before the next run is slept over."""

    def sleepy(newest: Any, wanted: Any, renewal: Any, moment: Any) -> schedule.Decision:
        return decide(newest, wanted, renewal, replace(moment, next_wake=moment.now))

    decide = schedule.decide
    patch.setattr(job, "decide", sleepy)


def no_limits(patch: pytest.MonkeyPatch) -> None:
    """Nobody counts what an authority publishes."""
    patch.setattr(Pipeline, "allot", lambda *_: None)
    patch.setattr(MemoryStore, "claim", lambda *arguments: Turn(arguments[-1]))


def no_replaces(patch: pytest.MonkeyPatch) -> None:
    """Every order is as good as the first."""
    patch.setattr(placing.Placing, "_replaces", lambda *_: None)


def no_clock(patch: pytest.MonkeyPatch) -> None:
    """Whatever our clock says is believed."""
    patch.setattr(placing, "mind_clock", lambda *_: None)


def any_window(patch: pytest.MonkeyPatch) -> None:
    """Windows are kept whatever our clock says."""
    patch.setattr(polling, "_by_our_clock", lambda answer, *_: answer)


def endless_questions(patch: pytest.MonkeyPatch) -> None:
    """Who gave no answer is asked about all others too, and before anything else."""
    patch.setattr(orchestrator, "_POLLING", timedelta(days=1))

    def asked(polls: Any, *arguments: Any) -> Any:
        found = answer(polls, *arguments)
        polls.closed.clear()
        return replace(found, general=False) if isinstance(found, TemporaryFailure) else found

    answer = polling.Polls._answer
    patch.setattr(polling.Polls, "_answer", asked)


# Each with the seed from which on a life shows it.
FAULTS: list[tuple[Patch, int, str]] = [
    (no_emergency, 1000, "it expired"),
    (rolled_again, 1000, "the selected time changed and the window did not"),
    (all_at_the_start, 1000, "the selected times are not spread over the windows"),
    (no_retry_after, 1000, "it was asked about before Retry-After"),
    (no_fallback, 1000, "stale renewal information delayed it past the fallback"),
    (late_fallback, 1000, "stale renewal information delayed it past the fallback"),
    (nothing_held, 1000, "an order before the Retry-After of a 429"),
    (no_back_off, 1000, "it was tried again before the back-off was over"),
    (always_due, 1000, "issued without a cause"),
    (no_next_wake, 1000, "its selected time comes before the next run"),
    (no_limits, 1000, "the limit of orders was exceeded"),
    (no_replaces, 1000, "an order without its predecessor"),
    (no_clock, 1000, "an order by a clock that is off"),
    (any_window, 1000, "a window was kept that was told to a wrong clock"),
    (endless_questions, 1000, "orders waited for questions that hang"),
]


@pytest.mark.parametrize(
    ("fault", "seed", "words"), FAULTS, ids=lambda one: getattr(one, "__name__", None)
)
def test_a_fault_in_the_timing_is_caught(
    fault: Patch, seed: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    for life in range(seed, seed + LIVES):
        if any(words in one for one in violations(generate(life))):
            return
    pytest.fail(f"{LIVES} lives showed nothing of it")


def test_what_is_caught_is_told_with_few_incidents(monkeypatch: pytest.MonkeyPatch) -> None:
    no_replaces(monkeypatch)
    scenario = next(one for one in map(generate, range(1000, 1000 + LIVES)) if violations(one))
    small = shortest(scenario)
    assert violations(small)
    assert len(small.incidents) <= len(scenario.incidents) / 2
