"""The CA of the simulation: the fake authority, with limits that it enforces and a temper."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography import x509

from everleaf.core.identifiers import Identifier, key_of
from everleaf.core.limits import Kind as Counted
from everleaf.core.limits import Limit, room
from everleaf.core.window import Answer, LongTermFailure, Suggestion, TemporaryFailure, Window
from everleaf.errors import UnreachableError
from everleaf.ports import Order, Status
from fakes.authority import Made, MemoryAuthority, refuse
from simulation.scenario import DAY, HOUR

T = TypeVar("T")

LIMITS = (
    Limit(kind=Counted.ORDERS, count=20, span=3 * HOUR),
    Limit(kind=Counted.CERTIFICATES, count=5, span=7 * DAY),
    Limit(kind=Counted.FAILURES, count=5, span=HOUR),
)


@dataclass(slots=True)
class City(MemoryAuthority):
    """The CA.

    Attributes:
        lives: lifetime by identifiers' key.
        enter: called before and after every call; it may raise, as when the run is killed.
        offences: what a client must not do, and did.
        asked: the CertIDs that were answered about in this run.
        earliest: the earliest window start ever suggested, by CertID.
        spoiled: CertIDs that no client could have installed.
        issuing: called with every certificate that is issued.
        lost, failed: answers that were lost, and validations that came to nothing.
    """

    lives: dict[str, timedelta] = field(default_factory=dict)
    enter: Callable[[str], None] = field(default=lambda _: None)
    offences: list[str] = field(default_factory=list)
    reachable: bool = True
    busy: bool = False
    limited_until: datetime | None = None
    ari: str = ""
    moved: timedelta = timedelta(0)
    revoked: dict[str, datetime] = field(default_factory=dict)
    lose_next: str = ""
    refuse_replaces: bool = False
    wrong_names: bool = False
    earliest: dict[str, datetime] = field(default_factory=dict)
    spoiled: set[str] = field(default_factory=set)
    next_poll: dict[str, datetime] = field(default_factory=dict)
    counted: dict[tuple[Counted, str], list[datetime]] = field(
        default_factory=lambda: defaultdict(list)
    )
    issuing: Callable[[Made], None] = field(default=lambda _: None)
    lost: int = 0
    failed: int = 0
    told: datetime | None = None
    limits: tuple[Limit, ...] = LIMITS
    asked: set[str] = field(default_factory=set)
    _spoiling: bool = False

    def _called(self, method: str, act: Callable[[], T]) -> T:
        self.enter(f"before {method}")
        if not self.reachable:
            raise UnreachableError("no answer", where="city")
        result = MemoryAuthority._called(self, method, act)
        if self.lose_next == method:
            self.lose_next = ""
            self.lost += 1
            raise UnreachableError("the answer was lost", where="city")
        self.enter(f"after {method}")
        return result

    # -- renewal information ---------------------------------------------------------------------

    def renewal_info(self, cert_id: str) -> Answer:
        now = self.clock.now()
        if not self.reachable or self.ari == "unreachable":
            return TemporaryFailure(why="no answer")
        if now < self.next_poll.get(cert_id, now):
            self.offences.append(f"{cert_id}: it was asked about before Retry-After")
        if self.ari == "malformed":
            return LongTermFailure(why="no JSON")
        answer = MemoryAuthority.renewal_info(self, cert_id)
        if isinstance(answer, Suggestion):
            start = min(answer.window.start, self.earliest.get(cert_id, answer.window.start))
            self.earliest[cert_id] = start
            made = self._by_id[cert_id]
            if made.not_after <= now:
                self.offences.append(f"{cert_id}: it was asked about after it had expired")
            if answer.retry_at:
                self.next_poll[cert_id] = answer.retry_at
                self.asked.add(cert_id)
        return answer

    def forget_polls(self) -> None:
        """What was answered in this run was never written down there."""
        for cert_id in self.asked:
            self.next_poll.pop(cert_id, None)

    def window(self, made: Made) -> Window:
        if made.cert_id in self.revoked:
            at = self.revoked[made.cert_id]
            return Window(at - 2 * HOUR, at - HOUR)
        usual = MemoryAuthority.window(self, made)
        # Never so late that nobody could mean it.
        moved = min(self.moved, made.not_after - HOUR - usual.end)
        return Window(usual.start + moved, usual.end + moved)

    # -- orders ----------------------------------------------------------------------------------

    def _new_order(self, identifiers: Sequence[Identifier], replaces: str | None) -> Order:
        now = self.clock.now()
        if self.busy:
            refuse("serverInternal", 503, "busy", now + HOUR)
        if self.limited_until and now < self.limited_until:
            if self.told == self.limited_until:
                self.offences.append("an order before the Retry-After of a 429")
            self.told = self.limited_until
            refuse("rateLimited", 429, "too many", self.limited_until)
        if replaces and self.refuse_replaces:
            self.refuse_replaces = False
            refuse("alreadyReplaced", 409, "so it is said")
        if not replaces:
            self._room(Counted.ORDERS, "")
            self._room(Counted.CERTIFICATES, key_of(tuple(identifiers)))
        for one in identifiers:
            self._room(Counted.FAILURES, str(one))
        order = MemoryAuthority._new_order(self, identifiers, replaces)
        if not replaces:
            self.counted[Counted.ORDERS, ""].append(now)
        return order

    def _room(self, kind: Counted, key: str) -> None:
        now = self.clock.now()
        for limit in self.limits:
            free = room(self.counted[kind, key], limit, now) if limit.kind is kind else now
            if free <= now:
                continue
            self.offences.append(f"{key}: the limit of {kind.value} was exceeded")
            refuse("rateLimited", 429, f"too many {kind.value}", free)

    def _validate(self, challenge_url: str) -> None:
        url = challenge_url.removesuffix("/challenge")
        before = self._authorizations[url].status
        MemoryAuthority._validate(self, challenge_url)
        one = self._authorizations[url]
        if before is Status.PENDING and one.status is Status.INVALID:
            self.failed += 1
            self.counted[Counted.FAILURES, str(one.identifier)].append(self.clock.now())

    def _finalize(self, url: str, csr: bytes) -> Order:
        spoiled, self.wrong_names = self.wrong_names, False
        self._spoiling = spoiled
        order = MemoryAuthority._finalize(self, url, csr)
        made = self._made[f"{url}/certificate"]
        if spoiled:
            self.spoiled.add(made.cert_id)
        if url not in self._predecessors:
            self.counted[Counted.CERTIFICATES, key_of(order.identifiers)].append(self.clock.now())
        self.issuing(made)
        return order

    def certify(self, order: Order, request: x509.CertificateSigningRequest) -> x509.Certificate:
        if not self._spoiling:
            return MemoryAuthority.certify(self, order, request)
        names = x509.SubjectAlternativeName([x509.DNSName("wrong.example.org")])
        start = self.clock.now().replace(microsecond=0)
        life = self.life(order.identifiers)
        return self.hierarchy.certify(request.public_key(), names, start, life)

    def life(self, identifiers: Sequence[Identifier]) -> timedelta:
        return self.lives.get(key_of(tuple(identifiers)), self.lifetime)
