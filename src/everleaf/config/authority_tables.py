"""The authorities' checked tables become settings, with the staging ones that they imply."""

import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from everleaf.config import authorities, schema
from everleaf.config.documents import Parsed
from everleaf.config.faults import BadValueError, Key, meant, shown
from everleaf.config.places import absolute, content
from everleaf.config.report import Report
from everleaf.config.secret_tables import secret
from everleaf.config.settings import AuthoritySettings, ExternalAccount
from everleaf.config.values import duration, https_url
from everleaf.core.limits import Kind, Limit

_MINUTE, _LONGEST_SPAN = timedelta(minutes=1), timedelta(days=31)
# One address and no header fields: RFC 8555, section 7.3.
_MAILTO = re.compile(r"mailto:[^\s@,;?]+@[^\s@,;?]+")


def all_authorities(parsed: Parsed) -> dict[str, AuthoritySettings]:
    """Those of the file, and the staging ones that a shorthand implies."""
    report, tables = parsed.report, parsed.named["authorities"]
    found: dict[str, AuthoritySettings] = {}
    for name, table in tables.items():
        if table is not None:
            found[name] = _Authority(("authorities", name), table, report).settings(name)
    for one in list(found.values()):
        implied = one.staging
        if implied and implied not in tables:
            if implied not in authorities.KNOWN:
                remedy = meant(implied, {*tables, *authorities.KNOWN})
                key = ("authorities", one.name, "staging")
                report.add(key, f"there is no authority {shown(implied)}", remedy)
            else:
                found[implied] = _implied(implied, one)
    return found


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


class _Authority:
    def __init__(self, key: Key, table: schema.AuthorityTable, report: Report) -> None:
        self._key = key
        self._table = table
        self._report = report

    def settings(self, name: str) -> AuthoritySettings:
        table = self._table
        known = authorities.KNOWN.get(name) if table.directory is None else None
        self._recognise(name, known)
        self._look_at_contacts()
        return AuthoritySettings(
            name=name,
            directory=table.directory or (known.directory if known else ""),
            ca_file=self._pem("ca_file", table.ca_file),
            trust_file=self._pem("trust_file", table.trust_file)
            or (authorities.roots_file(known) if known else None),
            staging=table.staging or (known.staging if known else None),
            contact=tuple(table.contact),
            terms_of_service_agreed=table.terms_of_service_agreed,
            limits=self._limits(known),
            external_account=self._external(),
            proxy=self._proxy(),
            public=known is not None and known.public and table.trust_file is None,
        )

    def _add(self, field: str, what: str, remedy: str) -> None:
        """A fault of a key, where it is written; else of the whole table."""
        is_written = field in self._table.model_fields_set
        self._report.add((*self._key, field) if is_written else self._key, what, remedy)

    def _recognise(self, name: str, known: authorities.Known | None) -> None:
        table = self._table
        if table.directory is not None:
            try:
                https_url(table.directory)
            except BadValueError as error:
                self._add("directory", error.what, error.remedy)
        elif known is None:
            shorthands = ", ".join(authorities.KNOWN)
            remedy = f'add directory = "https://…", or use a known name: {shorthands}'
            self._add("directory", f"{name!r} is not known and has no directory", remedy)
        if known and known.binding and table.external_account is None:
            remedy = (
                'add external_account = { kid = "…", hmac_key = { file = "…" } }, as it gave you'
            )
            self._add("external_account", f"{name} binds accounts to an outside account", remedy)
        if known and not table.terms_of_service_agreed:
            remedy = "read them, then write terms_of_service_agreed = true"
            what = "the terms of service are not agreed to"
            self._add("terms_of_service_agreed", what, remedy)

    def _look_at_contacts(self) -> None:
        for place, contact in enumerate(self._table.contact):
            if not _MAILTO.fullmatch(contact):
                remedy = 'write "mailto:ops@example.org", one address in each'
                key = (*self._key, "contact", place)
                self._report.add(key, f"{shown(contact)} is no contact", remedy)

    def _external(self) -> ExternalAccount | None:
        table = self._table.external_account
        if table is None:
            return None
        place = (*self._key, "external_account", "hmac_key")
        return ExternalAccount(kid=table.kid, hmac_key=secret(table.hmac_key, place, self._report))

    def _proxy(self) -> str | None:
        text = self._table.proxy
        if text:
            try:
                found = urlsplit(text)
                usable = found.scheme in ("http", "https") and bool(found.hostname)
                usable = usable and (found.port is None or found.port > 0)
            except ValueError:  # a port, or brackets, of no use
                usable, found = False, urlsplit("")
            if not usable:
                self._add(
                    "proxy", "this is no proxy's URL", 'write "http://host:port", or "" for none'
                )
            if found.password:
                remedy = "use a proxy that asks for none, or name it in the environment of the run"
                self._add("proxy", "a password does not belong into the configuration", remedy)
        return text

    def _limits(self, known: authorities.Known | None) -> tuple[Limit, ...]:
        table = self._table.limits
        if table is None:
            return known.limits if known else ()
        found = []
        for kind in Kind:
            text = getattr(table, kind.value)
            if text is None:
                continue
            key = (*self._key, "limits", kind.value)
            count, _, span = text.partition(" in ")
            try:
                length = duration(span, _LONGEST_SPAN)
            except BadValueError as error:
                self._report.take(key, error)
                continue
            if int(count) == 0 or length < _MINUTE:
                remedy = "write one or more in a minute to 31 days, as in 300 in 3h"
                self._report.add(key, f"{text!r} is no limit", remedy)
            found.append(Limit(kind=kind, count=int(count), span=length))
        return tuple(found)

    def _pem(self, field: str, text: str | None) -> Path | None:
        if text is None:
            return None
        path = absolute(text, self._report.file)
        try:
            look_at_pem(path)
        except BadValueError as error:
            self._add(field, error.what, error.remedy)
        return path


def look_at_pem(path: Path) -> None:
    """See that a file holds certificates, and nothing that is broken.

    Raises:
        BadValueError: it cannot be read, holds none, or one of them is damaged.
    """
    import ssl

    if b"-----BEGIN" not in content(path):
        what = f"{path} holds no certificate in PEM form"
        raise BadValueError(what, "convert it: openssl x509 -inform der -outform pem")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=str(path))
    except OSError as error:  # ssl.SSLError is one
        words = getattr(error, "reason", None) or str(error)
        what = f"{path} holds no certificate that can be read ({words})"
        raise BadValueError(what, "look at it with: openssl x509 -text") from None
