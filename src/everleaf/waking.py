"""How often a run is started: as configured, as the systemd timer says, or a day."""

import os
from collections.abc import Mapping
from datetime import datetime, timedelta

from everleaf.ports import Clock, Store
from everleaf.system.timer import interval

_NOTE = "wake"
UNKNOWN = timedelta(days=1)
_LONGEST = timedelta(days=366)
_MISSED = 3  # runs that a timer may miss before it counts as gone


def wake(
    configured: timedelta | None,
    store: Store,
    clock: Clock,
    *,
    reading: bool,
    environment: Mapping[str, str] = os.environ,
) -> timedelta:
    """The time from one run to the next.

    As configured; else that of the systemd timer that started us, or started another run not long
    ago; else a day.

    Args:
        configured: in the settings.
        store: remembers what the timer said, for commands that people start.
        clock: the run's.
        reading: nothing is written.
        environment: the process's own.
    """
    if configured is not None:
        return configured
    now = clock.now()
    noted, noted_at = _read(store.noted(_NOTE))
    found = interval(environment, clock)
    if found is None:
        # A timer that was taken away tells nobody; whoever starts us now may come more seldom.
        gone = noted_at is None or not now - _kept(noted) < noted_at <= now
        return UNKNOWN if gone else noted
    # Written anew before it is forgotten, and not by every run.
    if not reading and (noted != found or noted_at is None or abs(now - noted_at) > UNKNOWN):
        store.note(_NOTE, f"{found.total_seconds():g} {now.isoformat(timespec='seconds')}")
    return found


def _kept(noted: timedelta) -> timedelta:
    """How long a timer that is not seen is believed to be there."""
    return _MISSED * max(noted, UNKNOWN)


def _read(text: str) -> tuple[timedelta, datetime | None]:
    """An interval, and when its timer was seen; None: never, or it cannot be read."""
    seconds, _, at = text.partition(" ")
    try:
        noted, noted_at = timedelta(seconds=float(seconds)), datetime.fromisoformat(at)
    except (ValueError, OverflowError):
        return UNKNOWN, None
    sensible = timedelta(0) < noted <= _LONGEST and noted_at.tzinfo is not None
    return (noted, noted_at) if sensible else (UNKNOWN, None)
