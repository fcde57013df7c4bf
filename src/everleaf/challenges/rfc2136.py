"""TXT records by dynamic update: RFC 2136, signed as of RFC 8945, over TCP."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from everleaf.challenges.nameservers import NameServers
from everleaf.challenges.tsig import read
from everleaf.challenges.zones import Server
from everleaf.errors import EverleafError, Fault
from everleaf.system.dns import DnsError, split
from everleaf.system.executor import Threads
from everleaf.system.secrets import Secret

if TYPE_CHECKING:
    from dns.update import UpdateMessage

_SIDE_BY_SIDE = 16
_LIMIT = 10.0  # seconds for an update
_TSIG = {
    "PeerBadSignature": "BADSIG",
    "PeerBadKey": "BADKEY",
    "PeerBadTime": "BADTIME",
    "PeerBadTruncation": "BADTRUNC",
}
_TRIAL = "everleaf looks whether it may write here"


class _UnansweredError(DnsError):
    """Another address of the same server may answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Update:
    """One update, for errors to name."""

    owner: str
    zone: str
    key: str
    algorithm: str

    def refused(self, server: Server, code: str) -> DnsError:
        """The fault for what the server said, in its own word."""
        word = code.rpartition(" ")[2]
        advice = _ADVICE.get(word, "See the server's log for why")
        remedy = advice.format(
            owner=self.owner, zone=self.zone, key=self.key, algorithm=self.algorithm
        )
        return DnsError(
            f"the server refused to update {self.owner} in the zone {self.zone}",
            code=f"update-{word.lower()}",
            where=str(server),
            words=[f"{server} said {code}"],
            remedy=remedy,
        )

    def unanswered(self, server: Server, error: Exception) -> "_UnansweredError":
        """The fault where no answer came, or none that can be trusted."""
        return _UnansweredError(
            f"the server gave no answer to an update of {self.owner} in the zone {self.zone}",
            code="update-unanswered",
            where=str(server),
            words=[str(error) or type(error).__name__],
            remedy="See that it runs and takes TCP there, or name another one in `server`",
        )


_ADVICE = {
    "REFUSED": "Allow the key {key} to change TXT records at {owner}; in BIND: "
    "update-policy {{ grant {key} name {owner} TXT; }};",
    "NOTAUTH": "It is not the primary server of {zone}: name that one in the solver's `server`, "
    "or the right zone in `zone`",
    "NOTZONE": "{owner} is not in {zone}: correct the solver's `zone`",
    "SERVFAIL": "See its log; BIND says this also where it may not write the zone's journal",
    "BADSIG": "The secret of {key} is another one there: give both sides the same key file",
    "BADKEY": "It has no key {key} with the algorithm {algorithm}: give both sides the same "
    "key file",
    "BADTIME": "Its clock and ours differ by more than five minutes: set the wrong one",
    "BADTRUNC": "Use an algorithm that is not truncated",
}


class DynamicUpdates:
    """Records by dynamic update (`Records` of the DNS solver).

    Args:
        key: a key file as tsig-keygen writes it.
        servers: find zone and primary server.
        server: `address` or `address:port` that takes updates, instead of the SOA record's.
        zone: instead of the one that is found.
        ttl: of the records, in seconds.
    """

    def __init__(
        self,
        key: Secret,
        servers: NameServers,
        *,
        server: str = "",
        zone: str = "",
        ttl: int = 60,
    ) -> None:
        self._key = key
        self._zones = servers.zones
        self._server = server
        self._zone = zone
        self._ttl = ttl

    def write(self, owner: str, value: str) -> None:
        """Add one value, beside those that are there (RFC 2136, section 2.5.1).

        Raises:
            OperatorError: the key cannot be read, the zone not be found, the update was refused.
        """
        self._update(owner, lambda update: update.add(owner, self._ttl, "TXT", f'"{value}"'))

    def erase(self, owner: str, value: str) -> None:
        """Remove exactly one value (section 2.5.4); the server does nothing where it is gone.

        Raises:
            OperatorError: as of `write`.
        """
        self._update(owner, lambda update: update.delete(owner, "TXT", f'"{value}"'))

    def complaints(self, owners: Sequence[str]) -> Mapping[str, Fault]:
        """Add a text that no authority looks for, and remove it.

        It is added at the owners themselves, since keys are often allowed there and nowhere else.
        """
        results = Threads(_SIDE_BY_SIDE).each(self._try, owners)
        return {one[0]: one[1] for one in results if one is not None and one[1] is not None}

    def _try(self, owner: str) -> Fault | None:
        faults = []
        for step in (self.write, self.erase):
            try:
                step(owner, _TRIAL)
            except EverleafError as error:
                faults.append(error.fault)
        return faults[0] if faults else None

    def _update(self, owner: str, change: "Callable[[UpdateMessage], None]") -> None:
        import dns.name
        import dns.update

        key = read(self._key)
        zone = dns.name.from_text(self._zone or self._zones.zone(owner)).to_text()
        servers = [Server(*split(self._server))] if self._server else self._zones.primary(zone)
        message = dns.update.UpdateMessage(zone, keyring=key)
        change(message)
        update = _Update(
            owner=owner,
            zone=zone,
            key=key.name.to_text(omit_final_dot=True),
            algorithm=key.algorithm.to_text(omit_final_dot=True),
        )
        for server in servers[:-1]:
            with suppress(_UnansweredError):
                _send(message, server, update)
                return
        _send(message, servers[-1], update)


def _send(message: "UpdateMessage", server: Server, update: _Update) -> None:
    import dns.exception
    import dns.query
    import dns.rcode
    import dns.tsig

    try:
        response = dns.query.tcp(message, server.address, timeout=_LIMIT, port=server.port)
    except dns.tsig.PeerError as error:
        raise update.refused(server, f"NOTAUTH {_TSIG.get(type(error).__name__, error)}") from error
    except (OSError, dns.exception.DNSException, EOFError) as error:
        raise update.unanswered(server, error) from error
    if response.rcode() != dns.rcode.NOERROR:
        raise update.refused(server, dns.rcode.to_text(response.rcode()))
