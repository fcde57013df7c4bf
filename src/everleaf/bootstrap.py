"""Settings become tools: the only file that names concrete adapters; each built when first used."""

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from threading import Lock as Mutex
from typing import TYPE_CHECKING

from everleaf import ports, rehearsal
from everleaf.config.settings import Settings
from everleaf.core.challenges import BIND_ACCOUNT
from everleaf.core.limits import Limit
from everleaf.core.rehearsed import Rehearsed
from everleaf.errors import OperatorError
from everleaf.system.clock import SystemClock
from everleaf.system.events import LogEvents

if TYPE_CHECKING:
    from everleaf.ca.authority import AcmeAuthority

# Solvers that an authority finds by the name's addresses, and those that never wait.
_FOUND_BY_NAME, _CLOCKLESS = ("http-01", "webroot", "tls-alpn-01"), ("http-01", "webroot")
_REHEARSAL = "rehearsal"  # the folder of a rehearsal's own accounts and state

Listener = Callable[[str, str, str], None]


class Workshop:
    """All tools of one run (`everleaf.stages.contract.Tools`)."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: SystemClock,
        events: LogEvents,
        jobs: int,
        reading: bool,
        state_dir: Path,
    ) -> None:
        self._settings = settings
        self._reading = reading
        self._state_dir = state_dir
        self._jobs = jobs
        self._authorities: dict[str, AcmeAuthority] = {}
        self._accounts: dict[str, str] = {}
        self._solvers: dict[str, ports.Solver] = {}
        self._roots: dict[str, tuple[bytes, ...]] = {}
        self._mutex = Mutex()
        self.clock = clock
        self.events = events

    @cached_property
    def randomness(self) -> ports.Randomness:
        """The operating system's dice."""
        from everleaf.system.randomness import SystemRandomness

        return SystemRandomness()

    @cached_property
    def store(self) -> ports.Store:
        """SQLite in the state directory."""
        from everleaf.store.sqlite import SqliteStore

        def aside(path: Path) -> None:
            what, place = "damaged state put aside", str(path)
            self.events.say("warning", what, certificate="", stage="order", place=place)

        return SqliteStore(self._state_dir, reading=self._reading, aside=aside)

    @cached_property
    def shelf(self) -> ports.Shelf:
        """The state directory."""
        from everleaf.store.shelf import DiskShelf

        return DiskShelf(self._state_dir)

    @cached_property
    def lock(self) -> ports.Lock:
        """The state directory's lock; under it, the layout is brought to the one that we know."""
        from everleaf.store.form import bring_forward
        from everleaf.system.lock import FileLock

        return FileLock(self._state_dir, self.clock, begun=lambda: bring_forward(self._state_dir))

    @cached_property
    def keys(self) -> ports.Keys:
        """OpenSSL."""
        from everleaf.pki.keys import OpensslKeys

        return OpensslKeys()

    @cached_property
    def terminators(self) -> ports.Terminators:
        """Deploy hooks."""
        from everleaf.deploy.hook import HookTerminators

        return HookTerminators(self._settings.terminators, self.clock, self._state_dir)

    @cached_property
    def resolver(self) -> ports.Resolver:
        """The configured name servers, or the system's."""
        from everleaf.tls.resolver import DnsResolver

        return DnsResolver(self._settings.resolver, self.clock)

    @cached_property
    def probe(self) -> ports.Probe:
        """TLS from outside."""
        from everleaf.tls.probe import TlsProbe

        return TlsProbe()

    @cached_property
    def diagnostician(self) -> ports.Diagnostician:
        """TLS from outside, looked at closely."""
        from everleaf.tls.diagnosing import Doctor

        return Doctor(self.resolver, now=self.clock.now)

    @cached_property
    def alerts(self) -> ports.Alerts:
        """The alert command, or nobody."""
        from everleaf.alerts.command import CommandAlerts
        from everleaf.alerts.nobody import Nobody

        command = self._settings.alert.command
        # The run's deadline is no reason to tell nobody.
        return CommandAlerts(command, self.clock.without_deadline()) if command else Nobody()

    @cached_property
    def executor(self) -> ports.Executor:
        """Threads."""
        from everleaf.system.executor import Threads

        return Threads(self._jobs)

    def authority(self, name: str) -> "AcmeAuthority":
        """The authority of this name; it connects when it is first asked for something.

        Raises:
            OperatorError: it was taken out of the configuration.
        """
        with self._mutex:
            if name not in self._authorities:
                self._authorities[name] = self._new_authority(name)
            return self._authorities[name]

    def _new_authority(self, name: str) -> "AcmeAuthority":
        from everleaf.ca.authority import AcmeAuthority
        from everleaf.ca.binding import Binding
        from everleaf.store.accounts import AccountFiles

        one = self._settings.authorities.get(name)
        if one is None:
            raise OperatorError(
                f"no authority {name!r} is configured any more", code="no-authority"
            )
        outside = one.external_account
        binding = Binding(kid=outside.kid, hmac_key=outside.hmac_key) if outside else None
        return AcmeAuthority(
            name=name,
            directory=one.directory,
            ca_file=one.ca_file,
            contact=one.contact,
            terms_of_service_agreed=one.terms_of_service_agreed,
            accounts=AccountFiles(self._state_dir, name, one.directory),
            clock=self.clock,
            binding=binding,
            proxy=one.proxy,
        )

    def accounts(self, authority: str) -> ports.Accounts:
        """Our account at this authority."""
        return self.authority(authority).accounts

    def account(self, authority: str) -> str:
        """Our account's URL there, as far as it is known without asking; else its name."""
        from everleaf.store.accounts import AccountFiles

        if authority not in self._accounts:
            one = self._settings.authorities[authority]
            url = AccountFiles(self._state_dir, authority, one.directory).url()
            if url is None:
                return authority
            self._accounts[authority] = url
        return self._accounts[authority]

    def limits(self, authority: str) -> tuple[Limit, ...]:
        """What this authority publishes, and we count."""
        return self._settings.authorities[authority].limits

    def solver(self, name: str) -> ports.Solver:
        """The solver of this name; one for all certificates of the run.

        Raises:
            OperatorError: it was taken out of the configuration.
        """
        with self._mutex:
            if name not in self._solvers:
                self._solvers[name] = self._new_solver(name)
            return self._solvers[name]

    def _new_solver(self, name: str) -> ports.Solver:
        from everleaf.challenges import registry

        one = self._settings.solvers.get(name)
        if one is None:
            raise OperatorError(f"no solver {name!r} is configured", code="no-solver")
        tools: dict[str, object] = {}
        if one.kind in _FOUND_BY_NAME:
            tools["addresses"] = self.resolver.addresses
        else:
            tools["resolver"] = self._settings.resolver
        if one.kind not in _CLOCKLESS:
            tools["clock"] = self.clock
        return registry.build(one.kind, name, **one.options, **tools)

    def is_public(self, authority: str) -> bool:
        """Whether browsers have to take what this authority issues."""
        return self._settings.authorities[authority].public

    def rehearsed(self, name: str) -> Rehearsed:
        """What the last rehearsal of this certificate came to, or why none can tell."""
        one = self._settings.certificates[name]
        for solver in one.solvers:
            answers = self._settings.solvers[solver].answers
            if answers and answers[0] in BIND_ACCOUNT:
                return Rehearsed(exempt=f"{answers[0]} binds the production account")
        return rehearsal.recall(self._rehearsal_store, name)

    @cached_property
    def _rehearsal_store(self) -> ports.Store:
        from everleaf.store.sqlite import SqliteStore

        return SqliteStore(self._settings.state_dir / _REHEARSAL, reading=True)

    def wake(self) -> timedelta:
        """The time from one run to the next: RFC 9773, section 4.2, asks for it."""
        from everleaf.waking import wake

        return wake(self._settings.wake_interval, self.store, self.clock, reading=self._reading)

    def roots(self, authority: str) -> tuple[bytes, ...]:
        """The roots of `trust_file`, or the system's."""
        from everleaf.system.trust import roots_of, system_roots

        with self._mutex:
            if authority not in self._roots:
                trust_file = self._settings.authorities[authority].trust_file
                self._roots[authority] = roots_of(trust_file) if trust_file else system_roots()
            return self._roots[authority]

    def staging_of(self, authority: str) -> str:
        """The authority at which a rehearsal takes place.

        Raises:
            OperatorError: none is named.
        """
        staging = self._settings.authorities[authority].staging
        if staging is None:
            raise OperatorError(
                f"authority {authority!r} has no staging directory to rehearse at",
                code="no-staging",
                remedy=f'Name one: staging = "..." in [authorities.{authority}]',
            )
        return staging


def build(
    settings: Settings,
    *,
    level: str,
    log_format: str,
    deadline: timedelta | None = None,
    jobs: int | None = None,
    listener: Listener | None = None,
    reading: bool = False,
    rehearsing: bool = False,
) -> Workshop:
    """The tools of one command.

    Args:
        settings: the whole configuration.
        level, log_format: the least that is logged; `text` or `json`.
        deadline: after which waiting ends; None: never.
        jobs: certificates side by side; None: as configured.
        listener: shows progress.
        reading: nothing is created or written.
        rehearsing: state and accounts of its own, under `rehearsal/` in the state directory.
    """
    return Workshop(
        settings,
        clock=SystemClock(deadline),
        events=LogEvents(level=level, form=log_format, listener=listener),
        jobs=jobs or settings.jobs,
        reading=reading,
        state_dir=settings.state_dir / _REHEARSAL if rehearsing else settings.state_dir,
    )
