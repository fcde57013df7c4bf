"""What terminators took, and the reloads that came to nothing, written down as soon as it is so."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from everleaf.core.job import Job
from everleaf.core.standing import Standing, Taken
from everleaf.stages.contract import Tools


@dataclass(frozen=True, slots=True)
class Takings:
    """The records of one batch."""

    jobs: Mapping[str, Job]
    tools: Tools

    def took(self, name: str, terminator: str, version: str) -> None:
        """The terminator took this version, which is settled with that."""
        now, awaited = self.tools.clock.now(), self._awaited(name)

        def change(known: Standing) -> Standing:
            taken = Taken(version=version, at=now, tried=version)
            if known.took(terminator).version == version and known.stale(terminator):
                # A reload because of a stale edge counts as missed until the edge is confirmed.
                taken = replace(known.took(terminator).missed(version, now), at=now)
            return known.with_taken(terminator, taken).settle(version, awaited)

        self.tools.store.change(name, change)

    def missed(self, name: str, terminator: str, version: str) -> None:
        """A reload for this version came to nothing."""
        now = self.tools.clock.now()
        self.tools.store.change(
            name,
            lambda known: known.with_taken(terminator, known.took(terminator).missed(version, now)),
        )

    def settled(self, name: str, version: str) -> None:
        """All terminators have this version, or there is none."""
        awaited = self._awaited(name)
        self.tools.store.change(name, lambda known: known.settle(version, awaited))

    def _awaited(self, name: str) -> tuple[str, ...]:
        """Where a version that is settled now is to be judged."""
        endpoints = self.jobs[name].wanted.endpoints
        return tuple(one.key for one in endpoints if not one.optional)
