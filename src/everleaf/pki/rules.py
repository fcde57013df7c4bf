"""What one certificate must be like: each rule returns its objections, one sentence each."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from everleaf.core.identifiers import Identifier
from everleaf.core.wanted import Usage
from everleaf.pki.certificates import alternatives, identifiers_of
from everleaf.pki.keys import public_bytes

CLOCK_SKEW = timedelta(minutes=5)
_SMALLEST_RSA = 2048
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_DIGESTS = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_EDWARDS = (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)


def names(leaf: x509.Certificate, identifiers: Sequence[Identifier]) -> Iterator[str]:
    """Exactly the identifiers that were asked for, no more and no fewer."""
    there, asked = set(identifiers_of(alternatives(leaf))), set(identifiers)
    if missing := sorted(asked - there):
        yield f"it lacks names that were asked for: {', '.join(map(str, missing))}"
    if extra := sorted(there - asked):
        yield f"it holds names that were not asked for: {', '.join(map(str, extra))}"
    known = (x509.DNSName, x509.IPAddress)
    if odd := [name for name in alternatives(leaf) if not isinstance(name, known)]:
        kinds = sorted({type(name).__name__ for name in odd})
        yield f"it holds names of kinds that were not asked for: {', '.join(kinds)}"


def key(leaf: x509.Certificate, public_key: bytes) -> Iterator[str]:
    """It is for the key (SubjectPublicKeyInfo, DER) that it was ordered for."""
    if not is_for(leaf, public_key):
        yield "it is for another key than the one it was ordered for"


def is_for(leaf: x509.Certificate, public_key: bytes) -> bool:
    """Whether it is for this key."""
    return public_bytes(leaf.public_key()) == public_key


PURPOSES = {
    Usage.SERVER: (ExtendedKeyUsageOID.SERVER_AUTH, "server authentication"),
    Usage.CLIENT: (ExtendedKeyUsageOID.CLIENT_AUTH, "client authentication"),
}


def usages(leaf: x509.Certificate, wanted: Sequence[Usage]) -> Iterator[str]:
    """It is for what was asked for, and issues nothing: RFC 5280, sections 4.2.1.3, .9 and .12.

    One that may be used for more than was asked is no worse for it.
    """
    extended = extension(leaf, x509.ExtendedKeyUsage)
    for one in wanted:
        purpose, words = PURPOSES[one]
        if extended is None:
            yield f"it does not name {words}: it has no extended key usage"
        elif purpose not in extended:
            yield f"it is not for {words}: the extended key usage lacks it"
    if is_ca(leaf):
        yield "it is the certificate of an authority, not of a server"
    usage = extension(leaf, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        yield "its key usage lacks digital signatures, which TLS 1.3 needs"


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether it may issue others."""
    constraints = extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def strength(certificate: x509.Certificate) -> Iterator[str]:
    """Key and signature are of a kind that clients accept (Baseline Requirements, section 6.1.5).

    `cryptography` accepts a leaf with 1,024 bits of RSA, so this is checked here.
    """
    which = describe(certificate)
    public = certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        if public.key_size < _SMALLEST_RSA:
            yield f"{which} has an RSA key of {public.key_size} bits only"
    elif isinstance(public, ec.EllipticCurvePublicKey):
        if public.curve.name not in _CURVES:
            yield f"{which} has a key on the curve {public.curve.name}"
    elif not isinstance(public, _EDWARDS):
        yield f"{which} has a key of a kind that TLS servers do not use"
    try:
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        yield f"{which} is signed in a way that is not known"
        return
    if digest is not None and not isinstance(digest, _DIGESTS):
        yield f"{which} is signed with {digest.name}"


def dates(certificate: x509.Certificate, now: datetime) -> Iterator[str]:
    """It is valid now; a start up to five minutes ahead is taken for a clock that differs."""
    which = describe(certificate)
    if certificate.not_valid_before_utc > now + CLOCK_SKEW:
        yield f"{which} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M:%S}Z"
    if certificate.not_valid_after_utc <= now:
        yield f"{which} expired at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M:%S}Z"


def describe(certificate: x509.Certificate) -> str:
    """How a sentence names it."""
    if not is_ca(certificate):
        return "the leaf"
    return f"the authority's certificate {certificate.subject.rfc4514_string()!r}"


def extension(
    certificate: x509.Certificate, kind: type[x509.extensions.ExtensionTypeVar]
) -> x509.extensions.ExtensionTypeVar | None:
    """The extension of this kind, where there is one."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
