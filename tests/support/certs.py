"""Certificates for tests: a root, an intermediate and leaves, and the folder a server reads."""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from support import forge
from support.forge import Key, pem_of

_HOUR = timedelta(hours=1)
_YEARS = timedelta(days=3650)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A leaf with its chain (the intermediate, no root) and its key."""

    leaf: x509.Certificate
    intermediate: x509.Certificate
    key: Key = field(repr=False)

    @property
    def der(self) -> bytes:
        """The leaf."""
        return self.leaf.public_bytes(Encoding.DER)

    @property
    def chain(self) -> list[bytes]:
        """Leaf and intermediate as a server has to send them, DER."""
        return [self.der, self.intermediate.public_bytes(Encoding.DER)]

    def files(self) -> dict[str, bytes]:
        """The five files of a version, by name."""
        leaf = self.leaf.public_bytes(Encoding.PEM)
        chain = self.intermediate.public_bytes(Encoding.PEM)
        key = pem_of(self.key)
        return {
            "cert.pem": leaf,
            "chain.pem": chain,
            "fullchain.pem": leaf + chain,
            "privkey.pem": key,
            "combined.pem": key + leaf + chain,
        }

    def with_key(self, key: Key) -> "Pair":
        """The same certificate beside another key: a pair that no server accepts."""
        return Pair(leaf=self.leaf, intermediate=self.intermediate, key=key)


class Authority:
    """A certificate authority for one test: a root and the intermediate that issues."""

    def __init__(self, name: str = "Test") -> None:
        root, self._name = f"{name} Root", f"{name} Intermediate"
        root_key = ec.generate_private_key(ec.SECP256R1())
        self._key = ec.generate_private_key(ec.SECP256R1())
        start = datetime.now(UTC) - _HOUR
        above = {"issuer": root, "signer": root_key, "start": start, "end": start + _YEARS}
        self.root = forge.authority(subject=root, key=root_key, **above)
        self.intermediate = forge.authority(subject=self._name, key=self._key, **above)

    def root_pem(self) -> bytes:
        """The root, for whoever is to trust it."""
        return self.root.public_bytes(Encoding.PEM)

    def issue(
        self,
        *names: str,
        lifetime: timedelta = timedelta(days=90),
        key: Key | None = None,
        client: bool = False,
    ) -> Pair:
        """A new leaf for DNS names and IP addresses, valid from an hour ago; a new key by default.

        A negative lifetime gives an expired one; `client` one for TLS clients.
        """
        key = key or ec.generate_private_key(ec.SECP256R1())
        start = datetime.now(UTC) - _HOUR + min(timedelta(), 2 * lifetime)
        leaf = forge.Plan(
            subject=names[0][:64],
            issuer=self._name,
            key=key,
            signer=self._key,
            names=names,
            start=start,
            end=start + abs(lifetime),
            usages=forge.CLIENT if client else forge.SERVER,
        ).make()
        return Pair(leaf=leaf, intermediate=self.intermediate, key=key)


class Live:
    """A certificate's folder as everleaf lays it out: versions, and `live`, switched by rename."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "live"
        self._pairs: list[Pair] = []

    @property
    def pair(self) -> Pair:
        """What is live."""
        return self._pairs[-1]

    def switch(self, pair: Pair, **other: bytes) -> None:
        """Make a pair live; `other` replaces a file's content (`combined=b"…"`)."""
        self._pairs.append(pair)
        version = self.directory / "versions" / str(len(self._pairs))
        version.mkdir(parents=True)
        for name, content in pair.files().items():
            path = version / name
            path.touch(mode=0o600)
            path.write_bytes(other.get(name.removesuffix(".pem"), content))
        fresh = self.directory / "live.new"
        fresh.symlink_to(version)
        fresh.replace(self.path)

    def __fspath__(self) -> str:
        """The path of `live`."""
        return os.fspath(self.path)
