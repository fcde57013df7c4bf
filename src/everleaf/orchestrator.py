"""All certificates of a run: polls, preparation side by side, batches, confirmation, alerts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from everleaf.core.identifiers import key_of
from everleaf.core.job import Job
from everleaf.core.lifecycle import Stage
from everleaf.core.outcome import Idle
from everleaf.core.schedule import urgency
from everleaf.deployment import Deployment
from everleaf.errors import EndOfTimeError, EverleafError, Fault
from everleaf.pipeline import Pipeline, failure
from everleaf.polling import Polls, Question, look_at_clocks, questions
from everleaf.report import Report
from everleaf.stages.by_hand import unpin
from everleaf.stages.withdraw import unjudged
from everleaf.telling import Teller

R = TypeVar("R")

_PREPARING = (Stage.ORDER, Stage.VALIDATE, Stage.VERIFY, Stage.INSTALL)
_TICK = 0.2
# So long questions are begun; then it is first done what is due by what is known.
_POLLING = timedelta(seconds=30)


@dataclass(slots=True)
class Orchestrator:
    """Runs a pipeline for many certificates.

    Attributes:
        marks: days before the end at which people are told.
        batch_wait: how long the first that arrived waits for those that are still preparing.
    """

    pipeline: Pipeline
    batch_wait: timedelta = timedelta(seconds=30)
    marks: tuple[int, ...] = ()
    poll_now: bool = False
    _arrived: list[str] = field(default_factory=list)
    _broken: dict[str, Fault] = field(default_factory=dict)
    _active: dict[str, None] = field(default_factory=dict)  # in the order in which they came
    _awaited: dict[str, datetime] = field(default_factory=dict)  # when their time comes
    _polls: Polls = field(init=False)
    _deployment: Deployment = field(init=False)

    def __post_init__(self) -> None:
        self._polls = Polls(self.pipeline.tools, self.pipeline.most_skew)
        self._deployment = Deployment(self.pipeline, self._each)

    def run(self, names: Sequence[str]) -> Report:
        """Do what is due for `names`, and tell who is to be told."""

        def do() -> None:
            self._unpin(names)
            self._rounds(names)
            self._poll(questions(self._read(list(self._active)), by_hand=False))

        return self._told_of(do, names)

    def deploy(self, names: Sequence[str]) -> Report:
        """Reload and confirm what is on disk, and nothing else: no authority is spoken to."""

        def do() -> None:
            self._active |= dict.fromkeys(names)
            self._deployment.deploy(names)

        return self._told_of(do, names)

    def _told_of(self, do: Callable[[], None], names: Sequence[str]) -> Report:
        """Do it, and tell who is to be told, also where the time is over."""
        stopped = ""
        try:
            self._sweep()
            do()
        except EndOfTimeError as error:
            stopped = error.fault.what
        asked, tools = sorted(self.pipeline.asked), self.pipeline.tools
        look_at_clocks(asked, tools, self.pipeline.most_skew)
        teller = Teller(self.pipeline, self.marks)
        for name in self._active:
            self._each(name, teller.tell)
        next_at = self._next_at(names)
        failing = tuple(name for name in names if self._is_failing(name))
        for name, fault in self._broken.items():
            teller.tell_broken(name, fault)
        return Report(
            names=tuple(names),
            happenings=tuple(self.pipeline.happenings),
            failing=failing,
            stopped=stopped,
            next_at=next_at,
        )

    def _rounds(self, names: Sequence[str]) -> None:
        """Ask, then do what is due; what could not be asked in time is asked in a next round.

        One reading is all that a certificate with nothing to do or to tell costs.
        """
        jobs = {job.name: job for job in self._read(names)}
        left = questions(jobs.values(), by_hand=self.poll_now)
        asked = self._poll(left)
        jobs |= {job.name: job for job in self._read(asked)}
        self._do(list(jobs.values()))
        while left := [one for one in left if one.name not in asked]:
            asked = self._poll(left)
            if not asked:
                return
            self._do(self._read(asked))

    def _do(self, jobs: Sequence[Job]) -> None:
        """What is due, the most urgent first, each with its turn."""
        active = by_urgency([job for job in jobs if self._is_active(job)])
        self.pipeline.allot(active)
        self._active |= dict.fromkeys(job.name for job in active)
        self._await([job for job in jobs if job.name not in self._active | self._broken])
        self._carry([job.name for job in active])

    def _await(self, jobs: Sequence[Job]) -> None:
        """Remember whose time comes while this run can wait for it."""
        until = self.pipeline.waits_until
        if until is not None:
            times = {job.name: job.decision().at for job in jobs}
            self._awaited = {name: at for name, at in times.items() if at <= until}

    def _next_at(self, names: Sequence[str]) -> datetime | None:
        """The next time at which there is something to do that this run can wait for."""
        until = self.pipeline.waits_until
        if until is None:
            return None
        now = self.pipeline.tools.clock.now()
        read, moments = self.pipeline.read, self.pipeline.moments
        found = [self._each(name, lambda one: tuple(moments(read(one)))) or () for name in names]
        return min((at for times in found for at in times if now < at <= until), default=None)

    def _sweep(self) -> None:
        try:
            self.pipeline.tools.shelf.sweep()
        except EverleafError as error:
            self.pipeline.tools.events.say(
                "warning", "leftovers could not be removed", certificate="", stage="order",
                words=str(error.fault),
            )  # fmt: skip

    def _each(self, name: str, call: Callable[[str], R]) -> R | None:
        """Call for one certificate: what is broken there, or a bug of ours, stops no other."""
        if name in self._broken:
            return None
        try:
            return call(name)
        except EndOfTimeError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug in one certificate stops no other
            fault = failure(error, self.pipeline.tools, name, Stage.ORDER).fault
            self._broken[name] = fault
            self.pipeline.broke(name, fault)
            return None

    def _read(self, names: Sequence[str]) -> list[Job]:
        jobs = (self._each(name, self.pipeline.read) for name in names)
        return [job for job in jobs if job is not None]

    def _is_failing(self, name: str) -> bool:
        if name in self._broken:
            return True
        return name in self._active and self.pipeline.tools.store.standing(name).is_failing

    def _is_active(self, job: Job) -> bool:
        return self._each(job.name, lambda _: self._is_quiet(job)) is False

    def _is_quiet(self, job: Job) -> bool:
        looks = (module.look(job) for module in self.pipeline.stages.values())
        if not job.standing.is_clear or not all(isinstance(one, Idle) for one in looks):
            return False
        if unjudged(job):
            return False
        return not Teller(self.pipeline, self.marks).due(job)

    def _poll(self, due: Sequence[Question]) -> list[str]:
        """Ask for renewal information, for a while; returns who was asked about."""
        asked: list[str] = []
        if not due:
            return asked
        clock = self.pipeline.tools.clock
        end = clock.monotonic() + _POLLING.total_seconds()

        def ask(one: Question) -> None:
            asked.append(one.name)
            self.pipeline.asked.add(one.newest.authority)
            self._each(one.name, lambda _: self._polls.ask(one))

        for _ in self.pipeline.tools.executor.each(ask, due, _TICK):
            if clock.monotonic() > end:
                break
        return asked

    def _carry(self, names: Sequence[str]) -> None:
        """Prepare what is due side by side; deploy in batches; confirm each batch."""
        groups = self._groups(names)
        busy = [
            group for group in groups if any(self._each(name, self._to_prepare) for name in group)
        ]
        self._arrived = [name for group in groups if group not in busy for name in group]
        if busy:
            self._prepare(busy)
        self._deployment.deploy(self._arrived)

    def _prepare(self, busy: Sequence[tuple[str, ...]]) -> None:
        """All groups side by side; a batch closes when each has come, or `batch_wait` is over.

        Without anything new at hand there is nothing to wait for, and no batch to close early.
        """
        clock = self.pipeline.tools.clock
        first: float | None = None
        early = False
        for arrival in self._arrivals(busy):
            if arrival is not None:
                self._arrived += arrival
                first = clock.monotonic() if first is None else first
            self._prepare_late()
            over = first is not None and clock.monotonic() - first
            if not early and over and over >= self.batch_wait.total_seconds():
                early = True
                batch, self._arrived = self._arrived, []
                self._deployment.deploy(batch)

    def _prepare_late(self) -> None:
        """Those whose time came while others are at work are not held up by them."""
        now = self.pipeline.tools.clock.now()
        late = [name for name, at in self._awaited.items() if at <= now]
        for name in late:
            del self._awaited[name]
        if late:
            self.pipeline.allot(by_urgency(self._read(late)))
            self._active |= dict.fromkeys(late)
            self._prepare(self._groups(late))

    def _arrivals(self, busy: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...] | None]:
        def prepare(group: tuple[str, ...]) -> tuple[str, ...]:
            # One after the other: an authority may hand both the same pending order.
            for name in group:
                self._each(name, lambda one: self.pipeline.walk(one, Stage.ORDER, Stage.RELOAD))
            return group

        for done in self.pipeline.tools.executor.each(prepare, busy, _TICK):
            yield None if done is None else done[1]

    def _groups(self, names: Sequence[str]) -> list[tuple[str, ...]]:
        """Same identifiers, one group: an authority may hand both the same pending order."""
        groups: dict[str, list[str]] = {}
        for name in names:
            key = key_of(self.pipeline.wanted[name].identifiers)
            groups.setdefault(key, []).append(name)
        return [tuple(group) for group in groups.values()]

    def _to_prepare(self, name: str) -> bool:
        job = self.pipeline.read(name)
        unwell = set(job.standing.troubles) | set(job.standing.waiting)
        looks = [self.pipeline.stages[stage].look(job) for stage in _PREPARING]
        # A trouble is taken back, and a hold told of, by walking there.
        return bool(unwell & set(_PREPARING)) or any(not isinstance(one, Idle) for one in looks)

    def _unpin(self, names: Sequence[str]) -> None:
        """By hand what was pinned by hand is let go."""
        wanted, tools = self.pipeline.wanted, self.pipeline.tools
        for name in names if self.pipeline.force else ():
            self._each(name, lambda one: unpin(wanted[one], tools))


def by_urgency(jobs: Sequence[Job]) -> list[Job]:
    """The most urgent first: by the share of the lifetime that is left.

    One that a run was at work on when it ended goes behind the others, so that nobody starves
    where the same few take all of a short run.
    """
    return sorted(
        jobs,
        key=lambda job: (job.standing.cut_off, urgency(job.holding.newest, job.now), job.name),
    )
