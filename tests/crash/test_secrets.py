"""Keys are never readable by others at any instant, and never in a log."""

import grp
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from everleaf.demo.authority import LocalAuthority
from support.machine import Machine, authority

CALLS = (
    "openat,open,creat,mkdir,mkdirat,chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,"
    "rename,renameat,renameat2,link,linkat"
)
SECRET = re.compile(r"privkey|combined|key\.pem|www\.pem")
PLACE = r'(?:\d+<([^>]+)>|(?:[^"]*?, )?"([^"]+)")'
OPENED = re.compile(r'open(?:at)?\((?:[^"]*?, )?"([^"]+)", ([A-Z_|]+)(?:, 0(\d+))?\)\s+= \d+')
MADE = re.compile(r'mkdir(?:at)?\((?:[^"]*?, )?"([^"]+)", 0(\d+)\)\s+= 0')
CHANGED = re.compile(rf"chmod(?:at)?\({PLACE}, 0(\d+)")
OWNED = re.compile(rf"chown(?:at)?\({PLACE}, (-?\d+), (-?\d+)")
RENAMED = re.compile(r'(?:rename|link)\w*\((?:[^"]*?, )?"([^"]+)", (?:[^"]*?, )?"([^"]+)"')
GROUP_BITS = 0o040
MADE_PRIVATE = '1 openat(5</s>, "/s/privkey.pem", O_WRONLY|O_CREAT, 0600) = 6</s/privkey.pem>'
LINES_OF_STRACE = (
    "1 fchmod(5</s/privkey.pem>, 0644) = 0",
    '1 chmod("/s/privkey.pem", 0644) = 0',
    '1 fchmodat(AT_FDCWD</>, "/s/privkey.pem", 0644) = 0',
    "1 fchown(5</s/privkey.pem>, -1, 7) = 0",
    '1 chown("/s/privkey.pem", 7, -1) = 0',
    '1 lchown("/s/privkey.pem", 7, -1) = 0',
    '1 fchownat(AT_FDCWD</>, "/s/privkey.pem", -1, 7, AT_SYMLINK_NOFOLLOW) = 0',
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAuthority]:
    with authority(tmp_path_factory.mktemp("pebble")) as one:
        yield one


@dataclass(frozen=True, slots=True)
class Instant:
    """Who owns a path, and who may read it: -1 is whoever made it."""

    mode: int
    uid: int = -1
    gid: int = -1

    def owned(self, uid: int, gid: int) -> "Instant":
        """The same after a chown, where -1 leaves it as it is."""
        return Instant(self.mode, self.uid if uid == -1 else uid, self.gid if gid == -1 else gid)


@dataclass(slots=True)
class Trace:
    """What a traced run did: every mode and owner that a path ever had, in their order."""

    files: dict[str, list[Instant]] = field(default_factory=dict)
    folders: dict[str, list[Instant]] = field(default_factory=dict)

    def read(self, text: str) -> None:
        """Take the lines of strace in."""
        for line in text.splitlines():
            if (found := OPENED.search(line)) and "O_CREAT" in found[2] and found[3]:
                self.files.setdefault(found[1], []).append(Instant(int(found[3], 8)))
            elif found := MADE.search(line):
                self.folders.setdefault(found[1], []).append(Instant(int(found[2], 8)))
            elif found := CHANGED.search(line):
                last = self._last(found[1] or found[2])
                self._add(found[1] or found[2], replace(last, mode=int(found[3], 8)))
            elif found := OWNED.search(line):
                last = self._last(found[1] or found[2])
                self._add(found[1] or found[2], last.owned(int(found[3]), int(found[4])))
            elif found := RENAMED.search(line):
                for kind in (self.files, self.folders):
                    if found[1] in kind:
                        kind[found[2]] = [*kind.get(found[2], []), *kind[found[1]]]

    def _last(self, path: str) -> Instant:
        known = self.files.get(path) or self.folders.get(path)
        return known[-1] if known else Instant(0o600)

    def _add(self, path: str, one: Instant) -> None:
        kind = self.folders if path in self.folders else self.files
        kind.setdefault(path, []).append(one)

    def keys(self) -> dict[str, list[Instant]]:
        """The files that hold a secret, or may."""
        return {path: known for path, known in self.files.items() if SECRET.search(path)}


def strace() -> str:
    path = shutil.which("strace")
    if path is None:
        reason = "strace is not installed (Debian: apt-get install strace)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def somebody() -> tuple[str, str]:
    """A user and a group that keys may be given to: others than root's, where root runs this."""
    if os.geteuid() == 0:
        return "daemon", "daemon"
    return pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name


def configured(machine: Machine) -> None:
    """A group for the keys, every kind of copy, and a hook that is called."""
    user, group = somebody()
    copies = machine.folder / "copies"
    copies.mkdir()
    hook = machine.folder / "hook"
    hook.write_text("#!/bin/sh\nexit 0\n", "ascii")
    hook.chmod(0o755)
    machine.sections["terminators.edge"] = f'hook = "{hook}"'
    machine.certificate(
        "www",
        f'names = ["{machine.name("www")}"]\nendpoints = []\nterminators = ["edge"]\n'
        f'group = "{group}"\ncopies = [\n'
        f'{{ path = "{copies}/www.pem", kind = "combined" }},\n'
        f'{{ path = "{copies}/theirs/www.pem", kind = "combined", mode = "0640", '
        f'owner = "{user}", group = "{group}" }},\n'
        f'{{ path = "{copies}/folder", kind = "directory", mode = "0640", group = "{group}" }},\n]',
    )
    copies.joinpath("theirs").mkdir()
    machine.write()


def traced(machine: Machine, log: Path, *arguments: str) -> Trace:
    """What one command does, under an umask that hides nothing."""
    everleaf = [sys.executable, "-m", "everleaf", "--config", str(machine.config), *arguments]
    under = [strace(), "-f", "-y", "-qq", "-s", "4096", "-e", f"trace={CALLS}", "-o", str(log)]
    done = subprocess.run(
        [*under, *everleaf], capture_output=True, text=True, check=False, umask=0, timeout=120
    )
    assert done.returncode == 0, done.stderr
    trace = Trace()
    trace.read(log.read_text("utf-8", errors="replace"))
    return trace


def test_no_key_is_open_to_others_at_any_instant_under_umask_0(
    running: LocalAuthority, tmp_path: Path
) -> None:
    machine = Machine(tmp_path / "machine", running)
    configured(machine)
    gid = grp.getgrnam(somebody()[1]).gr_gid
    for arguments in (["run"], ["run", "--force"]):
        trace = traced(machine, tmp_path / "strace.log", *arguments)
        keys = trace.keys()
        for kind in (
            "versions/.*privkey",
            r"copies/www\.pem",
            r"theirs/www\.pem",
            "folder/.*privkey",
        ):
            assert any(re.search(kind, path) for path in keys), (kind, sorted(trace.files))
        others = {path: known for path, known in keys.items() if any(i.mode & 0o007 for i in known)}
        assert not others
        early = {
            path: known
            for path, known in keys.items()
            if any(one.mode & GROUP_BITS and one.gid != gid for one in known)
        }
        assert not early, "its group may read it before it is the one that was asked for"
        given = {path for path, known in keys.items() if any(i.mode & GROUP_BITS for i in known)}
        assert not any(path.endswith("copies/www.pem") for path in given)
        assert any("/folder/" in path for path in given)
        assert any("theirs" in path for path in given)
        (told,) = [Path(path).parent for path in trace.files if path.endswith("/changed")][:1]
        for path in trace.folders:
            if re.search(r"/(pending|accounts)/", path) or path == str(told):
                assert not any(one.mode & 0o077 for one in trace.folders[path]), path
    assert machine.status("www")["terminators"] == [
        {"name": "edge", "version": machine.live("www").readlink().name}
    ]


@pytest.mark.parametrize("line", LINES_OF_STRACE)
def test_the_trace_sees_what_it_has_to(line: str) -> None:
    trace = Trace()
    trace.read(f"{MADE_PRIVATE}\n{line}")
    (known,) = trace.keys().values()
    assert known[-1] != Instant(0o600)


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
