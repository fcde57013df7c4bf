"""One machine of a test: a state directory, a configuration, and the everleaf that runs on it."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import urllib3

from everleaf.core.certificate import Facts
from everleaf.demo.authority import LocalAuthority, local_authority
from everleaf.demo.provision import pebble
from everleaf.errors import MachineError
from everleaf.pki.certificates import facts, split
from support.loopback import free
from support.servers import Nginx

LIMIT = 120


@cache
def programs() -> tuple[Path, Path]:
    """Pebble and challtestsrv; without them the test is skipped, and fails under CI."""
    try:
        return pebble(lambda _: None)
    except MachineError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@contextmanager
def authority(
    folder: Path,
    *,
    options: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    dns: str | None = None,
) -> Iterator[LocalAuthority]:
    """A Pebble of one's own; `dns` is the name server that it asks, its own by default."""
    folder.mkdir(parents=True, exist_ok=True)
    with local_authority(
        programs(), folder, options=options, environment=environment, dns=dns
    ) as running:
        yield running


def point(running: LocalAuthority, name: str, *addresses: str) -> None:
    """Let a DNS name resolve to these IPv4 addresses."""
    body = json.dumps({"host": name, "addresses": list(addresses)}).encode()
    answer = urllib3.request("POST", f"{running.dns_management}/add-a", body=body, timeout=5)
    assert answer.status == 200, answer.data


def issued(running: LocalAuthority) -> int:
    """How many certificates Pebble has issued, by its own log."""
    return running.log.read_text(encoding="utf-8", errors="replace").count("Issued certificate")


def orders(running: LocalAuthority) -> int:
    """How many orders Pebble has taken, by its own log."""
    return running.log.read_text(encoding="utf-8", errors="replace").count("Added order")


@dataclass(frozen=True, slots=True)
class Result:
    """What a command came to."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Its JSON document."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    def fault(self, name: str) -> dict[str, Any]:
        """The one fault of a certificate, in a run's document."""
        (one,) = [item for item in self.document["certificates"] if item["name"] == name]
        (found,) = [stage["fault"] for stage in one["stages"] if stage["result"] == "failed"]
        fault: dict[str, Any] = found
        return fault

    def stages(self, name: str) -> list[str]:
        """The stages of one certificate that came to something, in a run's document."""
        (one,) = [item for item in self.document["certificates"] if item["name"] == name]
        return [stage["stage"] for stage in one["stages"]]


@dataclass(slots=True)
class Machine:
    """A folder with a configuration; `sections` are its TOML tables."""

    folder: Path
    running: LocalAuthority
    host: str = field(default_factory=lambda: free()[0])
    slug: str = field(default_factory=lambda: secrets.token_hex(4))
    sections: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)
        one = self.running
        self.sections = {
            "settings": f'state_dir = "{self.state}"\nresolver = ["{one.dns}"]\nbatch_wait = "20s"',
            "authorities.pebble": f'directory = "{one.directory}"\nca_file = "{one.ca_file}"\n'
            f'trust_file = "{one.roots_file}"\nterms_of_service_agreed = true',
            "solvers.web": f'type = "http-01"\nlisten = ["{self.host}:{one.http_port}"]\n'
            f"public_port = {one.http_port}",
        }

    @property
    def state(self) -> Path:
        """The state directory."""
        return self.folder / "state"

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "everleaf.toml"

    def live(self, name: str) -> Path:
        """The live folder of a certificate."""
        return self.state / "certificates" / name / "live"

    def name(self, label: str) -> str:
        """A DNS name of this machine's own, which resolves to its address."""
        name = f"{label}.{self.slug}.test"
        point(self.running, name, self.host)
        return name

    def certificate(self, name: str, body: str) -> None:
        """Configure a certificate."""
        self.sections[f"certificates.{name}"] = body

    def nginx(self, *names: str, port: int | None = None) -> Nginx:
        """An nginx of this machine that serves these certificates, each for its own name."""
        address = (self.host, port) if port else free(self.host)
        sites = {f"{one}.{self.slug}.test": self.live(one) for one in names}
        folder = self.folder / f"nginx-{address[1]}"
        folder.mkdir()
        return Nginx(folder, [address], sites)

    def terminator(self, name: str, server: Nginx, **more: str) -> None:
        """Let everleaf reload this server by the shipped hook."""
        pairs = {**server.settings, **more}
        settings = ", ".join(f"{key} = {json.dumps(value)}" for key, value in pairs.items())
        self.sections[f"terminators.{name}"] = f'hook = "nginx"\nsettings = {{ {settings} }}'

    def write(self) -> None:
        """Write the configuration file."""
        parts = [f"[{name}]\n{body}" if name else body for name, body in self.sections.items()]
        text = "\n\n".join(parts)
        self.config.write_text(text + "\n", encoding="utf-8")

    def facts(self, name: str) -> Facts:
        """What is to be known of the live leaf."""
        (der,) = split(self.live(name).joinpath("cert.pem").read_bytes())
        return facts(der)

    def everleaf(self, *arguments: str, expect: int | None = 0) -> Result:
        """Run one command; its exit status must be `expect`, where one is given."""
        self.write()
        command = [sys.executable, "-m", "everleaf", "--config", str(self.config), *arguments]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
            env={**os.environ, **self.environment},
        )
        if expect is not None:
            assert done.returncode == expect, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return Result(done.returncode, done.stdout, done.stderr)

    def run(self, *arguments: str, expect: int | None = 0) -> Result:
        """`everleaf run --json`."""
        return self.everleaf("run", "--json", *arguments, expect=expect)

    def status(self, name: str) -> dict[str, Any]:
        """One certificate's part of `everleaf status --json`."""
        document = self.everleaf("status", "--json", expect=None).document
        (one,) = [item for item in document["certificates"] if item["name"] == name]
        found: dict[str, Any] = one
        return found
