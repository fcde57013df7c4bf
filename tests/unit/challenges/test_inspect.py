"""The look before an order: whether our own http-01 responses arrive where authorities look."""

import errno
import os
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from everleaf.challenges.listener import HttpListener
from everleaf.challenges.outlook import Outlook, Sight, missed, survey
from everleaf.challenges.registry import build
from everleaf.challenges.webroot import Webroot
from everleaf.core.identifiers import Identifier, Kind, parse
from everleaf.demo.listener import make_listener_certificate
from everleaf.errors import Actor, EverleafError, Fault
from everleaf.ports import Challenge, Concern, Status
from support.loopback import Address, free, written
from support.talkers import dripping, response, talking

WELL_KNOWN = "/.well-known/acme-challenge/"
NAME = parse("a.test")


def published(names: Mapping[str, Sequence[str]]) -> Callable[[str], Sequence[str]]:
    """A resolver that knows these names; an address is its own answer."""

    def addresses(name: str) -> Sequence[str]:
        if parse(name).kind is Kind.IP:
            return [name]
        if name not in names:
            fault = Fault(
                actor=Actor.OPERATOR,
                code="unresolved",
                what=f"the name {name} does not exist",
                remedy="Mend it",
            )
            raise EverleafError(fault)
        return names[name]

    return addresses


def listener(
    address: Address, *hosts: str, limit: float = 5.0, **others: Sequence[str]
) -> HttpListener:
    """A solver at `address`; a.test is published at `hosts`, or there."""
    names: dict[str, Sequence[str]] = {"a.test": hosts or [address[0]]}
    names |= {name.replace("_", "."): places for name, places in others.items()}
    outlook = Outlook(addresses=published(names), port=address[1], limit=limit)
    return HttpListener("web", [address], outlook=outlook)


def only(concerns: Sequence[Concern]) -> Concern:
    (one,) = concerns
    return one


def listens(address: Address) -> bool:
    try:
        socket.create_connection(address, timeout=10).close()
    except ConnectionRefusedError:
        return False
    return True


def neighbour(address: Address) -> Address:
    """Another address with the same port."""
    return free()[0], address[1]


@pytest.fixture
def address() -> Address:
    return free()


def test_nothing_is_said_where_the_responder_is_found_and_nothing_is_left_open(
    address: Address,
) -> None:
    assert listener(address).inspect([NAME]) == ()
    assert not listens(address)


def test_without_an_outlook_nothing_is_looked_at(address: Address) -> None:
    with socket.create_server(address):
        assert HttpListener("web", [address]).inspect([NAME]) == ()


def test_no_identifiers_are_no_concern(address: Address) -> None:
    assert listener(address).inspect([]) == ()


def test_a_name_that_does_not_resolve_is_said(address: Address) -> None:
    concern = only(listener(address).inspect([NAME, parse("gone.test")]))
    assert (concern.identifier, concern.code) == ("gone.test", "unresolved")
    assert concern.what == "the name gone.test does not exist"
    assert "A or AAAA record" in concern.remedy


def test_each_published_address_is_looked_at_and_the_wrong_one_is_named(address: Address) -> None:
    other = neighbour(address)
    concern = only(listener(address, address[0], other[0]).inspect([NAME]))
    assert (concern.identifier, concern.code) == ("a.test", "unreachable")
    assert concern.what == f"a.test at {other[0]}, port {other[1]}: connection refused"
    assert concern.remedy
    assert not listens(address)


def test_another_server_that_does_not_know_the_token_is_said(address: Address) -> None:
    other = neighbour(address)
    with talking(other, lambda _: response("404 Not Found")):
        concern = only(listener(address, other[0]).inspect([NAME]))
    assert concern.code == "wrong-response"
    assert concern.what.endswith(f"{other[0]}, port {other[1]}: HTTP status 404")
    assert "webroot" in concern.remedy


def test_another_body_is_shown_as_it_begins(address: Address) -> None:
    other = neighbour(address)
    with talking(other, lambda _: response("200 OK", b"<html>parked" + b"x" * 10000)):
        concern = only(listener(address, other[0]).inspect([NAME]))
    assert concern.code == "wrong-response"
    assert "b'<html>parked" in concern.what
    assert len(concern.what) < 200


def test_white_space_after_the_response_is_no_concern(address: Address) -> None:
    solver = listener(address, "127.0.0.1")
    shown: list[str] = []

    def present(trace: Any, challenge: Challenge) -> None:
        HttpListener.present(solver, trace, challenge)
        shown.append(challenge.key_authorization)

    solver.present = present  # type: ignore[method-assign]
    with talking(
        ("127.0.0.1", address[1]), lambda _: response("200 OK", f"{shown[0]}\r\n".encode())
    ):
        assert solver.inspect([NAME]) == ()


def test_a_server_that_stays_silent_is_not_waited_for_for_ever(address: Address) -> None:
    other = neighbour(address)
    with socket.create_server(other):
        concern = only(listener(address, other[0], limit=0.2).inspect([NAME]))
    assert concern.code == "unreachable"
    assert concern.what.endswith(": timed out")


def test_a_server_that_never_ends_is_not_waited_for_for_ever(address: Address) -> None:
    other = neighbour(address)
    with dripping(other):
        concern = only(listener(address, other[0], limit=0.3).inspect([NAME]))
    assert concern.code == "unreachable"
    assert concern.what.endswith(": timed out")


def test_what_is_no_http_is_said(address: Address) -> None:
    other = neighbour(address)
    with talking(other, lambda _: b"SSH-2.0-OpenSSH_9\r\n"):
        concern = only(listener(address, other[0]).inspect([NAME]))
    assert concern.code == "wrong-response"
    assert "no HTTP" in concern.what


def test_the_name_goes_with_the_request(address: Address) -> None:
    other = neighbour(address)
    with talking(other, lambda _: response("404 Not Found")) as heads:
        listener(address, other[0]).inspect([NAME])
    (head,) = heads
    first, *lines = head.split("\r\n")
    assert first.startswith(f"GET {WELL_KNOWN}")
    assert first.endswith(" HTTP/1.1")
    assert f"Host: a.test:{address[1]}" in lines
    assert any(line.startswith("User-Agent: everleaf/") for line in lines)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_address_is_its_own(host: str) -> None:
    address = free(host)
    assert listener(address).inspect([parse(host)]) == ()
    with talking(address, lambda _: response("404 Not Found")) as heads:
        other = HttpListener(
            "web", [free()], outlook=Outlook(addresses=published({}), port=address[1])
        )
        assert only(other.inspect([parse(host)])).identifier == host
    assert f"Host: {written(address)}" in heads[0]


def to(url: str, status: str = "302 Found") -> bytes:
    return response(status, location=url)


def path_of(head: str) -> str:
    return head.split(" ")[1]


@pytest.mark.parametrize("status", ["301 x", "302 x", "307 x", "308 x"])
def test_a_redirect_is_followed_to_another_host(address: Address, status: str) -> None:
    other = neighbour(address)
    solver = listener(address, other[0], www_test=[address[0]])
    with talking(other, lambda head: to(f"http://www.test:{address[1]}{path_of(head)}", status)):
        assert solver.inspect([NAME]) == ()


def test_a_redirect_to_https_is_followed_whatever_its_certificate(
    address: Address, tmp_path: Path
) -> None:
    other, secure = neighbour(address), free()
    certificate, key, _ = make_listener_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    solver = listener(address, other[0], www_test=[address[0]], tls_test=[secure[0]])
    with (
        talking(other, lambda head: to(f"https://tls.test:{secure[1]}{path_of(head)}")),
        talking(
            secure, lambda head: to(f"http://www.test:{address[1]}{path_of(head)}"), context
        ) as heads,
    ):
        assert solver.inspect([NAME]) == ()
    assert f"Host: tls.test:{secure[1]}" in heads[0]


def hops(address: Address, other: Address, many: int) -> tuple[Concern, ...]:
    """What is said where one is sent on so many times before the response."""
    left = many

    def answer(head: str) -> bytes:
        nonlocal left
        left -= 1
        # A relative one is relative to what was asked for.
        return to(f"http://www.test:{address[1]}{path_of(head)}" if not left else path_of(head))

    with talking(other, answer):
        return listener(address, other[0], www_test=[address[0]]).inspect([NAME])


def test_ten_redirects_are_followed_and_no_more(address: Address) -> None:
    other = neighbour(address)
    assert hops(address, other, 10) == ()
    concern = only(hops(address, other, 11))
    assert concern.code == "wrong-response"
    assert "more than 10 times" in concern.what


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://a.test/x", "'ftp://a.test/x'"),
        ("http://[::x/", "'http://[::x/'"),
        ("http://a.test:99999/", "'http://a.test:99999/'"),
        ("http://gone.test/", "gone.test: the name gone.test does not exist"),
    ],
)
def test_a_redirect_that_leads_nowhere_is_named(address: Address, url: str, words: str) -> None:
    other = neighbour(address)
    with talking(other, lambda _: to(url)):
        concern = only(listener(address, other[0]).inspect([NAME]))
    assert concern.code == "wrong-response"
    assert words in concern.what


@pytest.mark.parametrize("status", ["303 See Other", "300 Multiple Choices"])
def test_other_redirects_are_not_followed(address: Address, status: str) -> None:
    other = neighbour(address)
    with talking(other, lambda head: to(f"http://www.test:{address[1]}{path_of(head)}", status)):
        concern = only(listener(address, other[0], www_test=[address[0]]).inspect([NAME]))
    assert f"HTTP status {status[:3]}" in concern.what


def test_where_one_was_led_to_is_named(address: Address) -> None:
    other = neighbour(address)
    place = f"http://www.test:{other[1]}/elsewhere"
    with talking(
        other,
        lambda head: to(place) if WELL_KNOWN in head else response("403 Forbidden"),
    ):
        concern = only(listener(address, other[0], www_test=[other[0]]).inspect([NAME]))
    assert concern.what.endswith(f"HTTP status 403 from {place}")


def test_a_port_that_is_taken_is_a_concern_for_every_identifier(address: Address) -> None:
    with socket.create_server(address):
        found = listener(address, b_test=["127.0.0.1"]).inspect([NAME, parse("b.test")])
    assert [(one.identifier, one.code) for one in found] == [
        ("a.test", "port-taken"),
        ("b.test", "port-taken"),
    ]
    assert all(written(address) in one.what and "ss -ltnp" in one.remedy for one in found)


def test_a_response_that_stands_there_goes_on_standing(address: Address) -> None:
    solver = listener(address)
    one = Challenge(
        type="http-01", url="", status=Status.PENDING, token="t", key_authorization="t.thumb"
    )
    trace = solver.trace(NAME, one)
    solver.present(trace, one)
    assert solver.inspect([NAME]) == ()
    assert listens(address)
    solver.remove(trace)
    assert not listens(address)


def test_all_are_looked_at_side_by_side() -> None:
    meeting = threading.Barrier(20, timeout=10)

    def look(_one: Identifier, _address: str) -> Sight:
        meeting.wait()
        return Sight()

    names = [parse(f"n{number}.test") for number in range(10)]
    outlook = Outlook(addresses=lambda _: ["192.0.2.1", "192.0.2.2"], port=80)
    assert survey(names, outlook, look, "") == ()


def test_concerns_come_in_the_order_of_the_identifiers() -> None:
    names = [parse(f"n{number}.test") for number in range(40)]
    outlook = Outlook(addresses=lambda name: [f"{name}-1", f"{name}-2"], port=80)
    found = survey(names, outlook, lambda _, address: Sight(words=address, answered=True), "")
    assert [one.what.rpartition(" ")[2] for one in found] == [
        f"{name}-{number}" for name in names for number in (1, 2)
    ]


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
def test_an_address_to_which_this_machine_has_no_route_is_no_concern(number: int) -> None:
    outlook = Outlook(addresses=lambda _: ["2001:db8::1"], port=80)
    error = OSError(number, "no")
    assert survey([NAME], outlook, lambda *_: missed(error), "") == ()
    refused = OSError(errno.ECONNREFUSED, "no")
    assert len(survey([NAME], outlook, lambda *_: missed(refused), "")) == 1


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        return


def inspected(root: Path, served: Path) -> tuple[Concern, ...]:
    """What a webroot solver says whose web server serves this folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(served))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            outlook = Outlook(
                addresses=published({"a.test": ["127.0.0.1"]}), port=server.server_port
            )
            return Webroot("files", root, outlook).inspect([NAME])
        finally:
            server.shutdown()
            thread.join()


def files(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_a_webroot_that_is_served_is_no_concern_and_is_left_empty(tmp_path: Path) -> None:
    assert inspected(tmp_path, tmp_path) == ()
    assert files(tmp_path) == []


def test_a_webroot_that_is_not_the_servers_is_said(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    concern = only(inspected(tmp_path, other))
    assert concern.code == "wrong-response"
    assert "HTTP status 404" in concern.what
    assert str(tmp_path / ".well-known/acme-challenge") in concern.remedy
    assert files(tmp_path) == []


def test_a_webroot_that_is_not_there_is_a_concern(tmp_path: Path) -> None:
    concern = only(inspected(tmp_path / "gone", tmp_path))
    assert concern.code == "no-webroot"
    assert "gone" in concern.what


def test_what_a_killed_look_left_goes_with_the_next_one_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / ".well-known/acme-challenge"
    folder.mkdir(parents=True)
    old, fresh = folder / "everleaf-check-0a", folder / "everleaf-check-0b"
    half, response_ = folder / ".everleaf-check-0c.new", folder / "token"
    for path in (old, fresh, half, response_):
        path.write_text("x")
    for path in (old, half, response_):
        os.utime(path, (0, 0))
    assert inspected(tmp_path, tmp_path) == ()
    assert files(tmp_path) == ["everleaf-check-0b", "token"]


def test_the_registry_hands_on_how_authorities_look(address: Address, tmp_path: Path) -> None:
    addresses = published({})
    more: dict[str, object] = {"addresses": addresses, "port": address[1]}
    for solver in (
        build("http-01", "web", listen=[address], **more),
        build("webroot", "files", path=tmp_path, **more),
    ):
        assert only(solver.inspect([NAME])).code == "unresolved"
        assert solver.binds_account is False
        solver.settle([])
