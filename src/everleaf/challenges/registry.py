"""The kinds of solver, by the word that the configuration uses; each is imported when needed."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from everleaf.challenges.outlook import Addresses, Outlook
from everleaf.errors import OperatorError
from everleaf.ports import Clock, Solver
from everleaf.system.secrets import Secret

if TYPE_CHECKING:
    from everleaf.challenges.nameservers import NameServers

_DNS_01 = ("dns-01",)
_TIMEOUT = 120.0
_TTL = 60
_Listen = Sequence[tuple[str, int]]


def _outlook(addresses: Addresses | None, port: int) -> Outlook | None:
    return Outlook(addresses=addresses, port=port) if addresses else None


def _http_01(
    name: str, *, listen: _Listen, addresses: Addresses | None = None, port: int = 80
) -> Solver:
    from everleaf.challenges.listener import HttpListener

    return HttpListener(name, listen, outlook=_outlook(addresses, port))


def _webroot(
    name: str, *, path: Path, addresses: Addresses | None = None, port: int = 80
) -> Solver:
    from everleaf.challenges.webroot import Webroot

    return Webroot(name, path, _outlook(addresses, port))


def _tls_alpn_01(
    name: str,
    *,
    listen: _Listen,
    clock: Clock,
    addresses: Addresses | None = None,
    port: int = 443,
) -> Solver:
    from everleaf.challenges.alpn import AlpnListener

    return AlpnListener(name, listen, clock, outlook=_outlook(addresses, port))


def _servers(
    clock: Clock, resolver: Sequence[str], nameservers: Sequence[str], timeout: float
) -> "NameServers":
    from everleaf.challenges.nameservers import NameServers

    patience = timedelta(seconds=timeout)
    return NameServers(clock=clock, resolver=resolver, servers=nameservers, patience=patience)


def _rfc2136(
    name: str,
    *,
    key: Secret,
    clock: Clock,
    resolver: Sequence[str] = (),
    server: str | None = None,
    zone: str | None = None,
    challenges: Sequence[str] = _DNS_01,
    nameservers: Sequence[str] = (),
    timeout: float = _TIMEOUT,
    ttl: int = _TTL,
) -> Solver:
    """DNS challenges by dynamic updates.

    Args:
        name: of the solver in the configuration.
        key: a TSIG key file as tsig-keygen writes it.
        clock: the run's.
        resolver: name servers that find zones; none: the system's.
        server: `address` or `address:port` that takes updates; None: the zone's SOA record says.
        zone: None: found by its SOA record.
        challenges: `dns-01`, `dns-account-01`, in order of preference.
        nameservers: asked for the record; none: all that are authoritative for the zone.
        timeout: seconds until all of them show it.
        ttl: of the record, in seconds.
    """
    from everleaf.challenges.dns import DnsSolver
    from everleaf.challenges.rfc2136 import DynamicUpdates

    servers = _servers(clock, resolver, nameservers, timeout)
    records = DynamicUpdates(key, servers, server=server or "", zone=zone or "", ttl=ttl)
    return DnsSolver(name, records, servers, challenges)


def _exec(
    name: str,
    *,
    hook: Path,
    clock: Clock,
    resolver: Sequence[str] = (),
    cleanup: Path | None = None,
    challenges: Sequence[str] = _DNS_01,
    propagation: bool = True,
    nameservers: Sequence[str] = (),
    timeout: float = _TIMEOUT,
    limit: float = _TIMEOUT,
    settings: Mapping[str, str] | None = None,
    environment: Mapping[str, str | Secret] | None = None,
) -> Solver:
    """Challenges answered by a program of the operator's (docs/challenge-hooks.md).

    Args:
        name: of the solver in the configuration.
        hook: the executable.
        clock: the run's.
        resolver: name servers that find zones; none: the system's.
        cleanup: an executable of its own for that; then neither is given an argument.
        challenges: `dns-01`, `dns-account-01`, `http-01`, in order of preference.
        propagation: whether all name servers are waited for.
        nameservers: asked for the record; none: all that are authoritative for the zone.
        timeout: seconds until all of them show it.
        limit: seconds for each call of the hook.
        settings: handed over as `EVERLEAF_SET_KEY`.
        environment: handed over as it is; secrets are read for each call.
    """
    from everleaf.challenges.calling import Hooks
    from everleaf.challenges.executed import ExecSolver

    hooks = Hooks(
        hook,
        cleanup,
        clock,
        timeout=timedelta(seconds=limit),
        settings=settings,
        environment=environment,
    )
    servers = _servers(clock, resolver, nameservers, timeout)
    return ExecSolver(name, hooks, servers, clock, types=challenges, wait=propagation)


def _lexicon(
    name: str,
    *,
    provider: str,
    clock: Clock,
    resolver: Sequence[str] = (),
    options: Mapping[str, object] | None = None,
    secrets: Mapping[str, Secret] | None = None,
    zone: str | None = None,
    challenges: Sequence[str] = _DNS_01,
    nameservers: Sequence[str] = (),
    timeout: float = _TIMEOUT,
    ttl: int | None = None,
    limit: float = 60.0,
) -> Solver:
    """DNS challenges through a provider that dns-lexicon knows.

    Args:
        name: of the solver in the configuration.
        provider: by dns-lexicon's name.
        clock: the run's.
        resolver: name servers that find zones; none: the system's.
        options: the provider's, by dns-lexicon's names (`auth_username`).
        secrets: those that are read when they are used (`auth_token`).
        zone: None: found by its SOA record.
        challenges: `dns-01`, `dns-account-01`, in order of preference.
        nameservers: asked for the record; none: all that are authoritative for the zone.
        timeout: seconds until all of them show it.
        ttl: of the record, in seconds; None: the provider's.
        limit: seconds for each call of the provider.
    """
    from everleaf.challenges.dns import DnsSolver
    from everleaf.challenges.lexicon import LexiconRecords

    servers = _servers(clock, resolver, nameservers, timeout)
    records = LexiconRecords(
        provider,
        servers,
        clock,
        options=options or {},
        secrets=secrets or {},
        zone=zone or "",
        ttl=ttl,
        timeout=timedelta(seconds=limit),
    )
    return DnsSolver(name, records, servers, challenges)


def _dns_persist_01(
    name: str, *, clock: Clock, resolver: Sequence[str] = (), nameservers: Sequence[str] = ()
) -> Solver:
    """A standing record that is only looked at.

    Args:
        name: of the solver in the configuration.
        clock: the run's, by which a record may have ended.
        resolver: name servers that find zones; none: the system's.
        nameservers: looked at; none: all that are authoritative for the zone.
    """
    from everleaf.challenges.persist import PersistSolver

    return PersistSolver(name, _servers(clock, resolver, nameservers, _TIMEOUT), clock)


KINDS: dict[str, Callable[..., Solver]] = {
    "http-01": _http_01,
    "webroot": _webroot,
    "tls-alpn-01": _tls_alpn_01,
    "rfc2136": _rfc2136,
    "exec": _exec,
    "lexicon": _lexicon,
    "dns-persist-01": _dns_persist_01,
}


def build(kind: str, name: str, **settings: object) -> Solver:
    """The solver `name` of this kind.

    Args:
        kind: `http-01` (settings: `listen`), `webroot` (`path`), `tls-alpn-01` (`listen`, `clock`),
            each with `addresses` and `port`, by which authorities find it; `rfc2136`, `exec`,
            `lexicon` and `dns-persist-01`, each with `clock`, `resolver` and what its builder says.

    Raises:
        OperatorError: there is no such kind.
    """
    maker = KINDS.get(kind)
    if maker is None:
        raise OperatorError(
            f"there is no kind of solver {kind!r}",
            code="no-such-solver",
            remedy=f"Choose one of {', '.join(sorted(KINDS))}",
        )
    return maker(name, **settings)
