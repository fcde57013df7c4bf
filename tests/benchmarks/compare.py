"""everleaf beside other clients, against one Pebble: what they take, and what they notice.

    PYTHONPATH=tests python -m benchmarks.compare --certbot certbot --lego lego

Every client gets the same names by http-01 from the same authority. Times are medians, and only
their ratios on one machine mean something.
"""

import argparse
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from everleaf.demo.authority import LocalAuthority, local_authority
from everleaf.demo.provision import pebble

MANY = 20
ROUNDS = 5
LIMIT = 300


class Client(ABC):
    """One client with a folder of its own.

    Attributes:
        hook: a script that is run for a certificate that was issued or renewed.
    """

    name: str

    def __init__(self, program: Sequence[str], folder: Path, authority: LocalAuthority) -> None:
        self.program = list(program)
        self.folder = folder
        self.authority = authority
        self.hook = folder / "hook"
        self.port = 0
        folder.mkdir()
        self.set_hook("exit 0")

    def set_hook(self, text: str) -> None:
        """Replace the hook's script."""
        self.hook.write_text(f"#!/bin/sh\necho called >>{self.folder}/calls\n{text}\n", "utf-8")
        self.hook.chmod(0o755)

    def watch(self, port: int) -> None:
        """From now on the certificates are served on this port of 127.0.0.1."""
        self.port = port

    def calls(self) -> int:
        """How often the hook was run."""
        path = self.folder / "calls"
        return path.read_text("utf-8").count("called") if path.exists() else 0

    def call(self, *arguments: str) -> int:
        """One process; its exit status."""
        environment = {
            **os.environ,
            "REQUESTS_CA_BUNDLE": str(self.authority.ca_file),  # certbot
            "LEGO_CA_CERTIFICATES": str(self.authority.ca_file),
        }
        with (self.folder / "log").open("ab") as log:
            return subprocess.run(
                [*self.program, *arguments],
                stdout=log,
                stderr=log,
                env=environment,
                timeout=LIMIT,
                check=False,
            ).returncode

    @abstractmethod
    def obtain(self, names: Sequence[str]) -> int:
        """One certificate for each name; the worst exit status."""

    @abstractmethod
    def pair(self, name: str) -> tuple[Path, Path]:
        """The files of a certificate's chain and key."""

    @abstractmethod
    def renew(self, names: Sequence[str], *, force: bool = False) -> int:
        """What a timer would run for these certificates; the worst exit status."""


class Everleaf(Client):
    """Ours: one run for all."""

    name = "everleaf"

    def obtain(self, names: Sequence[str]) -> int:
        one = self.authority
        lines = [
            "[settings]",
            f'state_dir = "{self.folder}/state"',
            f'resolver = ["{one.dns}"]',
            "[authorities.pebble]",
            f'directory = "{one.directory}"',
            f'ca_file = "{one.ca_file}"',
            f'trust_file = "{one.roots_file}"',
            "terms_of_service_agreed = true",
            "[solvers.web]",
            'type = "http-01"',
            f'listen = ["127.0.0.1:{one.http_port}"]',
            f"public_port = {one.http_port}",
            "[terminators.server]",
            f'hook = "{self.hook}"',
        ]
        for name in names:
            lines += [
                f'[certificates."{name}"]',
                f'names = ["{name}"]',
                'authority = "pebble"',
                'solver = "web"',
                'terminators = ["server"]',
                f"endpoints = [{self._endpoint(name)}]",
                'grace = "2s"',
            ]
        (self.folder / "everleaf.toml").write_text("\n".join(lines) + "\n", "utf-8")
        return self.renew(names)

    def renew(self, names: Sequence[str], *, force: bool = False) -> int:
        del names
        config = ["--config", str(self.folder / "everleaf.toml")]
        return self.call(*config, "run", *(["--force"] if force else []))

    def _endpoint(self, name: str) -> str:
        if not self.port:
            return ""
        return f'{{ host = "{name}", port = {self.port}, addresses = ["127.0.0.1"] }}'

    def pair(self, name: str) -> tuple[Path, Path]:
        live = self.folder / "state" / "certificates" / name / "live"
        return live / "fullchain.pem", live / "privkey.pem"


class Certbot(Client):
    """certbot: one call for each new certificate, one `renew` for all."""

    name = "certbot"

    def obtain(self, names: Sequence[str]) -> int:
        one = self.authority
        return max(
            self.call(
                "certonly", "--standalone", "--non-interactive", "--agree-tos",
                "--register-unsafely-without-email", "--server", one.directory,
                "--http-01-address", "127.0.0.1", "--http-01-port", str(one.http_port),
                "--deploy-hook", str(self.hook), "--key-type", "ecdsa", *self._folders(),
                "-d", name,
            )
            for name in names
        )  # fmt: skip

    def renew(self, names: Sequence[str], *, force: bool = False) -> int:
        del names
        forced = ["--force-renewal"] if force else []
        return self.call(
            "renew", "--non-interactive", "--no-random-sleep-on-renew", *self._folders(), *forced
        )

    def pair(self, name: str) -> tuple[Path, Path]:
        live = self.folder / "etc" / "live" / name
        return live / "fullchain.pem", live / "privkey.pem"

    def _folders(self) -> list[str]:
        folders = {"config-dir": "etc", "work-dir": "work", "logs-dir": "logs"}
        return [
            text for key, one in folders.items() for text in (f"--{key}", f"{self.folder}/{one}")
        ]


class Lego(Client):
    """lego: one call for each certificate, new or not."""

    name = "lego"

    def obtain(self, names: Sequence[str]) -> int:
        return self.renew(names)

    def renew(self, names: Sequence[str], *, force: bool = False) -> int:
        one, forced = self.authority, ["--renew-force"] if force else []
        return max(
            self.call(
                "run", "--accept-tos", "--email", "someone@example.org",
                "--server", one.directory, "--path", f"{self.folder}/lego",
                "--http", "--http.address", f"127.0.0.1:{one.http_port}",
                "--deploy-hook", str(self.hook), "--no-random-sleep", *forced, "-d", name,
            )
            for name in names
        )  # fmt: skip

    def pair(self, name: str) -> tuple[Path, Path]:
        folder = self.folder / "lego" / "certificates"
        return folder / f"{name}.crt", folder / f"{name}.key"


def timed(status: int, since: float) -> float:
    """Seconds since then, of something that must have gone well."""
    if status != 0:
        raise SystemExit(f"a client failed with status {status}; its log is in its folder")
    return time.perf_counter() - since


def measure(client: Client) -> dict[str, float]:
    """Medians, in seconds."""
    firsts, idles = [], []
    for number in range(ROUNDS):
        since = time.perf_counter()
        firsts.append(timed(client.obtain([f"one{number}.{client.name}.test"]), since))
    many = [f"many{number}.{client.name}.test" for number in range(MANY)]
    since = time.perf_counter()
    all_of_them = timed(client.obtain(many), since)
    for _ in range(ROUNDS):
        since = time.perf_counter()
        idles.append(timed(client.renew(many), since))
    return {
        "one new certificate": statistics.median(firsts),
        f"{MANY} new certificates": all_of_them,
        f"a run with nothing to do, {MANY} certificates": statistics.median(idles),
    }


def notice(client: Client) -> dict[str, str]:
    """What becomes of a renewal whose deploy hook fails."""
    name = [f"hook.{client.name}.test"]
    timed(client.obtain(name), time.perf_counter())
    client.set_hook("exit 1")
    status = client.renew(name, force=True)
    before = client.calls()
    client.set_hook("exit 0")
    again = client.renew(name)
    tried = client.calls() > before
    return {
        "exit status of a renewal whose deploy hook fails": str(status),
        "the next run deploys it again": "yes" if tried and again == 0 else "no",
    }


def unnoticed(client: Client) -> dict[str, str]:
    """What becomes of a renewal after which the server goes on with what it had."""
    name = f"deaf.{client.name}.test"
    timed(client.obtain([name]), time.perf_counter())
    with serving(*client.pair(name)) as port:
        client.watch(port)
        timed(client.obtain([name]), time.perf_counter())
        status = client.renew([name], force=True)
        later = client.renew([name])
    return {
        "exit status of a renewal that the server does not serve": str(status),
        "exit status of the next run": str(later),
    }


@contextmanager
def serving(chain: Path, key: Path) -> Iterator[int]:
    """A TLS server that has read its files once; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    line, _ = listener.accept()
                except OSError:
                    return
                with suppress(OSError), context.wrap_socket(line, server_side=True) as channel:
                    channel.recv(1)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def table(rows: dict[str, dict[str, str]], names: Sequence[str]) -> Iterator[str]:
    """One line for each row."""
    width = max(map(len, rows))
    yield " ".join([" " * width, *(f"{name:>14}" for name in names)])
    for row, cells in rows.items():
        yield " ".join([f"{row:{width}}", *(f"{cells[name]:>14}" for name in names)])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--certbot", help="the program")
    parser.add_argument("--lego", help="the program")
    options = parser.parse_args()
    kinds: list[tuple[type[Client], list[str]]] = [(Everleaf, [sys.executable, "-m", "everleaf"])]
    kinds += [(Certbot, [options.certbot])] if options.certbot else []
    kinds += [(Lego, [options.lego])] if options.lego else []
    folder = Path(tempfile.mkdtemp(prefix="compare-"))
    times: dict[str, dict[str, float]] = {}
    seen: dict[str, dict[str, str]] = {}
    with local_authority(pebble(lambda _: None), folder) as authority:
        authority.fetch_roots()
        for kind, program in kinds:
            measured = measure(kind(program, folder / kind.name, authority))
            for row, took in measured.items():
                times.setdefault(row, {})[kind.name] = took
            failing = notice(kind(program, folder / f"{kind.name}-hook", authority))
            deaf = unnoticed(kind(program, folder / f"{kind.name}-deaf", authority))
            for row, what in (failing | deaf).items():
                seen.setdefault(row, {})[kind.name] = what
    names = [kind.name for kind, _ in kinds]
    ratios = {
        row: {
            name: f"{took:.2f} s ({took / cells['everleaf']:.1f})" for name, took in cells.items()
        }
        for row, cells in times.items()
    }
    sys.stdout.writelines(f"{line}\n" for line in table(ratios | seen, names))
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
