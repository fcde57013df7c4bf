"""Real servers of every protocol that turns to TLS by STARTTLS, each with a certificate or none.

`serving(StartTls.POSTGRES, folder, pair)` starts one; without a pair it offers no TLS.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from everleaf.core.approach import StartTls
from support.certs import Pair
from support.loopback import Address, free
from support.mail import Dovecot, Postfix
from support.servers import Server, need

HOST = "mail.example.org"  # the one virtual host of the XMPP server
_NOBODY = 65534
_CLUSTERS = Path("/usr/lib/postgresql")  # Debian keeps several versions side by side


def written(pair: Pair, folder: Path) -> Path:
    """The files of a pair, as a live folder has them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in pair.files().items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes(content)
    return folder


class Aside(Server):
    """A server without privileges, in a folder of its own that it can reach.

    Args:
        address: where it listens.
        pair: its certificate; None: it has no TLS.
    """

    count = 0

    def __init__(self, address: Address, pair: Pair | None) -> None:
        home = Path(tempfile.mkdtemp(prefix=f"{self.program}-"))
        try:
            super().__init__(home, [address])
        except BaseException:
            shutil.rmtree(home)
            raise
        self.home = home
        self.live = written(pair, home / "live") if pair else None
        self.data = home / "data"
        self.data.mkdir(mode=0o700)

    @property
    def prefix(self) -> list[str]:
        """What runs a command as nobody, where this is root."""
        if os.geteuid() != 0:
            return []
        ids = [f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
        return [need("setpriv"), *ids, "--inh-caps=-all"]

    def ready(self) -> bool:
        """Whether it has started: as soon as it listens."""
        return True

    def configure(self) -> None:
        """Write the configuration, and give all of it away."""
        super().configure()
        if os.geteuid() == 0:
            for path in [self.home, *self.home.rglob("*")]:
                os.chown(path, _NOBODY, _NOBODY)

    def stop(self) -> None:
        """End it, and remove its folder."""
        super().stop()
        shutil.rmtree(self.home, ignore_errors=True)


class Postgres(Aside):
    """PostgreSQL with an empty cluster."""

    program = "pg_ctlcluster"

    def __init__(self, address: Address, pair: Pair | None) -> None:
        super().__init__(address, pair)
        self.binary = str(max(_CLUSTERS.glob("*/bin/postgres")))

    def configure(self) -> None:
        """Make the cluster."""
        super().configure()
        command = [str(Path(self.binary).with_name("initdb")), "-D", str(self.data), "-A", "trust"]
        options = ["--no-sync", "--no-locale", "-E", "UTF8", "-U", "nobody"]
        done = subprocess.run(
            [*self.prefix, *command, *options], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def configuration(self) -> str:
        """The text of what is beside the cluster's own configuration: all stands in the command."""
        return ""

    def command(self) -> list[str]:
        """What starts PostgreSQL in the foreground."""
        host, port = self.addresses[0]
        options = {
            "listen_addresses": host,
            "port": port,
            "unix_socket_directories": "",
            "fsync": "off",
        }
        if self.live:
            options |= {
                "ssl": "on",
                "ssl_cert_file": self.live / "fullchain.pem",
                "ssl_key_file": self.live / "privkey.pem",
            }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [*self.prefix, self.binary, "-D", str(self.data), *settings]

    def stop(self) -> None:
        """End it without waiting for its clients, nor for who waits for them to log in."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            for pid in self.workers():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
        super().stop()


class Mariadb(Aside):
    """MariaDB without a table; whoever comes is let in."""

    program = "mariadbd"

    def configuration(self) -> str:
        """The text of its configuration file."""
        host, port = self.addresses[0]
        tls = f"ssl-cert={self.live}/fullchain.pem\nssl-key={self.live}/privkey.pem\n"
        return (
            f"[mysqld]\nbind-address={host}\nport={port}\nsocket={self.home}/socket\n"
            f"pid-file={self.pid_file}\ndatadir={self.data}\nskip-grant-tables\nskip-log-bin\n"
            f"innodb=OFF\ndefault-storage-engine=MyISAM\n{tls if self.live else ''}"
        )

    def command(self) -> list[str]:
        """What starts MariaDB in the foreground."""
        return [*self.prefix, self.binary, f"--defaults-file={self.config}"]


class Slapd(Aside):
    """OpenLDAP's server without a database."""

    program = "slapd"

    def configuration(self) -> str:
        """The text of slapd.conf."""
        tls = (
            f"TLSCACertificateFile {self.live}/chain.pem\n"
            f"TLSCertificateFile {self.live}/fullchain.pem\n"
            f"TLSCertificateKeyFile {self.live}/privkey.pem\n"
        )
        return (
            f"include /etc/ldap/schema/core.schema\npidfile {self.pid_file}\n"
            f"argsfile {self.home}/args\n{tls if self.live else ''}"
        )

    def command(self) -> list[str]:
        """What starts slapd in the foreground."""
        host, port = self.addresses[0]
        where = ["-f", str(self.config), "-h", f"ldap://{host}:{port}/"]
        return [*self.prefix, self.binary, "-d", "0", *where]


class Prosody(Aside):
    """Prosody with one virtual host, for clients only."""

    program = "prosody"

    def __init__(self, address: Address, pair: Pair | None) -> None:
        super().__init__(address, pair)
        self.config = self.home / "prosody.cfg.lua"

    def configuration(self) -> str:
        """The text of its configuration."""
        host, port = self.addresses[0]
        files = f'certificate = "{self.live}/fullchain.pem"; key = "{self.live}/privkey.pem"'
        tls = f"ssl = {{ {files} }}"
        modules = '"saslauth"; "tls"' if self.live else '"saslauth"'
        return (
            f'pidfile = "{self.pid_file}"\ndata_path = "{self.data}"\ndaemonize = false\n'
            f'modules_enabled = {{ {modules} }}\nmodules_disabled = {{ "s2s" }}\n'
            'authentication = "internal_hashed"\nlog = { info = "*console" }\n'
            f'c2s_interfaces = {{ "{host}" }}\nc2s_ports = {{ {port} }}\n'
            f"c2s_require_encryption = {'true' if self.live else 'false'}\n"
            f'certificates = "{self.data}"\n'
            f'VirtualHost "{HOST}"\n{tls if self.live else ""}\n'
        )

    def command(self) -> list[str]:
        """What starts Prosody in the foreground."""
        return [*self.prefix, self.binary, "--config", str(self.config), "-F"]


class Vsftpd(Aside):
    """vsftpd, which lets nobody in."""

    program = "vsftpd"

    def configuration(self) -> str:
        """The text of vsftpd.conf."""
        host, port = self.addresses[0]
        tls = (
            f"ssl_enable=YES\nssl_ciphers=HIGH\nrsa_cert_file={self.live}/fullchain.pem\n"
            f"rsa_private_key_file={self.live}/privkey.pem\n"
        )
        return (
            f"listen=YES\nlisten_address={host}\nlisten_port={port}\nbackground=NO\n"
            "run_as_launching_user=YES\nanonymous_enable=YES\nlocal_enable=NO\nisolate=NO\n"
            "isolate_network=NO\nseccomp_sandbox=NO\nxferlog_enable=NO\n"
            f"secure_chroot_dir={self.data}\n{tls if self.live else ''}"
        )

    def command(self) -> list[str]:
        """What starts vsftpd in the foreground."""
        return [*self.prefix, self.binary, str(self.config)]


class Mailboxes(Dovecot):
    """Dovecot that offers STARTTLS on the port of one protocol; without `pair` no TLS."""

    def __init__(
        self, directory: Path, address: Address, live: Path | None, protocol: StartTls
    ) -> None:
        if not Path(f"/usr/lib/dovecot/{protocol}-login").exists():
            reason = f"Dovecot speaks no {protocol} (Debian: apt-get install dovecot-{protocol}d)"
            (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
        super().__init__(directory, address, live or directory)
        self.protocol = protocol
        self.secured = live is not None

    def configuration(self) -> str:
        """The text of dovecot.conf."""
        (host, port), protocol = self.addresses[0], self.protocol
        files = f"ssl_cert = <{self.live}/fullchain.pem\nssl_key = <{self.live}/privkey.pem\n"
        tls = f"ssl = yes\n{files}" if self.secured else "ssl = no"
        return (
            f"base_dir = {self.home}/run\nstate_dir = {self.home}/state\nlog_path = {self.log}\n"
            f"protocols = {protocol}\nlisten = {host}\n{tls}\n"
            f"service {protocol}-login {{\n  inet_listener {protocol} {{\n    port = {port}\n  }}\n"
            f"  inet_listener {protocol}s {{\n    port = 0\n  }}\n}}\n"
            "passdb {\n  driver = static\n  args = nopassword\n}\n"
            "userdb {\n  driver = static\n  args = uid=65534 gid=65534 home=/\n}\n"
        )


_ASIDE: Mapping[StartTls, type[Aside]] = {
    StartTls.FTP: Vsftpd,
    StartTls.LDAP: Slapd,
    StartTls.XMPP: Prosody,
    StartTls.POSTGRES: Postgres,
    StartTls.MYSQL: Mariadb,
}


def server(
    protocol: StartTls, folder: Path, pair: Pair | None, address: Address | None = None
) -> Server:
    """The server of a protocol, not yet started; without a pair it offers no TLS."""
    address = address or free()
    if protocol in _ASIDE:
        return _ASIDE[protocol](address, pair)
    live = written(pair, folder / f"{protocol} certificate") if pair else None
    if protocol is not StartTls.SMTP:
        return Mailboxes(folder / protocol, address, live, protocol)
    postfix = Postfix(folder / protocol, address, live or folder)
    if live is None:
        postfix.pair, postfix.extra = "", "smtpd_tls_security_level = none"
    return postfix


@contextmanager
def serving(
    protocol: StartTls, folder: Path, pair: Pair | None, address: Address | None = None
) -> Iterator[Address]:
    """The server of a protocol, running; where it listens."""
    with server(protocol, folder, pair, address) as running:
        yield running.addresses[0]
