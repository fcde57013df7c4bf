"""A local Pebble with its DNS server, as child processes on loopback."""

import json
import os
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

from everleaf.demo.listener import free_port, make_listener_certificate
from everleaf.errors import MachineError

_PATIENCE = 20.0
NINETY_DAYS = 90 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAuthority:
    """Where the parts are: URLs, ports on 127.0.0.1, files."""

    directory: str
    management: str
    ca_file: Path
    roots_file: Path
    dns: str
    http_port: int
    tls_port: int
    dns_management: str
    log: Path

    def _pool(self) -> urllib3.PoolManager:
        context = ssl.create_default_context(cafile=str(self.ca_file))
        return urllib3.PoolManager(ssl_context=context, retries=False, timeout=5.0)

    def suggest(self, certificate: bytes, answer: str) -> None:
        """Let Pebble answer `answer` when it is asked for this certificate's renewal window."""
        body = {"Certificate": certificate.decode("ascii"), "ARIResponse": answer}
        url = f"{self.management}/set-renewal-info/"
        response = self._pool().request("POST", url, body=json.dumps(body).encode())
        if response.status >= 300:  # noqa: PLR2004 - anything but success
            raise MachineError(f"Pebble answered {response.status}", code="demo", where=url)

    def fetch_roots(self) -> None:
        """Write Pebble's root, which is new at every start, into `roots_file`."""
        self.roots_file.write_bytes(self.root(0))

    def root(self, number: int) -> bytes:
        """A root of Pebble's, PEM: 0 is the default chain's, the others are of alternates."""
        return self._pool().request("GET", f"{self.management}/roots/{number}").data


@contextmanager
def local_authority(
    programs: tuple[Path, Path],
    folder: Path,
    *,
    options: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    dns: str | None = None,
) -> Iterator[LocalAuthority]:
    """Pebble and its DNS server, ready to answer; ended when the block ends.

    Args:
        programs: `pebble` and `pebble-challtestsrv`.
        folder: for configuration and logs.
        options: more of Pebble's configuration.
        environment: more of Pebble's environment.
        dns: the name server that Pebble asks; its own by default.
    """
    pebble, challtestsrv = programs
    ports = {name: free_port() for name in ("dir", "management", "http", "tls", "dns", "manage")}
    certificate, key, ca_file = make_listener_certificate(folder)
    config = _configuration(ports, certificate, key, options or {})
    (folder / "pebble.json").write_text(json.dumps(config), encoding="utf-8")
    authority = LocalAuthority(
        directory=f"https://127.0.0.1:{ports['dir']}/dir",
        management=f"https://127.0.0.1:{ports['management']}",
        ca_file=ca_file,
        roots_file=folder / "roots.pem",
        dns=f"127.0.0.1:{ports['dns']}",
        http_port=ports["http"],
        tls_port=ports["tls"],
        dns_management=f"http://127.0.0.1:{ports['manage']}",
        log=folder / "pebble.log",
    )
    dns_command = [
        str(challtestsrv), "-dnsserver", authority.dns, "-management",
        f"127.0.0.1:{ports['manage']}", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
        "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "",
    ]  # fmt: skip
    pebble_command = [
        str(pebble), "-config", str(folder / "pebble.json"), "-dnsserver", dns or authority.dns
    ]  # fmt: skip
    settings = {"PEBBLE_VA_NOSLEEP": "1", **(environment or {})}
    with (
        child(dns_command, folder / "dns.log"),
        child(pebble_command, authority.log, **settings) as process,
    ):
        wait_until(lambda: _answers(authority), process, authority.log)
        authority.fetch_roots()
        yield authority


def _configuration(
    ports: Mapping[str, int], certificate: Path, key: Path, more: Mapping[str, object]
) -> dict[str, object]:
    return {
        "pebble": {
            "listenAddress": f"127.0.0.1:{ports['dir']}",
            "managementListenAddress": f"127.0.0.1:{ports['management']}",
            "certificate": str(certificate),
            "privateKey": str(key),
            "httpPort": ports["http"],
            "tlsPort": ports["tls"],
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
            "profiles": {"default": {"description": "90 days", "validityPeriod": NINETY_DAYS}},
            **more,
        }
    }


@contextmanager
def child(command: list[str], log: Path, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A child process with its output in a file; ended with the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(ready: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until `ready`, or an error with the end of the process's log.

    Raises:
        MachineError: it ended, or is not ready within twenty seconds.
    """
    end = time.monotonic() + _PATIENCE
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            last = log.read_text(encoding="utf-8", errors="replace").strip()[-600:]
            name = Path(str(process.args[0])).name if isinstance(process.args, list) else "it"
            raise MachineError(f"{name} does not start: {last}", code="demo", where=str(log))
        time.sleep(0.02)


def _answers(authority: LocalAuthority) -> bool:
    context = ssl.create_default_context(cafile=str(authority.ca_file))
    pool = urllib3.PoolManager(ssl_context=context, retries=False, timeout=1.0)
    try:
        return pool.request("GET", authority.directory).status == 200  # noqa: PLR2004 - OK
    except urllib3.exceptions.HTTPError:
        return False
