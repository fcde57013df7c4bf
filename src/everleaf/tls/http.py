"""What a server says in HTTP: its clock, HSTS, and a refusal of the client's certificate."""

from collections.abc import Callable
from datetime import datetime

from everleaf.core.diagnosis import Finding
from everleaf.core.identifiers import is_address
from everleaf.core.preloading import Judged, Met
from everleaf.tls import http_hsts, http_refusals
from everleaf.tls.http_exchange import Answer, Connect, NotHttpError, Site, request
from everleaf.tls.http_redirects import Trail, follow

_NOT_LOOKED = Judged(Met.UNKNOWN, "it was not looked at")


def findings(
    host: str,
    port: int,
    connect: Connect,
    *,
    now: datetime,
    timeout: float,
    asked: bool = False,
    presented: bool = False,
    trusted: Judged = _NOT_LOOKED,
    www: Callable[[], Judged] | None = None,
    plain: Connect | None = None,
    plain_port: int = 80,
) -> tuple[tuple[Finding, ...], dict[str, object]]:
    """Look at one address, and say what is worth knowing; `where` is left to the caller.

    Nothing is found of a server that says no HTTP/1.1. Redirects to other hosts are not followed.

    Args:
        host: DNS name or address; HSTS is of names alone (RFC 6797, section 8.1.1).
        port: where it speaks TLS.
        connect: a fresh TLS connection to the address.
        now: our clock.
        timeout: seconds for each answer.
        asked: its handshake asks for a client certificate.
        presented: `connect` presents one.
        trusted: whether its certificate is good for the host, and trusted.
        www: looks whether `www` below the host speaks HTTPS; called only where that matters.
        plain: a fresh connection to the same address, to `plain_port`, without TLS.
        plain_port: that of plain HTTP.

    Returns:
        What was found, and for programs: `http` (what was answered, or why nothing was), `date` and
        `skew` (seconds that the server's clock is ahead of ours), `redirects`, `hsts`, `preload`.
    """
    secure = follow(connect, Site(host=host, port=port), timeout)
    if not secure.hops:
        return (), {"http": {"words": secure.silence}}
    answer = secure.hops[0].answer
    facts = _facts(answer, secure, now)
    found = http_refusals.findings(answer, presented=presented) if asked else ()
    # A refusal need not have the headers of the site itself; one that it has counts.
    if is_address(host) or (found and not answer.all(http_hsts.HEADER)):
        return found, facts
    open_trail = None
    if plain is not None:
        open_trail = follow(plain, Site(host=host, port=plain_port, scheme="http"), timeout)
    look = http_hsts.Look(host=host, secure=secure, plain=open_trail, trusted=trusted, www=www)
    more, hsts = http_hsts.findings(look)
    return (*found, *more), {**facts, **hsts}


def clock(host: str, port: int, connect: Connect, *, timeout: float) -> datetime | None:
    """The server's clock, by the Date of an answer; None: it says none.

    It tells a certificate that is not valid yet from a clock of ours that is wrong; it is only as
    true as the server's own.
    """
    try:
        return request(connect, Site(host=host, port=port), timeout=timeout).date
    except (OSError, NotHttpError):
        return None


def _facts(answer: Answer, trail: Trail, now: datetime) -> dict[str, object]:
    date = answer.date
    return {
        "http": {"status": answer.status, "reason": answer.reason},
        "date": date.isoformat().replace("+00:00", "Z") if date else None,
        "skew": round((date - now).total_seconds()) if date else None,
        "redirects": [{"from": hop.url, "to": hop.to} for hop in trail.hops if hop.to],
    }
