"""How the certificates are put together: their order, and what does not belong there."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography import x509

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms.chain import (
    EXPIRED_CROSS_SIGNATURE,
    ROOT_SENT,
    SENT_TWICE,
    UNRELATED_CERTIFICATES,
    WRONG_ORDER,
)
from everleaf.pki.judging.links import is_self_signed, issued
from everleaf.pki.judging.paths import above_of
from everleaf.pki.judging.words import called, shown


def leaf_of(sent: Sequence[x509.Certificate]) -> x509.Certificate:
    """The first; where that issued another one that is here, the one to which it leads down."""
    leaf, rest = sent[0], list(sent[1:])
    while below := next((one for one in rest if one != leaf and issued(leaf, one)), None):
        leaf = below
        rest.remove(below)
    return leaf


def findings(sent: Sequence[x509.Certificate], leaf: x509.Certificate) -> Iterator[Finding]:
    """What is in the wrong place, and what need not be there.

    What belongs to another way up than the usual one (cross-signatures) is related, and may stand
    anywhere behind what it issued.
    """
    distinct = list(dict.fromkeys(sent))
    related = _related(leaf, distinct)
    if _is_disordered(sent, leaf, related):
        yield _wrong_order(sent, leaf)
    for one in (one for one in related if one != leaf and is_self_signed(one)):
        name = one.subject.rfc4514_string()
        yield Finding(
            symptom=ROOT_SENT, what=f"{called(one, leaf)} is sent", detail={"subject": name}
        )
    if others := [one.subject.rfc4514_string() for one in distinct if one not in related]:
        yield Finding(
            symptom=UNRELATED_CERTIFICATES,
            what=f"on no way from the leaf to a root {'is' if len(others) == 1 else 'are'} "
            + ", ".join(map(repr, others)),
            detail={"subjects": others},
        )
    for one in (one for one in distinct if sent.count(one) > 1):
        name = one.subject.rfc4514_string()
        times = sent.count(one)
        yield Finding(
            symptom=SENT_TWICE,
            what=f"{called(one, leaf)} is sent {'twice' if times == 2 else f'{times} times'}",  # noqa: PLR2004 - two is twice
            detail={"subject": name, "times": times},
        )


def over(
    sent: Sequence[x509.Certificate], used: Sequence[x509.Certificate], now: datetime
) -> Iterator[Finding]:
    """Expired ones beside the way that is good.

    Args:
        used: that way, leaf first.
    """
    leaf = used[0]
    related = _related(leaf, list(dict.fromkeys(sent)))
    for one in related:
        if one not in used and one.not_valid_after_utc <= now:
            subject, end = one.subject.rfc4514_string(), one.not_valid_after_utc
            yield Finding(
                symptom=EXPIRED_CROSS_SIGNATURE,
                what=f"{called(one, leaf)} expired at {shown(end)}, beside another way to a root "
                "that is good",
                detail={"subject": subject, "issuer": one.issuer.rfc4514_string()},
            )


def _related(
    leaf: x509.Certificate, distinct: Sequence[x509.Certificate]
) -> list[x509.Certificate]:
    """The leaf, and all that stands above it on any way."""
    found = [leaf]
    for one in found:
        found += [other for other in above_of(one, distinct) if other not in found]
    return found


def _is_disordered(
    sent: Sequence[x509.Certificate], leaf: x509.Certificate, related: Sequence[x509.Certificate]
) -> bool:
    """Whether something stands before what it issued, or what does not belong stands between."""
    before: list[x509.Certificate] = []
    last = max(sent.index(one) for one in related)
    for one in sent[: last + 1]:
        if one in before or one not in related:
            return True
        if one != leaf and not any(one in above_of(below, related) for below in before):
            return True
        before.append(one)
    return False


def _wrong_order(sent: Sequence[x509.Certificate], leaf: x509.Certificate) -> Finding:
    order = [called(one, leaf) for one in sent]
    return Finding(
        symptom=WRONG_ORDER,
        what=f"the certificates are sent in the wrong order: {', then '.join(order)}",
        detail={"subjects": [one.subject.rfc4514_string() for one in sent]},
    )
