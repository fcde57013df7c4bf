"""What the trust stores make of a chain: a good way in all of them, in some, or in none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from everleaf.core.diagnosis import Finding, Store
from everleaf.core.symptoms.chain import (
    MISLEADING_CROSS_SIGNATURE,
    PRIVATE_ROOT,
    TRUSTED_BY_SOME,
)
from everleaf.core.wanted import Usage
from everleaf.pki import issuance
from everleaf.pki.judging import authorities, missing, order
from everleaf.pki.judging.paths import Path, first_path, paths
from everleaf.pki.judging.roots import roots
from everleaf.pki.judging.words import called


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The best way up that one store knows.

    Attributes:
        defects: what clients refuse there; and what is only worth knowing.
    """

    store: Store
    path: Path
    defects: tuple[Finding, ...]

    @property
    def is_anchored(self) -> bool:
        """Whether it leads to a trusted root."""
        return self.path.anchor is not None

    @property
    def badness(self) -> tuple[bool, int, int]:
        """The less, the better; of two that lead nowhere the longer one tells more."""
        faults = sum(one.is_fault for one in self.defects)
        length = len(self.path.sent)
        return not self.is_anchored, faults, length if self.is_anchored else -length

    @property
    def is_good(self) -> bool:
        """Whether clients of this store take it."""
        return self.is_anchored and not any(one.is_fault for one in self.defects)


def findings(
    sent: Sequence[x509.Certificate],
    leaf: x509.Certificate,
    stores: Sequence[Store],
    now: datetime,
    usage: Usage,
) -> Iterator[Finding]:
    """What is in the way between the leaf and a root.

    One good way is enough; where no store has one, all is said that is wrong with the best.
    """
    others = list(dict.fromkeys(one for one in sent if one != leaf))
    ways = [_best(leaf, others, store, now, usage) for store in stores]
    best = min(ways, key=lambda way: way.badness)
    yield from best.defects
    if best.is_good:
        yield from order.over(sent, best.path.whole, now)
        yield from _misleading(leaf, others, best, now, usage)
    if not best.is_anchored:
        yield missing.finding(best.path.sent, [roots(store) for store in stores])
        return
    takes = [way for way in ways if (way.is_good if best.is_good else way.is_anchored)]
    if len(takes) < len(ways):
        yield _differ(leaf, ways, takes)


def _best(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    store: Store,
    now: datetime,
    usage: Usage,
) -> Way:
    known = roots(store)
    ways = (_way(path, store, now, usage) for path in paths(leaf, others, known))
    return min(ways, key=lambda way: way.badness)


def _way(path: Path, store: Store, now: datetime, usage: Usage) -> Way:
    return Way(store=store, path=path, defects=tuple(authorities.defects(path, now, usage)))


def _misleading(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    good: Way,
    now: datetime,
    usage: Usage,
) -> Iterator[Finding]:
    """Where the first way that offers itself is bad, and clients stay on it.

    One that only ends early does so at a signature that cannot be judged, which is told elsewhere.
    """
    path = first_path(leaf, others, roots(good.store), now)
    first = _way(path, good.store, now, usage)
    ends_early = path.anchor is None and good.path.sent[: len(path.sent)] == path.sent
    if first.is_good or ends_early:
        return
    last = path.sent[-1]
    subject, issuer = last.subject.rfc4514_string(), last.issuer.rfc4514_string()
    why = _faults([first]) or f"{issuer!r} is not trusted"
    yield Finding(
        symptom=MISLEADING_CROSS_SIGNATURE,
        what=f"OpenSSL goes by {called(last, leaf)} as signed by {issuer!r} and does not turn "
        f"back: {why}",
        detail={"subject": subject, "issuer": issuer},
    )


def _differ(leaf: x509.Certificate, ways: Sequence[Way], takes: Sequence[Way]) -> Finding:
    """A private root is in one store alone, and shall be; a public one has to be in each."""
    refuse = [way for way in ways if way not in takes]
    anchor = takes[0].path.whole[-1].subject.rfc4514_string()
    why = _faults(refuse)
    private = ways[0] in takes and not issuance.timestamps(leaf)
    return Finding(
        symptom=PRIVATE_ROOT if private else TRUSTED_BY_SOME,
        what=f"the trust store {_named(takes)} leads it to the root {anchor!r}, "
        f"and {_named(refuse)} does not{why and f': {why}'}",
        detail={
            "root": anchor,
            "trusted": [way.store.name for way in takes],
            "untrusted": [way.store.name for way in refuse],
        },
    )


def _named(ways: Sequence[Way]) -> str:
    return " and ".join(way.store.name for way in ways)


def _faults(ways: Sequence[Way]) -> str:
    faults = [one.what for way in ways if way.is_anchored for one in way.defects if one.is_fault]
    return ", ".join(dict.fromkeys(faults))
