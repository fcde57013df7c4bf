"""Real Apache and Caddy for tests, from Debian's packages, beside those of `support.servers`."""

import os
from collections.abc import Sequence
from pathlib import Path

from support.loopback import Address, written
from support.servers import Server

_MODULES = Path("/usr/lib/apache2/modules")


class Apache(Server):
    """Apache with mod_ssl and one TLS site.

    Args:
        directory: for configuration, log and pid file; the ServerRoot.
        address: where it listens with TLS.
        live: the site's live folder.
    """

    program = "apache2"
    count = 2

    def __init__(self, directory: Path, address: Address, live: os.PathLike[str]) -> None:
        super().__init__(directory, [address])
        self.live = live
        self.extra = ""  # more of the site; `configure` writes it
        self.pair = (
            f'SSLCertificateFile "{os.fspath(live)}/fullchain.pem"\n'
            f"SSLCertificateKeyFile {os.fspath(live)}/privkey.pem"
        )

    @property
    def settings(self) -> dict[str, str]:
        """The settings with which hooks/apache finds this server."""
        return {"config": str(self.config)}

    def reloads(self) -> int:
        """How many times the master was told to reload."""
        return self.words().count("Doing graceful restart")

    def ready(self) -> bool:
        """Whether it has written its pid file and started its children."""
        return self.pid_file.exists() and super().ready()

    def command(self) -> list[str]:
        """What starts Apache in the foreground."""
        return [self.binary, "-f", str(self.config), "-D", "FOREGROUND"]

    def configuration(self) -> str:
        """The text of the configuration."""
        modules = "".join(
            f"LoadModule {name}_module {_MODULES}/mod_{name}.so\n"
            for name in ("mpm_event", "authz_core", "ssl")
        )
        user = "User nobody\nGroup nogroup\n" if os.geteuid() == 0 else ""
        (address,) = self.addresses
        return (
            f"ServerRoot {self.directory}\nServerName localhost\nPidFile {self.pid_file}\n"
            f"DefaultRuntimeDir {self.directory}\nMutex file:{self.directory} default\n{user}"
            f"ErrorLog {self.log}\nLogLevel notice\n{modules}StartServers {self.count}\n"
            "MinSpareThreads 25\nMaxSpareThreads 75\n"
            f"Listen {written(address)}\n<VirtualHost *:{address[1]}>\nSSLEngine on\n"
            f"{self.pair}\n{self.extra}\n</VirtualHost>\n"
        )


class Caddy(Server):
    """Caddy with a Caddyfile, an admin address and one TLS site per name.

    Args:
        directory: for configuration and log.
        address: where it listens with TLS.
        admin: where its admin API listens.
        sites: live folders by server name.
    """

    program = "caddy"
    count = 0

    def __init__(
        self,
        directory: Path,
        address: Address,
        admin: Address,
        sites: Sequence[tuple[str, os.PathLike[str]]],
    ) -> None:
        super().__init__(directory, [address, admin])
        self.config = directory / "Caddyfile"
        self.sites = tuple(sites)
        self.extra = ""  # more of each site; `configure` writes it

    @property
    def settings(self) -> dict[str, str]:
        """The settings with which hooks/caddy finds this server."""
        return {"config": str(self.config), "environment": f"XDG_CONFIG_HOME={self.directory}"}

    def reloads(self) -> int:
        """How many times it has taken a configuration over its API."""
        return self.words().count("load complete")

    def ready(self) -> bool:
        """Whether it has started: as soon as it listens."""
        return True

    def command(self) -> list[str]:
        """What starts Caddy in the foreground."""
        return [
            "/usr/bin/env",
            f"XDG_CONFIG_HOME={self.directory}",
            f"XDG_DATA_HOME={self.directory}",
            self.binary,
            "run",
            "--config",
            str(self.config),
        ]

    def configuration(self) -> str:
        """The text of the Caddyfile."""
        (host, port), admin = self.addresses
        sites = "".join(
            f"https://{name}:{port} {{\n\tbind {host}\n"
            f'\ttls "{os.fspath(live)}/fullchain.pem" "{os.fspath(live)}/privkey.pem"\n'
            f'\trespond "{name}"\n{self.extra}\n}}\n'
            for name, live in self.sites
        )
        return f"{{\n\tadmin {written(admin)}\n\tauto_https off\n}}\n{sites}"
