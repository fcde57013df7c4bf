"""Copies outside the state directory: one combined file, or a directory with a link of its own."""

import os
import stat
from pathlib import Path

from everleaf.core.wanted import Copy, CopyKind
from everleaf.errors import OperatorError
from everleaf.store.layout import PUBLIC
from everleaf.system import files

_PUBLIC_FILES = ("cert.pem", "chain.pem", "fullchain.pem")
_KEY_FILES = ("privkey.pem", "combined.pem")


def is_behind(copy: Copy, version: Path) -> bool:
    """Whether the copy does not hold this version."""
    try:
        if copy.kind is CopyKind.COMBINED:
            content = (version / "combined.pem").read_bytes()
            return copy.path.read_bytes() != content or _is_other(copy, copy.path)
        live = copy.path / "live"
        if live.readlink().name != version.name or not (live / "fullchain.pem").exists():
            return True
        key = live / "privkey.pem"
        return key.exists() and _is_other(copy, key)
    except OSError:
        return True


def _is_other(copy: Copy, key: Path) -> bool:
    """Whether mode, owner or group of a file with a key are not as they should be."""
    found = key.stat()
    return not (
        stat.S_IMODE(found.st_mode) == copy.mode
        and files.user(copy.owner) in (-1, found.st_uid)
        and files.team(copy.group) in (-1, found.st_gid)
    )


def usable(copy: Copy) -> None:
    """See that its folder is there and may be written.

    Raises:
        OperatorError: it is not.
    """
    folder = copy.path.parent
    if not folder.is_dir():
        raise OperatorError(
            "the folder of a copy is not there",
            code="no-such-folder",
            where=str(folder),
            remedy="Create it, with the owner and mode that its readers need",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OperatorError(
            "the folder of a copy may not be written",
            code="not-permitted",
            where=str(folder),
            remedy="Run everleaf as a user that may, or change owner and mode",
        )


def bring(copy: Copy, version: Path) -> None:
    """Bring the copy to this version, as one.

    Raises:
        OperatorError: its folder is not there, or may not be written.
    """
    usable(copy)
    if copy.kind is CopyKind.COMBINED:
        with files.told(version):
            content = (version / "combined.pem").read_bytes()
        files.write(copy.path, content, copy.mode, owner=copy.owner, group=copy.group)
        return
    target = copy.path / "versions" / version.name
    files.folder(target, 0o711)
    for name in (*_PUBLIC_FILES, *_KEY_FILES):
        source = version / name
        if source.exists():
            mode = copy.mode if name in _KEY_FILES else PUBLIC
            content = source.read_bytes()
            files.write(target / name, content, mode, owner=copy.owner, group=copy.group)
    files.link(copy.path / "live", f"versions/{version.name}")
    for old in (copy.path / "versions").iterdir():
        if old.name != version.name:
            files.remove(old)
