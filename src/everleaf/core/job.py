"""All that a look may look at: what is wanted, where it stands, what is on disk, and the time."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from everleaf.core.backoff import holds, next_attempt
from everleaf.core.certificate import Rejection, Version
from everleaf.core.identifiers import Identifier
from everleaf.core.limits import Claim, spare_renewals
from everleaf.core.outcome import Held
from everleaf.core.schedule import Decision, Moment, Reason, decide, times
from everleaf.core.standing import Standing
from everleaf.core.venue import Venue, attempts_key
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
        downloaded, verified, rejected: whether the issued chain is here, passed, was ever refused.
        replaces: the CertID that the order carried.
        waiting_since, looks: when the authority was first seen at work on it, and how often.
        answered: challenges were answered, and whether they were decided is not known.
        finalized: the certificate was asked for, and may be issued at any moment.
        because: why it was due when it was begun: the code, and the words.
        profile: that the authority says it issues by; empty: it does not say.
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
    because: str = ""
    profile: str = ""


def last_pinned(versions: Iterable[Version]) -> Version | None:
    """The one that was made live by hand last, whether it may still be or not."""
    by_hand = [(one.pinned_at, one) for one in versions if one.pinned_at is not None]
    return max(by_hand, key=lambda pair: pair[0])[1] if by_hand else None


def latest(versions: Iterable[Version]) -> Version | None:
    """The one that came last."""
    return max(versions, key=lambda one: (one.came_at, one.installed_at, one.id), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What is on disk for one certificate.

    Attributes:
        versions: in the order of their installation, by our clock.
        live: the version that the `live` link names.
        copies_behind: paths of copies that do not hold the live version.
        damaged: paths of files that versions lack; such a version is not among `versions`.
    """

    pending: Pending | None = None
    versions: tuple[Version, ...] = ()
    live: str | None = None
    copies_behind: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def newest(self) -> Version | None:
        """The version that was issued last; placeholders do not count."""
        return latest(one for one in self.versions if not one.placeholder)

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
        venues: where it may be ordered, in order of preference.
        wake: time from this run to the next.
        waits_until: until then this run can wait for a selected time.
        most_skew: no decision is made on a clock that is off by more.
        hooks: digest of each terminator's hook, by terminator.
        started: when this run began; a reload since then has its grace.
        rehearsed: fingerprint (`Wanted.ask`) of what passed a rehearsal last.
        exempt: why no rehearsal can show whether it validates; empty: one can.
        force: asked for by hand: overrides being due and our own back-off.
    """

    wanted: Wanted
    standing: Standing
    holding: Holding
    now: datetime
    started: datetime
    venues: tuple[Venue, ...] = ()
    wake: timedelta = timedelta(days=1)
    waits_until: datetime | None = None
    most_skew: timedelta = timedelta(minutes=10)
    hooks: tuple[tuple[str, str], ...] = ()
    rehearsed: str = ""
    exempt: str = ""
    force: bool = False
    _decided: list[Decision] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The certificate's name in the configuration."""
        return self.wanted.name

    def venue(self, authority: str) -> Venue:
        """What is known of this authority."""
        found = (one for one in self.venues if one.authority == authority)
        return next(found, Venue(authority=authority))

    def hold(self, venue: Venue) -> Held | None:
        """Why nothing is ordered there now; None: an order may be placed.

        By hand our own back-off is overridden, never what the authority asked for.
        """
        if holds(venue.limited_until, self.now):
            why = f"{venue.authority} limits us: its Retry-After is kept"
            return Held(venue.limited_until, why)
        if venue.blocked_by:
            why = f"{venue.blocked_by} has an order under way for the same identifiers"
            return Held(None, why)
        if holds(venue.attempts.not_before, self.now):
            return Held(venue.attempts.not_before, f"the Retry-After of {venue.authority}")
        if self.force:
            return None
        until = self.backoff(venue)
        if until and until > self.now:
            count = venue.attempts.failures
            return Held(until, f"{count} failures in a row for these identifiers")
        if venue.turn and venue.turn.at > self.now:
            return Held(venue.turn.at, venue.turn.why)
        return None

    def open_venues(self) -> tuple[Venue, ...]:
        """Where an order may be placed now, in order of preference."""
        return tuple(one for one in self.venues if self.hold(one) is None)

    def venue_in_use(self) -> Venue:
        """Where its order is, or would be placed first; where all hold, the preferred one."""
        pending = self.holding.pending
        if pending is not None:
            return self.venue(pending.authority)
        known = self.open_venues() or self.venues
        return known[0] if known else self.venue(self.wanted.authorities[0])

    def decision(self) -> Decision:
        """What the schedule says; asked for by many, and computed once."""
        if not self._decided:
            moment = Moment(
                now=self.now,
                next_wake=self.started + self.wake,
                waits_until=self.waits_until,
                force=self.force,
            )
            newest, renewal = self.holding.newest, self.standing.renewal
            found = decide(newest, self.wanted, renewal, moment)
            if found.reason is Reason.MISSING and self.holding.damaged:
                why = f"what was issued lacks {', '.join(self.holding.damaged)}"
                found = replace(found, why=why)
            self._decided.append(found)
        return self._decided[0]

    def backoff(self, venue: Venue) -> datetime | None:
        """When the next attempt for these identifiers is allowed (RFC 9773, section 4.2)."""
        newest = self.holding.newest
        end = newest.earliest_end if newest else None
        key = attempts_key(self.wanted.identifiers, venue.authority)
        return next_attempt(venue.attempts, key, self.now, end=end)

    def predecessor(self, authority: str) -> Version | None:
        """The version that an order there would replace, as far as disk and configuration tell.

        Issued by the same authority, and sharing an identifier (RFC 9773, section 5).
        """
        newest = self.holding.newest
        if newest is None or newest.cert_id is None or newest.authority != authority:
            return None
        return newest if set(newest.identifiers) & set(self.wanted.identifiers) else None

    def claim(self, authority: str) -> Claim:
        """The order that would be placed; limits do not count it where ARI is known to hold."""
        known, before = self.standing.renewal, self.predecessor(authority)
        replaces = bool(before and known and known.cert_id == before.cert_id and known.last_good)
        return self.claim_of(authority, replaces=replaces)

    def claim_of(self, authority: str, *, replaces: bool) -> Claim:
        """An order there, with or without `replaces`."""
        exempt = replaces and spare_renewals(self.venue(authority).limits)
        return Claim(name=self.name, identifiers=self.wanted.identifiers, exempt=exempt)

    def next_reload(self, terminator: str, version: str) -> datetime | None:
        """The first moment at which `terminator` may be given `version` (again)."""
        taken = self.standing.took(terminator)
        has = self.holding.version(taken.version)
        end = has.earliest_end if has else None
        return taken.next_reload(version, self.name + terminator, self.now, end)

    def refused(self) -> tuple[Rejection, ...]:
        """The rejections that still hold, oldest first: neither hook nor deployment has changed.

        By hand those end that were there before this run. Once the live version is over none does:
        what is served cannot become worse.
        """
        known = (one.rejection for one in self.holding.versions if one.rejection is not None)
        found = [one for one in known if self._still_refused(one)]
        return tuple(sorted(found, key=lambda one: one.at))

    def is_refused(self, version: str | None) -> bool:
        """Whether this version is kept back: refused by a terminator's test, or withdrawn."""
        return any(one.version == version for one in self.refused())

    def candidate(self) -> Version | None:
        """The version that should be live: the pinned one, or the newest that is not kept back.

        Neither a pin nor a withdrawal holds once what it leads to nears its end.
        """
        choices = self._choices()
        sound = (one for one in choices if not self.is_near_end(one))
        return next(sound, choices[-1] if choices else self.holding.live_version)

    def _choices(self) -> list[Version]:
        """What may be live; the later ones where the earlier ones near their end."""
        usable = [one for one in self.holding.versions if one.is_usable(self.now)]
        broke = {one.version for one in self.refused() if one.terminator}
        free = latest(one for one in usable if not self.is_refused(one.id))
        tested = latest(one for one in usable if one.id not in broke)
        return [one for one in (self.pinned(), free, tested) if one is not None]

    def pinned(self) -> Version | None:
        """The version that was made live by hand last, while it may be."""
        last = last_pinned(self.holding.versions) if not self.force else None
        if last is None or not last.is_usable(self.now) or self.is_refused(last.id):
            return None
        return last

    def goes_back(self, terminator: str, version: str) -> bool:
        """Whether `terminator` has what was refused, withdrawn or pinned away from.

        The way back waits for nobody, and is never undone.
        """
        has, by_hand = self.standing.took(terminator).version, self.pinned()
        if has in ("", version):
            return False
        return self.is_refused(has) or (by_hand is not None and by_hand.id == version)

    def is_in_danger(self, terminator: str = "") -> bool:
        """Whether what is live, or what `terminator` has, may not be served much longer."""
        live = self.holding.live_version
        has = self.holding.version(self.standing.took(terminator).version)
        return live is None or self.is_near_end(live) or (has is not None and self.is_near_end(has))

    def is_near_end(self, version: Version) -> bool:
        """Whether a version may not be served much longer, if at all."""
        emergency = times(version, self.wanted, self.wake).emergency
        return not version.is_usable(self.now) or self.now >= emergency

    def _still_refused(self, rejection: Rejection) -> bool:
        live, by_hand = self.holding.live_version, self.force and rejection.at < self.started
        ended = by_hand or (live is not None and live.earliest_end <= self.now)
        one = self.wanted
        about = one.deployment if rejection.terminator else one.confirmation
        return (
            not ended
            and rejection.hook == dict(self.hooks).get(rejection.terminator, "")
            and rejection.deployment == about
        )
