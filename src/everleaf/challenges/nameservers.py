"""What the authoritative servers show: each is asked, until all show what was written."""

import errno
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from everleaf.challenges.zones import Server, Zones
from everleaf.ports import Clock
from everleaf.system.dns import PORT, DnsError, split
from everleaf.system.executor import Threads

if TYPE_CHECKING:
    from dns.message import Message

PATIENCE = timedelta(minutes=2)
_FIRST = 0.1
_GROWTH = 1.5
_LONGEST = 10.0
_ATTEMPTS = 2
_ANSWER = 2.0  # seconds for one
_SIDE_BY_SIDE = 16
_MOST_WORDS = 12
_NO_ROUTE = (errno.ENETUNREACH, errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)

Record = tuple[str, str]  # owner, value


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What one server has at one name.

    Attributes:
        texts: of its TXT records.
        fault: why it cannot be said that these are all.
        silent: nothing came back; it is not to be asked for more at once.
        no_route: it is our own side that has no way there.
    """

    texts: tuple[str, ...] = ()
    fault: str = ""
    silent: bool = False
    no_route: bool = False

    def __str__(self) -> str:
        """What it shows, as a predicate."""
        if self.fault:
            return self.fault
        return f"shows {', '.join(map(repr, self.texts))}" if self.texts else "has no TXT record"


@dataclass(slots=True)
class _Looking:
    """Who is to show what, and what each showed at the last look."""

    asked: dict[Record, tuple[Server, ...]]
    seen: dict[tuple[Server, Record], Shown] = field(default_factory=dict)

    def shows(self, server: Server, record: Record) -> bool:
        seen = self.seen.get((server, record))
        return seen is not None and record[1] in seen.texts

    def away(self, server: Server, record: Record) -> bool:
        seen = self.seen.get((server, record))
        return seen is not None and seen.no_route

    def behind(self, record: Record) -> list[Server]:
        """Who does not show it; those without a route count where there is nobody else."""
        reached = [one for one in self.asked[record] if not self.away(one, record)]
        return [one for one in reached or self.asked[record] if not self.shows(one, record)]

    def open(self) -> dict[Server, list[Record]]:
        """What each server is still to be asked for."""
        found: dict[Server, list[Record]] = {}
        for record in self.asked:
            for server in self.behind(record):
                found.setdefault(server, []).append(record)
        return found


class NameServers:
    """The authoritative servers of any name.

    Args:
        clock: the run's.
        resolver: finds zones and servers; none: the system's.
        servers: `address` or `address:port` of those to ask, instead of the zone's own.
        patience: how long all of them may take to agree.
        port: of servers that are found.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        resolver: Sequence[str] = (),
        servers: Sequence[str] = (),
        patience: timedelta = PATIENCE,
        port: int = PORT,
    ) -> None:
        self.zones = Zones(resolver, port)
        self._servers = tuple(servers)
        self._clock = clock
        self._patience = patience.total_seconds()

    def look(self, owner: str) -> Mapping[Server, Shown]:
        """What each server has there now.

        Raises:
            DnsError: the zone or its servers cannot be found.
        """
        servers = self._of([owner])[owner]
        results = Threads(_SIDE_BY_SIDE).each(lambda one: ask(one, owner), servers)
        return dict(result for result in results if result is not None)

    def agree(self, records: Sequence[Record]) -> None:
        """Wait until every server shows all of these, asking quickly first and slower later.

        Raises:
            DnsError: one does not within the time; it says which, and what they show.
            EndOfTimeError: the run was told to stop, or its deadline passed.
        """
        end = self._clock.monotonic() + self._patience
        servers = self._of(dict.fromkeys(one[0] for one in records))
        looking = _Looking({one: servers[one[0]] for one in dict.fromkeys(records)})
        pause = _FIRST
        while True:
            self._look_again(looking)
            if not looking.open():
                return
            left = end - self._clock.monotonic()
            if left <= 0:
                raise self._disagreement(looking)
            self._clock.sleep(min(pause, left))
            pause = min(pause * _GROWTH, _LONGEST)

    def _of(self, owners: Iterable[str]) -> dict[str, tuple[Server, ...]]:
        if self._servers:
            named = tuple(Server(*split(one)) for one in self._servers)
            return dict.fromkeys(owners, named)
        zones = {owner: self.zones.zone(owner) for owner in owners}
        servers = {zone: self.zones.servers(zone) for zone in sorted(set(zones.values()))}
        return {owner: servers[zone] for owner, zone in zones.items()}

    def _look_again(self, looking: _Looking) -> None:
        work = list(looking.open().items())

        def look(item: tuple[Server, list[Record]]) -> dict[str, Shown]:
            server, records = item
            return _all_of(server, tuple(dict.fromkeys(record[0] for record in records)))

        for result in Threads(_SIDE_BY_SIDE).each(look, work):
            if result is not None:
                (server, records), shown = result
                looking.seen.update({(server, one): shown[one[0]] for one in records})

    def _disagreement(self, looking: _Looking) -> DnsError:
        behind = [
            f"{record[0]}: {server} {_instead(looking.seen[server, record], record[1])}"
            for record in looking.asked
            for server in looking.behind(record)
        ]
        more = len(behind) - _MOST_WORDS
        owners = dict.fromkeys(record[0] for record in looking.asked if looking.behind(record))
        return DnsError(
            f"not every name server shows the TXT record after {self._patience:g} s",
            code="dns-not-everywhere",
            where=", ".join(owners),
            words=[*behind[:_MOST_WORDS], f"and {more} more" if more > 0 else ""],
            remedy="See that the zone reaches all of its servers, or name those to ask in the "
            "solver's `nameservers`",
        )


def _instead(shown: Shown, value: str) -> str:
    return str(shown) if shown.fault else f"{shown}, not {value!r}"


def _all_of(server: Server, owners: Sequence[str]) -> dict[str, Shown]:
    found: dict[str, Shown] = {}
    last = Shown()
    for owner in owners:
        if not (last.silent or last.no_route):
            last = ask(server, owner)
        found[owner] = last
    return found


def ask(server: Server, owner: str) -> Shown:
    """What this server has at this name: by UDP, by TCP where the answer is truncated."""
    import dns.exception
    import dns.message
    import dns.query

    query = dns.message.make_query(owner, "TXT", flags=0)
    for _ in range(_ATTEMPTS):
        try:
            response, _tcp = dns.query.udp_with_fallback(
                query, server.address, timeout=_ANSWER, port=server.port, ignore_unexpected=True
            )
        except dns.exception.Timeout:
            continue
        except OSError as error:
            route = error.errno in _NO_ROUTE
            return Shown(fault=f"cannot be asked: {error.strerror or error}", no_route=route)
        except dns.exception.DNSException as error:
            return Shown(fault=f"answers what is no DNS: {type(error).__name__}: {error}")
        return _shown(response, owner)
    return Shown(fault="does not answer", silent=True)


def _shown(response: "Message", owner: str) -> Shown:
    import dns.flags
    import dns.name
    import dns.rcode
    import dns.rdatatype

    name = dns.name.from_text(owner)
    code = response.rcode()
    texts = tuple(
        b"".join(record.strings).decode("utf-8", "replace")
        for rrset in response.answer
        if rrset.rdtype == dns.rdatatype.TXT and rrset.name == name
        for record in rrset
    )
    if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        lame = ", so that it does not serve the zone" if code == dns.rcode.REFUSED else ""
        return Shown(fault=f"answers {dns.rcode.to_text(code)}{lame}")
    if not texts and not response.flags & dns.flags.AA:
        return Shown(fault="is not authoritative, so that it does not serve the zone")
    return Shown(texts=texts)
