"""Why there was no handshake: what else the port speaks, and another way that leads further."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from everleaf.core.approach import Approach, StartTls
from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms import Symptom, connection, names
from everleaf.core.symptoms.table import ALL
from everleaf.tls.diagnosing.greetings import excerpt, greeting, replying
from everleaf.tls.diagnosing.lines import Lines
from everleaf.tls.handshake import WHATEVER, Shake

_BY_CODE = {one.code: one for one in ALL}
_SILENT_ONES = {  # they say nothing until they are spoken to, and close when that is TLS
    5432: StartTls.POSTGRES,
    389: StartTls.LDAP,
    5222: StartTls.XMPP,
}
_A_WHILE = 2.0
_REFUSED = 40  # the alert handshake_failure


def _codes(*symptoms: Symptom) -> frozenset[str]:
    return frozenset(one.code for one in symptoms)


_NO_CONNECTION = _codes(
    connection.UNRESOLVED,
    connection.VANTAGE_FAILED,
    connection.NO_ROUTE,
    connection.HOST_UNREACHABLE,
    connection.TIMED_OUT,
    connection.CONNECTION_REFUSED,
    connection.CONNECTION_FAILED,
)
_WITHOUT_A_WORD = _codes(connection.CLOSED, connection.CONNECTION_RESET)
_NOT_TURNING = _codes(connection.STARTTLS_NOT_OFFERED, connection.STARTTLS_REFUSED)
_BEFORE_TLS = (
    _NOT_TURNING
    | _WITHOUT_A_WORD
    | _codes(connection.STARTTLS_FAILED, connection.SILENT, connection.TLS_AT_ONCE)
)


@dataclass(frozen=True, slots=True)
class Explained:
    """What is wrong, and the handshake of another way where one was found.

    Attributes:
        more: why that way does not end well, where it is the right one.
    """

    finding: Finding
    further: Shake | None = None
    more: tuple[Finding, ...] = ()


def explained(lines: Lines, port: int, failed: Shake) -> Explained:
    """Why this handshake failed; where another approach leads further, `lines` keeps to it."""
    for way in (_other_approach, _other_protocol, _without_a_word, _parameters):
        found = way(lines, port, failed)
        if found is not None:
            return found
    return Explained(finding(failed.code, failed.words))


def finding(code: str, what: str) -> Finding:
    """A finding of the symptom with this code."""
    return Finding(symptom=_BY_CODE.get(code, connection.HANDSHAKE_FAILED), what=what)


def _tried(lines: Lines, approach: Approach, symptom: Symptom, what: str) -> Explained | None:
    """Another approach, which is kept to where it leads to a certificate."""
    further = lines.shake(approach=approach, most=_A_WHILE)
    if not further.chain:
        return None
    lines.approach = approach
    return Explained(Finding(symptom=symptom, what=what), further)


def _other_approach(lines: Lines, _port: int, failed: Shake) -> Explained | None:
    """Without the STARTTLS or the PROXY header that was asked for."""
    approach, found = lines.approach, None
    if approach.starttls and failed.code in _BEFORE_TLS:
        what = f"STARTTLS of {approach.starttls} was asked for, and it speaks TLS at once"
        found = _tried(lines, replace(approach, starttls=None), connection.TLS_AT_ONCE, what)
    if found is None and approach.proxy_protocol and failed.code not in _NO_CONNECTION:
        what = "it takes the PROXY header that was sent for a broken hello"
        symptom = connection.PROXY_HEADER_UNEXPECTED
        found = _tried(lines, replace(approach, proxy_protocol=0), symptom, what)
    return found


def _other_protocol(lines: Lines, port: int, failed: Shake) -> Explained | None:
    """Told by the first bytes that came."""
    if not failed.heard or failed.is_tls:
        return None
    one, said = greeting(failed.heard), excerpt(failed.heard)
    if one is not None and one.starttls is None:
        what = f"it speaks {one.protocol} without TLS: {said}"
        detail = {"protocol": one.protocol.lower()}
        return Explained(Finding(symptom=one.symptom, what=what, detail=detail))
    likely = (one.starttls,) if one and one.starttls else replying(failed.heard, port)
    found = [_turned(lines, starttls, said) for starttls in likely]
    if found:
        return next((one for one in found if one.further or one.more), found[0])
    what = f"what answers is no TLS, and no protocol that is known here: {said}"
    return Explained(Finding(symptom=connection.OTHER_PROTOCOL, what=what))


def _turned(lines: Lines, starttls: StartTls, said: str) -> Explained:
    """Whether it turns to TLS as this protocol does."""
    approach = replace(lines.approach, starttls=starttls)
    further = lines.shake(approach=approach)
    speaks = f"it speaks {starttls.upper()} ({said})"
    what = f"{speaks}, which turns to TLS after a command: look with --starttls {starttls}"
    detail = {"protocol": str(starttls)}
    if further.chain:
        lines.approach = approach
        found = Finding(symptom=connection.STARTTLS_PORT, what=what, detail=detail)
        return Explained(found, further)
    turns = further.code not in _NOT_TURNING
    found = Finding(symptom=connection.STARTTLS_PORT, what=what if turns else speaks, detail=detail)
    why = (finding(further.code, further.words),)
    return Explained(found, more=why if not turns or further.alert is not None else ())


def _without_a_word(lines: Lines, port: int, failed: Shake) -> Explained | None:
    """Closed or reset: a PROXY header is expected, or a protocol whose client speaks first."""
    if failed.heard or failed.code not in _WITHOUT_A_WORD or lines.approach.starttls:
        return None
    if not lines.approach.proxy_protocol:
        what = "it closes the connection unless a PROXY header comes before TLS"
        proxied = replace(lines.approach, proxy_protocol=1)
        found = _tried(lines, proxied, connection.PROXY_HEADER_EXPECTED, what)
        if found is not None:
            return found
    for starttls in _likely(port):
        approach = replace(lines.approach, starttls=starttls)
        if lines.shake(approach=approach, most=_A_WHILE).chain:
            return _turned(lines, starttls, "it says nothing before it is spoken to")
    return None


def _likely(port: int) -> Iterator[StartTls]:
    """The one that belongs to the port first."""
    first = _SILENT_ONES.get(port)
    if first:
        yield first
    yield from (one for one in _SILENT_ONES.values() if one is not first)


def _parameters(lines: Lines, _port: int, failed: Shake) -> Explained | None:
    """Refused by an alert, before the server's certificate was seen."""
    if failed.chain or failed.asked or failed.alert is None:
        return None
    # Without a name it may be let in: then it is the name that is refused, or its virtual host.
    also = ""
    if lines.server_name is not None and lines.shake(named=False).chain:
        also = ", and sends a certificate where no name is sent"
    if failed.code == names.UNKNOWN_NAME.code or (also and failed.alert == _REFUSED):
        what = f"it refuses the server name {lines.server_name}{also}"
        return Explained(Finding(symptom=names.UNKNOWN_NAME, what=what))
    if failed.code != connection.NO_COMMON_CIPHER.code:
        return Explained(finding(failed.code, f"{failed.words}{also}"))
    further = lines.shake(ciphers=WHATEVER)
    what = "it refuses all ciphers, groups and signature algorithms that were offered"
    if further.chain:
        what = f"of all ciphers it takes only such as {further.cipher}, which no client offers"
    found = Finding(symptom=connection.NO_COMMON_CIPHER, what=what)
    return Explained(found, further if further.chain else None)
