"""Whether those above may issue what stands below them: RFC 5280, section 6.1."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms.chain import (
    ANOTHER_LINEAGE,
    BROKEN_SIGNATURE,
    NO_AUTHORITY,
    PATH_TOO_LONG,
)
from everleaf.core.wanted import Usage
from everleaf.pki import rules
from everleaf.pki.certificates import authority_key
from everleaf.pki.judging import constraints, strength, usages, validity
from everleaf.pki.judging.links import canonical, is_of_the_key, is_self_signed, method, signed
from everleaf.pki.judging.paths import Path
from everleaf.pki.judging.words import called


def defects(path: Path, now: datetime, usage: Usage) -> list[Finding]:
    """Everything on the way up that clients refuse, but for the leaf's own faults.

    Policies (RFC 5280, sections 4.2.1.4 and following) are not looked at: TLS clients ask for
    none.
    """
    whole = path.whole
    return [found for place in range(1, len(whole)) for found in _one(whole, place, now, usage)]


def _one(
    whole: Sequence[x509.Certificate], place: int, now: datetime, usage: Usage
) -> Iterator[Finding]:
    leaf, below, one = whole[0], whole[place - 1], whole[place]
    yield from _link(one, below, leaf)
    yield from validity.of_authority(one, leaf, now)
    yield from _may_issue(one, leaf)
    yield from _length(whole[1:place], one, leaf)
    yield from constraints.findings(one, whole[:place])
    yield from usages.extended(one, leaf, usage)
    yield from usages.critical(one, leaf)
    yield from strength.findings(one, leaf)


def _link(
    above: x509.Certificate, below: x509.Certificate, leaf: x509.Certificate
) -> Iterator[Finding]:
    if signed(above, below) or not _is_known(below):
        return
    which = called(below, leaf)
    detail = {
        "subject": below.subject.rfc4514_string(),
        "issuer": above.subject.rfc4514_string(),
        "wanted_key": (authority_key(below) or b"").hex(),
    }
    if is_of_the_key(above, below):
        what = f"the signature of {which} is broken: {called(above, leaf)} should have made it"
        yield Finding(symptom=BROKEN_SIGNATURE, what=what, detail=detail)
    else:
        what = f"{called(above, leaf)} bears the name of the issuer of {which}, but another key"
        yield Finding(symptom=ANOTHER_LINEAGE, what=what, detail=detail)


def _is_known(below: x509.Certificate) -> bool:
    """Whether its signature can be judged; where not, that is said of its strength."""
    try:
        method(below)
    except UnsupportedAlgorithm:
        return False
    return True


def _may_issue(one: x509.Certificate, leaf: x509.Certificate) -> Iterator[Finding]:
    """A root of the first version of X.509 can have no constraints, and is taken.

    OpenSSL takes others without basic constraints too where the key usage allows signing; Go and
    browsers do not.
    """
    known = rules.extension(one, x509.BasicConstraints)
    use = rules.extension(one, x509.KeyUsage)
    why = ""
    if known is None and not (one.version is x509.Version.v1 and is_self_signed(one)):
        why = "it has no basic constraints"
    elif known is not None and not known.ca:
        why = "its basic constraints say that it is no authority"
    elif use is not None and not use.key_cert_sign:
        why = "its key usage does not allow signing certificates"
    if why:
        name = one.subject.rfc4514_string()
        what = f"{called(one, leaf)} may issue no certificates: {why}"
        yield Finding(symptom=NO_AUTHORITY, what=what, detail={"subject": name})


def _length(
    between: Sequence[x509.Certificate], one: x509.Certificate, leaf: x509.Certificate
) -> Iterator[Finding]:
    known = rules.extension(one, x509.BasicConstraints)
    if known is None or known.path_length is None:
        return
    count = sum(canonical(below.subject) != canonical(below.issuer) for below in between)
    if count > known.path_length:
        yield Finding(
            symptom=PATH_TOO_LONG,
            what=f"{called(one, leaf)} allows {known.path_length} intermediates below it, "
            f"and there {'is' if count == 1 else 'are'} {count}",
            detail={
                "subject": one.subject.rfc4514_string(),
                "allowed": known.path_length,
                "found": count,
            },
        )
