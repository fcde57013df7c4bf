"""The other host of a test: a real sshd on loopback, and a real nginx behind it."""

import getpass
import os
import signal
import subprocess
from pathlib import Path

from support.hooks import changed, hook
from support.loopback import Address, free, switched
from support.servers import Nginx, Server, need

RUNTIME = Path("/run/sshd")  # sshd, as root, does not start without it


class Sshd(Server):
    """An sshd in the foreground, for whoever runs the test.

    Args:
        directory: for its configuration, keys and log.
        address: where it listens.
        prefix: a command that runs it, as strace does.
    """

    program = "sshd"
    count = 0

    def __init__(self, directory: Path, address: Address, *prefix: str) -> None:
        super().__init__(directory, [address])
        self.prefix = prefix
        for name in ("host", "user", "stranger"):
            command = [need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f"]
            subprocess.run([*command, str(directory / name)], check=True)
        (directory / "authorized_keys").write_bytes((directory / "user.pub").read_bytes())
        self.trust("host")

    def trust(self, key: str) -> None:
        """Have known_hosts name this key."""
        (host, port), public = self.addresses[0], (self.directory / f"{key}.pub").read_text("ascii")
        (self.directory / "known hosts").write_text(f"[{host}]:{port} {public}", "ascii")

    @property
    def settings(self) -> dict[str, str]:
        """The settings with which hooks/ssh reaches it."""
        host, port = self.addresses[0]
        return {
            "host": host,
            "port": str(port),
            "user": getpass.getuser(),
            "identity": str(self.directory / "user"),
            "known_hosts": str(self.directory / "known hosts"),
        }

    def ready(self) -> bool:
        """Whether it has started: as soon as it listens."""
        return True

    def stop(self) -> None:
        """End it: what runs it ends with it, and would otherwise leave it behind."""
        if self.prefix and self.process is not None:
            for pid in self.workers():
                os.kill(pid, signal.SIGTERM)
        super().stop()

    def command(self) -> list[str]:
        """What starts sshd in the foreground."""
        if os.geteuid() == 0:
            RUNTIME.mkdir(mode=0o755, exist_ok=True)
        return [*self.prefix, self.binary, "-D", "-e", "-f", str(self.config)]

    def configuration(self) -> str:
        """The text of sshd_config."""
        host, port = self.addresses[0]
        return (
            f"ListenAddress {host}\nPort {port}\nHostKey {self.directory}/host\nPidFile none\n"
            f"AuthorizedKeysFile {self.directory}/authorized_keys\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPrintMotd no\n"
        )


class Far:
    """The other host: a folder, an sshd, and the nginx that reads the folder.

    Args:
        folder: for all of them.
        live: what is brought there.
        name: the certificate's name.
        site: its only DNS name; empty: its name.
        address: where that nginx listens.
    """

    def __init__(
        self,
        folder: Path,
        live: os.PathLike[str],
        name: str,
        *,
        site: str = "",
        address: Address | None = None,
    ) -> None:
        self.place = folder / "far side" / name
        self.sshd = Sshd(folder / "sshd", free())
        self.directory = folder / "far side"
        sites = {site or name: self.place / "live"}
        self.nginx = Nginx(folder / "nginx", [address or free()], sites)
        nginx = f'{self.nginx.binary} -c "{self.nginx.config}" -p "{self.nginx.directory}"'
        self.settings = {
            **self.sshd.settings,
            "directory": str(self.directory),
            "check": f"{nginx} -q -t",
            "reload": f"kill -HUP $(cat '{self.nginx.pid_file}')",
        }
        self.lines = [changed(name, live)]

    def bring(self, scratch: Path) -> None:
        """Bring what is live here to the other side, before anything reads it there."""
        settings = {**self.settings, "check": "", "reload": "true"}
        done = hook(scratch, "ssh", "reload", settings, self.lines)
        assert (done.returncode, done.stderr) == (0, "")

    def link(self) -> str:
        """What is live on the other side."""
        return str((self.place / "live").readlink())

    def versions(self) -> set[str]:
        """The versions that lie on the other side."""
        return {path.name for path in (self.place / "versions").iterdir()}

    def unchanged(self, leaf: bytes, before: str) -> None:
        """See that the other side has, and serves, what it had."""
        assert self.link() == before
        assert [path.name for path in self.directory.iterdir()] == [self.place.name]
        switched(self.nginx.addresses[0], self.place.name, leaf)
