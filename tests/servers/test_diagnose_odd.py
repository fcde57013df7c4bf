"""diagnose ends, and says something that holds, whatever a server does."""

import itertools
import random
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from everleaf.core.symptoms.table import ALL
from support.lineage import NAME, chain
from support.loopback import Address, free
from support.stubs import Act, answers, closes, stub
from support.tls_farm import Diagnosed, authority, diagnosed, kept, leaf, trusted

TOP, MIDDLE = authority(0), authority(1)
ROOT = TOP.below()
CODES = {one.code for one in ALL}


class Odd:
    """A certificate, and servers of Python's own that use it in odd ways."""

    def __init__(self, folder: Path) -> None:
        self.at: Address = free()
        self.roots = trusted(folder, ROOT)
        live = kept(folder / "live", chain(leaf(), MIDDLE, TOP)[:-1], leaf().key)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(live / "fullchain.pem", live / "privkey.pem")

    def then(self, act: Act) -> Act:
        """Shakes hands, then does this over TLS."""

        def secured(line: socket.socket) -> None:
            with suppress(OSError), self.context.wrap_socket(line, server_side=True) as channel:
                act(channel)

        return secured

    def look(self, act: Act, *options: str) -> Diagnosed:
        host, port = self.at
        with stub(self.at, act):
            return diagnosed(f"{NAME}:{port}", "--address", host, "--ca-file", self.roots, *options)


@pytest.fixture
def odd(tmp_path: Path) -> Odd:
    return Odd(tmp_path)


def test_a_server_that_lets_in_the_first_connection_only(odd: Odd) -> None:
    numbers = itertools.count()

    def act(line: socket.socket) -> None:
        (odd.then(closes) if next(numbers) == 0 else closes)(line)

    assert odd.look(act, "--timeout", "1s").faults == []


@pytest.mark.parametrize(
    "words", [b"", b"\x00" * 100, b"HTTP/1.1 "], ids=["nothing", "zeros", "half"]
)
def test_what_follows_the_handshake_is_no_http(odd: Odd, words: bytes) -> None:
    found = odd.look(odd.then(answers(words)))
    assert found.faults == []
    assert found.document["facts"][odd.at[0]]["http"]["words"]


@pytest.mark.parametrize("date", ["x", "Mon, 99 Foo 2026 99:99:99 GMT", "Thu, 01 Jan 1970", ""])
def test_a_date_that_is_none_tells_no_time(odd: Odd, date: str) -> None:
    answer = f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n"
    assert odd.look(odd.then(answers(answer.encode()))).faults == []


def test_a_server_that_speaks_one_byte_at_a_time_has_no_more_than_its_time(odd: Odd) -> None:
    def drip(line: socket.socket) -> None:
        line.recv(4096)
        line.settimeout(0.05)
        for one in itertools.cycle(bytes((22, 3, 3, 63, 255)) + b"\x00" * 1000):
            line.sendall(bytes((one,)))
            with suppress(TimeoutError):
                if not line.recv(4096):
                    return

    found = odd.look(drip, "--timeout", "1s")
    assert found.status == 1
    assert set(found.faults) <= CODES


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_answered_is_told_by_a_code(odd: Odd, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - what comes of a seed can be seen again
    words = dice.randbytes(dice.randint(0, 300))
    if seed % 2:
        words = bytes((dice.choice([20, 21, 22, 23]), 3, 3, 0, len(words) % 256)) + words
    found = odd.look(answers(words), "--timeout", "1s")
    assert found.status == 1
    assert set(found.faults) <= CODES
