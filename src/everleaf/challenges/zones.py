"""Where a record is really to be written, in which zone, and which servers have it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from everleaf.system.dns import PORT, DnsError, resolver_over

if TYPE_CHECKING:
    from dns.name import Name
    from dns.resolver import Answer, Resolver

_MOST_ALIASES = 16


@dataclass(frozen=True, slots=True, order=True)
class Server:
    """One address of an authoritative server; `name` is how the zone calls it."""

    address: str
    port: int = PORT
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        """Its name, where it has one, and its address."""
        at = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.name} ({at}:{self.port})" if self.name else f"{at}:{self.port}"


class Zones:
    """What a resolver tells of names, zones and their servers.

    Args:
        resolver: `address` or `address:port` of each; none: those of /etc/resolv.conf.
        port: of the authoritative servers that are found.
    """

    def __init__(self, resolver: Sequence[str] = (), port: int = PORT) -> None:
        self._servers = tuple(resolver)
        self._port = port

    @cached_property
    def _resolver(self) -> "Resolver":
        return resolver_over(self._servers)

    def place(self, owner: str) -> str:
        """Where the CNAME records end that begin at `owner`; a name need not exist.

        Raises:
            DnsError: they go round in a circle or do not end; the resolver gave no answer.
        """
        import dns.name

        name = dns.name.from_text(owner)
        seen = [name]
        while (answer := self._ask(name, "CNAME")) is not None and answer.rrset is not None:
            name = answer.rrset[0].target
            if name in seen or len(seen) > _MOST_ALIASES:
                path = " -> ".join(one.to_text() for one in [*seen, name])
                what = "go round in a circle" if name in seen else "do not end"
                raise DnsError(
                    f"the CNAME records {what}",
                    code="cname-loop",
                    where=owner,
                    words=[path],
                    remedy="Let the last of them name where the TXT record is to stand",
                )
            seen.append(name)
        return name.to_text().lower()

    def zone(self, name: str) -> str:
        """The zone in which `name` is, or would be: that of the nearest SOA record above it.

        Raises:
            DnsError: there is none below the root; the resolver gave no answer.
        """
        import dns.exception
        import dns.name
        import dns.resolver

        found = dns.name.root
        try:
            found = dns.resolver.zone_for_name(name, resolver=self._resolver)
        except dns.resolver.NoRootSOA:
            pass
        except dns.exception.DNSException as error:
            raise _unanswered("SOA", name, error) from error
        if found == dns.name.root:
            raise DnsError(
                "no zone has this name",
                code="no-zone",
                where=name,
                remedy="See that the domain is registered and delegated, and known to the resolver",
            )
        return found.to_text().lower()

    def primary(self, zone: str) -> tuple[Server, ...]:
        """The addresses of the zone's primary server, as its SOA record names it.

        Raises:
            DnsError: it has none.
        """
        import dns.name

        answer = self._ask(dns.name.from_text(zone), "SOA")
        if answer is None or answer.rrset is None:
            raise DnsError("there is no such zone", code="no-zone", where=zone)
        master = answer.rrset[0].mname
        found = tuple(self._addresses([master]))
        if found:
            return found
        raise DnsError(
            f"the zone's primary server {master.to_text()} has no address",
            code="no-name-servers",
            where=zone,
            remedy="Name the server that takes updates in the solver's `server`",
        )

    def servers(self, zone: str) -> tuple[Server, ...]:
        """Every address of every server that is authoritative for the zone.

        Raises:
            DnsError: it has none.
        """
        import dns.name

        answer = self._ask(dns.name.from_text(zone), "NS")
        names = answer.rrset or () if answer is not None else ()
        found = tuple(sorted(set(self._addresses(one.target for one in names))))
        if found:
            return found
        raise DnsError(
            "the zone has no name server with an address",
            code="no-name-servers",
            where=zone,
            words=[one.target.to_text() for one in names],
            remedy="Mend its NS records, or name the servers in the solver's `nameservers`",
        )

    def _addresses(self, names: "Iterable[Name]") -> Iterator[Server]:
        for name in names:
            for kind in ("A", "AAAA"):
                answer = self._ask(name, kind)
                if answer is not None:
                    text = name.to_text().lower()
                    yield from (Server(one.address, self._port, text) for one in answer)

    def _ask(self, name: "Name", kind: str) -> "Answer | None":
        """The answer, which may be empty; None: there is no such name."""
        import dns.exception
        import dns.resolver

        try:
            return self._resolver.resolve(name, kind, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return None
        except dns.exception.DNSException as error:
            raise _unanswered(kind, name.to_text(), error) from error


def _unanswered(kind: str, name: str, error: Exception) -> DnsError:
    return DnsError(
        f"the {kind} record cannot be looked up",
        code="dns-lookup-failed",
        where=name,
        words=[str(error)],
        remedy="Mend the zone's servers, or the resolver",
    )
