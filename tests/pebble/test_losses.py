"""A real Pebble behind a line that loses requests and answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from everleaf.challenges.listener import HttpListener
from everleaf.core.identifiers import parse
from everleaf.core.wanted import KeyType
from everleaf.demo.authority import LocalAuthority
from everleaf.errors import UnreachableError
from everleaf.pki.csr import csr
from everleaf.pki.keys import make
from everleaf.ports import Status
from support.faulty import Fault, Faulty, faulty
from support.loopback import free, until
from support.machine import issued
from support.pebble import authorize, issue, listener, pebble
from support.wire import MemoryAccounts, adapter


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAuthority]:
    """Refuses no good nonce, so that what is lost is what the test names."""
    with pebble(tmp_path_factory.mktemp("pebble"), bad_nonces=0) as one:
        yield one


@pytest.fixture
def name() -> str:
    return f"n{free()[0].replace('.', '-')}.test"


@pytest.fixture
def web(running: LocalAuthority, name: str) -> HttpListener:
    return listener(running, name)


@pytest.fixture
def proxy(running: LocalAuthority, tmp_path: Path) -> Iterator[Faulty]:
    with faulty(tmp_path / "proxy", running.directory, running.ca_file) as between:
        yield between


@pytest.mark.rule("ACME-1")
@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.LOST_ANSWER, Fault.HALF_AN_ANSWER])
def test_an_issuance_survives_one_loss_on_every_resource_that_may_be_asked_twice(
    proxy: Faulty, web: HttpListener, name: str, fault: Fault
) -> None:
    paths = ["/dir", "/nonce-plz", "/sign-me-up", "/authZ/", "/chalZ/", "/my-order/", "/certZ/"]
    proxy.faults = [(path, fault) for path in paths]
    got = issue(adapter(proxy.directory, proxy.ca_file), web, name)
    assert len(got.chain) == 2
    assert {path for path, _ in proxy.faults} <= {"/nonce-plz"}  # the directory brings a nonce


@pytest.mark.rule("ACME-4")
def test_acme_4_when_finalizes_answer_is_lost_the_order_says_that_it_was_issued(
    proxy: Faulty, running: LocalAuthority, web: HttpListener, name: str
) -> None:
    one = adapter(proxy.directory, proxy.ca_file)
    order = authorize(one, one.new_order([parse(name)], None), web)
    before = issued(running)
    proxy.faults = [("/finalize-order/", Fault.LOST_ANSWER)]
    with pytest.raises(UnreachableError):
        one.finalize(order, csr(make(KeyType.ECDSA_P256), order.identifiers))
    until("the order is valid", lambda: one.order(order.url).status is Status.VALID)
    assert one.certificate(one.order(order.url).certificate or "").count(b"BEGIN CERT") == 2
    assert issued(running) == before + 1


def test_when_new_orders_answer_is_lost_it_is_not_sent_again(proxy: Faulty, name: str) -> None:
    one = adapter(proxy.directory, proxy.ca_file)
    one.account()
    proxy.faults = [("/order-plz", Fault.LOST_ANSWER)]
    with pytest.raises(UnreachableError):
        one.new_order([parse(name)], None)
    assert proxy.paths("POST").count("/order-plz") == 1
    assert one.new_order([parse(name)], None).status is Status.PENDING


def test_an_issuance_keeps_one_connection_and_opens_one_for_each_request_with_an_effect(
    proxy: Faulty, web: HttpListener, name: str
) -> None:
    issue(adapter(proxy.directory, proxy.ca_file), web, name)
    effects = ("/order-plz", "/chalZ/", "/finalize-order/")
    own = [one.connection for one in proxy.seen if one.path.startswith(effects)]
    kept = {one.connection for one in proxy.seen if not one.path.startswith(effects)}
    assert len(own) == len(set(own)) == 3
    assert len(kept) == 1
    assert not kept & set(own)


def test_kept_connections_that_all_die_do_not_hinder_an_issuance(
    proxy: Faulty, web: HttpListener, name: str
) -> None:
    proxy.one_request_each = True
    assert issue(adapter(proxy.directory, proxy.ca_file), web, name).chain


def test_an_account_that_a_restarted_authority_forgot_is_opened_again(
    proxy: Faulty, tmp_path: Path, name: str
) -> None:
    accounts = MemoryAccounts()
    one = adapter(proxy.directory, proxy.ca_file, accounts=accounts)
    before = one.account()
    with pebble(tmp_path / "again") as restarted:
        proxy.upstream, proxy.upstream_ca = restarted.directory, restarted.ca_file
        assert one.new_order([parse(name)], None).status is Status.PENDING
        assert accounts.url == one.account() != before
