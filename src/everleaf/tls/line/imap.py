"""STARTTLS of IMAP: RFC 9051, section 6.2.1."""

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
    greeting = talk.line()
    words = greeting.upper().split()
    if words[:1] != [b"*"] or words[1:2] not in ([b"OK"], [b"PREAUTH"], [b"BYE"]):
        raise talk.other("IMAP", greeting)
    if words[1] == b"BYE":
        raise LineError(f"the server turns clients away: {shown(greeting)}", STARTTLS_REFUSED)
    if words[1] == b"PREAUTH":
        raise LineError("the server takes us for logged in already", STARTTLS_NOT_OFFERED)
    able, _ = _asked(talk, b"a1", b"CAPABILITY")
    if b"STARTTLS" not in able:
        raise LineError("the server does not offer STARTTLS in CAPABILITY", STARTTLS_NOT_OFFERED)
    _, answer = _asked(talk, b"a2", b"STARTTLS")
    if answer.upper().split()[1:2] != [b"OK"]:
        raise LineError(f"the server refuses STARTTLS: {shown(answer)}", STARTTLS_REFUSED)


def _asked(talk: Talk, tag: bytes, command: bytes) -> tuple[set[bytes], bytes]:
    """The capabilities that it names meanwhile, and how it ends."""
    talk.say(tag + b" " + command + b"\r\n")
    able: set[bytes] = set()
    for _ in range(_MOST):
        line = talk.line()
        if line.startswith(tag + b" "):
            return able, line
        words = line.upper().split()
        if words[:1] != [b"*"]:
            raise talk.other("IMAP", line)
        if words[1:2] == [b"CAPABILITY"]:
            able.update(words[2:])
    raise LineError("the server does not come to an end", STARTTLS_FAILED)
