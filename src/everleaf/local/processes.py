"""The running servers of this machine, found in /proc (proc(5))."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_PROC = Path("/proc")
_TITLE = "nginx: master process "


class Kind(StrEnum):
    """Servers that are known here."""

    NGINX = "nginx"
    HAPROXY = "haproxy"
    APACHE = "Apache"


_KINDS = {
    "nginx": Kind.NGINX,
    "openresty": Kind.NGINX,
    "haproxy": Kind.HAPROXY,
    "apache2": Kind.APACHE,
    "httpd": Kind.APACHE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process.

    Attributes:
        command: its arguments, without the program.
        title: the whole command line, which nginx writes anew.
        started: seconds since the epoch, to a hundredth.
    """

    pid: int
    parent: int
    name: str
    command: tuple[str, ...]
    title: str
    started: float

    @property
    def place(self) -> Path:
        """Its folder in /proc."""
        return _PROC / str(self.pid)

    @property
    def folder(self) -> str:
        """Its working directory; `/` where that may not be known."""
        try:
            return str((self.place / "cwd").readlink())
        except OSError:
            return "/"

    def sees(self, path: str) -> bool:
        """Whether it has the same file under this path as we; yes where that may not be known.

        One that went into a chroot after it had read its files has none of them there.
        """
        inside = Path(f"{self.place}/root{path}")
        try:
            return inside.samefile(path)
        except PermissionError:
            return True
        except OSError:
            return not os.path.exists(inside) and self._shares_mounts()  # noqa: PTH110 - never raises

    def _shares_mounts(self) -> bool:
        try:
            mine, own = Path("/proc/self/ns/mnt").readlink(), (self.place / "ns/mnt").readlink()
        except OSError:
            return True
        return mine == own

    def setting(self, name: str) -> str:
        """One variable of its environment; empty: it is not set, or may not be read."""
        with suppress(OSError):
            for one in (self.place / "environ").read_bytes().split(b"\0"):
                key, _, value = one.partition(b"=")
                if os.fsdecode(key) == name:
                    return os.fsdecode(value)
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server: its first process, and those that this one started."""

    kind: Kind
    master: Process
    workers: tuple[Process, ...]

    def __str__(self) -> str:
        """As it is called in a diagnosis."""
        return f"{self.kind} (pid {self.master.pid})"


def running(below: int | None = None) -> tuple[Running, ...]:
    """All servers, in the order of their process ids.

    Args:
        below: only this process and its descendants; None: all of the machine.
    """
    known = {one.pid: one for one in _processes()}
    servers = {pid: one for pid, one in known.items() if _is_server(one)}
    return tuple(
        Running(
            kind=_KINDS[one.name],
            master=one,
            workers=tuple(other for other in servers.values() if other.parent == one.pid),
        )
        for pid, one in sorted(servers.items())
        if _is_master(one, servers) and (below is None or _is_below(one, below, known))
    )


def _is_server(one: Process) -> bool:
    """By its name, and its program's where that may be known: others are called httpd as well."""
    if one.name not in _KINDS:
        return False
    try:
        program = (one.place / "exe").readlink().name
    except OSError:
        return True
    return program.removesuffix(" (deleted)") in _KINDS


def _is_master(one: Process, servers: dict[int, Process]) -> bool:
    """Its parent is none of the same name; or nginx is being upgraded, and both have workers.

    A worker that was just started is called like its master for a moment.
    """
    above = servers.get(one.parent)
    if above is None or above.name != one.name:
        return True
    return one.title.startswith(_TITLE) and any(
        other.parent == one.pid for other in servers.values()
    )


def _is_below(one: Process, root: int, known: dict[int, Process]) -> bool:
    at: Process | None = one
    while at is not None and at.pid != root:
        at = known.get(at.parent)
    return at is not None


def _processes() -> Iterator[Process]:
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    tick = os.sysconf("SC_CLK_TCK")
    for place in _PROC.glob("[0-9]*"):
        try:
            stat = (place / "stat").read_text("utf-8", "replace")
            words = (place / "cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        name, _, rest = stat.partition("(")[2].rpartition(")")
        fields = rest.split()
        if fields[0] not in "ZX":
            yield Process(
                pid=int(place.name),
                parent=int(fields[1]),
                name=name,
                command=_arguments(words),
                title=os.fsdecode(words.replace(b"\0", b" ")).strip(),
                started=boot + int(fields[19]) / tick,
            )


def _arguments(words: bytes) -> tuple[str, ...]:
    """Without the program; nginx joins them by blanks, so that there those within are lost."""
    text = os.fsdecode(words)
    if text.startswith(_TITLE):
        return tuple(text.rstrip("\0").removeprefix(_TITLE).split()[1:])
    return tuple(text.removesuffix("\0").split("\0")[1:])
