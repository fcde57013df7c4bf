"""When to try again: 1, 10, 100 minutes, then daily, and closer together towards the end."""

from datetime import UTC, datetime, timedelta

import pytest

from everleaf.core.backoff import (
    HOURLY,
    LONGEST_HOLD,
    MORE,
    Attempts,
    bounded,
    holds,
    later,
    next_attempt,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def wait(failures: int, end: datetime | None = None) -> timedelta:
    found = next_attempt(Attempts(failures, NOW), "key", NOW, end=end)
    assert found is not None
    return found - NOW


@pytest.mark.rule("ARI-9")
@pytest.mark.parametrize(
    ("failures", "least"), [(1, MINUTE), (2, 10 * MINUTE), (3, 100 * MINUTE), (4, DAY), (99, DAY)]
)
def test_each_failure_in_a_row_waits_longer(failures: int, least: timedelta) -> None:
    assert least <= wait(failures) <= 1.1 * least
    assert wait(failures) == wait(failures), "every process comes to the same answer"
    at = next_attempt(Attempts(failures, NOW), "key", NOW, ceiling=HOURLY)
    assert at is not None
    assert at <= NOW + 1.1 * HOURLY


def test_without_a_failure_there_is_no_wait() -> None:
    assert next_attempt(Attempts(), "key", NOW) is None


def test_a_failure_that_a_wrong_clock_wrote_holds_nothing_back() -> None:
    assert next_attempt(Attempts(9, NOW + 400 * DAY), "key", NOW) is None


@pytest.mark.parametrize("left", [30 * DAY, 5 * DAY, 2 * DAY, DAY / 2, DAY / 24])
def test_there_is_always_time_for_a_few_more_attempts(left: timedelta) -> None:
    end, at, count = NOW + left, NOW, 10
    attempts = 0
    while attempts < MORE:
        found = next_attempt(Attempts(count, at), "key", at, end=end)
        assert found is not None
        at, count, attempts = found, count + 1, attempts + 1
        assert at < end


def test_far_from_the_end_nothing_changes() -> None:
    assert wait(9, NOW + 30 * DAY) == wait(9)


def test_an_attempt_is_never_sooner_than_a_minute_and_after_the_end_as_usual() -> None:
    assert wait(9, NOW + MINUTE) >= MINUTE
    assert wait(9, NOW - DAY) == wait(9)


def test_the_later_of_two_times_is_waited_for_and_an_absurd_one_masks_none() -> None:
    assert later(None, NOW) == NOW
    assert later(NOW + DAY, NOW) == NOW + DAY
    assert later(NOW, NOW + DAY) == NOW + DAY
    assert later(NOW + 365 * DAY, NOW) == NOW


def test_nobody_is_waited_for_longer_than_the_longest_hold() -> None:
    assert bounded(NOW + DAY, NOW) == NOW + DAY
    longest = bounded(NOW + 365 * DAY, NOW)
    assert longest == NOW + LONGEST_HOLD
    assert holds(longest, NOW)
    assert not holds(NOW + 365 * DAY, NOW)
