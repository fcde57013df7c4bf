"""What every `Clock` and `Randomness` keeps: the system's, and the fakes."""

from collections.abc import Callable
from datetime import UTC, timedelta
from random import Random
from typing import Protocol

import pytest

from everleaf.errors import EndOfTimeError
from everleaf.ports import Clock, Randomness
from everleaf.system.clock import SystemClock
from everleaf.system.randomness import SystemRandomness
from fakes.clock import START, TurnedClock
from fakes.randomness import Dice, SeededDice


class Stoppable(Clock, Protocol):
    def stop(self) -> None: ...


Make = Callable[[timedelta | None], Stoppable]


def turned(deadline: timedelta | None) -> Stoppable:
    return TurnedClock(deadline=START + deadline if deadline else None)


@pytest.fixture(params=[SystemClock, turned], ids=["system", "turned"])
def make(request: pytest.FixtureRequest) -> Make:
    made: Make = request.param
    return made


def test_the_time_is_aware_and_utc(make: Make) -> None:
    assert make(None).now().tzinfo is UTC


def test_a_sleep_passes_on_both_clocks(make: Make) -> None:
    clock = make(None)
    wall, steady = clock.now(), clock.monotonic()
    clock.sleep(0.01)
    assert clock.now() - wall >= timedelta(seconds=0.009)
    assert clock.monotonic() - steady >= 0.009


def test_sleeping_no_time_is_fine(make: Make) -> None:
    make(None).sleep(0)


def test_without_a_deadline_there_is_time(make: Make) -> None:
    assert make(None).remaining() >= timedelta(hours=1)


def test_the_deadline_comes_nearer_and_ends_a_sleep(make: Make) -> None:
    clock = make(timedelta(seconds=0.05))
    assert timedelta(0) < clock.remaining() <= timedelta(seconds=0.05)
    before = clock.monotonic()
    with pytest.raises(EndOfTimeError, match="deadline"):
        clock.sleep(3600)
    assert clock.monotonic() - before >= 0.04
    assert clock.remaining() == timedelta(0)
    with pytest.raises(EndOfTimeError):
        clock.sleep(0.01)


def test_a_stop_ends_all_waiting(make: Make) -> None:
    clock = make(None)
    clock.stop()
    assert clock.remaining() == timedelta(0)
    with pytest.raises(EndOfTimeError, match="told to stop"):
        clock.sleep(3600)


DICE = [SystemRandomness, Dice, lambda: SeededDice(Random(7))]  # noqa: S311 - no secret


@pytest.fixture(params=DICE, ids=["system", "fixed", "seeded"])
def dice(request: pytest.FixtureRequest) -> Randomness:
    made: Randomness = request.param()
    return made


def test_a_share_lies_between_zero_and_one(dice: Randomness) -> None:
    assert all(0 <= dice.share() <= 1 for _ in range(50))


@pytest.mark.parametrize("size", [1, 4, 16])
def test_a_token_has_two_digits_a_byte(dice: Randomness, size: int) -> None:
    token = dice.token(size)
    assert len(bytes.fromhex(token)) == size
    assert token == token.lower()


def test_tokens_differ(dice: Randomness) -> None:
    assert len({dice.token(8) for _ in range(20)}) == 20
