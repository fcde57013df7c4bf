"""The CA of the simulation: the fake authority, with limits that it enforces and a temper."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography import x509

from everleaf.core.identifiers import Identifier, key_of
from everleaf.core.limits import Kind as Counted
from everleaf.core.limits import Limit, room
from everleaf.core.window import Answer, LongTermFailure, Suggestion, TemporaryFailure, Window
from everleaf.errors import AuthorityError, EndOfTimeError, UnreachableError
from everleaf.ports import Order, Status
from fakes.authority import Made, MemoryAuthority, refuse
from simulation.scenario import DAY, HOUR

T = TypeVar("T")

LIMITS = (
    Limit(kind=Counted.ORDERS, count=20, span=3 * HOUR),
    Limit(kind=Counted.CERTIFICATES, count=5, span=7 * DAY),
    Limit(kind=Counted.FAILURES, count=5, span=HOUR),
)
HANGS = timedelta(seconds=20)  # until the adapter gives a question up
SKEW = timedelta(minutes=10)
# What questions that hang may cost before the first order: one of them, and what was begun
# within the time that a run gives to all.
PATIENCE = timedelta(seconds=60)


@dataclass(slots=True)
class City(MemoryAuthority):
    """The CA. `clock` is the true time; ours is behind it by `ahead`.

    Attributes:
        lives: lifetime by identifiers' key.
        enter: called before and after every call; it may raise, as when the run is killed.
        holds: the CertID that the client has installed last, by the certificate's name.
        issuing, ordering: called with every certificate, and with what every order is for.
        again: `Retry-After` with renewal information.
        by_hand: somebody asks for it whatever that says.
        moved: all windows; `to_the_last`: but not beyond the certificate's last hour.
        offences: what a client must not do, and did.
        asked: the CertIDs that were answered about in this run.
        refused: the predecessors that were refused in this run.
        hung: how long questions hung in this run before the first order.
        earliest: the earliest window start ever suggested, by CertID.
        spoiled: CertIDs that no client could have installed.
        lost: answers that were lost; `failed`: validations that came to nothing, in this run.
    """

    lives: dict[str, timedelta] = field(default_factory=dict)
    enter: Callable[[str], None] = field(default=lambda _: None)
    holds: Callable[[str], str | None] = field(default=lambda _: None)
    issuing: Callable[[Made], None] = field(default=lambda _: None)
    ordering: Callable[[str, str], None] = field(default=lambda *_: None)
    again: timedelta = 6 * HOUR
    by_hand: bool = False
    limits: tuple[Limit, ...] = LIMITS
    reachable: bool = True
    busy: bool = False
    limited_until: datetime | None = None
    ari: str = ""
    moved: timedelta = timedelta(0)
    to_the_last: bool = False
    lose_next: str = ""
    refuse_replaces: bool = False
    wrong_names: bool = False
    offences: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    hung: timedelta = timedelta(0)
    earliest: dict[str, datetime] = field(default_factory=dict)
    spoiled: set[str] = field(default_factory=set)
    next_poll: dict[str, datetime] = field(default_factory=dict)
    counted: dict[tuple[Counted, str], list[datetime]] = field(
        default_factory=lambda: defaultdict(list)
    )
    lost: int = 0
    failed: list[str] = field(default_factory=list)
    failures: int = 0
    told: datetime | None = None
    _first: bool = False
    _spoiling: bool = False

    def restarted(self) -> None:
        MemoryAuthority.restarted(self)
        self.asked.clear()
        self.refused.clear()
        self.failed.clear()
        self.hung, self._first = timedelta(0), True

    def has_renewal_info(self) -> bool:
        if not self.heard and not self.reachable:
            raise UnreachableError("no answer", where="city")
        return MemoryAuthority.has_renewal_info(self)

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

    def _ours(self, at: datetime) -> datetime:
        """A time to wait for, as it comes out by our clock."""
        return at - self.ahead

    def _later(self) -> datetime | None:
        return self._ours(self.clock.now() + self.retry_after) if self.retry_after else None

    # -- renewal information ---------------------------------------------------------------------

    def renewal_info(self, cert_id: str) -> Answer:
        now = self.clock.now()
        if self.ari == "hanging":
            return self._hang()
        if not self.reachable or self.ari == "unreachable":
            return TemporaryFailure(why="no answer", general=True)
        if now < self.next_poll.get(cert_id, now) and not self.by_hand:
            self.offences.append(f"{cert_id}: it was asked about before Retry-After")
        if self.ari == "malformed":
            return LongTermFailure(why="no JSON")
        answer = MemoryAuthority.renewal_info(self, cert_id)
        if not isinstance(answer, Suggestion):
            return answer
        start = min(answer.window.start, self.earliest.get(cert_id, answer.window.start))
        self.earliest[cert_id] = start
        end = self._by_id[cert_id].not_after
        if end <= now and not self.ahead:
            self.offences.append(f"{cert_id}: it was asked about after it had expired")
        # A window after the certificate's end is no answer: then six hours (section 4.3.3).
        self.next_poll[cert_id] = now + (self.again if answer.window.start < end else 6 * HOUR)
        self.asked.add(cert_id)
        return replace(answer, retry_at=self._ours(now + self.again))

    def _hang(self) -> TemporaryFailure:
        if self._first:
            self.hung += HANGS
        with suppress(EndOfTimeError):
            self.clock.sleep(HANGS.total_seconds())
        return TemporaryFailure(why="no answer", general=True)

    def forgotten(self) -> None:
        """What was answered in this run was never written down there."""
        self.told = None
        for cert_id in self.asked:
            self.next_poll.pop(cert_id, None)

    def window(self, made: Made) -> Window:
        if made.cert_id in self.revoked:
            at = self.revoked[made.cert_id]
            return Window(at - 2 * HOUR, at - HOUR)
        usual, moved = MemoryAuthority.window(self, made), self.moved
        if self.to_the_last:
            moved = min(moved, made.not_after - HOUR - usual.end)
        return Window(usual.start + moved, usual.end + moved)

    # -- orders ----------------------------------------------------------------------------------

    def _new_order(self, identifiers: Sequence[Identifier], replaces: str | None) -> Order:
        if self.hung > PATIENCE:
            self.offences.append("orders waited for questions that hang")
        self.hung, self._first = timedelta(0), False
        if abs(self.ahead) > SKEW:
            self.offences.append("an order by a clock that is off")
        self._mind_predecessor(identifiers, replaces)
        try:
            return self._take(identifiers, replaces)
        except AuthorityError as error:
            if replaces and not error.limited:
                self.refused.add(replaces)
            raise

    def _mind_predecessor(self, identifiers: Sequence[Identifier], replaces: str | None) -> None:
        """RFC 9773, section 5; a predecessor that was refused in this run is named no more."""
        known = self.holds(owner(identifiers))
        before = self._by_id.get(known or "")
        if replaces or before is None or before.replaced or known in self.refused:
            return
        if set(before.identifiers) & set(identifiers):
            self.offences.append(f"{owner(identifiers)}: an order without its predecessor")

    def _take(self, identifiers: Sequence[Identifier], replaces: str | None) -> Order:
        now = self.clock.now()
        if self.busy:
            refuse("serverInternal", 503, "busy", self._ours(now + HOUR))
        if self.limited_until and now < self.limited_until:
            if self.told == self.limited_until:
                self.offences.append("an order before the Retry-After of a 429")
            self.told = self.limited_until
            refuse("rateLimited", 429, "too many", self._ours(self.limited_until))
        if replaces and self.refuse_replaces:
            self.refuse_replaces = False
            refuse("alreadyReplaced", 409, "so it is said")
        key = key_of(tuple(identifiers))
        if not replaces:
            self._room(Counted.ORDERS, "")
            self._room(Counted.CERTIFICATES, key)
        for one in identifiers:
            self._room(Counted.FAILURES, str(one))
        order = MemoryAuthority._new_order(self, identifiers, replaces)
        self.ordering(owner(identifiers), key)
        if not replaces:
            self.counted[Counted.ORDERS, ""].append(now)
        return order

    def _room(self, kind: Counted, key: str) -> None:
        now = self.clock.now()
        for limit in self.limits:
            free = room(self.counted[kind, key], limit, now) if limit.kind is kind else now
            if free > now:
                self.offences.append(f"{key}: the limit of {kind.value} was exceeded")
                refuse("rateLimited", 429, f"too many {kind.value}", self._ours(free))

    def is_full(self, key: str) -> bool:
        """Whether these identifiers have had all the certificates that they may have now."""
        (limit,) = (one for one in LIMITS if one.kind is Counted.CERTIFICATES)
        now = self.clock.now()
        return room(self.counted[Counted.CERTIFICATES, key], limit, now) > now

    def _validate(self, challenge_url: str) -> None:
        url = challenge_url.removesuffix("/challenge")
        before = self._authorizations[url].status
        MemoryAuthority._validate(self, challenge_url)
        one = self._authorizations[url]
        if before is Status.PENDING and one.status is Status.INVALID:
            self.failures += 1
            self.failed.append(owner([one.identifier]))
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


def owner(identifiers: Sequence[Identifier]) -> str:
    """The certificate that these names are of: `c7` of both `c7.` and `alt.c7.example.org`."""
    return str(identifiers[0]).split(".")[-3]
