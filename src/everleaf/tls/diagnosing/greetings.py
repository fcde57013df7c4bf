"""Protocols other than TLS, by the first bytes that a server says: a table."""

import re
from dataclasses import dataclass

from everleaf.core.approach import StartTls
from everleaf.core.symptoms import Symptom
from everleaf.core.symptoms.connection import OTHER_PROTOCOL, PLAIN_HTTP, STARTTLS_PORT


@dataclass(frozen=True, slots=True)
class Greeting:
    """One protocol; `pattern` is looked for from the first byte on."""

    pattern: re.Pattern[bytes]
    protocol: str
    symptom: Symptom = OTHER_PROTOCOL
    starttls: StartTls | None = None


def _starts(text: bytes, protocol: str, **more: Symptom | StartTls) -> Greeting:
    return Greeting(re.compile(text, re.DOTALL | re.IGNORECASE), protocol, **more)  # type: ignore[arg-type]


def _turning(text: bytes, protocol: str, starttls: StartTls) -> Greeting:
    return _starts(text, protocol, symptom=STARTTLS_PORT, starttls=starttls)


GREETINGS = (
    _starts(rb"HTTP/|<!doctype html|<html", "HTTP", symptom=PLAIN_HTTP),
    _starts(rb"SSH-", "SSH"),
    _turning(rb"[0-9]{3}[ -][^\n]*FTP", "FTP", StartTls.FTP),
    _turning(rb"[0-9]{3}[ -][^\n]*SMTP", "SMTP", StartTls.SMTP),
    _turning(rb"\* (OK|BYE|PREAUTH)", "IMAP", StartTls.IMAP),
    _turning(rb"(\+OK|-ERR .*(POP|AUTH))", "POP3", StartTls.POP3),
    _turning(rb".{3}\x00[\x09\x0a][0-9].*\x00", "MySQL", StartTls.MYSQL),
    _turning(rb".{3}\x00\xff.{2}", "MySQL", StartTls.MYSQL),
    _turning(rb"<\?xml[^>]*>\s*<stream:|<stream:", "XMPP", StartTls.XMPP),
    _turning(rb"\x30.*1\.3\.6\.1\.4\.1\.1466\.20036", "LDAP", StartTls.LDAP),
    _starts(rb"RFB [0-9]{3}\.", "VNC"),
    _starts(rb"-ERR|-DENIED|-NOAUTH", "Redis"),
    _starts(rb"AMQP", "AMQP"),
    _starts(rb"@RSYNCD:", "rsync"),
    _starts(rb"ERROR\r\n", "memcached"),
    _starts(rb"\xff[\xfb-\xfe]", "Telnet"),
    _starts(rb"20[01] ", "NNTP"),
)

_REPLY = re.compile(rb"[1-5][0-9]{2}[ -]")
_FTP_PORT = 21


def greeting(heard: bytes) -> Greeting | None:
    """The protocol that these bytes are of; None: an unknown one."""
    return next((one for one in GREETINGS if one.pattern.match(heard)), None)


def replying(heard: bytes, port: int) -> tuple[StartTls, ...]:
    """Protocols whose servers greet by a number, where it says no more; the likely one first."""
    if not _REPLY.match(heard):
        return ()
    return (StartTls.FTP, StartTls.SMTP) if port == _FTP_PORT else (StartTls.SMTP, StartTls.FTP)


def excerpt(heard: bytes) -> str:
    """The first line, as far as it can be shown."""
    line = heard.splitlines()[0] if heard.splitlines() else b""
    text = "".join(chr(one) if 32 <= one < 127 else "." for one in line[:60])  # noqa: PLR2004 - printable
    return repr(text)
