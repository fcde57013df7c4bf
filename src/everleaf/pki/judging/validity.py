"""Whether a certificate is valid now."""

from collections.abc import Iterator
from datetime import datetime

from cryptography import x509

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms import Symptom
from everleaf.core.symptoms.chain import (
    EXPIRED,
    EXPIRES_SOON,
    INTERMEDIATE_EXPIRED,
    INTERMEDIATE_NOT_YET_VALID,
    NOT_YET_VALID,
    ROOT_EXPIRED,
)
from everleaf.pki.judging.links import is_self_signed
from everleaf.pki.judging.words import apart, called, iso, shown

_SOON = 20  # a certificate is renewed when a third of its life is left


def of_leaf(leaf: x509.Certificate, now: datetime) -> Iterator[Finding]:
    """To the second: clients make no allowance for clocks that differ."""
    yield from _judged(leaf, "the certificate", now, (EXPIRED, NOT_YET_VALID))
    start, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now < end and (end - now) * _SOON < end - start:
        yield Finding(
            symptom=EXPIRES_SOON,
            what=f"the certificate ends in {apart(end - now)}, at {shown(end)}",
            detail={"not_after": iso(end), "seconds": int((end - now).total_seconds())},
        )


def of_authority(one: x509.Certificate, leaf: x509.Certificate, now: datetime) -> Iterator[Finding]:
    """The same for what stands above the leaf; roots as well, as OpenSSL and Go have it."""
    over = ROOT_EXPIRED if is_self_signed(one) else INTERMEDIATE_EXPIRED
    yield from _judged(one, called(one, leaf), now, (over, INTERMEDIATE_NOT_YET_VALID))


def _judged(
    one: x509.Certificate, which: str, now: datetime, symptoms: tuple[Symptom, Symptom]
) -> Iterator[Finding]:
    over, early = symptoms
    start, end = one.not_valid_before_utc, one.not_valid_after_utc
    subject = one.subject.rfc4514_string()
    if end <= now:
        yield Finding(
            symptom=over,
            what=f"{which} expired {apart(now - end)} ago, at {shown(end)}",
            detail={
                "subject": subject,
                "not_after": iso(end),
                "seconds": int((now - end).total_seconds()),
            },
        )
    if start > now:
        yield Finding(
            symptom=early,
            what=f"{which} is not valid before {shown(start)}, {apart(start - now)} from now",
            detail={
                "subject": subject,
                "not_before": iso(start),
                "seconds": int((start - now).total_seconds()),
            },
        )
