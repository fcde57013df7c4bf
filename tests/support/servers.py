"""Real nginx and haproxy processes for tests, and what they serve.

Unprivileged-capable: own folder, own pid file, a loopback address of their own. Used as context
managers; leaving one stops the server.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from support.loopback import PATIENCE, Address, until, written

PROGRAMS = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])


def need(program: str) -> str:
    """The path of an installed program; without it the test is skipped, and fails under CI."""
    path = shutil.which(program, path=PROGRAMS)
    if path is None:
        reason = f"{program} is not installed (Debian: apt-get install {program})"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def children(pid: int) -> set[int]:
    """The process ids of a process's children."""
    try:
        return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()))
    except OSError:
        return set()


class Server:
    """A server process in the foreground: started, awaited, stopped."""

    program: str
    count: int  # of workers

    def __init__(self, directory: Path, addresses: Sequence[Address]) -> None:
        self.binary = need(self.program)
        self.directory = directory
        self.addresses = tuple(addresses)
        self.config = directory / f"{self.program}.conf"
        self.pid_file = directory / f"{self.program}.pid"
        self.log = directory / f"{self.program}.log"
        self.jail: Path | None = None  # the server's own root directory, as support.jail makes it
        self.process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def pid(self) -> int:
        """The master's process id."""
        assert self.process is not None, f"{self.program} was not started"
        return self.process.pid

    def words(self) -> str:
        """Everything in the log."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def workers(self) -> set[int]:
        """The process ids of all workers, those on their way out included."""
        return children(self.pid)

    def configuration(self) -> str:
        """The text of the configuration file."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """What starts the server in the foreground."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether it has written its pid file and started its workers."""
        return len(self.workers()) >= self.count and bool(self.pid_file.read_text("ascii"))

    def configure(self) -> None:
        """Write the configuration file."""
        self.config.write_text(self.configuration(), "utf-8")

    def start(self) -> None:
        """Write the configuration, start, and return when all addresses accept connections."""
        self.configure()
        prefix = [need("chroot"), str(self.jail)] if self.jail else []
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*prefix, *self.command()], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        for address in self.addresses:
            until(f"{self.program} on {written(address)}", partial(self._accepts, address))
        # The addresses are open before there is anybody to serve them.
        until(f"the workers of {self.program}", self.ready)

    def stop(self) -> None:
        """End it and all its workers; nothing if it does not run."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                for pid in self.workers():
                    os.kill(pid, signal.SIGKILL)
                self.process.kill()
                self.process.wait()

    def __enter__(self) -> Self:
        """Start it."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()

    def _accepts(self, address: Address) -> bool:
        if self.process is None or self.process.poll() is not None:
            pytest.fail(f"{self.program} ended at once:\n{self.words()}")
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError:
            return False
        return True


class Nginx(Server):
    """nginx with one TLS site per name, each from a folder with fullchain.pem and privkey.pem.

    Args:
        directory: for configuration, log, pid file and scratch files; the prefix.
        addresses: where it listens with TLS.
        sites: live folders by server name.
        http: where it listens without TLS, for `webroot`.
        webroot: the document root of `http`.
    """

    program = "nginx"
    count = 2

    def __init__(
        self,
        directory: Path,
        addresses: Sequence[Address],
        sites: Mapping[str, os.PathLike[str]],
        *,
        http: Sequence[Address] = (),
        webroot: Path | None = None,
    ) -> None:
        super().__init__(directory, [*addresses, *http])
        self.sites = dict(sites)
        self.tls = tuple(addresses)
        self.http = tuple(http)
        self.webroot = webroot
        self.extra = ""  # more of the http block; `configure` writes it

    @property
    def settings(self) -> dict[str, str]:
        """The settings with which hooks/nginx finds this server."""
        return {"config": str(self.config), "prefix": str(self.directory)}

    def reloads(self) -> int:
        """How many times the master was told to reload, taken or not."""
        return self.words().count("(SIGHUP) received")

    def command(self) -> list[str]:
        """What starts nginx in the foreground."""
        return [
            self.binary,
            "-c",
            str(self.config),
            "-p",
            f"{self.directory}/",
            "-e",
            str(self.log),
        ]

    def configuration(self) -> str:
        """The text of nginx.conf."""
        scratch = "\n".join(
            f"  {kind}_temp_path {self.directory}/scratch;"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        plain = "".join(f"listen {written(address)};" for address in self.http)
        sites = [f"  server {{ {plain} root {self.webroot}; }}"] if plain else []
        tls = "".join(f"listen {written(address)} ssl;" for address in self.tls)
        sites += [
            f"  server {{ {tls} server_name {name};"
            f' ssl_certificate "{os.fspath(live)}/fullchain.pem";'
            f' ssl_certificate_key "{os.fspath(live)}/privkey.pem"; return 200 "{name}"; }}'
            for name, live in self.sites.items()
        ]
        user = "user root;\n" if os.geteuid() == 0 else ""  # the folders of tests are root's alone
        return (
            f"{user}daemon off;\nworker_processes {self.count};\npid {self.pid_file};\n"
            f"error_log {self.log} notice;\nevents {{ worker_connections 64; }}\n"
            f"http {{\n  access_log off;\n{scratch}\n" + "\n".join(sites) + f"\n{self.extra}\n}}\n"
        )


class Haproxy(Server):
    """haproxy in master-worker mode with a stats socket, a master socket and a TLS frontend.

    Args:
        directory: for configuration, log and pid file; the sockets are elsewhere, in a short path.
        addresses: where it listens with TLS.
        certificates: what `crt` names: files with key and chain, or folders of them.
    """

    program = "haproxy"
    count = 1

    def __init__(
        self,
        directory: Path,
        addresses: Sequence[Address],
        certificates: Sequence[os.PathLike[str]],
    ) -> None:
        super().__init__(directory, addresses)
        self.certificates = tuple(certificates)
        # A socket's path may have 97 bytes: too few for a test's folder.
        self.sockets = Path(tempfile.gettempdir(), f"haproxy-{secrets.token_hex(6)}")
        self.socket = self.sockets / "stats"
        self.master_socket = self.sockets / "master"
        self.level = "admin"
        self.extra = ""  # more of the frontend; `configure` writes it

    @property
    def settings(self) -> dict[str, str]:
        """The settings with which hooks/haproxy finds this server."""
        return {"config": str(self.config), "pid_file": str(self.pid_file)}

    def reloads(self) -> int:
        """How many times the master was told to reload, taken or not."""
        return self.words().count("Reloading HAProxy")

    def ask(self, command: str) -> str:
        """Say a command to the stats socket, and return the answer."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(PATIENCE)
            line.connect(str(self.socket))
            line.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: line.recv(65536), b"")).decode().strip()

    def stop(self) -> None:
        """End it and remove its sockets."""
        super().stop()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def command(self) -> list[str]:
        """What starts haproxy in the foreground."""
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        files = ["-f", str(self.config), "-p", str(self.pid_file), "-S", str(self.master_socket)]
        return [self.binary, "-W", *files]

    def configuration(self) -> str:
        """The text of haproxy.cfg."""
        files = " ".join(f'crt "{os.fspath(path)}"' for path in self.certificates)
        binds = "".join(f"    bind {written(at)} ssl {files}\n" for at in self.addresses)
        return (
            f"global\n    stats socket {self.socket} mode 600 level {self.level}\n"
            "defaults\n    mode http\n    timeout connect 5s\n    timeout client 5s\n"
            f"    timeout server 5s\nfrontend tls\n{binds}    http-request return status 200\n"
            f"{self.extra}\n"
        )
