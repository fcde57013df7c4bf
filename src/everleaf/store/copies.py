"""Copies outside the state directory: one combined file, or a directory with a link of its own."""

import os
import stat
from pathlib import Path

from everleaf.core.wanted import Copy, CopyKind
from everleaf.errors import OperatorError
from everleaf.store.layout import KEY_FILES, PUBLIC, PUBLIC_FILES
from everleaf.system import files


def is_behind(copy: Copy, version: Path) -> bool:
    """Whether the copy does not hold this version."""
    try:
        if copy.kind is CopyKind.COMBINED:
            content = (version / "combined.pem").read_bytes()
            return copy.path.read_bytes() != content or _is_other(copy, copy.path)
        live = copy.path / "live"
        if live.readlink().name != version.name or _files(version) - _files(live):
            return True
        if [one.name for one in (copy.path / "versions").iterdir()] != [version.name]:
            return True  # a killed run left the one before, or a part of it
        key = live / "privkey.pem"
        return key.exists() and _is_other(copy, key)
    except OSError:
        return True


def _files(place: Path) -> set[str]:
    return {*PUBLIC_FILES, *KEY_FILES}.intersection(os.listdir(place))  # noqa: PTH208 - names are enough


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
    with files.told(folder):
        is_folder = folder.is_dir()
    if not is_folder:
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
    with files.told(version):
        contents = {name: (version / name).read_bytes() for name in sorted(_files(version))}
    for name, content in contents.items():
        mode = copy.mode if name in KEY_FILES else PUBLIC
        files.write(target / name, content, mode, owner=copy.owner, group=copy.group)
    files.link(copy.path / "live", f"versions/{version.name}")
    with files.told(target.parent):
        others = [one for one in target.parent.iterdir() if one.name != version.name]
    for old in others:
        files.remove(old)
