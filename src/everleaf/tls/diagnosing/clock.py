"""Whether it is rather our clock that is wrong than the certificate."""

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms.chain import EXPIRED, NOT_YET_VALID
from everleaf.core.symptoms.names import CLOCKS_DIFFER, OUR_CLOCK
from everleaf.tls.http_exchange import NotHttpError, Site, request

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_SERVER = "the server"
_APART = timedelta(minutes=5)
_MOST = 2


@dataclass(frozen=True, slots=True)
class Witness:
    """A clock other than ours, or a signature from a time that ours has not reached."""

    who: str
    at: datetime


def findings(
    chain: Sequence[bytes],
    staple: bytes,
    judged: Sequence[Finding],
    now: datetime,
    *,
    server: datetime | None,
    timeout: float,
    asking: bool,
) -> Iterator[Finding]:
    """What other clocks say.

    A server whose own clock is behind serves an expired certificate without knowing: so its clock
    alone is no witness there. One that begins in the future was issued all the same.

    Args:
        chain: as sent.
        staple: the stapled OCSP answer.
        judged: what speaks against the chain.
        now: our clock.
        server: the server's clock, by HTTP.
        timeout: for each of the others that are asked.
        asking: whether any others may be asked.
    """
    leaf = _leaf(chain)
    if leaf is not None and is_of_dates(judged):
        witnesses = [*_signed(chain, leaf, staple, now)]
        if asking:
            witnesses += _hosts(leaf, timeout)
        told = [Witness(_SERVER, server)] if server else []
        alone_enough = any(one.symptom is NOT_YET_VALID for one in judged)
        for_us = [one for one in (*witnesses, *told) if not _is_good(leaf, one.at)]
        against = [one for one in (*witnesses, *told) if _is_good(leaf, one.at)]
        sure = alone_enough or any(one.who != _SERVER for one in against)
        if sure and len(against) > len(for_us):
            yield _wrong(against, now)
            return
    if server is not None and abs(server - now) > _APART:
        what = f"by our clock, the server's is {_span(server, now)}"
        detail = {"skew": round((server - now).total_seconds())}
        yield Finding(symptom=CLOCKS_DIFFER, what=what, detail=detail)


def is_of_dates(judged: Sequence[Finding]) -> bool:
    """Whether the leaf is over or not valid yet, by our clock."""
    return any(one.symptom in (EXPIRED, NOT_YET_VALID) for one in judged)


def server_clock(facts: Mapping[str, object]) -> datetime | None:
    """The server's clock among the facts of an answer in HTTP."""
    date = facts.get("date")
    return datetime.fromisoformat(date) if isinstance(date, str) else None


def _wrong(against: Sequence[Witness], now: datetime) -> Finding:
    first = max(against, key=lambda one: one.at)
    said = "; ".join(f"{one.who} says {one.at:%F %H:%M}Z" for one in against)
    what = (
        f"our clock says {now:%F %H:%M}Z, but {said}, when the certificate is valid: the others "
        f"are {_span(first.at, now)}"
    )
    detail = {
        "ours": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "witnesses": {one.who: f"{one.at:%Y-%m-%dT%H:%M:%SZ}" for one in against},
    }
    return Finding(symptom=OUR_CLOCK, what=what, detail=detail)


def _span(other: datetime, now: datetime) -> str:
    apart = abs(other - now)
    if apart >= timedelta(days=2):
        much = f"{apart.days} days"
    elif apart >= timedelta(hours=2):
        much = f"{apart // timedelta(hours=1)} hours"
    else:
        much = f"{apart // timedelta(minutes=1)} minutes"
    return f"{much} {'ahead' if other > now else 'behind'}"


def _leaf(chain: Sequence[bytes]) -> "Certificate | None":
    from everleaf.pki.certificates import load

    try:
        return load(chain[0])
    except (ValueError, IndexError):
        return None


def _is_good(leaf: "Certificate", at: datetime) -> bool:
    return leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc


def _signed(
    chain: Sequence[bytes], leaf: "Certificate", staple: bytes, now: datetime
) -> Iterator[Witness]:
    """What was signed at a time that our clock has not reached yet."""
    from cryptography import x509
    from cryptography.x509 import ocsp

    from everleaf.pki.certificates import read

    try:
        scts = leaf.extensions.get_extension_for_class(
            x509.PrecertificateSignedCertificateTimestamps
        ).value
    except (x509.ExtensionNotFound, ValueError):
        scts = None
    times = [one.timestamp.replace(tzinfo=UTC) for one in scts or ()]
    if times and min(times) > now + _APART:
        yield Witness("a transparency log that has signed the certificate", min(times))
    if staple:
        try:
            at = ocsp.load_der_ocsp_response(staple).produced_at_utc
        except ValueError:
            at = now
        if at > now + _APART:
            yield Witness("the stapled OCSP answer", at)
    starts = [one.not_valid_before_utc for one in read(chain)[0]]
    if len(starts) > 1 and min(starts) > now + _APART:
        yield Witness(f"each of the {len(starts)} certificates", max(starts))


def _hosts(leaf: "Certificate", timeout: float) -> Iterator[Witness]:
    """The authority's own hosts, which the certificate names, by their answers in plain HTTP."""
    for place in list(dict.fromkeys(_places(leaf)))[:_MOST]:
        host, port = place

        def connect(place: tuple[str, int] = place) -> AbstractContextManager[socket.socket]:
            return socket.create_connection(place, timeout=timeout)

        try:
            at = request(connect, Site(host=host, port=port, scheme="http"), timeout=timeout).date
        except (OSError, NotHttpError):
            continue
        if at is not None:
            yield Witness(host, at)


def _places(leaf: "Certificate") -> Iterator[tuple[str, int]]:
    from cryptography import x509

    try:
        access = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return
    for one in access:
        if isinstance(one.access_location, x509.UniformResourceIdentifier):
            try:
                url = urlsplit(one.access_location.value)
                if url.scheme == "http" and url.hostname:
                    yield url.hostname, url.port or 80
            except ValueError:
                continue
