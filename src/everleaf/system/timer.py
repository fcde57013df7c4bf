"""How often the systemd timer that started us starts us: systemd.timer(5)."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from everleaf.ports import Clock
from everleaf.system import process

_LIMIT = 5.0
_CGROUP = Path("/proc/self/cgroup")
_UNIT = re.compile(r"([^/\s]+\.service)(?:/|$)")
_EVERY = re.compile(r"^TimersMonotonic=.*On(?:UnitActive|UnitInactive)USec=([^;}]+)", re.MULTILINE)
_CALENDAR = re.compile(r"^TimersCalendar=.*OnCalendar=([^;}]+)", re.MULTILINE)
_LATE = re.compile(r"^(?:RandomizedDelay|Accuracy)USec=(.+)$", re.MULTILINE)
_DATE = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC")
_PARTS = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zμ]+)")
_SECONDS = {
    "us": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800,
    "month": 2629800, "y": 31557600,
}  # fmt: skip
_AHEAD = 12  # dates of a calendar expression that are looked at


def interval(
    environment: Mapping[str, str], clock: Clock, cgroup: Path = _CGROUP
) -> timedelta | None:
    """The longest time from one start to the next; None: no timer started us, or it is not told.

    By how much a timer may be late (RandomizedDelaySec, AccuracySec) is part of it.
    """
    if "INVOCATION_ID" not in environment:
        return None
    asking = _Systemd({"PATH": environment.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}, clock)
    unit = _unit(cgroup) or ""
    timers = unit and asking.run("systemctl", "show", "--value", "--property=TriggeredBy", unit)
    found = [asking.interval(one) for one in timers.split() if one.endswith(".timer")]
    return min((one for one in found if one is not None), default=None)


def _unit(cgroup: Path) -> str | None:
    """The service that we are part of, by our control group."""
    try:
        found = _UNIT.findall(cgroup.read_text("utf-8"))
    except OSError:
        return None
    return found[-1] if found else None


class _Systemd:
    def __init__(self, environment: Mapping[str, str], clock: Clock) -> None:
        self._environment = environment
        self._clock = clock

    def run(self, *command: str) -> str:
        """What a program says; nothing where it is not there, or fails."""
        try:
            ended = process.run(
                command, environment=self._environment, limit=_LIMIT, clock=self._clock
            )
        except OSError:
            return ""
        return ended.output if ended.status == 0 else ""

    def interval(self, timer: str) -> timedelta | None:
        """The shortest of what the timer's lines say, and how late it may be."""
        names = "TimersMonotonic,TimersCalendar,RandomizedDelayUSec,AccuracyUSec"
        said = self.run("systemctl", "show", f"--property={names}", timer)
        every = [_span(one) for one in _EVERY.findall(said)]
        every += [self._gap(one.strip()) for one in _CALENDAR.findall(said)]
        known = [one for one in every if one]
        late = sum((_span(one) or timedelta(0) for one in _LATE.findall(said)), timedelta(0))
        return min(known) + late if known else None

    def _gap(self, calendar: str) -> timedelta | None:
        """The longest time between two of the next dates of a calendar expression."""
        said = self.run("systemd-analyze", "calendar", f"--iterations={_AHEAD}", calendar)
        dates = [datetime.fromisoformat(f"{day}T{time}") for day, time in _DATE.findall(said)]
        return max((after - before for before, after in pairwise(sorted(set(dates)))), default=None)


def _span(text: str) -> timedelta | None:
    """A duration as systemd writes it: 1h 30min, 45s, 0."""
    parts = _PARTS.findall(text)
    if not parts or any(unit not in _SECONDS for _, unit in parts):
        return None
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))
