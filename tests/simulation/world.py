"""One simulated life: runs of the true orchestrator in a world that follows a scenario."""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random

from everleaf.core.identifiers import key_of, parse
from everleaf.core.limits import Limit
from everleaf.core.outcome import Failed
from everleaf.core.rehearsed import Rehearsed
from everleaf.core.wanted import Endpoint, Wanted
from everleaf.errors import EverleafError, LockedError, MachineError, OperatorError
from everleaf.orchestrator import Orchestrator
from everleaf.pipeline import Pipeline
from everleaf.pki.certificates import split
from everleaf.report import Report
from everleaf.stages import STAGES
from everleaf.system.executor import Inline
from everleaf.system.lock import FileLock
from fakes.accounts import MemoryAccounts
from fakes.clock import START, TurnedClock
from fakes.disk import Disk, KilledError
from fakes.doctor import MemoryDoctor
from fakes.names import MemoryResolver
from fakes.people import Letters
from fakes.randomness import SeededDice
from fakes.store import MemoryStore
from simulation.city import City
from simulation.oracle import Oracle
from simulation.parts import (
    Foundry,
    OurClock,
    PooledKeys,
    QuickShelf,
    Quiet,
    Responder,
    Servers,
)
from simulation.scenario import DAY, HOUR, Incident, Kind, Scenario

EDGES = ("e0", "e1")
EFFECTS = 80  # of a run with some work; before one of them it may be over
# Our clock may be off by so much; by a little it does no harm.
_OFF = (30 * DAY, -30 * DAY, 400 * DAY, -400 * DAY, timedelta(minutes=5), -3 * HOUR)
_OUTSIDE = (Kind.OUTAGE, Kind.BUSY, Kind.LIMITED, Kind.WRONG_CLOCK, Kind.FULL, Kind.READ_ONLY,
            Kind.OFF, Kind.SLOW)  # fmt: skip


@dataclass(slots=True)
class World:
    """The tools of the pipeline (`everleaf.stages.contract.Tools`), and the passing of time.

    Attributes:
        time: as it is; `clock`: as our machine has it.
        lost_run: the last run did not come to its end.
        unlucky: the CA spoiled something in it.
    """

    scenario: Scenario
    time: TurnedClock = field(default_factory=TurnedClock)
    alerts: Letters = field(default_factory=Letters)
    events: Quiet = field(default_factory=Quiet)
    executor: Inline = field(default_factory=Inline)
    diagnostician: MemoryDoctor = field(default_factory=MemoryDoctor)
    resolver: MemoryResolver = field(default_factory=MemoryResolver)
    disk: Disk = field(default_factory=Disk)
    wanted: dict[str, Wanted] = field(default_factory=dict)
    clock: OurClock = field(init=False)
    keys: PooledKeys = field(init=False)
    randomness: SeededDice = field(init=False)
    store: MemoryStore = field(init=False)
    shelf: QuickShelf = field(init=False)
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
    refused_runs: int = 0
    _asks_by_hand: bool = False
    _second_run_in: int = -1
    _locks: Path | None = None
    _dice: Random = field(init=False)
    _to_come: list[Incident] = field(init=False)
    _active: list[Incident] = field(default_factory=list)
    _now: frozenset[Kind] = frozenset()

    def __post_init__(self) -> None:
        seed, scenario = self.scenario.seed, self.scenario
        # Of its own: what happens to us does not depend on how often everleaf throws its dice.
        self._dice = Random(f"world {seed}")  # noqa: S311 - no secret
        self.randomness = SeededDice(Random(seed))  # noqa: S311 - no secret
        tokens = SeededDice(Random(f"city {seed}"))  # noqa: S311 - no secret
        self.keys = PooledKeys(Random(f"keys {seed}"))  # noqa: S311 - no secret
        self.clock = OurClock(self.time)
        self.disk.fault = self._write
        self.store, self.shelf = MemoryStore(self.disk), QuickShelf(self.disk)
        self.servers = Servers(self._on_disk, enter=self.enter)
        self._to_come = list(scenario.incidents)
        self.oracle = Oracle(self)
        self.city = City(
            self.time,
            dice=lambda: tokens.token(16),
            enter=self.enter,
            holds=self.newest,
            issuing=self.oracle.issued,
            ordering=self.oracle.ordered,
            again=scenario.again,
            hierarchy=Foundry(Random(f"serials {seed}")),  # noqa: S311 - no secret
            _thumbprint=tokens.token(16),
        )
        for number, days in enumerate(scenario.lifetimes):
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
                    confirm_every=scenario.confirm_every,
                ),
                days * DAY,
            )

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
        return Responder(name, self.city.responses, enter=self.enter)

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
        """An effect is about to happen: a run may die, be told to stop, or be joined by another."""
        if self.dead:
            raise KilledError(what)
        self.kill_in -= 1
        self.stop_in -= 1
        self._second_run_in -= 1
        if self._second_run_in == 0:
            self._start_beside()
        if self.kill_in == 0:
            self.dead = self.lost_run = True
            raise KilledError(what)
        if self.stop_in == 0:
            self.lost_run = True
            self.time.stop()

    def _write(self, what: str) -> None:
        self.enter(what)
        if self.has(Kind.FULL):
            raise MachineError("no space left on device", code="disk-full", where=what)
        if self.has(Kind.READ_ONLY):
            raise OperatorError("read-only file system", code="not-permitted", where=what)

    def has(self, kind: Kind) -> bool:
        """Whether something of this kind is going on."""
        return kind in self._now

    def struck(self, kind: Kind, name: str) -> bool:
        """Whether it concerns this certificate or edge."""
        return kind in self._now and any(
            one.kind is kind and name in self._struck(one) for one in self._active
        )

    def _struck(self, incident: Incident) -> tuple[str, ...]:
        edge = EDGES[incident.number % len(EDGES)]
        name = f"c{incident.number % len(self.scenario.lifetimes)}"
        return edge, name

    def well(self, name: str) -> bool:
        """Whether nothing outside kept this certificate from being renewed and served now."""
        if self.lost_run or self.unlucky or not self._now.isdisjoint(_OUTSIDE):
            return False
        edges = self.wanted[name].terminators
        bad = (Kind.DEAF, Kind.DOWN, Kind.BROKEN)
        if any(self.struck(kind, edge) for kind in bad for edge in edges):
            return False
        return not self.struck(Kind.UNSEEN, name) and not self.struck(Kind.STUCK, name)

    def newest(self, name: str) -> str | None:
        """The CertID of what this machine has installed last."""
        found = self.shelf.holding(self.wanted[name]).newest
        return found.cert_id if found else None

    # -- time ------------------------------------------------------------------------------------

    def live(self) -> None:
        """The whole scenario, or until the first violation."""
        with tempfile.TemporaryDirectory() as folder:
            self._locks = Path(folder)
            end = START + self.scenario.span
            while self.time.at < end and not self.oracle.violations:
                self._befall()
                self._pass()
        self.oracle.end()

    def _pass(self) -> None:
        """One run, a look at what came of it, and the time until the next."""
        started = self.time.at
        self.lost_run = False
        self.city.restarted()
        by_hand = self.city.by_hand = self._asks_by_hand and not self.has(Kind.OFF)
        if not self.has(Kind.OFF):
            self._asks_by_hand = False
            self._run(by_hand=by_hand)
        self.runs_lost += self.lost_run
        written = not (self.lost_run or self.has(Kind.FULL) or self.has(Kind.READ_ONLY))
        if not written:
            self.city.forgotten()
        right = written and not self.has(Kind.WRONG_CLOCK)
        self.oracle.tried(self.city.failed, known=right)
        self.oracle.look(started, by_hand=by_hand)
        delay = self.scenario.wake * (0.95 + 0.05 * self._dice.random())
        self.time.at = max(started + delay, self.time.at)

    def _befall(self) -> None:
        since = self.time.at - START
        while self._to_come and self._to_come[0].at <= since:
            one = self._to_come.pop(0)
            self._active.append(one)
            self._begin(one)
        self._active = [one for one in self._active if one.at + one.length > since]
        kinds = frozenset(one.kind for one in self._active)
        if kinds or self._now:
            self._now = kinds
            self._set()

    def _begin(self, one: Incident) -> None:
        city, name = self.city, self._struck(one)[1]
        match one.kind:
            case Kind.KILLED:
                self.kill_in = 1 + one.number % EFFECTS
            case Kind.TERMINATED:
                self.stop_in = 1 + one.number % EFFECTS
            case Kind.LOST:
                city.lose_next = ("new_order", "finalize", "answer", "order")[one.number % 4]
            case Kind.REFUSED:
                city.refuse_replaces = True
            case Kind.WRONG_NAMES:
                city.wrong_names = True
            case Kind.LIMITED:
                city.limited_until = START + one.at + one.length
            case Kind.REVOKED:
                self._revoke(name)
            case Kind.MASS:
                for each in self.wanted:
                    self._revoke(each)
                self._asks_by_hand = True
            case Kind.CHANGED:
                self._change(name)
            case Kind.WRONG_CLOCK:
                # What it wrote of its questions will not be believed, and they are asked again.
                city.next_poll.clear()
            case _:
                pass

    def _revoke(self, name: str) -> None:
        newest = self.newest(name)
        if newest is not None:
            self.city.revoked.setdefault(newest, self.time.at)

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
        city.ari = "hanging" if self.has(Kind.HANGING_ARI) else city.ari
        city.moved, city.to_the_last = timedelta(0), False
        off = timedelta(0)
        for one in self._active:
            if one.kind is Kind.EARLIER:
                city.moved = -DAY * (one.number % 10)
            elif one.kind is Kind.LATER:
                # By days, maybe past the end of short ones; or to the end of all of them.
                city.to_the_last = one.number % 2 > 0
                city.moved = 1000 * DAY if city.to_the_last else DAY * (one.number % 60)
            elif one.kind is Kind.WRONG_CLOCK:
                off = _OFF[one.number % len(_OFF)]
        if self.clock.off != off:
            city.next_poll.clear()
        self.clock.off, city.ahead = off, -off
        city.processing = 3 if self.has(Kind.SLOW) else 0
        city.retry_after = timedelta(minutes=20) if self.has(Kind.SLOW) else None
        city.unseen = self._hosts(Kind.UNSEEN)
        city.stuck = self._hosts(Kind.STUCK)
        self.servers.deaf = {one for one in EDGES if self.struck(Kind.DEAF, one)}
        self.servers.down = {one for one in EDGES if self.struck(Kind.DOWN, one)}
        broken = {one for one in EDGES if self.struck(Kind.BROKEN, one)}
        self.servers.refuses = lambda edge: "the configuration is broken" if edge in broken else ""

    def _hosts(self, kind: Kind) -> set[str]:
        return {f"{name}.example.org" for name in self.wanted if self.struck(kind, name)}

    def _run(self, *, by_hand: bool) -> None:
        self.runs += 1
        before = self.city.lost, len(self.city.spoiled)
        self.time.stopped = False
        self.time.deadline = self.time.at + timedelta(minutes=30)
        try:
            with self._held():
                pipeline = Pipeline(self.wanted, STAGES, self, self.scenario.wake, self.clock.now())
                run = Orchestrator(pipeline, marks=(7,), poll_now=by_hand)
                self._judge(run.run(tuple(self.wanted)))
        except KilledError:
            pass
        except EverleafError:
            self.lost_run = True
        finally:
            self.unlucky = before != (self.city.lost, len(self.city.spoiled))
            self.dead, self.time.stopped, self.time.deadline = False, False, None
            self.kill_in = self.stop_in = self._second_run_in = -1

    def _lock(self) -> AbstractContextManager[None]:
        assert self._locks is not None
        return FileLock(self._locks, self.clock).held()

    @contextmanager
    def _held(self) -> Iterator[None]:
        """The true lock, in a run in ten, beside which another one is started somewhere."""
        if self._dice.random() > 0.1:
            yield
            return
        self._second_run_in = 1 + self._dice.randrange(EFFECTS)
        with self._lock():
            yield

    def _start_beside(self) -> None:
        try:
            with self._lock():
                self.oracle.violations.append("two runs at once")
        except LockedError:
            self.refused_runs += 1

    def _judge(self, report: Report) -> None:
        for one in report.happenings:
            if isinstance(one.seen, Failed) and one.seen.fault.code == "unexpected":
                self.oracle.violations.append(f"{one.certificate}: {one.seen.fault}")
