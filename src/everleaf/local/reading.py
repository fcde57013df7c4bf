"""Reading files that a server names: only regular ones, of a bounded size, whoever named them."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms.local import FILE_MISSING, FILE_UNREADABLE, NOT_PERMITTED

LARGEST = 16 * 1024 * 1024
_LINKS = 40
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


class UnreadError(Exception):
    """A file could not be read; what that means is a finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.what)
        self.finding = finding


def read(path: str, what: str, place: str) -> bytes:
    """Its content.

    Args:
        path: absolute.
        what: the file is, for people: `certificate`, `key`.
        place: that names it.

    Raises:
        UnreadError: it is not there, is no file, or may not be read.
    """
    try:
        content = _content(path)
    except (OSError, ValueError) as error:
        raise UnreadError(unread(path, what, place, error)) from error
    if content is None:
        raise UnreadError(_no(path, what, place, "is no file"))
    if len(content) > LARGEST:
        raise UnreadError(_no(path, what, place, "is far too large for one"))
    return content


def _content(path: str) -> bytes | None:
    """As much of it as may be; None: it is a folder, a pipe or a device."""
    # A pipe that nobody writes to would hold us; opened so it does not.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        return file.read(LARGEST + 1)


def unread(path: str, what: str, place: str, error: OSError | ValueError) -> Finding:
    """What it means that the operating system refuses a file."""
    detail = {"path": path}
    if isinstance(error, PermissionError):
        text = f"the {what} {path} may not be read, and was not looked at"
        return Finding(symptom=NOT_PERMITTED, what=text, where=(place,), detail=detail)
    if isinstance(error, OSError) and error.errno in _ABSENT:
        text = f"the {what} {path} is not there{_dangling(path)}"
        return Finding(symptom=FILE_MISSING, what=text, where=(place,), detail=detail)
    words = error.strerror if isinstance(error, OSError) else "no path"
    return _no(path, what, place, f"cannot be read ({words})")


def _no(path: str, what: str, place: str, why: str) -> Finding:
    text = f"the {what} {path} {why}"
    return Finding(symptom=FILE_UNREADABLE, what=text, where=(place,), detail={"path": path})


def _dangling(path: str) -> str:
    last = next(reversed(links(path)), "")
    return f": the link {last} leads nowhere" if last else ""


def links(path: str) -> list[str]:
    """All symbolic links on the way to a file, in their order."""
    return [str(one) for one in _links(Path(path))]


def _links(path: Path) -> Iterator[Path]:
    left = list(reversed(path.parts))
    at = Path(left.pop())
    count = 0
    while left and count < _LINKS:
        part = left.pop()
        if part == "..":
            at = at.parent
            continue
        here = at / part
        try:
            target = here.readlink()
        except (OSError, ValueError):
            at = here
            continue
        count += 1
        yield here
        left += reversed([one for one in target.parts if one != target.anchor])
        at = Path(target.anchor) if target.is_absolute() else at
