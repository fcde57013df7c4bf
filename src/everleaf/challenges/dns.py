"""dns-01 and dns-account-01: TXT records, written by whoever has a way into the zone."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from everleaf.challenges import labels
from everleaf.challenges.nameservers import NameServers
from everleaf.challenges.words import concern
from everleaf.core.identifiers import Identifier, Kind
from everleaf.core.job import Trace
from everleaf.errors import EverleafError, Fault
from everleaf.ports import Challenge, Concern
from everleaf.system.executor import Threads

_SIDE_BY_SIDE = 16


class Records(Protocol):
    """A way to write TXT records; owner names are absolute, and no CNAME stands there."""

    def write(self, owner: str, value: str) -> None:
        """Add one value beside those that are there; already there: nothing to do.

        Raises:
            EverleafError: it was not written.
        """
        ...

    def erase(self, owner: str, value: str) -> None:
        """Remove exactly this value; not there: nothing to do.

        Raises:
            EverleafError: it may be there still.
        """
        ...

    def complaints(self, owners: Sequence[str]) -> Mapping[str, Fault]:
        """Where no record could be written, and why, as far as that shows without leaving one."""
        ...


class DnsSolver:
    """The port `Solver`: the place of a response is `OWNER VALUE`, both as they are written.

    Several values stand side by side at one owner, as for a wildcard and its base name
    (RFC 8555, section 8.4).
    """

    def __init__(
        self, name: str, records: Records, servers: NameServers, types: Sequence[str]
    ) -> None:
        """Nothing is looked up yet.

        Args:
            name: of the solver in the configuration.
            records: writes.
            servers: show what was written.
            types: `dns-01`, `dns-account-01` or both, the preferred one first.
        """
        self.name = name
        self.types: tuple[str, ...] = tuple(types)
        self.binds_account = self.types[0] == labels.ACCOUNT
        self._records = records
        self._servers = servers

    def trace(self, identifier: Identifier, challenge: Challenge) -> Trace:
        """Where the record will stand: at the end of the CNAME records, where there are any.

        Raises:
            DnsError: that cannot be looked up.
        """
        owner = labels.owner(challenge.type, identifier, challenge.account)
        place = f"{self._servers.zones.place(owner)} {labels.value(challenge.key_authorization)}"
        return Trace(solver=self.name, identifier=str(identifier), place=place)

    def present(self, trace: Trace, challenge: Challenge) -> None:  # noqa: ARG002 - the trace has it
        """Write the record, beside whatever is there.

        Raises:
            EverleafError: it was not written.
        """
        self._records.write(*_parts(trace))

    def settle(self, presented: Sequence[tuple[Trace, Challenge]]) -> None:
        """Wait until every authoritative server shows all of these.

        Raises:
            DnsError: one does not within the time.
            EndOfTimeError: the run was told to stop, or its deadline passed.
        """
        self._servers.agree([_parts(trace) for trace, _ in presented])

    def remove(self, trace: Trace) -> None:
        """Remove exactly this value, in whichever process it was written.

        Raises:
            EverleafError: it may be there still.
        """
        owner, value = _parts(trace)
        if value:
            self._records.erase(owner, value)

    def inspect(self, identifiers: Sequence[Identifier]) -> tuple[Concern, ...]:
        """Whether the zones are ours to write, one trial for each owner.

        The label of dns-account-01 is not known without the account: for that only the zone is
        looked for.
        """
        names: dict[str, Identifier] = {}
        for one in identifiers:
            if one.kind is Kind.DNS:
                names.setdefault(labels.owner(labels.DNS, one), one)
        faults: dict[str, Fault] = {}
        places: dict[str, str] = {}
        for result in Threads(_SIDE_BY_SIDE).each(self._place, list(names)):
            if result is not None:
                owner, place = result
                if isinstance(place, Fault):
                    faults[owner] = place
                else:
                    places[owner] = place
        if not self.binds_account:
            refused = self._records.complaints(sorted(set(places.values())))
            faults |= {owner: refused[one] for owner, one in places.items() if one in refused}
        return tuple(concern(one, faults[owner]) for owner, one in names.items() if owner in faults)

    def _place(self, owner: str) -> str | Fault:
        try:
            place = self._servers.zones.place(owner)
            if self.binds_account:
                self._servers.zones.zone(place)
        except EverleafError as error:
            return error.fault
        return place


def _parts(trace: Trace) -> tuple[str, str]:
    owner, _, value = trace.place.partition(" ")
    return owner, value
