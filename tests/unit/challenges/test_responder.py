"""The http-01 responder: what it says, and what it does not do, to whomever connects."""

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everleaf.challenges.http_exchange import HttpExchange, respond
from everleaf.challenges.listening import listen
from everleaf.challenges.responder import Responder
from support.loopback import Address, free, until

PATH = "/.well-known/acme-challenge/"
ANSWERS = {"tok_en-1": "tok_en-1.thumb"}
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\n"


def said(request: bytes) -> bytes:
    return respond(request, ANSWERS.get)


def get(path: str, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: a.test\r\n\r\n".encode()


def test_a_known_token_is_answered_with_its_key_authorization() -> None:
    head, body = said(get(PATH + "tok_en-1")).split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Type: application/octet-stream" in head
    assert b"Content-Length: 14" in head
    assert body == b"tok_en-1.thumb"


def test_head_gets_the_head_alone() -> None:
    head, body = said(get(PATH + "tok_en-1", "HEAD")).split(b"\r\n\r\n")
    assert b"Content-Length: 14" in head
    assert body == b""


@pytest.mark.parametrize(
    "request_",
    [
        get(PATH + "other"),
        get(PATH),
        get("/"),
        get(PATH + "tok_en-1/"),
        get(PATH + "tok_en-1?x=1"),
        get(PATH + "tok%5Fen-1"),
        get(PATH + "../acme-challenge/tok_en-1"),
        get("/" + PATH + "tok_en-1"),
        get("tok_en-1"),
        get("http://a.test" + PATH + "tok_en-1"),
        get(PATH + "TOK_EN-1"),
        get(PATH + "tok_en-1", "POST"),
        get(PATH + "tok_en-1", "get"),
        get(PATH + "tok_en-1", "OPTIONS"),
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    ],
)
def test_everything_else_is_404_with_an_empty_body(request_: bytes) -> None:
    response = said(request_)
    assert response.startswith(NOT_FOUND)
    assert b"Content-Length: 0\r\n" in response
    assert response.endswith(b"\r\n\r\n")


@given(st.binary())
def test_no_bytes_at_all_are_answered_with_anything_else(raw: bytes) -> None:
    assert said(raw).startswith(NOT_FOUND)


@pytest.fixture
def address() -> Address:
    return free()


def serve(address: Address) -> Responder:
    return Responder(listen(address), lambda connection: HttpExchange(connection, ANSWERS.get))


@pytest.fixture
def responder(address: Address) -> Iterator[Responder]:
    one = serve(address)
    yield one
    one.close()


def ask(address: Address, request: bytes) -> bytes:
    with socket.create_connection(address, timeout=10) as line:
        line.sendall(request)
        response = b""
        while chunk := line.recv(4096):
            response += chunk
        return response


@pytest.mark.usefixtures("responder")
def test_it_answers_on_its_socket_and_closes_the_connection(address: Address) -> None:
    assert ask(address, get(PATH + "tok_en-1")).endswith(b"tok_en-1.thumb")
    assert ask(address, get("/")).startswith(NOT_FOUND)


@pytest.mark.usefixtures("responder")
def test_a_request_may_come_a_byte_at_a_time(address: Address) -> None:
    with socket.create_connection(address, timeout=10) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in get(PATH + "tok_en-1"):
            line.sendall(bytes([byte]))
        assert line.recv(4096).endswith(b"tok_en-1.thumb")


@pytest.mark.usefixtures("responder")
def test_slow_clients_do_not_keep_others_from_being_answered(address: Address) -> None:
    slow = [socket.create_connection(address, timeout=10) for _ in range(50)]
    try:
        for line in slow[::2]:
            line.sendall(b"GET /")
        assert ask(address, get(PATH + "tok_en-1")).endswith(b"tok_en-1.thumb")
    finally:
        for line in slow:
            line.close()


@pytest.mark.usefixtures("responder")
def test_more_connections_than_it_holds_cost_the_oldest_its_place(address: Address) -> None:
    crowd = [socket.create_connection(address, timeout=5) for _ in range(300)]
    try:
        assert ask(address, get(PATH + "tok_en-1")).endswith(b"tok_en-1.thumb")
        assert crowd[0].recv(1) == b""
    finally:
        for line in crowd:
            line.close()


@pytest.mark.usefixtures("responder")
def test_a_head_without_end_is_cut_off(address: Address) -> None:
    with socket.create_connection(address, timeout=10) as line:
        try:
            line.sendall(b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 20000)
            rest = line.recv(1)
        except ConnectionError:
            rest = b""
        assert rest == b""


@pytest.mark.usefixtures("responder")
def test_a_client_that_sends_a_body_still_gets_its_answer(address: Address) -> None:
    request = get(PATH + "x", "POST").replace(b"\r\n\r\n", b"\r\nContent-Length: 20000\r\n\r\n")
    assert ask(address, request + b"x" * 20000).startswith(NOT_FOUND)


@pytest.mark.usefixtures("responder")
def test_a_client_that_hangs_up_at_once_does_no_harm(address: Address) -> None:
    for _ in range(20):
        socket.create_connection(address, timeout=10).close()
    assert ask(address, get(PATH + "tok_en-1")).endswith(b"tok_en-1.thumb")


def test_after_close_the_port_is_free_and_open_connections_are_ended(address: Address) -> None:
    one = serve(address)
    with socket.create_connection(address, timeout=10) as line:
        one.close()
        assert line.recv(1) == b""
    again = serve(address)
    try:
        assert ask(address, get("/")).startswith(NOT_FOUND)
    finally:
        again.close()
    until("nobody listens", lambda: _refused(address))


def _refused(address: Address) -> bool:
    try:
        socket.create_connection(address, timeout=10).close()
    except ConnectionRefusedError:
        return True
    return False
