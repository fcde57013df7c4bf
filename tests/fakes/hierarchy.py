"""A signing hierarchy in memory: an intermediate below two roots, and leaves by a fake clock."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from support import forge

Usages = tuple[x509.ObjectIdentifier, ...]


class Hierarchy:
    """Issues leaves below one intermediate; the keys are its own.

    Attributes:
        root, intermediate: of the usual chain.
        other_root, crossed: another root, and the same intermediate signed by it.
    """

    def __init__(self, name: str = "Memory") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = f"{name} Intermediate"
        self.root, self.intermediate = self._below(f"{name} Root")
        self.other_root, self.crossed = self._below(f"{name} Other Root")

    def _below(self, name: str) -> tuple[x509.Certificate, x509.Certificate]:
        """A new root, and the intermediate signed by it."""
        key = ec.generate_private_key(ec.SECP256R1())
        start, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)
        above = {"issuer": name, "signer": key, "start": start, "end": end}
        return (
            forge.authority(subject=name, key=key, **above),
            forge.authority(subject=self._name, key=self._key, **above),
        )

    @property
    def roots(self) -> tuple[bytes, ...]:
        """What to trust, DER."""
        return (forge.der(self.root),)

    @property
    def other_roots(self) -> tuple[bytes, ...]:
        """What to trust for the other chain, DER."""
        return (forge.der(self.other_root),)

    def issue(
        self,
        request: x509.CertificateSigningRequest,
        start: datetime,
        lifetime: timedelta,
        usages: Usages = forge.SERVER,
    ) -> x509.Certificate:
        """A leaf for the names and the key of a request."""
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return self.certify(request.public_key(), names.value, start, lifetime, usages)

    def certify(
        self,
        public: CertificatePublicKeyTypes,
        names: x509.SubjectAlternativeName,
        start: datetime,
        lifetime: timedelta,
        usages: Usages = forge.SERVER,
    ) -> x509.Certificate:
        """A leaf for these names and this key."""
        return forge.Plan(
            subject="",
            issuer=self._name,
            signer=self._key,
            public=public,
            names=(),
            other_names=tuple(names),
            usages=usages,
            start=start,
            end=start + lifetime,
            serial=self.serial(),
        ).make()

    def serial(self) -> int | None:
        """Of the next leaf; None: by chance."""
        return None
