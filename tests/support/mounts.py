"""Small disks that can be filled and made read-only, in a mount namespace that nobody else sees."""

import ctypes
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from threading import Thread
from typing import ParamSpec

import pytest

from support.servers import need

_NEW_MOUNTS = 0x20000
_PAGE = os.sysconf("SC_PAGESIZE")

P = ParamSpec("P")


def apart(test: Callable[P, None]) -> Callable[P, None]:
    """Run a test in a thread with mounts of its own, and so all that it starts; only for root.

    What is mounted inside is gone with the last process that was started there.
    """

    @wraps(test)
    def inside(*args: P.args, **kwargs: P.kwargs) -> None:
        raised: list[BaseException] = []

        def run() -> None:
            try:
                _leave()
                test(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - raised where the test is waited for
                raised.append(error)

        thread = Thread(target=run)
        thread.start()
        thread.join()
        if raised:
            raise raised[0]

    return inside


def _leave() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_MOUNTS):
        reason = f"no mounts of one's own here, without root: {os.strerror(ctypes.get_errno())}"
        if os.environ.get("CI") and os.geteuid() == 0:
            pytest.fail(reason)
        pytest.skip(reason)
    _mount("--make-rprivate", "/")


def _mount(*arguments: str) -> None:
    subprocess.run([need("mount"), *arguments], check=True, capture_output=True, text=True)


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system in memory, mounted at `path`; only within `apart`."""

    path: Path

    @classmethod
    def at(cls, path: Path, mode: str = "755") -> "Disk":
        """Mount a new one of two megabytes."""
        path.mkdir(parents=True, exist_ok=True)
        _mount("-t", "tmpfs", "-o", f"size=2m,mode={mode}", "tmpfs", str(path))
        return cls(path)

    @property
    def filler(self) -> Path:
        """What takes up the room."""
        return self.path / "filler"

    def fill(self, left: int = 0) -> None:
        """Take up all room but `left` pages: a small file takes one."""
        with self.filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(_PAGE))
            except OSError:
                pass
            file.truncate(max(0, file.tell() - left * _PAGE))

    def clear(self) -> None:
        """Give the room back."""
        self.filler.unlink()

    def close(self) -> None:
        """Make it read-only."""
        _mount("-o", "remount,ro", str(self.path))

    def open(self) -> None:
        """Make it writable again."""
        _mount("-o", "remount,rw", str(self.path))
