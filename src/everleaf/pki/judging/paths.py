"""Every way from a leaf up to a root, through the certificates that were sent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice

from cryptography import x509

from everleaf.pki.judging.links import canonical, is_self_signed, issued, names_fit, signed
from everleaf.pki.judging.roots import Roots
from everleaf.pki.keys import public_bytes

_MOST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One way up.

    Attributes:
        sent: leaf first.
        anchor: the trusted certificate at its end; it may be the last that was sent. None: the
            way ends without one.
    """

    sent: tuple[x509.Certificate, ...]
    anchor: x509.Certificate | None = None

    @property
    def whole(self) -> tuple[x509.Certificate, ...]:
        """Leaf first, with the anchor at its end."""
        if self.anchor is None or self.anchor == self.sent[-1]:
            return self.sent
        return (*self.sent, self.anchor)


def paths(leaf: x509.Certificate, others: Sequence[x509.Certificate], roots: Roots) -> list[Path]:
    """All of them, as far as there are not too many; at least one.

    Where nothing that was sent signed a certificate, the way goes on by the issuer's name alone,
    so that what is above is looked at all the same.
    """
    return list(islice(_climb((leaf,), others, roots), _MOST))


def _climb(
    trail: tuple[x509.Certificate, ...], others: Sequence[x509.Certificate], roots: Roots
) -> Iterator[Path]:
    last = trail[-1]
    anchors = (last,) if last in roots else roots.above(last) or roots.meant(last)
    yield from (Path(sent=trail, anchor=one) for one in anchors)
    if is_self_signed(last):
        if not anchors:
            yield Path(sent=trail)
        return
    above = above_of(last, [one for one in others if not _was_there(one, trail)])
    if anchors and above and not signed(above[0], last):
        above = ()
    for one in above:
        yield from _climb((*trail, one), others, roots)
    if not anchors and not above:
        yield Path(sent=trail)


def above_of(
    below: x509.Certificate, others: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """Those that issued it; where none did, those that bear its issuer's name."""
    named = tuple(one for one in others if one != below and names_fit(one, below))
    return tuple(one for one in named if signed(one, below)) or named


def _was_there(one: x509.Certificate, trail: Sequence[x509.Certificate]) -> bool:
    """Whether the way already went through this authority: cross-signatures may go round."""
    own = _who(one)
    return any(_who(other) == own for other in trail)


@lru_cache(maxsize=1024)
def _who(one: x509.Certificate) -> tuple[object, bytes]:
    return canonical(one.subject), public_bytes(one.public_key())


def first_path(
    leaf: x509.Certificate, others: Sequence[x509.Certificate], roots: Roots, now: datetime
) -> Path:
    """The way that OpenSSL takes, which turns back nowhere.

    Of the issuers it prefers those that it trusts, then the first that is valid (`build_chain` of
    crypto/x509/x509_vfy.c, OpenSSL 1.1.0 and later).
    """
    trail = [leaf]
    while True:
        last = trail[-1]
        anchors = (last,) if last in roots else roots.above(last)
        if anchors:
            return Path(sent=tuple(trail), anchor=_first(anchors, now))
        above = [one for one in others if one not in trail and issued(one, last)]
        if is_self_signed(last) or not above:
            return Path(sent=tuple(trail))
        trail.append(_first(above, now))


def _first(found: Sequence[x509.Certificate], now: datetime) -> x509.Certificate:
    valid = (one for one in found if one.not_valid_before_utc <= now < one.not_valid_after_utc)
    return next(valid, max(found, key=lambda one: one.not_valid_after_utc))
