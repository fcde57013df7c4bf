"""The authority's published limits, counted by ourselves, so that a run plans within them.

An authority refills a bucket (Let's Encrypt) or looks back over a span of time; a count of what
lies within the last `span` stays within both.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from everleaf.core.identifiers import Identifier, key_of


class Kind(StrEnum):
    """What is counted, for one account."""

    ORDERS = "orders"
    CERTIFICATES = "certificates"  # per exact set of identifiers
    FAILURES = "failures"  # failed validations, per identifier


_WORDS = {
    Kind.ORDERS: "new orders of this account",
    Kind.CERTIFICATES: "certificates for exactly these identifiers",
    Kind.FAILURES: "failed validations",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most `count` within any `span`.

    Attributes:
        renewals: orders that carry `replaces` count as well. RFC 9773, section 5, leaves that to
            the authority; at Let's Encrypt they do not.
    """

    kind: Kind
    count: int
    span: timedelta
    renewals: bool = False


def spare_renewals(limits: Iterable[Limit]) -> bool:
    """Whether an order that carries `replaces` is exempt from an authority's limits."""
    return not any(limit.renewals for limit in limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that counts. `key`: the set's key, or the identifier; empty for orders."""

    kind: Kind
    key: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One order that is to be placed.

    Attributes:
        exempt: it carries `replaces`, where that is spared: limits on orders and certificates
            do not count it.
    """

    name: str
    identifiers: tuple[Identifier, ...]
    exempt: bool = False

    def keys(self, kind: Kind) -> tuple[str, ...]:
        """What of this order a limit of this kind looks at."""
        match kind:
            case Kind.ORDERS:
                return () if self.exempt else ("",)
            case Kind.CERTIFICATES:
                return () if self.exempt else (key_of(self.identifiers),)
            case Kind.FAILURES:
                return tuple(str(one) for one in self.identifiers)

    def entries(self, kind: Kind, now: datetime) -> tuple[Entry, ...]:
        """What it adds to the count when it is carried out."""
        return tuple(Entry(kind=kind, key=key, at=now) for key in self.keys(kind))


@dataclass(frozen=True, slots=True)
class Turn:
    """When an order has its place within the limits; `why` names the limit, empty: at once."""

    at: datetime
    why: str = ""


def turn(claim: Claim, entries: Iterable[Entry], limits: Sequence[Limit], now: datetime) -> Turn:
    """The first moment at which this order is within all limits."""
    return _turn(claim, _index(entries, now), limits, now)


def allot(
    claims: Sequence[Claim], entries: Iterable[Entry], limits: Sequence[Limit], now: datetime
) -> dict[str, Turn]:
    """A turn for each order, by name; whoever stands first in `claims` is served first."""
    known = _index(entries, now)
    turns: dict[str, Turn] = {}
    for claim in claims:
        mine = turns[claim.name] = _turn(claim, known, limits, now)
        for kind in (Kind.ORDERS, Kind.CERTIFICATES):
            for key in claim.keys(kind):
                known[kind, key].append(mine.at)
    return turns


_Index = dict[tuple[Kind, str], list[datetime]]


def _index(entries: Iterable[Entry], now: datetime) -> _Index:
    known: _Index = defaultdict(list)
    for one in entries:
        if one.at <= now:  # a wrong clock may have written others
            known[one.kind, one.key].append(one.at)
    for times in known.values():
        times.sort()
    return known


def _turn(claim: Claim, known: _Index, limits: Sequence[Limit], now: datetime) -> Turn:
    found = Turn(now)
    for limit in limits:
        for key in claim.keys(limit.kind):
            at = room(known.get((limit.kind, key), ()), limit, now)
            if at > found.at:
                whose = f" of {key}" if limit.kind is Kind.FAILURES else ""
                why = f"{limit.count} {_WORDS[limit.kind]}{whose} in {_written(limit.span)}"
                found = Turn(at, f"the authority's limit: {why}")
    return found


def room(times: Sequence[datetime], limit: Limit, now: datetime) -> datetime:
    """The first moment at which one more fits.

    Args:
        times: of what counts, sorted; planned ones may lie ahead.
    """
    recent = [at for at in times if at > now - limit.span]
    if len(recent) < limit.count:
        return now
    return max(now, recent[-limit.count] + limit.span)


def _written(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    return f"{hours / 24:g} days" if hours % 24 == 0 else f"{hours:g} h"
