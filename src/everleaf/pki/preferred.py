"""Which chain is meant by an issuer's name or a root's fingerprint: RFC 8555, section 7.4.2."""

import re
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from everleaf.pki.certificates import split
from everleaf.pki.trust import issued

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def fingerprint(text: str) -> str:
    """A SHA-256 fingerprint in lower-case hexadecimal without colons; empty: it is none."""
    bare = text.replace(":", "").strip().lower()
    return bare if _FINGERPRINT.fullmatch(bare) else ""


def leads_to(chain: bytes, wanted: str, roots: Sequence[bytes]) -> bool:
    """Whether this chain (PEM) ends below the root that is wanted.

    Args:
        chain: as downloaded.
        wanted: the common name of its topmost issuer, or the fingerprint of a root.
        roots: trusted ones, DER, among which that fingerprint is looked for.
    """
    tops = _tops(chain)
    digest = fingerprint(wanted)
    if not digest:
        return any(wanted in _common_names(one.issuer) for one in tops)
    if any(one.fingerprint(SHA256()).hex() == digest for one in tops):
        return True
    known = (x509.load_der_x509_certificate(root) for root in roots)
    anchors = [root for root in known if root.fingerprint(SHA256()).hex() == digest]
    return any(issued(root, one) for root in anchors for one in tops)


def topmost(chain: bytes) -> str:
    """The name to which a chain leads, for people."""
    names = [name for one in _tops(chain) for name in _common_names(one.issuer)]
    return names[0] if names else "nobody"


def _tops(chain: bytes) -> list[x509.Certificate]:
    """Those whose issuer is not in the chain; one, where it is a chain."""
    found = [x509.load_der_x509_certificate(der) for der in split(chain)]
    subjects = {one.subject for one in found if one.subject != one.issuer}
    return [one for one in found if one.issuer not in subjects]


def _common_names(name: x509.Name) -> list[str]:
    return [str(one.value) for one in name.get_attributes_for_oid(NameOID.COMMON_NAME)]
