"""Judging an issued chain: put in order first, then every objection at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from everleaf.core.identifiers import Identifier
from everleaf.core.wanted import Usage
from everleaf.pki import issuance, rules
from everleaf.pki.certificates import read, to_pem
from everleaf.pki.preferred import leads_to
from everleaf.pki.trust import issued, untrusted


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a new certificate is compared with, beyond what was asked of it.

    Attributes:
        before: the predecessor's leaf, DER; None: there is none.
        reuse_key: the key was to be the predecessor's.
        public: browsers have to take it: calendar and transparency are looked at.
        root: name or fingerprint to which the chain has to lead; empty: any trusted root.
        pins: SHA-256 of keys (SubjectPublicKeyInfo), hexadecimal.
    """

    before: bytes | None = None
    reuse_key: bool = False
    public: bool = False
    root: str = ""
    pins: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of it.

    Attributes:
        mended: leaf first, each certificate followed by its issuer, without the root; DER.
        objections: why it must not be installed, one sentence each; empty: it may be.
        warnings: what somebody should know of all the same.
    """

    mended: tuple[bytes, ...]
    objections: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def judge(
    chain: Sequence[bytes],
    *,
    public_key: bytes,
    identifiers: Sequence[Identifier],
    usages: Sequence[Usage] = (Usage.SERVER,),
    roots: Sequence[bytes],
    now: datetime,
    beside: Beside | None = None,
) -> Verdict:
    """Put the chain in order and say everything that speaks against it.

    A root is dropped (RFC 8446, section 4.4.2), and so is what belongs to another chain. Not
    looked at: revocation, name constraints beyond what `cryptography` checks, signatures of
    Certificate Transparency logs.

    Args:
        chain: as downloaded, DER.
        public_key: the one that it was ordered for, SubjectPublicKeyInfo, DER.
        identifiers: what was asked for, no more and no fewer.
        usages: what it must be for.
        roots: trusted ones, DER; those that cannot be read are left out.
        now: aware.
        beside: what it is compared with.
    """
    certificates, unreadable = read(chain)
    if not certificates:
        return Verdict(mended=(), objections=(*unreadable, "the chain holds no certificate"))
    ordered = mend(certificates, public_key)
    leaf = ordered[0]
    objections = [
        *unreadable,
        *rules.names(leaf, identifiers),
        *rules.key(leaf, public_key),
        *rules.usages(leaf, usages),
        *_compared(leaf, beside or Beside()),
        *(line for one in ordered for line in rules.strength(one)),
        *(line for one in ordered for line in rules.dates(one, now)),
    ]
    anchors, _ = read(roots)
    server = Usage.SERVER in usages
    objections += untrusted(ordered, anchors, now, others_found=bool(objections), server=server)
    mended = tuple(one.public_bytes(Encoding.DER) for one in ordered)
    root = beside.root if beside else ""
    if root and not leads_to(b"".join(map(to_pem, mended)), root, roots):
        objections.append(f"the chain does not lead to {root!r}, which is required")
    warning = issuance.pinned(ordered, beside.pins) if beside else ""
    return Verdict(
        mended=mended,
        objections=tuple(objections),
        warnings=(warning,) if warning else (),
    )


def _compared(leaf: x509.Certificate, beside: Beside) -> Iterator[str]:
    before, _ = read([beside.before] if beside.before else [])
    yield from issuance.renewed(leaf, before[0] if before else None, reuse_key=beside.reuse_key)
    if beside.public:
        yield from issuance.calendar(leaf)
        yield from issuance.transparency(leaf)


def mend(certificates: Sequence[x509.Certificate], public_key: bytes) -> list[x509.Certificate]:
    """The leaf, then issuer after issuer as far as they are here, without the root."""
    leaf = _leaf(certificates, public_key)
    ordered, rest = [leaf], [one for one in certificates if one != leaf]
    while (above := _issuer(ordered[-1], rest)) is not None:
        ordered.append(above)
        rest.remove(above)
    return ordered


def _leaf(certificates: Sequence[x509.Certificate], public_key: bytes) -> x509.Certificate:
    for one in certificates:
        if rules.is_for(one, public_key):
            return one
    return next((one for one in certificates if not rules.is_ca(one)), certificates[0])


def _issuer(below: x509.Certificate, rest: Sequence[x509.Certificate]) -> x509.Certificate | None:
    if below.subject == below.issuer:
        return None
    return next((one for one in rest if not is_root(one) and issued(one, below)), None)


def is_root(certificate: x509.Certificate) -> bool:
    """Whether it is its own issuer."""
    return certificate.subject == certificate.issuer
