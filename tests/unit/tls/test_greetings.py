"""Protocols by the first bytes that a server says."""

import pytest

from everleaf.core.approach import StartTls
from everleaf.tls.diagnosing.greetings import excerpt, greeting, replying


@pytest.mark.parametrize(
    ("heard", "protocol"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "HTTP"),
        (b"<html><title>400", "HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        (b"220 mx ESMTP Postfix\r\n", "SMTP"),
        (b"220-FileZilla\r\n", None),
        (b"220 (vsFTPd 3.0.3)\r\n", "FTP"),
        (b"* OK IMAP4 ready\r\n", "IMAP"),
        (b"+OK Dovecot ready.\r\n", "POP3"),
        (b"J\x00\x00\x00\n5.5.5-10.11.6-MariaDB\x00", "MySQL"),
        (b"<?xml version='1.0'?><stream:stream ", "XMPP"),
        (b"\x00\x01garbage", None),
        (b"", None),
    ],
)
def test_a_greeting_is_known(heard: bytes, protocol: str | None) -> None:
    one = greeting(heard)
    assert (one.protocol if one else None) == protocol


def test_a_number_is_a_greeting_of_smtp_or_ftp_as_the_port_has_it() -> None:
    assert replying(b"220 hello\r\n", 21) == (StartTls.FTP, StartTls.SMTP)
    assert replying(b"220-hello\r\n", 2525) == (StartTls.SMTP, StartTls.FTP)
    assert replying(b"hello\r\n", 25) == ()


def test_what_is_shown_of_it_is_one_line_that_can_be_printed() -> None:
    assert excerpt(b"\x1b[31mred\r\nmore") == "'.[31mred'"
    assert len(excerpt(b"x" * 1000)) < 100
    assert excerpt(b"") == "''"
