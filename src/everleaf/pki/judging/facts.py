"""What is to be known of each certificate of a chain, for programs."""

import hashlib

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from everleaf.pki.certificates import load, serial_of
from everleaf.pki.judging.links import method
from everleaf.pki.judging.names import names_of
from everleaf.pki.judging.strength import described
from everleaf.pki.judging.words import iso


def facts(der: bytes) -> dict[str, object]:
    """JSON values; of one that cannot be read, the SHA-256 and why."""
    digest = hashlib.sha256(der).hexdigest()
    try:
        one = load(der)
    except ValueError as error:
        return {"sha256": digest, "unreadable": str(error)}
    dns, addresses = names_of(one)
    return {
        "subject": one.subject.rfc4514_string(),
        "issuer": one.issuer.rfc4514_string(),
        "serial": serial_of(one),
        "not_before": iso(one.not_valid_before_utc),
        "not_after": iso(one.not_valid_after_utc),
        "names": [*dns, *addresses],
        "key": described(one),
        "signature": _signature(one),
        "sha256": digest,
    }


def _signature(one: x509.Certificate) -> str:
    """As `ecdsa-with-SHA256`; one without a known name by its object identifier."""
    oid = one.signature_algorithm_oid
    try:
        _, digest = method(one)
    except UnsupportedAlgorithm:
        return oid.dotted_string
    name = str(oid._name)  # noqa: SLF001 - the one name that it has
    return f"{name} ({digest.name})" if digest and digest.name not in name.lower() else name
