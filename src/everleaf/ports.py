"""Every way to touch the world: one Protocol each, its promise in prose.

Ports speak core values, PEM or DER bytes. They raise `EverleafError` and nothing else for what
can go wrong outside; any other exception is a bug. All are safe to call from several threads.

| port | touches |
| --- | --- |
| Clock, Randomness | the time, the dice |
| Store | standing, failures, limits, history (SQLite) |
| Shelf | keys, orders and versions on disk; live links and copies |
| Keys | new private keys |
| Authority | one ACME server, with our account there |
| Accounts | our account at one ACME server, and the key that stands for it |
| Solver | one way to answer challenges |
| Terminators | deploy hooks |
| Resolver, Probe | DNS, and TLS servers as seen from outside |
| Diagnostician | what is wrong with a TLS server |
| Alerts | whoever is to be told |
| Events | logs and progress |
| Executor | threads |
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar

from everleaf.core.alerting import Alert
from everleaf.core.approach import DIRECT, Approach, Pair
from everleaf.core.backoff import Attempts
from everleaf.core.caa import Caa
from everleaf.core.certificate import Version
from everleaf.core.diagnosis import Diagnosis, Question
from everleaf.core.identifiers import Identifier
from everleaf.core.job import Holding, Pending, Trace
from everleaf.core.lifecycle import Stage
from everleaf.core.limits import Claim, Entry, Limit, Turn
from everleaf.core.outcome import Due, Outcome
from everleaf.core.standing import Standing
from everleaf.core.wanted import KeyType, Wanted
from everleaf.core.window import Answer
from everleaf.errors import Problem

T = TypeVar("T")
R = TypeVar("R")


class Clock(Protocol):
    """The time, and waiting for it. The only place where anything sleeps."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, for deadlines."""
        ...

    def sleep(self, span: float) -> None:
        """Wait `span` seconds.

        Raises:
            EndOfTimeError: the run was told to stop, or its deadline passed.
        """
        ...

    def remaining(self) -> timedelta:
        """What is left until the run's deadline; zero when it was told to stop."""
        ...


class Randomness(Protocol):
    """The dice."""

    def share(self) -> float:
        """A random number from 0 to 1, uniform."""
        ...

    def token(self, size: int) -> str:
        """`size` random bytes as lower-case hexadecimal digits."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the history. `detail` holds no secret."""

    at: datetime
    certificate: str
    stage: str
    what: str
    detail: Mapping[str, str] = field(default_factory=dict)


class Store(Protocol):
    """Standing, failures and limits: small, not secret, and durable.

    Each method is one transaction: all of it is on disk when it returns, or none.
    """

    def standing(self, name: str) -> Standing:
        """Where `name` stands; a fresh standing where nothing is known."""
        ...

    def names(self) -> tuple[str, ...]:
        """All certificates with a standing, sorted."""
        ...

    def record(
        self, name: str, stage: Stage, outcome: Outcome, now: datetime, due: Due | None = None
    ) -> Standing:
        """Write an outcome into standing and history, with why it was due; the new standing."""
        ...

    def change(
        self, name: str, change: Callable[[Standing], Standing], event: Event | None = None
    ) -> Standing:
        """Read, change and write the standing, with an event; nothing is written if it is equal."""
        ...

    def attempts(self, identifiers: str) -> Attempts:
        """Failures for a set of identifiers, by its key."""
        ...

    def set_attempts(self, identifiers: str, attempts: Attempts) -> None:
        """Write failures; `Attempts()` forgets them."""
        ...

    def limited_until(self, account: str) -> datetime | None:
        """The `Retry-After` of a 429 for this account."""
        ...

    def set_limited(self, account: str, until: datetime) -> None:
        """Keep such a `Retry-After`; an earlier one than the known one changes nothing."""
        ...

    def counted(self, account: str) -> tuple[Entry, ...]:
        """What counted against limits of this account in the last 31 days, oldest first."""
        ...

    def count(self, account: str, entries: Sequence[Entry]) -> None:
        """Write down what counts, before it is sent where that can be."""
        ...

    def claim(self, account: str, claim: Claim, limits: Sequence[Limit], now: datetime) -> Turn:
        """A turn within the limits; where it is `now`, the order is counted in the same instant."""
        ...

    def noted(self, key: str) -> str:
        """What was noted for the whole state; empty: nothing."""
        ...

    def note(self, key: str, text: str) -> None:
        """Note it; the same again writes nothing."""
        ...

    def history(self, name: str | None = None, limit: int = 200) -> tuple[Event, ...]:
        """Events, newest last."""
        ...

    def forget(self, name: str) -> None:
        """Remove standing and history of `name`."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Let standing and history of `old` be those of `new`, which had none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """One certificate in the form in which it is installed: PEM bytes.

    `chain` are the intermediates, in order, without the root; `key` may be absent.
    """

    leaf: bytes
    chain: bytes
    key: bytes | None = field(repr=False)


class Shelf(Protocol):
    """Keys, orders and versions on disk. The layout is a contract (see the README).

    Whatever appears under a final name is whole, and on disk before the method returns.
    """

    def holding(self, wanted: Wanted) -> Holding:
        """What is on disk for this certificate; a cheap reading, without X.509."""
        ...

    def begin(self, name: str, pending: Pending, key: bytes | None) -> None:
        """Start `pending/NAME` afresh: the key first, then the order file; what was there goes."""
        ...

    def update(self, name: str, pending: Pending) -> None:
        """Replace the order file."""
        ...

    def pending_key(self, name: str) -> bytes:
        """The private key of `pending/NAME`, PEM."""
        ...

    def keep_download(self, name: str, chain: bytes) -> None:
        """Write `chain.pem` as received."""
        ...

    def download(self, name: str) -> bytes:
        """Read `chain.pem`."""
        ...

    def keep_verified(self, name: str, chain: bytes) -> None:
        """Write `verified.pem`: the mended chain, leaf first, without root."""
        ...

    def verified(self, name: str) -> bytes:
        """Read `verified.pem`."""
        ...

    def keep_rejected(self, name: str, rejected_id: str, chain: bytes, why: str) -> str:
        """Keep a chain that failed verification under `rejected/`; returns the folder's path."""
        ...

    def give_up(self, name: str) -> None:
        """Remove `pending/NAME`."""
        ...

    def install(self, wanted: Wanted, version: Version, material: Material) -> None:
        """Write a version whole; already there under its id: nothing to do."""
        ...

    def attempt(self, wanted: Wanted, version: Version, material: Material) -> None:
        """Write a version and its copies as they would be written, and take all of it away.

        Raises:
            EverleafError: owner, group, a copy's folder, disk: what installing it would raise.
        """
        ...

    def amend(self, name: str, version: Version) -> None:
        """Replace what is told of a version: that it was revoked, refused, withdrawn or pinned."""
        ...

    def switch(self, wanted: Wanted, version_id: str) -> None:
        """Make a version live by one rename, then bring every copy to it."""
        ...

    def material(self, name: str, version_id: str) -> Material:
        """Read a version."""
        ...

    def prune(self, wanted: Wanted, keep: Iterable[str]) -> None:
        """Remove the oldest versions beyond `keep_versions`, but never those in `keep`."""
        ...

    def live_path(self, name: str) -> str:
        """The path of the `live` link."""
        ...

    def lineage_path(self, name: str) -> str:
        """The path of another link to it, whose last part is the certificate's name."""
        ...

    def sweep(self) -> None:
        """Remove what a killed run left half removed; only under the lock."""
        ...

    def names(self) -> tuple[str, ...]:
        """All certificates with anything on disk, sorted."""
        ...

    def forget(self, name: str) -> None:
        """Remove all that is on disk for `name` under the state directory."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Let all that is on disk for `old` be that of `new`; killed in between, do it again.

        What `new` had under way is given up; where it has versions of its own, they stay.
        """
        ...


class Keys(Protocol):
    """New private keys, from the operating system's randomness."""

    def generate(self, key_type: KeyType) -> bytes:
        """A new key, PKCS #8, PEM, not encrypted."""
        ...


class Status(StrEnum):
    """States of orders, authorizations and challenges: RFC 8555, section 7.1.6."""

    PENDING = "pending"
    READY = "ready"
    PROCESSING = "processing"
    VALID = "valid"
    INVALID = "invalid"
    DEACTIVATED = "deactivated"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One challenge of an authorization, with what answers it (RFC 8555, section 8).

    Attributes:
        key_authorization: empty for types that have no token.
        account: the account's URL, which some responses name.
        issuers: for dns-persist-01, the names by which a record may name the authority.
    """

    type: str
    url: str
    status: Status
    token: str = ""
    key_authorization: str = field(default="", repr=False)
    account: str = ""
    issuers: tuple[str, ...] = ()
    problem: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """RFC 8555, section 7.1.4. `retry_at`: not to be asked for again before."""

    url: str
    identifier: Identifier
    status: Status
    challenges: tuple[Challenge, ...] = ()
    wildcard: bool = False
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """RFC 8555, section 7.1.3. `retry_at`: not to be asked for again before.

    `profile`: by which it will be issued, where the authority says so.
    """

    url: str
    status: Status
    identifiers: tuple[Identifier, ...]
    profile: str = ""
    authorizations: tuple[str, ...] = ()
    finalize: str = ""
    certificate: str | None = None
    problem: Problem | None = None
    retry_at: datetime | None = None


class Authority(Protocol):
    """One ACME server, with our account there, which is created when it is first needed.

    Every method retries `badNonce` (RFC 8555, section 6.5) and lost connections where repeating
    is harmless. Raises `AuthorityError` with the problem document for a refusal, its
    `Retry-After` kept, and `UnreachableError` where no answer came.
    """

    name: str

    def account(self) -> str:
        """The account's URL; found by its key, or created.

        Raises:
            OperatorError: the terms of service are not agreed to, or a contact is refused.
        """
        ...

    def has_renewal_info(self) -> bool:
        """Whether the directory names a renewalInfo resource (RFC 9773, section 3)."""
        ...

    def skew(self) -> timedelta | None:
        """Its clock minus ours, by the `Date` of its last answer; None: nothing was heard."""
        ...

    def renewal_info(self, cert_id: str) -> Answer:
        """Ask for the window, unauthenticated (RFC 9773, section 4.1). Never raises."""
        ...

    def profiles(self) -> Mapping[str, str]:
        """The profiles that the directory offers, with their descriptions; empty: none."""
        ...

    def identities(self) -> tuple[str, ...]:
        """The names by which CAA records may allow it (`caaIdentities`, RFC 8555, 9.7.6)."""
        ...

    def new_order(
        self, identifiers: Sequence[Identifier], replaces: str | None, profile: str = ""
    ) -> Order:
        """Place an order (RFC 8555, section 7.4); sent once, never repeated after a lost answer."""
        ...

    def order(self, url: str) -> Order:
        """Look at an order."""
        ...

    def authorization(self, url: str) -> Authorization:
        """Look at an authorization, its challenges with their key authorizations."""
        ...

    def answer(self, challenge_url: str) -> None:
        """Say that the challenge's response is in place (section 7.5.1)."""
        ...

    def deactivate(self, authorization_url: str) -> None:
        """Give an authorization up (section 7.5.2)."""
        ...

    def finalize(self, order: Order, csr: bytes) -> Order:
        """Send the CSR (DER) of a ready order (section 7.4)."""
        ...

    def certificate(self, url: str) -> bytes:
        """Download the chain, PEM, as received (section 7.4.2)."""
        ...

    def alternates(self, url: str) -> tuple[bytes, ...]:
        """Download the other chains of the same certificate, PEM, in the order of their links."""
        ...

    def revoke(self, leaf: bytes, reason: int, key: bytes | None = None) -> None:
        """Revoke a certificate (DER; section 7.6); already revoked: nothing to do.

        Args:
            leaf: the certificate.
            reason: CRLReason code, RFC 5280, section 5.3.1.
            key: its private key (PEM), which then signs instead of the account's.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """Our account as the authority shows it (RFC 8555, section 7.1.2).

    Attributes:
        thumbprint: of the account key (RFC 7638).
        terms: the terms of service that are in force now; `agreed`: those agreed to, where known.
    """

    url: str
    status: str
    contact: tuple[str, ...]
    thumbprint: str
    terms: str = ""
    agreed: str = ""


class Accounts(Protocol):
    """Our account at one ACME server. Raises as `Authority` does."""

    def facts(self) -> AccountFacts:
        """The account; found by its key, or created."""
        ...

    def update(self) -> AccountFacts:
        """Bring its contact to the configuration's (RFC 8555, section 7.3.2)."""
        ...

    def roll_over(self) -> AccountFacts:
        """Replace its key by a new one (section 7.3.5); killed in between, the next use mends."""
        ...

    def deactivate(self) -> None:
        """Give it up for good (section 7.3.6); its folder is kept aside."""
        ...

    def new_terms(self) -> str:
        """URL of terms of service that are not those agreed to (section 7.3.3); empty: none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """Why a validation is likely to fail, found out before an order.

    Attributes:
        identifier: the one that would fail.
        code: a stable word for programs.
        what: one sentence, without a full stop, which names the record or address.
        remedy: what would be right.
    """

    identifier: str
    code: str
    what: str
    remedy: str = ""


class Solver(Protocol):
    """One way to answer challenges.

    `trace` computes where the response will stand, without side effect (it may look up names), so
    that it can be written down first; `present` puts it there; `settle` returns when all of them
    can be seen by an authority; `remove` takes exactly it down, does nothing where it is gone, and
    works in another process than the one that presented.

    Attributes:
        types: of challenge, the preferred one first.
        binds_account: its responses name the production account: a rehearsal shows nothing.
    """

    types: tuple[str, ...]
    binds_account: bool

    def trace(self, identifier: Identifier, challenge: Challenge) -> Trace:
        """Where the response will stand.

        Raises:
            EverleafError: that cannot be found out.
        """
        ...

    def present(self, trace: Trace, challenge: Challenge) -> None:
        """Put the response in place.

        Raises:
            EverleafError: the port is taken, the folder cannot be written, the update is refused.
        """
        ...

    def settle(self, presented: Sequence[tuple[Trace, Challenge]]) -> None:
        """Wait until all these responses can be seen from outside.

        Raises:
            EverleafError: they cannot, within the solver's own time.
            EndOfTimeError: the run was told to stop, or its deadline passed.
        """
        ...

    def remove(self, trace: Trace) -> None:
        """Take the response down."""
        ...

    def inspect(self, identifiers: Sequence[Identifier]) -> tuple[Concern, ...]:
        """What stands in the way of answering for these, looked for before an order.

        Leaves nothing behind, takes seconds, and never raises for what it looks at.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One certificate as a hook is told of it. `lineage` is `live` under the certificate's name."""

    certificate: str
    live: str
    lineage: str
    copies: tuple[str, ...]
    identifiers: tuple[Identifier, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HookResult:
    """What a hook said. `words` are the last lines of its output, without secrets of ours.

    `each`: what it said of each certificate, where it was called for one after the other.
    """

    ok: bool
    words: tuple[str, ...] = ()
    not_mine: bool = False
    each: Mapping[str, "HookResult"] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against going on: a verb that is not the hook's own does not."""
        return self.ok or self.not_mine

    def of(self, certificate: str) -> "HookResult":
        """What it said of one certificate."""
        return self.each.get(certificate, self)


class Terminators(Protocol):
    """The deploy hooks (see hooks/README.md). Never raises for what a hook does."""

    def digest(self, terminator: str) -> str:
        """A fingerprint of the hook and its settings: remembered rejections end when it changes."""
        ...

    def check(self, terminator: str, changed: Sequence[Changed]) -> HookResult:
        """Would the server take what is on disk now? Changes nothing."""
        ...

    def reload(self, terminator: str, changed: Sequence[Changed]) -> HookResult:
        """Let the server take what is on disk now."""
        ...


class Resolver(Protocol):
    """Addresses of names, by the configured name servers, or by a program of the operator's."""

    def addresses(self, host: str, servers: Sequence[str] = ()) -> tuple[str, ...]:
        """All A and AAAA records' addresses, sorted; an address is its own answer.

        Args:
            host: the name.
            servers: name servers to ask in place of the configured ones.

        Raises:
            EverleafError: the name does not exist, has no address, or no server answered.
        """
        ...

    def printed(self, command: Sequence[str]) -> tuple[str, ...]:
        """The addresses that a program prints, one a line; sorted, each once.

        Raises:
            EverleafError: it fails, takes too long, or prints something else, or nothing.
            EndOfTimeError: the run was told to stop, or its deadline passed.
        """
        ...

    def caa(self, host: str) -> Caa:
        """The CAA records that hold for a name, found by climbing (RFC 8659, section 3).

        Raises:
            EverleafError: no server answered, which an authority takes for a refusal.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one fresh TLS connection showed: the chain as sent, DER, leaf first.

    `chain` is empty where there was no handshake to a certificate; then `words` says why, and
    `no_route` whether it is our own side that has no way there. `taken`: the server asked for
    the client's certificate that was presented, and did not refuse it; else `words` says why.
    `code`: of the symptom that `words` tell, where it is one.
    """

    chain: tuple[bytes, ...] = ()
    words: str = ""
    code: str = ""
    no_route: bool = False
    taken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One connection to be made.

    Attributes:
        server_name: not sent where it is an address.
        present: folder of a client's certificate that is presented; whether the server took it is
            in `Seen.taken`.
        client: presented as well, where the look is for the server's own certificate.
        key_kind: `ecdsa` or `rsa`: only certificates with such a key will do for us; empty: all.
    """

    address: str
    port: int
    server_name: str
    approach: Approach = DIRECT
    present: str | None = None
    client: Pair | None = None
    key_kind: str = ""


class Probe(Protocol):
    """Looks at one TLS server, without trusting it. Never raises for what a server does."""

    def look(self, ask: Ask, timeout: float) -> Seen:
        """One fresh connection; `timeout` seconds for all of it."""
        ...


class Diagnostician(Protocol):
    """Finds out what is wrong with a TLS server. Never raises for what a server does."""

    def look(self, question: Question) -> Diagnosis:
        """Look at every address, and say all that is wrong, ranked."""
        ...


class Alerts(Protocol):
    """Whoever is to be told."""

    def send(self, alert: Alert, context: Mapping[str, object]) -> None:
        """Deliver one alert.

        Raises:
            EverleafError: it was not delivered, and will be tried again by the next run.
        """
        ...


class Events(Protocol):
    """Logs and progress. Every event names certificate and stage; none holds a secret."""

    def say(self, level: str, event: str, **fields: object) -> None:
        """One event; `level` is debug, info, warning or error."""
        ...

    def progress(self, certificate: str, stage: str, state: str) -> None:
        """What a terminal shows beside a certificate's name."""
        ...


class Executor(Protocol):
    """Runs calls side by side: threads, or inline and in order in the simulation."""

    def each(
        self, call: Callable[[T], R], items: Sequence[T], tick: float | None = None
    ) -> Iterator[tuple[T, R] | None]:
        """Call for each item; results in the order in which they finish.

        Each call of `each` has workers of its own, so that calls may be nested. With `tick`, None
        is yielded whenever that many seconds passed without a result. An exception of a call is
        raised where its result is due.
        """
        ...


class Lock(Protocol):
    """The one lock of a state directory."""

    def held(self) -> AbstractContextManager[None]:
        """Hold it.

        Raises:
            LockedError: another run does; it says who, and since when.
        """
        ...
