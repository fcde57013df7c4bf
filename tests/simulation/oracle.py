"""What must hold after every run, found out from the world and not from everleaf's own records."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate

from everleaf.core.window import Renewal
from fakes.authority import Made
from fakes.clock import START
from simulation.scenario import DAY, HOUR, Kind

if TYPE_CHECKING:
    from simulation.world import World

STALE = timedelta(days=3)
SHORT = timedelta(days=10)


@dataclass(slots=True)
class Oracle:
    """The invariants. Each violation is a sentence; words after the last colon name its kind."""

    world: "World"
    violations: list[str] = field(default_factory=list)
    certificates: int = 0
    _last: dict[str, Made] = field(default_factory=dict)
    _leaves: dict[bytes, tuple[datetime, datetime]] = field(default_factory=dict)
    _good: dict[str, timedelta] = field(default_factory=lambda: defaultdict(timedelta))
    _urgent: dict[str, timedelta] = field(default_factory=lambda: defaultdict(timedelta))
    _late: dict[str, timedelta] = field(default_factory=lambda: defaultdict(timedelta))
    _served: dict[tuple[str, str], bytes] = field(default_factory=dict)
    _checked: dict[str, str] = field(default_factory=dict)
    _renewals: dict[str, Renewal] = field(default_factory=dict)
    _looked: datetime = START

    def _fail(self, name: str, what: str) -> None:
        self.violations.append(f"{name}: {what}")

    # -- when a certificate is issued ------------------------------------------------------------

    def issued(self, made: Made) -> None:
        """No more certificates than causes."""
        self.certificates += 1
        name = str(made.identifiers[0]).split(".")[-3]
        before, self._last[name] = self._last.get(name), made
        if before is not None and not self._is_due(before, made):
            self._fail(name, "issued without a cause")

    def _is_due(self, before: Made, made: Made) -> bool:
        city, now = self.world.city, self.world.clock.at
        if set(before.identifiers) != set(made.identifiers) or before.cert_id in city.spoiled:
            return True
        earliest = city.earliest.get(before.cert_id)
        suggested = earliest is not None and now + self.world.scenario.wake >= earliest
        return suggested or now >= fallback(before)

    # -- after every run -------------------------------------------------------------------------

    def look(self, now: datetime) -> None:
        """All of it. `now`: when the run began; what it lasted is an instant in comparison."""
        since, self._looked = now - self._looked, now
        self.violations += [f"the CA: {one}" for one in self.world.city.offences]
        for name in self.world.wanted:
            self._pair(name)
            self._times(name)
            for edge in self.world.wanted[name].terminators:
                self._serving(name, edge, now, since)
            self._fallback(name, now, since)
        city = self.world.city
        spare = city.lost + city.failed + self.world.runs_lost
        if city.ordered > self.certificates + spare + len(self.world.wanted):
            self._fail("the CA", "more orders than certificates and lost answers")

    def _pair(self, name: str) -> None:
        """The live key and the live certificate belong together, and are as wanted once."""
        world = self.world
        live = world.shelf.holding(world.wanted[name]).live
        if live is None or self._checked.get(name) == live:
            return
        self._checked[name] = live
        material = world.shelf.material(name, live)
        assert material.key is not None
        key = load_pem_private_key(material.key, password=None).public_key()
        if load_pem_x509_certificate(material.leaf).public_key() != key:
            self._fail(name, "the live key does not match")
        if b"wrong.example.org" in material.leaf:
            self._fail(name, "a certificate for other names is live")

    def _times(self, name: str) -> None:
        """One random time in the window, kept until the window moves (RFC 9773, section 4.2)."""
        renewal = self.world.store.standing(name).renewal
        before = self._renewals.get(name)
        if renewal is None or renewal.window is None or renewal.selected is None:
            return
        self._renewals[name] = renewal
        if not renewal.window.start <= renewal.selected <= renewal.window.end:
            self._fail(name, "the selected time lies outside the window")
        same = before and (before.cert_id, before.window) == (renewal.cert_id, renewal.window)
        if before and same and before.selected != renewal.selected:
            self._fail(name, "the selected time changed and the window did not")

    def _serving(self, name: str, edge: str, now: datetime, since: timedelta) -> None:
        """Nothing expires that could have been renewed."""
        chain = self.world.servers.served.get((edge, name))
        if not chain:
            return
        place = f"{name} at {edge}"
        if self._served.get((edge, name)) != chain[0]:
            self._served[edge, name] = chain[0]
            self._good[place] = self._urgent[place] = timedelta(0)
        start, end = self._life(chain[0])
        life, wake = end - start, self.world.scenario.wake
        # The CA may ask for later; towards the end nobody listens to that.
        urgent = max(life / 20, min(3 * wake, life / (4 if life < SHORT else 6)))
        if self.world.well(name):
            if now >= end - life / 3 and not self.world.has(Kind.LATER):
                self._good[place] += since
            if now >= end - urgent:
                self._urgent[place] += since
        if now < end:
            return
        good, last = self._good[place] / HOUR, self._urgent[place] / HOUR
        if self._good[place] >= life / 10 + 2 * wake:
            self._fail(place, f"after {good:.0f} good hours in its last third: it expired")
        elif self._urgent[place] >= urgent / 3 + wake:
            self._fail(place, f"after {last:.0f} good hours in its emergency: it expired")

    def _life(self, leaf: bytes) -> tuple[datetime, datetime]:
        if leaf not in self._leaves:
            found = load_der_x509_certificate(leaf)
            self._leaves[leaf] = found.not_valid_before_utc, found.not_valid_after_utc
        return self._leaves[leaf]

    def _fallback(self, name: str, now: datetime, since: timedelta) -> None:
        """Renewal information that cannot be had never delays past the fallback."""
        newest = self._last.get(name)
        renewal = self.world.store.standing(name).renewal
        good = (
            renewal.last_good if renewal and newest and renewal.cert_id == newest.cert_id else None
        )
        fresh = good is not None and now - good < STALE + self.world.scenario.wake
        if newest is None or fresh or now < fallback(newest):
            self._late[name] = timedelta(0)
            return
        if self.world.well(name):
            self._late[name] += since
        life = newest.not_after - newest.not_before
        if self._late[name] > life / 10 + 2 * self.world.scenario.wake + DAY:
            self._fail(name, "stale renewal information delayed it past the fallback")


def fallback(made: Made) -> datetime:
    """When a certificate is to be renewed without renewal information."""
    life = made.not_after - made.not_before
    return made.not_after - life / (2 if life < SHORT else 3)
