"""A deploy hook as people have it for certbot, run as it is, in front of a real nginx."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from everleaf.core.identifiers import parse
from everleaf.deploy.hook import HookTerminators
from everleaf.ports import Changed
from everleaf.system.clock import SystemClock
from support.certs import Authority, Live
from support.loopback import free, switched
from support.servers import Nginx

MINE, OTHER = "www.example.org", "mail.example.org"
# In the form of the example in certbot's documentation of its hooks ("Renewing certificates").
HOOK = """\
#!/bin/sh

set -e

for domain in $RENEWED_DOMAINS; do
        case $domain in
        www.example.org)
                daemon_cert_root={root}

                # Make sure the certificate and private key files are
                # never world readable, even just for an instant while
                # we're copying them into daemon_cert_root.
                umask 077

                cp "$RENEWED_LINEAGE/fullchain.pem" "$daemon_cert_root/fullchain.pem"
                cp "$RENEWED_LINEAGE/privkey.pem" "$daemon_cert_root/privkey.pem"
                chmod 400 "$daemon_cert_root/fullchain.pem" "$daemon_cert_root/privkey.pem"

                kill -HUP "$(cat {pid_file})" >/dev/null
                ;;
        esac
done
"""


@dataclass(frozen=True)
class Terminator:
    """A terminator of the configuration, `per_certificate`."""

    hook: Path
    per_certificate: bool = True
    timeout: timedelta = timedelta(seconds=20)
    settings: dict[str, str] = field(default_factory=dict)


def changed(live: Live, *names: str) -> Changed:
    """What everleaf tells of one certificate."""
    return Changed(
        certificate=live.directory.name,
        live=str(live.path),
        lineage=str(live.path),
        copies=(),
        identifiers=tuple(map(parse, names)),
    )


@pytest.fixture
def root(tmp_path: Path, live: Live) -> Path:
    """Where the server has its copies."""
    folder = tmp_path / "daemon"
    folder.mkdir()
    for name in ("fullchain.pem", "privkey.pem"):
        (folder / name).write_bytes(live.pair.files()[name])
    return folder


def test_it_copies_its_certificate_and_the_server_takes_it(
    tmp_path: Path, live: Live, authority: Authority, root: Path
) -> None:
    with Nginx(tmp_path / "nginx", [free()], {MINE: root}) as nginx:
        hook = tmp_path / "deploy-hook"
        hook.write_text(HOOK.format(root=root, pid_file=nginx.pid_file))
        hook.chmod(0o755)
        known = HookTerminators({"web": Terminator(hook)}, SystemClock())
        live.switch(authority.issue(MINE))
        mail = Live(tmp_path / "mail")
        mail.switch(authority.issue(OTHER))
        both = [changed(live, "example.org", MINE), changed(mail, OTHER)]
        assert known.check("web", both).not_mine
        assert nginx.reloads() == 0
        result = known.reload("web", both)
        assert (result.ok, result.words) == (True, ())
        switched(nginx.addresses[0], MINE, live.pair.der)
        assert nginx.reloads() == 1
    assert (root / "privkey.pem").stat().st_mode & 0o777 == 0o400


def test_its_fault_is_told_in_its_own_words(tmp_path: Path, live: Live, root: Path) -> None:
    hook = tmp_path / "deploy-hook"
    hook.write_text(HOOK.format(root=root, pid_file=tmp_path / "lost.pid"))
    hook.chmod(0o755)
    known = HookTerminators({"web": Terminator(hook)}, SystemClock())
    result = known.reload("web", [changed(live, MINE)])
    assert not result.ok
    assert "lost.pid" in " ".join(result.words)
