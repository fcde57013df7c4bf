"""Real Postfix and Dovecot for tests: instances of their own, which only root can run."""

import os
import shutil
import signal
import smtplib
import ssl
import tempfile
from pathlib import Path

import pytest

from support.loopback import PATIENCE, Address, until, written
from support.servers import Server

SERVICES = """\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class Daemon(Server):
    """A server with users of its own, who have to reach its folders: those of a test they cannot.

    Args:
        directory: for what only root reads.
        address: where it listens.
        live: the live folder of its certificate.
    """

    def __init__(self, directory: Path, address: Address, live: os.PathLike[str]) -> None:
        if os.geteuid() != 0:
            reason = f"only root can run {self.program}"
            (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
        super().__init__(directory, [address])
        self.live = live
        self.extra = ""  # more of the configuration; `configure` writes it
        self.home = Path(tempfile.mkdtemp(prefix=f"{self.program}-"))
        self.home.chmod(0o755)

    def ready(self) -> bool:
        """Whether it has written its pid file."""
        return self.pid_file.exists()

    def stop(self) -> None:
        """End it, and remove its folders; at once, since asked to end they take a second."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGSTOP)  # or it starts more of them meanwhile
            for pid in self.workers():
                os.kill(pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
        until("its folders are gone", self._removed)

    def _removed(self) -> bool:
        """Remove them; what it has started besides may still write its last line there."""
        shutil.rmtree(self.home, ignore_errors=True)
        return not self.home.exists()


class Postfix(Daemon):
    """Postfix that offers STARTTLS; `service` are the options of its one smtpd in master.cf."""

    program = "postfix"

    def __init__(self, directory: Path, address: Address, live: os.PathLike[str]) -> None:
        super().__init__(directory, address, live)
        self.config = directory / "main.cf"
        self.pid_file = self.home / "spool" / "pid" / "master.pid"
        self.log = self.home / "log"
        self.service = ""
        self.pair = (
            f"smtpd_tls_cert_file = {os.fspath(live)}/fullchain.pem\n"
            f"smtpd_tls_key_file = {os.fspath(live)}/privkey.pem\n"
        )
        (self.home / "spool").mkdir(mode=0o755)
        (self.home / "data").mkdir(mode=0o700)
        shutil.chown(self.home / "data", "postfix")

    @property
    def settings(self) -> dict[str, str]:
        """The settings with which hooks/postfix finds this instance."""
        return {"config_directory": str(self.directory)}

    def reloads(self) -> int:
        """How many times the master was told to reload."""
        return self.words().count(" reload -- version ")

    def command(self) -> list[str]:
        """What starts Postfix in the foreground."""
        return [self.binary, "-c", str(self.directory), "start-fg"]

    def configure(self) -> None:
        """Write main.cf and master.cf."""
        (address,) = self.addresses
        listen = f"{written(address)} inet n - n - - smtpd {self.service}\n"
        (self.directory / "master.cf").write_text(listen + SERVICES, "utf-8")
        super().configure()
        os.utime(self.config, (0, 0))  # for seconds it waits whether a fresh file still grows

    def configuration(self) -> str:
        """The text of main.cf."""
        return (
            "compatibility_level = 3.6\nmyhostname = mail.example.org\nmydestination =\n"
            "inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nalias_maps =\n"
            f"queue_directory = {self.home}/spool\ndata_directory = {self.home}/data\n"
            f"maillog_file = {self.log}\nmaillog_file_prefixes = {self.home}\n"
            f"smtpd_tls_security_level = may\n{self.pair}{self.extra}\n"
        )

    def leaf(self, name: str | None = None) -> bytes:
        """The leaf that is served after STARTTLS, on a fresh connection."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with smtplib.SMTP(*self.addresses[0], timeout=PATIENCE) as client:
            if name:
                client._host = name  # type: ignore[attr-defined] # what starttls asks for
            client.starttls(context=context)
            assert isinstance(client.sock, ssl.SSLSocket)
            return client.sock.getpeercert(binary_form=True) or b""


class Dovecot(Daemon):
    """Dovecot that serves IMAP over TLS."""

    program = "dovecot"

    def __init__(self, directory: Path, address: Address, live: os.PathLike[str]) -> None:
        super().__init__(directory, address, live)
        self.pid_file = self.home / "run" / "master.pid"

    @property
    def settings(self) -> dict[str, str]:
        """The settings with which hooks/dovecot finds this server."""
        return {"config": str(self.config)}

    def reloads(self) -> int:
        """How many times the master was told to reload, taken or not."""
        return self.words().count("SIGHUP received")

    def command(self) -> list[str]:
        """What starts Dovecot in the foreground."""
        return [self.binary, "-F", "-c", str(self.config)]

    def configuration(self) -> str:
        """The text of dovecot.conf."""
        (host, port), live = self.addresses[0], os.fspath(self.live)
        return (
            f"base_dir = {self.home}/run\nstate_dir = {self.home}/state\nlog_path = {self.log}\n"
            f"protocols = imap\nlisten = {host}\nssl = required\n"
            f"ssl_cert = <{live}/fullchain.pem\nssl_key = <{live}/privkey.pem\n"
            "service imap-login {\n  inet_listener imap {\n    port = 0\n  }\n"
            f"  inet_listener imaps {{\n    port = {port}\n  }}\n}}\n"
            "passdb {\n  driver = static\n  args = nopassword\n}\n"
            f"userdb {{\n  driver = static\n  args = uid=65534 gid=65534 home=/\n}}\n{self.extra}\n"
        )
