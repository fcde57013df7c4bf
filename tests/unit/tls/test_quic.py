"""A look over QUIC, at a server of aioquic's: the chain as sent, and why there is none."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aioquic.asyncio.server import serve
from aioquic.quic.configuration import QuicConfiguration
from cryptography.hazmat.primitives.asymmetric import rsa

from everleaf.core import approach as core
from everleaf.core.approach import Approach
from everleaf.ports import Ask, Seen
from everleaf.tls.probe import TlsProbe
from support.certs import Authority, Pair
from support.loopback import Address, free
from support.starttls import written

NAME = "www.a.test"
ECDSA = Authority().issue(NAME)
RSA = Authority().issue(NAME, key=rsa.generate_private_key(65537, 2048))


@contextmanager
def serving(folder: Path, pair: Pair, protocol: str = "h3") -> Iterator[Address]:
    """A server of QUIC on loopback."""
    address, live = free(), written(pair, folder)
    configuration = QuicConfiguration(is_client=False, alpn_protocols=[protocol])
    configuration.load_cert_chain(live / "fullchain.pem", live / "privkey.pem")
    loop, ready = asyncio.new_event_loop(), threading.Event()
    over = asyncio.Event()

    async def work() -> None:
        server = await serve(*address, configuration=configuration)
        ready.set()
        await over.wait()
        server.close()

    thread = threading.Thread(target=loop.run_until_complete, args=(work(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield address
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()


def look(address: Address, timeout: float = 10, **more: object) -> Seen:
    host, port = address
    ask = Ask(address=host, port=port, server_name=NAME, approach=Approach(http3=True), **more)  # type: ignore[arg-type]
    return TlsProbe().look(ask, timeout)


@pytest.mark.parametrize("pair", [ECDSA, RSA], ids=["ecdsa", "rsa"])
def test_the_chain_is_seen_as_sent_and_trusted_by_nobody(tmp_path: Path, pair: Pair) -> None:
    with serving(tmp_path, pair) as address:
        for _ in range(3):
            assert look(address) == Seen(chain=tuple(pair.chain))


def test_only_one_kind_of_key_will_do_where_that_is_said(tmp_path: Path) -> None:
    for pair, own, other in ((ECDSA, "ecdsa", "rsa"), (RSA, "rsa", "ecdsa")):
        with serving(tmp_path / own, pair) as address:
            assert look(address, key_kind=own).chain == tuple(pair.chain)
            seen = look(address, key_kind=other)
            assert (seen.chain, seen.code) == ((), "no-common-cipher")


def test_a_server_without_http3_is_told_so(tmp_path: Path) -> None:
    with serving(tmp_path, ECDSA, "doq") as address:
        seen = look(address)
    assert seen.chain == ()
    assert "application protocols" in seen.words


def test_nobody_there_is_told_at_once() -> None:
    seen = look(free())
    assert (seen.chain, seen.code) == ((), "connection-refused")
    assert seen.words.startswith("over QUIC: ")


def test_silence_costs_no_more_than_the_limit() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(free())
        seen = look(line.getsockname(), timeout=0.3)
    assert (seen.code, seen.words) == ("timed-out", "over QUIC: no answer in time")


def test_what_is_no_quic_is_no_answer() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(free())
        thread = threading.Thread(target=lambda: babble(line))
        thread.start()
        seen = look(line.getsockname(), timeout=1)
        thread.join(10)
    assert (seen.chain, seen.code) == ((), "timed-out")


def babble(line: socket.socket) -> None:
    line.settimeout(10)
    _, sender = line.recvfrom(65536)
    for size in (0, 1, 7, 21, 1200):
        for first in (0x00, 0x40, 0x80, 0xC0, 0xFF):
            line.sendto(bytes([first]) * size, sender)


def test_a_client_certificate_that_cannot_be_read_is_told_so(tmp_path: Path) -> None:
    missing = core.Pair(certificate=tmp_path / "none.pem", key=tmp_path / "none.key")
    seen = look(free(), client=missing)
    assert seen.chain == ()
    assert "none.pem" in seen.words


def test_without_aioquic_the_extra_is_named_and_nothing_else_needs_it() -> None:
    code = (
        "import sys; sys.modules['aioquic'] = None\n"
        "from everleaf.core.approach import Approach\n"
        "from everleaf.ports import Ask\n"
        "from everleaf.tls.probe import TlsProbe\n"
        "ask = Ask(address='127.0.0.1', port=1, server_name='a', approach=Approach(http3=True))\n"
        "print(TlsProbe().look(ask, 1).words)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "everleaf[http3]"' in done.stdout


def test_a_look_over_tcp_imports_no_quic() -> None:
    code = (
        "import sys\nfrom everleaf.ports import Ask\nfrom everleaf.tls.probe import TlsProbe\n"
        "TlsProbe().look(Ask(address='127.0.0.1', port=1, server_name='a'), 1)\n"
        "print([one for one in ('aioquic', 'OpenSSL', 'cryptography') if one in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
