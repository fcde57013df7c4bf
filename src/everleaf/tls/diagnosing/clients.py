"""What becomes of a client's certificate: demanded, taken, refused, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from everleaf.core.approach import Pair
from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms import clients
from everleaf.tls.channel import Channel
from everleaf.tls.diagnosing.failed import finding
from everleaf.tls.diagnosing.lines import HTTP, Lines
from everleaf.tls.handshake import Shake, alerted

_HANDSHAKE_FAILURE = 40  # the alert that a server which hangs up at once might have sent
_SILENCE = 1.0  # seconds after which a server that says nothing has refused nothing
_SHOWN = 5


def findings(
    lines: Lines, main: Shake, said: Sequence[Finding], now: datetime
) -> tuple[Finding, ...]:
    """What is to be said of client certificates.

    Args:
        lines: to the address.
        main: the handshake.
        said: what was found in HTTP, a refusal among it perhaps.
        now: aware.
    """
    if not main.asked:
        return _asked_late(lines, main)
    refused = _refusal(lines, main)
    found = [] if refused is None else [_told(refused, main)]
    in_http = [one for one in said if one.symptom is clients.CLIENT_REFUSED_IN_HTTP]
    if lines.client and (found or in_http):
        own = [
            one
            for one in of_pair(lines.client, main.authorities, now)
            if one.code not in {other.code for other in found}
        ]
        if own and [one.symptom for one in found] == [clients.CLIENT_REFUSED]:
            found = []
        found += own
    return tuple(found)


def named(said: Sequence[Finding], main: Shake) -> list[Finding]:
    """The same; a refusal of the client's certificate in HTTP with the names that are accepted."""
    authorities = main.authorities
    return [
        one
        if one.symptom is not clients.CLIENT_REFUSED_IN_HTTP
        else replace(
            one,
            what=f"{one.what}; the server {_accepted(authorities)}",
            detail={**one.detail, "authorities": list(authorities)},
        )
        for one in said
    ]


def _asked_late(lines: Lines, main: Shake) -> tuple[Finding, ...]:
    """When a request was made, or never."""
    late = lines.refused_late
    if late is not None:
        return (finding(late.code, f"{late.words}, when a request has been made"),)
    if not main.ended_well or lines.client is None or lines.asked_late:
        return ()
    what = "it asks for no client certificate, and one was at hand"
    return (Finding(symptom=clients.CLIENT_NOT_ASKED, what=what),)


def _refusal(lines: Lines, main: Shake) -> tuple[str, str] | None:
    """Code and words; with TLS 1.3 the alert comes only after the handshake."""
    if not main.ended_well:
        return main.code, main.words
    try:
        with lines.channel() as (shake, channel):
            alert = _heard(shake, channel)
    except OSError:
        return None
    if alert is None:
        return None
    one = alerted(alert, asked=True, presented=lines.client is not None)
    return one.code, one.words


def _heard(shake: Shake, channel: Channel) -> int | None:
    """The alert that follows a handshake; a server of HTTP sends it, or an answer, when asked."""
    try:
        if shake.alpn == HTTP[0]:
            channel.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
        else:
            channel.settimeout(_SILENCE)
        channel.recv(1)
    except ConnectionResetError:
        return channel.alert or _HANDSHAKE_FAILURE
    except OSError:
        return channel.alert
    return None


def _told(refused: tuple[str, str], main: Shake) -> Finding:
    code, words = refused
    one = finding(code, f"{words}, and {_accepted(main.authorities)}")
    return Finding(
        symptom=one.symptom, what=one.what, detail={"authorities": list(main.authorities)}
    )


def _accepted(authorities: Sequence[str]) -> str:
    """Whom the server takes certificates from, for people."""
    if not authorities:
        return "names no authority that it accepts"
    more = len(authorities) - _SHOWN
    names = "; ".join(authorities[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
    return f"accepts certificates from {names}"


def of_pair(pair: Pair, authorities: Sequence[str], now: datetime) -> Iterator[Finding]:
    """What speaks against a client's certificate by itself, when it was refused."""
    from cryptography.x509 import ExtendedKeyUsage, ExtensionNotFound
    from cryptography.x509.oid import ExtendedKeyUsageOID

    from everleaf.pki.certificates import read, split

    try:
        chain, _ = read(split(pair.certificate.read_bytes()))
    except OSError:
        return
    if not chain:
        return
    leaf = chain[0]
    start, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if not start <= now <= end:
        state = f"expired at {end:%F %T}Z" if now > end else f"is not valid before {start:%F %T}Z"
        yield Finding(symptom=clients.CLIENT_EXPIRED, what=f"the client's certificate {state}")
    try:
        allowed = leaf.extensions.get_extension_for_class(ExtendedKeyUsage).value
    except ExtensionNotFound:
        allowed = None
    wanted = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if allowed is not None and not wanted & set(allowed):
        what = "the client's certificate is not for clients"
        yield Finding(symptom=clients.CLIENT_WRONG_USAGE, what=what)
    issuers = [one.issuer.rfc4514_string() for one in chain]
    if authorities and not set(issuers) & set(authorities):
        what = (
            f"the client's certificate leads to {issuers[-1]!r}, which is none of the "
            f"authorities that the server names, and {_accepted(authorities)}"
        )
        yield Finding(symptom=clients.CLIENT_UNTRUSTED, what=what)
