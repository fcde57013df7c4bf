"""All certificates of a run: polls, preparation side by side, batches, confirmation, alerts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from everleaf.core.certificate import Version
from everleaf.core.identifiers import key_of
from everleaf.core.job import Job
from everleaf.core.lifecycle import End, Stage
from everleaf.core.outcome import Due, Failed, Idle, Outcome
from everleaf.core.schedule import urgency
from everleaf.errors import EndOfTimeError, EverleafError, Fault
from everleaf.pipeline import Pipeline, failure
from everleaf.polling import look_at_clocks, poll, to_ask
from everleaf.report import Report
from everleaf.stages import reload
from everleaf.stages.withdraw import withdraw, withdrawal
from everleaf.telling import Teller

R = TypeVar("R")

_PREPARING = (Stage.ORDER, Stage.VALIDATE, Stage.VERIFY, Stage.INSTALL)
_TICK = 0.2


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

    def run(self, names: Sequence[str]) -> Report:
        """Do what is due for `names`, and tell who is to be told."""
        stopped, active = "", list(names)
        try:
            self._sweep()
            self._unpin(names)
            active = self._active(names)
            self._carry(active)
            self._poll(self._read(active), by_hand=False)
        except EndOfTimeError as error:
            stopped = error.fault.what
        look_at_clocks(self.pipeline.asked, self.pipeline.tools, self.pipeline.most_skew)
        teller = Teller(self.pipeline, self.marks)
        for name in active:
            self._each(name, teller.tell)
        failing = tuple(name for name in names if self._is_failing(name, active))
        for name, fault in self._broken.items():
            teller.tell_broken(name, fault)
        return Report(
            names=tuple(names),
            happenings=tuple(self.pipeline.happenings),
            failing=failing,
            stopped=stopped,
            next_at=self._next_at(names),
        )

    def _next_at(self, names: Sequence[str]) -> datetime | None:
        until = self.pipeline.waits_until
        if until is None:
            return None
        now = self.pipeline.tools.clock.now()
        decisions = [self.pipeline.read(name).decision() for name in names]
        times = [one.at for one in decisions if not one.due and now < one.at <= until]
        return min(times, default=None)

    def _sweep(self) -> None:
        try:
            self.pipeline.tools.shelf.sweep()
        except EverleafError as error:
            self.pipeline.tools.events.say(
                "warning", "leftovers could not be removed", certificate="", stage="order",
                words=str(error.fault),
            )  # fmt: skip

    def _each(self, name: str, call: Callable[[str], R]) -> R | None:
        """Call for one certificate: what is broken there, on disk or in its row, stops no other."""
        if name in self._broken:
            return None
        try:
            return call(name)
        except EndOfTimeError:
            raise
        except EverleafError as error:
            self._broken[name] = error.fault
            self.pipeline.broke(name, error.fault)
            return None

    def _read(self, names: Sequence[str]) -> list[Job]:
        jobs = (self._each(name, self.pipeline.read) for name in names)
        return [job for job in jobs if job is not None]

    def _is_failing(self, name: str, active: Sequence[str]) -> bool:
        if name in self._broken:
            return True
        return name in active and self.pipeline.tools.store.standing(name).is_failing

    def _active(self, names: Sequence[str]) -> list[str]:
        """Those with anything to do or to tell, the most urgent first, each with its turn.

        One reading is all that the others cost.
        """
        jobs = {job.name: job for job in self._read(names)}
        asked = self._poll(list(jobs.values()), by_hand=self.poll_now)
        jobs |= {job.name: job for job in self._read(asked)}
        active = by_urgency([job for job in jobs.values() if not self._is_quiet(job)])
        self.pipeline.allot(active)
        return [job.name for job in active]

    def _is_quiet(self, job: Job) -> bool:
        looks = (module.look(job) for module in self.pipeline.stages.values())
        if not job.standing.is_clear or not all(isinstance(one, Idle) for one in looks):
            return False
        return not Teller(self.pipeline, self.marks).due(job)

    def _poll(self, jobs: Sequence[Job], *, by_hand: bool) -> list[str]:
        """Ask for renewal information where that is due; returns who was asked about."""
        asked = [
            (job.name, newest)
            for job in jobs
            if (newest := to_ask(job, by_hand=by_hand)) is not None
        ]
        if asked:
            tools, most_skew = self.pipeline.tools, self.pipeline.most_skew

            def ask(one: tuple[str, Version]) -> None:
                newest = one[1]
                self.pipeline.asked.add(newest.authority)
                self._each(
                    one[0],
                    lambda name: poll(name, newest, tools, most_skew=most_skew, by_hand=by_hand),
                )

            for _ in tools.executor.each(ask, asked):
                pass
        return [name for name, _ in asked]

    def _carry(self, names: Sequence[str]) -> None:
        """Prepare what is due side by side; deploy in batches; confirm each batch."""
        groups = self._groups(names)
        busy = [group for group in groups if any(self._to_prepare(name) for name in group)]
        self._arrived = [name for group in groups if group not in busy for name in group]
        if busy:
            self._prepare(busy)
        self._deploy(self._arrived)

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
            over = first is not None and clock.monotonic() - first
            if not early and over and over >= self.batch_wait.total_seconds():
                early = True
                batch, self._arrived = self._arrived, []
                self._deploy(batch)

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
        job = self._each(name, self.pipeline.read)
        if job is None:
            return False
        unwell = set(job.standing.troubles) | set(job.standing.waiting)
        looks = [self.pipeline.stages[stage].look(job) for stage in _PREPARING]
        # A trouble is taken back, and a hold told of, by walking there.
        return bool(unwell & set(_PREPARING)) or any(not isinstance(one, Idle) for one in looks)

    def _deploy(self, names: Sequence[str]) -> None:
        """One batch: reload together, then confirm each."""
        due = []
        for job in self._read(names):
            if isinstance(reload.look(job), Due):
                due.append(job)
            else:
                self._each(
                    job.name, lambda name: self.pipeline.walk(name, Stage.RELOAD, Stage.CONFIRM)
                )
        if due:
            self._together(due)
        self._confirm(names)
        # Whoever waited for a canary that is confirmed now.
        followers = [
            job
            for job in self._read(names)
            if job.wanted.canary and isinstance(reload.look(job), Due)
        ]
        if followers:
            self._together(followers)
            self._confirm([job.name for job in followers])
        self._withdraw(names)

    def _withdraw(self, names: Sequence[str]) -> None:
        """Take back what could not be confirmed, where the policy says so; the usual way back."""
        faults: dict[str, Fault] = {}
        for job in self._read(names):
            rejection = withdrawal(job)
            if rejection is not None:
                faults[job.name] = withdraw(job, rejection, self.pipeline.tools)
        if faults:
            self._together(self._read(list(faults)))
            self._confirm(list(faults))
        for name, fault in faults.items():
            self._each(name, partial(self._failed, fault))

    def _failed(self, fault: Fault, name: str) -> None:
        self.pipeline.record(name, Stage.RELOAD, Failed(fault))

    def _unpin(self, names: Sequence[str]) -> None:
        """By hand what was pinned by hand is let go."""
        for name in names if self.pipeline.force else ():
            self._each(
                name,
                lambda one: self.pipeline.tools.store.change(
                    one, lambda known: replace(known, pin=None)
                ),
            )

    def _together(self, jobs: Sequence[Job]) -> None:
        pipeline = self.pipeline
        for job in jobs:
            pipeline.tools.events.progress(job.name, Stage.RELOAD.value, "deploying")
        outcomes: dict[str, Outcome]
        try:
            outcomes = reload.together(jobs, pipeline.tools)
        except EndOfTimeError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug in a batch does not stop the others
            failed = failure(error, pipeline.tools, jobs[0].name, Stage.RELOAD)
            outcomes = dict.fromkeys((job.name for job in jobs), failed)
        for job in jobs:
            self._each(job.name, lambda name: pipeline.record(name, Stage.RELOAD, outcomes[name]))

    def _confirm(self, names: Sequence[str]) -> None:
        def confirm(name: str) -> None:
            self._each(name, lambda one: self.pipeline.walk(one, Stage.CONFIRM, End.STOP))

        due = []
        for name in names:
            look = self._each(name, lambda one: self.pipeline.look(one, Stage.CONFIRM))
            if isinstance(look, Due):
                due.append(name)
            else:
                confirm(name)
        if due:
            for _ in self.pipeline.tools.executor.each(confirm, due):
                pass


def by_urgency(jobs: Sequence[Job]) -> list[Job]:
    """The most urgent first: by the share of the lifetime that is left.

    One that a run was at work on when it ended goes behind the others, so that nobody starves
    where the same few take all of a short run.
    """
    return sorted(
        jobs,
        key=lambda job: (job.standing.cut_off, urgency(job.holding.newest, job.now), job.name),
    )
