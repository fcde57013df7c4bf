"""Listeners of our own on a real Pebble: http-01 and tls-alpn-01, for names and for addresses."""

import json
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3

from everleaf.challenges.alpn import AlpnListener
from everleaf.challenges.listener import HttpListener
from everleaf.challenges.outlook import Outlook
from everleaf.challenges.shared import answering
from everleaf.challenges.webroot import Webroot
from everleaf.core.identifiers import parse
from everleaf.demo.authority import LocalAuthority
from everleaf.pki.certificates import facts
from everleaf.ports import Solver, Status
from everleaf.system.clock import SystemClock
from everleaf.tls.resolver import DnsResolver
from support.loopback import free
from support.pebble import adapter_of, authorize, issue, point


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of listener, and the port at which Pebble looks for it."""

    challenge: str
    make: Callable[[str, LocalAuthority], Solver]


def outlook(running: LocalAuthority, port: int) -> Outlook:
    return Outlook(addresses=DnsResolver([running.dns]).addresses, port=port)


def http(host: str, running: LocalAuthority) -> Solver:
    port = running.http_port
    return HttpListener("web", [(host, port)], outlook=outlook(running, port))


def alpn(host: str, running: LocalAuthority) -> Solver:
    port = running.tls_port
    return AlpnListener("alpn", [(host, port)], SystemClock(), outlook=outlook(running, port))


@pytest.fixture(params=[Kind("http-01", http), Kind("tls-alpn-01", alpn)])
def kind(request: pytest.FixtureRequest) -> Kind:
    one: Kind = request.param
    return one


@pytest.fixture
def name() -> str:
    return f"n{secrets.token_hex(4)}.test"


def check(running: LocalAuthority, kind: Kind, host: str, identifier: str) -> None:
    """No concern beforehand, a certificate for exactly this, and nothing to wait for later."""
    solver = kind.make(host, running)
    assert solver.types == (kind.challenge,)
    assert solver.inspect([parse(identifier)]) == ()
    got = issue(adapter_of(running), solver, identifier)
    assert facts(got.chain[0]).identifiers == (parse(identifier),)


def test_a_name_is_validated_over_ipv4(running: LocalAuthority, kind: Kind, name: str) -> None:
    host = free()[0]
    point(running, name, host)
    check(running, kind, host, name)


def test_a_name_is_validated_over_ipv6(running: LocalAuthority, kind: Kind, name: str) -> None:
    body = json.dumps({"host": name, "addresses": ["::1"]}).encode()
    url = f"{running.dns_management}/add-aaaa"
    assert urllib3.request("POST", url, body=body, timeout=5).status == 200
    solver = kind.make("::1", running)
    assert issue(adapter_of(running), solver, name).chain


def test_an_ipv4_address_is_validated(running: LocalAuthority, kind: Kind) -> None:
    host = free()[0]
    check(running, kind, host, host)


def test_an_ipv6_address_is_validated(running: LocalAuthority, kind: Kind) -> None:
    check(running, kind, "::1", "::1")


def test_several_names_are_validated_in_one_order(
    running: LocalAuthority, kind: Kind, name: str
) -> None:
    host = free()[0]
    names = [f"{label}.{name}" for label in ("a", "b", "c")]
    for one in names:
        point(running, one, host)
    got = issue(adapter_of(running), kind.make(host, running), *names, host)
    assert set(facts(got.chain[0]).identifiers) == {parse(one) for one in (*names, host)}


def test_two_orders_for_one_name_at_once_are_both_validated(
    running: LocalAuthority, kind: Kind, name: str
) -> None:
    host = free()[0]
    point(running, name, host)
    solver = kind.make(host, running)
    with ThreadPoolExecutor(4) as pool:
        orders = [pool.submit(issue, adapter_of(running), solver, name) for _ in range(4)]
        serials = {facts(one.result(60).chain[0]).serial for one in orders}
    assert len(serials) == 4


def test_a_listener_elsewhere_is_seen_beforehand_and_refused_by_the_authority(
    running: LocalAuthority, kind: Kind, name: str
) -> None:
    there, elsewhere = free()[0], free()[0]
    point(running, name, there)
    solver = kind.make(elsewhere, running)
    (concern,) = solver.inspect([parse(name)])
    assert (concern.identifier, concern.code) == (name, "unreachable")
    assert there in concern.what
    one = adapter_of(running)
    order = authorize(one, one.new_order([parse(name)], None), solver)
    assert order.status is Status.INVALID
    problems = [
        challenge.problem
        for challenge in one.authorization(order.authorizations[0]).challenges
        if challenge.problem
    ]
    assert there in problems[0].detail


def test_a_shared_responder_answers_for_a_webroot_that_no_web_server_knows(
    running: LocalAuthority, name: str, tmp_path: Path
) -> None:
    host = free()[0]
    point(running, name, host)
    solver = Webroot("files", tmp_path, outlook(running, running.http_port))
    with answering(tmp_path, [(host, running.http_port)]):
        assert solver.inspect([parse(name)]) == ()
        assert issue(adapter_of(running), solver, name).chain
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
