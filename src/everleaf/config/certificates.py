"""One certificate's table, and what is said for all, become what is wanted."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from everleaf.config import schema
from everleaf.config.common import Names, Said, said
from everleaf.config.endpoints import Around, Of, endpoints
from everleaf.config.faults import BadValueError, Key, meant, shown
from everleaf.config.places import absolute, content
from everleaf.config.report import Report
from everleaf.core.challenges import can
from everleaf.core.identifiers import Identifier, parse
from everleaf.core.wanted import (
    EMERGENCY,
    Endpoint,
    KeyType,
    PreferredChain,
    Preflight,
    Unconfirmed,
    Usage,
    Wanted,
)
from everleaf.errors import OperatorError

if TYPE_CHECKING:
    from everleaf.pki.csr import Requested

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the main file says for all certificates.

    `default_authority` and `default_solver` are the only ones there are, or None.
    """

    names: Names
    defaults: Said
    report: Report
    default_authority: str | None
    default_solver: str | None
    around: Around


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """One certificate; `copies`: the key that says its copies, `report`: of that key's file."""

    wanted: Wanted
    copies: Key
    report: Report


def build(name: str, table: schema.CertificateTable, known: Known, report: Report) -> Built:
    """What is wanted; faults are in the reports."""
    one = _Certificate(("certificates", name), table, known, report)
    own = said(table, one.key, known.names, report)
    both = own.over(known.defaults)
    request = one.request()
    identifiers = one.identifiers(request)
    solvers = one.chosen("solver", both.solvers, known.default_solver, known.names.solvers)
    one.refuse_unanswered(identifiers, solvers)
    terminators, usages = both.terminators or (), both.usages or (Usage.SERVER,)
    places = endpoints(
        table,
        (*one.key, "endpoints"),
        report,
        known.around,
        Of(identifiers=identifiers, terminators=terminators, usages=usages),
    )
    wanted = Wanted(
        name=name,
        identifiers=tuple(sorted(set(identifiers))),
        authorities=one.chosen(
            "authority", both.authorities, known.default_authority, known.names.authorities
        ),
        solvers=solvers,
        key_type=both.key_type or KeyType.ECDSA_P256,
        usages=usages,
        profile=both.profile or "",
        reuse_key=both.reuse_key or False,
        csr=request.der if request else None,
        preferred_chain=one.preferred_chain(own, both),
        preflight=both.preflight or Preflight.WARN,
        rehearse=both.rehearse_first or False,
        terminators=terminators,
        canary=one.canary(both, terminators, places),
        quiet=both.quiet,
        on_unconfirmed=both.on_unconfirmed or Unconfirmed.KEEP,
        pins=both.pins or frozenset(),
        endpoints=places,
        copies=both.copies or (),
        group=both.group or "",
        keep_versions=both.keep_versions or 3,
        grace=_either(both.grace, timedelta(seconds=30)),
        confirm_every=_either(both.confirm_every, timedelta(hours=6)),
        renew_before=both.renew_before,
        emergency=both.emergency or EMERGENCY,
    )
    if own.copies is None:
        return Built(wanted=wanted, copies=("defaults", "copies"), report=known.report)
    return Built(wanted=wanted, copies=(*one.key, "copies"), report=report)


def _either(value: T | None, default: T) -> T:
    return default if value is None else value


@dataclass(frozen=True, slots=True)
class _Certificate:
    key: Key
    table: schema.CertificateTable
    known: Known
    report: Report

    def canary(self, both: Said, terminators: tuple[str, ...], places: tuple[Endpoint, ...]) -> str:
        """One of its own terminators; where others follow it, one that can be confirmed."""
        name, key = both.canary or "", (*self.key, "canary")
        if name and name not in terminators:
            what = f"{shown(name)} is no terminator of this certificate"
            self.report.add(key, what, meant(name, terminators))
        elif name and terminators != (name,) and all(one.terminator != name for one in places):
            what = f"no endpoint belongs to {shown(name)}: it could never be confirmed"
            self.report.add(key, what, f'give an endpoint terminator = "{name}", or remove it')
        return name

    def request(self) -> "Requested | None":
        """The operator's own request."""
        if self.table.csr is None:
            return None
        from everleaf.pki.csr import requested

        path, key = absolute(self.table.csr, self.report.file), (*self.key, "csr")
        if self.table.key_type is not None or self.table.reuse_key is not None:
            what = "the key of a request of your own is not ours to choose"
            self.report.add(key, what, "remove key_type and reuse_key")
        try:
            return requested(content(path))
        except BadValueError as error:
            self.report.take(key, error)
        except OperatorError as error:
            self.report.add(key, error.fault.what, error.fault.remedy)
        return None

    def identifiers(self, request: "Requested | None") -> list[Identifier]:
        names = (*self.key, "names")
        found: list[Identifier] = []
        for place, text in enumerate(self.table.names or []):
            try:
                one = parse(text)
            except OperatorError as error:
                fault = error.fault
                self.report.add((*names, place), fault.what, fault.remedy)
                continue
            if one in found:
                self.report.add((*names, place), f"{one} stands twice", "remove one")
            found.append(one)
        if request is None:
            if self.table.names is None and self.table.csr is None:
                self.report.add(names, "this is missing", "name DNS names or addresses")
            return found
        if self.table.names is not None and set(found) != set(request.identifiers):
            what = f"the request is for {', '.join(map(str, request.identifiers))}"
            self.report.add(names, what, "name the same, or remove names")
        return list(request.identifiers)

    def refuse_unanswered(self, identifiers: list[Identifier], solvers: tuple[str, ...]) -> None:
        """A wildcard needs a DNS challenge, an address one that is none."""
        kinds = self.known.names.solvers
        answered = [kind for name in solvers for kind in kinds.get(name, ())]
        if not answered:
            return  # its own fault is reported
        for one in identifiers:
            if any(can(kind, one) for kind in answered):
                continue
            if one.is_wildcard:
                what = f"{one} is a wildcard, which {' or '.join(answered)} cannot validate"
                remedy = "add a solver for a DNS challenge, or name the hosts one by one"
            else:
                what = f"{one} is an address, which {' or '.join(answered)} cannot validate"
                remedy = 'add a solver of type "http-01" or "tls-alpn-01"'
            self.report.add((*self.key, "names"), what, remedy)

    def chosen(
        self, kind: str, names: tuple[str, ...] | None, only: str | None, known: Collection[str]
    ) -> tuple[str, ...]:
        """Those that are named, or the only one there is."""
        if names is not None:
            return names
        if only is not None:
            return (only,)
        remedy = f"name one of: {', '.join(sorted(known))}" if known else f"configure a {kind}"
        self.report.add(self.key, f"it is not said which {kind} is used", remedy)
        return ("",)

    def preferred_chain(self, own: Said, both: Said) -> PreferredChain | None:
        """By name or fingerprint."""
        required = both.preferred_chain_required or False
        if both.preferred_chain:
            return PreferredChain(issuer=both.preferred_chain, required=required)
        if required:
            field, remedy = "preferred_chain_required", "name one, or remove it"
            if own.preferred_chain_required:
                self.report.add((*self.key, field), "no preferred chain is named", remedy)
            else:  # said once for all, and so told once
                what = f"no preferred chain is named, here or in {'.'.join(map(str, self.key))}"
                self.known.report.spoil(("defaults", field), what, remedy)
        return None
