"""Running a program: no shell, an environment of its own, a time limit, its last words kept."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread

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
    with subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(environment),
        start_new_session=True,
        bufsize=0,
        close_fds=True,
    ) as process:
        kept = _Tail()
        reader = Thread(target=kept.read, args=(process,), daemon=True)
        writer = Thread(target=_feed, args=(process, stdin), daemon=True)
        reader.start()
        writer.start()
        status = _wait(process, limit, clock)
        # A grandchild that left the session may still hold the pipe.
        reader.join(1.0)
        return Ended(status=status, output=kept.text())


class _Tail:
    def __init__(self) -> None:
        self._bytes = b""

    def read(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        with suppress(OSError, ValueError):
            while chunk := os.read(process.stdout.fileno(), 4096):
                self._bytes = (self._bytes + chunk)[-KEPT:]

    def text(self) -> str:
        return self._bytes.decode("utf-8", errors="replace").strip()


def _feed(process: "subprocess.Popen[bytes]", stdin: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - it was asked for
    left = memoryview(stdin)
    with suppress(OSError, ValueError):
        while left:  # one that does not read to the end is no fault
            left = left[os.write(process.stdin.fileno(), left) :]
    with suppress(OSError):
        process.stdin.close()


def _wait(process: "subprocess.Popen[bytes]", limit: float, clock: Clock) -> int | None:
    end = clock.monotonic() + limit
    while True:
        left = end - clock.monotonic()
        try:
            return process.wait(max(0.0, min(_LOOK, left)))
        except subprocess.TimeoutExpired:
            pass
        if clock.monotonic() >= end:
            _end(process)
            return None
        if not clock.remaining():
            _end(process)
            raise EndOfTimeError("the run ended while a program of it was running")


def _end(process: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            continue
        break
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
