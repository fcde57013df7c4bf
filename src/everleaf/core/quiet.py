"""Hours in which nothing is reloaded, unless a certificate is in danger."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """From `start` to `end` of every day in `zone`; past midnight where `end` is the earlier."""

    start: time
    end: time
    zone: tzinfo = UTC

    def until(self, now: datetime) -> datetime | None:
        """When they end, where `now` lies within them; None: it does not."""
        here = now.astimezone(self.zone)
        for day in (here.date() - _DAY, here.date()):
            begin = datetime.combine(day, self.start, self.zone)
            end = datetime.combine(day, self.end, self.zone)
            if end <= begin:
                end = datetime.combine(day + _DAY, self.end, self.zone)
            if begin <= here < end:
                return end.astimezone(UTC)
        return None

    def __str__(self) -> str:
        """As the configuration has them."""
        return f"{self.start:%H:%M}-{self.end:%H:%M}"
