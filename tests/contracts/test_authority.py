"""What every `Authority` keeps: the real adapter with Pebble, and the fake of the simulation."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from everleaf.core.identifiers import Identifier, parse
from everleaf.core.wanted import KeyType
from everleaf.core.window import LongTermFailure, Suggestion
from everleaf.errors import AuthorityError, UnreachableError
from everleaf.pki.certificates import facts, split
from everleaf.pki.chain import judge
from everleaf.pki.csr import csr
from everleaf.pki.keys import make
from everleaf.ports import Authority, Authorization, Challenge, Order, Solver, Status
from everleaf.system.trust import roots_of
from fakes.authority import MemoryAuthority
from fakes.solver import MemorySolver
from support.loopback import free, until
from support.pebble import adapter_of, listener, pebble, point
from support.wire import Turning

KEY = make(KeyType.ECDSA_P256)


@dataclass(slots=True)
class Town:
    """An authority, a solver that it can see, and the roots that it issues below."""

    authority: Authority
    solver: Solver
    roots: tuple[bytes, ...]
    point: Callable[[str], None]
    slug: str
    numbers: Iterator[int] = field(default_factory=count)

    def name(self) -> Identifier:
        """A name of the test's own, which leads to the solver."""
        text = f"n{next(self.numbers)}.{self.slug}.test"
        self.point(text)
        return parse(text)

    def challenge(self, url: str) -> tuple[Authorization, Challenge]:
        seen = self.authority.authorization(url)
        (found,) = [one for one in seen.challenges if one.type == "http-01"]
        return seen, found

    def answer(self, url: str, *, respond: bool = True) -> Authorization:
        """Answer an authorization's challenge, and wait until it is decided."""
        seen, challenge = self.challenge(url)
        trace = self.solver.trace(seen.identifier, challenge)
        if respond:
            self.solver.present(trace, challenge)
        try:
            self.authority.answer(challenge.url)
            until("a decision", lambda: self.authority.authorization(url).status != "pending")
        finally:
            self.solver.remove(trace)
        return self.authority.authorization(url)

    def ready(self, *names: Identifier, replaces: str | None = None) -> Order:
        order = self.authority.new_order(names, replaces)
        for url in order.authorizations:
            if self.authority.authorization(url).status is Status.PENDING:
                assert self.answer(url).status is Status.VALID
        return self.authority.order(order.url)

    def issue(self, *names: Identifier, replaces: str | None = None) -> tuple[bytes, ...]:
        order = self.ready(*names, replaces=replaces)
        self.authority.finalize(order, csr(KEY, order.identifiers))
        url = order.url
        until("the order is valid", lambda: self.authority.order(url).status == "valid")
        certificate = self.authority.order(url).certificate
        assert certificate is not None
        return split(self.authority.certificate(certificate))


@contextmanager
def in_memory(_: Path) -> Iterator[Town]:
    solver = MemorySolver()
    authority = MemoryAuthority(Turning(), responses=solver.responses)
    yield Town(authority, solver, authority.hierarchy.roots, lambda _: None, "memory")


@contextmanager
def at_pebble(folder: Path) -> Iterator[Town]:
    with pebble(folder) as running:
        slug = free()[0].replace(".", "-")
        solver = listener(running, f"{slug}.test")
        ((host, _),) = solver._addresses
        yield Town(
            adapter_of(running),
            solver,
            roots_of(running.roots_file),
            lambda name: point(running, name, host),
            slug,
        )


@pytest.fixture(scope="module", params=[in_memory, at_pebble], ids=["memory", "pebble"])
def town(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    with request.param(tmp_path_factory.mktemp("authority")) as one:
        yield one


def refused(call: Callable[[], object]) -> AuthorityError:
    """The refusal of a call, which came in words: it is not a lost answer."""
    with pytest.raises(AuthorityError) as caught:
        call()
    assert not isinstance(caught.value, UnreachableError)
    assert caught.value.problem is not None
    return caught.value


def test_the_account_is_the_same_whenever_it_is_asked_for(town: Town) -> None:
    assert town.authority.account() == town.authority.account() != ""


def test_a_new_order_is_pending_and_has_an_authorization_for_each_identifier(town: Town) -> None:
    names = [town.name(), town.name()]
    order = town.authority.new_order(names, None)
    assert order.status is Status.PENDING
    assert set(order.identifiers) == set(names)
    seen = {town.authority.authorization(url).identifier for url in order.authorizations}
    assert seen == set(names)


@pytest.mark.rule("ACME-4")
def test_an_order_is_found_again_by_its_url(town: Town) -> None:
    order = town.authority.new_order([town.name()], None)
    again = town.authority.order(order.url)
    assert (again.url, again.authorizations) == (order.url, order.authorizations)


def test_a_challenge_comes_with_its_key_authorization(town: Town) -> None:
    order = town.authority.new_order([town.name()], None)
    _, challenge = town.challenge(order.authorizations[0])
    token, thumbprint = challenge.key_authorization.split(".")
    assert token == challenge.token
    assert len(thumbprint) == 43


@pytest.mark.rule("ACME-10")
def test_an_issued_chain_is_what_was_asked_for(town: Town) -> None:
    names = [town.name(), town.name()]
    chain = town.issue(*names)
    assert len(chain) == 2
    now = datetime.now(UTC)
    verdict = judge(chain, key_pem=KEY, identifiers=names, roots=town.roots, now=now)
    assert (verdict.mended, verdict.objections) == (chain, ())


@pytest.mark.rule("ACME-4")
def test_an_issued_certificate_can_be_fetched_again(town: Town) -> None:
    order = town.ready(town.name())
    town.authority.finalize(order, csr(KEY, order.identifiers))
    until("it is valid", lambda: town.authority.order(order.url).status == "valid")
    url = town.authority.order(order.url).certificate
    assert url is not None
    assert town.authority.certificate(url) == town.authority.certificate(url)


def test_finalize_before_the_order_is_ready_is_refused(town: Town) -> None:
    order = town.authority.new_order([town.name()], None)
    error = refused(lambda: town.authority.finalize(order, csr(KEY, order.identifiers)))
    assert error.problem is not None
    assert error.problem.kind == "orderNotReady"


@pytest.mark.rule("ACME-10")
def test_a_request_for_other_names_is_refused(town: Town) -> None:
    order = town.ready(town.name())
    refused(lambda: town.authority.finalize(order, csr(KEY, [town.name()])))


@pytest.mark.rule("ACME-6")
def test_a_response_that_is_not_there_makes_authorization_and_order_invalid(town: Town) -> None:
    order = town.authority.new_order([town.name()], None)
    after = town.answer(order.authorizations[0], respond=False)
    assert after.status is Status.INVALID
    (problem,) = [one.problem for one in after.challenges if one.problem]
    assert problem.detail
    assert town.authority.order(order.url).status is Status.INVALID


@pytest.mark.rule("ACME-12")
def test_an_authorization_that_was_given_up_is_deactivated(town: Town) -> None:
    order = town.authority.new_order([town.name()], None)
    (url,) = order.authorizations
    town.authority.deactivate(url)
    assert town.authority.authorization(url).status is Status.DEACTIVATED
    assert town.authority.order(order.url).status is not Status.READY


@pytest.mark.parametrize("method", ["order", "authorization", "certificate"])
def test_what_is_not_known_is_refused_with_404(town: Town, method: str) -> None:
    order = town.ready(town.name())
    known = {"order": order.url, "authorization": order.authorizations[0]}
    if method == "certificate":
        town.authority.finalize(order, csr(KEY, order.identifiers))
        until("it is valid", lambda: town.authority.order(order.url).status == "valid")
        known["certificate"] = town.authority.order(order.url).certificate or ""
    url = known[method].rpartition("/")[0] + "/0123456789abcdef"
    error = refused(lambda: getattr(town.authority, method)(url))
    assert error.problem is not None
    assert error.problem.status == 404


@pytest.mark.rule("ARI-2")
@pytest.mark.rule("ARI-3")
def test_an_issued_certificate_has_a_window_within_its_life(town: Town) -> None:
    known = facts(town.issue(town.name())[0])
    assert town.authority.has_renewal_info()
    found = town.authority.renewal_info(known.cert_id or "")
    assert isinstance(found, Suggestion)
    assert known.not_before < found.window.start < found.window.end <= known.not_after
    assert found.retry_at is not None


@pytest.mark.rule("ARI-13")
def test_a_certificate_that_is_not_known_has_no_window(town: Town) -> None:
    found = town.authority.renewal_info("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
    assert isinstance(found, LongTermFailure)


@pytest.mark.rule("ARI-15")
@pytest.mark.rule("ARI-16")
def test_a_certificate_is_replaced_once(town: Town) -> None:
    name = town.name()
    predecessor = facts(town.issue(name)[0]).cert_id
    town.issue(name, replaces=predecessor)
    error = refused(lambda: town.authority.new_order([name], predecessor))
    assert error.problem is not None
    assert (error.problem.kind, error.problem.status) == ("alreadyReplaced", 409)


@pytest.mark.rule("ARI-16")
def test_an_unknown_predecessor_is_refused_in_words_and_not_lost(town: Town) -> None:
    known = facts(town.issue(town.name())[0]).cert_id or ""
    unknown = known.partition(".")[0] + ".AIdlQyE"
    error = refused(lambda: town.authority.new_order([town.name()], unknown))
    assert error.problem is not None
    assert error.problem.status == 500


def test_it_may_be_used_from_several_threads(town: Town) -> None:
    names = [town.name() for _ in range(8)]
    with ThreadPoolExecutor(4) as pool:
        orders = list(pool.map(lambda name: town.authority.new_order([name], None), names))
    assert len({order.url for order in orders}) == 8
    assert [order.identifiers for order in orders] == [(name,) for name in names]
