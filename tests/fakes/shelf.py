"""A shelf in memory: keys, orders, versions, live links and copies, each effect through `Disk`."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from everleaf.core.certificate import Version
from everleaf.core.job import Holding, Pending
from everleaf.core.wanted import Wanted
from everleaf.errors import MachineError
from everleaf.ports import Material
from fakes.disk import Disk


@dataclass(slots=True)
class _Desk:
    """`pending/NAME`."""

    pending: Pending
    key: bytes | None = field(repr=False)
    download: bytes | None = None
    verified: bytes | None = None

    def read(self) -> Pending:
        downloaded, verified = self.download is not None, self.verified is not None
        return replace(self.pending, downloaded=downloaded, verified=verified)


@dataclass(slots=True)
class MemoryShelf:
    """The port `Shelf`. It outlives a killed run, as a disk does.

    `copies` holds, by path, the version that stands there.
    """

    disk: Disk = field(default_factory=Disk)
    copies: dict[str, tuple[str, str]] = field(default_factory=dict)
    rejected: dict[str, list[tuple[str, bytes, str]]] = field(default_factory=dict)
    _desks: dict[str, _Desk] = field(default_factory=dict)
    _versions: dict[str, dict[str, tuple[Version, Material]]] = field(default_factory=dict)
    _live: dict[str, str] = field(default_factory=dict)
    _damaged: dict[str, dict[str, str]] = field(default_factory=dict)

    def holding(self, wanted: Wanted) -> Holding:
        name = wanted.name
        live, desk = self._live.get(name), self._desks.get(name)
        versions = [one for one, _ in self._versions.get(name, {}).values()]
        behind = [one for one in wanted.copies if self.copies.get(str(one.path)) != (name, live)]
        return Holding(
            pending=desk.read() if desk else None,
            versions=tuple(sorted(versions, key=lambda one: (one.installed_at, one.id))),
            live=live,
            copies_behind=tuple(str(one.path) for one in behind) if live else (),
            damaged=tuple(
                f"/memory/certificates/{name}/versions/{version_id}/{file}"
                for version_id, file in sorted(self._damaged.get(name, {}).items())
            ),
        )

    def lose(self, name: str, version_id: str, file: str) -> None:
        """Somebody removes a file of a version."""
        del self._versions[name][version_id]
        self._damaged.setdefault(name, {})[version_id] = file

    def begin(self, name: str, pending: Pending, key: bytes | None) -> None:
        if name in self._desks:
            self.give_up(name)
        self.disk.write(f"key of {name}")
        self.disk.write(f"order of {name}")
        self._desks[name] = _Desk(pending, key)

    def update(self, name: str, pending: Pending) -> None:
        self.disk.write(f"order of {name}")
        self._desk(name).pending = pending

    def _desk(self, name: str) -> _Desk:
        if name not in self._desks:
            raise MachineError("no such file", code="no-such-file", where=f"pending/{name}")
        return self._desks[name]

    def pending_key(self, name: str) -> bytes:
        return self._there(self._desk(name).key, name)

    @staticmethod
    def _there(content: bytes | None, name: str) -> bytes:
        if content is None:
            raise MachineError("no such file", code="no-such-file", where=f"pending/{name}")
        return content

    def keep_download(self, name: str, chain: bytes) -> None:
        self.disk.write(f"download of {name}")
        self._desk(name).download = chain

    def download(self, name: str) -> bytes:
        return self._there(self._desk(name).download, name)

    def keep_verified(self, name: str, chain: bytes) -> None:
        self.disk.write(f"verified chain of {name}")
        self._desk(name).verified = chain

    def verified(self, name: str) -> bytes:
        return self._there(self._desk(name).verified, name)

    def keep_rejected(self, name: str, rejected_id: str, chain: bytes, why: str) -> str:
        self.disk.write(f"rejected chain of {name}")
        self.rejected.setdefault(name, []).append((rejected_id, chain, why))
        return f"rejected/{name}/{rejected_id}"

    def give_up(self, name: str) -> None:
        if name in self._desks:
            self.disk.write(f"end of the order of {name}")
            del self._desks[name]

    def install(self, wanted: Wanted, version: Version, material: Material) -> None:
        versions = self._versions.setdefault(wanted.name, {})
        if version.id in versions:
            return
        for what in ("files", "name"):
            self.disk.write(f"{what} of version {version.id} of {wanted.name}")
        known = replace(version, has_key=material.key is not None)
        versions[version.id] = (known, material)

    def attempt(self, wanted: Wanted, version: Version, material: Material) -> None:
        del material
        self.disk.write(f"trial of version {version.id} of {wanted.name}")

    def amend(self, name: str, version: Version) -> None:
        self.disk.write(f"words of version {version.id} of {name}")
        material = self.material(name, version.id)
        self._versions[name][version.id] = (version, material)

    def switch(self, wanted: Wanted, version_id: str) -> None:
        name = wanted.name
        if version_id not in self._versions.get(name, {}):
            raise MachineError("the version is not there", code="no-version", where=version_id)
        if self._live.get(name) != version_id:
            self.disk.write(f"live link of {name}")
            self._live[name] = version_id
        for one in wanted.copies:
            if self.copies.get(str(one.path)) != (name, version_id):
                self.disk.write(f"copy {one.path}")
                self.copies[str(one.path)] = (name, version_id)

    def material(self, name: str, version_id: str) -> Material:
        try:
            return self._versions[name][version_id][1]
        except KeyError:
            raise MachineError("no such file", code="no-such-file", where=version_id) from None

    def prune(self, wanted: Wanted, keep: Iterable[str]) -> None:
        versions = self.holding(wanted).versions
        kept = {*keep, *(one.id for one in versions[-wanted.keep_versions :])}
        for one in versions:
            if one.id not in kept:
                self.disk.write(f"end of version {one.id} of {wanted.name}")
                del self._versions[wanted.name][one.id]
        for version_id in set(self._damaged.get(wanted.name, ())) - kept:
            self.disk.write(f"end of version {version_id} of {wanted.name}")
            del self._damaged[wanted.name][version_id]

    def live_path(self, name: str) -> str:
        return f"/memory/certificates/{name}/live"

    def lineage_path(self, name: str) -> str:
        return f"/memory/live/{name}"

    def live(self, name: str) -> Material | None:
        """What a server finds at the live path."""
        version_id = self._live.get(name)
        return self._versions[name][version_id][1] if version_id else None

    def sweep(self) -> None:
        """Nothing is ever half removed here."""

    def names(self) -> tuple[str, ...]:
        return tuple(sorted({*self._desks, *self.rejected, *self._versions}))

    def rename(self, old: str, new: str) -> None:
        self.disk.write(f"rename {old} to {new}")
        rooms: tuple[dict[str, Any], ...] = (
            self._desks, self.rejected, self._live, self._versions,
        )  # fmt: skip
        if old in self._versions:
            self._desks.pop(new, None)
        for room in rooms:
            if old in room and not self._versions.get(new):
                room[new] = room.pop(old)

    def forget(self, name: str) -> None:
        self.disk.write(f"forget {name}")
        for room in (self._desks, self.rejected, self._versions, self._live, self._damaged):
            room.pop(name, None)
