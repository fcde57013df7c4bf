"""Keys are never readable by others at any instant, and never in a log."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from everleaf.demo.authority import LocalAuthority
from support.machine import Machine, authority

CALLS = (
    "openat,open,creat,mkdir,mkdirat,chmod,fchmod,fchmodat,rename,renameat,renameat2,link,linkat"
)
SECRET = re.compile(r"privkey|combined|key\.pem|www\.pem|changed|EVERLEAF")
OPENED = re.compile(r'open(?:at)?\((?:[^"]*?, )?"([^"]+)", ([A-Z_|]+)(?:, 0(\d+))?\)\s+= \d+')
MADE = re.compile(r'mkdir(?:at)?\((?:[^"]*?, )?"([^"]+)", 0(\d+)\)\s+= 0')
CHANGED = re.compile(r'chmod(?:at)?\((?:\d+<([^>]+)>|(?:[^"]*?, )?"([^"]+)"), 0(\d+)')
RENAMED = re.compile(r'(?:rename|link)\w*\((?:[^"]*?, )?"([^"]+)", (?:[^"]*?, )?"([^"]+)"')


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAuthority]:
    with authority(tmp_path_factory.mktemp("pebble")) as one:
        yield one


@dataclass(slots=True)
class Trace:
    """What a traced run did to modes: every mode that a path ever had, by its last name."""

    modes: dict[str, list[int]] = field(default_factory=dict)
    folders: dict[str, list[int]] = field(default_factory=dict)

    def read(self, text: str) -> None:
        """Take the lines of strace in."""
        for line in text.splitlines():
            if (found := OPENED.search(line)) and "O_CREAT" in found[2] and found[3]:
                self.modes.setdefault(found[1], []).append(int(found[3], 8))
            elif found := MADE.search(line):
                self.folders.setdefault(found[1], []).append(int(found[2], 8))
            elif found := CHANGED.search(line):
                path, mode = found[1] or found[2], int(found[3], 8)
                kind = self.folders if path in self.folders else self.modes
                kind.setdefault(path, []).append(mode)
            elif found := RENAMED.search(line):
                for kind in (self.modes, self.folders):
                    if found[1] in kind:
                        kind[found[2]] = [*kind.get(found[2], []), *kind[found[1]]]


def strace() -> str:
    path = shutil.which("strace")
    if path is None:
        reason = "strace is not installed (Debian: apt-get install strace)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def configured(machine: Machine) -> None:
    (machine.folder / "copies").mkdir()
    machine.certificate(
        "www",
        f'names = ["{machine.name("www")}"]\nendpoints = []\n'
        f'copies = [{{ path = "{machine.folder}/copies/www.pem", kind = "combined" }}]',
    )
    machine.write()


def test_no_key_is_open_to_others_at_any_instant_under_umask_0(
    running: LocalAuthority, tmp_path: Path
) -> None:
    machine = Machine(tmp_path / "machine", running)
    configured(machine)
    log = tmp_path / "strace.log"
    for arguments in (["run"], ["run", "--force"]):
        everleaf = [sys.executable, "-m", "everleaf", "--config", str(machine.config), *arguments]
        traced = [strace(), "-f", "-y", "-qq", "-s", "4096", "-e", f"trace={CALLS}", "-o", str(log)]
        done = subprocess.run(
            [*traced, *everleaf], capture_output=True, text=True, check=False, umask=0, timeout=120
        )
        assert done.returncode == 0, done.stderr
        trace = Trace()
        trace.read(log.read_text("utf-8", errors="replace"))
        keys = {path: modes for path, modes in trace.modes.items() if SECRET.search(path)}
        assert any("privkey" in path for path in keys), sorted(trace.modes)
        assert any("www.pem" in path for path in keys), sorted(trace.modes)
        opened = {path: modes for path, modes in keys.items() if any(m & 0o077 for m in modes)}
        assert not opened, {path: [oct(mode) for mode in modes] for path, modes in opened.items()}
        private = [path for path in trace.folders if re.search(r"/(pending|accounts)/", path)]
        for path in private:
            assert not any(mode & 0o077 for mode in trace.folders[path]), path


def test_no_key_is_ever_in_a_log_or_in_the_history(running: LocalAuthority, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine", running)
    configured(machine)
    machine.write()
    command = [sys.executable, "-m", "everleaf", "--config", str(machine.config), "--verbose"]
    said = ""
    for form in ("text", "json"):
        done = subprocess.run(
            [*command, "--log-format", form, "run", "--force", "--json"],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        said += done.stdout + done.stderr
    said += machine.everleaf("history", "--json").out
    said += machine.state.joinpath("state.sqlite").read_bytes().decode("latin-1")
    keys = [*machine.state.rglob("privkey.pem"), *machine.state.rglob("key.pem")]
    assert len(keys) >= 3
    for path in keys:
        for line in path.read_text("ascii").splitlines()[1:-1]:
            assert line not in said, path
    assert "PRIVATE KEY" not in said
    assert "stage done" in said
