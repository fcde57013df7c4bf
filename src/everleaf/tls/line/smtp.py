"""STARTTLS of SMTP: RFC 3207."""

import socket

from everleaf.core.symptoms.connection import STARTTLS_NOT_OFFERED, STARTTLS_REFUSED
from everleaf.tls.line.errors import LineError
from everleaf.tls.line.replies import reply
from everleaf.tls.line.talk import Talk

_READY, _DONE = 220, 250


def speak(talk: Talk, _server_name: str) -> None:
    """Up to the server's go-ahead.

    Raises:
        LineError: it does not come to that.
    """
    greeting = reply(talk, "SMTP")
    if greeting.number != _READY:
        raise LineError(f"the server turns clients away: {greeting}", STARTTLS_REFUSED)
    greeting.of(b"SMTP", talk)
    talk.say(f"EHLO {_literal(talk.socket)}\r\n".encode("ascii"))
    hello = reply(talk, "SMTP")
    if hello.number != _DONE:
        raise LineError(f"the server does not take EHLO: {hello}", STARTTLS_NOT_OFFERED)
    if b"STARTTLS" not in {line.strip().upper() for line in hello.lines[1:]}:
        raise LineError("the server does not offer STARTTLS after EHLO", STARTTLS_NOT_OFFERED)
    talk.say(b"STARTTLS\r\n")
    ready = reply(talk, "SMTP")
    if ready.number != _READY:
        raise LineError(f"the server refuses STARTTLS: {ready}", STARTTLS_REFUSED)


def _literal(line: socket.socket) -> str:
    """Our own address as who we are (RFC 5321, section 4.1.3)."""
    if line.family == socket.AF_INET6:
        return f"[IPv6:{line.getsockname()[0].partition('%')[0]}]"
    return f"[{line.getsockname()[0] if line.family == socket.AF_INET else '127.0.0.1'}]"
