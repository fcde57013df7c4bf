"""Responses by an executable of the operator's: the contract stands in docs/challenge-hooks.md."""

from collections.abc import Sequence
from dataclasses import replace
from threading import Lock

from everleaf.challenges import labels
from everleaf.challenges.batches import Batches
from everleaf.challenges.calling import Hooks
from everleaf.challenges.nameservers import NameServers
from everleaf.challenges.tokens import safe
from everleaf.challenges.told import Told
from everleaf.challenges.words import concern
from everleaf.core.identifiers import Identifier, Kind
from everleaf.core.job import Trace
from everleaf.errors import EndOfTimeError, EverleafError
from everleaf.ports import Challenge, Clock, Concern
from everleaf.system.executor import Threads

_HTTP = "http-01"
_SIDE_BY_SIDE = 16


class ExecSolver:
    """The port `Solver`: calls `HOOK present` and `HOOK cleanup`, one after the other.

    The place of a response is `TYPE OWNER VALUE`, or `http-01 TOKEN`.
    """

    def __init__(
        self,
        name: str,
        hooks: Hooks,
        servers: NameServers,
        clock: Clock,
        *,
        types: Sequence[str] = (labels.DNS,),
        wait: bool = True,
    ) -> None:
        """Nothing is called yet.

        Args:
            name: of the solver in the configuration.
            hooks: the executables.
            servers: show what they wrote.
            clock: the run's.
            types: `dns-01`, `dns-account-01`, `http-01`, the preferred one first.
            wait: for all authoritative servers, where the response is a record.
        """
        self.name = name
        self.types: tuple[str, ...] = tuple(types)
        self.binds_account = self.types[0] == labels.ACCOUNT
        self._hooks = hooks
        self._servers = servers
        self._clock = clock
        self._wait = wait
        self._batches = Batches()
        self._traced: set[Trace] = set()
        self._told: dict[Trace, Told] = {}
        # Hooks seldom expect to be running twice.
        self._turn = Lock()

    def trace(self, identifier: Identifier, challenge: Challenge) -> Trace:
        """Where the response will stand, and what kind it is.

        Raises:
            DnsError: that cannot be looked up.
        """
        try:
            place = self._place(identifier, challenge)
        except BaseException:
            self._batches.over()
            raise
        trace = Trace(solver=self.name, identifier=labels.base_name(identifier), place=place)
        self._batches.traced(trace)
        self._traced.add(trace)
        return trace

    def _place(self, identifier: Identifier, challenge: Challenge) -> str:
        if challenge.type == _HTTP:
            return f"{_HTTP} {safe(challenge.token)}"
        owner = labels.owner(challenge.type, identifier, challenge.account)
        value = labels.value(challenge.key_authorization)
        return f"{challenge.type} {self._servers.zones.place(owner)} {value}"

    def present(self, trace: Trace, challenge: Challenge) -> None:
        """Call the hook; done when it ends with status 0.

        Raises:
            ToldError: it failed, in its own words; or a secret for it cannot be read.
            EndOfTimeError: the run was told to stop; then the hook was, too.
        """
        together, remaining = self._batches.presenting(trace)
        told = replace(self._what(trace), together=together, remaining=remaining)
        if told.token:
            told = replace(told, key_authorization=challenge.key_authorization)
        with self._turn:
            self._traced.discard(trace)
            self._told[trace] = told
            if not self._clock.remaining():
                raise EndOfTimeError("the run ended before a hook of it was called")
            self._told[trace] = replace(told, output=self._hooks.present(told))

    def settle(self, presented: Sequence[tuple[Trace, Challenge]]) -> None:
        """Wait until every authoritative server shows all of the records, since hooks return early.

        Raises:
            DnsError: one does not within the time.
            EndOfTimeError: the run was told to stop, or its deadline passed.
        """
        told = [_read(trace) for trace, _ in presented]
        records = [(one.owner, one.value) for one in told if one and one.owner]
        if self._wait and records:
            self._servers.agree(records)

    def remove(self, trace: Trace) -> None:
        """Call the hook to clean up, also when the run was told to stop.

        What was never presented in this process is not cleaned up.

        Raises:
            ToldError: it failed, in its own words.
        """
        if trace in self._traced or _read(trace) is None:
            self._traced.discard(trace)
            return
        told = self._told.get(trace) or self._what(trace)
        with self._turn:
            self._hooks.cleanup(told)
            self._told.pop(trace, None)

    def inspect(self, identifiers: Sequence[Identifier]) -> tuple[Concern, ...]:
        """Whether the hook can be executed, and the zones found; what it does is not tried."""
        found = [
            Concern(
                identifier=str(one),
                code="hook-missing",
                what=f"the hook {path} is no file that can be executed",
                remedy=f"chmod +x {path}, or correct the solver's path",
            )
            for path in self._hooks.missing()
            for one in identifiers
        ]
        if self._wait and self.types[0] != _HTTP:
            names = [one for one in identifiers if one.kind is Kind.DNS]
            results = Threads(_SIDE_BY_SIDE).each(self._zone_concerns, names)
            seen = dict(result for result in results if result is not None)
            found += [one for name in names for one in seen[name]]
        return tuple(found)

    def _zone_concerns(self, identifier: Identifier) -> list[Concern]:
        zones = self._servers.zones
        try:
            zones.zone(zones.place(labels.owner(labels.DNS, identifier)))
        except EverleafError as error:
            return [concern(identifier, error.fault)]
        return []

    def _what(self, trace: Trace) -> Told:
        told = _read(trace) or Told(kind="", identifier=trace.identifier)
        if not told.owner:
            return told
        try:
            return replace(told, zone=self._servers.zones.zone(told.owner))
        except EverleafError:
            return told


def _read(trace: Trace) -> Told | None:
    """What a trace tells; None where it is no trace of ours."""
    kind, *rest = trace.place.split(" ")
    if kind == _HTTP and len(rest) == 1:
        return Told(kind=kind, identifier=trace.identifier, token=rest[0])
    if kind != _HTTP and len(rest) == 2:  # noqa: PLR2004 - owner and value
        return Told(kind=kind, identifier=trace.identifier, owner=rest[0], value=rest[1])
    return None
