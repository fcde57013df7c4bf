"""A signing hierarchy in memory: a root, an intermediate, and leaves by a fake clock."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from support import forge


class Hierarchy:
    """Issues leaves below one intermediate; the keys are its own."""

    def __init__(self, name: str = "Memory") -> None:
        self._root_key = ec.generate_private_key(ec.SECP256R1())
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._root_name, self._name = f"{name} Root", f"{name} Intermediate"
        self.root = self._authority(self._root_name, self._root_key)
        self.intermediate = self._authority(self._name, self._key)

    def _authority(self, subject: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        return forge.authority(
            subject=subject,
            issuer=self._root_name,
            key=key,
            signer=self._root_key,
            start=datetime(2020, 1, 1, tzinfo=UTC),
            end=datetime(2120, 1, 1, tzinfo=UTC),
        )

    @property
    def roots(self) -> tuple[bytes, ...]:
        """What to trust, DER."""
        return (forge.der(self.root),)

    def issue(
        self, request: x509.CertificateSigningRequest, start: datetime, lifetime: timedelta
    ) -> x509.Certificate:
        """A leaf for the names and the key of a request."""
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return self.certify(request.public_key(), names.value, start, lifetime)

    def certify(
        self,
        public: CertificatePublicKeyTypes,
        names: x509.SubjectAlternativeName,
        start: datetime,
        lifetime: timedelta,
    ) -> x509.Certificate:
        """A leaf for these names and this key."""
        return forge.Plan(
            subject="",
            issuer=self._name,
            signer=self._key,
            public=public,
            names=(),
            other_names=tuple(names),
            start=start,
            end=start + lifetime,
        ).make()
