"""dns-persist-01: a standing TXT record that is set once by hand, looked at, and never written.

draft-ietf-acme-dns-persist.
"""

from collections.abc import Iterable, Mapping, Sequence

from everleaf.challenges import labels
from everleaf.challenges.nameservers import NameServers, Shown
from everleaf.challenges.persisted import Asked, complaints
from everleaf.challenges.words import concern
from everleaf.challenges.zones import Server
from everleaf.core.identifiers import Identifier, Kind
from everleaf.core.job import Trace
from everleaf.errors import EverleafError, Fault
from everleaf.ports import Challenge, Clock, Concern
from everleaf.system.dns import DnsError
from everleaf.system.executor import Threads

_SIDE_BY_SIDE = 16


class PersistSolver:
    """The port `Solver`: the place of a response is the record's owner name.

    Where the identifier of a trace is a wildcard, the record must allow wildcards.
    """

    types: tuple[str, ...] = (labels.PERSIST,)
    binds_account = True

    def __init__(self, name: str, servers: NameServers, clock: Clock) -> None:
        """Nothing is looked up yet.

        Args:
            name: of the solver in the configuration.
            servers: are looked at.
            clock: the run's, by which a record may have ended.
        """
        self.name = name
        self._servers = servers
        self._clock = clock

    def trace(self, identifier: Identifier, challenge: Challenge) -> Trace:  # noqa: ARG002 - the record is the same for all
        """Where the record stands: at the end of the CNAME records, where there are any.

        Raises:
            DnsError: that cannot be looked up.
        """
        place = self._servers.zones.place(labels.owner(labels.PERSIST, identifier))
        return Trace(solver=self.name, identifier=str(identifier), place=place)

    def present(self, trace: Trace, challenge: Challenge) -> None:
        """Nothing is written: `settle` looks."""

    def settle(self, presented: Sequence[tuple[Trace, Challenge]]) -> None:
        """See that each record stands at every authoritative server, and suffices.

        A name and its wildcard have one record, which is asked for both at once.

        Raises:
            DnsError: at one it does not; it says which record is to be set.
        """
        wanted: dict[str, Asked] = {}
        for trace, challenge in presented:
            known = wanted.get(trace.place)
            wanted[trace.place] = Asked(
                issuers=challenge.issuers,
                account=challenge.account,
                wildcard=trace.identifier.startswith("*.")
                or (known is not None and known.wildcard),
            )
        for place, asked in wanted.items():
            self._judge(place, asked)

    def remove(self, trace: Trace) -> None:
        """The record stays: it stands for every renewal."""

    def inspect(self, identifiers: Sequence[Identifier]) -> tuple[Concern, ...]:
        """Whether a record stands that could suffice; account and authority are not known yet."""
        names = [one for one in identifiers if one.kind is Kind.DNS]
        results = Threads(_SIDE_BY_SIDE).each(self._complaint, names)
        faults = dict(result for result in results if result is not None)
        return tuple(concern(one, fault) for one in names if (fault := faults[one]))

    def _complaint(self, identifier: Identifier) -> Fault | None:
        try:
            place = self._servers.zones.place(labels.owner(labels.PERSIST, identifier))
            self._judge(place, Asked(wildcard=identifier.is_wildcard))
        except EverleafError as error:
            return error.fault
        return None

    def _judge(self, place: str, asked: Asked) -> None:
        shown = self._servers.look(place)
        now = self._clock.now()
        words = [
            f"{server}: {line}"
            for server, one in _reached(shown).items()
            for line in ([one.fault] if one.fault else complaints(one.texts, asked, now))
        ]
        if words:
            raise DnsError(
                "the standing record for dns-persist-01 is not there, or does not suffice",
                code="no-standing-record",
                where=place,
                words=words,
                remedy=f"Set it once, and leave it there: {labels.line(place, asked.text())}",
            )


def _reached(shown: Mapping[Server, Shown]) -> Mapping[Server, Shown]:
    """Those to which there is a way from here; all, where there is none."""
    return {server: one for server, one in shown.items() if not one.no_route} or shown


def record(
    identifiers: Iterable[Identifier], issuers: Sequence[str], account: str
) -> tuple[str, ...]:
    """The lines of a zone file to set once, sorted; one for a name and its wildcard.

    Args:
        identifiers: of the certificates; addresses are left out.
        issuers: names of the authority, of which the first is written.
        account: our account's URL there.
    """
    wild: dict[str, bool] = {}
    for one in identifiers:
        if one.kind is Kind.DNS:
            owner = labels.owner(labels.PERSIST, one)
            wild[owner] = wild.get(owner, False) or one.is_wildcard
    return tuple(
        labels.line(owner, Asked(issuers=tuple(issuers), account=account, wildcard=wildcard).text())
        for owner, wildcard in sorted(wild.items())
    )
