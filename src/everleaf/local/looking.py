"""One look at the running servers of this machine: a diagnosis of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import ModuleType

from everleaf.core.diagnosis import Diagnosis, Finding, Store, ranked
from everleaf.core.symptoms.local import ANOTHER_FILE_SYSTEM, NOTHING_NAMED
from everleaf.local import apache, backends, files, fresh, haproxy, nginx, ours
from everleaf.local.model import Configured, Use
from everleaf.local.ours import Installed
from everleaf.local.processes import Kind, Running, running
from everleaf.pki.judging.facts import facts

_SERVERS: Mapping[Kind, ModuleType] = {
    Kind.NGINX: nginx,
    Kind.HAPROXY: haproxy,
    Kind.APACHE: apache,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Looker:
    """What is compared with.

    Attributes:
        installed: what everleaf holds; None: nobody knows, and nothing is compared.
        stores: of roots, to tell a missing intermediate.
    """

    installed: tuple[Installed, ...] | None
    stores: tuple[Store, ...]
    now: datetime

    def look(self, below: int | None = None) -> tuple[Diagnosis, ...]:
        """All servers that run.

        Args:
            below: only this process and its descendants; None: all of the machine.
        """
        return tuple(self._server(one) for one in running(below))

    def _server(self, server: Running) -> Diagnosis:
        module = _SERVERS[server.kind]
        path: str = module.configuration_file(server.master)
        read: tuple[float, float] = module.last_read(server)
        about = {
            "server": server.kind.value,
            "pid": server.master.pid,
            "configuration": path,
            "read_at": fresh.iso(read[1]),
        }
        if path and not server.master.sees(path):
            what = (
                f"it has a file system of its own, in which {path} is not the file that it is here"
            )
            found = Finding(symptom=ANOTHER_FILE_SYSTEM, what=what, detail={"path": path})
            return Diagnosis(place=str(server), findings=(found,), facts={"process": about})
        configured: Configured = module.configured(server)
        return self._diagnosis(server, about, configured, read)

    def _diagnosis(
        self,
        server: Running,
        about: Mapping[str, object],
        configured: Configured,
        read: tuple[float, float],
    ) -> Diagnosis:
        findings = list(configured.findings)
        if not configured.uses and not findings and not configured.unseen:
            what = f"no certificate is named in {about['configuration'] or 'its configuration'}"
            findings.append(Finding(symptom=NOTHING_NAMED, what=what))
        seen: dict[str, object] = {}
        for use in dict.fromkeys(configured.uses):
            found, known = self._use(use, read, configured.sockets)
            findings += found
            seen[_key(use.place, seen)] = known
        for authorities in dict.fromkeys(configured.authorities):
            findings += files.authorities(authorities)
        behind = tuple(dict.fromkeys(configured.backends))
        for one in behind:
            findings += backends.findings(one)
        return Diagnosis(
            place=str(server),
            findings=ranked(findings),
            facts={
                "process": {**about, "not_looked_at": configured.unseen},
                "backends": [backends.facts(one) for one in behind],
                **seen,
            },
        )

    def _use(
        self, use: Use, read: tuple[float, float], sockets: list[str]
    ) -> tuple[list[Finding], dict[str, object]]:
        looked = files.look(use, self.stores, self.now)
        leaf = looked.chain[0] if looked.chain else None
        changed = fresh.changed(use.certificate)
        known: dict[str, object] = {
            "certificate": use.certificate,
            "key": use.key if use.has_key else None,
            "usage": use.usage.value,
            "changed_at": fresh.iso(changed.content) if changed else None,
            "chain": [facts(der) for der in looked.chain],
        }
        findings = [*looked.findings, *fresh.findings(use, leaf, read, sockets)]
        if self.installed is not None:
            verdict = ours.origin(use, leaf, self.installed)
            said = ours.finding(use, verdict, leaf, self.installed)
            findings += [said] if said else []
            known |= {
                "origin": verdict.origin.value,
                "name": verdict.name or None,
                "installed_version": verdict.version or None,
            }
        return findings, known


def _key(place: str, seen: Mapping[str, object]) -> str:
    """A line may name several: those after the first have a number."""
    count = 1
    key = place
    while key in seen:
        count += 1
        key = f"{place} ({count})"
    return key
