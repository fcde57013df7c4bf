"""Judging a chain as it was sent: all that speaks against it, each by the code of its symptom."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography import x509

from everleaf.core.diagnosis import Finding, Store, ranked
from everleaf.core.symptoms.chain import (
    NO_CERTIFICATE,
    UNREADABLE_CERTIFICATE,
    UNRELATED_CERTIFICATES,
)
from everleaf.core.wanted import Usage
from everleaf.pki.certificates import load
from everleaf.pki.judging import names, order, strength, trust, usages, validity

_MOST = 32


def judge(
    chain: Sequence[bytes],
    name: str,
    stores: Sequence[Store],
    now: datetime,
    *,
    usage: Usage = Usage.SERVER,
) -> tuple[Finding, ...]:
    """Everything that speaks against it, ranked; `Finding.where` is left empty.

    Not looked at: revocation, signatures of Certificate Transparency logs, policies, and what
    stands behind the first 32 certificates.

    Args:
        chain: DER, as sent.
        name: DNS name or address that it must be for; empty: names are not judged.
        stores: that which clients trust, the decisive one first.
        now: aware.
        usage: of a client's certificate, names are not judged.
    """
    sent, unreadable, first = _read(chain[:_MOST])
    if not sent or not first:
        return ranked([*unreadable, *([] if sent else [_nothing()])])
    leaf = order.leaf_of(sent)
    server = usage is Usage.SERVER
    return ranked(
        [
            *unreadable,
            *_too_many(len(chain)),
            *(names.findings(leaf, name) if server else ()),
            *validity.of_leaf(leaf, now),
            *usages.of_leaf(leaf, usage),
            *strength.findings(leaf, leaf),
            *order.findings(sent, leaf),
            *trust.findings(sent, leaf, stores or (Store(name="none", roots=()),), now, usage),
        ]
    )


def _read(chain: Sequence[bytes]) -> tuple[list[x509.Certificate], list[Finding], bool]:
    """The readable ones, findings for the others, and whether the first can be read."""
    sent, unreadable = [], []
    first = False
    for place, der in enumerate(chain, start=1):
        try:
            sent.append(load(der))
        except ValueError as error:
            what = f"certificate {place} cannot be read: {error}"
            detail = {"place": place}
            unreadable.append(Finding(symptom=UNREADABLE_CERTIFICATE, what=what, detail=detail))
        else:
            first = first or place == 1
    return sent, unreadable, first


def _too_many(count: int) -> Iterator[Finding]:
    """No chain is that long; to look at all ways through so many would take minutes."""
    if count > _MOST:
        what = f"{count} certificates are sent, of which only the first {_MOST} were looked at"
        yield Finding(symptom=UNRELATED_CERTIFICATES, what=what, detail={"count": count})


def _nothing() -> Finding:
    return Finding(symptom=NO_CERTIFICATE, what="no certificate was sent that can be read")
