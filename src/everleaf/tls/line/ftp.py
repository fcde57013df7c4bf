"""AUTH TLS of FTP: RFC 4217, section 4."""

from everleaf.core.symptoms.connection import STARTTLS_NOT_OFFERED, STARTTLS_REFUSED
from everleaf.tls.line.errors import LineError
from everleaf.tls.line.replies import reply
from everleaf.tls.line.talk import Talk

_SOON, _READY, _TURNED = 120, 220, 234
_UNKNOWN = frozenset({500, 501, 502, 503, 504, 530})  # 530: nothing goes before a login


def speak(talk: Talk, _server_name: str) -> None:
    """Up to the server's go-ahead.

    Raises:
        LineError: it does not come to that.
    """
    greeting = reply(talk, "FTP")
    if greeting.number == _SOON:
        greeting = reply(talk, "FTP")
    if greeting.number != _READY:
        raise LineError(f"the server turns clients away: {greeting}", STARTTLS_REFUSED)
    greeting.of(b"FTP", talk)
    talk.say(b"AUTH TLS\r\n")
    answer = reply(talk, "FTP")
    if answer.number in _UNKNOWN:
        raise LineError(f"the server does not know AUTH TLS: {answer}", STARTTLS_NOT_OFFERED)
    if answer.number != _TURNED:
        raise LineError(f"the server refuses AUTH TLS: {answer}", STARTTLS_REFUSED)
