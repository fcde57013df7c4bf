"""http-01 by our own listener: one responder an address, open only while it is needed."""

import errno
import socket
import urllib.request
from urllib.error import HTTPError

import pytest

from everleaf.challenges.listener import HttpListener, HttpResponders
from everleaf.challenges.listening import NoIpv6Error, cannot
from everleaf.challenges.registry import build
from everleaf.core.identifiers import parse
from everleaf.core.job import Trace
from everleaf.errors import AuthorityError, OperatorError
from everleaf.ports import Challenge, Status
from support.loopback import Address, free, written

NAME = parse("a.test")
TOKEN = "token"


def challenge(token: str = TOKEN) -> Challenge:
    return Challenge(
        type="http-01",
        url="https://ca.test/c",
        status=Status.PENDING,
        token=token,
        key_authorization=f"{token}.thumb",
    )


def fetch(address: Address, token: str = TOKEN) -> str | int | None:
    """The body, the status of a refusal, or None where nobody listens."""
    url = f"http://{written(address)}/.well-known/acme-challenge/{token}"
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            text: str = response.read().decode()
            return text
    except HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return None


def present(solver: HttpListener, token: str = TOKEN) -> Trace:
    trace = solver.trace(NAME, challenge(token))
    solver.present(trace, challenge(token))
    return trace


def test_a_trace_is_computed_without_opening_anything() -> None:
    address = free()
    trace = HttpListener("web", [address]).trace(NAME, challenge())
    assert trace == Trace(solver="web", identifier="a.test", place="token")
    assert fetch(address) is None


def test_it_is_open_from_the_first_token_to_the_last() -> None:
    address = free()
    solver = HttpListener("web", [address])
    first, second = present(solver, "one"), present(solver, "two")
    assert (fetch(address, "one"), fetch(address, "two")) == ("one.thumb", "two.thumb")
    solver.remove(first)
    assert (fetch(address, "one"), fetch(address, "two")) == (404, "two.thumb")
    solver.remove(second)
    assert fetch(address, "two") is None


def test_it_can_be_opened_again() -> None:
    address = free()
    solver = HttpListener("web", [address])
    for token in ("one", "two", "one"):
        trace = present(solver, token)
        assert fetch(address, token) == f"{token}.thumb"
        solver.remove(trace)
        assert fetch(address, token) is None


def test_ipv4_and_ipv6_are_answered_side_by_side_on_one_port() -> None:
    port = free("::1")[1]
    addresses = [("127.0.0.1", port), ("::1", port)]
    solver = HttpListener("web", addresses)
    trace = present(solver)
    assert [fetch(one) for one in addresses] == ["token.thumb"] * 2
    solver.remove(trace)
    assert [fetch(one) for one in addresses] == [None, None]


def test_both_wildcards_go_together() -> None:
    port = free()[1]
    solver = HttpListener("web", [("0.0.0.0", port), ("::", port)])  # noqa: S104 - as the default
    trace = present(solver)
    assert fetch(("127.0.0.1", port)) == fetch(("::1", port)) == "token.thumb"
    solver.remove(trace)


def test_two_solvers_share_one_port() -> None:
    address = free()
    one, two = HttpListener("one", [address]), HttpListener("two", [address])
    first, second = present(one, "first"), present(two, "second")
    assert fetch(address, "second") == "second.thumb"
    one.remove(first)
    assert fetch(address, "second") == "second.thumb"
    two.remove(second)
    assert fetch(address) is None


def test_a_token_that_two_certificates_share_stays_until_both_are_done() -> None:
    address = free()
    solver = HttpListener("web", [address])
    first, second = present(solver), present(solver)
    solver.remove(first)
    assert fetch(address) == "token.thumb"
    solver.remove(second)
    assert fetch(address) is None


def test_removing_what_is_not_there_does_nothing() -> None:
    address = free()
    solver = HttpListener("web", [address])
    solver.remove(Trace(solver="web", identifier="a.test", place="token"))
    trace = present(solver)
    solver.remove(Trace(solver="web", identifier="b.test", place="other"))
    assert fetch(address) == "token.thumb"
    solver.remove(trace)
    solver.remove(trace)


def test_another_process_has_nothing_to_remove() -> None:
    address = free()
    mine = HttpListener("web", [address])
    trace = present(mine)
    HttpListener("web", [address], HttpResponders()).remove(trace)
    assert fetch(address) == "token.thumb"
    mine.remove(trace)


def test_a_port_that_is_taken_is_the_operators_fault_and_leaves_nothing_open() -> None:
    good, taken = free(), free()
    with socket.create_server(taken):
        solver = HttpListener("web", [good, taken])
        with pytest.raises(OperatorError) as caught:
            present(solver)
    fault = caught.value.fault
    assert (fault.code, fault.where) == ("port-taken", written(taken))
    assert "ss -ltnp" in fault.remedy
    assert "webroot" in fault.remedy
    assert fetch(good) is None


def test_an_address_of_another_machine_is_the_operators_fault() -> None:
    with pytest.raises(OperatorError) as caught:
        present(HttpListener("web", [("192.0.2.1", 8080)]))
    assert caught.value.fault.where == "192.0.2.1:8080"


def test_a_port_that_is_not_allowed_is_the_operators_fault() -> None:
    error = cannot(("::", 80), PermissionError(errno.EACCES, "Permission denied"))
    assert isinstance(error, OperatorError)
    assert (error.fault.code, error.fault.where) == ("port-forbidden", "[::]:80")
    assert "CAP_NET_BIND_SERVICE" in error.fault.remedy
    assert "webroot" in error.fault.remedy


@pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_a_machine_without_ipv6_is_told_apart_for_the_wildcard_alone(number: int) -> None:
    error = OSError(number, "no")
    assert isinstance(cannot(("::", 80), error), NoIpv6Error)
    assert isinstance(cannot(("2001:db8::1", 80), error), OperatorError)


class Ipv4Only(HttpResponders):
    """The responders of a machine without IPv6."""

    def add(self, address: Address, key: str, response: str, holder: str = "") -> bool:
        if ":" in address[0]:
            raise cannot(address, OSError(errno.EAFNOSUPPORT, "no IPv6"))
        return super().add(address, key, response, holder)


def test_without_ipv6_the_wildcard_is_left_out_in_silence() -> None:
    port = free()[1]
    solver = HttpListener("web", [("0.0.0.0", port), ("::", port)], Ipv4Only())  # noqa: S104
    trace = present(solver)
    assert fetch(("127.0.0.1", port)) == "token.thumb"
    solver.remove(trace)
    assert fetch(("127.0.0.1", port)) is None


def test_without_ipv6_the_wildcard_alone_is_a_fault() -> None:
    with pytest.raises(NoIpv6Error):
        present(HttpListener("web", [("::", free()[1])], Ipv4Only()))


def test_a_token_that_is_not_base64url_is_refused() -> None:
    with pytest.raises(AuthorityError, match="base64url"):
        HttpListener("web", [free()]).trace(NAME, challenge("../x"))


def test_the_registry_builds_it() -> None:
    address = free()
    solver = build("http-01", "web", listen=[address])
    assert isinstance(solver, HttpListener)
    trace = present(solver)
    assert fetch(address) == "token.thumb"
    solver.remove(trace)


def test_the_registry_names_what_it_has() -> None:
    with pytest.raises(OperatorError) as caught:
        build("dns-02", "web")
    assert {"http-01", "webroot", "tls-alpn-01"} <= set(
        caught.value.fault.remedy.removeprefix("Choose one of ").split(", ")
    )
