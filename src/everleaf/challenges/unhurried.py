"""A clock for taking responses down: the end of the run does not end it, its own limit does."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from everleaf.ports import Clock


@dataclass(frozen=True, slots=True)
class Unhurried:
    """The port `Clock`, of which there is always time left."""

    clock: Clock

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        return self.clock.now()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self.clock.monotonic()

    def sleep(self, span: float) -> None:
        """Wait, as the run does.

        Raises:
            EndOfTimeError: the run was told to stop, or its deadline passed.
        """
        self.clock.sleep(span)

    def remaining(self) -> timedelta:
        """A day, whatever the run was told."""
        return timedelta(days=1)
