"""The roots of a trust store, found by name."""

from collections import defaultdict
from functools import lru_cache

from cryptography import x509

from everleaf.core.diagnosis import Store
from everleaf.pki.certificates import read
from everleaf.pki.judging.links import Name, canonical, is_of_the_key, signed

_DELIBERATE = 20


class Roots:
    """What one store trusts; a certificate that cannot be read is left out."""

    def __init__(self, store: Store) -> None:
        found, _ = read(store.roots)
        self._held = frozenset(found)
        self._named: dict[Name, list[x509.Certificate]] = defaultdict(list)
        for one in found:
            self._named[canonical(one.subject)].append(one)

    def __contains__(self, one: x509.Certificate) -> bool:
        """Whether it is trusted itself."""
        return one in self._held

    def named(self, name: x509.Name) -> tuple[x509.Certificate, ...]:
        """Those of this name."""
        return tuple(self._named.get(canonical(name), ()))

    def above(self, below: x509.Certificate) -> tuple[x509.Certificate, ...]:
        """Those that issued it."""
        return tuple(one for one in self.named(below.issuer) if signed(one, below))

    def meant(self, below: x509.Certificate) -> tuple[x509.Certificate, ...]:
        """Those that its key identifier names, whether they signed it or not."""
        return tuple(one for one in self.named(below.issuer) if is_of_the_key(one, below))

    @property
    def organizations(self) -> frozenset[str]:
        """Whose they are."""
        oid = x509.NameOID.ORGANIZATION_NAME
        return frozenset(
            str(part.value)
            for one in self._held
            for part in one.subject.get_attributes_for_oid(oid)
        )

    @property
    def is_deliberate(self) -> bool:
        """Whether so few are in it that somebody chose them: it is no public store."""
        return 0 < len(self._held) < _DELIBERATE


@lru_cache(maxsize=16)
def roots(store: Store) -> Roots:
    """Read once; public stores have more than a hundred."""
    return Roots(store)
