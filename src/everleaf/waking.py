"""How often a run is started: as configured, as the systemd timer says, or a day."""

import os
from collections.abc import Mapping
from datetime import timedelta

from everleaf.ports import Clock, Store
from everleaf.system.timer import interval

_NOTE = "wake"
UNKNOWN = timedelta(days=1)


def wake(
    configured: timedelta | None,
    store: Store,
    clock: Clock,
    *,
    reading: bool,
    environment: Mapping[str, str] = os.environ,
) -> timedelta:
    """The time from one run to the next.

    As configured; else that of the systemd timer that started us, or started the last run; else
    a day.

    Args:
        configured: in the settings.
        store: remembers what the timer said, for commands that people start.
        clock: the run's.
        reading: nothing is written.
        environment: the process's own.
    """
    if configured is not None:
        return configured
    noted = store.noted(_NOTE)
    found = interval(environment, clock)
    if found is None:
        return timedelta(seconds=float(noted)) if noted else UNKNOWN
    if not reading:
        store.note(_NOTE, f"{found.total_seconds():g}")
    return found
