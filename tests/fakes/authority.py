"""An authority in memory: orders, http-01, issuance, ARI, revocation, faults on command.

The contract suite runs it beside the real adapter with Pebble, so that both mean the same.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from threading import RLock
from typing import Any, NoReturn, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from everleaf.ca.profiles import not_offered
from everleaf.core.identifiers import Identifier
from everleaf.core.window import Answer, LongTermFailure, NotOffered, Suggestion, Window
from everleaf.errors import AuthorityError, Problem
from everleaf.pki.certificates import facts, identifiers_of
from everleaf.pki.keys import matches
from everleaf.ports import Authorization, Challenge, Clock, Order, Status
from fakes.hierarchy import Hierarchy, Usages
from support import forge

T = TypeVar("T")
_URN = "urn:ietf:params:acme:error:"
_BASE = "https://memory.test"
_REASONS = frozenset(range(11)) - {7}  # RFC 5280, section 5.3.1


@dataclass(slots=True, kw_only=True)
class Made:
    """An issued certificate."""

    identifiers: tuple[Identifier, ...]
    pem: bytes
    cert_id: str
    not_before: datetime
    not_after: datetime
    replaced: bool = False


@dataclass(slots=True)
class MemoryAuthority:
    """The port `Authority`.

    Attributes:
        clock: dates certificates and windows.
        responses: token to key authorization: what a validation finds (see `MemorySolver`).
        lifetime: of certificates issued from now on.
        offers_renewal_info: whether the directory has ARI.
        processing: how many looks an order stays in `processing` after finalize.
        retry_after: with every order and authorization that is not decided.
        reuse: whether a valid authorization serves later orders of the same identifier.
        windows: answers for single CertIDs, instead of the last third of the lifetime.
        calls: every call, by method.
        ahead: its clock minus ours; known once an answer was `heard` in this process.
        unseen: names whose responses it does not find.
        stuck: names whose validation does not end.
        offered: profiles, with their descriptions.
        lifetimes: of certificates, by profile.
        echo: the profile by which it says it issues, whatever was asked for.
        allowed: the names by which CAA records may allow it.
        crosses: whether there is a second chain, to another root.
        copies_usages: whether a leaf is for what its request asks for, else for servers.
        revoked: when, by CertID.
        dice: makes tokens.
    """

    clock: Clock
    name: str = "memory"
    responses: dict[str, str] = field(default_factory=dict, repr=False)
    lifetime: timedelta = timedelta(days=90)
    offers_renewal_info: bool = True
    processing: int = 0
    retry_after: timedelta | None = None
    reuse: bool = False
    windows: dict[str, Answer] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    ahead: timedelta = timedelta(0)
    heard: bool = False
    unseen: set[str] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)
    offered: dict[str, str] = field(default_factory=dict)
    lifetimes: dict[str, timedelta] = field(default_factory=dict)
    allowed: tuple[str, ...] = ("memory.test",)
    crosses: bool = False
    copies_usages: bool = False
    revoked: dict[str, datetime] = field(default_factory=dict)
    dice: Callable[[], str] = field(default=secrets.token_urlsafe, repr=False)
    hierarchy: Hierarchy = field(default_factory=Hierarchy, repr=False)
    _faults: list[tuple[str, Exception, bool]] = field(default_factory=list)
    _orders: dict[str, Order] = field(default_factory=dict)
    _authorizations: dict[str, Authorization] = field(default_factory=dict)
    _made: dict[str, Made] = field(default_factory=dict)
    _by_id: dict[str, Made] = field(default_factory=dict)
    _predecessors: dict[str, Made] = field(default_factory=dict)
    _looks: dict[str, int] = field(default_factory=dict)
    echo: str = ""
    _profiles: dict[str, str] = field(default_factory=dict)
    _thumbprint: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _mutex: Any = field(default_factory=RLock, repr=False)

    def fail(self, method: str, error: Exception, *, times: int = 1, done: bool = False) -> None:
        """Let the next calls of a method raise; with `done` after they were carried out."""
        self._faults += [(method, error, done)] * times

    @property
    def issued(self) -> int:
        """How many certificates there are."""
        return len(self._made)

    @property
    def certificates(self) -> tuple[Made, ...]:
        """All of them, in the order in which they were issued."""
        return tuple(self._made.values())

    @property
    def ordered(self) -> int:
        """How many orders were taken."""
        return len(self._orders)

    def account(self) -> str:
        return self._called("account", lambda: self.url)

    @property
    def url(self) -> str:
        """Our account's."""
        return f"{_BASE}/account/{self._thumbprint[:8]}"

    def skew(self) -> timedelta | None:
        return self.ahead if self.heard else None

    def restarted(self) -> None:
        """Another process of ours speaks to it, which has heard nothing yet."""
        self.heard = False

    def has_renewal_info(self) -> bool:
        self.heard = True  # the directory is an answer
        return self.offers_renewal_info

    def renewal_info(self, cert_id: str) -> Answer:
        return self._called("renewal_info", partial(self._renewal_info, cert_id))

    def profiles(self) -> Mapping[str, str]:
        return self.offered

    def identities(self) -> tuple[str, ...]:
        return self.allowed

    def new_order(
        self, identifiers: Sequence[Identifier], replaces: str | None, profile: str = ""
    ) -> Order:
        return self._called("new_order", partial(self._order_by, profile, identifiers, replaces))

    def order(self, url: str) -> Order:
        return self._called("order", partial(self._look, url))

    def authorization(self, url: str) -> Authorization:
        return self._called("authorization", partial(self._authorization, url))

    def answer(self, challenge_url: str) -> None:
        self._called("answer", partial(self._validate, challenge_url))

    def deactivate(self, authorization_url: str) -> None:
        self._called(
            "deactivate", partial(self._decide, authorization_url, Status.DEACTIVATED, None)
        )

    def finalize(self, order: Order, csr: bytes) -> Order:
        return self._called("finalize", partial(self._finalize, order.url, csr))

    def certificate(self, url: str) -> bytes:
        return self._called("certificate", partial(self._download, url))

    def alternates(self, url: str) -> tuple[bytes, ...]:
        return self._called("alternates", partial(self._others, url))

    def revoke(self, leaf: bytes, reason: int, key: bytes | None = None) -> None:
        self._called("revoke", partial(self._revoke, leaf, reason, key))

    def _called(self, method: str, act: Callable[[], T]) -> T:
        with self._mutex:
            # Once its URL is known the account is asked for without a request.
            self.heard = self.heard or method != "account" or method not in self.calls
            self.calls.append(method)
            for place, (named, error, done) in enumerate(self._faults):
                if named == method:
                    del self._faults[place]
                    if done:
                        act()
                    raise error
            return act()

    def _renewal_info(self, cert_id: str) -> Answer:
        if not self.offers_renewal_info:
            return NotOffered()
        if cert_id in self.windows:
            return self.windows[cert_id]
        made = self._by_id.get(cert_id)
        if made is None:
            return LongTermFailure(why="no such certificate")
        return Suggestion(window=self.window(made), retry_at=self.clock.now() + timedelta(hours=6))

    def window(self, made: Made) -> Window:
        """What is suggested for a certificate; once it is revoked, a time that has passed."""
        if made.cert_id in self.revoked:
            past = self.revoked[made.cert_id] - timedelta(hours=1)
            return Window(past, past + timedelta(seconds=1))
        third = (made.not_after - made.not_before) / 3
        return Window(made.not_after - third, made.not_after - third + third / 15)

    def life(self, identifiers: Sequence[Identifier]) -> timedelta:
        """How long a certificate for these lives."""
        del identifiers
        return self.lifetime

    def certify(self, order: Order, request: x509.CertificateSigningRequest) -> x509.Certificate:
        """The leaf for an order."""
        start = self.clock.now().replace(microsecond=0)
        life = self.lifetimes.get(self._profiles.get(order.url, ""), self.life(order.identifiers))
        usages = _usages(request) if self.copies_usages else forge.SERVER
        return self.hierarchy.issue(request, start, life, usages)

    def _order_by(
        self, profile: str, identifiers: Sequence[Identifier], replaces: str | None
    ) -> Order:
        if profile and profile not in self.offered:
            raise not_offered(profile, self.offered, _BASE)
        order = self._new_order(identifiers, replaces)
        self._profiles[order.url] = profile
        self._orders[order.url] = replace(self._orders[order.url], profile=self.echo or profile)
        return replace(order, profile=self.echo or profile)

    def _new_order(self, identifiers: Sequence[Identifier], replaces: str | None) -> Order:
        predecessor = self._predecessor(replaces) if replaces else None
        urls = [self._authorization_for(one) for one in dict.fromkeys(identifiers)]
        url = f"{_BASE}/order/{len(self._orders) + 1}"
        made = Order(
            url=url,
            status=Status.PENDING,
            identifiers=tuple(dict.fromkeys(identifiers)),
            authorizations=tuple(urls),
            finalize=f"{url}/finalize",
        )
        self._orders[url] = made
        if predecessor is not None:
            self._predecessors[url] = predecessor
        return self._settled(url)

    def _predecessor(self, cert_id: str) -> Made | None:
        if not self.offers_renewal_info:
            return None
        made = self._by_id.get(cert_id)
        if made is None:
            refuse("serverInternal", 500, "could not find an order for the given certificate")
        if made.replaced:
            refuse("alreadyReplaced", 409, "the certificate already has a replacement order")
        return made

    def _authorization_for(self, identifier: Identifier) -> str:
        for one in self._authorizations.values() if self.reuse else ():
            if one.identifier == identifier and one.status is Status.VALID:
                return one.url
        url, token = f"{_BASE}/authorization/{len(self._authorizations)}", self.dice()
        challenge = Challenge(
            type="http-01",
            url=f"{url}/challenge",
            status=Status.PENDING,
            token=token,
            key_authorization=f"{token}.{self._thumbprint}",
            account=self.url,
        )
        self._authorizations[url] = Authorization(
            url=url, identifier=identifier, status=Status.PENDING, challenges=(challenge,)
        )
        return url

    def _look(self, url: str) -> Order:
        if url not in self._orders:
            refuse("malformed", 404, f"no order {url}")
        order = self._settled(url)
        if order.status is Status.PROCESSING:
            self._looks[url] -= 1
            if self._looks[url] < 0:
                order = replace(order, status=Status.VALID, certificate=f"{url}/certificate")
                self._orders[url] = order
        decided = order.status in (Status.VALID, Status.INVALID, Status.READY)
        return order if decided else replace(order, retry_at=self._later())

    def _settled(self, url: str) -> Order:
        """Pending orders follow their authorizations: RFC 8555, section 7.1.6."""
        order = self._orders[url]
        states = {self._authorizations[one].status for one in order.authorizations}
        if order.status is Status.PENDING and states == {Status.VALID}:
            order = replace(order, status=Status.READY)
        elif order.status is Status.PENDING and states - {Status.VALID, Status.PENDING}:
            order = replace(order, status=Status.INVALID)
        self._orders[url] = order
        return order

    def _authorization(self, url: str) -> Authorization:
        if url not in self._authorizations:
            refuse("malformed", 404, f"no authorization {url}")
        one = self._authorizations[url]
        return replace(one, retry_at=self._later()) if one.status is Status.PENDING else one

    def _later(self) -> datetime | None:
        return self.clock.now() + self.retry_after if self.retry_after else None

    def _validate(self, challenge_url: str) -> None:
        url = challenge_url.removesuffix("/challenge")
        if url not in self._authorizations:
            refuse("malformed", 404, f"no challenge {challenge_url}")
        (challenge,) = self._authorizations[url].challenges
        if self._authorizations[url].status is not Status.PENDING:
            return
        name = str(self._authorizations[url].identifier)
        if name in self.stuck:
            return
        found = self.responses.get(challenge.token) == challenge.key_authorization
        if found and name not in self.unseen:
            self._decide(url, Status.VALID, None)
        else:
            detail = "the response was not found"
            problem = Problem(type=f"{_URN}unauthorized", detail=detail, status=403)
            self._decide(url, Status.INVALID, problem)

    def _decide(self, url: str, status: Status, problem: Problem | None) -> None:
        if url not in self._authorizations:
            refuse("malformed", 404, f"no authorization {url}")
        one = self._authorizations[url]
        (challenge,) = one.challenges
        if status is not Status.DEACTIVATED:
            challenge = replace(challenge, status=status, problem=problem)
        self._authorizations[url] = replace(one, status=status, challenges=(challenge,))

    def _finalize(self, url: str, csr: bytes) -> Order:
        order = self._settled(url)
        if order.status is not Status.READY:
            refuse("orderNotReady", 403, f"the order is {order.status}")
        request = x509.load_der_x509_csr(csr)
        if not request.is_signature_valid or set(_asked(request)) != set(order.identifiers):
            refuse("badCSR", 400, "the request is not for the order's identifiers")
        leaf = self.certify(order, request)
        known = facts(leaf.public_bytes(Encoding.DER))
        assert known.cert_id is not None
        chain = (leaf, self.hierarchy.intermediate)
        made = self._made[f"{url}/certificate"] = Made(
            identifiers=order.identifiers,
            pem=b"".join(one.public_bytes(Encoding.PEM) for one in chain),
            cert_id=known.cert_id,
            not_before=known.not_before,
            not_after=known.not_after,
        )
        self._by_id[made.cert_id] = made
        if url in self._predecessors:
            self._predecessors[url].replaced = True
        self._looks[url] = self.processing
        self._orders[url] = replace(order, status=Status.PROCESSING)
        return replace(self._orders[url], retry_at=self._later())

    def _download(self, url: str) -> bytes:
        if (
            url not in self._made
            or self._orders[url.removesuffix("/certificate")].certificate != url
        ):
            refuse("malformed", 404, f"no certificate {url}")
        return self._made[url].pem

    def _others(self, url: str) -> tuple[bytes, ...]:
        leaf, _ = x509.load_pem_x509_certificates(self._download(url))
        chain = (leaf, self.hierarchy.crossed)
        other = b"".join(one.public_bytes(Encoding.PEM) for one in chain)
        return (other,) if self.crosses else ()

    def _revoke(self, leaf: bytes, reason: int, key: bytes | None) -> None:
        if reason not in _REASONS:
            refuse("badRevocationReason", 400, f"the reason {reason}")
        made = self._by_id.get(facts(leaf).cert_id or "")
        if made is None:
            refuse("malformed", 404, "no such certificate")
        if key is not None and not matches(key, leaf):
            refuse("unauthorized", 403, "the request is signed by another key")
        self.revoked.setdefault(made.cert_id, self.clock.now())


def _usages(request: x509.CertificateSigningRequest) -> Usages:
    try:
        found = request.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return forge.SERVER
    return tuple(found.value)


def _asked(request: x509.CertificateSigningRequest) -> list[Identifier]:
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return list(identifiers_of(names.value))


def refuse(kind: str, status: int, detail: str, retry_at: datetime | None = None) -> NoReturn:
    """Raise a refusal of this ACME error type."""
    raise refusal(kind, status, detail, retry_at)


def refusal(
    kind: str, status: int, detail: str = "because", retry_at: datetime | None = None
) -> AuthorityError:
    """A refusal of this ACME error type, as the adapter raises it; for `MemoryAuthority.fail`."""
    problem = Problem(type=_URN + kind, detail=detail, status=status)
    return AuthorityError(
        f"the authority refused: {kind}",
        code="authority-refused",
        where=_BASE,
        problem=problem,
        retry_at=retry_at,
    )
