"""Facts about certificates, and the versions of one that stand on disk."""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta

from everleaf.core.identifiers import Identifier

_DELAY = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What we need to know of one X.509 certificate.

    Attributes:
        identifiers: the subject alternative names, sorted.
        serial: hexadecimal, lower case, two digits a byte, as openssl prints it.
        sha256: of the DER bytes, hexadecimal.
        key_sha256: of the SubjectPublicKeyInfo, hexadecimal.
        cert_id: the CertID of RFC 9773, where the certificate has an authority key identifier.
    """

    identifiers: tuple[Identifier, ...]
    serial: str
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    sha256: str
    key_sha256: str
    cert_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why a version is kept back: it made a terminator's own test fail.

    Until the hook (`hook`: its digest) or the deployment (a fingerprint) changes. With no
    terminator: it could not be confirmed, and was withdrawn; the fingerprint is then that of the
    confirmation.
    """

    version: str
    terminator: str
    hook: str
    deployment: str
    words: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One certificate as it stands in `versions/ID`, with how it came about.

    Attributes:
        ask: fingerprint of what was wanted when it was ordered.
        chain_sha256: SHA-256 of each certificate that a server should send, leaf first.
        earliest_end: the first end of validity in the whole chain.
        placeholder: self-signed by us so that a server can start; never counts as issued.
        key_type: of its key; empty: the key is not ours.
        profile: that it was ordered with.
        revoked_at: when we had it revoked.
        pinned_at: when it was made live by hand, to stay so; the last one counts.
        rejection: why it is kept back.
    """

    id: str
    ask: str
    authority: str
    account: str
    identifiers: tuple[Identifier, ...]
    serial: str
    not_before: datetime
    not_after: datetime
    earliest_end: datetime
    chain_sha256: tuple[str, ...]
    cert_id: str | None
    installed_at: datetime
    placeholder: bool = False
    has_key: bool = True
    key_type: str = ""
    profile: str = ""
    revoked_at: datetime | None = None
    pinned_at: datetime | None = None
    rejection: Rejection | None = None

    @property
    def came_at(self) -> datetime:
        """When it came, by our clock as far as the certificate's own dates bear that out.

        One that a wrong clock installed is not the newest for ever. An authority may date a
        certificate back, by a day at most.
        """
        latest = self.not_before + min(_DELAY, self.lifetime / 4)
        return min(max(self.installed_at, self.not_before), latest)

    @property
    def lifetime(self) -> timedelta:
        """From its first moment to the earliest end in its chain."""
        return self.earliest_end - self.not_before

    def is_usable(self, now: datetime) -> bool:
        """Whether it may go live: issued, not over, not revoked."""
        return not self.placeholder and self.revoked_at is None and self.earliest_end > now

    def remaining(self, now: datetime) -> timedelta:
        """What is left of it; negative when it is over."""
        return self.earliest_end - now


def cert_id(authority_key_identifier: bytes, serial: int) -> str:
    """The CertID by which renewal information is asked for: RFC 9773, section 4.1.

    Args:
        authority_key_identifier: the keyIdentifier field's bytes.
        serial: positive; its DER bytes keep a leading zero where the top bit is set.
    """
    raw = serial.to_bytes(serial.bit_length() // 8 + 1, "big")
    return f"{_b64(authority_key_identifier)}.{_b64(raw)}"


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
