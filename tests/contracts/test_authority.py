"""What every `Authority` keeps: the real adapter with Pebble, and the fake of the simulation."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from everleaf.core.identifiers import Identifier, parse
from everleaf.core.wanted import KeyType, Usage
from everleaf.core.window import LongTermFailure, Suggestion
from everleaf.errors import Actor, AuthorityError, UnreachableError
from everleaf.pki.certificates import facts, split
from everleaf.pki.chain import judge
from everleaf.pki.csr import csr
from everleaf.pki.keys import make, public
from everleaf.ports import Authority, Authorization, Challenge, Order, Solver, Status
from everleaf.system.trust import roots_of
from fakes.authority import MemoryAuthority
from fakes.solver import MemorySolver
from support.loopback import free, until
from support.machine import authority as pebble
from support.pebble import adapter_of, listener, point
from support.wire import Turning

KEY = make(KeyType.ECDSA_P256)
ISSUER = "ca.example.org"
PROFILES = {"default": "The one that everybody knows", "sixty": "Sixty days"}
DAYS = {"default": timedelta(days=90), "sixty": timedelta(days=60)}


@dataclass(slots=True)
class Town:
    """An authority, a solver that it can see, and the roots that it issues below."""

    authority: Authority
    solver: Solver
    roots: tuple[bytes, ...]
    other_roots: tuple[bytes, ...]
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

    def ready(self, *names: Identifier, replaces: str | None = None, profile: str = "") -> Order:
        order = self.authority.new_order(names, replaces, profile)
        for url in order.authorizations:
            if self.authority.authorization(url).status is Status.PENDING:
                assert self.answer(url).status is Status.VALID
        return self.authority.order(order.url)

    def certificate(
        self, *names: Identifier, replaces: str | None = None, profile: str = ""
    ) -> str:
        """The URL of a new certificate."""
        order = self.ready(*names, replaces=replaces, profile=profile)
        self.authority.finalize(order, csr(KEY, order.identifiers))
        url = order.url
        until("the order is valid", lambda: self.authority.order(url).status == "valid")
        found = self.authority.order(url).certificate
        assert found is not None
        return found

    def issue(
        self, *names: Identifier, replaces: str | None = None, profile: str = ""
    ) -> tuple[bytes, ...]:
        url = self.certificate(*names, replaces=replaces, profile=profile)
        return split(self.authority.certificate(url))


@contextmanager
def in_memory(_: Path) -> Iterator[Town]:
    solver = MemorySolver()
    authority = MemoryAuthority(
        Turning(),
        responses=solver.responses,
        offered=PROFILES,
        lifetimes=DAYS,
        allowed=(ISSUER,),
        crosses=True,
    )
    below = authority.hierarchy
    yield Town(authority, solver, below.roots, below.other_roots, lambda _: None, "memory")


@contextmanager
def at_pebble(folder: Path) -> Iterator[Town]:
    profiles = {
        name: {"description": text, "validityPeriod": int(DAYS[name].total_seconds())}
        for name, text in PROFILES.items()
    }
    options = {"profiles": profiles, "caaIdentities": [ISSUER]}
    environment = {
        "PEBBLE_WFE_NONCEREJECT": "0",
        "PEBBLE_AUTHZREUSE": "0",
        "PEBBLE_ALTERNATE_ROOTS": "1",
    }
    with pebble(folder, options=options, environment=environment) as running:
        slug = free()[0].replace(".", "-")
        solver = listener(running, f"{slug}.test")
        ((host, _),) = solver._addresses
        yield Town(
            adapter_of(running),
            solver,
            roots_of(running.roots_file),
            split(running._pool().request("GET", f"{running.management}/roots/1").data),
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
    verdict = judge(chain, public_key=public(KEY), identifiers=names, roots=town.roots, now=now)
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


def test_the_profiles_that_are_offered_come_with_their_descriptions(town: Town) -> None:
    assert dict(town.authority.profiles()) == PROFILES


def test_a_certificate_is_issued_by_the_profile_that_was_asked_for(town: Town) -> None:
    known = facts(town.issue(town.name(), profile="sixty")[0])
    lifetime = known.not_after - known.not_before
    assert abs(lifetime - DAYS["sixty"]) <= timedelta(seconds=1)


def test_an_unknown_profile_is_the_operators_to_mend_and_all_others_are_listed(town: Town) -> None:
    with pytest.raises(AuthorityError) as caught:
        town.authority.new_order([town.name()], None, "moonshine")
    fault = caught.value.fault
    assert (fault.actor, fault.code) == (Actor.OPERATOR, "unknown-profile")
    assert "moonshine" in fault.what
    for name, text in PROFILES.items():
        assert f"{name} ({text})" in fault.remedy


def test_the_names_for_caa_records_are_known(town: Town) -> None:
    assert town.authority.identities() == (ISSUER,)


def test_a_challenge_names_the_account(town: Town) -> None:
    order = town.authority.new_order([town.name()], None)
    _, challenge = town.challenge(order.authorizations[0])
    assert challenge.account == town.authority.account()


@pytest.mark.rule("ACME-7")
def test_the_other_chain_is_of_the_same_certificate_and_leads_to_the_other_root(
    town: Town,
) -> None:
    name = town.name()
    url = town.certificate(name)
    chain = split(town.authority.certificate(url))
    (other,) = [split(one) for one in town.authority.alternates(url)]
    assert other[0] == chain[0]
    assert other[1] != chain[1]
    now = datetime.now(UTC)
    for sent, roots, whole in [
        (other, town.other_roots, True),
        (other, town.roots, False),
        (chain, town.other_roots, False),
    ]:
        verdict = judge(sent, public_key=public(KEY), identifiers=[name], roots=roots, now=now)
        assert (verdict.objections == ()) is whole, verdict.objections


@pytest.mark.rule("ACME-13")
@pytest.mark.rule("ARI-18")
@pytest.mark.parametrize("key", [None, KEY], ids=["by the account", "by its own key"])
def test_a_revoked_certificates_window_has_passed(town: Town, key: bytes | None) -> None:
    leaf = town.issue(town.name())[0]
    town.authority.revoke(leaf, 4, key)
    found = town.authority.renewal_info(facts(leaf).cert_id or "")
    assert isinstance(found, Suggestion)
    assert found.window.is_valid
    assert found.window.end < datetime.now(UTC)


@pytest.mark.rule("ACME-13")
def test_a_certificate_that_is_revoked_already_is_no_error(town: Town) -> None:
    leaf = town.issue(town.name())[0]
    town.authority.revoke(leaf, 0)
    town.authority.revoke(leaf, 1, KEY)


@pytest.mark.rule("ACME-13")
def test_another_key_revokes_nothing(town: Town) -> None:
    leaf = town.issue(town.name())[0]
    error = refused(lambda: town.authority.revoke(leaf, 0, make(KeyType.ECDSA_P256)))
    assert error.problem is not None
    assert error.problem.kind == "unauthorized"
    found = town.authority.renewal_info(facts(leaf).cert_id or "")
    assert isinstance(found, Suggestion)
    assert found.window.end > datetime.now(UTC)


@pytest.mark.rule("ACME-13")
def test_a_reason_that_there_is_not_is_refused(town: Town) -> None:
    leaf = town.issue(town.name())[0]
    error = refused(lambda: town.authority.revoke(leaf, 7))
    assert error.problem is not None
    assert error.problem.kind == "badRevocationReason"


def test_the_fake_issues_for_clients_where_it_is_told_to(tmp_path: Path) -> None:
    with in_memory(tmp_path) as town:
        assert isinstance(town.authority, MemoryAuthority)
        town.authority.copies_usages = True
        order = town.ready(town.name())
        town.authority.finalize(order, csr(KEY, order.identifiers, (Usage.CLIENT,)))
        url = town.authority.order(order.url).certificate or ""
        verdict = judge(
            split(town.authority.certificate(url)),
            public_key=public(KEY),
            identifiers=order.identifiers,
            usages=(Usage.CLIENT,),
            roots=town.roots,
            now=datetime.now(UTC),
        )
        assert verdict.objections == ()


def test_it_may_be_used_from_several_threads(town: Town) -> None:
    names = [town.name() for _ in range(8)]
    with ThreadPoolExecutor(4) as pool:
        orders = list(pool.map(lambda name: town.authority.new_order([name], None), names))
    assert len({order.url for order in orders}) == 8
    assert [order.identifiers for order in orders] == [(name,) for name in names]
