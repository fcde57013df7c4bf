"""The look before an order: whether our own TLS responder is found where authorities look."""

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from everleaf.challenges.alpn import AlpnListener, AlpnResponders
from everleaf.challenges.outlook import Outlook
from everleaf.challenges.registry import build
from everleaf.core.identifiers import parse
from everleaf.demo.listener import make_listener_certificate
from everleaf.errors import OperatorError
from everleaf.ports import Challenge, Concern, Status
from everleaf.system.clock import SystemClock
from support.handshakes import PROTOCOL, shake
from support.loopback import Address, free
from support.talkers import response, talking

NAME = parse("a.test")


def alpn(address: Address, *hosts: str, limit: float = 5.0) -> AlpnListener:
    """A solver at `address`; every name is published at `hosts`, or there."""
    outlook = Outlook(addresses=lambda _: hosts or [address[0]], port=address[1], limit=limit)
    return AlpnListener(
        "alpn", [address], SystemClock(), responders=AlpnResponders(), outlook=outlook
    )


def only(concerns: Sequence[Concern]) -> Concern:
    (one,) = concerns
    return one


def listens(address: Address) -> bool:
    try:
        socket.create_connection(address, timeout=10).close()
    except ConnectionRefusedError:
        return False
    return True


def context(folder: Path, *protocols: str) -> ssl.SSLContext:
    """Another server's."""
    certificate, key, _ = make_listener_certificate(folder)
    one = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    one.load_cert_chain(certificate, key)
    if protocols:
        one.set_alpn_protocols(list(protocols))
    return one


@contextmanager
def presented(solver: AlpnListener, name: str) -> Iterator[None]:
    """A challenge's response stands for the length of a block."""
    one = Challenge(
        type="tls-alpn-01", url="", status=Status.PENDING, token="t", key_authorization="t.thumb"
    )
    trace = solver.trace(parse(name), one)
    solver.present(trace, one)
    try:
        yield
    finally:
        solver.remove(trace)


@pytest.fixture
def address() -> Address:
    return free()


@pytest.fixture
def other(address: Address) -> Address:
    """Where somebody else listens."""
    return free()[0], address[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_nothing_is_said_where_the_responder_is_found_and_nothing_is_left_open(host: str) -> None:
    address = free(host)
    assert alpn(address).inspect([NAME, parse("b.test"), parse(host)]) == ()
    assert not listens(address)


def test_without_an_outlook_nothing_is_looked_at(address: Address) -> None:
    with socket.create_server(address):
        assert AlpnListener("alpn", [address], SystemClock()).inspect([NAME]) == ()


def test_an_address_where_nobody_listens_is_named(address: Address, other: Address) -> None:
    concern = only(alpn(address, address[0], other[0]).inspect([NAME]))
    assert (concern.identifier, concern.code) == ("a.test", "unreachable")
    assert concern.what == f"a.test at {other[0]}, port {other[1]}: connection refused"


def test_a_web_server_that_does_not_speak_the_protocol_is_said(
    address: Address, other: Address, tmp_path: Path
) -> None:
    with talking(other, lambda _: b"", context(tmp_path)):
        concern = only(alpn(address, other[0]).inspect([NAME]))
    assert concern.code == "wrong-response"
    assert concern.what.endswith(f"port {other[1]}: the server there does not speak acme-tls/1")
    assert "acme-tls/1" in concern.remedy


def test_another_certificate_is_said(address: Address, other: Address, tmp_path: Path) -> None:
    with talking(other, lambda _: b"", context(tmp_path, PROTOCOL)):
        concern = only(alpn(address, other[0]).inspect([NAME]))
    assert concern.code == "wrong-response"
    assert "another certificate" in concern.what


def test_the_handshakes_own_error_is_said(address: Address, other: Address) -> None:
    elsewhere = AlpnListener("other", [other], SystemClock(), responders=AlpnResponders())
    with presented(elsewhere, "b.test"):
        concern = only(alpn(address, other[0]).inspect([NAME]))
    assert concern.code == "wrong-response"
    assert "the TLS handshake failed: TLSV1_UNRECOGNIZED_NAME" in concern.what


def test_what_is_no_tls_is_said(address: Address, other: Address) -> None:
    with talking(other, lambda _: response("400 Bad Request")):
        concern = only(alpn(address, other[0], limit=0.3).inspect([NAME]))
    # This server waits for the end of a request that never comes.
    assert concern.what.endswith(": timed out")
    assert concern.code == "unreachable"


def test_a_port_that_is_taken_is_a_concern_for_every_identifier(address: Address) -> None:
    with socket.create_server(address):
        found = alpn(address).inspect([NAME, parse("b.test")])
    assert [(one.identifier, one.code) for one in found] == [
        ("a.test", "port-taken"),
        ("b.test", "port-taken"),
    ]


def test_a_name_that_an_order_is_answering_for_is_left_alone(
    address: Address, other: Address
) -> None:
    solver = alpn(address, address[0], other[0])
    with presented(solver, "a.test"):
        before = shake(address, "a.test", PROTOCOL).certificate
        found = solver.inspect([NAME, parse("b.test")])
        assert [one.identifier for one in found] == ["b.test"]
        assert shake(address, "a.test", PROTOCOL).certificate == before


def test_the_registry_hands_on_how_authorities_look(address: Address) -> None:
    def nowhere(name: str) -> Sequence[str]:
        raise OperatorError(f"the name {name} does not exist", code="unresolved")

    solver = build(
        "tls-alpn-01",
        "alpn",
        listen=[address],
        clock=SystemClock(),
        addresses=nowhere,
        port=address[1],
    )
    assert only(solver.inspect([NAME])).code == "unresolved"
    solver.settle([])
