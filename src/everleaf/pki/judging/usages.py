"""Whether certificates may be used for what they are used for: RFC 5280, 4.2.1.3 and 4.2.1.12."""

from collections.abc import Iterator

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms.chain import CRITICAL_EXTENSION, WRONG_USAGE
from everleaf.core.wanted import Usage
from everleaf.pki import rules
from everleaf.pki.judging.links import is_self_signed
from everleaf.pki.judging.words import called

# What OpenSSL lets stand as critical.
_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.INHIBIT_ANY_POLICY,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    }
)


def of_leaf(leaf: x509.Certificate, usage: Usage) -> Iterator[Finding]:
    """It is for this usage, signs handshakes, and is no authority's.

    `anyExtendedKeyUsage` alone is refused by OpenSSL and by Firefox, an authority's certificate
    by Firefox; one that is its own root is taken where it is trusted.
    """
    yield from extended(leaf, leaf, usage)
    yield from critical(leaf, leaf)
    use = rules.extension(leaf, x509.KeyUsage)
    if use is not None and not use.digital_signature:
        yield _wrong(leaf, "the key usage of the leaf lacks digital signatures, which TLS needs")
    if rules.is_ca(leaf) and not is_self_signed(leaf):
        yield _wrong(leaf, f"the certificate is that of an authority, not of a {usage}")


def extended(one: x509.Certificate, leaf: x509.Certificate, usage: Usage) -> Iterator[Finding]:
    """Where an extended key usage stands, in a leaf or above it, it holds this usage."""
    purpose, words = rules.PURPOSES[usage]
    found = rules.extension(one, x509.ExtendedKeyUsage)
    if found is not None and purpose not in found:
        yield _wrong(
            one, f"{called(one, leaf)} is not for {words}: its extended key usage lacks it"
        )


def critical(one: x509.Certificate, leaf: x509.Certificate) -> Iterator[Finding]:
    """No extension is critical that clients do not understand (RFC 5280, section 4.2)."""
    for found in one.extensions:
        if found.critical and found.oid not in _UNDERSTOOD:
            oid = found.oid.dotted_string
            yield Finding(
                symptom=CRITICAL_EXTENSION,
                what=f"{called(one, leaf)} holds the critical extension {oid}, "
                "which clients do not know",
                detail={"subject": one.subject.rfc4514_string(), "extension": oid},
            )


def _wrong(one: x509.Certificate, what: str) -> Finding:
    return Finding(symptom=WRONG_USAGE, what=what, detail={"subject": one.subject.rfc4514_string()})
