"""Names and their addresses, from a dictionary."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from everleaf.core.caa import Caa, CaaRecord
from everleaf.errors import OperatorError


@dataclass(slots=True)
class MemoryResolver:
    """The port `Resolver`."""

    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    policies: Mapping[str, tuple[CaaRecord, ...]] = field(default_factory=dict)
    programs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # what they print

    def addresses(self, host: str, servers: Sequence[str] = ()) -> tuple[str, ...]:
        del servers
        try:
            return (str(ipaddress.ip_address(host)),)
        except ValueError:
            pass
        found = self.known.get(host)
        if not found:
            what = f"the name {host} has no address"
            raise OperatorError(what, code="unresolved", remedy="Mend the DNS record")
        return tuple(sorted(set(found)))

    def printed(self, command: Sequence[str]) -> tuple[str, ...]:
        found = self.programs.get(command[0])
        if not found:
            what = "the program that should print addresses prints no address"
            raise OperatorError(what, code="unresolved", remedy="Mend the program")
        return tuple(sorted(set(found)))

    def caa(self, host: str) -> Caa:
        labels = host.split(".")
        for place in range(len(labels)):
            name = ".".join(labels[place:])
            if name in self.policies:
                return Caa(at=name, records=self.policies[name])
        return Caa()
