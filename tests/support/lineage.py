"""Hierarchies of certificates as a test wants them: each certificate with what is wrong with it."""

import ipaddress
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from everleaf.pki.certificates import to_pem
from support.forge import DAY, NOW, SERVER, der, general, key, named, usage

NAME = "www.example.org"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One certificate as it is to be; the defaults are a good leaf.

    `ca` None leaves basic constraints out; `more` are further extensions, each with whether it is
    critical. `above` is the link that signs: its subject and key are taken; None: itself.
    """

    subject: str | x509.Name = "leaf"
    key: Any = field(default_factory=lambda: key(10))
    names: tuple[str, ...] = (NAME,)
    start: datetime = NOW - DAY
    end: datetime = NOW + 89 * DAY
    ca: bool | None = False
    path_length: int | None = None
    key_usage: x509.KeyUsage | None = field(default_factory=usage)
    usages: tuple[x509.ObjectIdentifier, ...] = SERVER
    more: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    digest: Any = field(default_factory=hashes.SHA256)
    padding: Any = None
    key_ids: bool = True

    @property
    def name(self) -> x509.Name:
        """Its subject."""
        return self.subject if isinstance(self.subject, x509.Name) else named(self.subject)

    def below(self, above: "Link | None" = None, *, signer: Any = None) -> x509.Certificate:
        """The certificate; `signer` is another key than the one above has."""
        above = above or self
        by = signer or above.key
        builder = (
            x509.CertificateBuilder(subject_name=self.name, issuer_name=above.name)
            .serial_number(x509.random_serial_number())
            .public_key(self.key.public_key())
            .not_valid_before(self.start)
            .not_valid_after(self.end)
        )
        for extension, critical in self._extensions(by):
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(by, self.digest, rsa_padding=self.padding)

    def _extensions(self, by: Any) -> list[tuple[x509.ExtensionType, bool]]:
        found: list[tuple[x509.ExtensionType, bool]] = []
        if self.ca is not None:
            found.append((x509.BasicConstraints(self.ca, self.path_length), True))
        if self.key_ids:
            own, public = self.key.public_key(), by.public_key()
            found.append((x509.SubjectKeyIdentifier.from_public_key(own), False))
            found.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False))
        if self.names:
            names = [general(name) for name in self.names]
            found.append((x509.SubjectAlternativeName(names), False))
        if self.usages:
            found.append((x509.ExtendedKeyUsage(self.usages), False))
        if self.key_usage:
            found.append((self.key_usage, True))
        return [*found, *self.more]


def authority(number: int, **changes: Any) -> Link:
    """An authority; number 0 is the root's, each number has a key of its own."""
    defaults: dict[str, Any] = {
        "subject": f"Authority {number}" if number else "Top",
        "key": key(100 + number),
        "names": (),
        "start": NOW - 300 * DAY,
        "end": NOW + 3000 * DAY,
        "ca": True,
        "key_usage": usage(sign_certificates=True),
        "usages": (),
    }
    return Link(**{**defaults, **changes})


def chain(*links: Link) -> list[x509.Certificate]:
    """Leaf first, each signed by the next, the last one by itself."""
    return [
        *(one.below(above) for one, above in pairwise(links)),
        links[-1].below(),
    ]


def constraints(
    permitted: Sequence[str | x509.GeneralName] = (),
    excluded: Sequence[str | x509.GeneralName] = (),
) -> tuple[x509.ExtensionType, bool]:
    """Name constraints, critical: domains, networks, or any other name."""
    return (
        x509.NameConstraints(
            [_tree(one) for one in permitted] or None, [_tree(one) for one in excluded] or None
        ),
        True,
    )


def _tree(name: str | x509.GeneralName) -> x509.GeneralName:
    if isinstance(name, x509.GeneralName):
        return name
    if "/" in name:
        return x509.IPAddress(ipaddress.ip_network(name))
    return x509.DNSName(name)


def broken(certificate: x509.Certificate) -> bytes:
    """The same with a signature that was changed, DER."""
    text = bytearray(der(certificate))
    text[-1] ^= 1
    return bytes(text)


_SHA256_WITH_RSA = bytes.fromhex("06092a864886f70d01010b")
_WEAK = {"sha1": (5, hashes.SHA1()), "md5": (4, hashes.MD5())}  # noqa: S303 - to be refused


def weakly_signed(certificate: x509.Certificate, signer: rsa.RSAPrivateKey, how: str) -> bytes:
    """The same signed by means of `sha1` or `md5`, DER: `cryptography` makes none such itself.

    The certificate has to be signed with RSA and SHA-256, so that nothing but an object identifier
    and the signature change, and no length does.
    """
    last, digest = _WEAK[how]
    identifier = _SHA256_WITH_RSA[:-1] + bytes([last])
    text = certificate.tbs_certificate_bytes.replace(_SHA256_WITH_RSA, identifier)
    whole = der(certificate).replace(certificate.tbs_certificate_bytes, text)
    whole = whole.replace(_SHA256_WITH_RSA, identifier)
    return whole[: -len(certificate.signature)] + signer.sign(text, padding.PKCS1v15(), digest)


def bundle(path: Path, *certificates: x509.Certificate | bytes) -> Path:
    """A PEM file of these."""
    ders = [one if isinstance(one, bytes) else der(one) for one in certificates]
    path.write_bytes(b"".join(map(to_pem, ders)))
    return path


def openssl() -> str:
    """The program; without it the test is skipped, and fails under CI."""
    path = shutil.which("openssl")
    if path is None:
        reason = "openssl is not installed"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return path


def openssl_takes(
    folder: Path,
    sent: Sequence[x509.Certificate | bytes],
    roots: Sequence[x509.Certificate],
    *,
    now: datetime = NOW,
    name: str = "",
    purpose: str = "sslserver",
) -> tuple[bool, str]:
    """Whether OpenSSL takes this chain, and its words; it sorts, and skips what it need not."""
    command = [openssl(), "verify", "-purpose", purpose, "-auth_level", "2"]
    command += ["-attime", str(int(now.timestamp())), "-no-CApath", "-no-CAstore"]
    command += ["-CAfile", str(bundle(folder / "roots.pem", *roots))]
    if len(sent) > 1:
        command += ["-untrusted", str(bundle(folder / "others.pem", *sent[1:]))]
    if name:
        command += [
            "-verify_ip" if ":" in name or name[-1:].isdigit() else "-verify_hostname",
            name,
        ]
    command.append(str(bundle(folder / "leaf.pem", sent[0])))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    return done.returncode == 0, done.stdout + done.stderr
