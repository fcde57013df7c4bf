"""The endpoints of one certificate: where it must be seen, or taken from a client."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from everleaf.config import schema
from everleaf.config.approaches import approach, pair
from everleaf.config.building import program
from everleaf.config.faults import BadValueError, Key, meant
from everleaf.config.report import Report
from everleaf.config.values import address, address_port
from everleaf.core.approach import Via
from everleaf.core.identifiers import Identifier, Kind, parse
from everleaf.core.wanted import Endpoint, Usage
from everleaf.errors import OperatorError


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What endpoints may refer to.

    Attributes:
        vantages: by name.
        clients: by certificate's name, the folder of what is live.
    """

    vantages: Mapping[str, Via] = field(default_factory=dict)
    clients: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Of:
    """The certificate that the endpoints serve."""

    identifiers: list[Identifier]
    terminators: tuple[str, ...]
    usages: tuple[Usage, ...]


def endpoints(
    table: schema.CertificateTable, key: Key, report: Report, around: Around, of: Of
) -> tuple[Endpoint, ...]:
    """As configured; else every name on port 443, and nothing for a client's certificate."""
    if table.endpoints is None:
        if Usage.SERVER not in of.usages:
            return ()
        names = dict.fromkeys(one for one in of.identifiers if not one.is_wildcard)
        return tuple(Endpoint(host=one.value) for one in names)
    found = [
        _Endpoint(one, (*key, place), report).built(around, of)
        for place, one in enumerate(table.endpoints)
    ]
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Endpoint:
    table: schema.EndpointTable
    key: Key
    report: Report

    def built(self, around: Around, of: Of) -> Endpoint:
        table = self.table
        host = self.host()
        self.look_at_addresses()
        if table.terminator is not None and table.terminator not in of.terminators:
            remedy = meant(table.terminator, of.terminators)
            what = f"{table.terminator!r} is no terminator of this certificate"
            self.report.add((*self.key, "terminator"), what, remedy)
        if table.present and Usage.CLIENT not in of.usages:
            what = "a certificate that is for servers only cannot be presented"
            remedy = 'add usages = ["client"], or remove it'
            self.report.add((*self.key, "present"), what, remedy)
        present = Usage.SERVER not in of.usages if table.present is None else table.present
        return Endpoint(
            host=host,
            port=table.port,
            addresses=tuple(table.addresses),
            command=self.command(),
            resolver=tuple(table.resolver),
            approach=approach(table, self.key, around.vantages, self.report),
            client=pair(table, self.key, around.clients, self.report, present=present),
            terminator=table.terminator or "",
            optional=table.optional,
            present=present,
        )

    def host(self) -> str:
        """In its usual form; with one that is an address nothing is to be looked up."""
        table = self.table
        try:
            one = parse(table.host)
        except OperatorError as error:
            self.report.add((*self.key, "host"), error.fault.what, error.fault.remedy)
            return table.host
        if one.is_wildcard or (one.kind is Kind.IP and table.addresses):
            what = f"{table.host!r} cannot be looked at"
            self.report.add(self.key, what, "name one host; list addresses for a name only")
        return one.value

    def look_at_addresses(self) -> None:
        """Addresses and name servers are such; and one way is enough to find them."""
        table = self.table
        for place, text in enumerate(table.addresses):
            try:
                address(text)
            except BadValueError as error:
                self.report.take((*self.key, "addresses", place), error)
        for place, text in enumerate(table.resolver):
            try:
                address_port(text, 53)
            except BadValueError as error:
                self.report.take((*self.key, "resolver", place), error)
        given = [one for one in ("addresses", "addresses_command") if getattr(table, one)]
        if len(given) > 1:
            what = "the addresses are listed, and asked of a program as well"
            self.report.add((*self.key, given[1]), what, "remove one of the two")
        elif given and table.resolver:
            what = f"no name server is asked where there is {given[0]}"
            self.report.add((*self.key, "resolver"), what, "remove one of the two")

    def command(self) -> tuple[str, ...]:
        """The program by its absolute path, and its arguments."""
        if not self.table.addresses_command:
            return ()
        return program(self.table.addresses_command, (*self.key, "addresses_command"), self.report)
