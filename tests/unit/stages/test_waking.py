"""How often a run is started: what a timer said is remembered, and not for ever."""

from datetime import timedelta
from pathlib import Path

import pytest

from everleaf import waking
from everleaf.store.sqlite import SqliteStore
from fakes.clock import TurnedClock

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Started:
    """Runs that a timer starts, or that somebody else does."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.store, self.clock = SqliteStore(folder), TurnedClock()
        self.timer: timedelta | None = None
        patch.setattr(waking, "interval", lambda *_: self.timer)

    def wake(self, timer: timedelta | None, *, reading: bool = False) -> timedelta:
        self.timer = timer
        return waking.wake(None, self.store, self.clock, reading=reading)


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Started:
    return Started(tmp_path, monkeypatch)


@pytest.mark.rule("ARI-8")
def test_what_the_configuration_says_holds(started: Started) -> None:
    started.timer = 4 * HOUR
    assert waking.wake(2 * HOUR, started.store, started.clock, reading=False) == 2 * HOUR
    assert started.store.noted("wake") == ""


@pytest.mark.rule("ARI-8")
def test_nobody_knows_counts_as_a_day(started: Started) -> None:
    assert started.wake(None) == DAY


@pytest.mark.rule("ARI-8")
def test_what_the_timer_said_is_known_to_commands_that_people_start(started: Started) -> None:
    assert started.wake(4 * HOUR) == 4 * HOUR
    started.clock.turn(hours=3)
    assert started.wake(None, reading=True) == 4 * HOUR


@pytest.mark.parametrize(("interval", "days"), [(4 * HOUR, 3), (7 * DAY, 21)])
def test_a_timer_that_missed_three_runs_or_three_days_is_gone(
    started: Started, interval: timedelta, days: int
) -> None:
    started.wake(interval)
    started.clock.turn(days=days, seconds=-1)
    assert started.wake(None) == interval
    started.clock.turn(seconds=2)
    assert started.wake(None) == DAY
    assert started.wake(interval) == interval


def test_as_long_as_the_timer_starts_us_it_is_remembered_and_hardly_ever_written(
    started: Started,
) -> None:
    notes = set()
    for _ in range(6 * 10):
        started.wake(4 * HOUR)
        notes.add(started.store.noted("wake"))
        started.clock.turn(hours=4)
    assert 5 <= len(notes) <= 10
    assert started.wake(None) == 4 * HOUR


def test_another_interval_is_noted_at_once_and_nothing_by_who_only_reads(started: Started) -> None:
    started.wake(4 * HOUR)
    started.wake(HOUR, reading=True)
    assert started.wake(None) == 4 * HOUR
    started.wake(HOUR)
    assert started.wake(None) == HOUR


@pytest.mark.parametrize(
    "note",
    ["14400", "junk", "nan 2026-03-01T12:00:00+00:00", "1e300 2026-03-01T12:00:00+00:00",
     "14400 2026-03-01T12:00:00", "14400 tomorrow", "-5 2026-03-01T12:00:00+00:00",
     "14400 2027-03-01T12:00:00+00:00"],
)  # fmt: skip
def test_a_note_that_is_damaged_or_from_the_future_counts_for_nothing(
    started: Started, note: str
) -> None:
    started.store.note("wake", note)
    assert started.wake(None) == DAY
    assert started.wake(HOUR) == HOUR
    assert started.wake(None) == HOUR
