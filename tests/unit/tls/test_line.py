"""The way to the first byte of TLS, with servers that do not keep to their part."""

import errno
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from everleaf.core.approach import Approach, StartTls
from everleaf.core.symptoms import Symptom
from everleaf.core.symptoms.connection import (
    CLOSED,
    CONNECTION_RESET,
    PROXY_HEADER_UNEXPECTED,
    SILENT,
    STARTTLS_FAILED,
    STARTTLS_NOT_OFFERED,
    STARTTLS_REFUSED,
    TLS_AT_ONCE,
)
from everleaf.ports import Ask
from everleaf.tls.line import LineError, opened
from everleaf.tls.line.talk import Deadline, Talk
from support.loopback import PATIENCE, Address, free
from support.stubs import Act, alert, answers, closes, conversation, greets, is_silent, resets, stub

A_WHILE = 1.0
NAME = "mail.example.org"
SALT = b"thread..salt1234"
MYSQL = b"\x0a5.7.1\x00%s\x00\xff\xff\x08\x02\x00" % SALT[:12]
XMPP = (
    b"<?xml version='1.0'?><stream:stream from='mail.example.org' version='1.0' "
    b"xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
)
STARTTLS = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
FEATURES = b"<stream:features>%s</stream:features>"
PROCEED = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
GONE = b"0\x24\x02\x01\x00x\x1f\x0a\x01\x34\x04\x00\x04\x00\x8a\x161.3.6.1.4.1.1466.20036"

Steps = tuple[bytes, ...]  # a greeting, then an answer to each thing that is said


def packet(content: bytes, number: int = 0) -> bytes:
    return len(content).to_bytes(3, "little") + bytes([number]) + content


def result(code: int, words: bytes = b"", number: int = 1) -> bytes:
    """An ExtendedResponse of LDAP."""
    content = b"\x0a\x01%c\x04\x00\x04%c%s" % (code, len(words), words)
    content = b"\x02\x01%c\x78%c%s" % (number, len(content), content)
    return b"0%c%s" % (len(content), content)


GOOD: dict[StartTls, Steps] = {
    StartTls.SMTP: (
        b"220-ftp.example.org\r\n220 ready\r\n",
        b"250-mail\r\n250-SIZE\r\n250 starttls\r\n",
        b"220 go\r\n",
    ),
    StartTls.IMAP: (
        b"* OK ready\r\n",
        b"* CAPABILITY IMAP4rev1 STARTTLS\r\n* OK still here\r\na1 OK done\r\n",
        b"a2 OK begin\r\n",
    ),
    StartTls.POP3: (b"+OK ready\r\n", b"+OK\r\nUSER\r\nSTLS\r\n.\r\n", b"+OK begin\r\n"),
    StartTls.FTP: (
        b"120 soon\r\n220-Welcome\r\n 220 is not the end\r\nnor this\r\n220 ready\r\n",
        b"234 go\r\n",
    ),
    StartTls.LDAP: (b"", result(0)),
    StartTls.XMPP: (b"", XMPP + FEATURES % STARTTLS, PROCEED),
    StartTls.POSTGRES: (b"", b"S"),
    StartTls.MYSQL: (packet(MYSQL),),
}

BAD: dict[str, tuple[StartTls, Steps, Symptom]] = {
    "SMTP turns us away": (StartTls.SMTP, (b"554 no\r\n",), STARTTLS_REFUSED),
    "SMTP that is FTP": (StartTls.SMTP, (b"220 FTP\r\n", b"530 no\r\n"), STARTTLS_FAILED),
    "SMTP without EHLO": (StartTls.SMTP, (b"220 x\r\n", b"502 what\r\n"), STARTTLS_NOT_OFFERED),
    "SMTP with a domain of that name": (
        StartTls.SMTP,
        (b"220 x\r\n", b"250 STARTTLS\r\n"),
        STARTTLS_NOT_OFFERED,
    ),
    "SMTP that cannot": (
        StartTls.SMTP,
        (b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n", b"454 later\r\n"),
        STARTTLS_REFUSED,
    ),
    "IMAP turns us away": (StartTls.IMAP, (b"* BYE\r\n",), STARTTLS_REFUSED),
    "IMAP takes us for somebody": (StartTls.IMAP, (b"* PREAUTH\r\n",), STARTTLS_NOT_OFFERED),
    "IMAP without it": (
        StartTls.IMAP,
        (b"* OK\r\n", b"* CAPABILITY IMAP4\r\na1 OK\r\n"),
        STARTTLS_NOT_OFFERED,
    ),
    "IMAP that cannot": (
        StartTls.IMAP,
        (b"* OK\r\n", b"* CAPABILITY STARTTLS\r\na1 OK\r\n", b"a2 NO\r\n"),
        STARTTLS_REFUSED,
    ),
    "IMAP with another tag": (StartTls.IMAP, (b"* OK\r\n", b"b7 OK\r\n"), STARTTLS_FAILED),
    "POP3 turns us away": (StartTls.POP3, (b"-ERR\r\n",), STARTTLS_REFUSED),
    "POP3 without it": (StartTls.POP3, (b"+OK\r\n", b"+OK\r\n.\r\n"), STARTTLS_NOT_OFFERED),
    "POP3 that knows neither": (
        StartTls.POP3,
        (b"+OK\r\n", b"-ERR\r\n", b"-ERR\r\n"),
        STARTTLS_NOT_OFFERED,
    ),
    "POP3 that cannot": (
        StartTls.POP3,
        (b"+OK\r\n", b"+OK\r\nSTLS\r\n.\r\n", b"-ERR\r\n"),
        STARTTLS_REFUSED,
    ),
    "FTP turns us away": (StartTls.FTP, (b"421 full\r\n",), STARTTLS_REFUSED),
    "FTP that is SMTP": (StartTls.FTP, (b"220 ESMTP\r\n", b"502 no\r\n"), STARTTLS_FAILED),
    "FTP without it": (StartTls.FTP, (b"220 x\r\n", b"500 what\r\n"), STARTTLS_NOT_OFFERED),
    "FTP that cannot": (StartTls.FTP, (b"220 x\r\n", b"431 no key\r\n"), STARTTLS_REFUSED),
    "LDAP without it": (StartTls.LDAP, (b"", result(2, b"what")), STARTTLS_NOT_OFFERED),
    "LDAP that cannot": (StartTls.LDAP, (b"", result(52, b"no key")), STARTTLS_REFUSED),
    "LDAP that disconnects": (StartTls.LDAP, (b"", result(52, b"", 0)), STARTTLS_REFUSED),
    "LDAP with a long number": (
        StartTls.LDAP,
        (b"", b"0\x82\x01\x3a\x02\x82\x01\x2d" + b"x" * 301 + result(0)[5:]),
        STARTTLS_REFUSED,
    ),
    "LDAP with a long result": (
        StartTls.LDAP,
        (
            b"",
            b"0\x82\x08\x0f\x02\x01\x01\x78\x82\x08\x08\x0a\x82\x08\x00"
            + b"x" * 2048
            + b"\x04\x00\x04\x00",
        ),
        STARTTLS_REFUSED,
    ),
    "LDAP that disconnects by name": (StartTls.LDAP, (b"", GONE), STARTTLS_REFUSED),
    "LDAP that announces too much": (
        StartTls.LDAP,
        (b"", b"0\x84\x7f\xff\xff\xff"),
        STARTTLS_FAILED,
    ),
    "LDAP without a length": (StartTls.LDAP, (b"", b"0\x80\x02\x01\x01\x00\x00"), STARTTLS_FAILED),
    "LDAP with another answer": (
        StartTls.LDAP,
        (b"", b"0\x0c\x02\x01\x01a\x07\x0a\x01\x00\x04\x00\x04\x00"),
        STARTTLS_FAILED,
    ),
    "LDAP with half an element": (
        StartTls.LDAP,
        (b"", b"0\x07\x02\x01\x01\x78\x7f\x0a\x01"),
        STARTTLS_FAILED,
    ),
    "XMPP without it": (StartTls.XMPP, (b"", XMPP + FEATURES % b"<a/>"), STARTTLS_NOT_OFFERED),
    "XMPP in a strange encoding": (
        StartTls.XMPP,
        (b"", XMPP.replace(b"?>", b" encoding='x'?>") + FEATURES % b""),
        STARTTLS_NOT_OFFERED,
    ),
    "XMPP of another namespace": (
        StartTls.XMPP,
        (b"", XMPP + FEATURES % b"<starttls xmlns='urn:x'/>"),
        STARTTLS_NOT_OFFERED,
    ),
    "XMPP that does not know us": (
        StartTls.XMPP,
        (b"", XMPP + b"<stream:error><host-unknown xmlns='urn:x'/></stream:error>"),
        STARTTLS_REFUSED,
    ),
    "XMPP that cannot": (
        StartTls.XMPP,
        (b"", XMPP + FEATURES % STARTTLS, b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
        STARTTLS_REFUSED,
    ),
    "XMPP that ends": (StartTls.XMPP, (b"", XMPP + b"</stream:stream>"), STARTTLS_REFUSED),
    "XMPP with entities": (
        StartTls.XMPP,
        (
            b"",
            XMPP.replace(b"?>", b"?><!DOCTYPE s [<!ENTITY a 'aa'>]>") + FEATURES % STARTTLS,
            PROCEED,
        ),
        STARTTLS_FAILED,
    ),
    "XMPP that is HTML": (StartTls.XMPP, (b"", b"<html><p></html>"), STARTTLS_FAILED),
    "XMPP that is no XML": (StartTls.XMPP, (b"", XMPP + b"</a>"), STARTTLS_FAILED),
    "PostgreSQL without it": (StartTls.POSTGRES, (b"", b"N"), STARTTLS_NOT_OFFERED),
    "PostgreSQL that is full": (
        StartTls.POSTGRES,
        (b"", b"E\x00\x00\x00\x16SFATAL\x00Mtoo many\x00\x00"),
        STARTTLS_REFUSED,
    ),
    "PostgreSQL with an endless error": (
        StartTls.POSTGRES,
        (b"", b"E\x7f\xff\xff\xff"),
        STARTTLS_FAILED,
    ),
    "MySQL without it": (
        StartTls.MYSQL,
        (packet(MYSQL.replace(b"\xff\xff", b"\xff\xf7")),),
        STARTTLS_NOT_OFFERED,
    ),
    "MySQL that turns us away": (
        StartTls.MYSQL,
        (packet(b"\xff\x6a\x04Host is not allowed"),),
        STARTTLS_REFUSED,
    ),
    "MySQL of another version": (StartTls.MYSQL, (packet(b"\x09" + MYSQL[1:]),), STARTTLS_FAILED),
    "MySQL with half a greeting": (StartTls.MYSQL, (packet(MYSQL[:12]),), STARTTLS_FAILED),
    "MySQL with an empty packet": (StartTls.MYSQL, (packet(b""),), STARTTLS_FAILED),
    "MySQL that comes second": (StartTls.MYSQL, (packet(MYSQL, 1),), STARTTLS_FAILED),
    "MySQL that announces too much": (StartTls.MYSQL, (b"\xff\xff\xff\x00",), STARTTLS_FAILED),
}


def acting(steps: Steps) -> Act:
    return conversation(steps[0], *((b"", answer) for answer in steps[1:]))


def ask(at: Address, starttls: StartTls | None, version: int = 0) -> Ask:
    approach = Approach(starttls=starttls, proxy_protocol=version)
    return Ask(address=at[0], port=at[1], server_name=NAME, approach=approach)


def open_(
    at: Address, starttls: StartTls | None, limit: float = PATIENCE
) -> AbstractContextManager[socket.socket]:
    return opened(ask(at, starttls), time.monotonic() + limit)


def failure(act: Act, starttls: StartTls, limit: float = PATIENCE) -> LineError:
    at = free()
    with (
        stub(at, act),
        pytest.raises(LineError) as caught,
        open_(at, starttls, limit),
    ):
        pytest.fail("it came to TLS")
    return caught.value


EACH = pytest.mark.parametrize("starttls", StartTls)


@EACH
def test_the_go_ahead_leads_to_a_socket_that_is_ready(starttls: StartTls) -> None:
    at = free()
    with stub(at, acting(GOOD[starttls])), open_(at, starttls) as line:
        assert line.gettimeout()


@EACH
def test_what_comes_byte_by_byte_is_the_same(starttls: StartTls) -> None:
    def act(line: socket.socket) -> None:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for answer in GOOD[starttls][: 1 if GOOD[starttls][0] else 0]:
            _drip(line, answer)
        for answer in GOOD[starttls][1:]:
            line.recv(4096)
            _drip(line, answer)
        line.recv(4096)

    at = free()
    with stub(at, act), open_(at, starttls):
        pass


def _drip(line: socket.socket, words: bytes) -> None:
    for one in words:
        line.sendall(bytes([one]))
        time.sleep(0.0005)


@EACH
def test_nothing_that_comes_early_in_plain_text_is_taken_for_tls(starttls: StartTls) -> None:
    *before, last = GOOD[starttls]
    error = failure(acting((*before, last + b"250 injected\r\n")), starttls)
    assert error.code == STARTTLS_FAILED.code
    assert "injected" in str(error)


def test_what_comes_between_the_go_ahead_and_our_hello_is_early_as_well() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        talk = Talk(ours, Deadline(time.monotonic() + PATIENCE))
        theirs.sendall(b"S")
        assert talk.exactly(1) == b"S"
        talk.turn()
        theirs.sendall(b"injected")
        with pytest.raises(LineError, match="injected"):
            talk.turn()


@EACH
def test_early_bytes_that_look_like_tls_are_refused_as_well(starttls: StartTls) -> None:
    *before, last = GOOD[starttls]
    early = b"\x16\x03\x03\x00\x04\x0e\x00\x00\x00"
    assert failure(acting((*before, last + early)), starttls).code == STARTTLS_FAILED.code


def cut(steps: Steps, size: int) -> Act:
    """Says so many bytes of the last answer, and no more."""

    def act(line: socket.socket) -> None:
        *before, last = steps
        for number, answer in enumerate((*before, last[:size])):
            if number:
                line.recv(4096)
            line.sendall(answer)
        line.shutdown(socket.SHUT_WR)
        line.recv(4096)

    return act


@EACH
def test_half_an_answer_is_none(starttls: StartTls) -> None:
    for size in range(len(GOOD[starttls][-1])):
        code = failure(cut(GOOD[starttls], size), starttls).code
        assert code in {STARTTLS_FAILED.code, CLOSED.code, CONNECTION_RESET.code}, size


@pytest.mark.parametrize("case", BAD)
def test_each_refusal_has_its_code(case: str) -> None:
    starttls, steps, symptom = BAD[case]
    error = failure(acting(steps), starttls)
    assert error.code == symptom.code, error


ENDLESS = {
    "a line": (StartTls.SMTP, b"220 ", b"x" * 5000),
    "lines": (StartTls.FTP, b"220-x\r\n", b"220-x\r\n" * 100),
    "untagged lines": (StartTls.IMAP, b"* OK\r\n", b"* OK\r\n" * 100),
    "capabilities": (StartTls.POP3, b"+OK\r\n+OK\r\n", b"A\r\n" * 100),
    "elements": (StartTls.XMPP, XMPP + b"<a>", b"<b>" * 100),
    "an attribute": (StartTls.XMPP, XMPP + b"<a b='", b"x" * 100),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_what_has_no_end_is_given_up(what: str) -> None:
    starttls, start, more = ENDLESS[what]

    def act(line: socket.socket) -> None:
        line.sendall(start)
        while True:
            line.sendall(more)

    error = failure(act, starttls)
    assert error.code == STARTTLS_FAILED.code
    assert len(str(error)) < 300


@pytest.mark.parametrize("starttls", [StartTls.SMTP, StartTls.LDAP, StartTls.MYSQL])
def test_a_server_that_says_nothing_is_silent(starttls: StartTls) -> None:
    assert failure(is_silent, starttls, A_WHILE).code == SILENT.code


def test_a_server_that_stops_in_the_middle_is_silent_and_its_words_are_kept() -> None:
    error = failure(greets(b"220-mail"), StartTls.SMTP, A_WHILE)
    assert error.code == SILENT.code
    assert "220-mail" in str(error)


def test_a_server_that_goes_on_for_ever_little_by_little_is_given_up_in_time() -> None:
    def act(line: socket.socket) -> None:
        line.sendall(b"220-x\r\n")
        while True:
            line.sendall(b"2")
            time.sleep(0.01)

    assert failure(act, StartTls.SMTP, A_WHILE).code == SILENT.code


@pytest.mark.parametrize("starttls", [StartTls.LDAP, StartTls.SMTP])
def test_a_server_that_closes_without_a_word_is_told_as_such(starttls: StartTls) -> None:
    def act(line: socket.socket) -> None:
        line.shutdown(socket.SHUT_WR)
        line.recv(4096)

    assert failure(act, starttls).code == CLOSED.code


def test_a_reset_is_told_as_such() -> None:
    assert failure(resets, StartTls.POSTGRES).code == CONNECTION_RESET.code


def test_an_alert_of_tls_is_no_plain_text() -> None:
    assert failure(alert(70), StartTls.XMPP).code == TLS_AT_ONCE.code


def test_control_characters_of_a_server_are_not_passed_on() -> None:
    error = failure(greets(b"\x1b[31m220\x00\xff\r\n"), StartTls.SMTP)
    assert str(error).isprintable()
    assert "\x1b" not in str(error)


@pytest.mark.parametrize("version", [1, 2])
def test_a_dialogue_that_only_the_proxy_header_spoils_is_told_as_such(version: int) -> None:
    def act(line: socket.socket) -> None:
        line.sendall(b"220 x\r\n")
        if line.recv(4096).startswith(b"EHLO"):
            line.sendall(b"250-x\r\n250 STARTTLS\r\n")
            line.recv(4096)
            line.sendall(b"220 go\r\n")
        else:
            line.sendall(b"502 what\r\n" * 3)
        line.recv(4096)

    at = free()
    with (
        stub(at, act),
        pytest.raises(LineError) as caught,
        opened(ask(at, StartTls.SMTP, version), time.monotonic() + PATIENCE),
    ):
        pytest.fail("it came to TLS")
    assert caught.value.code == PROXY_HEADER_UNEXPECTED.code


# -- TCP alone -------------------------------------------------------------------------------------


def test_a_port_where_nothing_listens_keeps_the_errno() -> None:
    with pytest.raises(ConnectionRefusedError) as caught, open_(free(), None):
        pytest.fail("somebody listens")
    assert caught.value.errno == errno.ECONNREFUSED


def test_a_deadline_that_has_passed_is_a_time_out() -> None:
    at = free()
    with stub(at, closes), pytest.raises(TimeoutError), opened(ask(at, None), 10, lambda: 11):
        pytest.fail("there was time")


def test_a_name_is_tried_at_each_of_its_addresses() -> None:
    at = free("127.0.0.1")
    with stub(at, closes), open_(("localhost", at[1]), None) as line:
        assert line.getpeername()[0] == at[0]


@pytest.mark.parametrize("ends", [lambda: None, lambda: 1 / 0], ids=["well", "badly"])
def test_the_socket_is_closed_however_the_look_ends(ends: Callable[[], object]) -> None:
    at = free()
    with stub(at, answers(b"")):
        kept: list[socket.socket] = []
        try:
            with open_(at, None) as line:
                kept.append(line)
                ends()
        except ZeroDivisionError:
            pass
    assert kept[0].fileno() == -1
