"""What a new certificate must be like beside the one before it, and in the eyes of browsers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from everleaf.pki.keys import public_bytes

# Longest validity of public certificates by their first day: CA/Browser Forum, ballot SC-081v3.
_CALENDAR = (
    (datetime(2029, 3, 15, tzinfo=UTC), 47),
    (datetime(2027, 3, 15, tzinfo=UTC), 100),
    (datetime(2026, 3, 15, tzinfo=UTC), 200),
    (datetime(2020, 9, 1, tzinfo=UTC), 398),
)
# Timestamps of separate logs, by lifetime: Chrome's policy (googlechrome.github.io/
# CertificateTransparency/ct_policy.html), and Apple's, support.apple.com/103214.
_SHORT, _FEW, _MORE = timedelta(days=180), 2, 3
_MOMENT = timedelta(seconds=1)


def renewed(
    leaf: x509.Certificate, before: x509.Certificate | None, *, reuse_key: bool
) -> Iterator[str]:
    """Serial and public key are others than the predecessor's, unless the key was to be reused.

    Args:
        leaf: the new one.
        before: the predecessor; None: there is none.
        reuse_key: the key was to be the same.
    """
    if before is None:
        return
    if before.serial_number == leaf.serial_number and before.issuer == leaf.issuer:
        yield "it has the serial number of its predecessor"
    same = public_bytes(before.public_key()) == public_bytes(leaf.public_key())
    if same and not reuse_key:
        yield "it is for the key of its predecessor, which was to be replaced"


def calendar(leaf: x509.Certificate) -> Iterator[str]:
    """It lives no longer than public certificates may."""
    start, life = leaf.not_valid_before_utc, _life(leaf)
    days = next((days for since, days in _CALENDAR if start >= since), None)
    if days is not None and life > timedelta(days=days):
        yield (
            f"it is valid for {life / timedelta(days=1):.1f} days: public certificates that begin "
            f"on {start:%Y-%m-%d} may live for {days}, and browsers refuse longer ones"
        )


def _life(leaf: x509.Certificate) -> timedelta:
    """Both ends are part of the validity: RFC 5280, section 4.1.2.5."""
    return leaf.not_valid_after_utc - leaf.not_valid_before_utc + _MOMENT


def transparency(leaf: x509.Certificate) -> Iterator[str]:
    """It carries signed timestamps of Certificate Transparency logs (RFC 6962, section 3.3)."""
    count, life = timestamps(leaf), _life(leaf)
    fewest = _FEW if life <= _SHORT else _MORE
    if count < fewest:
        yield (
            f"it carries {count or 'no'} signed certificate timestamp{'s' if count != 1 else ''}: "
            f"browsers ask for {fewest}, of as many logs, of public certificates that live for "
            f"{life / timedelta(days=1):.0f} days"
        )


def timestamps(leaf: x509.Certificate) -> int:
    """Of how many logs signed timestamps are embedded."""
    oid = ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS
    try:
        value = leaf.extensions.get_extension_for_oid(oid).value
    except (x509.ExtensionNotFound, ValueError):
        return 0
    if isinstance(value, x509.PrecertificateSignedCertificateTimestamps):
        return len({one.log_id for one in value})
    return 0


def pinned(chain: list[x509.Certificate], pins: frozenset[str]) -> str:
    """What to warn of where keys are pinned and the chain holds none of them; empty: nothing.

    Args:
        chain: leaf first.
        pins: SHA-256 of SubjectPublicKeyInfo, hexadecimal.
    """
    import hashlib

    found = {hashlib.sha256(public_bytes(one.public_key())).hexdigest() for one in chain}
    if not pins or found & pins:
        return ""
    names = ", ".join(one.subject.rfc4514_string() or "the leaf" for one in chain)
    return f"none of the pinned keys is in the chain ({names}): whoever pins them will refuse it"
