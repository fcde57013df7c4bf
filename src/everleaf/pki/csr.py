"""The certificate signing request of an order."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from everleaf.core.identifiers import Identifier, Kind, parse
from everleaf.core.wanted import Usage
from everleaf.errors import OperatorError
from everleaf.pki.certificates import identifiers_of
from everleaf.pki.keys import PrivateKey, load, public_bytes

_LARGE_CURVE = 384


_PURPOSES = {
    Usage.SERVER: ExtendedKeyUsageOID.SERVER_AUTH,
    Usage.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH,
}


def csr(
    key_pem: bytes, identifiers: Iterable[Identifier], usages: Sequence[Usage] = (Usage.SERVER,)
) -> bytes:
    """A request for exactly these identifiers, DER: RFC 8555, section 7.4; RFC 8738, section 3.

    They stand in the subject alternative name alone and the subject is empty: section 7.4 asks
    for no common name, and one of more than 64 characters could not be written. Usages are named
    only where they are not what every authority issues.

    Raises:
        MachineError: the key cannot be read.
    """
    key = load(key_pem)
    names = x509.SubjectAlternativeName(general_names(identifiers))
    builder = x509.CertificateSigningRequestBuilder(subject_name=x509.Name([]))
    builder = builder.add_extension(names, critical=True)
    if tuple(usages) != (Usage.SERVER,):
        purposes = x509.ExtendedKeyUsage([_PURPOSES[one] for one in usages])
        builder = builder.add_extension(purposes, critical=False)
    return builder.sign(key, digest_for(key)).public_bytes(Encoding.DER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """What a request asks for.

    Attributes:
        der: the request.
        identifiers: of the subject alternative name, sorted, and a common name that is one.
        public_key: SubjectPublicKeyInfo, DER.
    """

    der: bytes
    identifiers: tuple[Identifier, ...]
    public_key: bytes


def requested(request: bytes) -> Requested:
    """Read the operator's own request, PEM or DER.

    Raises:
        OperatorError: it is none, its signature is wrong, or it names nothing.
    """
    try:
        pem = request.lstrip().startswith(b"-----BEGIN")
        found = x509.load_pem_x509_csr(request) if pem else x509.load_der_x509_csr(request)
        sound = found.is_signature_valid
        named = set(_named(found))
        key = public_bytes(found.public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise OperatorError(
            f"it is no certificate signing request: {error}",
            code="bad-request",
            remedy="Make one: openssl req -new -key key.pem -addext subjectAltName=DNS:… -out …",
        ) from error
    if not sound:
        raise OperatorError("the request's own signature is wrong", code="bad-request",
                            remedy="Make it again")  # fmt: skip
    if not named:
        raise OperatorError(
            "the request names no host", code="bad-request",
            remedy="Make one with a subject alternative name",
        )  # fmt: skip
    der = found.public_bytes(Encoding.DER)
    return Requested(der=der, identifiers=tuple(sorted(named)), public_key=key)


def _named(request: x509.CertificateSigningRequest) -> Iterable[Identifier]:
    try:
        found = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        yield from identifiers_of(found.value)
    except x509.ExtensionNotFound:
        pass
    for name in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        yield parse(str(name.value))


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
