"""A clock that moves only when it is told to."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from everleaf.errors import EndOfTimeError

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass(slots=True)
class TurnedClock:
    """The port `Clock`: stands still until it is turned; sleeping turns it.

    `deadline` ends the run, `stopped` too, at once.
    """

    at: datetime = START
    deadline: datetime | None = None
    stopped: bool = False

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - START).total_seconds()

    def sleep(self, span: float) -> None:
        left = self.remaining()
        if self.stopped:
            raise EndOfTimeError("the run was told to stop")
        self.at += max(timedelta(0), min(timedelta(seconds=span), left))
        if timedelta(seconds=span) > left:
            raise EndOfTimeError("the run's deadline passed")

    def remaining(self) -> timedelta:
        if self.stopped:
            return timedelta(0)
        return max(timedelta(0), self.deadline - self.at) if self.deadline else timedelta(days=1)

    def stop(self) -> None:
        self.stopped = True

    def turn(self, **span: float) -> None:
        self.at += timedelta(**span)
