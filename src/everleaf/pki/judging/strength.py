"""Whether keys and signatures are such as clients take."""

from collections.abc import Iterator

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms.chain import (
    NOT_FOR_BROWSERS,
    UNCOMMON_KEY,
    WEAK_KEY,
    WEAK_SIGNATURE,
)
from everleaf.pki.judging.links import is_self_signed, method
from everleaf.pki.judging.words import called

_SMALLEST_RSA = 2048
_SMALLEST_CURVE = 256
_BROWSERS = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_BROKEN = (hashes.MD5, hashes.SHA1)
_EDWARDS = (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)


def findings(one: x509.Certificate, leaf: x509.Certificate) -> Iterator[Finding]:
    """Baseline Requirements, sections 6.1.5 and 7.1.3; a root's signature vouches for nothing."""
    which = called(one, leaf)
    yield from _key(one, which)
    if one != leaf and is_self_signed(one):
        return
    try:
        _, digest = method(one)
    except UnsupportedAlgorithm:
        oid = one.signature_algorithm_oid.dotted_string
        yield _weak_signature(one, f"{which} is signed in a way that clients do not know", oid)
        return
    if isinstance(digest, _BROKEN):
        name = digest.name.upper().replace("SHA1", "SHA-1")
        yield _weak_signature(one, f"{which} is signed with {name}", digest.name)


def _key(one: x509.Certificate, which: str) -> Iterator[Finding]:
    public = one.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        if public.key_size < _SMALLEST_RSA:
            yield _weak_key(one, f"{which} has an RSA key of {public.key_size} bits only")
    elif isinstance(public, ec.EllipticCurvePublicKey):
        name = public.curve.name
        if public.key_size < _SMALLEST_CURVE:
            yield _weak_key(one, f"{which} has a key on the curve {name}, which is too small")
        elif name not in _BROWSERS:
            yield Finding(
                symptom=UNCOMMON_KEY,
                what=f"{which} has a key on the curve {name}, which browsers do not know",
                detail={"subject": one.subject.rfc4514_string(), "key": described(one)},
            )
    elif isinstance(public, _EDWARDS):
        yield Finding(
            symptom=NOT_FOR_BROWSERS,
            what=f"{which} has an {described(one)} key, which browsers do not take",
            detail={"subject": one.subject.rfc4514_string(), "key": described(one)},
        )
    else:
        yield _weak_key(one, f"{which} has a key of a kind that TLS servers do not use")


def described(one: x509.Certificate) -> str:
    """Its key's kind and size."""
    public = one.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        return f"RSA {public.key_size}"
    if isinstance(public, ec.EllipticCurvePublicKey):
        return f"ECDSA {_BROWSERS.get(public.curve.name, public.curve.name)}"
    return type(public).__name__.removesuffix("PublicKey").lstrip("_")


def _weak_key(one: x509.Certificate, what: str) -> Finding:
    detail = {"subject": one.subject.rfc4514_string(), "key": described(one)}
    return Finding(symptom=WEAK_KEY, what=what, detail=detail)


def _weak_signature(one: x509.Certificate, what: str, how: str) -> Finding:
    detail = {"subject": one.subject.rfc4514_string(), "signature": how}
    return Finding(symptom=WEAK_SIGNATURE, what=what, detail=detail)
