"""What every `Lock` keeps: the state directory's, and the fake."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from everleaf.errors import LockedError
from everleaf.ports import Lock
from everleaf.system.clock import SystemClock
from everleaf.system.lock import FileLock
from fakes.lock import MemoryLock

Another = Callable[[], Lock]


@pytest.fixture(params=["file", "memory"])
def another(request: pytest.FixtureRequest, tmp_path: Path) -> Another:
    """The same lock, as another run opens it."""
    if request.param == "file":
        return lambda: FileLock(tmp_path / "state", SystemClock())
    world = MemoryLock().world
    return lambda: MemoryLock(world)


def test_one_holds_it_and_the_other_is_refused(another: Another) -> None:
    with another().held():
        with pytest.raises(LockedError):
            another().held().__enter__()
        with pytest.raises(LockedError):
            another().held().__enter__()


def test_it_is_free_afterwards(another: Another) -> None:
    one = another()
    for _ in range(2):
        with one.held():
            pass
    with another().held():
        pass


def test_it_is_free_after_an_error(another: Another) -> None:
    with pytest.raises(KeyError), another().held():
        raise KeyError
    with another().held():
        pass


HOLD = """
import sys, time
from pathlib import Path
from everleaf.system.clock import SystemClock
from everleaf.system.lock import FileLock
with FileLock(Path(sys.argv[1]), SystemClock()).held():
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_holder_is_named_and_ends_with_its_process(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        lock = FileLock(tmp_path, SystemClock())
        with pytest.raises(LockedError, match=rf"process {process.pid} on .*, since 20") as caught:
            lock.held().__enter__()
        assert caught.value.fault.where == str(tmp_path / "lock")
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        with lock.held():
            pass


@pytest.mark.parametrize("content", ["", "{}", "junk\n", '{"pid": 1}'])
def test_a_holder_that_did_not_say_who_it_is_is_refused_all_the_same(
    tmp_path: Path, content: str
) -> None:
    lock = FileLock(tmp_path, SystemClock())
    with lock.held():
        tmp_path.joinpath("lock").write_text(content)
        with pytest.raises(LockedError, match="did not say who it is"):
            FileLock(tmp_path, SystemClock()).held().__enter__()
