"""`everleaf respond` as a process: what it answers, where, and how it ends."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.error import HTTPError

import pytest

from everleaf.challenges.webroot import Webroot
from everleaf.core.identifiers import parse
from everleaf.ports import Challenge, Status
from support.activated import start
from support.loopback import Address, free, until, written

PROGRAM = [sys.executable, "-m", "everleaf", "--config", "/nonexistent"]
RESPONSE = "token.thumb"

Process = subprocess.Popen[str]


@contextmanager
def responding(*arguments: str, handed: Sequence[socket.socket] = ()) -> Iterator[Process]:
    """A responder in the background; ended with the block, where it has not ended by itself."""
    with start([*PROGRAM, *arguments], handed) as process:
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def line_of(process: Process) -> str:
    """The line that it logs when it answers."""
    assert process.stderr is not None
    return process.stderr.readline()


def end_of(process: Process, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
    """Its exit status, and what it said after what has been read."""
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    return process.returncode, errors


def refused(*arguments: str) -> str:
    """What is said of a wrong command line."""
    done = subprocess.run(
        [*PROGRAM, "respond", *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def fetch(address: Address, path: str) -> str | int:
    try:
        with urllib.request.urlopen(f"http://{written(address)}{path}", timeout=10) as response:
            text: str = response.read().decode()
            return text
    except HTTPError as error:
        error.close()
        return error.code


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the webroot solver of another machine has written a response."""
    one = Challenge(
        type="http-01", url="", status=Status.PENDING, token="token", key_authorization=RESPONSE
    )
    solver = Webroot("files", tmp_path)
    solver.present(solver.trace(parse("a.test"), one), one)
    (tmp_path / "index.html").write_text("secret")
    return tmp_path


@pytest.fixture
def address() -> Address:
    return free()


def test_it_answers_everywhere_with_responses_and_nothing_else(
    root: Path, address: Address
) -> None:
    other = free("::1")
    listen = ["--listen", written(address), "--listen", written(other)]
    with responding("respond", str(root), *listen) as process:
        line = line_of(process)
        assert all(word in line for word in (str(root), written(address), written(other)))
        for place in (address, other):
            assert fetch(place, "/.well-known/acme-challenge/token") == RESPONSE
            for path in ("/", "/index.html", "/.well-known/acme-challenge/../../index.html"):
                assert fetch(place, path) == 404
        (root / ".well-known/acme-challenge/token").unlink()
        assert fetch(address, "/.well-known/acme-challenge/token") == 404
        assert end_of(process) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to_and_frees_the_port(
    root: Path, address: Address, number: signal.Signals
) -> None:
    with responding("respond", str(root), "--listen", written(address)) as process:
        line_of(process)
        assert end_of(process, number) == (0, "")
    socket.create_server(address).close()


def test_it_takes_the_sockets_that_it_was_started_with(root: Path, address: Address) -> None:
    listening = socket.create_server(address)
    with closing(listening), responding("respond", str(root), handed=[listening]) as process:
        assert written(address) in line_of(process)
        assert fetch(address, "/.well-known/acme-challenge/token") == RESPONSE
        assert end_of(process) == (0, "")


def test_a_socket_may_stand_beside_an_address_of_its_own(root: Path, address: Address) -> None:
    mine = free()
    listen = ["--listen", written(address), "--listen", written(mine)]
    listening = socket.create_server(address)
    with (
        closing(listening),
        responding("respond", str(root), *listen, handed=[listening]) as process,
    ):
        line_of(process)
        for place in (address, mine):
            assert fetch(place, "/.well-known/acme-challenge/token") == RESPONSE


def test_its_line_may_be_json(root: Path, address: Address) -> None:
    arguments = ["--log-format", "json", "respond", str(root), "--listen", written(address)]
    with responding(*arguments) as process:
        said = json.loads(line_of(process))
    assert (said["event"], said["listen"]) == ("answering", written(address))


def test_quiet_it_says_nothing(root: Path, address: Address) -> None:
    with responding("--quiet", "respond", str(root), "--listen", written(address)) as process:
        until("it answers", lambda: listens(address))
        assert end_of(process) == (0, "")


def listens(address: Address) -> bool:
    try:
        socket.create_connection(address, timeout=10).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_port_that_is_taken_is_said(root: Path, address: Address) -> None:
    with socket.create_server(address):
        said = refused(str(root), "--listen", written(address))
    assert "taken by another process" in said
    assert written(address) in said


def test_a_directory_that_is_not_there_is_said(tmp_path: Path, address: Address) -> None:
    said = refused(str(tmp_path / "gone"), "--listen", written(address))
    assert "gone" in said
    assert not listens(address)


@pytest.mark.parametrize("text", ["a.test:80", "127.0.0.1:0", "127.0.0.1:x", ""])
def test_what_is_no_address_is_said(root: Path, text: str) -> None:
    assert "--listen" in refused(str(root), "--listen", text)
