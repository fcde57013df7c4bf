"""All that a look may look at: what is wanted, where it stands, what is on disk, and the time."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from everleaf.core.backoff import Attempts
from everleaf.core.certificate import Version
from everleaf.core.identifiers import Identifier
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
        limited_until: the `Retry-After` of a 429 for this authority and account.
        wake: time until the next run is expected.
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
    limited_until: datetime | None = None
    wake: timedelta = timedelta(days=1)
    hooks: tuple[tuple[str, str], ...] = ()
    blocked_by: str = ""
    force: bool = False

    @property
    def name(self) -> str:
        """The certificate's name in the configuration."""
        return self.wanted.name

    def refused(self) -> tuple[Rejection, ...]:
        """The rejections that still hold: neither hook nor deployment has changed since."""
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
        return (
            not self.force
            and rejection.hook == dict(self.hooks).get(rejection.terminator)
            and rejection.deployment == self.wanted.deployment
        )
