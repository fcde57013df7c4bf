"""One certificate's table and the defaults become what is wanted."""

import grp
import pwd
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from everleaf.config import schema
from everleaf.config.building import absolute, span
from everleaf.config.endpoints import endpoints
from everleaf.config.faults import BadValueError, Key, meant
from everleaf.config.report import Report
from everleaf.config.values import duration, key_mode, share
from everleaf.core.challenges import can
from everleaf.core.identifiers import Identifier, parse
from everleaf.core.wanted import (
    EMERGENCY,
    Copy,
    CopyKind,
    KeyType,
    PreferredChain,
    Preflight,
    RenewBefore,
    Usage,
    Wanted,
)
from everleaf.errors import OperatorError

if TYPE_CHECKING:
    from everleaf.pki.csr import Requested

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Known:
    """The names that may be referred to, and what is said for all certificates.

    `default_authority` and `default_solver` are the only ones there are, or None.
    """

    authorities: frozenset[str]
    solvers: Mapping[str, tuple[str, ...]]  # the kinds of challenge, by name
    terminators: frozenset[str]
    defaults: schema.CertificateDefaults
    default_authority: str | None
    default_solver: str | None


def build(name: str, table: schema.CertificateTable, known: Known, report: Report) -> Wanted:
    """What is wanted; faults are in the report."""
    one = _Certificate(name, table, known, report)
    request = one.request()
    identifiers = one.identifiers(request)
    solvers = one.references("solver", known.solvers, known.default_solver)
    one.refuse_unanswered(identifiers, solvers)
    terminators = one.terminators()
    usages = tuple(Usage(text) for text in dict.fromkeys(one.value("usages") or ["server"]))
    return Wanted(
        name=name,
        identifiers=tuple(sorted(set(identifiers))),
        authorities=one.references("authority", known.authorities, known.default_authority),
        solvers=solvers,
        key_type=KeyType(one.value("key_type") or KeyType.ECDSA_P256),
        usages=usages,
        profile=one.value("profile") or "",
        reuse_key=one.value("reuse_key") or False,
        csr=request.der if request else None,
        preferred_chain=one.preferred_chain(),
        preflight=Preflight(one.value("preflight") or Preflight.WARN),
        rehearse=one.value("rehearse_first") or False,
        terminators=terminators,
        endpoints=endpoints(
            table,
            one.key("endpoints"),
            report,
            identifiers=identifiers,
            terminators=terminators,
            usages=usages,
        ),
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

    def request(self) -> "Requested | None":
        """The operator's own request."""
        if self.table.csr is None:
            return None
        from everleaf.pki.csr import requested

        path = absolute(self.table.csr, self.report.file)
        if self.table.key_type is not None or self.table.reuse_key is not None:
            what = "the key of a request of your own is not ours to choose"
            self.report.add(self.key("csr"), what, "remove key_type and reuse_key")
        try:
            return requested(path.read_bytes())
        except OSError as error:
            what, remedy = f"{path} cannot be read: {error.strerror}", "name a readable file"
            self.report.add(self.key("csr"), what, remedy)
        except OperatorError as error:
            self.report.add(self.key("csr"), error.fault.what, error.fault.remedy)
        return None

    def identifiers(self, request: "Requested | None") -> list[Identifier]:
        found: list[Identifier] = []
        for place, text in enumerate(self.table.names or []):
            try:
                one = parse(text)
            except OperatorError as error:
                fault = error.fault
                self.report.add(self.key("names", place), fault.what, fault.remedy)
                continue
            if one in found:
                self.report.add(self.key("names", place), f"{one} stands twice", "remove one")
            found.append(one)
        if request is None:
            if self.table.names is None and self.table.csr is None:
                self.report.add(self.key("names"), "this is missing", "name DNS names or addresses")
            return found
        if self.table.names is not None and set(found) != set(request.identifiers):
            what = f"the request is for {', '.join(map(str, request.identifiers))}"
            self.report.add(self.key("names"), what, "name the same, or remove names")
        return list(request.identifiers)

    def refuse_unanswered(self, identifiers: list[Identifier], solvers: tuple[str, ...]) -> None:
        """A wildcard needs a DNS challenge, an address one that is none."""
        answered = [kind for name in solvers for kind in self.known.solvers.get(name, ())]
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
            self.report.add(self.key("names"), what, remedy)

    def references(
        self, field: str, known: "Mapping[str, object] | frozenset[str]", only: str | None
    ) -> tuple[str, ...]:
        """One name or several, each of something that is configured."""
        said = self.value(field)
        if said is None and only is not None:
            return (only,)
        if said is None:
            remedy = f"name one of: {', '.join(sorted(known))}" if known else f"configure a {field}"
            self.report.add(self.key(), f"it is not said which {field} is used", remedy)
            return ("",)
        names = [said] if isinstance(said, str) else said
        for place, text in enumerate(names):
            if text not in known:
                key = self.place(field) if isinstance(said, str) else self.place(field, place)
                self.report.add(key, f"there is no {field} {text!r}", meant(text, known))
        return tuple(dict.fromkeys(names))

    def preferred_chain(self) -> PreferredChain | None:
        """By name or fingerprint."""
        text = self.value("preferred_chain")
        required = self.value("preferred_chain_required") or False
        if text:
            return PreferredChain(issuer=text, required=required)
        if required:
            what, remedy = "no preferred chain is named", "name one, or remove it"
            self.report.add(self.place("preferred_chain_required"), what, remedy)
        return None

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
