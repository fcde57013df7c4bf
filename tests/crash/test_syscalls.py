"""Killed before every system call that changes the disk during a renewal, and at random moments."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crash.killer import kind
from crash.scene import Killer, Scene, killer, scene
from everleaf.demo.authority import LocalAuthority
from support.machine import authority
from support.ptrace import CALLS
from support.servers import need

ALL = os.environ.get("EVERLEAF_CRASH") == "all"
SHARDS = 2
STEP = 1 if ALL else 13
MOMENTS = 150 if ALL else 5  # in each shard
ENOUGH = 5  # that are wrong
# Others that would change the disk; should they come into use, strace tells.
UNUSED = (
    "open", "openat2", "creat", "mknod", "mknodat", "lchown", "fchmodat2", "utimes", "futimesat",
    "pwritev", "pwritev2", "copy_file_range", "io_uring_setup",
)  # fmt: skip

Say = Callable[[str, object], None]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAuthority]:
    # Every renewal validates: none profits from the one before.
    environment = {"PEBBLE_AUTHZREUSE": "0"}
    with authority(tmp_path_factory.mktemp("pebble"), environment=environment) as one:
        yield one


@pytest.fixture(scope="module")
def driver() -> Iterator[Killer]:
    with killer() as one:
        yield one


@pytest.fixture(scope="module")
def one(
    tmp_path_factory: pytest.TempPathFactory, running: LocalAuthority, driver: Killer
) -> Iterator[Scene]:
    """After as many renewals as versions are kept: from now on each is like the others."""
    with scene(tmp_path_factory.mktemp("crash") / "machine", running) as made:
        for _ in range(3):
            made.make_due()
            done = driver.run(made.machine.config)
            assert done["status"] == 0, made.log()
        yield made


def after_a_kill(one: Scene, driver: Killer) -> list[str]:
    """What is wrong after a kill, and after the run that follows it."""
    wrong = [f"after the kill: {what}" for what in one.harm()]
    done = driver.run(one.machine.config)
    if done["status"] != 0:
        wrong.append(f"the next run came to {done['status']}")
    return wrong + [f"after the next run: {what}" for what in one.harm() + one.lack()]


def numbered(kinds: list[str]) -> list[tuple[str, int]]:
    """Each call as the how manyeth of its kind it is."""
    count: Counter[str] = Counter()
    points = []
    for one in kinds:
        count[one] += 1
        points.append((one, count[one]))
    return points


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_run_killed_before_any_change_of_the_disk_is_completed_by_the_next(
    shard: int, one: Scene, driver: Killer, record_property: Say
) -> None:
    begun = time.monotonic()
    one.make_due()
    whole = driver.run(one.machine.config, count=True)
    assert (whole["status"], one.lack()) == (0, []), one.log()
    calls = Counter(call.partition(" ")[0] for call in whole["calls"])
    assert {"openat", "write", "pwrite64", "fsync", "rename", "symlink", "unlink"} <= set(calls)
    points = numbered(whole["calls"])[shard * STEP :: SHARDS * STEP]
    wrong: list[str] = []
    missed = 0
    for call, number in points:
        one.make_due()
        killed = driver.run(one.machine.config, call=call, time=number)
        # Other pages of the database may have changed, or an authorization been valid already.
        missed += killed["status"] == 0 and (call, number) not in numbered(killed["calls"])
        what = after_a_kill(one, driver)
        if killed["status"] not in (0, -signal.SIGKILL):
            what.append(f"the run came to {killed['status']}")
        if what:
            wrong += [f"{call} ({number}): {'; '.join(what)}", one.log()]
        if len(wrong) > 2 * ENOUGH:
            break
    seconds = time.monotonic() - begun
    listed = ", ".join(f"{name} {count}" for name, count in sorted(calls.items()))
    record_property(
        "said",
        f"kill matrix, part {shard + 1} of {SHARDS}: {len(points) - missed} kills in"
        f" {seconds:.0f} s, of {len(whole['calls'])} system calls ({listed})",
    )
    assert not wrong, os.linesep.join(wrong)
    assert missed * 4 <= len(points), f"{missed} of {len(points)} calls were not met again"


def strace(one: Scene, log: Path) -> list[str]:
    """The same kinds of calls of one run, as strace saw them."""
    names = ",".join(f"?{name}" for name in (*UNUSED, *(call.name for call in CALLS)))
    traced = [need("strace"), "-f", "-y", "-qq", "-s", "0", "-e", f"trace={names}", "-o", str(log)]
    everleaf = [sys.executable, "-m", "everleaf", "--config", str(one.machine.config), "run"]
    done = subprocess.run([*traced, *everleaf], capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    found = []
    for line in log.read_text("utf-8").splitlines():
        begun = re.match(r"\d+ +(\w+)\((.*)", line)
        if begun is None or ("open" in begun[1] and not re.search("O_CREAT|O_TRUNC", line)):
            continue
        folder = re.match(r"\d+<([^>]*)>", begun[2])
        paths = re.findall(r'"([^"]+)"(?!\.\.\.)', begun[2])
        path = [*([folder[1]] if folder else []), *paths[:1]]
        if begun[1].startswith("symlink"):
            path = paths[1:]
        found.append(kind(one.machine.folder, begun[1], os.path.join(*path)))  # noqa: PTH118
    return found


def comparable(kinds: list[str]) -> dict[str, int]:
    """What is the same in every renewal: all, but of the database just that it is written."""
    inside = Counter(one for one in kinds if re.search(r" (state|copies|web)/", one))
    return {one: 1 if ".sqlite" in one else count for one, count in inside.items()}


def test_strace_sees_the_same_system_calls(one: Scene, driver: Killer, tmp_path: Path) -> None:
    ours, theirs = {"": 1}, {"": 2}
    for attempt in range(3):  # one order in a hundred gets an authorization that is valid already
        if ours == theirs:
            break
        one.make_due()
        ours = comparable(driver.run(one.machine.config, count=True)["calls"])
        one.make_due()
        theirs = comparable(strace(one, tmp_path / f"strace-{attempt}.log"))
        assert one.lack() == []
    assert ours == theirs


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_run_killed_at_any_moment_is_completed_by_the_next(
    shard: int, one: Scene, driver: Killer, record_property: Say
) -> None:
    begun, dice = time.monotonic(), random.Random(shard)  # noqa: S311 - no secret
    one.make_due()
    whole = driver.run(one.machine.config)
    assert whole["status"] == 0, one.log()
    wrong: list[str] = []
    killed = 0
    for _ in range(MOMENTS):
        one.make_due()
        moment = dice.uniform(0, whole["seconds"])
        killed += driver.run(one.machine.config, after=moment)["status"] == -signal.SIGKILL
        what = after_a_kill(one, driver)
        if what:
            wrong += [f"{moment:.3f} s: {'; '.join(what)}", one.log()]
        if len(wrong) > 2 * ENOUGH:
            break
    seconds = time.monotonic() - begun
    record_property(
        "said",
        f"random kills, part {shard + 1} of {SHARDS}: {killed} in {seconds:.0f} s",
    )
    assert not wrong, os.linesep.join(wrong)
    assert killed
