"""Who is told what, and when: once when it starts to fail, when it is well again, at each mark."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from everleaf.core.certificate import Version
from everleaf.core.standing import Standing, Told


class Kind(StrEnum):
    """The occasions of an alert."""

    FAILING = "failing"
    RECOVERED = "recovered"
    EXPIRING = "expiring"
    EMERGENCY = "emergency"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing to tell. `days` is the mark that was passed, for `expiring`."""

    kind: Kind
    certificate: str
    what: str
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Emergency:
    """A version that came past its emergency threshold, and why that is so."""

    version: str
    why: str


def due(
    standing: Standing,
    serving: Version | None,
    marks: tuple[int, ...],
    now: datetime,
    emergency: Emergency | None = None,
    *,
    place: str = "",
) -> tuple[tuple[Alert, Told], ...]:
    """The alerts to send now, each with what is to be remembered once it was sent.

    Args:
        serving: the version in use, whose days are counted; a placeholder's are not.
        marks: days before the end, in any order.
        emergency: told once for a version, also where it was renewed since.
        place: the terminator that has `serving` still; empty: it is live.
    """
    found: list[tuple[Alert, Told]] = []
    told = standing.told
    if standing.is_failing and not told.failing:
        told = replace(told, failing=True)
        what = "; ".join(f"{stage}: {one.fault}" for stage, one in standing.troubles.items())
        found.append((Alert(kind=Kind.FAILING, certificate=standing.name, what=what), told))
    if told.failing and not standing.is_failing:
        told = replace(told, failing=False)
        what = "all stages are well again"
        found.append((Alert(kind=Kind.RECOVERED, certificate=standing.name, what=what), told))
    if serving is not None and not serving.placeholder:
        if told.version != serving.id:
            told = replace(told, version=serving.id, marks=())
        passed = _passed(serving, marks, now)
        fresh = [mark for mark in passed if mark not in told.marks]
        if fresh:
            told = replace(told, marks=passed)
            found.append((_expiring(standing.name, serving, place, min(fresh), now), told))
    if emergency is not None and told.emergency != emergency.version:
        told = replace(told, emergency=emergency.version)
        alert = Alert(kind=Kind.EMERGENCY, certificate=standing.name, what=emergency.why)
        found.append((alert, told))
    return tuple(found)


def _passed(serving: Version, marks: tuple[int, ...], now: datetime) -> tuple[int, ...]:
    left, life = serving.remaining(now), serving.lifetime
    # A certificate that lives for six days has not passed its fourteen-day mark at birth.
    sensible = [mark for mark in marks if timedelta(days=mark) < life]
    return tuple(sorted(mark for mark in sensible if left <= timedelta(days=mark)))


def _expiring(name: str, serving: Version, place: str, mark: int, now: datetime) -> Alert:
    left = serving.remaining(now)
    which = f"what {place} has, version {serving.id}," if place else "the live certificate"
    end = serving.earliest_end.strftime("%Y-%m-%d %H:%M:%SZ")
    state = (
        "has expired" if left <= timedelta(0) else f"ends in {left / timedelta(days=1):.1f} days"
    )
    return Alert(kind=Kind.EXPIRING, certificate=name, what=f"{which} {state}, {end}", days=mark)
