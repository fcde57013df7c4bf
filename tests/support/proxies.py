"""Real vantages for tests: a SOCKS5 proxy, an HTTP proxy, and an ssh that knows a test's sshd."""

import shlex
from pathlib import Path

from everleaf.core.approach import Via, Way
from support.loopback import Address, free
from support.servers import need
from support.sshd import Sshd
from support.starttls import Aside


class Proxy(Aside):
    """A proxy.

    Args:
        user: whom alone it lets through, with the password; empty: everybody.
        password: of that user.
        address: where it listens.
    """

    way: Way

    def __init__(self, user: str = "", password: str = "", address: Address | None = None) -> None:
        super().__init__(address or free(), None)
        self.user = user
        self.password = password

    @property
    def via(self) -> Via:
        """How it is used."""
        host, port = self.addresses[0]
        return Via(way=self.way, host=host, port=port, user=self.user, password=self.password)


class Microsocks(Proxy):
    """A SOCKS5 proxy."""

    program = "microsocks"
    way = Way.SOCKS5

    def configuration(self) -> str:
        """It has no configuration file."""
        return ""

    def command(self) -> list[str]:
        """What starts it in the foreground."""
        host, port = self.addresses[0]
        known = ["-u", self.user, "-P", self.password] if self.user else []
        return [*self.prefix, self.binary, "-i", host, "-p", str(port), *known]


class Tinyproxy(Proxy):
    """An HTTP proxy that takes CONNECT to every port."""

    program = "tinyproxy"
    way = Way.HTTP

    def configuration(self) -> str:
        """The text of its configuration."""
        host, port = self.addresses[0]
        known = f"BasicAuth {self.user} {self.password}\n" if self.user else ""
        return f"Listen {host}\nPort {port}\nTimeout 60\nMaxClients 20\n{known}"

    def command(self) -> list[str]:
        """What starts it in the foreground."""
        return [*self.prefix, self.binary, "-d", "-c", str(self.config)]


def through(sshd: Sshd, identity: str = "user") -> Via:
    """A way by this sshd, with one of its keys."""
    settings = sshd.settings
    return Via(
        way=Way.SSH,
        host=settings["host"],
        port=int(settings["port"]),
        user=settings["user"],
        identity=sshd.directory / identity,
    )


def knowing(sshd: Sshd, folder: Path, identity: str = "") -> Path:
    """A folder for PATH with an ssh that takes this sshd's known hosts for those of the user.

    Args:
        identity: a key of this sshd that it takes for the user's own; empty: none.
    """
    folder.mkdir()
    options = ["-F", "none", "-o", f'UserKnownHostsFile="{sshd.settings["known_hosts"]}"']
    options += ["-i", str(sshd.directory / identity)] if identity else []
    command = shlex.join([need("ssh"), *options])
    script = folder / "ssh"
    script.write_text(f'#!/bin/sh\nexec {command} "$@"\n', "utf-8")
    script.chmod(0o755)
    return folder
