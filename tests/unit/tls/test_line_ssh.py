"""An ssh that does what no test can make the real one do."""

import os
import shlex
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from everleaf.core.approach import Approach, Via, Way
from everleaf.core.symptoms.connection import TIMED_OUT, VANTAGE_FAILED
from everleaf.ports import Ask
from everleaf.tls.line import LineError, opened
from support.loopback import PATIENCE, until

STANDS = 'print("debug2: channel 0: open confirm rwindow 1 rmax 1", file=sys.stderr, flush=True)'
STAY = "time.sleep(600)"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


class Ssh:
    """A program of that name, in Python.

    Args:
        folder: for it, and for what it leaves.
        lines: what it does.
    """

    def __init__(self, folder: Path, *lines: str) -> None:
        self._notes = folder / "notes"
        program = folder / "ssh"
        note = f"open({str(self._notes)!r}, 'a').write(repr((os.getpid(), sys.argv)) + '\\n')"
        body = "\n".join(["import os, signal, subprocess, sys, time", note, *lines])
        script = folder / "ssh.py"
        script.write_text(body, "utf-8")
        command = shlex.join([sys.executable, "-I", str(script)])
        program.write_text(f'#!/bin/sh\nexec {command} "$@"\n', "utf-8")
        program.chmod(0o755)

    def calls(self) -> list[tuple[int, list[str]]]:
        """Process id and arguments of each call."""
        return [eval(line) for line in self._notes.read_text("utf-8").splitlines()]  # noqa: S307

    def is_over(self) -> bool:
        """Whether every call has ended."""
        for pid, _ in self.calls():
            with suppress(ProcessLookupError):
                os.kill(pid, 0)
                return False
        return True


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return folder


def ask(via: Via, address: str = "192.0.2.1") -> Ask:
    approach = Approach(via=via)
    return Ask(address=address, port=443, server_name="www.example.org", approach=approach)


VIA = Via(way=Way.SSH, host="far.example.org", port=22)


def failure(limit: float = PATIENCE) -> LineError:
    with pytest.raises(LineError) as caught, opened(ask(VIA), time.monotonic() + limit):
        pytest.fail("there was a way")
    return caught.value


def test_it_is_called_without_a_shell_and_asks_nobody(path: Path) -> None:
    ssh = Ssh(path, STANDS, STAY)
    via = Via(way=Way.SSH, host="-oProxyCommand=x", port=2222, user="joe", identity=Path("/a key"))
    with opened(ask(via, "2001:db8::1"), time.monotonic() + PATIENCE):
        ((_, arguments),) = ssh.calls()
    assert "-oBatchMode=yes" in arguments
    assert arguments[-2:] == ["--", "-oProxyCommand=x"]
    assert "-l joe -oIdentitiesOnly=yes -i /a key -p 2222 -W [2001:db8::1]:443" in " ".join(
        arguments
    )
    assert ssh.is_over()


def test_it_carries_bytes_both_ways(path: Path) -> None:
    Ssh(path, STANDS, "data = os.read(0, 5); os.write(1, data[::-1])", STAY)
    with opened(ask(VIA), time.monotonic() + PATIENCE) as line:
        line.sendall(b"hello")
        assert line.recv(5) == b"olleh"


def test_one_that_will_not_end_is_killed(path: Path) -> None:
    ssh = Ssh(path, DEAF, STANDS, STAY)
    with opened(ask(VIA), time.monotonic() + PATIENCE):
        pass
    assert ssh.is_over()


def test_what_it_has_started_to_get_through_ends_with_it(path: Path) -> None:
    child = f"subprocess.Popen([sys.executable, '-Ic', {STAY!r}])".replace(
        "'time", "'import time; time"
    )
    Ssh(path, f"child = {child}", "print(child.pid, flush=True)", STANDS, STAY)
    with opened(ask(VIA), time.monotonic() + PATIENCE) as line:
        pid = int(line.recv(20))
        assert Path(f"/proc/{pid}").exists()
    until("its child has ended", lambda: not _runs(pid))


def _runs(pid: int) -> bool:
    """Whether it does; one that has ended may wait for init to take notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").split()[2] != "Z"
    except OSError:
        return False


def test_one_that_says_nothing_is_given_up_in_time(path: Path) -> None:
    ssh = Ssh(path, STAY)
    assert failure(3.0).code == TIMED_OUT.code
    assert ssh.is_over()


def test_words_without_end_are_not_kept(path: Path) -> None:
    Ssh(path, "sys.stderr.write('x' * (1 << 22)); sys.exit(255)")
    error = failure()
    assert error.code == VANTAGE_FAILED.code
    assert len(str(error)) < 300


def test_one_that_goes_without_a_word_has_no_reason(path: Path) -> None:
    Ssh(path, "sys.exit(255)")
    assert "no reason" in str(failure())


def test_its_last_words_are_those_that_are_told(path: Path) -> None:
    words = (
        "debug1: x\\r\\nbanner\\r\\njoe@far: Permission denied.\\r\\nstdio forwarding failed\\r\\n"
    )
    Ssh(path, f"sys.stderr.write('{words}'); sys.exit(255)")
    assert str(failure()) == f"{VIA} cannot be used: 'joe@far: Permission denied.'"
