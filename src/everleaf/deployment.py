"""Batches: reloaded together, confirmed, followed where a canary went first, or taken back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from everleaf.core.job import Job
from everleaf.core.lifecycle import End, Stage
from everleaf.core.outcome import Due, Failed, Outcome
from everleaf.errors import EndOfTimeError, Fault
from everleaf.pipeline import Pipeline, failure
from everleaf.stages import reload
from everleaf.stages.withdraw import withdraw, withdrawal

R = TypeVar("R")


class Each(Protocol):
    """Calls for one certificate, so that what is broken there stops no other."""

    def __call__(self, name: str, call: Callable[[str], R]) -> R | None:
        """What the call came to; None where it is broken."""
        ...


@dataclass(frozen=True, slots=True)
class Deployment:
    """Deploys what has arrived."""

    pipeline: Pipeline
    each: Each

    def deploy(self, names: Sequence[str]) -> None:
        """One batch: reload together, then confirm each."""
        due: list[Job] = []
        for name in names:
            job = self.each(name, self._to_reload)
            if job is not None:
                due.append(job)
            else:
                self.each(name, lambda one: self.pipeline.walk(one, Stage.RELOAD, Stage.CONFIRM))
        if due:
            self._together(due)
        self._confirm(names)
        self._follow(names)
        self._withdraw(names)

    def _to_reload(self, name: str) -> Job | None:
        job = self.pipeline.read(name)
        return job if isinstance(reload.look(job), Due) else None

    def _follow(self, names: Sequence[str]) -> None:
        """Whoever waited for a canary that is confirmed now."""
        waited = [name for name in names if self.pipeline.wanted[name].canary]
        found = [self.each(name, self._to_reload) for name in waited]
        followers = [job for job in found if job is not None]
        if followers:
            self._together(followers)
            self._confirm([job.name for job in followers])

    def _withdraw(self, names: Sequence[str]) -> None:
        """Take back what could not be confirmed, where the policy says so; the usual way back."""
        found = {name: self.each(name, self._withdrawn) for name in names}
        faults = {name: fault for name, fault in found.items() if fault is not None}
        jobs = [self.each(name, self.pipeline.read) for name in faults]
        if faults:
            self._together([job for job in jobs if job is not None])
            self._confirm(list(faults))
        for name, fault in faults.items():
            self.each(name, partial(self._failed, fault))

    def _withdrawn(self, name: str) -> Fault | None:
        job = self.pipeline.read(name)
        rejection = withdrawal(job)
        return withdraw(job, rejection, self.pipeline.tools) if rejection is not None else None

    def _failed(self, fault: Fault, name: str) -> None:
        self.pipeline.record(name, Stage.RELOAD, Failed(fault))

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
            self.each(job.name, lambda name: pipeline.record(name, Stage.RELOAD, outcomes[name]))

    def _confirm(self, names: Sequence[str]) -> None:
        def confirm(name: str) -> None:
            self.each(name, lambda one: self.pipeline.walk(one, Stage.CONFIRM, End.STOP))

        due = []
        for name in names:
            look = self.each(name, lambda one: self.pipeline.look(one, Stage.CONFIRM))
            if isinstance(look, Due):
                due.append(name)
            else:
                confirm(name)
        if due:
            for _ in self.pipeline.tools.executor.each(confirm, due):
                pass
