"""One batch: who goes live together, who is to blame for a failing check, who is reloaded."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from everleaf.core.backoff import Attempts
from everleaf.core.blame import guilty
from everleaf.core.canary import awaits_canary
from everleaf.core.certificate import Rejection, Version
from everleaf.core.job import Job
from everleaf.core.lifecycle import Stage
from everleaf.core.outcome import Done, Failed, Outcome
from everleaf.core.standing import Standing, Taken
from everleaf.errors import EverleafError, Fault
from everleaf.ports import Changed, HookResult
from everleaf.stages import verdicts
from everleaf.stages.contract import Tools


class Batch:
    """The deployment of several certificates at once.

    What is durable is written as soon as it is true: a killed batch is found again by the next
    run from the live links, `settled` and `taken`.
    """

    def __init__(self, jobs: Sequence[Job], tools: Tools) -> None:
        self._tools = tools
        targets = {job.name: job.candidate() for job in jobs}
        self._target = {name: version.id for name, version in targets.items() if version}
        self._jobs = {job.name: job for job in jobs if job.name in self._target}
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
        job, standing = self._jobs[name], self._standing(name)
        taken = standing.took(terminator)
        behind = taken.version != self._target[name] or bool(standing.stale(terminator))
        now = self._tools.clock.now()
        fresh = replace(job, standing=standing, now=now)
        if awaits_canary(fresh, terminator, self._target[name]):
            return False
        until = fresh.next_reload(terminator, self._target[name])
        held = until is not None and until > now and not job.force
        return (behind and not held) or bool(job.holding.copies_behind)

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
        members = self._members(terminator)
        said = self._tools.terminators.check(terminator, self._changed(members))
        self._say("check", terminator, members, said)
        return said

    def _keep_back(self, terminator: str, suspects: Sequence[str], said: HookResult) -> None:
        """Find the guilty among `suspects`, all of which are switched back, and remember them."""
        words: dict[str, tuple[str, ...]] = {}

        def passes(forward: frozenset[str]) -> bool:
            self._back(name for name in suspects if name not in forward)
            self._forward(sorted(forward))
            answer = self._ask(terminator)
            for name in forward if not answer.passed else ():
                words[name] = answer.words
            return answer.passed

        blamed = guilty(suspects, passes)
        self._back(sorted(blamed))
        self._forward(name for name in suspects if name not in blamed)
        for name in sorted(blamed):
            lines = words.get(name, said.words)
            self._remember(name, terminator, lines)
            fault = verdicts.refused(terminator, self._target[name], self._live[name], lines)
            self._take_out(name, fault)

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
        said = self._tools.terminators.reload(terminator, self._changed(members))
        self._say("reload", terminator, members, said)
        for name in members if said.passed else ():
            self._take(name, terminator)
        if said.passed:
            return
        alone = [name for name in members if self._may_return(name)]
        if alone:
            # Nobody serves the new version yet: the one before is live, and is taken, again.
            self._back(alone)
            self._out |= set(alone)
            again = self._tools.terminators.reload(terminator, self._changed(members))
            self._say("reload", terminator, members, again)
        now = self._tools.clock.now()
        for name in members:
            live = self._live[name] if name in alone else None
            self._failed[name] = verdicts.reload_failed(terminator, said.words, live)
            missed = self._standing(name).took(terminator).missed(self._target[name], now)
            self._write_taken(name, terminator, missed)

    def _take(self, name: str, terminator: str) -> None:
        version, now = self._target[name], self._tools.clock.now()
        before = self._standing(name).took(terminator)
        taken = Taken(version=version, at=now, tried=version, attempts=Attempts())
        if self._standing(name).stale(terminator):
            # A reload because of a stale edge counts as missed until the edge is confirmed.
            taken = replace(before.missed(version, now), at=now)
        self._write_taken(name, terminator, taken, settled=version)

    def _write_taken(
        self, name: str, terminator: str, taken: Taken, settled: str | None = None
    ) -> None:
        self._tools.store.change(
            name,
            lambda known: (
                known.with_taken(terminator, taken).settle(settled, self._awaited(name))
                if settled
                else known.with_taken(terminator, taken)
            ),
        )

    def _awaited(self, name: str) -> tuple[str, ...]:
        """Where a version that is settled now is to be judged."""
        endpoints = self._jobs[name].wanted.endpoints
        return tuple(one.key for one in endpoints if not one.optional)

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
        fresh = replace(job, standing=standing)
        if behind and all(awaits_canary(fresh, one, version) for one in behind):
            return Done(f"{job.wanted.canary} has version {version}; the others follow it")
        if behind:
            known = job.standing.troubles.get(Stage.RELOAD)
            return Failed(known.fault if known else verdicts.waits(behind))
        self._amend(name, None)
        self._tools.store.change(name, lambda known: known.settle(version, self._awaited(name)))
        return Done(f"version {version} is live")

    def _changed(self, names: Sequence[str]) -> tuple[Changed, ...]:
        return tuple(
            Changed(
                certificate=name,
                live=self._tools.shelf.live_path(name),
                lineage=self._tools.shelf.lineage_path(name),
                copies=tuple(str(copy.path) for copy in self._jobs[name].wanted.copies),
                identifiers=self._jobs[name].wanted.identifiers,
            )
            for name in names
        )

    def _say(self, verb: str, terminator: str, members: Sequence[str], said: HookResult) -> None:
        self._tools.events.say(
            "info" if said.passed else "warning",
            verb,
            certificate=", ".join(members),
            stage=Stage.RELOAD.value,
            terminator=terminator,
            passed=said.passed,
            words=list(said.words),
        )

    def _standing(self, name: str) -> Standing:
        return self._tools.store.standing(name)


def _is_placeholder(version: Version | None) -> bool:
    return version is not None and version.placeholder
