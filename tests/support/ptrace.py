"""Follows the system calls by which a child changes the disk, and kills it before one of them.

As strace's fault injection does it, but over all threads together, without sockets and pipes, and
by path: strace counts each thread's calls for itself, and their numbers are others in every run
(ptrace(2); Linux 5.3 or newer).
"""

import ctypes
import os
import platform
import signal
import struct
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

_SYSCALL, _SEIZE, _INTERRUPT, _LISTEN, _SYSCALL_INFO = 24, 0x4206, 0x4207, 0x4208, 0x420E
_SYSGOOD, _CLONE, _EXITKILL = 0x01, 0x08, 0x100000
_EVENT_STOP = 128
_STOPPING = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
_THREADS_TOO = 0x40000000  # an option of waitpid, __WALL
_INFO = struct.Struct("=B23xQ6Q")
_ENTRY = 1
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that changes the disk.

    Attributes:
        numbers: on x86-64 and on ARM64; None: it is not there.
        descriptor: which argument is one: of the file, or of the folder that `path` begins at.
        path: which argument is one.
    """

    name: str
    numbers: tuple[int, int | None]
    descriptor: int | None = None
    path: int | None = None


CALLS = (
    Call("write", (1, 64), 0),
    Call("pwrite64", (18, 68), 0),
    Call("writev", (20, 66), 0),
    Call("sendfile", (40, 71), 0),
    Call("fsync", (74, 82), 0),
    Call("fdatasync", (75, 83), 0),
    Call("ftruncate", (77, 46), 0),
    Call("fchmod", (91, 52), 0),
    Call("fchown", (93, 55), 0),
    Call("fallocate", (285, 47), 0),
    Call("truncate", (76, 45), None, 0),
    Call("rename", (82, None), None, 0),
    Call("mkdir", (83, None), None, 0),
    Call("rmdir", (84, None), None, 0),
    Call("link", (86, None), None, 0),
    Call("unlink", (87, None), None, 0),
    Call("symlink", (88, None), None, 1),
    Call("chmod", (90, None), None, 0),
    Call("chown", (92, None), None, 0),
    Call("openat", (257, 56), 0, 1),
    Call("mkdirat", (258, 34), 0, 1),
    Call("fchownat", (260, 54), 0, 1),
    Call("unlinkat", (263, 35), 0, 1),
    Call("renameat", (264, 38), 0, 1),
    Call("linkat", (265, 37), 0, 1),
    Call("symlinkat", (266, 36), 1, 2),
    Call("fchmodat", (268, 53), 0, 1),
    Call("utimensat", (280, 88), 0, 1),
    Call("renameat2", (316, 276), 0, 1),
)


def _numbered() -> dict[int, Call]:
    column = {"x86_64": 0, "aarch64": 1}.get(platform.machine())
    if column is None:
        raise OSError(f"the system calls of {platform.machine()} have numbers unknown here")
    return {number: one for one in CALLS if (number := one.numbers[column]) is not None}


@dataclass(slots=True)
class Tracer:
    """Counts the calls of one child with its threads; programs that it starts are not followed.

    Attributes:
        ends: whether it is killed before this call, of this name, on this path.
        aside: files that do not count, such as its own output.
        seen: the calls so far with their paths, the one before which it was killed included.
    """

    ends: Callable[[str, str], bool] = lambda _name, _path: False
    aside: Collection[str] = ()
    seen: list[tuple[str, str]] = field(default_factory=list)
    _libc: ctypes.CDLL = field(default_factory=lambda: ctypes.CDLL(None, use_errno=True))
    _known: dict[int, Call] = field(default_factory=_numbered)

    def attach(self, pid: int) -> None:
        """Follow `pid` from here on.

        Raises:
            OSError: that is not allowed here.
        """
        self._libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
        self._libc.ptrace.restype = ctypes.c_long
        self._ask(_SEIZE, pid, data=_SYSGOOD | _CLONE | _EXITKILL)
        self._ask(_INTERRUPT, pid)

    def follow(self, pid: int) -> int:
        """Until it has ended: its exit status, or the negative number of a signal."""
        while True:
            thread, status = os.waitpid(-1, _THREADS_TOO)
            if not os.WIFSTOPPED(status):
                if thread == pid:
                    return os.waitstatus_to_exitcode(status)
                continue
            number, event = os.WSTOPSIG(status), status >> 16
            request, passed_on = _SYSCALL, 0
            try:
                if event == _EVENT_STOP and number in _STOPPING:
                    request = _LISTEN
                elif not event and number == signal.SIGTRAP | 0x80:
                    self._look(pid, thread)
                elif not event:
                    passed_on = number
                self._ask(request, thread, data=passed_on)
            except ProcessLookupError:
                continue  # it was killed meanwhile

    def _ask(self, request: int, thread: int, address: int = 0, data: int = 0) -> None:
        if self._libc.ptrace(request, thread, address, data) == -1:
            number = ctypes.get_errno()
            raise OSError(number, f"ptrace: {os.strerror(number)}")

    def _look(self, pid: int, thread: int) -> None:
        """Take in what a thread is about to do."""
        buffer = ctypes.create_string_buffer(_INFO.size)
        self._ask(_SYSCALL_INFO, thread, len(buffer), ctypes.addressof(buffer))
        moment, number, *arguments = _INFO.unpack(buffer)
        call = self._known.get(number)
        if moment != _ENTRY or call is None:
            return
        path = _path(thread, call, arguments)
        if path is None or path in self.aside:
            return
        self.seen.append((call.name, path))
        if self.ends(call.name, path):
            os.kill(pid, signal.SIGKILL)


def _path(thread: int, call: Call, arguments: Sequence[int]) -> str | None:
    """What a call is about; None: it does not change the disk."""
    if call.name == "openat" and not arguments[2] & (os.O_CREAT | os.O_TRUNC):
        return None
    path = "" if call.descriptor is None else _opened(thread, arguments[call.descriptor])
    if call.path is not None:
        path = os.path.join(path, _text(thread, arguments[call.path]))  # noqa: PTH118 - as it came
    return path if path.startswith("/") and not path.startswith(("/dev/", "/memfd:")) else None


def _opened(thread: int, descriptor: int) -> str:
    try:
        return os.readlink(f"/proc/{thread}/fd/{descriptor & 0xFFFFFFFF}")  # noqa: PTH115 - socket:[1]
    except OSError:
        return ""


def _text(thread: int, address: int) -> str:
    memory = os.open(f"/proc/{thread}/mem", os.O_RDONLY)
    try:
        return os.pread(memory, _LONGEST, address).partition(b"\0")[0].decode()
    finally:
        os.close(memory)
