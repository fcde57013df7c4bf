"""A signing hierarchy in memory: a root, an intermediate, and leaves by a fake clock."""

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_FOREVER = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC))


class Hierarchy:
    """Issues leaves below one intermediate; the keys are its own."""

    def __init__(self, name: str = "Memory") -> None:
        self._root_key = ec.generate_private_key(ec.SECP256R1())
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._root_name, self._name = _named(f"{name} Root"), _named(f"{name} Intermediate")
        self.root = self._authority(self._root_name, self._root_key)
        self.intermediate = self._authority(self._name, self._key)

    def _authority(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        builder = _builder(subject, self._root_name, key.public_key(), self._root_key, _FOREVER)
        return (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_signing(), critical=True)
            .sign(self._root_key, SHA256())
        )

    @property
    def roots(self) -> tuple[bytes, ...]:
        """What to trust, DER."""
        return (self.root.public_bytes(Encoding.DER),)

    def issue(
        self, request: x509.CertificateSigningRequest, start: datetime, lifetime: timedelta
    ) -> x509.Certificate:
        """A leaf for the names and the key of a request."""
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        public = request.public_key()
        builder = _builder(_named(""), self._name, public, self._key, (start, start + lifetime))
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        return (
            builder.add_extension(names.value, critical=True)
            .add_extension(usage, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(self._key, SHA256())
        )


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: CertificatePublicKeyTypes,
    signer: ec.EllipticCurvePrivateKey,
    validity: tuple[datetime, datetime],
) -> x509.CertificateBuilder:
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer)
        .serial_number(x509.random_serial_number())
        .public_key(public)
        .not_valid_before(validity[0])
        .not_valid_after(validity[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(above, critical=False)
    )


@cache
def _signing() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
