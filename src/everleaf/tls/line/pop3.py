"""STLS of POP3: RFC 2595, section 4."""

from everleaf.core.symptoms.connection import (
    STARTTLS_FAILED,
    STARTTLS_NOT_OFFERED,
    STARTTLS_REFUSED,
)
from everleaf.tls.line.errors import LineError
from everleaf.tls.line.talk import Talk, shown

_MOST = 100  # lines


def speak(talk: Talk, _server_name: str) -> None:
    """Up to the server's go-ahead.

    Raises:
        LineError: it does not come to that.
    """
    if not (greeting := _taken(talk))[0]:
        raise LineError(f"the server turns clients away: {greeting[1]}", STARTTLS_REFUSED)
    talk.say(b"CAPA\r\n")
    # An old server may know no CAPA, and STLS all the same.
    known, _ = _taken(talk)
    if known and b"STLS" not in _capabilities(talk):
        raise LineError("the server does not offer STLS in CAPA", STARTTLS_NOT_OFFERED)
    talk.say(b"STLS\r\n")
    begun, words = _taken(talk)
    if not begun:
        symptom = STARTTLS_REFUSED if known else STARTTLS_NOT_OFFERED
        raise LineError(f"the server refuses STLS: {words}", symptom)


def _taken(talk: Talk) -> tuple[bool, str]:
    """Whether it says yes, with its words."""
    line = talk.line()
    word = line.upper().split()[:1]
    if word not in ([b"+OK"], [b"-ERR"]):
        raise talk.other("POP3", line)
    return word == [b"+OK"], shown(line)


def _capabilities(talk: Talk) -> set[bytes]:
    able: set[bytes] = set()
    for _ in range(_MOST):
        line = talk.line()
        if line == b".":
            return able
        able.add(line.strip().upper())
    raise LineError("the server does not come to an end", STARTTLS_FAILED)
