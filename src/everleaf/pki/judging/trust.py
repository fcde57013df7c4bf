"""What the trust stores make of a chain: a good way in all of them, in some, or in none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from everleaf.core.diagnosis import Finding, Store
from everleaf.core.symptoms.chain import PRIVATE_ROOT, TRUSTED_BY_SOME
from everleaf.core.wanted import Usage
from everleaf.pki import issuance
from everleaf.pki.judging import authorities, missing, order
from everleaf.pki.judging.paths import Path, paths
from everleaf.pki.judging.roots import roots


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
    ways = (
        Way(store=store, path=path, defects=tuple(authorities.defects(path, now, usage)))
        for path in paths(leaf, others, roots(store))
    )
    return min(ways, key=lambda way: way.badness)


def _differ(leaf: x509.Certificate, ways: Sequence[Way], takes: Sequence[Way]) -> Finding:
    """A private root is in one store alone, and shall be; a public one has to be in each."""
    refuse = [way for way in ways if way not in takes]
    anchor = takes[0].path.whole[-1].subject.rfc4514_string()
    private = ways[0] in takes and not issuance.timestamps(leaf)
    return Finding(
        symptom=PRIVATE_ROOT if private else TRUSTED_BY_SOME,
        what=f"the trust store {_named(takes)} leads it to the root {anchor!r}, "
        f"and {_named(refuse)} does not{_why(refuse)}",
        detail={
            "root": anchor,
            "trusted": [way.store.name for way in takes],
            "untrusted": [way.store.name for way in refuse],
        },
    )


def _named(ways: Sequence[Way]) -> str:
    return " and ".join(way.store.name for way in ways)


def _why(refuse: Sequence[Way]) -> str:
    faults = [one.what for way in refuse if way.is_anchored for one in way.defects if one.is_fault]
    return f": {', '.join(dict.fromkeys(faults))}" if faults else ""
