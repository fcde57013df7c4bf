"""One batch: who goes live together, who is to blame for a failing check, who is reloaded."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from everleaf.core.blame import guilty
from everleaf.core.canary import awaits_canary, may_wait_for_others, quiet_until, waiting
from everleaf.core.certificate import Rejection, Version
from everleaf.core.job import Job
from everleaf.core.lifecycle import Stage
from everleaf.core.outcome import Done, Failed, Outcome
from everleaf.core.standing import Standing
from everleaf.errors import EverleafError, Fault
from everleaf.ports import HookResult
from everleaf.stages import verdicts
from everleaf.stages.calls import Calls
from everleaf.stages.contract import Tools
from everleaf.stages.takings import Takings


class Batch:
    """The deployment of several certificates at once.

    What is durable is written as soon as it is true: a killed batch is found again by the next
    run from the live links, `settled` and `taken`.

    Args:
        jobs: what is deployed.
        tools: the run's.
        beside: certificates that are no part of it, and may wait for a canary at its terminators:
            whoever is reloaded takes what is live of those, too.
    """

    def __init__(self, jobs: Sequence[Job], tools: Tools, beside: Sequence[Job] = ()) -> None:
        self._tools = tools
        targets = {job.name: job.candidate() for job in jobs}
        self._target = {name: version.id for name, version in targets.items() if version}
        self._jobs = {job.name: job for job in jobs if job.name in self._target}
        self._calls = Calls(self._jobs, tools)
        self._takings = Takings(self._jobs, tools)
        self._beside = beside
        self._waiting: dict[str, frozenset[str]] = {}  # by terminator, until something is switched
        self._live = {name: job.holding.live for name, job in self._jobs.items()}
        self._failed: dict[str, Fault] = {}
        self._out: set[str] = set()

    def deploy(self) -> dict[str, Outcome]:
        """Switch, check, reload; an outcome for every certificate of the batch."""
        for name in self._jobs:
            self._switch(name, self._target[name])
        # All checks come before the first reload.
        sound = [terminator for terminator in self._terminators() if self._check(terminator)]
        for terminator in sound:
            self._reload(terminator)
        return {name: self._outcome(name) for name in self._jobs}

    def _terminators(self) -> list[str]:
        """Those with something to take, each once, in the order of the configuration."""
        found = dict.fromkeys(
            terminator for job in self._jobs.values() for terminator in job.wanted.terminators
        )
        return [one for one in found if any(self._has_to(name, one) for name in self._members(one))]

    def _members(self, terminator: str) -> list[str]:
        return [
            name
            for name, job in self._jobs.items()
            if terminator in job.wanted.terminators and name not in self._out
        ]

    def _take_out(self, name: str, fault: Fault) -> None:
        """This one goes no further in this batch; the others do."""
        self._failed[name] = fault
        self._out.add(name)

    def _has_to(self, name: str, terminator: str) -> bool:
        """Whether the terminator has something to take of this certificate, and may try now."""
        job, version = self._fresh(name), self._target[name]
        if self._waits(job, terminator):
            return False
        standing = job.standing
        behind = standing.took(terminator).version != version or bool(standing.stale(terminator))
        until = job.next_reload(terminator, version)
        held = until is not None and until > job.now and not job.force
        return (behind and not held) or bool(job.holding.copies_behind)

    def _waits(self, job: Job, terminator: str) -> bool:
        """Whether the terminator is to wait: for a canary, or for the end of the quiet hours."""
        version = self._target[job.name]
        if awaits_canary(job, terminator, version) or quiet_until(job, terminator, version):
            return True
        if not may_wait_for_others(job, terminator, version):
            return False
        if terminator not in self._waiting:
            first = [name for name, one in self._jobs.items() if one.wanted.canary]
            lives = [(self._fresh(name), self._live[name]) for name in first]
            lives += [(one, one.holding.live) for one in self._beside]
            self._waiting[terminator] = waiting(terminator, lives)
        # What is live of all certificates is taken by one reload.
        return bool(self._waiting[terminator] - {job.name})

    def _fresh(self, name: str) -> Job:
        """The same with what is known, and the time, now."""
        now = self._tools.clock.now()
        return replace(self._jobs[name], standing=self._standing(name), now=now)

    def _switch(self, name: str, version: str) -> None:
        """Make a version live, with its copies; where that fails all of it stays as it was."""
        before, job = self._live[name], self._jobs[name]
        if before == version and not job.holding.copies_behind:
            return
        try:
            self._tools.shelf.switch(job.wanted, version)
        except EverleafError as error:
            self._take_out(name, error.fault)
            if before is not None and job.holding.version(before) is not None:
                with suppress(EverleafError):  # the copies are behind all the same
                    self._tools.shelf.switch(job.wanted, before)
            return
        if self._live[name] != version:
            now = self._tools.clock.now()
            self._tools.store.change(name, lambda known: replace(known, switched_at=now))
        self._live[name] = version
        self._waiting.clear()

    def _forward(self, names: Iterable[str]) -> None:
        for name in names:
            self._switch(name, self._target[name])

    def _back(self, names: Iterable[str]) -> None:
        for name in names:
            before = self._before(name)
            if before is not None:
                self._switch(name, before)

    def _before(self, name: str) -> str | None:
        """The version to switch back to: the settled one, or else what was live; another one."""
        holding = self._jobs[name].holding
        known = [holding.version(one) for one in (self._standing(name).settled, holding.live)]
        others = [one.id for one in known if one and one.id != self._target[name]]
        found = others[0] if others else None
        return None if found == holding.live and _is_placeholder(holding.live_version) else found

    def _goes_back(self, name: str) -> bool:
        """Whether this is the way back, which no failed reload undoes."""
        job, before = self._jobs[name], self._before(name)
        pinned = job.pinned()
        by_hand = pinned is not None and pinned.id == self._target[name]
        return by_hand or job.is_refused(before)

    def _check(self, terminator: str) -> bool:
        """Whether the terminator may be reloaded, guilty pairs having been kept back."""
        members = self._members(terminator)
        said = self._ask(terminator)
        if said.passed:
            return True
        suspects = [name for name in members if self._before(name) is not None]
        if suspects:
            self._back(suspects)
            if self._ask(terminator).passed:
                self._keep_back(terminator, suspects, said)
                return True
            self._forward(suspects)
        for name in members:
            if self._has_to(name, terminator):
                self._failed[name] = verdicts.broken(terminator, said.words)
        return False

    def _ask(self, terminator: str) -> HookResult:
        return self._calls.check(terminator, self._members(terminator))

    def _keep_back(self, terminator: str, suspects: Sequence[str], said: HookResult) -> None:
        """Find the guilty among `suspects`, all of which are switched back, and remember them."""
        words: dict[str, tuple[str, ...]] = {}
        blamed = guilty(suspects, self._trial(suspects, lambda: self._ask(terminator), words))
        self._back(sorted(blamed))
        self._forward(name for name in suspects if name not in blamed)
        for name in sorted(blamed):
            lines = words.get(name, said.words)
            self._remember(name, terminator, lines)
            fault = verdicts.refused(terminator, self._target[name], self._live[name], lines)
            self._take_out(name, fault)

    def _trial(
        self,
        suspects: Sequence[str],
        ask: Callable[[], HookResult],
        words: dict[str, tuple[str, ...]],
    ) -> Callable[[frozenset[str]], bool]:
        """Whether it passes with just these of the suspects forward; else `words` says why not."""

        def passes(forward: frozenset[str]) -> bool:
            self._back(name for name in suspects if name not in forward)
            self._forward(sorted(forward))
            said = ask()
            words.update(dict.fromkeys(() if said.passed else forward, said.words))
            return said.passed

        return passes

    def _remember(self, name: str, terminator: str, words: tuple[str, ...]) -> None:
        one = Rejection(
            version=self._target[name],
            terminator=terminator,
            hook=self._tools.terminators.digest(terminator),
            deployment=self._jobs[name].wanted.deployment,
            words=words,
            at=self._tools.clock.now(),
        )
        self._amend(name, one)

    def _amend(self, name: str, rejection: Rejection | None) -> None:
        """Write beside the version, where no lost state takes it away, that it is kept back."""
        holding = self._tools.shelf.holding(self._jobs[name].wanted)
        version = holding.version(self._target[name])
        if version is not None and version.rejection != rejection:
            self._tools.shelf.amend(name, replace(version, rejection=rejection))

    def _reload(self, terminator: str) -> None:
        members = [name for name in self._members(terminator) if self._has_to(name, terminator)]
        if not members:
            return
        said = self._calls.reload(terminator, members)
        bad = {name: said.of(name).words for name in members if not said.of(name).passed}
        alone = [name for name in bad if self._may_return(name)]
        asked = alone if said.each else members
        words = self._return(terminator, asked, alone, bad) if alone else bad
        for name in members:
            if name not in words:
                self._takings.took(name, terminator, self._target[name])
                continue
            live = None if self._live[name] == self._target[name] else self._live[name]
            self._failed[name] = verdicts.reload_failed(terminator, words[name], live)
            self._takings.missed(name, terminator, self._target[name])

    def _return(
        self,
        terminator: str,
        asked: Sequence[str],
        alone: Sequence[str],
        words: dict[str, tuple[str, ...]],
    ) -> dict[str, tuple[str, ...]]:
        """Who fails, and why, once what nobody serves yet is back; of several, just the guilty.

        Args:
            terminator: that could not be reloaded.
            asked: whom the hook is called for.
            alone: those of which the version before is taken again.
            words: why, of each that failed.
        """
        found = dict(words)
        passes = self._trial(alone, lambda: self._calls.reload(terminator, asked), found)
        nobody: frozenset[str] = frozenset()
        blamed = frozenset(alone)
        well = passes(nobody)
        if well and asked is not alone and len(alone) > 1:
            blamed = guilty(alone, passes)
            if not passes(frozenset(alone) - blamed):
                blamed, well = frozenset(alone), passes(nobody)
        self._out |= blamed
        if not well or asked is alone:
            return words
        return {name: found[name] for name in sorted(blamed)}

    def _may_return(self, name: str) -> bool:
        """Whether nobody has taken the new version, and the one before was well."""
        if self._before(name) is None or self._goes_back(name):
            return False
        taken = self._standing(name).taken.values()
        return not any(one.version == self._target[name] for one in taken)

    def _outcome(self, name: str) -> Outcome:
        if name in self._failed:
            return Failed(self._failed[name])
        job, version = self._jobs[name], self._target[name]
        standing = self._standing(name)
        behind = [one for one in job.wanted.terminators if standing.took(one).version != version]
        fresh = self._fresh(name)
        late = [one for one in behind if not self._waits(fresh, one)]
        if late:
            known = job.standing.troubles.get(Stage.RELOAD)
            return Failed(known.fault if known else verdicts.waits(late))
        if behind:
            news = job.holding.live != version
            return Done(f"version {version} is on disk; {', '.join(behind)} will follow", news)
        self._amend(name, None)
        self._takings.settled(name, version)
        return Done(f"version {version} is live")

    def _standing(self, name: str) -> Standing:
        return self._tools.store.standing(name)


def _is_placeholder(version: Version | None) -> bool:
    return version is not None and version.placeholder
