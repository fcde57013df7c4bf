"""What the end-to-end tests do on the stage and see there: everleaf, the edges, Pebble."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from parts import CERTIFICATES, EDGES, PEBBLE, RUN, everleaf, prepare, wait

from everleaf.ca.authority import AcmeAuthority
from everleaf.ca.session import Post
from support.loopback import served
from support.wire import MemoryAccounts, adapter

STATE = Path("/var/lib/everleaf")
ACCOUNTS = STATE / "accounts" / "pebble"
COPY = Path("/copies/shop.pem")
NGINX = ("edge1", "edge2", "edge3")
NAMES = ("api.stage.test", "shop.stage.test", "www.stage.test")


# -- everleaf --------------------------------------------------------------------------------------


def run(*arguments: str, expect: int = 0) -> dict[str, Any]:
    """`everleaf run --json`; its exit status must be `expect`."""
    done = everleaf("run", "--json", *arguments)
    assert done.returncode == expect, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def stages(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """What came of a certificate's stages in a run."""
    (one,) = [item for item in document["certificates"] if item["name"] == name]
    return list(one["stages"])


def status(name: str) -> dict[str, Any]:
    """One certificate's part of `everleaf status --json`."""
    found: dict[str, Any] = json.loads(everleaf("status", "--json", name).stdout)
    (one,) = found["certificates"]
    return dict(one)


def live(name: str) -> Path:
    """The folder of the version in use."""
    return STATE / "certificates" / name / "live"


def installed(name: str) -> list[str]:
    """SHA-256 of each certificate of the chain in use."""
    version: dict[str, Any] = json.loads((live(name) / "version.json").read_text("utf-8"))
    return list(version["chain_sha256"])


def forget_everything() -> None:
    """The machine is as new: no state, no copies."""
    for folder in (STATE, COPY.parent):
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


# -- the edges -------------------------------------------------------------------------------------


def serving(edge: str, name: str = "shop.stage.test") -> list[str]:
    """SHA-256 of each certificate that an edge sends."""
    return [sha256(der).hexdigest() for der in served(EDGES[edge], 443, name)]


def trusted(edge: str, name: str, roots: Path) -> bool:
    """Whether a client that knows these roots and nothing else accepts the edge for a name."""
    context = ssl.create_default_context(cafile=str(roots))
    try:
        with (
            socket.create_connection((EDGES[edge], 443), timeout=20) as line,
            context.wrap_socket(line, server_hostname=name),
        ):
            return True
    except ssl.SSLCertVerificationError:
        return False


def answers(edge: str) -> bool:
    """Whether a TLS server answers there."""
    try:
        return bool(serving(edge))
    except OSError:
        return False


def start(*edges: str) -> None:
    """Have edges run, and wait until they serve."""
    for edge in edges:
        (RUN / f"{edge}.stopped").unlink(missing_ok=True)
    for edge in edges:
        wait(f"{edge} serves", lambda edge=edge: answers(edge))  # type: ignore[misc]


def stop(*edges: str) -> None:
    """End edges, and wait until nobody answers there."""
    for edge in edges:
        (RUN / f"{edge}.stopped").touch()
        if answers(edge):
            os.kill(int((RUN / f"{edge}.pid").read_text("ascii")), signal.SIGTERM)
    for edge in edges:
        wait(f"{edge} has stopped", lambda edge=edge: not answers(edge))  # type: ignore[misc]


def ready() -> None:
    """Every edge runs, if need be with a placeholder."""
    prepare()
    for name in CERTIFICATES:
        everleaf("placeholder", name)
    start(*EDGES)


def nginx_says(edge: str) -> "subprocess.CompletedProcess[str]":
    """`nginx -t` in an edge's own root directory."""
    keeper = (RUN / f"{edge}.keeper").read_text("ascii").strip()
    command = ["chroot", f"/proc/{keeper}/root", "nginx", "-t", "-c", "/etc/nginx/stage.conf"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def workers(edge: str) -> str:
    """The process ids of a server's workers: others after a reload."""
    master = int((RUN / f"{edge}.pid").read_text("ascii"))
    return Path(f"/proc/{master}/task/{master}/children").read_text("ascii")


def reloads(edge: str) -> int:
    """How often an nginx was told to reload, by its own log."""
    return (RUN / f"{edge}.log").read_text("utf-8", "replace").count("(SIGHUP) received")


def touched(*edges: str) -> dict[str, object]:
    """What any reload, and any certificate handed to haproxy, leaves a trace in."""
    traces: dict[str, object] = {edge: workers(edge) for edge in edges}
    traces |= {f"reloads of {edge}": reloads(edge) for edge in edges if edge in NGINX}
    if "proxy" in edges:
        about = COPY.stat()
        traces["copy"] = (about.st_ino, about.st_mtime_ns)
    events = json.loads(everleaf("history", "--json", "--limit", "10000").stdout)["events"]
    traces["reload events"] = sum(one["stage"] == "reload" for one in events)
    return traces


# -- Pebble ----------------------------------------------------------------------------------------


@cache
def _account(key: bytes, url: str) -> AcmeAuthority:
    accounts = MemoryAccounts(key, url)
    return adapter(f"{PEBBLE}:14000/dir", Path("/tls/listener.pem"), accounts=accounts)


def authority() -> AcmeAuthority:
    """Pebble, asked as everleaf's own account."""
    (folder,) = ACCOUNTS.iterdir()
    url = json.loads((folder / "account.json").read_text("utf-8"))["url"]
    return _account((folder / "key.pem").read_bytes(), url)


def fetched(url: str) -> dict[str, Any]:
    """A resource of the account, as Pebble shows it."""
    one = authority()
    post = Post(url=url, payload=None, doing="show it")
    return dict(one._session.post(post, one._account.signer()).document("show it"))


def orders() -> list[str]:
    """The URLs of all orders that Pebble has of the account (RFC 8555, section 7.1.2.1)."""
    if not ACCOUNTS.exists():
        return []
    return list(fetched(str(fetched(authority().account())["orders"]))["orders"])
