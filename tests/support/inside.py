"""A server of a test as `diagnose --local` sees it."""

import time

import pytest

from everleaf.cli.diagnose_local import diagnoses
from everleaf.config.settings import Settings
from everleaf.core.diagnosis import Diagnosis
from everleaf.local.processes import running
from support.loopback import until
from support.servers import Haproxy, Server


class Quiet(Haproxy):
    """haproxy without a stats socket."""

    def configuration(self) -> str:
        """The text of haproxy.cfg."""
        lines = super().configuration().splitlines()
        return "\n".join(line for line in lines if "stats socket" not in line) + "\n"


def seen(server: Server, settings: Settings | None = None) -> Diagnosis:
    (one,) = diagnoses(settings, below=server.pid)
    assert one.place.endswith(f" (pid {server.pid})")
    return one


def faults(one: Diagnosis) -> list[str]:
    return list(dict.fromkeys(found.code for found in one.faults))


def notices(one: Diagnosis) -> list[str]:
    return list(dict.fromkeys(found.code for found in one.findings if not found.is_fault))


def words(one: Diagnosis, code: str) -> str:
    return " | ".join(found.what for found in one.findings if found.code == code)


def places(one: Diagnosis, code: str) -> list[str]:
    return [place for found in one.findings if found.code == code for place in found.where]


def aged(server: Server) -> None:
    """Wait until a file that changes now is younger than all processes, as the kernel counts."""
    (one,) = running(server.pid)
    newest = max(process.started for process in (one.master, *one.workers))
    until("the processes have run for a moment", lambda: time.time() > newest + 0.15)


def certificate_line(server: Server) -> str:
    """Where its configuration names the certificate, as FILE:LINE."""
    for number, line in enumerate(server.config.read_text("utf-8").splitlines(), start=1):
        if "ssl_certificate " in line or " crt " in line or "SSLCertificateFile" in line:
            return f"{server.config}:{number}"
    pytest.fail("it names none")
