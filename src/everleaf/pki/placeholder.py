"""A self-signed certificate with which a server can start before it has a real one."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from everleaf.core.identifiers import Identifier
from everleaf.pki.csr import digest_for, general_names
from everleaf.pki.keys import load

MARK = "everleaf placeholder"
_LIFETIME = timedelta(days=30)
_SKEW = timedelta(hours=1)


def placeholder(key_pem: bytes, identifiers: Iterable[Identifier], now: datetime) -> bytes:
    """A self-signed certificate for these identifiers, PEM, marked in its subject.

    Nobody trusts it, and it never counts as issued; it lives for 30 days.

    Raises:
        MachineError: the key cannot be read.
    """
    key = load(key_pem)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, MARK),
            x509.NameAttribute(NameOID.COMMON_NAME, MARK),
        ]
    )
    names = x509.SubjectAlternativeName(general_names(identifiers))
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=subject)
        .serial_number(x509.random_serial_number())
        .public_key(key.public_key())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _LIFETIME)
        .add_extension(names, critical=False)
        .add_extension(usage, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    return builder.sign(key, digest_for(key)).public_bytes(Encoding.PEM)
