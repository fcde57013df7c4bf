"""The certificate that answers a tls-alpn-01 challenge: RFC 8737, section 3."""

import hashlib
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from everleaf.core.identifiers import Identifier
from everleaf.pki.csr import digest_for, general_names
from everleaf.pki.keys import load

ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
_MARK = "everleaf tls-alpn-01"
_OCTET_STRING = 4
_LIFETIME = timedelta(days=1)


def validation_certificate(
    key_pem: bytes, identifier: Identifier, key_authorization: str, now: datetime
) -> bytes:
    """A self-signed certificate for this one identifier, PEM, with the hash of its response.

    It is valid for a day to either side, whatever the authority's clock says.

    Raises:
        MachineError: the key cannot be read.
    """
    key = load(key_pem)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _MARK)])
    digest = hashlib.sha256(key_authorization.encode("ascii")).digest()
    response = x509.UnrecognizedExtension(
        ACME_IDENTIFIER, bytes((_OCTET_STRING, len(digest))) + digest
    )
    builder = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name)
        .serial_number(x509.random_serial_number())
        .public_key(key.public_key())
        .not_valid_before(now - _LIFETIME)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName(general_names([identifier])), critical=False)
        .add_extension(response, critical=True)
    )
    return builder.sign(key, digest_for(key)).public_bytes(Encoding.PEM)
