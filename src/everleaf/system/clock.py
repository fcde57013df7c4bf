"""The system's clock, and waiting that a signal or the deadline ends."""

import time
from datetime import UTC, datetime, timedelta
from threading import Event

from everleaf.errors import EndOfTimeError


class SystemClock:
    """`ports.Clock`: real time.

    Args:
        deadline: how long the run may take; None: as long as it needs.
    """

    def __init__(self, deadline: timedelta | None = None) -> None:
        self._stopped = Event()
        self._end = time.monotonic() + deadline.total_seconds() if deadline else None

    def without_deadline(self) -> "SystemClock":
        """The same, told to stop by the same signal, for what is to be done after the deadline."""
        other = SystemClock()
        other._stopped = self._stopped
        return other

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def stop(self) -> None:
        """End all waiting, now and from now on; safe in a signal handler."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether the run was told to stop."""
        return self._stopped.is_set()

    def sleep(self, span: float) -> None:
        """Wait `span` seconds.

        Raises:
            EndOfTimeError: the run was told to stop, or its deadline passed.
        """
        left = self.remaining().total_seconds()
        if self._stopped.wait(max(0.0, min(span, left))):
            raise EndOfTimeError("the run was told to stop")
        if span > left:
            raise EndOfTimeError("the run's deadline passed")

    def remaining(self) -> timedelta:
        """What is left until the deadline; zero when told to stop."""
        if self._stopped.is_set():
            return timedelta(0)
        if self._end is None:
            return timedelta(days=1)
        return timedelta(seconds=max(0.0, self._end - time.monotonic()))
