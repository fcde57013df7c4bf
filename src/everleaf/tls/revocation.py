"""Whether the certificates that are sent are revoked: by their lists, and by what is stapled."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms import status
from everleaf.tls.lists import Lists, UnfetchedError

if TYPE_CHECKING:
    from everleaf.pki.revoked import Reading, Subject

_PAUSES = (0.0, 0.3, 1.0)  # seconds before each further handshake
_MOST = 8  # certificates of one chain whose lists are fetched
_SHOWN = 200


def findings(
    chain: Sequence[bytes],
    staple: bytes,
    *,
    now: datetime,
    others: Sequence[bytes] = (),
    lists: Lists | None = None,
    again: Callable[[], bytes] | None = None,
    pauses: Sequence[float] = _PAUSES,
) -> tuple[tuple[Finding, ...], dict[str, object]]:
    """What is found of one address' chain; `where` is left to the caller.

    No OCSP responder is asked: only what the server staples with its leaf is read. A certificate
    that cannot be read is left out, and a root is not looked for.

    Args:
        chain: as sent, DER, leaf first.
        staple: OCSPResponse as sent with the leaf, DER; empty: none was.
        now: aware.
        others: certificates among which an issuer may be that is not sent: trusted roots, DER.
        lists: fetches lists; one for a whole diagnosis; None: none is fetched.
        again: the staple of a further handshake, asked for where the leaf demands one and none
            came: nginx fetches it only when a first client has asked.
        pauses: seconds before each further handshake.

    Returns:
        The findings, and for programs `revocation`: `lists`, `staple`, `must_staple`.
    """
    from everleaf.pki import revoked

    leaf = revoked.read(chain[:1])
    if not leaf:
        return (), {}
    certificates = revoked.read(chain)
    around = [*certificates, *revoked.read(others)]
    subject = revoked.Subject(certificate=leaf[0], issuer=revoked.issuer_of(leaf[0], around))
    demanded = revoked.must_staple(leaf[0])
    if demanded and not staple and again is not None:
        staple = _once_more(again, subject, pauses)
    stapled = _stapled(staple, subject, now, demanded=demanded)
    listed: list[Reading] = []
    for one in revoked.subjects(certificates, around)[:_MOST]:
        listed += _listed(one, lists, now) if lists else ()
    found = [*stapled.findings, *(one for reading in listed for one in reading.findings)]
    return tuple(found), {
        "revocation": {
            "must_staple": demanded,
            "staple": stapled.facts,
            "lists": [reading.facts for reading in listed if reading.facts],
        }
    }


def _once_more(again: Callable[[], bytes], subject: "Subject", pauses: Sequence[float]) -> bytes:
    """A later handshake's staple; a server with two certificates may answer with the other one."""
    from everleaf.pki import stapled

    for pause in pauses:
        time.sleep(pause)
        if stapled.is_of(staple := again(), subject):
            return staple
    return b""


def _stapled(staple: bytes, subject: "Subject", now: datetime, *, demanded: bool) -> "Reading":
    from everleaf.pki import stapled
    from everleaf.pki.revoked import Reading

    if staple:
        return stapled.judge(staple, subject, now)
    if not demanded:
        return Reading()
    what = "the certificate demands a stapled OCSP answer, and the server sends none"
    return Reading(findings=(Finding(symptom=status.MUST_STAPLE_MISSING, what=what),))


def _listed(subject: "Subject", lists: Lists, now: datetime) -> "Iterator[Reading]":
    from everleaf.pki import revoked

    for urls in revoked.places(subject.certificate):
        failures = []
        for url in urls:
            try:
                data = lists.get(url)
            except UnfetchedError as error:
                failures.append(f"{url[:_SHOWN]}: {error}")
                continue
            yield revoked.judge(data, subject, url, now)
            break
        else:
            yield _unfetched(subject, failures)


def _unfetched(subject: "Subject", failures: list[str]) -> "Reading":
    from everleaf.pki.revoked import Reading

    name = subject.certificate.subject.rfc4514_string()
    what = f"the revocation list of {subject} cannot be fetched ({'; '.join(failures)})"
    return Reading(
        findings=(Finding(symptom=status.CRL_UNREACHABLE, what=what),),
        facts={"of": name, "revoked": None, "words": failures},
    )
