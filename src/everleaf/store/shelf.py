"""Keys, orders and versions on disk: the state directory as a contract."""

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from everleaf.core.certificate import Version
from everleaf.core.job import Holding, Pending
from everleaf.core.wanted import Wanted
from everleaf.errors import MachineError
from everleaf.ports import Material
from everleaf.store import copies
from everleaf.store.codec import decode, encode
from everleaf.store.layout import (
    GROUP,
    KEY_FILES,
    PRIVATE,
    PRIVATE_FOLDER,
    PUBLIC,
    PUBLIC_FILES,
    PUBLIC_FOLDER,
    Layout,
)
from everleaf.system import files

_ORDER, _KEY, _CHAIN, _VERIFIED = "order.json", "key.pem", "chain.pem", "verified.pem"
_ABOUT = "version.json"
_ROOMS = ("certificates", "pending", "rejected")


class DiskShelf:
    """`ports.Shelf`."""

    def __init__(self, state_dir: Path) -> None:
        self._layout = Layout(state_dir)

    def holding(self, wanted: Wanted) -> Holding:
        """What is on disk for this certificate."""
        versions, damaged = self._versions(wanted.name)
        live = self._live(wanted.name)
        behind: tuple[str, ...] = ()
        if live is not None:
            place = self._layout.versions(wanted.name) / live
            behind = tuple(str(one.path) for one in wanted.copies if copies.is_behind(one, place))
        return Holding(
            pending=self._pending(wanted.name),
            versions=versions,
            live=live,
            copies_behind=behind,
            damaged=damaged,
        )

    def _versions(self, name: str) -> tuple[tuple[Version, ...], tuple[str, ...]]:
        """The whole ones, oldest first, and what the others lack."""
        found: list[Version] = []
        damaged: list[str] = []
        for place in _folders(self._layout.versions(name)):
            with files.told(place):
                there = set(os.listdir(place))  # noqa: PTH208 - one call, and names are enough
            lacks = {_ABOUT} - there
            if not lacks:
                path = place / _ABOUT
                version = decode(Version, _read(path), str(path))
                lacks = {*PUBLIC_FILES, *(KEY_FILES if version.has_key else ())} - there
                found += [] if lacks else [version]
            damaged += (str(place / one) for one in lacks)
        in_order = sorted(found, key=lambda one: (one.installed_at, one.id))
        return tuple(in_order), tuple(sorted(damaged))

    def _live(self, name: str) -> str | None:
        link = self._layout.live(name)
        with files.told(link):
            try:
                return link.readlink().name
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.EINVAL):  # EINVAL: it is no link
                    raise
                return None

    def _pending(self, name: str) -> Pending | None:
        place = self._layout.pending(name)
        if not files.is_there(place / _ORDER):
            return None
        pending = decode(Pending, _read(place / _ORDER), str(place / _ORDER))
        return replace(
            pending,
            downloaded=(place / _CHAIN).exists(),
            verified=(place / _VERIFIED).exists(),
        )

    def begin(self, name: str, pending: Pending, key: bytes | None) -> None:
        """Start `pending/NAME` afresh; the order file, without which it is none, comes last."""
        place = self._layout.pending(name)
        files.discard(place)
        files.folder(place.parent, PRIVATE_FOLDER)
        files.folder(place, PRIVATE_FOLDER)
        if key is not None:
            files.write(place / _KEY, key, PRIVATE)
        self.update(name, pending)

    def update(self, name: str, pending: Pending) -> None:
        """Replace the order file."""
        files.write(self._layout.pending(name) / _ORDER, encode(pending), PRIVATE)

    def pending_key(self, name: str) -> bytes:
        """The private key under way."""
        return _read(self._layout.pending(name) / _KEY)

    def keep_download(self, name: str, chain: bytes) -> None:
        """Write the chain as received."""
        files.write(self._layout.pending(name) / _CHAIN, chain, PRIVATE)

    def download(self, name: str) -> bytes:
        """Read the chain as received."""
        return _read(self._layout.pending(name) / _CHAIN)

    def keep_verified(self, name: str, chain: bytes) -> None:
        """Write the mended chain."""
        files.write(self._layout.pending(name) / _VERIFIED, chain, PRIVATE)

    def verified(self, name: str) -> bytes:
        """Read the mended chain."""
        return _read(self._layout.pending(name) / _VERIFIED)

    def keep_rejected(self, name: str, rejected_id: str, chain: bytes, why: str) -> str:
        """Keep a chain that failed verification."""
        place = self._layout.rejected(name) / rejected_id
        files.folder(place.parent.parent, PRIVATE_FOLDER)
        files.folder(place.parent, PRIVATE_FOLDER)
        files.folder(place, PRIVATE_FOLDER)
        files.write(place / _CHAIN, chain, PRIVATE)
        files.write(place / "why.txt", why.encode() + b"\n", PRIVATE)
        return str(place)

    def give_up(self, name: str) -> None:
        """Remove `pending/NAME`."""
        files.discard(self._layout.pending(name))

    def install(self, wanted: Wanted, version: Version, material: Material) -> None:
        """Write a version beside the others under a hidden name, then show it whole."""
        place = self._layout.versions(wanted.name)
        files.folder(place, PUBLIC_FOLDER)
        with files.told(place):
            for left in place.glob(".*"):
                files.remove(left)
        if files.is_there(place / version.id):
            return
        hidden = place / f".{version.id}"
        files.folder(hidden, PUBLIC_FOLDER)
        fullchain = material.leaf + material.chain
        contents = {"cert.pem": material.leaf, "chain.pem": material.chain}
        for name, content in {**contents, "fullchain.pem": fullchain}.items():
            files.write(hidden / name, content, PUBLIC)
        if material.key is not None:
            mode = GROUP if wanted.group else PRIVATE
            files.write(hidden / "privkey.pem", material.key, mode, group=wanted.group)
            combined = material.key + fullchain
            files.write(hidden / "combined.pem", combined, mode, group=wanted.group)
        known = replace(version, has_key=material.key is not None)
        files.write(hidden / _ABOUT, encode(known), PUBLIC)
        with files.told(place):
            hidden.replace(place / version.id)
            files.sync(place)

    def attempt(self, wanted: Wanted, version: Version, material: Material) -> None:
        """Write a version and its copies in a folder of their own, and take all of it away."""
        scratch = self._layout.root / f"{files.SCRATCH}{wanted.name}"
        files.discard(scratch)
        files.folder(scratch, PRIVATE_FOLDER)
        try:
            trial = DiskShelf(scratch / "state")
            moved = []
            for place, one in enumerate(wanted.copies):
                copies.usable(one)
                moved.append(replace(one, path=scratch / f"copy-{place}"))
            there = replace(wanted, copies=tuple(moved))
            trial.install(there, version, material)
            trial.switch(there, version.id)
        finally:
            files.discard(scratch)

    def amend(self, name: str, version: Version) -> None:
        """Replace what is told of a version."""
        place = self._layout.versions(name) / version.id
        files.write(place / _ABOUT, encode(version), PUBLIC)

    def switch(self, wanted: Wanted, version_id: str) -> None:
        """Make a version live by one rename, then bring every copy to it."""
        place = self._layout.versions(wanted.name) / version_id
        if not files.is_there(place):
            raise MachineError("the version is not there", code="no-version", where=str(place))
        live = self._layout.live(wanted.name)
        if self._live(wanted.name) != version_id:
            files.link(live, f"versions/{version_id}")
        self._point_lineage(wanted.name)
        for one in wanted.copies:
            if copies.is_behind(one, place):
                copies.bring(one, place)

    def _point_lineage(self, name: str) -> None:
        lineage, target = self._layout.lineage(name), f"../certificates/{name}/live"
        with files.told(lineage):
            if not lineage.is_symlink() or str(lineage.readlink()) != target:
                files.folder(lineage.parent, PUBLIC_FOLDER)
                files.link(lineage, target)

    def lineage_path(self, name: str) -> str:
        """The path of the link that has the certificate's name."""
        return str(self._layout.lineage(name).absolute())

    def material(self, name: str, version_id: str) -> Material:
        """Read a version."""
        place = self._layout.versions(name) / version_id
        key = place / "privkey.pem"
        return Material(
            leaf=_read(place / "cert.pem"),
            chain=_read(place / "chain.pem"),
            key=_read(key) if files.is_there(key) else None,
        )

    def prune(self, wanted: Wanted, keep: Iterable[str]) -> None:
        """Remove the oldest versions beyond `keep_versions`, but never those in `keep`."""
        versions, _ = self._versions(wanted.name)
        kept = {*keep, *(one.id for one in versions[-wanted.keep_versions :])}
        for place in _folders(self._layout.versions(wanted.name)):
            if place.name not in kept:
                files.discard(place)

    def live_path(self, name: str) -> str:
        """The path of the `live` link."""
        return str(self._layout.live(name))

    def sweep(self) -> None:
        """Remove what a killed run left half removed."""
        for room, pattern in ((".", f"*{files.SCRATCH}*"), *((one, ".*") for one in _ROOMS)):
            with files.told(self._layout.root / room):
                for left in (self._layout.root / room).glob(pattern):
                    files.remove(left)

    def names(self) -> tuple[str, ...]:
        """All certificates with anything on disk."""
        found: set[str] = set()
        for room in _ROOMS:
            place = self._layout.root / room
            with files.told(place), suppress(FileNotFoundError, PermissionError):
                found |= {one.name for one in place.iterdir() if not one.name.startswith(".")}
        return tuple(sorted(found))

    def rename(self, old: str, new: str) -> None:
        """Let all that is on disk for `old` be that of `new`; one rename for each room.

        A mark in what is moved last tells an order of `new`'s own, which goes, from `old`'s.
        """
        mark, has_own = f".becomes-{new}", bool(_folders(self._layout.versions(new)))
        place = self._layout.certificate(old)
        if files.is_there(place) and not files.is_there(place / mark) and not has_own:
            files.discard(self._layout.pending(new))
            files.write(place / mark, b"", PRIVATE)
        for room in ("pending", "rejected", "certificates"):  # what others read comes last
            there, here = self._layout.root / room / old, self._layout.root / room / new
            with files.told(there):
                if there.is_dir() and not has_own:
                    files.discard(here)
                    there.rename(here)
                    files.sync(here.parent)
        files.remove(self._layout.certificate(new) / mark)
        if self._live(new) is not None:
            self._point_lineage(new)
        self._drop_lineage(old)

    def forget(self, name: str) -> None:
        """Remove all that is on disk for `name`."""
        self._drop_lineage(name)
        for room in _ROOMS:
            files.discard(self._layout.root / room / name)

    def _drop_lineage(self, name: str) -> None:
        lineage = self._layout.lineage(name)
        with files.told(lineage):
            lineage.unlink(missing_ok=True)


def _folders(place: Path) -> list[Path]:
    """The visible folders in a folder; none where it is missing."""
    with files.told(place), suppress(FileNotFoundError), os.scandir(place) as entries:
        return [
            place / one.name
            for one in entries
            if not one.name.startswith(".") and one.is_dir(follow_symlinks=False)
        ]
    return []


def _read(path: Path) -> bytes:
    with files.told(path):
        return path.read_bytes()
