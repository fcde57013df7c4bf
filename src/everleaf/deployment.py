"""Batches: reloaded together, confirmed, followed where a canary went first, or taken back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from everleaf.core.certificate import Rejection
from everleaf.core.job import Job
from everleaf.core.lifecycle import End, Stage
from everleaf.core.outcome import Due, Failed, Outcome
from everleaf.errors import EndOfTimeError
from everleaf.pipeline import Pipeline, failure
from everleaf.stages import reload, verdicts
from everleaf.stages.withdraw import judge, withdraw, withdrawal

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
        """Whoever waited for a canary that is confirmed now, its own or another's."""
        if not any(self.pipeline.wanted[name].canary for name in names):
            return
        found = [self.each(name, self._to_reload) for name in names]
        followers = [job for job in found if job is not None and _follows(job)]
        if followers:
            self._together(followers)
            self._confirm([job.name for job in followers])

    def _withdraw(self, names: Sequence[str]) -> None:
        """Take back what could not be confirmed, where the policy says so; the usual way back."""
        found = {name: self.each(name, self._withdrawn) for name in names}
        rejected = {name: rejection for name, rejection in found.items() if rejection is not None}
        jobs = [self.each(name, self._unforced) for name in rejected]
        if rejected:
            self._together([job for job in jobs if job is not None])
            self._confirm(list(rejected))
        for name in rejected:
            self.each(name, lambda one: self._failed(one, rejected[one]))

    def _unforced(self, name: str) -> Job:
        """By hand a new version is asked for, and not one that was withdrawn."""
        return replace(self.pipeline.read(name), force=False)

    def _withdrawn(self, name: str) -> Rejection | None:
        job, tools = self._unforced(name), self.pipeline.tools
        rejections = withdrawal(job)
        if not rejections:
            judge(job, tools)
            return None
        withdraw(job, rejections, tools)
        return rejections[-1]

    def _failed(self, name: str, rejection: Rejection) -> None:
        """Say what came of it, with what stands in the way of it."""
        job = self.pipeline.read(name)
        trouble = job.standing.troubles.get(Stage.RELOAD)
        more = (trouble.fault.what, *trouble.fault.words) if trouble else ()
        words = (*rejection.words, *more)
        fault = verdicts.withdrawn(rejection.version, job.holding.live, words)
        self.pipeline.record(name, Stage.RELOAD, Failed(fault))

    def _together(self, jobs: Sequence[Job]) -> None:
        pipeline = self.pipeline
        for job in jobs:
            pipeline.tools.events.progress(job.name, Stage.RELOAD.value, "deploying")
        outcomes: dict[str, Outcome]
        try:
            outcomes = reload.together(jobs, pipeline.tools, self._beside(jobs))
        except EndOfTimeError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug in a batch does not stop the others
            failed = failure(error, pipeline.tools, jobs[0].name, Stage.RELOAD)
            outcomes = dict.fromkeys((job.name for job in jobs), failed)
        for job in jobs:
            self.each(job.name, lambda name: pipeline.record(name, Stage.RELOAD, outcomes[name]))

    def _beside(self, jobs: Sequence[Job]) -> list[Job]:
        """Other certificates of the same terminators that may wait for a canary."""
        names = {job.name for job in jobs}
        busy = {one for job in jobs for one in job.wanted.terminators}
        others = [
            one.name
            for one in self.pipeline.wanted.values()
            if one.canary and one.name not in names and busy & set(one.terminators)
        ]
        found = (self.each(name, self.pipeline.read) for name in others)
        return [job for job in found if job is not None]

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


def _follows(job: Job) -> bool:
    """Whether a terminator has not taken yet what is to be live."""
    candidate, took = job.candidate(), job.standing.took
    terminators = job.wanted.terminators
    return candidate is not None and any(took(one).version != candidate.id for one in terminators)
