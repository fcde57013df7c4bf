"""Certificates as bytes and as facts."""

import base64
import binascii
import hashlib
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from everleaf.core.certificate import Facts, cert_id
from everleaf.core.identifiers import Identifier, Kind
from everleaf.errors import MachineError

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----\s*(.*?)\s*-----END CERTIFICATE-----", re.DOTALL)
_LINE = 64
_UNREADABLE = (
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_QUIETLY = Lock()


def split(pem: bytes) -> tuple[bytes, ...]:
    """The certificates of a PEM text, DER, in their order; what stands between them is skipped.

    A block that is no base64 is handed on as it stands, so that it is missed by nobody: whoever
    reads it finds that it is no certificate.
    """
    return tuple(_decode(block) for block in _BLOCK.findall(pem))


def _decode(block: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(block.split()), validate=True)
    except binascii.Error:
        return block


def to_pem(der: bytes) -> bytes:
    """One certificate as PEM (RFC 7468), with a line feed at its end."""
    text = base64.b64encode(der)
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    begin, end = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    return b"\n".join([begin, *lines, end, b""])


def read(ders: Sequence[bytes]) -> tuple[list[x509.Certificate], list[str]]:
    """Those that can be read whole, and a sentence for each of the others."""
    found, unreadable = [], []
    for place, der in enumerate(ders, start=1):
        try:
            found.append(load(der))
        except ValueError as error:
            unreadable.append(f"certificate {place} of {len(ders)} cannot be read: {error}")
    return found, unreadable


def load(der: bytes) -> x509.Certificate:
    """A certificate that can be read whole: its names, its dates, its key and its extensions.

    Raises:
        ValueError: it cannot.
    """
    try:
        with _quietly():
            one = x509.load_der_x509_certificate(der)
            _ = one.extensions, one.public_key(), one.subject, one.issuer
            _ = one.not_valid_before_utc, one.not_valid_after_utc
    except _UNREADABLE as error:
        raise ValueError(str(error)) from error
    return one


def is_certificate(der: bytes) -> bool:
    """Whether it can be read whole."""
    try:
        load(der)
    except ValueError:
        return False
    return True


@contextmanager
def _quietly() -> Iterator[None]:
    """Some roots have a serial number below one: `cryptography` warns of it, everybody takes it.

    Filters of warnings are the process's own, so one thread at a time sets them aside.
    """
    with _QUIETLY, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def serial_of(certificate: x509.Certificate) -> str:
    """Its serial number, hexadecimal, two digits a byte."""
    with _quietly():
        serial = certificate.serial_number
    size = max(1, (serial.bit_length() + 7) // 8)
    return ("-" if serial < 0 else "") + abs(serial).to_bytes(size, "big").hex()


def facts(der: bytes) -> Facts:
    """What we need to know of one certificate.

    Raises:
        MachineError: the bytes are no certificate.
    """
    try:
        return _facts(load(der), der)
    except (ValueError, TypeError) as error:
        raise MachineError(
            f"a certificate cannot be read: {error}", code="bad-certificate"
        ) from error


def _facts(certificate: x509.Certificate, der: bytes) -> Facts:
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    above = authority_key(certificate)
    serial = certificate.serial_number
    return Facts(
        identifiers=tuple(sorted(set(identifiers_of(alternatives(certificate))))),
        serial=serial_of(certificate),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        sha256=hashlib.sha256(der).hexdigest(),
        key_sha256=hashlib.sha256(public).hexdigest(),
        cert_id=cert_id(above, serial) if above and serial > 0 else None,
    )


def identifiers_of(names: x509.SubjectAlternativeName) -> Iterable[Identifier]:
    """The DNS names and addresses among subject alternative names."""
    for name in names.get_values_for_type(x509.DNSName):
        yield Identifier(Kind.DNS, name.lower())
    for address in names.get_values_for_type(x509.IPAddress):
        yield Identifier(Kind.IP, str(address))


def alternatives(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    """The subject alternative name; empty where there is none."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return x509.SubjectAlternativeName([])


def authority_key(certificate: x509.Certificate) -> bytes | None:
    """The keyIdentifier of the authority key identifier, where there is one."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return None
    return found.value.key_identifier
