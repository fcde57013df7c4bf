"""Certificates for tests: a root, an intermediate and leaves, and the folder a server reads."""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def pem_of(key: Key) -> bytes:
    """A private key as unencrypted PKCS #8."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


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
        self._root_key = ec.generate_private_key(ec.SECP256R1())
        self._key = ec.generate_private_key(ec.SECP256R1())
        root, mine = _name(f"{name} Root"), _name(f"{name} Intermediate")
        years = timedelta(days=3650)
        builder = _builder(root, self._root_key, root, self._root_key, years)
        self.root = _ca(builder, self._root_key)
        builder = _builder(mine, self._key, root, self._root_key, years)
        self.intermediate = _ca(builder, self._root_key)

    def root_pem(self) -> bytes:
        """The root, for whoever is to trust it."""
        return self.root.public_bytes(Encoding.PEM)

    def issue(
        self,
        *names: str,
        lifetime: timedelta = timedelta(days=90),
        key: Key | None = None,
    ) -> Pair:
        """A new leaf for DNS names and IP addresses, valid from an hour ago; a new key by default.

        A negative lifetime gives an expired one.
        """
        key = key or ec.generate_private_key(ec.SECP256R1())
        alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        issuer = self.intermediate.subject
        builder = _builder(_name(names[0]), key, issuer, self._key, lifetime)
        leaf = (
            builder.add_extension(alternatives, critical=False)
            .add_extension(usage, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(self._key, SHA256())
        )
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


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name, key: Key, issuer: x509.Name, signer: Key, lifetime: timedelta
) -> x509.CertificateBuilder:
    start = datetime.now(UTC) - timedelta(hours=1)
    if lifetime < timedelta():
        start += 2 * lifetime
    end = start + abs(lifetime)
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer)
        .serial_number(x509.random_serial_number())
        .public_key(key.public_key())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(above, critical=False)
    )


def _ca(builder: x509.CertificateBuilder, key: Key) -> x509.Certificate:
    usage = x509.KeyUsage(
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
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, SHA256())
    )
