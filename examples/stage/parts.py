"""What the everleaf service and the end-to-end tests share: the stage's addresses, and waiting."""

import json
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import urllib3

PEBBLE = "https://10.77.0.2"
DNS = "http://10.77.0.3:8055"
EDGES = {
    "edge1": "10.77.0.11",
    "edge2": "10.77.0.12",
    "edge3": "10.77.0.14",
    "proxy": "10.77.0.13",
}
ADDRESSES = {
    "www.stage.test": ["10.77.0.11", "10.77.0.12", "10.77.0.13", "10.77.0.14"],
    "api.stage.test": ["10.77.0.11", "10.77.0.12", "10.77.0.13", "10.77.0.14"],
    "shop.stage.test": ["10.77.0.11", "10.77.0.12", "10.77.0.13", "10.77.0.14"],
    "second.stage.test": ["10.77.0.11", "10.77.0.12", "10.77.0.14"],
}
CERTIFICATES = ("shop", "second")
RUN = Path("/run/stage")
PATIENCE = 60.0


def wait(what: str, ready: Callable[[], bool]) -> None:
    """Until something is ready, for at most a minute."""
    end = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > end:
            sys.exit(f"waited {PATIENCE:g} s in vain: {what}")
        time.sleep(0.05)


def pool() -> urllib3.PoolManager:
    """Connections to Pebble, whose listener has a certificate of this stage's own."""
    context = ssl.create_default_context(cafile="/tls/listener.pem")
    return urllib3.PoolManager(ssl_context=context, retries=False, timeout=5.0)


def answers(url: str) -> bool:
    """Whether somebody answers there."""
    try:
        return pool().request("GET", url).status < 500  # noqa: PLR2004 - any answer but a failure
    except urllib3.exceptions.HTTPError:
        return False


def prepare() -> None:
    """Pebble's root, which is new at every start, and the names' addresses."""
    wait("Pebble answers", lambda: answers(f"{PEBBLE}:14000/dir"))
    wait("the DNS server answers", lambda: answers(f"{DNS}/"))
    roots = pool().request("GET", f"{PEBBLE}:15000/roots/0").data
    RUN.joinpath("roots.pem").write_bytes(roots)
    for host, addresses in ADDRESSES.items():
        point(host, addresses)


def point(host: str, addresses: Sequence[str]) -> None:
    """Let a name have these addresses, and no other."""
    for path in ("clear-a", "add-a"):
        body = json.dumps({"host": host, "addresses": list(addresses)}).encode()
        pool().request("POST", f"{DNS}/{path}", body=body)


def everleaf(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run everleaf; what it says is shown, and kept."""
    command = [sys.executable, "-m", "everleaf", "--log-format", "json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    sys.stderr.write(done.stderr)
    return done
