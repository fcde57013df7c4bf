"""Certificate keys: made, compared and loaded."""

from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509 import load_der_x509_certificate

from everleaf.core.wanted import KeyType
from everleaf.errors import MachineError
from everleaf.pki import certificates

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_RSA_SIZES = {KeyType.RSA_2048: 2048, KeyType.RSA_3072: 3072, KeyType.RSA_4096: 4096}
_CURVES: dict[KeyType, ec.EllipticCurve] = {
    KeyType.ECDSA_P256: ec.SECP256R1(),
    KeyType.ECDSA_P384: ec.SECP384R1(),
}
_EXPONENT = 65537


class OpensslKeys:
    """The port `Keys` over OpenSSL, whose randomness is the operating system's."""

    def generate(self, key_type: KeyType) -> bytes:
        """A new key, PKCS #8, PEM, not encrypted."""
        return make(key_type)


def make(key_type: KeyType) -> bytes:
    """A new private key, PKCS #8, PEM, not encrypted."""
    key: PrivateKey
    if key_type in _CURVES:
        key = ec.generate_private_key(_CURVES[key_type])
    else:
        key = rsa.generate_private_key(_EXPONENT, _RSA_SIZES[key_type])
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load(key_pem: bytes) -> PrivateKey:
    """Read a private key.

    Raises:
        MachineError: it is no unencrypted ECDSA or RSA key. The key's text is never repeated.
    """
    try:
        key = load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise MachineError(
            f"a private key cannot be read ({type(error).__name__})", code="bad-key"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise MachineError("a private key is neither ECDSA nor RSA", code="bad-key")
    return key


def public(key_pem: bytes) -> bytes:
    """Its public half, SubjectPublicKeyInfo, DER.

    Raises:
        MachineError: the key cannot be read.
    """
    return public_bytes(load(key_pem).public_key())


def public_bytes(key: PublicKeyTypes) -> bytes:
    """SubjectPublicKeyInfo, DER."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def matches(key_pem: bytes, leaf_der: bytes) -> bool:
    """Whether the certificate is for this key.

    Raises:
        MachineError: the key cannot be read.
    """
    return public(key_pem) == public_bytes(load_der_x509_certificate(leaf_der).public_key())


def kind_of(leaf_der: bytes) -> str:
    """`ecdsa` or `rsa`, by a certificate's key; empty: another, or it cannot be read."""
    try:
        key = certificates.load(leaf_der).public_key()
    except ValueError:
        return ""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ecdsa"
    return "rsa" if isinstance(key, rsa.RSAPublicKey) else ""
