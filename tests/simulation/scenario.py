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
    HANGING_ARI = "requests for renewal information hang"
    MALFORMED_ARI = "renewal information is malformed"
    EARLIER = "all windows move to earlier"
    LATER = "all windows move to later"
    REVOKED = "a certificate is revoked"
    MASS = "all certificates are revoked, and the operator asks at once"
    LOST = "an answer is lost after the CA did what it was asked for"
    REFUSED = "an order with replaces is refused"
    WRONG_NAMES = "a certificate is issued for other names"
    SLOW = "validation and issuance take long"
    STUCK = "a validation does not end"
    UNSEEN = "a response cannot be found"
    WRONG_CLOCK = "our clock is off"
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
    Kind.HANGING_ARI: (4, 96), Kind.MALFORMED_ARI: (5, 600), Kind.EARLIER: (3, 200),
    Kind.LATER: (3, 1800), Kind.REVOKED: (1, 0), Kind.MASS: (0.5, 0), Kind.LOST: (30, 0),
    Kind.REFUSED: (6, 0), Kind.WRONG_NAMES: (2, 0), Kind.SLOW: (6, 48), Kind.STUCK: (4, 48),
    Kind.UNSEEN: (12, 240), Kind.WRONG_CLOCK: (2, 48), Kind.KILLED: (60, 0),
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
        again: the CA's `Retry-After` on renewal information.
        confirm_every: how old a look at an edge may grow.
    """

    seed: int
    span: timedelta
    wake: timedelta
    lifetimes: tuple[int, ...]
    again: timedelta = 6 * HOUR
    confirm_every: timedelta = DAY
    incidents: tuple[Incident, ...] = field(default=())

    @property
    def certificate_years(self) -> float:
        """How much life it is."""
        return len(self.lifetimes) * (self.span / YEAR)

    def only(self, incidents: Sequence[Incident]) -> "Scenario":
        """The same with these incidents alone."""
        return replace(self, incidents=tuple(incidents))

    def __str__(self) -> str:
        lives = ", ".join(
            f"{self.lifetimes.count(days)} of {days} days" for days in sorted(set(self.lifetimes))
        )
        head = f"seed {self.seed}: {lives}; a run every {self.wake / HOUR:g} h"
        return "\n".join([head, *(f"  {one}" for one in self.incidents)])


@dataclass(frozen=True, slots=True)
class _Fleet:
    """A sort of fleet: how many, for how long (in years), living for so many days."""

    size: int
    years: float
    days: tuple[int, ...]
    wakes: tuple[int, ...]
    lengths: float = 1.0  # of incidents

    def of(self, dice: Random, seed: int, share: float) -> Scenario:
        return Scenario(
            seed=seed,
            span=self.years * share * YEAR,
            wake=dice.choice(self.wakes) * HOUR,
            lifetimes=tuple(dice.choice(self.days) for _ in range(self.size)),
            again=dice.choice((6, 24)) * HOUR,
            confirm_every=dice.choice((1, 7)) * DAY,
        )


_SHORT = _Fleet(8, 0.4, (6, 7), (2, 4, 6), lengths=0.15)
_USUAL = _Fleet(8, 2.0, (45, 64, 90, 200), (6, 12, 24))
# More than the CA takes in orders within three hours.
_LARGE = _Fleet(30, 2.0, (64, 90, 200), (24,))


def generate(seed: int, share: float = 1.0) -> Scenario:
    """The scenario of a seed, or of `share` its usual span."""
    dice = Random(seed)  # noqa: S311 - no secret
    fleet = dice.choice((_SHORT, _USUAL, _LARGE))
    scenario = fleet.of(dice, seed, share)
    calm = dice.choice((0.3, 1.0, 2.0))
    incidents = []
    for kind, (rate, longest) in _RATES.items():
        for _ in range(_poisson(dice, rate * calm * (scenario.span / YEAR))):
            length = dice.random() * longest * fleet.lengths * HOUR
            at = dice.random() * scenario.span
            incidents.append(Incident(kind, at, length, dice.randrange(1000)))
    return scenario.only(sorted(incidents, key=lambda one: one.at))


def _poisson(dice: Random, mean: float) -> int:
    count, left = 0, dice.expovariate(1.0)
    while left < mean:
        count, left = count + 1, left + dice.expovariate(1.0)
    return count
