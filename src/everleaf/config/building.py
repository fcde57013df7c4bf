"""Checked tables become settings: references, files and names are looked at here."""

import os
import shutil
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from everleaf.config import authorities, hooks, schema
from everleaf.config.documents import Parsed
from everleaf.config.faults import BadValueError, Key, meant
from everleaf.config.report import Report
from everleaf.config.settings import (
    AlertSettings,
    AuthoritySettings,
    ExternalAccount,
    TerminatorSettings,
)
from everleaf.config.values import address_port, duration
from everleaf.core.limits import Kind, Limit

_MINUTE, _LONGEST_SPAN = timedelta(minutes=1), timedelta(days=31)


def absolute(text: str, file: Path) -> Path:
    """A path; a relative one counts from the folder of its file."""
    path = Path(text)
    return path if path.is_absolute() else file.parent / path


def state_dir(table: schema.SettingsTable, report: Report) -> Path:
    """The state directory."""
    path = Path(table.state_dir)
    if not path.is_absolute():
        key = ("settings", "state_dir")
        report.add(key, f"{table.state_dir!r} is a relative path", "write it from / on")
    return path


def resolver(table: schema.SettingsTable, report: Report) -> tuple[str, ...]:
    """The name servers, as they were written."""
    for place, text in enumerate(table.resolver):
        try:
            address_port(text, 53)
        except BadValueError as error:
            report.take(("settings", "resolver", place), error)
    return tuple(table.resolver)


def span(text: str, key: Key, report: Report, *, least: timedelta = timedelta(0)) -> timedelta:
    """A duration, at least `least`."""
    value = duration(text)
    if value < least:
        report.add(key, f"{text} is too short", f"make it at least {least.total_seconds():g}s")
    return value


def alert(table: schema.AlertTable, report: Report) -> AlertSettings:
    """Who is told."""
    if table.command and shutil.which(table.command[0]) is None:
        remedy = "name an executable file, by its path or as found on PATH"
        report.add(("alert", "command"), f"{table.command[0]!r} cannot be run", remedy)
    days = tuple(sorted(set(table.days), reverse=True))
    return AlertSettings(command=tuple(table.command), days=days)


def all_authorities(parsed: Parsed) -> dict[str, AuthoritySettings]:
    """Those of the file, and the staging ones that a shorthand implies."""
    report, tables = parsed.report, parsed.named["authorities"]
    found: dict[str, AuthoritySettings] = {}
    for name, table in tables.items():
        if table is not None:
            found[name] = _authority(name, table, report)
    for one in list(found.values()):
        implied = one.staging
        if implied and implied not in tables:
            if implied not in authorities.KNOWN:
                remedy = meant(implied, {*tables, *authorities.KNOWN})
                key = ("authorities", one.name, "staging")
                report.add(key, f"there is no authority {implied!r}", remedy)
            else:
                found[implied] = _implied(implied, one)
    return found


def _authority(name: str, table: schema.AuthorityTable, report: Report) -> AuthoritySettings:
    key: Key = ("authorities", name)
    known = authorities.KNOWN.get(name) if table.directory is None else None
    if table.directory is None and known is None:
        shorthands = ", ".join(authorities.KNOWN)
        remedy = f'add directory = "https://…", or use a known name: {shorthands}'
        report.add(key, f"{name!r} is not known and has no directory", remedy)
    if known and known.binding and table.external_account is None:
        remedy = 'add external_account = { kid = "…", hmac_key = { file = "…" } }, as it gave you'
        report.add(key, f"{name} binds accounts to an outside account", remedy)
    if known and not table.terms_of_service_agreed:
        remedy = "read them, then write terms_of_service_agreed = true"
        report.add(key, "the terms of service are not agreed to", remedy)
    directory = table.directory or (known.directory if known else "")
    if table.directory is not None and not table.directory.startswith("https://"):
        remedy = "ACME asks for https (RFC 8555, section 6.1)"
        report.add((*key, "directory"), f"{table.directory!r} is no https URL", remedy)
    for place, contact in enumerate(table.contact):
        if not contact.startswith("mailto:") or "@" not in contact:
            remedy = 'write "mailto:ops@example.org"'
            report.add((*key, "contact", place), f"{contact!r} is no contact", remedy)
    return AuthoritySettings(
        name=name,
        directory=directory,
        ca_file=_pem(table.ca_file, (*key, "ca_file"), report),
        trust_file=_pem(table.trust_file, (*key, "trust_file"), report)
        or (authorities.roots_file(known) if known else None),
        staging=table.staging or (known.staging if known else None),
        contact=tuple(table.contact),
        terms_of_service_agreed=table.terms_of_service_agreed,
        limits=_limits(table, known, key, report),
        external_account=_external(table.external_account, key, report),
        proxy=_proxy(table.proxy, (*key, "proxy"), report),
    )


def _external(
    table: schema.BindingTable | None, key: Key, report: Report
) -> ExternalAccount | None:
    from everleaf.config.secret_tables import secret

    if table is None:
        return None
    place = (*key, "external_account", "hmac_key")
    return ExternalAccount(kid=table.kid, hmac_key=secret(table.hmac_key, place, report))


def _proxy(text: str | None, key: Key, report: Report) -> str | None:
    if text:
        found = urlsplit(text)
        if found.scheme not in ("http", "https") or not found.hostname:
            remedy = 'write "http://host:port", or "" for none'
            report.add(key, "this is no proxy's URL", remedy)
        if found.password:
            remedy = "use a proxy that asks for none, or name it in the environment of the run"
            report.add(key, "a password does not belong into the configuration", remedy)
    return text


def _limits(
    table: schema.AuthorityTable, known: authorities.Known | None, key: Key, report: Report
) -> tuple[Limit, ...]:
    if table.limits is None:
        return known.limits if known else ()
    found = []
    for kind in Kind:
        text = getattr(table.limits, kind.value)
        if text is not None:
            count, _, span_text = text.partition(" in ")
            length = duration(span_text)
            if int(count) == 0 or not _MINUTE <= length <= _LONGEST_SPAN:
                remedy = "write one or more in a minute to 31 days, as in 300 in 3h"
                report.add((*key, "limits", kind.value), f"{text!r} is no limit", remedy)
            found.append(Limit(kind=kind, count=int(count), span=length))
    return tuple(found)


def _implied(name: str, of: AuthoritySettings) -> AuthoritySettings:
    known = authorities.KNOWN[name]
    return AuthoritySettings(
        name=name,
        directory=known.directory,
        trust_file=authorities.roots_file(known),
        staging=known.staging,
        limits=known.limits,
        contact=of.contact,
        terms_of_service_agreed=of.terms_of_service_agreed,
    )


def _pem(text: str | None, key: Key, report: Report) -> Path | None:
    if text is None:
        return None
    path = absolute(text, report.file)
    try:
        good = b"-----BEGIN CERTIFICATE-----" in path.read_bytes()
    except OSError as error:
        remedy = "name a file with certificates in PEM form that everleaf may read"
        report.add(key, f"{path} cannot be read: {error.strerror}", remedy)
        return path
    if not good:
        remedy = "convert it: openssl x509 -inform der -outform pem"
        report.add(key, f"{path} holds no certificate in PEM form", remedy)
    return path


def all_terminators(parsed: Parsed) -> dict[str, TerminatorSettings]:
    """The terminators of the file."""
    found: dict[str, TerminatorSettings] = {}
    report = parsed.report
    for name, table in parsed.named["terminators"].items():
        if table is None:
            continue
        key: Key = ("terminators", name)
        try:
            hook = hooks.find(table.hook)
        except BadValueError as error:
            report.take((*key, "hook"), error)
            hook = Path(os.devnull)
        second = timedelta(seconds=1)
        found[name] = TerminatorSettings(
            name=name,
            hook=hook,
            timeout=span(table.timeout, (*key, "timeout"), report, least=second),
            per_certificate=table.per_certificate,
            settings={name: as_text(value) for name, value in table.settings.items()},
        )
    return found


def as_text(value: str | float | bool) -> str:
    """A setting of a hook as it stands in its environment."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
