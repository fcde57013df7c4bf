"""Paths of the configuration, looked at without an exception of the operating system."""

import os
import stat
from pathlib import Path

from everleaf.config.faults import BadValueError

_REACH = "let everleaf's user reach it, or name another"
_LONGEST = 255


def absolute(text: str, file: Path) -> Path:
    """A path; a relative one counts from the folder of its file."""
    path = Path(text)
    return path if path.is_absolute() else file.parent / path


def folder(path: Path) -> Path:
    """The same.

    Raises:
        BadValueError: there is no such folder, or it cannot be looked at.
    """
    if not stat.S_ISDIR(_mode(path)):
        raise BadValueError(f"there is no folder {path}", "create it, or name another")
    return path


def executable(path: Path) -> Path:
    """The same.

    Raises:
        BadValueError: there is no such file, or it cannot be run.
    """
    if not stat.S_ISREG(_mode(path)):
        raise BadValueError(f"there is no file {path}", "create it, or name another")
    if not os.access(path, os.X_OK):
        raise BadValueError(f"{path} is not executable", f"chmod +x {path}")
    return path


def content(path: Path) -> bytes:
    """What a file holds.

    Raises:
        BadValueError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        what = f"{_short(path)} cannot be read: {error.strerror}"
        raise BadValueError(what, "name a file that everleaf's user may read") from None


def _mode(path: Path) -> int:
    """Kind and mode of what stands there; 0: nothing does."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as error:
        what = f"{_short(path)} cannot be looked at: {error.strerror}"
        raise BadValueError(what, _REACH) from None


def _short(path: Path) -> str:
    text = str(path)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
