"""The one lock of a state directory: flock, with the holder's name in the file."""

import fcntl
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from everleaf.errors import LockedError
from everleaf.ports import Clock
from everleaf.system import files


class FileLock:
    """`ports.Lock`: `lock` in the state directory.

    Args:
        state_dir: the state directory.
        clock: says since when.
        begun: called as soon as it is held.
    """

    def __init__(
        self, state_dir: Path, clock: Clock, begun: Callable[[], None] = lambda: None
    ) -> None:
        self._state_dir = state_dir
        self._clock = clock
        self._begun = begun

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it.

        Raises:
            LockedError: another run does; it says who, and since when.
        """
        path = self._state_dir / "lock"
        files.refuse_network(self._state_dir)
        files.folder(self._state_dir, 0o711)
        with files.told(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LockedError(_holder(file.read()), where=str(path)) from None
            since = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
            holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
            # The lock is held whatever the file says: a full disk is no reason to do nothing.
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, json.dumps(holder).encode() + b"\n", 0)
            try:
                self._begun()
                yield
            finally:
                with suppress(OSError):
                    os.ftruncate(descriptor, 0)


def _holder(text: str) -> str:
    try:
        one = json.loads(text)
        host = f" on {one['host']}" if "host" in one else ""
        return f"process {one['pid']}{host}, since {one['since']}"
    except (ValueError, KeyError, TypeError):
        return "a process that did not say who it is"
