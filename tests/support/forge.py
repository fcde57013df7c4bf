"""Certificates as a test wants them: good ones, and such with one thing wrong."""

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def pem_of(key: Key) -> bytes:
    """A private key as unencrypted PKCS #8."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@cache
def key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    """The test's key of this number: the same one each time."""
    assert number >= 0
    return ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key(size: int) -> rsa.RSAPrivateKey:
    """An RSA key of this size; slow to make, so made once."""
    return rsa.generate_private_key(65537, size)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One certificate as it is to be; the defaults are a good leaf of 90 days.

    `public` is certified, where there is no private `key` at hand.
    """

    subject: str = "leaf"
    issuer: str = "Intermediate"
    key: Any = field(default_factory=lambda: key(10))
    signer: Any = field(default_factory=lambda: key(2))
    names: tuple[str, ...] = ("www.example.org",)
    other_names: tuple[x509.GeneralName, ...] = ()
    start: datetime = NOW - DAY
    end: datetime = NOW + 89 * DAY
    usages: tuple[x509.ObjectIdentifier, ...] = SERVER
    ca: bool = False
    key_usage: x509.KeyUsage | None = None
    digest: Any = field(default_factory=hashes.SHA256)
    serial: int | None = None
    authority_key: bool = True
    public: Any = None
    more: tuple[x509.ExtensionType, ...] = ()

    def make(self) -> x509.Certificate:
        public = self.public or self.key.public_key()
        builder = (
            x509.CertificateBuilder(
                subject_name=named(self.subject), issuer_name=named(self.issuer)
            )
            .serial_number(self.serial or x509.random_serial_number())
            .public_key(public)
            .not_valid_before(self.start)
            .not_valid_after(self.end)
            .add_extension(x509.BasicConstraints(ca=self.ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
        if self.authority_key:
            above = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.signer.public_key())
            builder = builder.add_extension(above, critical=False)
        if self.names or self.other_names:
            names = [*(general(name) for name in self.names), *self.other_names]
            critical = not self.subject
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=critical)
        if self.usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(self.usages), critical=False)
        if self.key_usage:
            builder = builder.add_extension(self.key_usage, critical=True)
        for extension in self.more:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self.signer, self.digest)


def general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def usage(*, sign_certificates: bool = False, digital_signature: bool = True) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=not digital_signature,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def authority(**changes: Any) -> x509.Certificate:
    """A certificate of an authority; the intermediate by default."""
    plan: dict[str, Any] = {
        "subject": "Intermediate",
        "issuer": "Root",
        "key": key(2),
        "signer": key(1),
        "names": (),
        "usages": (),
        "ca": True,
        "key_usage": usage(sign_certificates=True),
        "end": NOW + 3000 * DAY,
        "start": NOW - 300 * DAY,
    }
    return Plan(**{**plan, **changes}).make()


def root(**changes: Any) -> x509.Certificate:
    """A root that signed itself."""
    return authority(**{"subject": "Root", "key": key(1), **changes})


def key_pem(one: Key | None = None) -> bytes:
    """The key of a good leaf, or this one."""
    return pem_of(one or key(10))
