"""The demo's TLS server: nginx where it is installed, else a small one of our own."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from everleaf.demo.authority import child, wait_until
from everleaf.demo.listener import free_port
from everleaf.errors import MachineError

_NGINX = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    server_name www.demo.test demo.test;
    ssl_certificate {live}/fullchain.pem;
    ssl_certificate_key {live}/privkey.pem;
    return 200 "served by the demo of everleaf\\n";
  }}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoServer:
    """How to start one server and how everleaf reloads it."""

    title: str
    port: int
    hook: str
    settings: dict[str, str]
    command: list[str]
    log: Path

    @contextmanager
    def running(self) -> Iterator[None]:
        """The server, listening; ended with the block."""
        with child(self.command, self.log) as process:
            wait_until(self._listens, process, self.log)
            yield

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def demo_server(folder: Path, live: Path, *, own: bool) -> DemoServer:
    """A server that serves what stands in `live`; `own`: not nginx, though it may be here."""
    port = free_port()
    if own:
        return _own(folder, live, port)
    binary = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    return _nginx(binary, folder, live, port) if binary else _own(folder, live, port)


def _nginx(binary: str, folder: Path, live: Path, port: int) -> DemoServer:
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, live=live, port=port), encoding="utf-8")
    shown = subprocess.run([binary, "-v"], capture_output=True, text=True, check=False)
    return DemoServer(
        title=shown.stderr.strip().rpartition(" ")[2],
        port=port,
        hook="nginx",
        settings={
            "binary": binary,
            "config": str(config),
            "prefix": str(folder),
            "pid_file": str(folder / "nginx.pid"),
        },
        command=[binary, "-p", str(folder), "-c", str(config), "-e", str(folder / "nginx.log")],
        log=folder / "nginx.out",
    )


def _own(folder: Path, live: Path, port: int) -> DemoServer:
    parts = _parts()
    pid_file = folder / "server.pid"
    program = [sys.executable, str(parts / "tls_server.py")]
    return DemoServer(
        title="A small TLS server of its own",
        port=port,
        hook=str(parts / "hook"),
        settings={"pid_file": str(pid_file)},
        command=[*program, "127.0.0.1", str(port), str(live), str(pid_file)],
        log=folder / "server.log",
    )


def _parts() -> Path:
    """The server and its hook: in the wheel, or in a source checkout's examples."""
    package = Path(str(files("everleaf")))
    for place in (package / "demo-server", package.parents[1] / "examples" / "demo-server"):
        if (place / "tls_server.py").is_file():
            return place
    raise MachineError("the demo's server is not installed", code="demo", where=str(package))
