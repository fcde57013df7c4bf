"""What every `Solver` keeps: listeners, webroot, dynamic updates, hooks, and the fake."""

import hashlib
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
from cryptography import x509

from everleaf.challenges import labels
from everleaf.challenges.alpn import AlpnListener, AlpnResponders
from everleaf.challenges.listener import HttpListener, HttpResponders
from everleaf.challenges.registry import build
from everleaf.challenges.webroot import Webroot
from everleaf.core.identifiers import parse
from everleaf.core.job import Trace
from everleaf.pki.alpn import ACME_IDENTIFIER
from everleaf.ports import Challenge, Solver, Status
from everleaf.system.clock import SystemClock
from fakes.solver import MemorySolver
from support.bind import Bind, Key, Zone
from support.handshakes import PROTOCOL, shake
from support.loopback import Address, free, written

NAME = parse("a.test")
TOKENS = ("first_token", "second-token")
NAMES = dict(zip(TOKENS, (NAME, parse("b.test")), strict=True))


@dataclass(slots=True)
class Post:
    """A solver, a second one as another process has it, and how a validation sees responses."""

    solver: Solver
    elsewhere: Solver
    seen: Callable[[str], str | None]
    answers: str = "http-01"

    def challenge(self, token: str) -> Challenge:
        return challenge(token, self.answers)

    def present(self, token: str) -> Trace:
        trace = self.solver.trace(NAMES[token], self.challenge(token))
        self.solver.present(trace, self.challenge(token))
        return trace


def challenge(token: str, kind: str = "http-01") -> Challenge:
    return Challenge(
        type=kind,
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
    one, other = HttpListener("web", [address]), HttpListener("web", [address], HttpResponders())
    yield Post(one, other, partial(fetch, address))
    for token in TOKENS:
        one.remove(one.trace(NAME, challenge(token)))


def shown(address: Address, token: str) -> str | None:
    """The key authorization whose hash the certificate holds, where it is one of this token's."""
    try:
        certificate = shake(address, str(NAMES[token]), PROTOCOL).certificate
    except OSError:
        return None
    extensions = x509.load_der_x509_certificate(certificate).extensions
    value = extensions.get_extension_for_oid(ACME_IDENTIFIER).value
    assert isinstance(value, x509.UnrecognizedExtension)
    digest = hashlib.sha256(f"{token}.thumb".encode()).digest()
    return f"{token}.thumb" if value.value == b"\x04\x20" + digest else "another"


@contextmanager
def shaking_hands(_: Path) -> Iterator[Post]:
    address = free()
    one = AlpnListener("alpn", [address], SystemClock())
    other = AlpnListener("alpn", [address], SystemClock(), responders=AlpnResponders())
    yield Post(one, other, partial(shown, address), "tls-alpn-01")
    for token, name in NAMES.items():
        one.remove(one.trace(name, challenge(token)))


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


@contextmanager
def updating(folder: Path) -> Iterator[Post]:
    key, address = Key(), free("127.0.0.1")
    policy = (f"grant {key.name} zonesub TXT",)
    zones = [Zone(str(name), policy, at=(address,)) for name in NAMES.values()]
    with Bind(folder / "bind", address, keys=[key], zones=zones) as server:

        def seen(token: str) -> str | None:
            found = server.txt(labels.owner(labels.DNS, NAMES[token]))
            return f"{token}.thumb" if labels.value(f"{token}.thumb") in found else None

        one, other = (
            build(
                "rfc2136",
                "zone",
                key=key.file(folder),
                server=server.at,
                nameservers=[server.at],
                resolver=[server.at],
                clock=SystemClock(),
            )
            for _ in range(2)
        )
        yield Post(one, other, seen, "dns-01")


@contextmanager
def calling(folder: Path) -> Iterator[Post]:
    hook = folder / "hook"
    hook.write_text(
        f'#!/bin/sh\ncd {folder}\ncase "$1" in\n'
        'present) printf %s "$EVERLEAF_KEY_AUTHORIZATION" > "$EVERLEAF_TOKEN" ;;\n'
        'cleanup) rm -f "$EVERLEAF_TOKEN" ;;\nesac\n',
        "utf-8",
    )
    hook.chmod(0o755)

    def seen(token: str) -> str | None:
        path = folder / token
        return path.read_text("utf-8") if path.exists() else None

    one, other = (
        build("exec", "hook", hook=hook, challenges=("http-01",), clock=SystemClock())
        for _ in range(2)
    )
    yield Post(one, other, seen)


@pytest.fixture(params=[memory, listening, shaking_hands, webroot, updating, calling])
def post(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Post]:
    with request.param(tmp_path) as one:
        yield one


def test_it_names_what_it_answers(post: Post) -> None:
    assert post.answers in post.solver.types
    assert post.solver.binds_account is False


def test_a_trace_has_no_effect_and_is_always_the_same(post: Post) -> None:
    one = post.solver.trace(NAME, post.challenge(TOKENS[0]))
    assert one == post.elsewhere.trace(NAME, post.challenge(TOKENS[0]))
    assert one.identifier == "a.test"
    assert post.seen(TOKENS[0]) is None


def test_two_tokens_of_one_identifier_have_two_places(post: Post) -> None:
    places = {post.solver.trace(NAME, post.challenge(token)).place for token in TOKENS}
    assert len(places) == 2


def test_a_trace_holds_no_key_authorization(post: Post) -> None:
    assert "thumb" not in repr(post.solver.trace(NAME, post.challenge(TOKENS[0])))


def test_what_is_presented_is_seen_at_once_until_it_is_removed(post: Post) -> None:
    trace = post.present(TOKENS[0])
    assert post.seen(TOKENS[0]) == f"{TOKENS[0]}.thumb"
    post.solver.remove(trace)
    assert post.seen(TOKENS[0]) is None


def test_what_is_presented_settles(post: Post) -> None:
    trace = post.present(TOKENS[0])
    post.solver.settle([(trace, post.challenge(TOKENS[0]))])
    assert post.seen(TOKENS[0]) == f"{TOKENS[0]}.thumb"
    post.solver.remove(trace)


def test_a_look_before_an_order_leaves_nothing_behind(post: Post) -> None:
    assert post.solver.inspect([NAME]) == ()
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
    # A listener's response lives in its process alone, and ends with it.
    listener = isinstance(post.solver, HttpListener | AlpnListener)
    assert (post.seen(TOKENS[0]) is None) is not listener


def test_presenting_again_is_fine(post: Post) -> None:
    trace = post.present(TOKENS[0])
    post.solver.remove(trace)
    again = post.present(TOKENS[0])
    assert post.seen(TOKENS[0]) == f"{TOKENS[0]}.thumb"
    post.solver.remove(again)
