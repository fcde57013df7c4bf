"""The certificate signing request of an order."""

import ipaddress
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding

from everleaf.core.identifiers import Identifier, Kind
from everleaf.pki.keys import PrivateKey, load

_LARGE_CURVE = 384


def csr(key_pem: bytes, identifiers: Iterable[Identifier]) -> bytes:
    """A request for exactly these identifiers, DER: RFC 8555, section 7.4; RFC 8738, section 3.

    They stand in the subject alternative name alone and the subject is empty: section 7.4 asks
    for no common name, and one of more than 64 characters could not be written.

    Raises:
        MachineError: the key cannot be read.
    """
    key = load(key_pem)
    names = x509.SubjectAlternativeName(general_names(identifiers))
    builder = x509.CertificateSigningRequestBuilder(subject_name=x509.Name([]))
    request = builder.add_extension(names, critical=True).sign(key, digest_for(key))
    return request.public_bytes(Encoding.DER)


def general_names(identifiers: Iterable[Identifier]) -> list[x509.GeneralName]:
    """The identifiers as X.509 names, each once, in the order given."""
    return [
        x509.IPAddress(ipaddress.ip_address(one.value))
        if one.kind is Kind.IP
        else x509.DNSName(one.value)
        for one in dict.fromkeys(identifiers)
    ]


def digest_for(key: PrivateKey) -> SHA256 | SHA384:
    """The digest that fits the key's strength."""
    large = isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size >= _LARGE_CURVE
    return SHA384() if large else SHA256()
