"""Listening sockets that the process was started with, given to real processes."""

import os
import socket
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import pytest

from everleaf.challenges.activation import handed
from support.activated import start
from support.handshakes import PROTOCOL, shake
from support.loopback import Address, free, written

PROGRAM = """
import sys
from everleaf.challenges.registry import build
from everleaf.core.identifiers import parse
from everleaf.errors import EverleafError
from everleaf.ports import Challenge, Status
from everleaf.system.clock import SystemClock
kind, *addresses = sys.argv[1:]
listen = [(host, int(port)) for host, _, port in (one.rpartition(":") for one in addresses)]
more = {"clock": SystemClock()} if kind == "tls-alpn-01" else {}
solver = build(kind, "web", listen=listen, **more)
for line in sys.stdin:
    verb, token = line.split()
    one = Challenge(type=kind, url="", status=Status.PENDING, token=token,
                    key_authorization=token + ".thumb")
    trace = solver.trace(parse("a.test"), one)
    try:
        solver.present(trace, one) if verb == "present" else solver.remove(trace)
        print("done", flush=True)
    except EverleafError as error:
        print(error.fault.code, flush=True)
"""


class Child:
    """A process with a solver; what it is told, and what it says to that."""

    def __init__(
        self, kind: str, sockets: Sequence[socket.socket], *listen: Address, pid: str
    ) -> None:
        places = [f"{host}:{port}" for host, port in listen]
        self._process = start([sys.executable, "-c", PROGRAM, kind, *places], sockets, pid)

    def tell(self, verb: str, token: str = "token") -> str:  # noqa: S107
        given, said = self._process.stdin, self._process.stdout
        assert given is not None
        assert said is not None
        given.write(f"{verb} {token}\n")
        given.flush()
        return said.readline().strip()

    def end(self) -> None:
        _, errors = self._process.communicate(timeout=20)
        assert errors == ""
        assert self._process.returncode == 0


@contextmanager
def child(
    kind: str, sockets: Sequence[socket.socket], *listen: Address, pid: str = ""
) -> Iterator[Child]:
    one = Child(kind, sockets, *listen, pid=pid)
    try:
        yield one
    finally:
        one.end()


def fetch(address: Address, token: str = "token") -> str:  # noqa: S107
    url = f"http://{written(address)}/.well-known/acme-challenge/{token}"
    with urllib.request.urlopen(url, timeout=10) as response:
        text: str = response.read().decode()
        return text


@pytest.fixture
def address() -> Address:
    return free()


@pytest.fixture
def listening(address: Address) -> Iterator[socket.socket]:
    with closing(socket.create_server(address)) as one:
        yield one


def test_a_socket_at_the_address_is_used_and_used_again(
    listening: socket.socket, address: Address
) -> None:
    with child("http-01", [listening], address) as one:
        for token in ("first", "second"):
            assert one.tell("present", token) == "done"
            assert fetch(address, token) == f"{token}.thumb"
            assert one.tell("remove", token) == "done"


def test_it_stays_open_when_the_last_response_is_gone(
    listening: socket.socket, address: Address
) -> None:
    with child("http-01", [listening], address) as one:
        one.tell("present", "first")
        one.tell("remove", "first")
        # Nobody answers, but nobody is turned away either: the next response is for this one too.
        with socket.create_connection(address, timeout=10) as line:
            line.sendall(b"GET /.well-known/acme-challenge/second HTTP/1.1\r\n\r\n")
            one.tell("present", "second")
            assert line.recv(4096).endswith(b"second.thumb")


def test_one_for_both_kinds_of_address_takes_the_place_of_two() -> None:
    port = free("::1")[1]
    both = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    with closing(both), child("http-01", [both], ("0.0.0.0", port), ("::", port)) as one:  # noqa: S104
        assert one.tell("present") == "done"
        for host in ("127.0.0.1", "::1"):
            for _ in range(5):
                assert fetch((host, port)) == "token.thumb"
        assert one.tell("remove") == "done"
        assert one.tell("present") == "done"


def test_a_wildcard_takes_connections_to_a_single_address(address: Address) -> None:
    port = address[1]
    with (
        closing(socket.create_server(("0.0.0.0", port))) as wide,  # noqa: S104
        child("http-01", [wide], address) as one,
    ):
        assert one.tell("present") == "done"
        assert fetch(address) == "token.thumb"


def test_the_right_one_is_found_among_others(listening: socket.socket, address: Address) -> None:
    with (
        closing(socket.create_server(free())) as other,
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as datagrams,
        closing(socket.socket(socket.AF_UNIX)) as local,
        child("http-01", [other, datagrams, local, listening], address) as one,
    ):
        assert one.tell("present") == "done"
        assert fetch(address) == "token.thumb"


def test_one_that_does_not_listen_is_not_used(address: Address) -> None:
    with closing(socket.socket()) as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        silent.bind(("0.0.0.0", address[1]))  # noqa: S104
        with child("http-01", [silent], address) as one:
            assert one.tell("present") == "done"
            assert fetch(address) == "token.thumb"


def test_one_for_ipv6_alone_is_not_used_for_ipv4(address: Address) -> None:
    port = address[1]
    narrow = socket.create_server(("::", port), family=socket.AF_INET6)
    with closing(narrow), child("http-01", [narrow], address) as one:
        assert one.tell("present") == "done"
        assert fetch(address) == "token.thumb"


def test_tls_alpn_01_takes_one_too(listening: socket.socket, address: Address) -> None:
    with child("tls-alpn-01", [listening], address) as one:
        assert one.tell("present") == "done"
        assert shake(address, "a.test", PROTOCOL).protocol == PROTOCOL


def test_what_was_handed_to_another_process_is_left_alone(
    listening: socket.socket, address: Address
) -> None:
    with child("http-01", [listening], address, pid="1") as one:
        assert one.tell("present") == "port-taken"


@pytest.mark.parametrize("count", ["", "x", "-1"])
def test_nonsense_in_the_environment_is_no_socket(count: str) -> None:
    assert handed({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count}) == ()
    assert handed({"LISTEN_FDS": "1"}) == handed({}) == ()
