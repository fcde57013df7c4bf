"""The solvers' checked tables become what the registry builds them from."""

from collections.abc import Mapping
from pathlib import Path

from everleaf.config.building import DAY, as_text, span
from everleaf.config.documents import Parsed
from everleaf.config.faults import BadValueError, Key
from everleaf.config.forms import SecretTable
from everleaf.config.places import absolute, executable, folder
from everleaf.config.report import Report
from everleaf.config.secret_tables import secret
from everleaf.config.settings import SolverSettings
from everleaf.config.solver_schema import (
    AlpnTable,
    AnySolver,
    ExecTable,
    HttpTable,
    LexiconTable,
    PersistTable,
    Rfc2136Table,
    WebrootTable,
    answers,
)
from everleaf.config.values import address_port
from everleaf.core.wanted import join_port
from everleaf.system.secrets import Secret

_HTTP = ("0.0.0.0:80", "[::]:80")
_ALPN = ("0.0.0.0:443", "[::]:443")


def all_solvers(parsed: Parsed) -> dict[str, SolverSettings]:
    """The solvers of the file."""
    found: dict[str, SolverSettings] = {}
    for name, table in parsed.named["solvers"].items():
        if table is not None:
            one = _Solver(("solvers", name), parsed.report)
            options = one.options(table)
            found[name] = SolverSettings(
                name=name, kind=table.type, answers=answers(table), options=options
            )
    return found


class _Solver:
    def __init__(self, key: Key, report: Report) -> None:
        self._key = key
        self._report = report

    def options(self, table: AnySolver) -> dict[str, object]:
        match table:
            case HttpTable():
                listen = self._addresses("listen", table.listen, _HTTP, 80)
                return {"listen": listen, "port": table.public_port}
            case AlpnTable():
                listen = self._addresses("listen", table.listen, _ALPN, 443)
                return {"listen": listen, "port": table.public_port}
            case WebrootTable():
                return {"path": self._folder("path", table.path), "port": table.public_port}
            case Rfc2136Table():
                return {
                    "key": secret(table.key, (*self._key, "key"), self._report),
                    "server": self._server(table.server),
                    "zone": table.zone,
                    "ttl": table.ttl,
                    **self._dns(table),
                }
            case ExecTable():
                return {
                    "hook": self._executable("hook", table.hook),
                    "cleanup": self._executable("cleanup", table.cleanup),
                    "limit": self._span("hook_timeout", table.hook_timeout),
                    "propagation": table.propagation,
                    "settings": {name: as_text(one) for name, one in table.settings.items()},
                    "environment": {**table.environment, **self._secrets(table.secrets)},
                    **self._dns(table),
                }
            case LexiconTable():
                return {
                    "provider": table.provider,
                    "options": dict(table.options),
                    "secrets": self._secrets(table.secrets),
                    "zone": table.zone,
                    "ttl": table.ttl,
                    "limit": self._span("call_timeout", table.call_timeout),
                    **self._dns(table),
                }
            case PersistTable():
                return {"nameservers": self._servers(table.nameservers)}

    def _dns(self, table: Rfc2136Table | ExecTable | LexiconTable) -> dict[str, object]:
        return {
            "challenges": tuple(table.challenges),
            "nameservers": self._servers(table.nameservers),
            "timeout": self._span("timeout", table.timeout),
        }

    def _secrets(self, tables: Mapping[str, SecretTable]) -> dict[str, Secret]:
        return {
            name: secret(one, (*self._key, "secrets", name), self._report)
            for name, one in tables.items()
        }

    def _span(self, field: str, text: str) -> float:
        return span(text, (*self._key, field), self._report, most=DAY).total_seconds()

    def _addresses(
        self, field: str, said: list[str] | None, default: tuple[str, ...], port: int
    ) -> tuple[tuple[str, int], ...]:
        found: list[tuple[str, int]] = []
        for place, text in enumerate(default if said is None else said):
            key = (*self._key, field, place)
            try:
                one = address_port(text, port)
            except BadValueError as error:
                self._report.take(key, error)
                continue
            if one in found:
                self._report.add(key, f"{join_port(*one)} stands twice", "remove one")
            found.append(one)
        if said == []:
            what, remedy = "it would listen nowhere", "name an address, or remove it"
            self._report.add((*self._key, field), what, remedy)
        return tuple(found)

    def _servers(self, said: list[str]) -> tuple[str, ...]:
        self._addresses("nameservers", said or None, (), 53)
        return tuple(said)

    def _server(self, said: str | None) -> str | None:
        if said is not None:
            try:
                address_port(said, 53)
            except BadValueError as error:
                self._report.take((*self._key, "server"), error)
        return said

    def _folder(self, field: str, text: str) -> Path:
        path = absolute(text, self._report.file)
        try:
            return folder(path)
        except BadValueError as error:
            self._report.take((*self._key, field), error)
        return path

    def _executable(self, field: str, text: str | None) -> Path | None:
        if text is None:
            return None
        path = absolute(text, self._report.file)
        try:
            return executable(path)
        except BadValueError as error:
            self._report.take((*self._key, field), error)
        return path
