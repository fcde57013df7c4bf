"""What may be said for one certificate, or once for all: a table becomes values."""

import grp
import pwd
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import TypeVar

from everleaf.config import schema
from everleaf.config.building import DAY, span
from everleaf.config.faults import BadValueError, Key, meant, shown
from everleaf.config.places import absolute
from everleaf.config.report import Report
from everleaf.config.values import LONGEST, digest, duration, hours, key_mode, share
from everleaf.core.quiet import QuietHours
from everleaf.core.wanted import (
    Copy,
    CopyKind,
    KeyType,
    Preflight,
    RenewBefore,
    Unconfirmed,
    Usage,
)

T = TypeVar("T")
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What certificates may refer to."""

    authorities: frozenset[str]
    solvers: Mapping[str, tuple[str, ...]]  # the kinds of challenge, by name
    terminators: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one table says; None: nothing."""

    authorities: tuple[str, ...] | None = None
    solvers: tuple[str, ...] | None = None
    terminators: tuple[str, ...] | None = None
    key_type: KeyType | None = None
    reuse_key: bool | None = None
    usages: tuple[Usage, ...] | None = None
    profile: str | None = None
    preferred_chain: str | None = None
    preferred_chain_required: bool | None = None
    preflight: Preflight | None = None
    rehearse_first: bool | None = None
    canary: str | None = None
    quiet: QuietHours | None = None
    on_unconfirmed: Unconfirmed | None = None
    pins: frozenset[str] | None = None
    copies: tuple[Copy, ...] | None = None
    group: str | None = None
    keep_versions: int | None = None
    grace: timedelta | None = None
    confirm_every: timedelta | None = None
    renew_before: RenewBefore | None = None
    emergency: RenewBefore | None = None

    def over(self, other: "Said") -> "Said":
        """The same, and what `other` says where this says nothing."""
        known = {one.name: getattr(self, one.name) for one in fields(self)}
        return Said(
            **{
                name: getattr(other, name) if value is None else value
                for name, value in known.items()
            }
        )


def said(table: schema.CertificateDefaults, key: Key, names: Names, report: Report) -> Said:
    """The values of a table that stands at `key`; faults are in the report of its file."""
    one = _Table(table, key, report)
    return Said(
        authorities=one.references("authority", table.authority, names.authorities),
        solvers=one.references("solver", table.solver, names.solvers),
        terminators=one.references("terminators", table.terminators, names.terminators),
        key_type=KeyType(table.key_type) if table.key_type else None,
        reuse_key=table.reuse_key,
        usages=_each_once(map(Usage, table.usages)) if table.usages else None,
        profile=table.profile,
        preferred_chain=table.preferred_chain,
        preferred_chain_required=table.preferred_chain_required,
        preflight=Preflight(table.preflight) if table.preflight else None,
        rehearse_first=table.rehearse_first,
        canary=table.canary,
        quiet=one.quiet_hours(),
        on_unconfirmed=Unconfirmed(table.on_unconfirmed) if table.on_unconfirmed else None,
        pins=one.pins(),
        copies=one.copies(),
        group=None if table.group is None else one.group(table.group),
        keep_versions=table.keep_versions,
        grace=one.span("grace", table.grace, most=DAY),
        confirm_every=one.span("confirm_every", table.confirm_every),
        renew_before=one.threshold("renew_before", table.renew_before),
        emergency=one.threshold("emergency", table.emergency),
    )


def _each_once(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))


@dataclass(frozen=True, slots=True)
class _Table:
    table: schema.CertificateDefaults
    key: Key
    report: Report

    def references(
        self, field: str, value: str | list[str] | None, known: Collection[str]
    ) -> tuple[str, ...] | None:
        """One name or several, each of something that is configured."""
        if value is None:
            return None
        what = field.removesuffix("s")
        names = [value] if isinstance(value, str) else value
        for place, name in enumerate(names):
            if name not in known:
                key = (*self.key, field) if isinstance(value, str) else (*self.key, field, place)
                self.report.add(key, f"there is no {what} {shown(name)}", meant(name, known))
        return _each_once(names)

    def copies(self) -> tuple[Copy, ...] | None:
        tables = self.table.copies
        if tables is None:
            return None
        return tuple(self._copy(one, (*self.key, "copies", at)) for at, one in enumerate(tables))

    def _copy(self, table: schema.CopyTable, key: Key) -> Copy:
        mode = 0o600
        try:
            mode = key_mode(table.mode)
        except BadValueError as error:
            self.report.take((*key, "mode"), error)
        if not table.path:
            self.report.spoil((*key, "path"), "it is empty", "name a file or a folder")
        return Copy(
            path=absolute(table.path, self.report.file),
            kind=CopyKind(table.kind),
            owner=self._account(table.owner, pwd.getpwnam, (*key, "owner")),
            group=self._account(table.group, grp.getgrnam, (*key, "group")),
            mode=mode,
        )

    def group(self, name: str) -> str:
        return self._account(name, grp.getgrnam, (*self.key, "group"))

    def _account(self, name: str, look_up: Callable[[str], object], key: Key) -> str:
        if name:
            try:
                look_up(name)
            except KeyError:
                remedy = "create it, or name another"
                self.report.add(key, f"{shown(name)} does not exist on this machine", remedy)
        return name

    def quiet_hours(self) -> QuietHours | None:
        if self.table.quiet_hours is None:
            return None
        try:
            return hours(self.table.quiet_hours)
        except BadValueError as error:
            self.report.take((*self.key, "quiet_hours"), error)
            return None

    def pins(self) -> frozenset[str] | None:
        if self.table.pins is None:
            return None
        found = set()
        for place, text in enumerate(self.table.pins):
            try:
                found.add(digest(text))
            except BadValueError as error:
                self.report.take((*self.key, "pins", place), error)
        return frozenset(found)

    def span(self, field: str, text: str | None, most: timedelta = LONGEST) -> timedelta | None:
        return None if text is None else span(text, (*self.key, field), self.report, most=most)

    def threshold(self, field: str, text: str | None) -> RenewBefore | None:
        if text is None:
            return None
        try:
            if "%" in text:
                return RenewBefore(share=share(text))
            value = duration(text)
        except BadValueError as error:
            self.report.take((*self.key, field), error)
            return None
        if value < _HOUR:
            what, remedy = f"{text} is too short", "make it at least an hour"
            self.report.add((*self.key, field), what, remedy)
        return RenewBefore(span=value)
