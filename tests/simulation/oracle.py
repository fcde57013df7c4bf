"""What must hold after every run, found out from the world and not from everleaf's own records.

Its allowances: after a trouble the next attempt may be held back by a day and a tenth (the longest
back-off with its jitter), and is made by the first run after that. Where an order was under way
that attempt may find it void, which counts as one more failure: so two such holds may follow each
other, and two runs. Nothing else holds an order back where the CA is willing and nothing of ours
is broken; whatever is not done after `calm` time of that length was forgotten.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate

from everleaf.core.backoff import Attempts
from everleaf.core.identifiers import key_of
from everleaf.core.window import Renewal
from fakes.authority import Made
from fakes.clock import START
from simulation.city import SKEW
from simulation.scenario import DAY, HOUR, Kind

if TYPE_CHECKING:
    from simulation.world import World

STALE = timedelta(days=3)
SHORT = timedelta(days=10)
HOLDS = 2 * 1.1 * DAY
DAILY_FROM = 4  # failures in a row
# Kolmogorov and Smirnov: at this distance from uniform fewer than one in 10^9 lives are innocent.
SPREAD, ENOUGH = 3.3, 30


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
    _calm: dict[str, timedelta] = field(default_factory=lambda: defaultdict(timedelta))
    _served: dict[tuple[str, str], bytes] = field(default_factory=dict)
    _over: set[str] = field(default_factory=set)
    _checked: dict[str, str] = field(default_factory=dict)
    _renewals: dict[str, Renewal] = field(default_factory=dict)
    _soonest: dict[str, datetime] = field(default_factory=dict)
    _shares: list[float] = field(default_factory=list)
    _failures: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    _newest: dict[str, str | None] = field(default_factory=dict)
    _looked: datetime = START

    def _fail(self, name: str, what: str) -> None:
        self.violations.append(f"{name}: {what}")

    # -- when something is ordered or issued -----------------------------------------------------

    def ordered(self, name: str, key: str) -> None:
        """After the fourth failure in a row an attempt a day, or more towards the end."""
        count, last = self._failures.get(key, (0, START))
        before = self._last.get(name)
        left = before.not_after - last if before and before.not_after > last else 5 * DAY
        if count >= DAILY_FROM and self.world.time.at - last < min(DAY, left / 5):
            self._fail(name, "it was tried again before the back-off was over")

    def tried(self, failed: Sequence[str], *, known: bool) -> None:
        """The names that failed in a run; `known`: that run has written it down."""
        for name in failed:
            key = key_of(self.world.wanted[name].identifiers)
            count, _ = self._failures.get(key, (0, START))
            self._failures[key] = (count + 1 if known else 0, self.world.time.at)

    def issued(self, made: Made) -> None:
        """No more certificates than causes."""
        self.certificates += 1
        name = str(made.identifiers[0]).split(".")[-3]
        self._failures.pop(key_of(made.identifiers), None)
        before, self._last[name] = self._last.get(name), made
        if before is not None and not self._is_due(name, before, made):
            self._fail(name, "issued without a cause")

    def _is_due(self, name: str, before: Made, made: Made) -> bool:
        city, now = self.world.city, self.world.time.at
        if set(before.identifiers) != set(made.identifiers) or before.cert_id in city.spoiled:
            return True
        self._select(name)
        selected = self._soonest.get(before.cert_id) or city.earliest.get(before.cert_id)
        suggested = selected is not None and now + self.world.scenario.wake >= selected
        return suggested or now >= fallback(before)

    # -- after every run -------------------------------------------------------------------------

    def look(self, now: datetime, *, by_hand: bool) -> None:
        """All of it.

        Args:
            now: when the run began; what it lasted is an instant in comparison.
            by_hand: it asked for all renewal information.
        """
        world, city = self.world, self.world.city
        since, self._looked = now - self._looked, now
        self.violations += [f"the CA: {one}" for one in city.offences]
        for name in world.wanted:
            well = world.well(name)
            self._pair(name)
            self._times(name)
            for edge in world.wanted[name].terminators:
                self._serving(name, edge, now, since if well else timedelta(0))
            self._fallback(name, now, since if well else None)
            self._calm[name] = self._calm[name] + since if well else timedelta(0)
            newest = world.newest(name)
            if newest is not None and self._is_calm(name):
                self._promptly(name, newest, now)
                if by_hand and not city.ari and newest in city.revoked:
                    self._fail(name, "revoked, and not replaced by the run that asked")
            self._newest[name] = newest
        spare = city.lost + city.failures + world.runs_lost
        if city.ordered > self.certificates + spare + len(world.wanted):
            self._fail("the CA", "more orders than certificates and lost answers")

    def _is_calm(self, name: str) -> bool:
        """Nothing was wrong for so long that no back-off can hold its order any more."""
        calm = self._calm[name] > HOLDS + 2 * self.world.scenario.wake
        # The CA's own limit for the same names is obeyed for a week.
        return calm and not self.world.city.is_full(key_of(self.world.wanted[name].identifiers))

    def end(self) -> None:
        """At the end of a life: selected times are spread over their windows."""
        shares, count = sorted(self._shares), len(self._shares)
        if count < ENOUGH:
            return
        distance = max(
            max((place + 1) / count - share, share - place / count)
            for place, share in enumerate(shares)
        )
        if distance > SPREAD / count**0.5:
            self._fail("the fleet", "the selected times are not spread over the windows")

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
        leaf = load_pem_x509_certificate(material.leaf)
        if leaf.public_key() != key:
            self._fail(name, "the live key does not match")
        if "wrong.example.org" in str(leaf.extensions):
            self._fail(name, "a certificate for other names is live")

    def _select(self, name: str) -> None:
        renewal = self.world.store.standing(name).renewal
        if renewal is not None and renewal.selected is not None:
            known = self._soonest.get(renewal.cert_id, renewal.selected)
            self._soonest[renewal.cert_id] = min(known, renewal.selected)

    def _times(self, name: str) -> None:
        """One random time in the window, kept until the window moves (RFC 9773, section 4.2)."""
        renewal = self.world.store.standing(name).renewal
        before = self._renewals.get(name)
        if renewal is before or renewal is None:
            return
        if renewal.window is None or renewal.selected is None:
            return
        self._select(name)
        self._renewals[name] = renewal
        if not renewal.window.start <= renewal.selected <= renewal.window.end:
            self._fail(name, "the selected time lies outside the window")
        same = before and (before.cert_id, before.window) == (renewal.cert_id, renewal.window)
        if not same:
            length = renewal.window.end - renewal.window.start
            self._shares.append((renewal.selected - renewal.window.start) / length)
        elif before and before.selected != renewal.selected:
            self._fail(name, "the selected time changed and the window did not")
        if abs(self.world.clock.off) > SKEW and not same:
            self._fail(name, "a window was kept that was told to a wrong clock")

    def _serving(self, name: str, edge: str, now: datetime, good: timedelta) -> None:
        """Nothing expires that could have been renewed; `good`: the time in which it could.

        The CA must have been willing, and the edge too, for a tenth of the lifetime and two runs in
        the last third, or for a third of the emergency and a run in that: the longest of the
        holds of an order, and then of a reload, that can follow each other there.
        """
        chain = self.world.servers.served.get((edge, name))
        if not chain:
            return
        place = f"{name} at {edge}"
        if self._served.get((edge, name)) != chain[0]:
            self._served[edge, name] = chain[0]
            self._good[place] = self._urgent[place] = timedelta(0)
            self._over.discard(place)
        if place in self._over:
            return
        start, end = self._life(chain[0])
        life, wake = end - start, self.world.scenario.wake
        # The CA may ask for later; towards the end nobody listens to that.
        urgent = max(life / 20, min(3 * wake, life / (4 if life < SHORT else 6)))
        if now >= end - life / 3 and not self.world.has(Kind.LATER):
            self._good[place] += good
        if now >= end - urgent:
            self._urgent[place] += good
        if now < end:
            return
        self._over.add(place)
        if self._good[place] >= life / 10 + 2 * wake:
            hours = self._good[place] / HOUR
            self._fail(place, f"after {hours:.0f} good hours in its last third: it expired")
        elif self._urgent[place] >= urgent / 3 + wake:
            hours = self._urgent[place] / HOUR
            self._fail(place, f"after {hours:.0f} good hours in its emergency: it expired")

    def _life(self, leaf: bytes) -> tuple[datetime, datetime]:
        if leaf not in self._leaves:
            found = load_der_x509_certificate(leaf)
            self._leaves[leaf] = found.not_valid_before_utc, found.not_valid_after_utc
        return self._leaves[leaf]

    def _fallback(self, name: str, now: datetime, good: timedelta | None) -> None:
        """Renewal information that cannot be had never delays past the fallback.

        Counted from the last trouble on.
        """
        newest, wake = self._last.get(name), self.world.scenario.wake
        if newest is None or now < fallback(newest) or self._age(name, newest, now) < STALE + wake:
            self._late[name] = timedelta(0)
            return
        self._late[name] = timedelta(0) if good is None else self._late[name] + good
        if self.world.city.is_full(key_of(newest.identifiers)):
            return
        if self._late[name] > HOLDS + 2 * wake:
            self._fail(name, "stale renewal information delayed it past the fallback")

    def _age(self, name: str, newest: Made, now: datetime) -> timedelta:
        """How old what is known of its window is."""
        renewal = self.world.store.standing(name).renewal
        if renewal is None or renewal.cert_id != newest.cert_id or renewal.last_good is None:
            return timedelta.max
        return now - renewal.last_good

    def _promptly(self, name: str, newest: str, now: datetime) -> None:
        """A time that comes before the next run is no time to sleep (RFC 9773, section 4.2)."""
        standing, made = self.world.store.standing(name), self._last.get(name)
        renewal = standing.renewal
        if made is None or made.cert_id != newest or self._newest.get(name) != newest:
            return  # it is new, or an order for it is under way
        if renewal is None or renewal.cert_id != newest or renewal.selected is None:
            return
        holds = renewal.selected <= fallback(made) or self._age(name, made, now) < STALE
        # The next run comes no sooner than that.
        surely = now + 0.95 * self.world.scenario.wake
        if holds and renewal.selected < surely and standing.rushed == Attempts():
            self._fail(name, "its selected time comes before the next run, and it was not renewed")


def fallback(made: Made) -> datetime:
    """When a certificate is to be renewed without renewal information."""
    life = made.not_after - made.not_before
    return made.not_after - life / (2 if life < SHORT else 3)
