"""Six ways in which the third edge is broken for one certificate, each with its way back."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts import ADDRESSES, EDGES, RUN, point, wait

from e2e import stage

Document = dict[str, Any]

EDGE, HOST, CERTIFICATE = "edge3", "second.stage.test", "second"
NOBODY = "10.77.0.66"
_DEAF = '[terminators.edge3]\nhook = "/bin/true"'
_HOOK = '[terminators.edge3]\nhook = "nginx"'


@contextmanager
def _down() -> Iterator[Document]:
    stage.stop(EDGE)
    try:
        yield _run()
    finally:
        stage.start(EDGE)


@contextmanager
def _stale() -> Iterator[Document]:
    """Its hook says that it has reloaded, and does nothing."""
    told = os.environ["EVERLEAF_CONFIG"]
    text = Path(told).read_text("utf-8")
    assert _HOOK in text
    (RUN / "deaf.toml").write_text(text.replace(_HOOK, _DEAF), "utf-8")
    os.environ["EVERLEAF_CONFIG"] = str(RUN / "deaf.toml")
    try:
        yield _run("--force")
    finally:
        os.environ["EVERLEAF_CONFIG"] = told


@contextmanager
def _wrong_virtual_host() -> Iterator[Document]:
    with _configured(lambda _: ""):
        wait("the default host answers", lambda: _sent() == _default())
        yield _run()


@contextmanager
def _without_intermediate() -> Iterator[Document]:
    with _configured(lambda text: text.replace("fullchain.pem", "cert.pem")):
        wait("the leaf is sent alone", lambda: _sent() == stage.installed(CERTIFICATE)[:1])
        yield _run()


@contextmanager
def _refusing() -> Iterator[Document]:
    with _configured(lambda text: f"{text}no_such_directive on;\n"):
        yield _run("--force")


@contextmanager
def _wrong_address(address: str = NOBODY) -> Iterator[Document]:
    point(HOST, [address if one == EDGES[EDGE] else one for one in ADDRESSES[HOST]])
    try:
        yield _run()
    finally:
        point(HOST, ADDRESSES[HOST])


def _run(*more: str) -> Document:
    return stage.run(*more, CERTIFICATE, expect=1)


def _sent() -> list[str]:
    return stage.serving(EDGE, HOST)


def _default() -> list[str]:
    return stage.serving(EDGE, "nobody.stage.test")


@contextmanager
def _configured(change: Callable[[str], str]) -> Iterator[None]:
    """The edge's virtual host is changed, and it is told to reload; then it is as it was."""
    keeper = (RUN / f"{EDGE}.keeper").read_text("ascii").strip()
    path = Path(f"/proc/{keeper}/root/etc/nginx/second.conf")
    text = path.read_text("utf-8")
    path.write_text(change(text), "utf-8")
    _signal()
    try:
        yield
    finally:
        path.write_text(text, "utf-8")
        _signal()
        wait("the edge is as it was", lambda: _sent() == stage.installed(CERTIFICATE))


def _signal() -> None:
    os.kill(int((RUN / f"{EDGE}.pid").read_text("ascii")), signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Way:
    """One of the six.

    Attributes:
        broken: breaks the edge, hands over what a run says of it, and mends it.
        by_run, by_diagnose: the codes that tell it apart.
        stage: that fails in a run.
        address: at which it is found.
    """

    broken: Callable[[], AbstractContextManager[Document]]
    by_run: str
    by_diagnose: str
    stage: str = "confirm"
    address: str = EDGES[EDGE]

    @property
    def others(self) -> list[str]:
        """The addresses of the edges that are well."""
        return [one for one in ADDRESSES[HOST] if one != EDGES[EDGE]]


WAYS = {
    "down": Way(_down, "connection-refused", "connection-refused"),
    "stale": Way(_stale, "not-reloaded", "not-reloaded"),
    "wrong virtual host": Way(_wrong_virtual_host, "wrong-virtual-host", "wrong-virtual-host"),
    "missing intermediate": Way(
        _without_intermediate, "missing-intermediate", "missing-intermediate"
    ),
    "refusing its reload": Way(_refusing, "configuration-broken", "reload-refused", "reload"),
    "wrong address": Way(_wrong_address, "wrong-address", "wrong-address", address=NOBODY),
}
ANOTHER = Way(
    lambda: _wrong_address(EDGES["proxy"]), "wrong-address", "wrong-address",
    address=EDGES["proxy"],
)  # fmt: skip
