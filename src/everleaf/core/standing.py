"""Where one certificate stands: the stored row, and how an outcome changes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from everleaf.core.backoff import Attempts, next_attempt
from everleaf.core.lifecycle import Stage
from everleaf.core.outcome import Back, Done, Failed, Outcome, Waiting
from everleaf.core.wanted import Endpoint
from everleaf.core.window import Renewal
from everleaf.errors import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A stage that has failed and has not been well since."""

    fault: Fault
    since: datetime
    attempts: Attempts
    retry_at: datetime | None = None


class Sight(StrEnum):
    """What one address was seen to do."""

    CONFIRMED = "confirmed"
    STALE = "stale"  # another certificate
    CHAIN = "chain"  # the right leaf, another chain
    REFUSED = "refused"  # the certificate that a client presented
    UNREACHABLE = "unreachable"  # no TLS server, or none that knows the name
    UNRESOLVED = "unresolved"  # the name has no address
    UNKNOWN = "unknown"  # no route on our own side

    @property
    def is_failing(self) -> bool:
        """Whether somebody must act."""
        return self not in (Sight.CONFIRMED, Sight.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The last look at one address of one endpoint.

    Attributes:
        endpoint: `host:port` as configured; `address`: empty where the name did not resolve.
        version: the version that it was expected to serve.
        serial: hexadecimal, of the leaf that it served, where it served one.
        words: what is wrong there, why, and what to check first.
        code: of the symptom that they tell; empty: it is none that is known.
        misses: looks in a row that were failing, over all runs.
        key: of the endpoint (`Endpoint.key`); empty: it was stored when there was none.
    """

    endpoint: str
    address: str
    sight: Sight
    at: datetime
    version: str
    serial: str = ""
    words: str = ""
    code: str = ""
    misses: int = 0
    terminator: str = ""
    optional: bool = False
    key: str = ""

    def is_of(self, endpoint: Endpoint) -> bool:
        """Whether it was a look at this endpoint."""
        if self.key:
            return self.key == endpoint.key
        return (self.endpoint, self.terminator) == (str(endpoint), endpoint.terminator)

    def is_at_place_of(self, other: "Observation") -> bool:
        """Whether both are looks at the same address of the same endpoint."""
        same = self.key == other.key or "" in (self.key, other.key)
        return same and (self.endpoint, self.address) == (other.endpoint, other.address)

    @property
    def host(self) -> str:
        """The address without its port, and without the brackets of IPv6."""
        return self.address.rpartition(":")[0].strip("[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The version that a terminator took, and the reloads since that came to nothing.

    Attributes:
        tried: the version that `attempts` counts for; of another it counts for nothing.
    """

    version: str = ""
    at: datetime | None = None
    tried: str = ""
    attempts: Attempts = field(default_factory=Attempts)

    def missed(self, version: str, now: datetime) -> "Taken":
        """The same after a reload for `version` that came to nothing."""
        before = self.attempts if self.tried == version else Attempts()
        return replace(self, tried=version, attempts=before.failed(now))

    def next_reload(
        self, version: str, key: str, now: datetime, end: datetime | None
    ) -> datetime | None:
        """The first moment at which `version` may be tried (again); None: at once.

        Args:
            end: of what the terminator has now; attempts come closer together towards it.
        """
        return next_attempt(self.attempts, key, now, end=end) if self.tried == version else None


_NOTHING = Taken()


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """The version before the settled one.

    Attributes:
        seen: where it was confirmed: `endpoint address`.
        awaited: keys of the endpoints at which the settled one is not judged yet.
    """

    version: str
    seen: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was told to people already."""

    failing: bool = False
    marks: tuple[int, ...] = ()  # days to the end that were passed, of version
    version: str = ""
    emergency: str = ""  # the version of whose emergency was told


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The stored truth about one certificate, beside the files.

    Attributes:
        settled: the version that at least one terminator took last, or that was switched to
            where there is none; what a failing check switches back to.
        previous: what was settled before that, to go back to.
        switched_at: when the live link changed last.
        taken: by terminator.
        waiting: by stage, until when.
        reached: by endpoint, the addresses without ports at which it was confirmed, when all were.
        rushed: certificates in a row whose first window was over when it was told.
        cut_off: runs in a row that ended while they were at work on it; it goes behind others.
    """

    name: str
    troubles: Mapping[Stage, Trouble] = field(default_factory=dict)
    waiting: Mapping[Stage, datetime] = field(default_factory=dict)
    settled: str | None = None
    previous: Previous | None = None
    switched_at: datetime | None = None
    taken: Mapping[str, Taken] = field(default_factory=dict)
    observations: tuple[Observation, ...] = ()
    reached: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    renewal: Renewal | None = None
    told: Told = field(default_factory=Told)
    rushed: Attempts = field(default_factory=Attempts)
    cut_off: int = 0

    @property
    def is_failing(self) -> bool:
        """Whether any stage failed and was not well since."""
        return bool(self.troubles)

    @property
    def is_clear(self) -> bool:
        """Whether nothing is troubled and nothing waits."""
        return not self.troubles and not self.waiting

    def took(self, terminator: str) -> Taken:
        """What `terminator` took last."""
        return self.taken.get(terminator, _NOTHING)

    def stale(self, terminator: str) -> tuple[str, ...]:
        """Addresses that were seen without what `terminator` took, since it took it."""
        taken = self.took(terminator)
        return tuple(
            one.address
            for one in self.observations
            if one.sight in (Sight.STALE, Sight.CHAIN)
            and one.version == taken.version
            and one.terminator in ("", terminator)
            and (taken.at is None or one.at > taken.at)
        )

    def settle(self, version: str, awaited: tuple[str, ...]) -> "Standing":
        """The same with `version` settled; where another one was, it is what one may go back to.

        Args:
            version: what was taken, or is live where there is nobody to take it.
            awaited: keys of the endpoints at which it is to be judged.
        """
        if self.settled in (None, version):
            return replace(self, settled=version)
        before = self.settled or ""
        seen = tuple(
            f"{one.endpoint} {one.address}"
            for one in self.observations
            if one.version == before and one.sight is Sight.CONFIRMED
        )
        previous = Previous(version=before, seen=seen, awaited=awaited)
        return replace(self, settled=version, previous=previous)

    def with_taken(self, terminator: str, taken: Taken) -> "Standing":
        """The same, with this terminator's record."""
        return replace(self, taken={**self.taken, terminator: taken})


def after(standing: Standing, stage: Stage, outcome: Outcome, now: datetime) -> Standing:
    """The standing once `outcome` has been written down."""
    before = standing.troubles.get(stage)
    standing = replace(standing, cut_off=0)
    match outcome:
        case Done() | Back():
            return cleared(standing, stage)
        case Waiting(until):
            return replace(standing, waiting={**standing.waiting, stage: until})
        case Failed(fault, retry_at):
            trouble = Trouble(
                fault=fault,
                since=before.since if before else now,
                attempts=(before.attempts if before else Attempts()).failed(now),
                retry_at=retry_at,
            )
            calm = cleared(standing, stage)
            return replace(calm, troubles={**calm.troubles, stage: trouble})


def cleared(standing: Standing, stage: Stage) -> Standing:
    """The standing once a look found nothing to do in `stage`."""
    troubles = {known: one for known, one in standing.troubles.items() if known != stage}
    waiting = {known: at for known, at in standing.waiting.items() if known != stage}
    return replace(standing, troubles=troubles, waiting=waiting)
