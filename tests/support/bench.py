"""A workbench: the true pipeline and the true state directory, in a world that a test turns.

Time moves only when it is told to; the authority is in memory; edges serve what they took at
their last reload, and miss reloads or refuse pairs on command.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from everleaf.core.identifiers import parse
from everleaf.core.limits import Limit
from everleaf.core.rehearsed import Rehearsed
from everleaf.core.wanted import Endpoint, Wanted
from everleaf.orchestrator import Orchestrator
from everleaf.pipeline import Pipeline
from everleaf.pki.certificates import split
from everleaf.pki.keys import OpensslKeys
from everleaf.ports import Concern, Solver
from everleaf.report import Report
from everleaf.stages import STAGES
from everleaf.stages.by_hand import pin
from everleaf.store.shelf import DiskShelf
from everleaf.store.sqlite import SqliteStore
from everleaf.system.executor import Inline
from fakes.accounts import MemoryAccounts
from fakes.authority import MemoryAuthority
from fakes.clock import TurnedClock
from fakes.doctor import MemoryDoctor
from fakes.edges import Edges
from fakes.names import MemoryResolver
from fakes.people import Letters, Log
from fakes.randomness import Dice
from fakes.solver import MemorySolver


@dataclass(slots=True)
class Bench:
    """The tools, and runs with them; an endpoint's address is its terminator's name."""

    folder: Path
    clock: TurnedClock = field(default_factory=TurnedClock)
    randomness: Dice = field(default_factory=Dice)
    keys: OpensslKeys = field(default_factory=OpensslKeys)
    alerts: Letters = field(default_factory=Letters)
    events: Log = field(default_factory=Log)
    executor: Inline = field(default_factory=Inline)
    diagnostician: MemoryDoctor = field(default_factory=MemoryDoctor)
    resolver: MemoryResolver = field(default_factory=MemoryResolver)
    wanted: dict[str, Wanted] = field(default_factory=dict)
    wake: timedelta = timedelta(hours=1)
    trusts: bool = True
    published: tuple[Limit, ...] = ()
    authorities: Any = None
    concerns: tuple[Concern, ...] = ()
    terms: str = ""
    rehearsals: dict[str, Rehearsed] = field(default_factory=dict)
    shelf: DiskShelf = field(init=False)
    store: SqliteStore = field(init=False)
    ca: MemoryAuthority = field(init=False)
    edges: Edges = field(init=False)

    def __post_init__(self) -> None:
        self.shelf = DiskShelf(self.folder)
        self.store = SqliteStore(self.folder)
        self.ca = MemoryAuthority(self.clock)
        self.edges = Edges(self.on_disk)

    def on_disk(self, name: str) -> tuple[bytes, ...]:
        """The chain at the live path, DER."""
        return split(Path(self.shelf.live_path(name), "fullchain.pem").read_bytes())

    @property
    def terminators(self) -> Edges:
        return self.edges

    @property
    def probe(self) -> Edges:
        return self.edges

    def authority(self, name: str) -> MemoryAuthority:
        return self.authorities(name) if self.authorities else self.ca

    def solver(self, name: str) -> Solver:
        return MemorySolver(name, self.ca.responses, concerns=self.concerns)

    def accounts(self, authority: str) -> MemoryAccounts:
        del authority
        return MemoryAccounts(self.terms)

    def is_public(self, authority: str) -> bool:
        del authority
        return False

    def rehearsed(self, name: str) -> Rehearsed:
        return self.rehearsals.get(name, Rehearsed())

    def account(self, authority: str) -> str:
        """Our account's URL, once there is one."""
        ca = self.authority(authority)
        return ca.url if "account" in ca.calls else authority

    def limits(self, authority: str) -> tuple[Limit, ...]:
        del authority
        return self.published

    def roots(self, authority: str) -> tuple[bytes, ...]:
        del authority
        return self.ca.hierarchy.roots if self.trusts else ()

    def want(self, name: str, *terminators: str, **more: Any) -> Wanted:
        """Configure a certificate, seen at each of its terminators."""
        host = f"{name}.example.org"
        endpoints = tuple(
            Endpoint(host=host, addresses=(one,), terminator=one) for one in terminators
        )
        one = Wanted(
            name=name,
            identifiers=(parse(host),),
            authorities=("memory",),
            solvers=("memory",),
            terminators=terminators,
            endpoints=endpoints,
        )
        self.wanted[name] = replace(one, **more)
        return self.wanted[name]

    def pipeline(self, *, force: bool = False, waits: timedelta | None = None) -> Pipeline:
        now = self.clock.now()
        until = now + waits if waits else None
        return Pipeline(self.wanted, STAGES, self, self.wake, now, force, until)

    def run(
        self, *, force: bool = False, poll_now: bool = False, waits: timedelta | None = None
    ) -> Report:
        """One run, an instant long but for what it waits."""
        self.clock.turn(seconds=1)
        pipeline = self.pipeline(force=force, waits=waits)
        return Orchestrator(pipeline, marks=(14, 7), poll_now=poll_now).run(tuple(self.wanted))

    def stages(self, report: Report, name: str) -> list[str]:
        return [one.stage.value for one in report.happenings if one.certificate == name]

    def live(self, name: str) -> str | None:
        return self.shelf.holding(self.wanted[name]).live

    def versions(self, name: str) -> int:
        return len(self.shelf.holding(self.wanted[name]).versions)

    def pin(self, name: str, version: str) -> None:
        """As `everleaf rollback` says it."""
        known = self.shelf.holding(self.wanted[name]).version(version)
        assert known is not None
        pin(self.wanted[name], known, self)

    def refused(self, name: str) -> list[str]:
        """The versions that something is held against."""
        versions = self.shelf.holding(self.wanted[name]).versions
        return [one.id for one in versions if one.rejection is not None]

    def lose_state(self) -> None:
        """`state.sqlite` is gone."""
        (self.folder / "state.sqlite").unlink()
        self.store = SqliteStore(self.folder)

    def code(self, name: str) -> str:
        """The code of the one fault of a certificate."""
        (trouble,) = self.store.standing(name).troubles.values()
        return trouble.fault.code
