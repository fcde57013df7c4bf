"""What a simulated life consists of: a fleet, and what befalls it, all of it by a seed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from random import Random

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
YEAR = timedelta(days=365)


class Kind(StrEnum):
    """What can befall a fleet."""

    OUTAGE = "the CA is unreachable"
    BUSY = "the CA answers new orders with 503"
    LIMITED = "the CA answers new orders with 429"
    NO_ARI = "renewal information cannot be reached"
    MALFORMED_ARI = "renewal information is malformed"
    EARLIER = "all windows move to earlier"
    LATER = "all windows move to later"
    REVOKED = "certificates are revoked"
    LOST = "an answer is lost after the CA did what it was asked for"
    REFUSED = "an order with replaces is refused"
    WRONG_NAMES = "a certificate is issued for other names"
    SLOW = "validation and issuance take long"
    UNSEEN = "a response cannot be found"
    WRONG_CLOCK = "the CA's clock and ours differ"
    KILLED = "a run is killed"
    TERMINATED = "a run is told to stop"
    FULL = "the disk is full"
    READ_ONLY = "the disk is read-only"
    OFF = "the machine is off"
    DEAF = "an edge misses its reloads"
    DOWN = "an edge is down"
    BROKEN = "an edge refuses every configuration"
    CHANGED = "the names of a certificate are changed"


# How often a year, and for how many hours at most.
_RATES: dict[Kind, tuple[float, float]] = {
    Kind.OUTAGE: (12, 60), Kind.BUSY: (6, 48), Kind.LIMITED: (4, 30), Kind.NO_ARI: (5, 600),
    Kind.MALFORMED_ARI: (5, 600), Kind.EARLIER: (3, 200), Kind.LATER: (3, 900),
    Kind.REVOKED: (1, 0), Kind.LOST: (30, 0), Kind.REFUSED: (6, 0), Kind.WRONG_NAMES: (2, 0),
    Kind.SLOW: (6, 48), Kind.UNSEEN: (6, 48), Kind.WRONG_CLOCK: (2, 48), Kind.KILLED: (60, 0),
    Kind.TERMINATED: (30, 0), Kind.FULL: (4, 48), Kind.READ_ONLY: (3, 48), Kind.OFF: (4, 72),
    Kind.DEAF: (4, 48), Kind.DOWN: (4, 48), Kind.BROKEN: (4, 48), Kind.CHANGED: (2, 0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that happens, from `at` (since the beginning) for a while.

    Attributes:
        number: which effect, which certificate, which method: as the kind has it.
    """

    kind: Kind
    at: timedelta
    length: timedelta
    number: int

    def __str__(self) -> str:
        text = f"day {self.at / DAY:8.3f}: {self.kind.value}"
        return text + (f", for {self.length / HOUR:.1f} h" if self.length else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A whole life.

    Attributes:
        lifetimes: of each certificate, in days.
        wake: from one run to the next.
    """

    seed: int
    span: timedelta
    wake: timedelta
    lifetimes: tuple[int, ...]
    incidents: tuple[Incident, ...] = field(default=())

    @property
    def certificate_years(self) -> float:
        """How much life it is."""
        return len(self.lifetimes) * (self.span / YEAR)

    def only(self, incidents: Sequence[Incident]) -> "Scenario":
        """The same with these incidents alone."""
        return replace(self, incidents=tuple(incidents))

    def __str__(self) -> str:
        lives = ", ".join(f"{days} days" for days in self.lifetimes)
        head = f"seed {self.seed}: {lives}; a run every {self.wake / HOUR:g} h"
        return "\n".join([head, *(f"  {one}" for one in self.incidents)])


def generate(seed: int, years: float = 2.0, size: int = 8) -> Scenario:
    """The scenario of a seed."""
    dice = Random(seed)  # noqa: S311 - no secret
    short = dice.random() < 1 / 3
    lifetimes = tuple(dice.choice((6, 7) if short else (45, 64, 90, 200)) for _ in range(size))
    span = years * YEAR * (0.25 if short else 1.0)
    calm = dice.choice((0.3, 1.0, 2.0))
    incidents = []
    for kind, (rate, longest) in _RATES.items():
        for _ in range(_poisson(dice, rate * calm * (span / YEAR))):
            scale = 0.15 if short else 1.0
            length = dice.random() * longest * scale * HOUR
            incidents.append(Incident(kind, dice.random() * span, length, dice.randrange(1000)))
    wake = dice.choice((2, 4, 6) if short else (6, 12, 24)) * HOUR
    ordered = sorted(incidents, key=lambda one: one.at)
    return Scenario(seed=seed, span=span, wake=wake, lifetimes=lifetimes, incidents=tuple(ordered))


def _poisson(dice: Random, mean: float) -> int:
    count, left = 0, dice.expovariate(1.0)
    while left < mean:
        count, left = count + 1, left + dice.expovariate(1.0)
    return count
