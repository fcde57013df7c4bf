"""Files and folders that are whole or absent, with exactly their mode from the first instant."""

import errno
import grp
import os
import pwd
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from everleaf.errors import EverleafError, MachineError, OperatorError

_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "ceph", "glusterfs",
                      "fuse.glusterfs", "afs", "ncpfs"})  # fmt: skip

# Begins the names of what stands in the state directory while a run is at work: the next sweeps.
SCRATCH = ".scratch-"


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Errors of the operating system become errors of ours, with the path and what helps."""
    try:
        yield
    except OSError as error:
        raise translate(error, path) from error


def translate(error: OSError, path: Path) -> EverleafError:
    """The same error with what helps."""
    # Of two, the second is what was to be made: the first may be the text of a link.
    where = str(error.filename2 or error.filename or path)
    words = os.strerror(error.errno) if error.errno else str(error)
    match error.errno:
        case errno.EACCES | errno.EPERM | errno.EROFS:
            remedy = "Run everleaf as a user that may, or change owner and mode"
            return OperatorError(words, code="not-permitted", where=where, remedy=remedy)
        case errno.ENOSPC | errno.EDQUOT:
            remedy = "Make room; the next run goes on where this one stopped"
            return MachineError(words, code="disk-full", where=where, remedy=remedy)
        case errno.ENOENT:
            remedy = "Create the folder, or name another"
            return OperatorError(words, code="no-such-file", where=where, remedy=remedy)
        case errno.ENOTDIR | errno.EISDIR | errno.ELOOP | errno.ENAMETOOLONG:
            remedy = "Move away what stands there, or name another place"
            return OperatorError(words, code="wrong-place", where=where, remedy=remedy)
        case _:
            return MachineError(words, code="disk", where=where)


def write(
    path: Path, content: bytes, mode: int, *, owner: str = "", group: str = "", safe: bool = True
) -> None:
    """Replace a file as one.

    The file is created private; owner and group are set before its mode is widened, and all of
    that before the first byte; `safe`: it is on disk when this returns.

    Raises:
        OperatorError: not permitted, no such folder, owner or group.
        MachineError: the disk is full or broken.
    """
    with told(path):
        temporary = _beside(path)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(temporary, flags, 0o600 & mode)
            with os.fdopen(descriptor, "wb") as file:
                _own(descriptor, owner, group)
                os.fchmod(descriptor, mode)
                file.write(content)
                file.flush()
                if safe:
                    os.fsync(descriptor)
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        if safe:
            sync(path.parent)


def _beside(path: Path) -> Path:
    """The temporary name of a file: always the same, so that a killed run leaves one at most.

    Two never write one file at once: there is one lock, and one thread a certificate.
    """
    temporary = path.with_name(f".{path.name}.new")
    with suppress(FileNotFoundError):
        temporary.unlink()
    return temporary


def _own(descriptor: int, owner: str, group: str) -> None:
    uid, gid = user(owner), team(group)
    if uid != -1 or gid != -1:
        os.fchown(descriptor, uid, gid)


def user(name: str) -> int:
    """A user's number; -1, as for chown: nothing is said.

    Raises:
        OperatorError: there is no such user.
    """
    return _number(name, lambda known: pwd.getpwnam(known).pw_uid, "user")


def team(name: str) -> int:
    """A group's number; -1, as for chown: nothing is said.

    Raises:
        OperatorError: there is no such group.
    """
    return _number(name, lambda known: grp.getgrnam(known).gr_gid, "group")


def _number(name: str, look_up: Callable[[str], int], kind: str) -> int:
    if not name:
        return -1
    try:
        return look_up(name)
    except KeyError:
        remedy = f"Create it, or name a {kind} that exists"
        raise OperatorError(f"no {kind} {name!r}", code="no-such-owner", remedy=remedy) from None


def folder(path: Path, mode: int) -> None:
    """A folder with exactly this mode, and its parents, where they are missing, with 0711."""
    with told(path):
        if path.is_dir():
            return
        if is_there(path):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        if not path.parent.is_dir():
            folder(path.parent, 0o711)
        # Made beside and renamed: killed between its making and its mode, none is left too narrow.
        temporary = path.with_name(f".{path.name}.new")
        try:
            temporary.mkdir(mode & 0o700, exist_ok=True)
            temporary.chmod(mode)
            temporary.rename(path)
        except OSError:
            with suppress(FileNotFoundError):
                temporary.rmdir()
            if not path.is_dir():  # else somebody else has made it at the same time
                raise
        sync(path.parent)


def link(path: Path, target: str) -> None:
    """Let the symbolic link `path` name `target`, changed as one by a rename."""
    with told(path):
        temporary = _beside(path)
        temporary.symlink_to(target)
        temporary.replace(path)
        sync(path.parent)


def is_there(path: Path) -> bool:
    """Whether anything stands there.

    Raises:
        OperatorError: that cannot be seen: a folder above may not be entered, or is none.
    """
    with told(path):
        try:
            path.lstat()
        except FileNotFoundError:
            return False
        return True


def sync(path: Path) -> None:
    """A folder's entries are on disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder; absent is fine."""
    with told(path):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def discard(path: Path) -> None:
    """Remove a whole folder as one: it is gone at once, and its content a moment later."""
    hidden = path.with_name(f".{path.name}.old")
    remove(hidden)
    with told(path):
        try:
            path.replace(hidden)
        except FileNotFoundError:
            return
        sync(path.parent)
    remove(hidden)


def refuse_network(path: Path) -> None:
    """A state directory must be on a local file system: locks and SQLite need it.

    Raises:
        OperatorError: it is on a network file system.
    """
    place = path
    while not is_there(place):
        place = place.parent
    with told(place):
        kind = _kind(place.resolve())
    if kind in _NETWORK:
        raise OperatorError(
            f"the state directory is on a network file system ({kind})",
            code="network-file-system",
            where=str(path),
            remedy="Name a local folder as state_dir",
        )


def _kind(place: Path) -> str:
    best, kind = "", ""
    with open("/proc/self/mountinfo", encoding="utf-8") as lines:  # noqa: PTH123 - no file of ours
        for line in lines:
            left, _, right = line.partition(" - ")
            mount = left.split()[4].replace("\\040", " ")
            if place.is_relative_to(mount) and len(mount) >= len(best):
                best, kind = mount, right.split()[0]
    return kind
