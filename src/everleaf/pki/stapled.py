"""What a stapled OCSP answer says of a leaf, and what speaks against the answer: RFC 6960."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms import Symptom, status
from everleaf.pki.revoked import UNREADABLE, Reading, Subject
from everleaf.pki.rules import CLOCK_SKEW
from everleaf.pki.trust import issued


@dataclass(frozen=True, slots=True, kw_only=True)
class _Single:
    """What an answer says of one certificate."""

    status: ocsp.OCSPCertStatus
    this_update: datetime
    next_update: datetime | None
    since: datetime | None
    reason: str


def judge(staple: bytes, subject: Subject, now: datetime) -> Reading:
    """All that speaks against a staple, and what it says of the leaf.

    Args:
        staple: OCSPResponse, DER.
        subject: the leaf that it came with.
        now: aware.
    """
    try:
        return _judged(ocsp.load_der_ocsp_response(staple), subject, now)
    except UNREADABLE as error:
        what = f"what is stapled is no OCSP answer that can be read: {str(error)[:200]}"
        return _alone(status.STAPLE_MALFORMED, what, {"status": None})


def _judged(answer: ocsp.OCSPResponse, subject: Subject, now: datetime) -> Reading:
    if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        word = answer.response_status.name.lower()
        what = f"what is stapled is the responder's error {word!r}, no answer"
        return _alone(status.STAPLE_UNSUCCESSFUL, what, {"status": word})
    single = _single(answer, subject)
    if single is None:
        serials = [f"{one.serial_number:x}" for one in answer.responses]
        what = (
            f"the stapled answer is for the certificate {', '.join(serials)[:200]}, and the one "
            f"that is served is {subject.certificate.serial_number:x}"
        )
        return _alone(status.STAPLE_OF_OTHER, what, {"status": None, "serials": serials})
    found = (*_signature(answer, subject, now), *_dates(single, now), *_says(single))
    return Reading(findings=found, facts=_facts(single, subject))


def is_of(staple: bytes, subject: Subject) -> bool:
    """Whether an answer can be read and is for this certificate."""
    try:
        answer = ocsp.load_der_ocsp_response(staple)
        return _single(answer, subject) is not None
    except UNREADABLE:
        return False


def _alone(symptom: Symptom, what: str, facts: dict[str, object]) -> Reading:
    return Reading(findings=(Finding(symptom=symptom, what=what),), facts=facts)


def _single(answer: ocsp.OCSPResponse, subject: Subject) -> _Single | None:
    """The one whose CertID is the leaf's (section 4.1.1)."""
    for one in answer.responses:
        if _is_of(one, subject):
            revoked = one.certificate_status is ocsp.OCSPCertStatus.REVOKED
            reason = one.revocation_reason if revoked else None
            return _Single(
                status=one.certificate_status,
                this_update=one.this_update_utc,
                next_update=one.next_update_utc,
                since=one.revocation_time_utc if revoked else None,
                reason=reason.value if reason else "unspecified",
            )
    return None


def _is_of(one: ocsp.OCSPSingleResponse, subject: Subject) -> bool:
    if one.serial_number != subject.certificate.serial_number:
        return False
    if subject.issuer is None:
        return True
    asked = (
        ocsp.OCSPRequestBuilder()
        .add_certificate(subject.certificate, subject.issuer, one.hash_algorithm)
        .build()
    )
    hashed = (asked.issuer_name_hash, asked.issuer_key_hash)
    return hashed == (one.issuer_name_hash, one.issuer_key_hash)


def _signature(answer: ocsp.OCSPResponse, subject: Subject, now: datetime) -> Iterator[Finding]:
    """By the issuer, or by one to whom it gave the right (section 4.2.2.2)."""
    issuer = subject.issuer
    if issuer is None or _is_signed(answer, issuer):
        return
    signer = next((one for one in answer.certificates if _is_signed(answer, one)), None)
    if signer is None:
        why = "signed neither by the issuer nor by a certificate that it carries"
    elif not issued(issuer, signer):
        who = signer.subject.rfc4514_string()
        why = f"signed by {who!r}, whose certificate is not by the issuer"
    elif not _may_answer(signer):
        why = f"signed by {signer.subject.rfc4514_string()!r}, who may not sign OCSP answers"
    elif not signer.not_valid_before_utc <= now + CLOCK_SKEW < signer.not_valid_after_utc:
        who = signer.subject.rfc4514_string()
        why = f"signed by {who!r}, whose certificate is not valid now"
    else:
        return
    yield Finding(symptom=status.STAPLE_UNTRUSTED, what=f"the stapled answer is {why}")


def _may_answer(signer: x509.Certificate) -> bool:
    try:
        usages = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (*UNREADABLE, x509.ExtensionNotFound):
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in usages


def _is_signed(answer: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    try:
        key: Any = signer.public_key()
        digest: Any = answer.signature_hash_algorithm
        rest: tuple[Any, ...] = ()
        if isinstance(key, rsa.RSAPublicKey):
            rest = (padding.PKCS1v15(), digest or hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            rest = (ec.ECDSA(digest or hashes.SHA256()),)
        elif not isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            return False
        key.verify(answer.signature, answer.tbs_response_bytes, *rest)
    except (*UNREADABLE, InvalidSignature):
        return False
    return True


def _dates(single: _Single, now: datetime) -> Iterator[Finding]:
    end = single.next_update
    if end is not None and end <= now:
        what = f"the stapled answer was over at {end:%Y-%m-%d %H:%M:%S}Z"
        detail = {"next_update": end.isoformat()}
        yield Finding(symptom=status.STAPLE_EXPIRED, what=what, detail=detail)
    if single.this_update > now + CLOCK_SKEW:
        start = single.this_update
        what = f"the stapled answer is from the future: {start:%Y-%m-%d %H:%M:%S}Z"
        yield Finding(symptom=status.STAPLE_NOT_YET_VALID, what=what)


def _says(single: _Single) -> Iterator[Finding]:
    if single.status is ocsp.OCSPCertStatus.UNKNOWN:
        what = "the stapled answer says that the responder does not know the certificate"
        yield Finding(symptom=status.STAPLE_UNKNOWN, what=what)
    if single.since is not None:
        yield Finding(
            symptom=status.REVOKED_BY_STAPLE,
            what=f"the leaf was revoked at {single.since:%Y-%m-%d %H:%M:%S}Z (reason: "
            f"{single.reason}), by the OCSP answer that the server staples itself",
            detail={"since": single.since.isoformat(), "reason": single.reason},
        )


def _facts(single: _Single, subject: Subject) -> dict[str, object]:
    end = single.next_update
    return {
        "status": single.status.name.lower(),
        "this_update": single.this_update.isoformat(),
        "next_update": end.isoformat() if end else None,
        "signature_checked": subject.issuer is not None,
    }
