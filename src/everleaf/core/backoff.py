"""When to try again after failures: 1, 10, 100 minutes, then daily."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

STEPS = (timedelta(minutes=1), timedelta(minutes=10), timedelta(minutes=100))
DAILY = timedelta(days=1)
HOURLY = timedelta(hours=1)
LONGEST_HOLD = timedelta(days=8)
MORE = 4
_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class Attempts:
    """Failures in a row, and when the last one was (RFC 9773, section 4.2).

    `not_before`: what was asked for by whoever refused (`Retry-After`).
    """

    failures: int = 0
    last: datetime | None = None
    not_before: datetime | None = None

    def failed(self, now: datetime, not_before: datetime | None = None) -> "Attempts":
        """One more."""
        return Attempts(self.failures + 1, now, not_before)


def next_attempt(
    attempts: Attempts,
    key: str,
    now: datetime,
    *,
    ceiling: timedelta = DAILY,
    end: datetime | None = None,
) -> datetime | None:
    """The first moment at which another attempt is allowed; None: at once.

    The jitter, up to a tenth later, is taken from `key` and the count, so that every process
    comes to the same answer.

    Args:
        now: a failure that lies ahead of it was written by a wrong clock, and holds nothing back.
        ceiling: the longest wait.
        end: when it is too late: the wait always leaves time for `MORE` attempts like this one,
            so that they come closer together towards the end.
    """
    if attempts.failures == 0 or attempts.last is None or attempts.last > now:
        return None
    wait = STEPS[attempts.failures - 1] if attempts.failures <= len(STEPS) else ceiling
    wait = min(wait, ceiling)
    if end is not None and end > attempts.last:
        wait = min(wait, max(STEPS[0], (end - attempts.last) / (MORE + 1)))
    return attempts.last + wait * (1 + _JITTER * _share(key, attempts.failures))


def begun_again(attempts: Attempts, now: datetime) -> Attempts:
    """One more failure, after which the first new attempt is allowed at once, and the next is not.

    For an order that became void and that nobody refused: once is chance.
    """
    return Attempts(attempts.failures + 1, now - STEPS[0] * (1 + _JITTER))


def later(known: datetime | None, until: datetime) -> datetime:
    """The later of two times to wait for.

    A known one that lies too far behind the new one was said, or written, in error: it yields.
    """
    if known is None or known > until + LONGEST_HOLD:
        return until
    return max(known, until)


def bounded(until: datetime, now: datetime) -> datetime:
    """No later than anybody is waited for."""
    return min(until, now + LONGEST_HOLD)


def holds(until: datetime | None, now: datetime) -> bool:
    """Whether to wait until then; what lies too far ahead was said, or written, in error."""
    return until is not None and now < until <= now + LONGEST_HOLD


def _share(key: str, count: int) -> float:
    digest = hashlib.sha256(f"{key}:{count}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32
