"""What a revocation list says of a certificate, and what speaks against the list: RFC 5280, 5."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms import status
from everleaf.pki.certificates import load
from everleaf.pki.rules import CLOCK_SKEW, describe, is_ca
from everleaf.pki.trust import issued

UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A certificate whose revocation is looked for; `issuer` is None where it is not at hand."""

    certificate: x509.Certificate
    issuer: x509.Certificate | None

    def __str__(self) -> str:
        """How a sentence names it."""
        return describe(self.certificate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One list: what was found of it, and what it is, for programs."""

    findings: tuple[Finding, ...] = ()
    facts: dict[str, object] | None = None


def read(ders: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """Those that are certificates."""
    found = []
    for der in ders:
        try:
            found.append(load(der))
        except UNREADABLE:
            continue
    return tuple(found)


def subjects(
    chain: Sequence[x509.Certificate], others: Sequence[x509.Certificate]
) -> tuple[Subject, ...]:
    """The leaf and what leads up from it, without a root, each with its issuer.

    What is sent beside that path speaks for nobody, and is left out.

    Args:
        chain: as sent, leaf first.
        others: certificates among which an issuer may be that is not sent.
    """
    path, rest = [chain[0]], [one for one in chain if one != chain[0]]
    while (above := issuer_of(path[-1], rest)) is not None:
        path.append(above)
        rest.remove(above)
    return tuple(
        Subject(certificate=one, issuer=issuer_of(one, [*chain, *others]))
        for one in path
        if one.subject != one.issuer
    )


def issuer_of(
    below: x509.Certificate, among: Sequence[x509.Certificate]
) -> x509.Certificate | None:
    """The one that signed it."""
    return next((one for one in among if one != below and issued(one, below)), None)


def places(certificate: x509.Certificate) -> tuple[tuple[str, ...], ...]:
    """URLs (http) of its revocation lists: for each distribution point those that do equally.

    Lists by another issuer, by LDAP or relative to the issuer's name are left out.
    """
    try:
        extension = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    except x509.ExtensionNotFound:
        return ()
    found = [
        tuple(
            name.value
            for name in point.full_name or ()
            if isinstance(name, x509.UniformResourceIdentifier)
            and name.value.lower().startswith("http://")
        )
        for point in extension.value
        if not point.crl_issuer
    ]
    return tuple(one for one in found if one)


def must_staple(certificate: x509.Certificate) -> bool:
    """Whether it demands a stapled OCSP answer (RFC 7633)."""
    try:
        feature = certificate.extensions.get_extension_for_class(x509.TLSFeature)
    except x509.ExtensionNotFound:
        return False
    return x509.TLSFeatureType.status_request in feature.value


def judge(data: bytes, subject: Subject, url: str, now: datetime) -> Reading:
    """What a list that was fetched says of a certificate, and what speaks against the list.

    Args:
        data: as fetched; DER.
        subject: the certificate that names the list.
        url: where it was.
        now: aware.
    """
    try:
        return _judged(x509.load_der_x509_crl(data), subject, url, now)
    except UNREADABLE as error:
        why = "it is PEM" if data.lstrip().startswith(b"-----BEGIN") else str(error)[:200]
        what = f"the revocation list of {subject} at {url} cannot be read: {why}"
        return Reading(findings=(Finding(symptom=status.CRL_MALFORMED, what=what),))


def _judged(
    listed: x509.CertificateRevocationList, subject: Subject, url: str, now: datetime
) -> Reading:
    scope = _scope(listed)
    revoked = listed.get_revoked_certificate_by_serial_number(subject.certificate.serial_number)
    facts = _facts(listed, url, subject, revoked is not None)
    name = f"the revocation list of {subject} at {url}"
    if against := [*_against(listed, subject, name), *_outside(listed, scope, subject, url, name)]:
        return Reading(findings=tuple(against), facts={**facts, "revoked": None})
    found = [*_dates(listed, name, now)]
    if revoked is not None:
        found.append(_revoked(revoked, subject, url))
    return Reading(findings=tuple(found), facts=facts)


def _scope(listed: x509.CertificateRevocationList) -> x509.IssuingDistributionPoint | None:
    try:
        return listed.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return None


def _against(
    listed: x509.CertificateRevocationList, subject: Subject, name: str
) -> Iterator[Finding]:
    """It has to be by the issuer (section 6.3.3, (b), (f), (g))."""
    if listed.issuer != subject.certificate.issuer:
        what = f"{name} is by {listed.issuer.rfc4514_string()!r}, who is not the issuer"
        yield Finding(symptom=status.CRL_UNTRUSTED, what=what)
    elif subject.issuer is not None and not _is_signed(listed, subject.issuer):
        what = f"{name} is not signed by the issuer's key"
        yield Finding(symptom=status.CRL_UNTRUSTED, what=what)


def _is_signed(listed: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    try:
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    if usage is not None and not usage.crl_sign:
        return False
    try:
        return listed.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except UNREADABLE:
        return False


def _outside(
    listed: x509.CertificateRevocationList,
    scope: x509.IssuingDistributionPoint | None,
    subject: Subject,
    url: str,
    name: str,
) -> Iterator[Finding]:
    """Section 6.3.3, (b): the names agree, and the kind of certificate is covered."""
    why = ""
    if any(isinstance(one.value, x509.DeltaCRLIndicator) for one in listed.extensions):
        why = "it has only what has changed"
    elif scope is None:
        return
    elif scope.indirect_crl:
        why = "it is indirect, of several issuers"
    elif scope.only_contains_attribute_certs:
        why = "it is of attribute certificates"
    elif scope.only_contains_user_certs and is_ca(subject.certificate):
        why = "it is of end entities only"
    elif scope.only_contains_ca_certs and not is_ca(subject.certificate):
        why = "it is of authorities only"
    elif scope.full_name and x509.UniformResourceIdentifier(url) not in scope.full_name:
        why = "it is for another distribution point"
    if why:
        what = f"{name} does not cover it: {why}"
        yield Finding(symptom=status.CRL_NOT_APPLICABLE, what=what)


def _dates(listed: x509.CertificateRevocationList, name: str, now: datetime) -> Iterator[Finding]:
    start, end = listed.last_update_utc, listed.next_update_utc
    if end is not None and end <= now:
        what = f"{name} was over at {end:%Y-%m-%d %H:%M:%S}Z"
        yield Finding(symptom=status.CRL_NOT_CURRENT, what=what)
    if start > now + CLOCK_SKEW:
        what = f"{name} is from the future: {start:%Y-%m-%d %H:%M:%S}Z"
        yield Finding(symptom=status.CRL_NOT_CURRENT, what=what)


def _revoked(entry: x509.RevokedCertificate, subject: Subject, url: str) -> Finding:
    reason = _reason(entry)
    since = entry.revocation_date_utc
    unsure = "" if subject.issuer else ", whose signature cannot be checked without the issuer"
    return Finding(
        symptom=status.REVOKED_BY_CRL,
        what=f"{subject} was revoked at {since:%Y-%m-%d %H:%M:%S}Z (reason: {reason}), by the list "
        f"at {url}{unsure}",
        detail={
            "url": url,
            "serial": f"{subject.certificate.serial_number:x}",
            "since": since.isoformat(),
            "reason": reason,
        },
    )


def _reason(entry: x509.RevokedCertificate) -> str:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except (*UNREADABLE, x509.ExtensionNotFound):
        return "unspecified"


def _facts(
    listed: x509.CertificateRevocationList,
    url: str,
    subject: Subject,
    revoked: bool,
) -> dict[str, object]:
    end = listed.next_update_utc
    return {
        "url": url,
        "of": subject.certificate.subject.rfc4514_string(),
        "entries": len(listed),
        "this_update": listed.last_update_utc.isoformat(),
        "next_update": end.isoformat() if end else None,
        "revoked": revoked,
    }
