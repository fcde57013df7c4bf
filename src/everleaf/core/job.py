"""All that a look may look at: what is wanted, where it stands, what is on disk, and the time."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from everleaf.core.backoff import Attempts, next_attempt
from everleaf.core.certificate import Version
from everleaf.core.identifiers import Identifier, key_of
from everleaf.core.limits import Claim, Limit, Turn
from everleaf.core.schedule import Decision, Moment, decide
from everleaf.core.standing import Rejection, Standing
from everleaf.core.wanted import Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A challenge response that was, or was about to be, presented: enough to take it down."""

    solver: str
    identifier: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What stands in `pending/NAME`: a key, and an order as far as it came.

    Attributes:
        order_url: None: newOrder was about to be sent, or its answer was lost.
        downloaded: whether the issued chain is here (`chain.pem`).
        verified: whether it passed (`verified.pem`).
        rejected: whether it was judged and refused, at least once.
        replaces: the CertID that the order carried.
        waiting_since, looks: when the authority was first seen at work on it, and how often.
        answered: challenges were answered, and whether they were decided is not known.
        finalized: the certificate was asked for, and may be issued at any moment.
    """

    ask: str
    authority: str
    identifiers: tuple[Identifier, ...]
    created_at: datetime
    account: str = ""
    order_url: str | None = None
    replaces: str | None = None
    traces: tuple[Trace, ...] = ()
    downloaded: bool = False
    verified: bool = False
    rejected: bool = False
    waiting_since: datetime | None = None
    looks: int = 0
    answered: bool = False
    finalized: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What is on disk for one certificate.

    Attributes:
        versions: oldest first.
        live: the version that the `live` link names.
        copies_behind: paths of copies that do not hold the live version.
    """

    pending: Pending | None = None
    versions: tuple[Version, ...] = ()
    live: str | None = None
    copies_behind: tuple[str, ...] = ()

    @property
    def newest(self) -> Version | None:
        """The version that was issued last; placeholders do not count."""
        issued = [one for one in self.versions if not one.placeholder]
        return issued[-1] if issued else None

    def version(self, version_id: str | None) -> Version | None:
        """The version of this name, where it is on disk."""
        return next((one for one in self.versions if one.id == version_id), None)

    @property
    def live_version(self) -> Version | None:
        """The version in use."""
        return self.version(self.live)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One certificate at one moment, read afresh before every stage.

    Attributes:
        attempts: failures for this set of identifiers (RFC 9773, section 4.2).
        account: what limits are kept for: our account's URL, or the authority's name before that.
        limited_until: the `Retry-After` of a 429 for this account.
        limits: what the authority publishes, and we count.
        turn: when an order of ours is within these limits.
        wake: time from this run to the next.
        waits_until: until then this run can wait for a selected time.
        most_skew: no decision is made on a clock that is off by more.
        hooks: digest of each terminator's hook, by terminator.
        started: when this run began; a reload since then has its grace.
        blocked_by: another certificate with an order under way for the same identifiers.
        force: asked for by hand: overrides being due and our own back-off.
    """

    wanted: Wanted
    standing: Standing
    holding: Holding
    now: datetime
    started: datetime
    attempts: Attempts = field(default_factory=Attempts)
    account: str = ""
    limited_until: datetime | None = None
    limits: tuple[Limit, ...] = ()
    turn: Turn | None = None
    wake: timedelta = timedelta(days=1)
    waits_until: datetime | None = None
    most_skew: timedelta = timedelta(minutes=10)
    hooks: tuple[tuple[str, str], ...] = ()
    blocked_by: str = ""
    force: bool = False

    @property
    def name(self) -> str:
        """The certificate's name in the configuration."""
        return self.wanted.name

    def decision(self) -> Decision:
        """What the schedule says."""
        moment = Moment(
            now=self.now,
            next_wake=self.started + self.wake,
            waits_until=self.waits_until,
            force=self.force,
        )
        return decide(self.holding.newest, self.wanted, self.standing.renewal, moment)

    def backoff(self) -> datetime | None:
        """When the next attempt for these identifiers is allowed (RFC 9773, section 4.2)."""
        newest = self.holding.newest
        end = newest.earliest_end if newest else None
        return next_attempt(self.attempts, key_of(self.wanted.identifiers), self.now, end=end)

    def predecessor(self) -> Version | None:
        """The version that an order would replace, as far as disk and configuration tell.

        Issued by the same authority, and sharing an identifier (RFC 9773, section 5).
        """
        newest = self.holding.newest
        if newest is None or newest.cert_id is None or newest.authority != self.wanted.authority:
            return None
        return newest if set(newest.identifiers) & set(self.wanted.identifiers) else None

    def claim(self) -> Claim:
        """The order that would be placed; limits do not count it where ARI is known to hold."""
        known, before = self.standing.renewal, self.predecessor()
        exempt = bool(before and known and known.cert_id == before.cert_id and known.last_good)
        return Claim(name=self.name, identifiers=self.wanted.identifiers, exempt=exempt)

    def next_reload(self, terminator: str, version: str) -> datetime | None:
        """The first moment at which `terminator` may be given `version` (again)."""
        taken = self.standing.took(terminator)
        has = self.holding.version(taken.version)
        end = has.earliest_end if has else None
        return taken.next_reload(version, self.name + terminator, self.now, end)

    def refused(self) -> tuple[Rejection, ...]:
        """The rejections that still hold: neither hook nor deployment has changed since.

        Once the live version is over none does: what is served cannot become worse.
        """
        return tuple(one for one in self.standing.rejections if self._still_refused(one))

    def candidate(self) -> Version | None:
        """The version that should be live: the newest valid one that is not kept back."""
        refused = {one.version for one in self.refused()}
        usable = [
            one
            for one in self.holding.versions
            if one.id not in refused and not one.placeholder and one.earliest_end > self.now
        ]
        return usable[-1] if usable else self.holding.live_version

    def _still_refused(self, rejection: Rejection) -> bool:
        live = self.holding.live_version
        over = live is not None and live.earliest_end <= self.now
        return (
            not self.force
            and not over
            and rejection.hook == dict(self.hooks).get(rejection.terminator)
            and rejection.deployment == self.wanted.deployment
        )
