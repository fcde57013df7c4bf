"""A Docker engine of the tests' own, and an nginx in a container of it."""

import os
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from support.jail import jail
from support.loopback import PATIENCE, free, until, written
from support.servers import Nginx, children, need

ENGINE = Path(__file__).parents[1] / "e2e" / "engine"
IMAGE = "everleaf-test-nginx"


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine; `folder` has a short path, for sockets."""

    folder: Path
    process: subprocess.Popen[bytes]

    def inside(self) -> list[str]:
        """A prefix for commands that see the processes of its containers by the engine's ids."""
        pids = [self.process.pid]
        while pids:
            pid = pids.pop()
            if Path(f"/proc/{pid}/comm").read_text("ascii").strip() == "dockerd":
                return [need("nsenter"), "-t", str(pid), "-p", "-m"]
            pids += children(pid)
        pytest.fail("there is no dockerd")

    @property
    def socket(self) -> Path:
        """Where its API is."""
        return self.folder / "docker.sock"

    def docker(self, *words: str, stdin: IO[bytes] | None = None, check: bool = True) -> str:
        """Run the docker client, and return what it says."""
        command = [need("docker"), "-H", f"unix://{self.socket}", *words]
        done = subprocess.run(
            command, stdin=stdin or subprocess.DEVNULL, capture_output=True, check=False
        )
        assert done.returncode == 0 or not check, done.stderr.decode()
        return done.stdout.decode().strip()

    def answers(self) -> bool:
        """Whether it answers."""
        return bool(self.docker("version", "--format", "{{.Server.Version}}", check=False))


@contextmanager
def started() -> Iterator[Engine]:
    """An engine in namespaces of its own (`tests/e2e/engine`), with an image that is an nginx."""
    if os.geteuid() != 0:
        reason = "only root can start a Docker engine"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    need("dockerd")
    folder = Path(tempfile.mkdtemp(prefix="engine-"))
    command = [str(ENGINE), str(folder / "data"), str(folder), str(os.getgid())]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:  # it ends with its input
        engine = Engine(folder, process)
        try:
            until("the Docker engine answers", engine.answers)
            root = jail(folder / "root", need("nginx"))
            archive = folder / "root.tar"
            subprocess.run([need("tar"), "-C", root, "-cf", archive, "."], check=True)
            with archive.open("rb") as file:
                engine.docker("import", "-", IMAGE, stdin=file)
            yield engine
            for left in engine.docker("ps", "-aq").split():
                engine.docker("rm", "-f", left)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(PATIENCE)
            shutil.rmtree(folder, ignore_errors=True)


class Contained(Nginx):
    """An nginx in a container, without a network: it is reached by a socket in a shared folder."""

    def __init__(
        self, engine: Engine, directory: Path, sites: Mapping[str, os.PathLike[str]]
    ) -> None:
        super().__init__(directory, [free()], sites)
        self.engine = engine
        self.name = self.addresses[0][0].replace(".", "-")
        self.socket = engine.folder / self.name / "tls"
        self.socket.parent.mkdir()
        self.options: list[str] = []  # more for `docker run`

    @property
    def settings(self) -> dict[str, str]:
        """The settings with which hooks/container finds it."""
        return {"container": self.name, "socket": str(self.engine.socket)}

    @property
    def nginx(self) -> str:
        """The command, in the container."""
        return f"nginx -c {self.config} -p {self.directory}/"

    def configuration(self) -> str:
        """The text of nginx.conf."""
        listen = f"listen {written(self.addresses[0])}"
        return super().configuration().replace(listen, f"listen unix:{self.socket}")

    def start(self) -> None:
        """Write the configuration, and start the container."""
        self.configure()
        folders = (self.directory.parent, self.socket.parent)
        mounts = [word for path in folders for word in ("-v", f"{path}:{path}")]
        options = ["--network", "none", "--name", self.name, *self.options]
        self.engine.docker("run", "-d", *options, *mounts, IMAGE, *self.nginx.split())
        until(f"the nginx in {self.name}", self._serves)

    def stop(self) -> None:
        """Remove the container."""
        self.engine.docker("rm", "-f", self.name, check=False)

    def leaf(self) -> bytes:
        """The leaf that it serves, on a fresh connection."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(PATIENCE)
            line.connect(str(self.socket))
            with context.wrap_socket(line) as channel:
                return channel.getpeercert(binary_form=True) or b""

    def serves(self, leaf: bytes) -> None:
        """Wait until it serves this leaf, several times in a row."""
        until(
            "the leaf is served",
            lambda: self._serves() and all(self.leaf() == leaf for _ in range(5)),
        )

    def crash(self) -> None:
        """Let nginx end by itself, as far as the engine knows."""
        self.engine.docker("exec", self.name, *self.nginx.split(), "-s", "stop")

    def restarts(self) -> int:
        """How many times the engine has started it again."""
        return int(self.engine.docker("inspect", "-f", "{{.RestartCount}}", self.name))

    def _serves(self) -> bool:
        try:
            return bool(self.leaf())
        except OSError:
            return False
