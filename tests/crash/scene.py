"""A machine whose certificate is renewed again and again, killed each time, and what must hold."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from everleaf.demo.authority import LocalAuthority
from everleaf.pki.certificates import split
from support.loopback import served
from support.machine import Machine, issued
from support.servers import Nginx

KEY_TYPES = ("ecdsa-p256", "ecdsa-p384")
KEPT = 2
TESTS = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Killer:
    """The program that forks, kills and tells: `crash.killer`."""

    process: "subprocess.Popen[str]"

    def run(self, config: Path, **asked: object) -> dict[str, Any]:
        """One run; see there for what can be asked."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"config": str(config), **asked}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the killer has ended"
        answer: dict[str, Any] = json.loads(line)
        if "refused" in answer:
            reason = f"system calls cannot be followed here: {answer['refused']}"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
        return answer


@contextmanager
def killer(*prefix: str) -> Iterator[Killer]:
    """One of one's own, started through `prefix`."""
    path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    with subprocess.Popen(
        [*prefix, sys.executable, "-m", "crash.killer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    ) as process:
        yield Killer(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


@dataclass(slots=True)
class Scene:
    """A certificate with a combined copy and one in a folder, and an nginx that serves both.

    Every renewal is due because another type of key is asked for.
    """

    machine: Machine
    server: Nginx
    renewals: int = 0
    before: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Whom the server serves: the live folder's, then the copy's."""
        return tuple(self.server.sites)

    @property
    def copies(self) -> Path:
        """The folder of the copies."""
        return self.machine.folder / "copies"

    def make_due(self) -> None:
        """Ask for another type of key, by which a renewal is due until it is there."""
        self.renewals += 1
        self.before = issued(self.machine.running)
        self.configure()

    def configure(self) -> None:
        """Write the configuration."""
        name, address = self.names[0], self.server.tls[0]
        key_type = KEY_TYPES[self.renewals % len(KEY_TYPES)]
        self.machine.certificate(
            "www",
            f'names = ["{name}"]\nkey_type = "{key_type}"\nkeep_versions = {KEPT}\n'
            f'terminators = ["nginx"]\nendpoints = ["{name}:{address[1]}"]\ncopies = [\n'
            f'  {{ path = "{self.copies}/www.pem", kind = "combined" }},\n'
            f'  {{ path = "{self.copies}/www", kind = "directory" }},\n]',
        )
        self.machine.write()

    def log(self) -> str:
        """The end of what the runs said."""
        return self.machine.config.with_suffix(".log").read_text("utf-8")[-1500:]

    def harm(self) -> list[str]:
        """What is not as it must be at every instant: pairs, the server's own test, the served."""
        live = self.machine.live("www")
        found = []
        for place in (live, self.copies / "www" / "live"):
            found += _mismatch(place / "fullchain.pem", place / "privkey.pem")
            found += _mismatch(place / "combined.pem")
        found += _mismatch(self.copies / "www.pem")
        tested = subprocess.run(
            [*self.server.command(), "-t"], capture_output=True, text=True, check=False, timeout=30
        )
        if tested.returncode:
            found.append(f"the server cannot start: {tested.stderr}")
        whole = [split(one.read_bytes()) for one in live.parent.glob("versions/*/fullchain.pem")]
        for name in self.names:
            chain = tuple(served(*self.server.tls[0], name))
            if chain not in whole:
                found.append(f"{name} is served with a chain of {len(chain)} that is no version's")
        return found

    def lack(self) -> list[str]:
        """What the next run has left undone, or behind."""
        live, running = self.machine.live("www"), self.machine.running
        found = []
        if (count := issued(running) - self.before) != 1:
            found.append(f"{count} certificates were issued for one renewal")
        about = json.loads(live.joinpath("version.json").read_bytes())
        if about["key_type"] != KEY_TYPES[self.renewals % len(KEY_TYPES)]:
            found.append("the new version is not live")
        chain = split(live.joinpath("fullchain.pem").read_bytes())
        found += [
            f"the new chain is not served for {name}"
            for name in self.names
            if tuple(served(*self.server.tls[0], name)) != chain
        ]
        combined = live.joinpath("combined.pem").read_bytes()
        found += [
            f"{copy} is not the live one"
            for copy in (self.copies / "www.pem", self.copies / "www" / "live" / "combined.pem")
            if copy.read_bytes() != combined
        ]
        return found + [f"left over: {path}" for path in self.left_over()]

    def left_over(self) -> list[str]:
        """What a run that is over leaves nowhere."""
        folder, state = self.machine.folder, self.machine.state
        found = [*(state / "pending").iterdir(), *(folder / "tmp").iterdir()]
        found += [path for path in (folder / "web").rglob("*") if path.is_file()]
        found += [path for room in (state, self.copies) for path in room.rglob(".*")]
        found += state.glob("*-journal")
        versions = [*state.glob("certificates/www/versions/[!.]*")]
        found += versions if len(versions) > KEPT else []
        live = self.machine.live("www").readlink().name
        copied = self.copies.glob("www/versions/[!.]*")
        found += [path for path in copied if path.name != live]
        return [str(path.relative_to(folder)) for path in found]


def _mismatch(chain: Path, key: Path | None = None) -> list[str]:
    """Why a server could not load these; without `key` both are in one file."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key)
    except OSError as error:
        return [f"{chain}: {error}"]
    return []


@contextmanager
def scene(folder: Path, running: LocalAuthority) -> Iterator[Scene]:
    """With a placeholder; nothing is issued yet."""
    machine = Machine(folder, running)
    server = machine.nginx("www")
    for room in ("copies", "tmp", "web"):
        (folder / room).mkdir(exist_ok=True)
    server.http, server.webroot = ((machine.host, running.http_port),), folder / "web"
    machine.sections["solvers.web"] = f'type = "webroot"\npath = "{folder}/web"'
    machine.terminator("nginx", server)
    machine.name("www")
    server.sites[f"copy.{machine.slug}.test"] = folder / "copies" / "www" / "live"
    one = Scene(machine, server)
    one.configure()
    machine.everleaf("placeholder", "www")
    with server:
        yield one
