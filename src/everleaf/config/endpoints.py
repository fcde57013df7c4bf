"""The endpoints of one certificate: where it must be seen, or taken from a client."""

from everleaf.config import schema
from everleaf.config.faults import BadValueError, Key, meant
from everleaf.config.report import Report
from everleaf.config.values import address
from everleaf.core.identifiers import Identifier, Kind, parse
from everleaf.core.wanted import Endpoint, Usage
from everleaf.errors import OperatorError


def endpoints(
    table: schema.CertificateTable,
    key: Key,
    report: Report,
    *,
    identifiers: list[Identifier],
    terminators: tuple[str, ...],
    usages: tuple[Usage, ...],
) -> tuple[Endpoint, ...]:
    """As configured; else every name on port 443, and nothing for a client's certificate."""
    if table.endpoints is None:
        if Usage.SERVER not in usages:
            return ()
        names = dict.fromkeys(one for one in identifiers if not one.is_wildcard)
        return tuple(Endpoint(host=one.value) for one in names)
    found = [
        _endpoint(one, (*key, place), terminators, usages, report)
        for place, one in enumerate(table.endpoints)
    ]
    return tuple(dict.fromkeys(found))


def _endpoint(
    table: schema.EndpointTable,
    key: Key,
    terminators: tuple[str, ...],
    usages: tuple[Usage, ...],
    report: Report,
) -> Endpoint:
    host = table.host
    try:
        one = parse(table.host)
        host = one.value
        if one.is_wildcard or (one.kind is Kind.IP and table.addresses):
            what = f"{table.host!r} cannot be looked at"
            report.add(key, what, "name one host; list addresses for a name only")
    except OperatorError as error:
        report.add((*key, "host"), error.fault.what, error.fault.remedy)
    for place, text in enumerate(table.addresses):
        try:
            address(text)
        except BadValueError as error:
            report.take((*key, "addresses", place), error)
    if table.terminator is not None and table.terminator not in terminators:
        remedy = meant(table.terminator, terminators)
        what = f"{table.terminator!r} is no terminator of this certificate"
        report.add((*key, "terminator"), what, remedy)
    if table.present and Usage.CLIENT not in usages:
        what = "a certificate that is for servers only cannot be presented"
        report.add((*key, "present"), what, 'add usages = ["client"], or remove it')
    return Endpoint(
        host=host,
        port=table.port,
        addresses=tuple(table.addresses),
        terminator=table.terminator or "",
        optional=table.optional,
        present=Usage.SERVER not in usages if table.present is None else table.present,
    )
