"""The authorities at which a certificate may be ordered, and what is counted there."""

from dataclasses import dataclass, field
from datetime import datetime

from everleaf.core.backoff import Attempts
from everleaf.core.identifiers import Identifier, key_of
from everleaf.core.limits import Limit, Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """One authority at which a certificate may be ordered, as this machine knows it.

    Attributes:
        account: what limits are kept for: our account's URL, or the authority's name before that.
        attempts: failures there for this set of identifiers (RFC 9773, section 4.2).
        limited_until: the `Retry-After` of a 429 for this account.
        limits: what the authority publishes, and we count.
        turn: when an order of ours is within these limits.
        blocked_by: another certificate with an order under way there for the same identifiers.
    """

    authority: str
    account: str = ""
    attempts: Attempts = field(default_factory=Attempts)
    limited_until: datetime | None = None
    limits: tuple[Limit, ...] = ()
    turn: Turn | None = None
    blocked_by: str = ""


def attempts_key(identifiers: tuple[Identifier, ...], authority: str) -> str:
    """What failures are counted for: a set of identifiers, at one authority."""
    return f"{key_of(identifiers)}@{authority}"
