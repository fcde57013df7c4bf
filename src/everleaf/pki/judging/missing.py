"""Whether a way without a trusted root lacks an intermediate, or its root is nobody's."""

import re
from collections.abc import Sequence

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms.chain import MISSING_INTERMEDIATE, SELF_SIGNED, UNTRUSTED_AUTHORITY
from everleaf.pki import issuance, rules
from everleaf.pki.certificates import authority_key
from everleaf.pki.judging.links import canonical, is_self_signed
from everleaf.pki.judging.roots import Roots
from everleaf.pki.judging.words import called

# Public authorities whose intermediates bear another organization than their roots.
_ROOTS_OF = {
    "Let's Encrypt": "Internet Security Research Group",
    "ISRG": "Internet Security Research Group",
    "Cloudflare, Inc.": "DigiCert Inc",
    "Microsoft Corporation": "DigiCert Inc",
    "GeoTrust Inc.": "DigiCert Inc",
    "Sectigo Limited": "The USERTRUST Network",
    "ZeroSSL": "The USERTRUST Network",
    "GoGetSSL": "The USERTRUST Network",
    "Gandi SAS": "The USERTRUST Network",
    "Amazon": "Amazon",
    "Google Trust Services": "Google Trust Services LLC",
    "SSL Corp": "SSL Corporation",
}
_MIDDLE = re.compile(r"\b(intermediate|issuing|sub-?ca|subordinate)\b", re.IGNORECASE)
_TOP = re.compile(r"\broot\b", re.IGNORECASE)


def finding(sent: Sequence[x509.Certificate], stores: Sequence[Roots]) -> Finding:
    """What is wrong with a way that leads to no trusted root.

    Args:
        sent: the way as far as it goes, leaf first.
        stores: all of them.
    """
    leaf, last = sent[0], sent[-1]
    if is_self_signed(leaf):
        name = leaf.subject.rfc4514_string()
        what = f"the certificate {name!r} is signed by itself, and no trust store holds it"
        return Finding(symptom=SELF_SIGNED, what=what, detail={"subject": name})
    if is_self_signed(last) or not _is_missing(last, last == leaf, stores):
        return _untrusted(last, leaf, stores)
    return _missing(last, leaf)


def _missing(last: x509.Certificate, leaf: x509.Certificate) -> Finding:
    issuer, url = last.issuer.rfc4514_string(), issuer_url(last)
    where = f", to be had from {url}" if url else ""
    return Finding(
        symptom=MISSING_INTERMEDIATE,
        what=f"the issuer of {called(last, leaf)}, {issuer!r}, is not sent{where}",
        detail={
            "issuer": issuer,
            "below": last.subject.rfc4514_string(),
            "url": url,
            "authority_key": (authority_key(last) or b"").hex(),
        },
    )


def _untrusted(last: x509.Certificate, leaf: x509.Certificate, stores: Sequence[Roots]) -> Finding:
    issuer = last.issuer.rfc4514_string()
    why = "which no trust store holds"
    if any(store.named(last.issuer) for store in stores):
        why = "of which name a trust store holds a root with another key"
    elif last == leaf:
        why = "which is neither sent nor held by any trust store"
    return Finding(
        symptom=UNTRUSTED_AUTHORITY,
        what=f"the chain leads to {issuer!r}, {why}",
        detail={
            "root": issuer,
            "url": issuer_url(last),
            "authority_key": (authority_key(last) or b"").hex(),
        },
    )


def _is_missing(last: x509.Certificate, is_leaf: bool, stores: Sequence[Roots]) -> bool:
    """By what the last certificate tells of its issuer, the surest sign first.

    A public authority's leaf says where its issuer is to be had, and carries signed timestamps
    (Baseline Requirements, section 7.1.2.7). A leaf without either is a private authority's: that
    is in no public store, but perhaps below a root that somebody chose to trust.
    """
    if any(store.named(last.issuer) for store in stores):
        return False
    above = _issuer_of_issuer(last)
    if above is not None:
        return canonical(above) != canonical(last.issuer)
    if _is_known(last.issuer, stores):
        return True
    if is_leaf and (issuer_url(last) or issuance.timestamps(last)):
        return True
    text = last.issuer.rfc4514_string()
    if _TOP.search(text):
        return False
    if _MIDDLE.search(text):
        return True
    return is_leaf and any(store.is_deliberate for store in stores)


def _issuer_of_issuer(last: x509.Certificate) -> x509.Name | None:
    """Whom the authority key identifier calls the issuer of the issuer, where it does."""
    known = rules.extension(last, x509.AuthorityKeyIdentifier)
    names = (known.authority_cert_issuer if known else None) or []
    return next((one.value for one in names if isinstance(one, x509.DirectoryName)), None)


def _is_known(issuer: x509.Name, stores: Sequence[Roots]) -> bool:
    """Whether an organization of this name, or the one behind it, has a trusted root."""
    held = {name for store in stores for name in store.organizations}
    found = issuer.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
    return any(str(one.value) in held or _ROOTS_OF.get(str(one.value)) in held for one in found)


def issuer_url(one: x509.Certificate) -> str:
    """Where its issuer's certificate is to be had (RFC 5280, section 4.2.2.1); empty: not said."""
    known = rules.extension(one, x509.AuthorityInformationAccess)
    for entry in known or ():
        if entry.access_method == AuthorityInformationAccessOID.CA_ISSUERS and isinstance(
            entry.access_location, x509.UniformResourceIdentifier
        ):
            return entry.access_location.value
    return ""
