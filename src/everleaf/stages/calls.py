"""Calls of a batch's deploy hooks, each told of with what it said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from everleaf.core.job import Job
from everleaf.core.lifecycle import Stage
from everleaf.ports import Changed, HookResult
from everleaf.stages.contract import Tools


@dataclass(frozen=True, slots=True)
class Calls:
    """The two verbs of a hook, for certificates of one batch."""

    jobs: Mapping[str, Job]
    tools: Tools

    def check(self, terminator: str, names: Sequence[str]) -> HookResult:
        """Would the server take what is on disk now?"""
        said = self.tools.terminators.check(terminator, self._changed(names))
        self._say("check", terminator, names, said)
        return said

    def reload(self, terminator: str, names: Sequence[str]) -> HookResult:
        """Let the server take what is on disk now."""
        said = self.tools.terminators.reload(terminator, self._changed(names))
        self._say("reload", terminator, names, said)
        return said

    def _changed(self, names: Sequence[str]) -> tuple[Changed, ...]:
        return tuple(
            Changed(
                certificate=name,
                live=self.tools.shelf.live_path(name),
                lineage=self.tools.shelf.lineage_path(name),
                copies=tuple(str(copy.path) for copy in self.jobs[name].wanted.copies),
                identifiers=self.jobs[name].wanted.identifiers,
            )
            for name in names
        )

    def _say(self, verb: str, terminator: str, names: Sequence[str], said: HookResult) -> None:
        self.tools.events.say(
            "info" if said.passed else "warning",
            verb,
            certificate=", ".join(names),
            stage=Stage.RELOAD.value,
            terminator=terminator,
            passed=said.passed,
            words=list(said.words),
        )
