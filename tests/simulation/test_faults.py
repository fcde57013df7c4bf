"""Deliberate faults in the timing are caught by the simulation, and told with a short life."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everleaf import polling
from everleaf.core import job, schedule
from everleaf.core.window import after_poll
from everleaf.stages import order
from simulation.scenario import generate
from simulation.world import shortest, violations

Patch = Callable[[pytest.MonkeyPatch], None]
FAR = datetime.max.replace(tzinfo=UTC)
LIVES = 40


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

    def rolled(known: Any, *arguments: Any, **more: Any) -> Any:
        return after_poll(replace(known, window=None) if known else None, *arguments, **more)

    patch.setattr(polling, "after_poll", rolled)


def no_retry_after(patch: pytest.MonkeyPatch) -> None:
    """Every run asks."""
    patch.setattr(polling, "poll_due", lambda *_, **__: True)


def no_fallback(patch: pytest.MonkeyPatch) -> None:
    """What the authority said once holds, however long ago."""
    patch.setattr(schedule, "_holds", lambda *_: True)


def nothing_held(patch: pytest.MonkeyPatch) -> None:
    """Neither a Retry-After nor our own back-off holds an order."""
    patch.setattr(order, "_held", lambda _: None)


def always_due(patch: pytest.MonkeyPatch) -> None:
    """An hour after issuance is late enough."""

    def hasty(newest: Any, wanted: Any, renewal: Any, moment: Any) -> schedule.Decision:
        return decide(newest, wanted, renewal, replace(moment, next_wake=FAR))

    decide = schedule.decide
    patch.setattr(job, "decide", hasty)


# Each with the seed from which on a life shows it.
FAULTS: list[tuple[Patch, int, str]] = [
    (no_emergency, 1007, "it expired"),
    (rolled_again, 1000, "the selected time changed and the window did not"),
    (no_retry_after, 1000, "it was asked about before Retry-After"),
    (no_fallback, 1002, "stale renewal information delayed it past the fallback"),
    (nothing_held, 1000, "an order before the Retry-After of a 429"),
    (always_due, 1000, "issued without a cause"),
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
    no_retry_after(monkeypatch)
    scenario = next(one for one in map(generate, range(1000, 1000 + LIVES)) if violations(one))
    small = shortest(scenario)
    assert violations(small)
    assert len(small.incidents) <= len(scenario.incidents) / 2
