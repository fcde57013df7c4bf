"""Looking again until something is ready: quickly first, slower later, never before asked to."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from everleaf.ports import Clock

T = TypeVar("T")
_FIRST = 0.05
_GROWTH = 1.5
_LONGEST = 5.0


def until(
    fetch: Callable[[], T],
    *,
    ready: Callable[[T], bool],
    retry_at: Callable[[T], datetime | None],
    clock: Clock,
    patience: float,
) -> T:
    """Fetch until `ready`, or until waiting on would pass `patience` seconds or the deadline.

    The last answer is returned, ready or not: the caller says what that means. `Retry-After` is
    honoured (RFC 8555, sections 7.4 and 7.5.1).

    Raises:
        EndOfTimeError: the run was told to stop.
    """
    from tenacity import RetryCallState, Retrying, retry_if_result

    end = clock.monotonic() + min(patience, clock.remaining().total_seconds())

    def wait(state: RetryCallState) -> float:
        answer: T = state.outcome.result()  # type: ignore[union-attr]  # set by then
        asked = retry_at(answer)
        if asked is not None:
            return max(0.0, (asked - clock.now()).total_seconds())
        pause: float = _FIRST * _GROWTH ** (state.attempt_number - 1)
        return min(pause, _LONGEST)

    retrying = Retrying(
        retry=retry_if_result(lambda answer: not ready(answer)),
        wait=wait,
        stop=lambda state: clock.monotonic() + state.upcoming_sleep > end,
        sleep=clock.sleep,
        retry_error_callback=lambda state: state.outcome.result(),  # type: ignore[union-attr]
    )
    return retrying(fetch)
