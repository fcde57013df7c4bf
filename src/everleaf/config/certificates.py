"""One certificate's table and the defaults become what is wanted."""

import grp
import pwd
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from everleaf.config import schema
from everleaf.config.building import absolute, span
from everleaf.config.faults import BadValueError, Key, meant
from everleaf.config.report import Report
from everleaf.config.values import address, duration, key_mode, share
from everleaf.core.identifiers import Identifier, Kind, parse
from everleaf.core.wanted import EMERGENCY, Copy, CopyKind, Endpoint, KeyType, RenewBefore, Wanted
from everleaf.errors import OperatorError

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Known:
    """The names that may be referred to, and what is said for all certificates.

    `default_authority` and `default_solver` are the only ones there are, or None.
    """

    authorities: frozenset[str]
    solvers: Mapping[str, str]  # kind by name
    terminators: frozenset[str]
    defaults: schema.CertificateDefaults
    default_authority: str | None
    default_solver: str | None


def build(name: str, table: schema.CertificateTable, known: Known, report: Report) -> Wanted:
    """What is wanted; faults are in the report."""
    one = _Certificate(name, table, known, report)
    identifiers = one.identifiers()
    solver = one.reference("solver", known.solvers, known.default_solver)
    one.refuse_wildcards(identifiers, solver)
    terminators = one.terminators()
    return Wanted(
        name=name,
        identifiers=tuple(sorted(set(identifiers))),
        authority=one.reference("authority", known.authorities, known.default_authority),
        solver=solver,
        key_type=KeyType(one.value("key_type") or KeyType.ECDSA_P256),
        terminators=terminators,
        endpoints=one.endpoints(identifiers, terminators),
        copies=one.copies(),
        group=one.account("group", grp.getgrnam),
        keep_versions=one.value("keep_versions") or 3,
        grace=one.span("grace", "30s"),
        confirm_every=one.span("confirm_every", "6h"),
        renew_before=one.threshold("renew_before"),
        emergency=one.threshold("emergency") or EMERGENCY,
    )


@dataclass(frozen=True, slots=True)
class _Certificate:
    name: str
    table: schema.CertificateTable
    known: Known
    report: Report

    def value(self, field: str) -> Any:
        """The certificate's own value, or the default."""
        own = getattr(self.table, field)
        return own if own is not None else getattr(self.known.defaults, field)

    def key(self, *more: str | int) -> Key:
        return ("certificates", self.name, *more)

    def identifiers(self) -> list[Identifier]:
        found: list[Identifier] = []
        for place, text in enumerate(self.table.names):
            try:
                one = parse(text)
            except OperatorError as error:
                fault = error.fault
                self.report.add(self.key("names", place), fault.what, fault.remedy)
                continue
            if one in found:
                self.report.add(self.key("names", place), f"{one} stands twice", "remove one")
            found.append(one)
        return found

    def refuse_wildcards(self, identifiers: list[Identifier], solver: str) -> None:
        for one in identifiers:
            if one.is_wildcard and self.known.solvers.get(solver) in ("http-01", "webroot"):
                remedy = "name the hosts one by one: DNS challenges come with a later version"
                what = f"{one} is a wildcard, which http-01 cannot validate"
                self.report.add(self.key("names"), what, remedy)

    def reference(self, field: str, known: "Mapping[str, str] | frozenset[str]", only: str | None
                  ) -> str:  # fmt: skip
        text = self.value(field)
        if text is None and only is not None:
            return only
        if text is None:
            remedy = f"name one of: {', '.join(sorted(known))}" if known else f"configure a {field}"
            self.report.add(self.key(), f"it is not said which {field} is used", remedy)
            return ""
        if text not in known:
            remedy = meant(text, known)
            self.report.add(self.place(field), f"there is no {field} {text!r}", remedy)
        return str(text)

    def place(self, field: str, *more: str | int) -> Key:
        """Where a value was said: here or in the defaults."""
        own = getattr(self.table, field) is not None
        return self.key(field, *more) if own else ("defaults", field, *more)

    def terminators(self) -> tuple[str, ...]:
        found = self.value("terminators") or []
        for place, text in enumerate(found):
            if text not in self.known.terminators:
                remedy = meant(text, self.known.terminators)
                key = self.place("terminators", place)
                self.report.add(key, f"there is no terminator {text!r}", remedy)
        return tuple(dict.fromkeys(found))

    def endpoints(
        self, identifiers: list[Identifier], terminators: tuple[str, ...]
    ) -> tuple[Endpoint, ...]:
        if self.table.endpoints is None:
            names = dict.fromkeys(one for one in identifiers if not one.is_wildcard)
            return tuple(Endpoint(host=one.value) for one in names)
        found: list[Endpoint] = []
        for place, table in enumerate(self.table.endpoints):
            found.append(self._endpoint(table, self.key("endpoints", place), terminators))
        return tuple(dict.fromkeys(found))

    def _endpoint(
        self, table: schema.EndpointTable, key: Key, terminators: tuple[str, ...]
    ) -> Endpoint:
        host = table.host
        try:
            one = parse(table.host)
            host = one.value
            if one.is_wildcard or (one.kind is Kind.IP and table.addresses):
                what = f"{table.host!r} cannot be looked at"
                self.report.add(key, what, "name one host; list addresses for a name only")
        except OperatorError as error:
            self.report.add((*key, "host"), error.fault.what, error.fault.remedy)
        for place, text in enumerate(table.addresses):
            try:
                address(text)
            except BadValueError as error:
                self.report.take((*key, "addresses", place), error)
        if table.terminator is not None and table.terminator not in terminators:
            remedy = meant(table.terminator, terminators)
            what = f"{table.terminator!r} is no terminator of this certificate"
            self.report.add((*key, "terminator"), what, remedy)
        return Endpoint(
            host=host,
            port=table.port,
            addresses=tuple(table.addresses),
            terminator=table.terminator or "",
            optional=table.optional,
        )

    def copies(self) -> tuple[Copy, ...]:
        found: list[Copy] = []
        for place, table in enumerate(self.value("copies") or []):
            key = self.place("copies", place)
            path = absolute(table.path, self.report.file)
            if any(path == other.path for other in found):
                self.report.add(key, f"{path} stands twice", "remove one")
            mode = 0o600
            try:
                mode = key_mode(table.mode)
            except BadValueError as error:
                self.report.take((*key, "mode"), error)
            found.append(
                Copy(
                    path=path,
                    kind=CopyKind(table.kind),
                    owner=_account(table.owner, pwd.getpwnam, (*key, "owner"), self.report),
                    group=_account(table.group, grp.getgrnam, (*key, "group"), self.report),
                    mode=mode,
                )
            )
        return tuple(found)

    def account(self, field: str, look_up: Callable[[str], object]) -> str:
        return _account(self.value(field) or "", look_up, self.place(field), self.report)

    def span(self, field: str, default: str) -> timedelta:
        return span(self.value(field) or default, self.place(field), self.report)

    def threshold(self, field: str) -> RenewBefore | None:
        text = self.value(field)
        if text is None:
            return None
        try:
            if "%" in text:
                return RenewBefore(share=share(text))
            value = duration(text)
        except BadValueError as error:
            self.report.take(self.place(field), error)
            return None
        if value < _DAY / 24:
            remedy = "make it at least an hour"
            self.report.add(self.place(field), f"{text} is too short", remedy)
        return RenewBefore(span=value)


def _account(name: str, look_up: Callable[[str], object], key: Key, report: Report) -> str:
    if name:
        try:
            look_up(name)
        except KeyError:
            report.add(
                key, f"{name!r} does not exist on this machine", "create it, or name another"
            )
    return name
