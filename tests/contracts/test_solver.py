"""What every `Solver` keeps: the listener, the webroot behind a web server, and the fake."""

import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from everleaf.challenges.listener import HttpListener
from everleaf.challenges.responders import Responders
from everleaf.challenges.webroot import Webroot
from everleaf.core.identifiers import parse
from everleaf.core.job import Trace
from everleaf.ports import Challenge, Solver, Status
from fakes.solver import MemorySolver
from support.loopback import Address, free, written

NAME = parse("a.test")
TOKENS = ("first_token", "second-token")


@dataclass(slots=True)
class Post:
    """A solver, a second one as another process has it, and how a validation sees responses."""

    solver: Solver
    elsewhere: Solver
    seen: Callable[[str], str | None]

    def present(self, token: str) -> Trace:
        trace = self.solver.trace(NAME, challenge(token))
        self.solver.present(trace, challenge(token))
        return trace


def challenge(token: str) -> Challenge:
    return Challenge(
        type="http-01",
        url="https://ca.test/c",
        status=Status.PENDING,
        token=token,
        key_authorization=f"{token}.thumb",
    )


def fetch(address: Address, token: str) -> str | None:
    url = f"http://{written(address)}/.well-known/acme-challenge/{token}"
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            text: str = response.read().decode()
            return text
    except OSError as error:
        if isinstance(error, urllib.request.HTTPError):
            error.close()
        return None


@contextmanager
def memory(_: Path) -> Iterator[Post]:
    one = MemorySolver()
    yield Post(one, MemorySolver(responses=one.responses), one.responses.get)


@contextmanager
def listening(_: Path) -> Iterator[Post]:
    address = free()
    one, other = HttpListener("web", [address]), HttpListener("web", [address], Responders())
    yield Post(one, other, partial(fetch, address))
    for token in TOKENS:
        one.remove(one.trace(NAME, challenge(token)))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def webroot(folder: Path) -> Iterator[Post]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    address = ("127.0.0.1", server.server_port)
    try:
        yield Post(Webroot("files", folder), Webroot("files", folder), partial(fetch, address))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(params=[memory, listening, webroot])
def post(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Post]:
    with request.param(tmp_path) as one:
        yield one


def test_it_answers_http_01(post: Post) -> None:
    assert "http-01" in post.solver.types


def test_a_trace_has_no_effect_and_is_always_the_same(post: Post) -> None:
    one = post.solver.trace(NAME, challenge(TOKENS[0]))
    assert one == post.elsewhere.trace(NAME, challenge(TOKENS[0]))
    assert one.identifier == "a.test"
    assert post.seen(TOKENS[0]) is None


def test_two_tokens_of_one_identifier_have_two_places(post: Post) -> None:
    places = {post.solver.trace(NAME, challenge(token)).place for token in TOKENS}
    assert len(places) == 2


def test_a_trace_holds_no_key_authorization(post: Post) -> None:
    assert "thumb" not in repr(post.solver.trace(NAME, challenge(TOKENS[0])))


def test_what_is_presented_is_seen_at_once_until_it_is_removed(post: Post) -> None:
    trace = post.present(TOKENS[0])
    assert post.seen(TOKENS[0]) == f"{TOKENS[0]}.thumb"
    post.solver.remove(trace)
    assert post.seen(TOKENS[0]) is None


def test_removing_one_leaves_the_other(post: Post) -> None:
    first, second = post.present(TOKENS[0]), post.present(TOKENS[1])
    post.solver.remove(first)
    assert post.seen(TOKENS[0]) is None
    assert post.seen(TOKENS[1]) == f"{TOKENS[1]}.thumb"
    post.solver.remove(second)


def test_removing_what_is_gone_does_nothing(post: Post) -> None:
    trace = post.present(TOKENS[0])
    post.solver.remove(trace)
    post.solver.remove(trace)
    post.elsewhere.remove(trace)


def test_another_process_may_remove_by_the_trace(post: Post) -> None:
    trace = post.present(TOKENS[0])
    post.elsewhere.remove(trace)
    # The listener's response lives in its process alone, and ends with it.
    listener = isinstance(post.solver, HttpListener)
    assert (post.seen(TOKENS[0]) is None) is not listener


def test_presenting_again_is_fine(post: Post) -> None:
    trace = post.present(TOKENS[0])
    post.solver.remove(trace)
    again = post.present(TOKENS[0])
    assert post.seen(TOKENS[0]) == f"{TOKENS[0]}.thumb"
    post.solver.remove(again)
