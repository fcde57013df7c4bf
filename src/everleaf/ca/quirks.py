"""What single authorities do otherwise than the RFCs: rows, each with its source."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirk:
    """One authority's peculiarity.

    Attributes:
        host: of its directory.
        longest_poll: a longer `Retry-After` on orders and authorizations is not meant, and left
            out; None: all are meant.
        narrow_limits: words in a 429 that is about these identifiers, not the whole account.
        source: where it can be read.
    """

    host: str
    longest_poll: timedelta | None = None
    narrow_limits: tuple[str, ...] = ()
    source: str


_BOULDERS_NARROW = ("already issued for", "failed authorizations")

ROWS: tuple[Quirk, ...] = (
    Quirk(
        host="acme-v02.api.letsencrypt.org",
        narrow_limits=_BOULDERS_NARROW,
        source="https://letsencrypt.org/docs/rate-limits/",
    ),
    Quirk(
        host="acme-staging-v02.api.letsencrypt.org",
        narrow_limits=_BOULDERS_NARROW,
        source="https://letsencrypt.org/docs/rate-limits/",
    ),
    Quirk(
        host="acme.zerossl.com",
        longest_poll=timedelta(minutes=10),
        source="says a day on authorizations that are ready within seconds: "
        "https://github.com/acmesh-official/acme.sh/issues/6221 and /6576",
    ),
)


def look_again(
    directory_url: str, retry_at: datetime | None, now: datetime, rows: Sequence[Quirk] = ROWS
) -> datetime | None:
    """When to look at an order or authorization again, as far as the authority means it."""
    if retry_at is None:
        return None
    host = urlsplit(directory_url).hostname
    for row in rows:
        if row.host == host and row.longest_poll and retry_at - now > row.longest_poll:
            return None
    return retry_at


def is_narrow(url: str, detail: str, rows: Sequence[Quirk] = ROWS) -> bool:
    """Whether a limit, by its words, is that of the order's identifiers alone."""
    host = urlsplit(url).hostname
    return any(row.host == host and words in detail for row in rows for words in row.narrow_limits)
