"""Proxies that do not keep to their part."""

import base64
import socket
import time
import traceback
from dataclasses import replace

import pytest

from everleaf.core.approach import Approach, StartTls, Via, Way
from everleaf.core.symptoms import Symptom
from everleaf.core.symptoms.connection import (
    CONNECTION_FAILED,
    CONNECTION_REFUSED,
    HOST_UNREACHABLE,
    TIMED_OUT,
    VANTAGE_FAILED,
)
from everleaf.ports import Ask
from everleaf.system.secrets import Secret
from everleaf.tls.line import LineError, opened
from support.loopback import PATIENCE, Address, free
from support.stubs import Act, closes, is_silent, resets, stub

A_WHILE = 1.0
PASSWORD = "correcthorsebattery"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\nVia: here\r\n\r\n"
NO_AUTHENTICATION, GRANTED = b"\x05\x00", b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"


def ask(way: Way, at: Address, starttls: StartTls | None = None, password: str = PASSWORD) -> Ask:
    via = Via(way=way, host=at[0], port=at[1], user="joe", password=password)
    approach = Approach(via=via, starttls=starttls)
    return Ask(address="192.0.2.1", port=443, server_name="www.example.org", approach=approach)


def failure(way: Way, act: Act, limit: float = PATIENCE, password: str = PASSWORD) -> LineError:
    at = free()
    with (
        stub(at, act),
        pytest.raises(LineError) as caught,
        opened(ask(way, at, password=password), time.monotonic() + limit),
    ):
        pytest.fail("there was a way")
    told = "".join(traceback.format_exception(caught.value))
    assert PASSWORD not in told
    assert base64.b64encode(f"joe:{PASSWORD}".encode()).decode() not in told
    return caught.value


def saying(*answers: bytes) -> Act:
    """Answers each thing that is said, then closes for writing."""

    def act(line: socket.socket) -> None:
        for answer in answers:
            line.recv(4096)
            line.sendall(answer)
        line.shutdown(socket.SHUT_WR)
        line.recv(4096)

    return act


def test_the_proxy_is_asked_as_the_protocol_has_it_with_user_and_password() -> None:
    heard: list[bytes] = []

    def act(line: socket.socket) -> None:
        for answer in (b"\x05\x02", b"\x01\x00", GRANTED):
            heard.append(line.recv(4096))
            line.sendall(answer)
        line.recv(4096)

    at = free()
    with stub(at, act), opened(ask(Way.SOCKS5, at), time.monotonic() + PATIENCE):
        pass
    user = b"\x01\x03joe%c%s" % (len(PASSWORD), PASSWORD.encode())
    assert heard == [b"\x05\x02\x00\x02", user, b"\x05\x01\x00\x01\xc0\x00\x02\x01\x01\xbb"]


def test_an_http_proxy_is_asked_with_basic_authentication() -> None:
    heard: list[bytes] = []

    def act(line: socket.socket) -> None:
        heard.append(line.recv(4096))
        line.sendall(ESTABLISHED)
        line.recv(4096)

    at = free()
    with stub(at, act), opened(ask(Way.HTTP, at), time.monotonic() + PATIENCE):
        pass
    first, *fields = heard[0].decode().split("\r\n")
    assert first == "CONNECT 192.0.2.1:443 HTTP/1.1"
    known = base64.b64encode(f"joe:{PASSWORD}".encode()).decode()
    assert f"Proxy-Authorization: Basic {known}" in fields


GREETING = b"220 mail ESMTP\r\n"


def mail(line: socket.socket) -> None:
    """Goes on as a mail server, once it has greeted."""
    line.recv(4096)
    line.sendall(b"250-mail\r\n250 STARTTLS\r\n")
    line.recv(4096)
    line.sendall(b"220 go\r\n")
    line.recv(4096)


@pytest.mark.parametrize("size", range(0, len(ESTABLISHED) + 1, 7))
def test_what_the_server_says_right_behind_the_proxy_s_answer_is_not_lost(size: int) -> None:
    def act(line: socket.socket) -> None:
        line.recv(4096)
        line.sendall(ESTABLISHED[:size])
        time.sleep(0.01)
        line.sendall(ESTABLISHED[size:] + GREETING)
        mail(line)

    at = free()
    with stub(at, act), opened(ask(Way.HTTP, at, StartTls.SMTP), time.monotonic() + PATIENCE):
        pass


def test_the_same_behind_socks() -> None:
    def act(line: socket.socket) -> None:
        line.recv(4096)
        line.sendall(NO_AUTHENTICATION)
        line.recv(4096)
        line.sendall(GRANTED + GREETING)
        mail(line)

    at = free()
    with stub(at, act), opened(ask(Way.SOCKS5, at, StartTls.SMTP), time.monotonic() + PATIENCE):
        pass


REPLIES = {
    1: VANTAGE_FAILED,
    2: VANTAGE_FAILED,
    3: HOST_UNREACHABLE,
    4: HOST_UNREACHABLE,
    5: CONNECTION_REFUSED,
    6: TIMED_OUT,
    7: VANTAGE_FAILED,
    8: VANTAGE_FAILED,
    99: VANTAGE_FAILED,
}


@pytest.mark.parametrize("reply", REPLIES)
def test_a_reply_of_socks_is_of_the_proxy_or_of_the_server(reply: int) -> None:
    act = saying(NO_AUTHENTICATION, b"\x05%c\x00\x01\x00\x00\x00\x00\x00\x00" % reply)
    assert failure(Way.SOCKS5, act).code == REPLIES[reply].code


STATUSES = {
    400: VANTAGE_FAILED,
    403: VANTAGE_FAILED,
    407: VANTAGE_FAILED,
    502: CONNECTION_FAILED,
    503: CONNECTION_FAILED,
    504: TIMED_OUT,
}


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_of_http_is_of_the_proxy_or_of_the_server(status: int) -> None:
    act = saying(b"HTTP/1.1 %d No\r\nContent-Length: 2\r\n\r\nno" % status)
    error = failure(Way.HTTP, act)
    assert error.code == STATUSES[status].code
    assert f"{status} No" in str(error)


HALVES: dict[str, tuple[Way, Act, Symptom]] = {
    "no SOCKS": (Way.SOCKS5, saying(b"HTTP/1.1 400 Bad\r\n\r\n"), VANTAGE_FAILED),
    "another SOCKS": (Way.SOCKS5, saying(b"\x04\x00"), VANTAGE_FAILED),
    "a method that was not offered": (Way.SOCKS5, saying(b"\x05\x01"), VANTAGE_FAILED),
    "half a method": (Way.SOCKS5, saying(b"\x05"), VANTAGE_FAILED),
    "a wrong password": (Way.SOCKS5, saying(b"\x05\x02", b"\x01\x01"), VANTAGE_FAILED),
    "half a reply": (Way.SOCKS5, saying(NO_AUTHENTICATION, GRANTED[:5]), VANTAGE_FAILED),
    "a strange address": (
        Way.SOCKS5,
        saying(NO_AUTHENTICATION, b"\x05\x00\x00\x09" + bytes(6)),
        VANTAGE_FAILED,
    ),
    "no answer of SOCKS": (Way.SOCKS5, closes, VANTAGE_FAILED),
    "a reset of SOCKS": (Way.SOCKS5, resets, VANTAGE_FAILED),
    "no HTTP": (Way.HTTP, saying(b"SSH-2.0-x\r\n\r\n"), VANTAGE_FAILED),
    "no status": (Way.HTTP, saying(b"HTTP/1.1 OK fine\r\n\r\n"), VANTAGE_FAILED),
    "half a head": (Way.HTTP, saying(ESTABLISHED[:-2]), VANTAGE_FAILED),
    "an endless head": (
        Way.HTTP,
        saying(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 5000),
        VANTAGE_FAILED,
    ),
    "no words": (Way.HTTP, saying(b"HTTP/1.1 403 \xff\x1b[31m\r\n\r\n"), VANTAGE_FAILED),
    "a strange name": (
        Way.SOCKS5,
        saying(NO_AUTHENTICATION, b"\x05\x00\x00\x03\x02\xff\xff\x00\x50"),
        VANTAGE_FAILED,
    ),
    "no answer of HTTP": (Way.HTTP, closes, VANTAGE_FAILED),
    "a reset of HTTP": (Way.HTTP, resets, VANTAGE_FAILED),
}


@pytest.mark.parametrize("what", HALVES)
def test_a_proxy_that_is_none_is_the_fault(what: str) -> None:
    way, act, symptom = HALVES[what]
    error = failure(way, act)
    assert error.code == symptom.code, error
    assert str(error).isprintable()


@pytest.mark.parametrize("way", [Way.SOCKS5, Way.HTTP])
def test_a_proxy_that_says_nothing_is_given_up_in_time(way: Way) -> None:
    assert failure(way, is_silent, A_WHILE).code == TIMED_OUT.code


def test_a_proxy_that_drips_is_given_up_in_time() -> None:
    def act(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            line.sendall(b"x")
            time.sleep(0.01)

    assert failure(Way.HTTP, act, A_WHILE).code == TIMED_OUT.code


@pytest.mark.parametrize("password", [PASSWORD + "\N{SNOWMAN}", PASSWORD * 20])
def test_a_password_that_socks_cannot_carry_is_not_shown(password: str) -> None:
    error = failure(Way.SOCKS5, saying(b"\x05\x02"), password=password)
    assert error.code == VANTAGE_FAILED.code
    assert "\N{SNOWMAN}" not in str(error)


@pytest.mark.parametrize("way", [Way.SOCKS5, Way.HTTP])
def test_a_password_is_read_where_it_stands_and_its_absence_is_said(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []

    def act(line: socket.socket) -> None:
        line.sendall(b"\x05\x02\x01\x00" + GRANTED if way is Way.SOCKS5 else ESTABLISHED)
        while words := line.recv(4096):
            heard.append(words)

    at = free()
    via = Via(way=way, host=at[0], port=at[1], user="joe", hidden=Secret(env="PROXY_PASSWORD"))
    one = replace(ask(way, at), approach=Approach(via=via))
    with stub(at, act):
        with pytest.raises(LineError, match="PROXY_PASSWORD"), opened(one, time.monotonic() + 9):
            pytest.fail("there was none")
        monkeypatch.setenv("PROXY_PASSWORD", PASSWORD)
        with opened(one, time.monotonic() + PATIENCE):
            pass
    known = base64.b64encode(f"joe:{PASSWORD}".encode())
    assert (PASSWORD.encode() if way is Way.SOCKS5 else known) in b"".join(heard)
