"""A workbench: the true pipeline and the true state directory, in a world that a test turns.

Time moves only when it is told to; the authority is in memory; edges serve what they took at
their last reload, and miss reloads or refuse pairs on command.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from everleaf.core.alerting import Alert
from everleaf.core.identifiers import parse
from everleaf.core.wanted import Endpoint, Wanted
from everleaf.errors import EndOfTimeError
from everleaf.orchestrator import Orchestrator, Report
from everleaf.pipeline import Pipeline
from everleaf.pki.certificates import split
from everleaf.pki.keys import OpensslKeys
from everleaf.ports import Changed, HookResult, Seen
from everleaf.stages import STAGES
from everleaf.store.shelf import DiskShelf
from everleaf.store.sqlite import SqliteStore
from everleaf.system.executor import Inline
from fakes.authority import MemoryAuthority
from fakes.solver import MemorySolver

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass(slots=True)
class TurnedClock:
    """Stands still until it is turned; sleeping turns it."""

    at: datetime = START
    deadline: datetime | None = None

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - START).total_seconds()

    def sleep(self, span: float) -> None:
        if timedelta(seconds=span) > self.remaining():
            raise EndOfTimeError("the run's deadline passed")
        self.at += timedelta(seconds=span)

    def remaining(self) -> timedelta:
        return self.deadline - self.at if self.deadline else timedelta(days=1)

    def turn(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass(slots=True)
class Dice:
    """Always the same."""

    value: float = 0.5

    def share(self) -> float:
        return self.value

    def token(self, size: int) -> str:
        return "00" * size


@dataclass(slots=True)
class Edges:
    """Terminators and what they serve: `ports.Terminators` and `ports.Probe` in one world.

    Attributes:
        calls: verb, terminator and certificates of every hook call.
        refuses: says why a terminator's test fails with what is live now, or nothing.
        deaf: terminators whose reload says that it worked, and changes nothing.
        broken: terminators whose reload fails, with its words.
        down: terminators that nobody reaches.
        served: chains by terminator and certificate.
    """

    live: Callable[[str], Path]
    calls: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    refuses: Callable[[str], str] = lambda _: ""
    deaf: set[str] = field(default_factory=set)
    broken: dict[str, str] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    served: dict[tuple[str, str], tuple[bytes, ...]] = field(default_factory=dict)
    hooks: str = "1"
    looks: int = 0

    def digest(self, terminator: str) -> str:
        return f"{terminator}-{self.hooks}"

    def check(self, terminator: str, changed: Sequence[Changed]) -> HookResult:
        self._called("check", terminator, changed)
        words = self.refuses(terminator)
        return HookResult(ok=not words, words=(words,) if words else ())

    def reload(self, terminator: str, changed: Sequence[Changed]) -> HookResult:
        self._called("reload", terminator, changed)
        if terminator in self.broken:
            return HookResult(ok=False, words=(self.broken[terminator],))
        if terminator not in self.deaf:
            for one in changed:
                chain = split((self.live(one.certificate) / "fullchain.pem").read_bytes())
                self.served[terminator, one.certificate] = chain
        return HookResult(ok=True)

    def _called(self, verb: str, terminator: str, changed: Sequence[Changed]) -> None:
        self.calls.append((verb, terminator, tuple(one.certificate for one in changed)))

    def look(self, address: str, port: int, server_name: str, timeout: float) -> Seen:
        del port, timeout
        self.looks += 1
        if address in self.down:
            return Seen(words="nothing listens there")
        chain = self.served.get((address, server_name.partition(".")[0]))
        return Seen(chain=chain) if chain else Seen(words="it sends no certificate")

    def count(self, verb: str) -> int:
        return sum(call[0] == verb for call in self.calls)


@dataclass(slots=True)
class Post:
    """Alerts as they were sent."""

    sent: list[Alert] = field(default_factory=list)

    def send(self, alert: Alert, context: Mapping[str, object]) -> None:
        del context
        self.sent.append(alert)


@dataclass(slots=True)
class Log:
    """Events as they were said."""

    lines: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)

    def say(self, level: str, event: str, **fields: object) -> None:
        self.lines.append((level, event, fields))

    def progress(self, certificate: str, stage: str, state: str) -> None:
        del certificate, stage, state


class NoResolver:
    """Every endpoint of a test lists its addresses."""

    def addresses(self, host: str) -> tuple[str, ...]:
        raise AssertionError(host)


@dataclass(slots=True)
class Bench:
    """The tools, and runs with them; an endpoint's address is its terminator's name."""

    folder: Path
    clock: TurnedClock = field(default_factory=TurnedClock)
    randomness: Dice = field(default_factory=Dice)
    keys: OpensslKeys = field(default_factory=OpensslKeys)
    alerts: Post = field(default_factory=Post)
    events: Log = field(default_factory=Log)
    executor: Inline = field(default_factory=Inline)
    resolver: NoResolver = field(default_factory=NoResolver)
    wanted: dict[str, Wanted] = field(default_factory=dict)
    wake: timedelta = timedelta(hours=1)
    trusts: bool = True
    shelf: DiskShelf = field(init=False)
    store: SqliteStore = field(init=False)
    ca: MemoryAuthority = field(init=False)
    edges: Edges = field(init=False)

    def __post_init__(self) -> None:
        self.shelf = DiskShelf(self.folder)
        self.store = SqliteStore(self.folder)
        self.ca = MemoryAuthority(self.clock)
        self.edges = Edges(lambda name: Path(self.shelf.live_path(name)))

    @property
    def terminators(self) -> Edges:
        return self.edges

    @property
    def probe(self) -> Edges:
        return self.edges

    def authority(self, name: str) -> MemoryAuthority:
        del name
        return self.ca

    def solver(self, name: str) -> MemorySolver:
        return MemorySolver(name, self.ca.responses)

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
            authority="memory",
            solver="memory",
            terminators=terminators,
            endpoints=endpoints,
        )
        self.wanted[name] = replace(one, **more)
        return self.wanted[name]

    def pipeline(self, *, force: bool = False) -> Pipeline:
        return Pipeline(self.wanted, STAGES, self, self.wake, self.clock.now(), force)

    def run(self, *, force: bool = False, poll_now: bool = False) -> Report:
        """One run, an instant long but for what it waits."""
        self.clock.turn(seconds=1)
        pipeline = self.pipeline(force=force)
        return Orchestrator(pipeline, marks=(14, 7), poll_now=poll_now).run(tuple(self.wanted))

    def stages(self, report: Report, name: str) -> list[str]:
        return [one.stage.value for one in report.happenings if one.certificate == name]

    def live(self, name: str) -> str | None:
        return self.shelf.holding(self.wanted[name]).live

    def versions(self, name: str) -> int:
        return len(self.shelf.holding(self.wanted[name]).versions)

    def code(self, name: str) -> str:
        """The code of the one fault of a certificate."""
        (trouble,) = self.store.standing(name).troubles.values()
        return trouble.fault.code
