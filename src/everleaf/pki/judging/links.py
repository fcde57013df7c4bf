"""How two certificates are linked: by name, by key identifier, by signature."""

from functools import lru_cache
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import MD5, HashAlgorithm
from cryptography.x509.oid import SignatureAlgorithmOID

from everleaf.pki import rules
from everleaf.pki.certificates import authority_key

Method: TypeAlias = padding.PSS | padding.PKCS1v15 | ec.ECDSA | None
Name: TypeAlias = tuple[frozenset[tuple[str, str]], ...]


@lru_cache(maxsize=1024)
def canonical(name: x509.Name) -> Name:
    """A name as it is compared: neither case, nor spaces, nor the kind of string count.

    RFC 5280, section 7.1, and OpenSSL; `verify_directly_issued_by` compares bytes.
    """
    return tuple(
        frozenset(
            (part.oid.dotted_string, " ".join(str(part.value).split()).casefold()) for part in rdn
        )
        for rdn in name.rdns
    )


def names_fit(above: x509.Certificate, below: x509.Certificate) -> bool:
    """Whether the one bears the name of the other's issuer."""
    return canonical(above.subject) == canonical(below.issuer)


def issued(above: x509.Certificate, below: x509.Certificate) -> bool:
    """Whether the one issued the other, by name and by signature."""
    return names_fit(above, below) and signed(above, below)


def is_self_signed(one: x509.Certificate) -> bool:
    """Whether it is a root, or a leaf that nobody vouches for."""
    return issued(one, one)


@lru_cache(maxsize=1 << 16)
def signed(above: x509.Certificate, below: x509.Certificate) -> bool:
    """Whether the key of the one made the signature of the other, whatever the names."""
    key = above.public_key()
    text, signature = below.tbs_certificate_bytes, below.signature
    try:
        how, digest = method(below)
        if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, text)
        elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(how, ec.ECDSA):
            key.verify(signature, text, how)
        elif (
            isinstance(key, rsa.RSAPublicKey)
            and isinstance(how, padding.PSS | padding.PKCS1v15)
            and digest is not None
        ):
            key.verify(signature, text, how, digest)
        elif isinstance(key, dsa.DSAPublicKey) and digest is not None:
            key.verify(signature, text, digest)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def method(one: x509.Certificate) -> tuple[Method, HashAlgorithm | None]:
    """How it is signed: padding or kind, and digest; both None for Edwards curves.

    Raises:
        UnsupportedAlgorithm: in a way that is not known; MD5 is, though `cryptography` has
            forgotten it.
    """
    if one.signature_algorithm_oid == SignatureAlgorithmOID.RSA_WITH_MD5:
        return padding.PKCS1v15(), MD5()  # noqa: S303 - to be told from a broken signature
    return one.signature_algorithm_parameters, one.signature_hash_algorithm


def is_of_the_key(above: x509.Certificate, below: x509.Certificate) -> bool:
    """Whether the key identifiers say that this very key signed (RFC 5280, section 4.2.1.1)."""
    wanted = authority_key(below)
    own = rules.extension(above, x509.SubjectKeyIdentifier)
    return wanted is not None and own is not None and wanted == own.digest
