"""`everleaf demo`, as a stranger runs it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.loopback import until
from support.machine import programs

DEMO = [sys.executable, "-m", "everleaf", "demo"]


@pytest.fixture(autouse=True)
def pebble_is_here() -> None:
    programs()


def started(folder: Path) -> list[str]:
    """Command lines of running processes that mention a folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = place.read_bytes().replace(b"\0", b" ").decode("utf-8", errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


@pytest.mark.parametrize("option", [[], ["--own-server"]], ids=["nginx", "own"])
def test_the_demo_issues_and_renews_and_leaves_nothing(option: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [*DEMO, *option],
        env={"PATH": os.environ["PATH"], "HOME": str(Path.home()),
             "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    serials = re.findall(r"serial ([0-9a-f]+) is seen", done.stdout)
    assert len(set(serials)) == 2
    assert len(done.stdout.splitlines()) <= 12
    assert list(tmp_path.iterdir()) == []
    assert started(tmp_path) == []


def test_a_demo_that_is_told_to_stop_takes_everything_down(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(DEMO, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        until("it has begun", process.stdout.readline)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 143
    assert started(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
