"""From another host: by `ssh -W` of OpenSSH, which carries one connection in its streams."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import BinaryIO

from everleaf.core.approach import Via
from everleaf.core.symptoms import Symptom
from everleaf.core.symptoms.connection import (
    CONNECTION_FAILED,
    CONNECTION_REFUSED,
    HOST_UNREACHABLE,
    TIMED_OUT,
    VANTAGE_FAILED,
)
from everleaf.core.wanted import join_port
from everleaf.system.process import end
from everleaf.tls.line.errors import LineError
from everleaf.tls.line.talk import Deadline, shown

_OPTIONS = (
    "BatchMode=yes",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "UpdateHostKeys=no",
    "ControlMaster=no",
    "ControlPath=none",
    "ConnectionAttempts=1",
    "LogLevel=DEBUG2",  # says when the connection on the other side stands
)
_KEPT = ("HOME", "KRB5CCNAME", "LOGNAME", "PATH", "SSH_AUTH_SOCK", "USER")
_STANDS = b"open confirm"
_DEBUG = re.compile(r"debug[1-3]: |OpenSSH_|Authenticated to |Transferred: |Bytes per second: ")
_AFTERWORD = "stdio forwarding failed"
_LAST = 8192
_GRACE = 2.0

# What ssh says of the server, and not of the host in between.
_OF_THE_SERVER: tuple[tuple[str, Symptom], ...] = (
    ("open failed: connect failed: Connection refused", CONNECTION_REFUSED),
    ("open failed: connect failed: Connection timed out", TIMED_OUT),
    ("open failed: connect failed: No route to host", HOST_UNREACHABLE),
    ("open failed: connect failed: Network is unreachable", HOST_UNREACHABLE),
    ("open failed: connect failed", CONNECTION_FAILED),
)


@contextmanager
def through_ssh(via: Via, host: str, port: int, deadline: Deadline) -> Iterator[socket.socket]:
    """A connection to a host from another one, and the end of the ssh that carries it.

    Raises:
        LineError: ssh cannot be used, or does not reach the host.
    """
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = _started(_command(via, host, port, deadline), via, theirs)
        words = _Words(process)
        try:
            if not words.stand(deadline):
                raise _failure(via, words.told())
            yield ours
        finally:
            ours.close()
            end(process)
            words.close()


def _command(via: Via, host: str, port: int, deadline: Deadline) -> list[str]:
    limit = max(1, round(deadline.left()))
    options = [f"-o{one}" for one in (*_OPTIONS, f"ConnectTimeout={limit}")]
    user = ["-l", via.user] if via.user else []
    identity = ["-oIdentitiesOnly=yes", "-i", str(via.identity)] if via.identity else []
    there = ["-p", str(via.port), "-W", join_port(host, port), "--", via.host]
    return ["ssh", *options, *user, *identity, *there]


def _started(command: list[str], via: Via, end: socket.socket) -> "subprocess.Popen[bytes]":
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    program = shutil.which(command[0])
    if program is None:
        raise LineError(f"{via} cannot be used: ssh is not installed here", VANTAGE_FAILED)
    try:
        return subprocess.Popen(
            [program, *command[1:]],
            stdin=end.fileno(),
            stdout=end.fileno(),
            stderr=subprocess.PIPE,
            env={**environment, "LC_ALL": "C"},
            start_new_session=True,
        )
    except OSError as error:
        words = f"{via} cannot be used: ssh does not start: {error.strerror}"
        raise LineError(words, VANTAGE_FAILED) from error


class _Words:
    """What ssh says, read as it comes, so that it never waits to be heard."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stderr is not None  # noqa: S101 - it was asked for
        self._stream = process.stderr
        self._heard = Event()
        self._stands = False
        self._last = b""
        self._reader = Thread(target=self._read, args=(self._stream,), daemon=True)
        self._reader.start()

    def stand(self, deadline: Deadline) -> bool:
        """Whether the connection on the other side stands; waits until that is known."""
        with suppress(TimeoutError):
            self._heard.wait(deadline.left())
        return self._stands

    def told(self) -> list[str]:
        """The lines that are meant for people; empty: nothing was heard in time."""
        if not self._heard.is_set():
            return []
        lines = self._last.decode("utf-8", "replace").splitlines()
        return [line for line in lines if line.strip() and not _DEBUG.match(line)] or ["no reason"]

    def close(self) -> None:
        """Hear the last of it; a process that left the session may still hold the other end."""
        self._reader.join(_GRACE)
        if not self._reader.is_alive():
            self._stream.close()

    def _read(self, stream: "BinaryIO") -> None:
        while line := stream.readline(_LAST):
            self._last = (self._last + line)[-_LAST:]
            if _STANDS in line and line.startswith(b"debug2: channel"):
                self._stands = True
                self._heard.set()
        self._heard.set()


def _failure(via: Via, words: list[str]) -> LineError:
    if not words:
        return LineError(f"{via}, or the server behind it, gave no answer in time", TIMED_OUT)
    for text, symptom in _OF_THE_SERVER:
        for line in words:
            if text in line:
                reason = shown(line.encode())
                return LineError(f"{via} does not reach the server: {reason}", symptom)
    last = [line for line in words if line != _AFTERWORD] or words
    return LineError(f"{via} cannot be used: {shown(last[-1].encode())}", VANTAGE_FAILED)
