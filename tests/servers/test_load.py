"""Under load: while a certificate is renewed by the shipped hooks, no handshake is lost."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from support.certs import Authority, Live
from support.handshakes import shake
from support.hooks import changed, hook
from support.loopback import Address, free, until
from support.servers import Haproxy, Nginx, Server

NAME = "www.example.org"
TESTS = Path(__file__).parents[1]
PROGRAMS = 2
LINES = 2  # side by side, in each program
HANDSHAKES = 40_000 if os.environ.get("EVERLEAF_LOAD") == "all" else 6_000
PAUSE = 0.7  # seconds of load between two renewals
FRESH = 100

Say = Callable[[str, object], None]


class TellingNginx(Nginx):
    """It answers with the process id of its worker."""

    def configuration(self) -> str:
        return super().configuration().replace(f'return 200 "{NAME}"', 'return 200 "$pid"')


class TellingHaproxy(Haproxy):
    """It answers with the process id of its worker."""

    def configuration(self) -> str:
        telling = 'return status 200 content-type text/plain lf-string "%pid"'
        return super().configuration().replace("return status 200", telling)


@dataclass(frozen=True, slots=True)
class Way:
    """A server, its hook, and the hook's settings for one way to renew."""

    hook: str
    make: Callable[[Path, Live], Server]
    settings: Callable[[Server], Mapping[str, str]]


def nginx(folder: Path, live: Live) -> Server:
    return TellingNginx(folder, [free()], {NAME: live})


def haproxy(folder: Path, live: Live) -> Server:
    return TellingHaproxy(folder, [free()], [live.path / "combined.pem"])


def own(server: Server) -> Mapping[str, str]:
    assert isinstance(server, Nginx | Haproxy)
    return server.settings


WAYS = {
    "nginx": Way("nginx", nginx, own),
    "haproxy by its runtime API": Way("haproxy", haproxy, own),
    "haproxy by reload": Way("haproxy", haproxy, lambda one: {**own(one), "socket": "/nowhere"}),
}


@contextmanager
def loads(address: Address, count: int) -> Iterator[list["subprocess.Popen[str]"]]:
    """Programs that shake hands until they have done so `count` times together."""
    with ExitStack() as stack:
        programs = []
        for number in range(PROGRAMS):
            asked = {
                "host": address[0],
                "port": address[1],
                "name": NAME,
                "source": f"127.9.9.{number + 1}",
                "lines": LINES,
                "count": count // PROGRAMS,
            }
            program = subprocess.Popen(
                [sys.executable, "-m", "support.load"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(TESTS)},
            )
            programs.append(stack.enter_context(program))
            stack.callback(program.kill)
            assert program.stdin is not None
            program.stdin.write(json.dumps(asked) + "\n")
            program.stdin.flush()
        for program in programs:
            assert program.stdout is not None
            assert program.stdout.readline() == "begun\n"
        yield programs


def results(programs: list["subprocess.Popen[str]"]) -> list[dict[str, Any]]:
    """What they came to, at their end."""
    return [json.loads(program.communicate(timeout=300)[0]) for program in programs]


def digest(live: Live) -> str:
    return sha256(live.pair.der).hexdigest()


def answering(address: Address) -> tuple[bytes, int]:
    """The leaf on a fresh connection, and the worker that shows it."""
    shown = shake(address, NAME, data=f"GET / HTTP/1.0\r\nHost: {NAME}\r\n\r\n".encode())
    return shown.certificate, int(shown.after.split()[-1])


def by_every_worker(server: Server, leaf: bytes) -> None:
    """On many fresh connections nothing but `leaf`, until every worker has shown it."""
    until("the old workers have ended", lambda: len(server.workers()) == server.count)
    seen: set[int] = set()

    def shown() -> bool:
        for _ in range(FRESH):
            found, worker = answering(server.addresses[0])
            assert found == leaf
            seen.add(worker)
        return seen == server.workers()

    until("every worker answers", shown)


@dataclass(slots=True)
class Renewing:
    """A certificate that is renewed on and on.

    Attributes:
        renewals: the leaf that was served until then, and when the renewal began.
    """

    live: Live
    authority: Authority
    reload: Callable[[str], "subprocess.CompletedProcess[str]"]
    renewals: list[tuple[str, float]] = field(default_factory=list)

    def until_over(self, programs: list["subprocess.Popen[str]"]) -> None:
        """While all programs are at work."""
        while all(program.poll() is None for program in programs):
            old = digest(self.live)
            self.live.switch(self.authority.issue(NAME))
            self.renewals.append((old, time.monotonic()))
            done = self.reload(changed(NAME, self.live))
            assert done.returncode == 0, done.stderr
            with suppress(subprocess.TimeoutExpired):
                programs[0].wait(PAUSE)

    def spans(self, found: list[dict[str, Any]]) -> list[float]:
        """How long after each renewal began the leaf before it was still seen."""
        last = [
            max([one["leaves"][old][1] for one in found if old in one["leaves"]], default=begun)
            for old, begun in self.renewals
        ]
        return [
            max(0.0, moment - begun) for moment, (_, begun) in zip(last, self.renewals, strict=True)
        ]


@pytest.mark.parametrize("way", WAYS)
def test_no_handshake_is_lost_while_a_certificate_is_renewed(
    way: str, tmp_path: Path, live: Live, authority: Authority, record_property: Say
) -> None:
    means = WAYS[way]
    with means.make(tmp_path / "server", live) as server:
        settings = means.settings(server)
        renewing = Renewing(
            live, authority, lambda line: hook(tmp_path, means.hook, "reload", settings, [line])
        )
        begun = time.monotonic()
        with loads(server.addresses[0], HANDSHAKES) as programs:
            renewing.until_over(programs)
            found = results(programs)
        seconds = time.monotonic() - begun
        by_every_worker(server, live.pair.der)
    total = sum(one["done"] for one in found)
    failures = [words for one in found for words in one["failures"]]
    spans = renewing.spans(found)
    record_property(
        "said",
        f"load, {way}: {total} handshakes in {seconds:.0f} s, {len(failures)} failed;"
        f" {len(spans)} renewals, the old leaf last seen {min(spans):.2f} to {max(spans):.2f} s"
        f" after they began (median {median(spans):.2f} s)",
    )
    assert not failures, os.linesep.join(failures[:20])
    assert total == HANDSHAKES
    assert len({leaf for one in found for leaf in one["leaves"]}) >= 3


def test_the_load_tells_of_handshakes_that_are_lost(tmp_path: Path, live: Live) -> None:
    with (
        nginx(tmp_path / "server", live) as server,
        loads(server.addresses[0], 2_000) as programs,
    ):
        server.stop()
        lost = results(programs)
    assert all(one["failures"] for one in lost)
    assert sum(one["done"] + len(one["failures"]) for one in lost) == 2_000
