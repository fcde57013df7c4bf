"""The adapter and the solvers on a real Pebble, with nothing of everleaf above them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import urllib3

from everleaf.ca.authority import AcmeAuthority
from everleaf.ca.session import Post
from everleaf.challenges.listener import HttpListener
from everleaf.challenges.webroot import Webroot
from everleaf.core.identifiers import parse
from everleaf.core.wanted import KeyType
from everleaf.demo.authority import LocalAuthority
from everleaf.errors import Actor, AuthorityError, OperatorError
from everleaf.pki.certificates import facts
from everleaf.pki.csr import csr
from everleaf.pki.keys import make
from everleaf.ports import Status
from support.loopback import free
from support.pebble import adapter_of, authorize, issue, listener, pebble, point
from support.wire import MemoryAccounts, Turning, adapter


@pytest.fixture
def name() -> str:
    return f"n{free()[0].replace('.', '-')}.test"


@pytest.fixture
def one(running: LocalAuthority) -> AcmeAuthority:
    return adapter_of(running)


@pytest.fixture
def web(running: LocalAuthority, name: str) -> HttpListener:
    return listener(running, name)


@pytest.mark.rule("ACME-1")
def test_acme_1_an_issuance_succeeds_where_nine_of_ten_nonces_are_refused(
    tmp_path: Path, name: str
) -> None:
    with pebble(tmp_path, bad_nonces=90) as running:
        clock = Turning()
        patient = adapter(running.directory, running.ca_file, clock=clock)
        assert len(issue(patient, listener(running, name), name).chain) == 2
        assert len(clock.slept) > 10


@pytest.mark.rule("ACME-3")
def test_acme_3_an_order_whose_authorizations_are_valid_already_is_ready_at_once(
    tmp_path: Path, name: str
) -> None:
    with pebble(tmp_path, authorizations_reused=100) as running:
        one = adapter_of(running)
        issue(one, listener(running, name), name)
        again = one.new_order([parse(name)], None)
        assert again.status is Status.READY
        (url,) = again.authorizations
        assert one.authorization(url).status is Status.VALID


@pytest.mark.rule("ACME-2")
def test_acme_2_retry_after_of_orders_and_authorizations_is_a_time(
    tmp_path: Path, name: str
) -> None:
    options = {"retryAfter": {"authz": 7, "order": 9}}
    with pebble(tmp_path, options=options, validation_sleeps=2) as running:
        one, web = adapter_of(running), listener(running, name)
        order = authorize(one, one.new_order([parse(name)], None), web)
        now = datetime.now(UTC)
        after = one.finalize(order, csr(make(KeyType.ECDSA_P256), order.identifiers))
        assert after.retry_at is not None
        # Pebble says seconds or a date, as chance will have it.
        assert timedelta(seconds=7) < after.retry_at - now < timedelta(seconds=12)


@pytest.mark.rule("ACME-8")
def test_acme_8_terms_that_were_not_agreed_to_are_named(running: LocalAuthority) -> None:
    with pytest.raises(OperatorError) as caught:
        adapter(running.directory, running.ca_file, agreed=False).account()
    assert caught.value.fault.code == "terms-not-agreed"
    assert caught.value.fault.where.startswith("data:")


def test_an_account_is_found_again_by_its_key(running: LocalAuthority) -> None:
    accounts = MemoryAccounts()
    first = adapter(running.directory, running.ca_file, accounts=accounts).account()
    accounts.url = None
    again = adapter(running.directory, running.ca_file, accounts=accounts, agreed=False)
    assert again.account() == first == accounts.url


@pytest.mark.rule("ACME-9")
def test_external_account_binding_is_said_to_be_missing(tmp_path: Path) -> None:
    key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
    options = {
        "externalAccountBindingRequired": True,
        "externalAccountMACKeys": {"kid-1": key},
    }
    with pebble(tmp_path, options=options) as running, pytest.raises(OperatorError) as caught:
        adapter_of(running).account()
    assert caught.value.fault.code == "external-account-required"


def test_a_deactivated_account_is_refused_with_the_way_out(running: LocalAuthority) -> None:
    accounts = MemoryAccounts()
    one = adapter(running.directory, running.ca_file, accounts=accounts)
    post = Post(url=one.account(), payload={"status": "deactivated"}, doing="end the account")
    one._session.post(post, one._account.signer())
    accounts.url = None
    with pytest.raises(OperatorError, match="deactivated") as caught:
        adapter(running.directory, running.ca_file, accounts=accounts).account()
    assert "accounts/" in caught.value.fault.remedy


@pytest.mark.rule("ACME-6")
def test_acme_6_a_refused_name_comes_with_the_authoritys_words(tmp_path: Path) -> None:
    with pebble(tmp_path, options={"domainBlocklist": ["blocked.test"]}) as running:
        with pytest.raises(AuthorityError) as caught:
            adapter_of(running).new_order([parse("www.blocked.test")], None)
        assert caught.value.problem is not None
        assert caught.value.problem.kind == "rejectedIdentifier"
        assert caught.value.fault.actor is Actor.OPERATOR
        assert "blocked" in str(caught.value)


def test_an_address_is_an_identifier_like_a_name(
    running: LocalAuthority, one: AcmeAuthority
) -> None:
    host = free()[0]
    got = issue(one, HttpListener("web", [(host, running.http_port)]), host)
    assert facts(got.chain[0]).identifiers == (parse(host),)


def test_the_listener_answers_over_ipv6(
    running: LocalAuthority, one: AcmeAuthority, name: str
) -> None:
    body = json.dumps({"host": name, "addresses": ["::1"]}).encode()
    url = f"{running.dns_management}/add-aaaa"
    assert urllib3.request("POST", url, body=body, timeout=5).status == 200
    assert issue(one, HttpListener("web", [("::1", running.http_port)]), name).chain


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def web_server(root: Path, address: tuple[str, int]) -> Iterator[None]:
    server = ThreadingHTTPServer(address, partial(_Quiet, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_webroot_is_answered_by_the_web_server_there(
    running: LocalAuthority, one: AcmeAuthority, name: str, tmp_path: Path
) -> None:
    host = free()[0]
    point(running, name, host)
    with web_server(tmp_path, (host, running.http_port)):
        assert issue(one, Webroot("files", tmp_path), name).chain
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
