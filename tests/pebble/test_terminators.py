"""everleaf with servers of every kind: reload, refusal, confirmation, and the way back."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest

from support.daemons import Apache, Caddy
from support.loopback import Address, free, served
from support.machine import Machine, orders
from support.mail import Dovecot, Postfix
from support.sshd import Far

pytestmark = pytest.mark.usefixtures("running")


class FarNginx:
    """An nginx on another host, to which certificates are brought by ssh."""

    def __init__(self, machine: Machine, folder: Path, address: Address) -> None:
        self._folder = folder
        site = f"www.{machine.slug}.test"
        self._far = Far(folder / "far", machine.live("www"), "www", site=site, address=address)
        self._stack = ExitStack()
        self.settings = self._far.settings

    @property
    def extra(self) -> str:
        """More of its configuration."""
        return self._far.nginx.extra

    @extra.setter
    def extra(self, text: str) -> None:
        self._far.nginx.extra = text

    def configure(self) -> None:
        """Write its configuration."""
        self._far.nginx.configure()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._far.sshd)
            self._far.bring(self._folder)
            stack.enter_context(self._far.nginx)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


Kind = Apache | Caddy | Dovecot | Postfix | FarNginx
Make = Callable[[Machine, Path], tuple[Kind, Address]]


def apache(machine: Machine, folder: Path) -> tuple[Kind, Address]:
    address = free(machine.host)
    return Apache(folder, address, machine.live("www")), address


def caddy(machine: Machine, folder: Path) -> tuple[Kind, Address]:
    address = free(machine.host)
    sites = [(f"www.{machine.slug}.test", machine.live("www"))]
    return Caddy(folder, address, free(machine.host), sites), address


def dovecot(machine: Machine, folder: Path) -> tuple[Kind, Address]:
    address = free(machine.host)
    return Dovecot(folder, address, machine.live("www")), address


def postfix(machine: Machine, folder: Path) -> tuple[Kind, Address]:
    address = free(machine.host)
    server = Postfix(folder, address, machine.live("www"))
    server.service = "-o smtpd_tls_wrappermode=yes"
    return server, address


def ssh(machine: Machine, folder: Path) -> tuple[Kind, Address]:
    address = free(machine.host)
    return FarNginx(machine, folder, address), address


KINDS: dict[str, tuple[Make, str]] = {
    "apache": (apache, "NoSuchDirective on"),
    "caddy": (caddy, "no_such_directive"),
    "dovecot": (dovecot, "no_such_setting = yes"),
    "postfix": (postfix, "no_such_setting"),
    "ssh": (ssh, "no_such_directive on;"),
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_certificate_is_reloaded_confirmed_held_back_and_rolled_back(
    machine: Machine, kind: str
) -> None:
    make, nonsense = KINDS[kind]
    folder = machine.folder / kind
    folder.mkdir()
    server, address = make(machine, folder)
    name = machine.name("www")
    pairs = ", ".join(f"{key} = {json.dumps(text)}" for key, text in server.settings.items())
    machine.sections["terminators.it"] = f'hook = "{kind}"\nsettings = {{ {pairs} }}'
    machine.certificate(
        "www",
        f'names = ["{name}"]\nterminators = ["it"]\nendpoints = ["{name}:{address[1]}"]',
    )
    machine.everleaf("placeholder", "www")
    with server:
        machine.run()
        assert machine.status("www")["state"] == "well"
        first = served(*address, name)[0]
        machine.run("--force")
        second = served(*address, name)[0]
        assert first != second

        server.extra = nonsense
        server.configure()
        fault = machine.run("--force", expect=1).fault("www")
        assert fault["code"] == "configuration-broken"
        assert nonsense.split()[0].lower() in str(fault["words"]).lower()
        assert served(*address, name)[0] == second
        placed = orders(machine.running)
        server.extra = ""
        server.configure()
        machine.run()
        third = served(*address, name)[0]
        assert third not in (first, second)

        machine.everleaf("rollback", "www")
        assert served(*address, name)[0] == second
        assert machine.status("www")["state"] == "well"
        assert orders(machine.running) == placed
