"""Running a program: no shell, an environment of its own, a time limit, its last words kept."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import BinaryIO

from everleaf.errors import EndOfTimeError
from everleaf.ports import Clock

KEPT = 8192
_GRACE = 5.0
_LOOK = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What came of a program. `status`: None where it was ended for taking too long."""

    status: int | None
    output: str


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    limit: float,
    clock: Clock,
    stdin: bytes = b"",
) -> Ended:
    """Run a program to its end, both of its outputs kept together, the last 8 KiB of them.

    It has a session of its own, which is ended as a whole: asked first, killed after five
    seconds; also when the run is told to stop.

    Raises:
        OSError: it cannot be started.
    """
    with (
        _file(stdin) as given,
        subprocess.Popen(
            list(command),
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
            close_fds=True,
        ) as process,
    ):
        kept = _Tail(process)
        reader = Thread(target=kept.read, daemon=True)
        reader.start()
        status = _wait(process, limit, clock)
        # A grandchild that left the session may still hold the pipe.
        reader.join(1.0)
        return Ended(status=status, output=kept.text())


def _file(content: bytes) -> BinaryIO:
    """What a program reads: a file in memory, so that nobody waits for it to read to the end."""
    file = open(os.memfd_create("stdin"), "w+b")  # noqa: PTH123, SIM115 - a descriptor, closed by the caller
    file.write(content)
    file.seek(0)
    return file


class _Tail:
    """Reads through a descriptor of its own: that of the process may be closed, and used again."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        self._descriptor = os.dup(process.stdout.fileno())
        self._bytes = b""

    def read(self) -> None:
        try:
            while chunk := os.read(self._descriptor, 4096):
                self._bytes = (self._bytes + chunk)[-KEPT:]
        finally:
            os.close(self._descriptor)

    def text(self) -> str:
        return self._bytes.decode("utf-8", errors="replace").strip()


def _wait(process: "subprocess.Popen[bytes]", limit: float, clock: Clock) -> int | None:
    over = clock.monotonic() + limit
    while True:
        left = over - clock.monotonic()
        try:
            return process.wait(max(0.0, min(_LOOK, left)))
        except subprocess.TimeoutExpired:
            pass
        if clock.monotonic() >= over:
            end(process)
            return None
        if not clock.remaining():
            end(process)
            raise EndOfTimeError("the run ended while a program of it was running")


def end(process: "subprocess.Popen[bytes]", grace: float = _GRACE) -> None:
    """End a process group: asked to, and after `grace` seconds without asking.

    Args:
        process: its leader.
        grace: what a leader that was asked to end is waited for.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            continue
        break
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
