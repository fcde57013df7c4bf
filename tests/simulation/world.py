"""One simulated life: runs of the true orchestrator in a world that follows a scenario."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

from everleaf.core.identifiers import key_of, parse
from everleaf.core.job import Trace
from everleaf.core.limits import Limit
from everleaf.core.outcome import Failed
from everleaf.core.rehearsed import Rehearsed
from everleaf.core.wanted import Endpoint, Wanted
from everleaf.errors import EverleafError, LockedError, MachineError, OperatorError
from everleaf.orchestrator import Orchestrator
from everleaf.pipeline import Pipeline
from everleaf.pki.certificates import split
from everleaf.pki.keys import OpensslKeys
from everleaf.ports import Challenge, Changed, HookResult
from everleaf.report import Report
from everleaf.stages import STAGES
from everleaf.system.executor import Inline
from fakes.accounts import MemoryAccounts
from fakes.clock import START, TurnedClock
from fakes.disk import Disk, KilledError
from fakes.edges import Edges
from fakes.lock import MemoryLock
from fakes.names import MemoryResolver
from fakes.people import Letters
from fakes.randomness import SeededDice
from fakes.shelf import MemoryShelf
from fakes.solver import MemorySolver
from fakes.store import MemoryStore
from simulation.city import City
from simulation.oracle import Oracle
from simulation.scenario import DAY, Incident, Kind, Scenario

EDGES = ("e0", "e1")


class Quiet:
    """Events that nobody reads."""

    def say(self, level: str, event: str, **fields: object) -> None:
        """Nothing."""

    def progress(self, certificate: str, stage: str, state: str) -> None:
        """Nothing."""


@dataclass(slots=True)
class Servers(Edges):
    """Edges whose hooks are effects too: a killed run starts none."""

    world: "World | None" = None

    def check(self, terminator: str, changed: Sequence[Changed]) -> HookResult:
        self._enter("check")
        return Edges.check(self, terminator, changed)

    def reload(self, terminator: str, changed: Sequence[Changed]) -> HookResult:
        self._enter("reload")
        return Edges.reload(self, terminator, changed)

    def _enter(self, what: str) -> None:
        if self.world is not None:
            self.world.enter(what)
        self.calls.clear()


@dataclass(slots=True)
class Responder(MemorySolver):
    """A solver whose responses are effects too."""

    world: "World | None" = None

    def present(self, trace: Trace, challenge: Challenge) -> None:
        if self.world is not None:
            self.world.enter("present")
        MemorySolver.present(self, trace, challenge)

    def remove(self, trace: Trace) -> None:
        if self.world is not None:
            self.world.enter("remove")
        MemorySolver.remove(self, trace)


@dataclass(slots=True)
class World:
    """The tools of the pipeline (`everleaf.stages.contract.Tools`), and the passing of time.

    `lost_run`: the last run did not come to its end; `unlucky`: the CA spoiled something in it.
    """

    scenario: Scenario
    clock: TurnedClock = field(default_factory=TurnedClock)
    keys: OpensslKeys = field(default_factory=OpensslKeys)
    alerts: Letters = field(default_factory=Letters)
    events: Quiet = field(default_factory=Quiet)
    executor: Inline = field(default_factory=Inline)
    resolver: MemoryResolver = field(default_factory=MemoryResolver)
    lock: MemoryLock = field(default_factory=MemoryLock)
    disk: Disk = field(default_factory=Disk)
    wanted: dict[str, Wanted] = field(default_factory=dict)
    randomness: SeededDice = field(init=False)
    store: MemoryStore = field(init=False)
    shelf: MemoryShelf = field(init=False)
    city: City = field(init=False)
    servers: Servers = field(init=False)
    oracle: Oracle = field(init=False)
    dead: bool = False
    kill_in: int = -1
    stop_in: int = -1
    lost_run: bool = False
    unlucky: bool = False
    runs: int = 0
    runs_lost: int = 0
    _to_come: list[Incident] = field(init=False)
    _active: list[Incident] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.randomness = SeededDice(Random(self.scenario.seed))  # noqa: S311 - no secret
        self.disk.fault = self._write
        self.store, self.shelf = MemoryStore(self.disk), MemoryShelf(self.disk)
        self.city = City(self.clock, enter=self.enter)
        self.servers = Servers(self._on_disk, world=self)
        self._to_come = list(self.scenario.incidents)
        for number, days in enumerate(self.scenario.lifetimes):
            name = f"c{number}"
            edges = EDGES if number % 3 == 2 else (EDGES[number % 3],)
            endpoints = tuple(
                Endpoint(host=f"{name}.example.org", addresses=(one,), terminator=one)
                for one in edges
            )
            self._configure(
                Wanted(
                    name=name,
                    identifiers=(parse(f"{name}.example.org"),),
                    authorities=("memory",),
                    solvers=("memory",),
                    terminators=edges,
                    endpoints=endpoints,
                    confirm_every=DAY,
                ),
                days * DAY,
            )
        self.oracle = Oracle(self)
        self.city.issuing = self.oracle.issued

    def _configure(self, wanted: Wanted, life: timedelta) -> None:
        self.wanted[wanted.name] = wanted
        self.city.lives[key_of(wanted.identifiers)] = life

    # -- the tools -------------------------------------------------------------------------------

    @property
    def terminators(self) -> Servers:
        return self.servers

    @property
    def probe(self) -> Servers:
        return self.servers

    def authority(self, name: str) -> City:
        del name
        return self.city

    def account(self, authority: str) -> str:
        del authority
        return self.city.url

    def limits(self, authority: str) -> tuple[Limit, ...]:
        del authority
        return self.city.limits

    def solver(self, name: str) -> Responder:
        return Responder(name, self.city.responses, world=self)

    def accounts(self, authority: str) -> MemoryAccounts:
        del authority
        return MemoryAccounts()

    def is_public(self, authority: str) -> bool:
        del authority
        return False

    def rehearsed(self, name: str) -> Rehearsed:
        del name
        return Rehearsed()

    def roots(self, authority: str) -> tuple[bytes, ...]:
        del authority
        return self.city.hierarchy.roots

    def _on_disk(self, name: str) -> tuple[bytes, ...]:
        live = self.shelf.live(name)
        return split(live.leaf + live.chain) if live else ()

    # -- what goes wrong -------------------------------------------------------------------------

    def enter(self, what: str) -> None:
        """An effect is about to happen: a run may die or be told to stop just before it."""
        if self.dead:
            raise KilledError(what)
        self.kill_in -= 1
        self.stop_in -= 1
        if self.kill_in == 0:
            self.dead = self.lost_run = True
            raise KilledError(what)
        if self.stop_in == 0:
            self.lost_run = True
            self.clock.stop()

    def _write(self, what: str) -> None:
        self.enter(what)
        if self.has(Kind.FULL):
            raise MachineError("no space left on device", code="disk-full", where=what)
        if self.has(Kind.READ_ONLY):
            raise OperatorError("read-only file system", code="not-permitted", where=what)

    def has(self, kind: Kind) -> bool:
        """Whether something of this kind is going on."""
        return any(one.kind is kind for one in self._active)

    def struck(self, kind: Kind, name: str) -> bool:
        """Whether it concerns this certificate or edge."""
        return any(one.kind is kind and name in self._struck(one) for one in self._active)

    def _struck(self, incident: Incident) -> tuple[str, ...]:
        edge = EDGES[incident.number % len(EDGES)]
        name = f"c{incident.number % len(self.scenario.lifetimes)}"
        return edge, name

    def well(self, name: str) -> bool:
        """Whether nothing outside kept this certificate from being renewed and served now."""
        outside = (Kind.OUTAGE, Kind.BUSY, Kind.LIMITED, Kind.WRONG_CLOCK, Kind.FULL,
                   Kind.READ_ONLY, Kind.OFF, Kind.SLOW)  # fmt: skip
        if self.lost_run or self.unlucky or any(self.has(kind) for kind in outside):
            return False
        edges = self.wanted[name].terminators
        bad = (Kind.DEAF, Kind.DOWN, Kind.BROKEN)
        if any(self.struck(kind, edge) for kind in bad for edge in edges):
            return False
        return not self.struck(Kind.UNSEEN, name)

    # -- time ------------------------------------------------------------------------------------

    def live(self) -> None:
        """The whole scenario, or until the first violation."""
        end = START + self.scenario.span
        while self.clock.at < end and not self.oracle.violations:
            self._befall()
            started = self.clock.at
            self.lost_run = False
            if not self.has(Kind.OFF):
                self._run()
            self.runs_lost += self.lost_run
            if self.lost_run or self.has(Kind.FULL) or self.has(Kind.READ_ONLY):
                self.city.forget_polls()
            self.city.asked.clear()
            self.oracle.look(started)
            delay = self.scenario.wake * (0.95 + 0.05 * self.randomness.share())
            self.clock.at = max(started + delay, self.clock.at)

    def _befall(self) -> None:
        since = self.clock.at - START
        while self._to_come and self._to_come[0].at <= since:
            one = self._to_come.pop(0)
            self._active.append(one)
            self._begin(one)
        self._active = [one for one in self._active if one.at + one.length > since]
        self._set()

    def _begin(self, one: Incident) -> None:
        city, name = self.city, self._struck(one)[1]
        match one.kind:
            case Kind.KILLED:
                self.kill_in = 1 + one.number % 80
            case Kind.TERMINATED:
                self.stop_in = 1 + one.number % 80
            case Kind.LOST:
                city.lose_next = ("new_order", "finalize", "answer", "order")[one.number % 4]
            case Kind.REFUSED:
                city.refuse_replaces = True
            case Kind.WRONG_NAMES:
                city.wrong_names = True
            case Kind.LIMITED:
                city.limited_until = START + one.at + one.length
            case Kind.REVOKED:
                newest = self.shelf.holding(self.wanted[name]).newest
                if newest and newest.cert_id:
                    city.revoked[newest.cert_id] = self.clock.at
            case Kind.CHANGED:
                self._change(name)
            case _:
                pass

    def _change(self, name: str) -> None:
        one = self.wanted[name]
        life = self.city.life(one.identifiers)
        names = one.identifiers[:1]
        if len(one.identifiers) == 1:
            names = (*names, parse(f"alt.{name}.example.org"))
        self._configure(replace(one, identifiers=names), life)

    def _set(self) -> None:
        city = self.city
        city.reachable, city.busy = not self.has(Kind.OUTAGE), self.has(Kind.BUSY)
        city.ari = "malformed" if self.has(Kind.MALFORMED_ARI) else ""
        city.ari = "unreachable" if self.has(Kind.NO_ARI) else city.ari
        city.moved = timedelta(0)
        for one in self._active:
            if one.kind is Kind.EARLIER:
                city.moved = -DAY * (one.number % 10)
            elif one.kind is Kind.LATER:
                city.moved = DAY * (one.number % 60)
        city.processing = 3 if self.has(Kind.SLOW) else 0
        city.retry_after = timedelta(minutes=20) if self.has(Kind.SLOW) else None
        city.unseen = {
            f"{name}.example.org" for name in self.wanted if self.struck(Kind.UNSEEN, name)
        }
        city.ahead = 30 * DAY if self.has(Kind.WRONG_CLOCK) else timedelta(0)
        self.servers.deaf = {one for one in EDGES if self.struck(Kind.DEAF, one)}
        self.servers.down = {one for one in EDGES if self.struck(Kind.DOWN, one)}
        broken = {one for one in EDGES if self.struck(Kind.BROKEN, one)}
        self.servers.refuses = lambda edge: "the configuration is broken" if edge in broken else ""

    def _run(self) -> None:
        self.runs += 1
        before = self.city.lost, len(self.city.spoiled)
        self.clock.stopped = False
        self.clock.deadline = self.clock.at + timedelta(minutes=30)
        try:
            with self.lock.held():
                self._cannot_run_twice()
                pipeline = Pipeline(self.wanted, STAGES, self, self.scenario.wake, self.clock.now())
                self._judge(Orchestrator(pipeline, marks=(7,)).run(tuple(self.wanted)))
        except KilledError:
            pass
        except EverleafError:
            self.lost_run = True
        finally:
            self.unlucky = before != (self.city.lost, len(self.city.spoiled))
            self.dead, self.clock.stopped, self.clock.deadline = False, False, None
            self.kill_in = self.stop_in = -1

    def _cannot_run_twice(self) -> None:
        try:
            with self.lock.held():
                self.oracle.violations.append("two runs at once")
        except LockedError:
            pass

    def _judge(self, report: Report) -> None:
        for one in report.happenings:
            if isinstance(one.seen, Failed) and one.seen.fault.code == "unexpected":
                self.oracle.violations.append(f"{one.certificate}: {one.seen.fault}")


def violations(scenario: Scenario) -> list[str]:
    """What was violated in this life, with the moment; nothing, where all was well."""
    world = World(scenario)
    world.live()
    at = (world.clock.at - START) / DAY
    return [f"day {at:.3f}: {one}" for one in world.oracle.violations]


def shortest(scenario: Scenario) -> Scenario:
    """The same violation with as few incidents as single removals lead to."""
    world = World(scenario)
    world.live()
    kinds = {_kind(one) for one in world.oracle.violations}
    since = world.clock.at - START
    scenario = replace(scenario, span=since)
    scenario = scenario.only([one for one in scenario.incidents if one.at <= since])

    def shows(fewer: Scenario) -> bool:
        return bool(kinds & {_kind(one) for one in violations(fewer)})

    for kind in Kind:
        fewer = scenario.only([one for one in scenario.incidents if one.kind is not kind])
        scenario = fewer if shows(fewer) else scenario
    size = max(1, len(scenario.incidents) // 2)
    while size:
        place = 0
        while place < len(scenario.incidents):
            known = scenario.incidents
            fewer = scenario.only([*known[:place], *known[place + size :]])
            if shows(fewer):
                scenario = fewer
            else:
                place += size
        size //= 2
    return scenario


def _kind(violation: str) -> str:
    """The words of a violation without moment and names."""
    return violation.rpartition(": ")[2]


def trace(scenario: Scenario) -> str:
    """A violation for people: what happened, the shortest life that shows it, how to replay it."""
    small = shortest(scenario)
    return os.linesep.join(
        [*violations(scenario), "the shortest life that shows it:", str(small), *violations(small)]
    )
