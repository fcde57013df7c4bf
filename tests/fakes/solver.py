"""A solver whose responses stand in a dictionary that the fake authority reads."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from everleaf.core.identifiers import Identifier
from everleaf.core.job import Trace
from everleaf.ports import Challenge, Concern


@dataclass(slots=True)
class MemorySolver:
    """The port `Solver`. `responses` is the world: it outlives the solver, as files do.

    `faults` are raised by the next `present`s.
    """

    name: str = "memory"
    responses: dict[str, str] = field(default_factory=dict, repr=False)
    types: tuple[str, ...] = ("http-01",)
    faults: list[Exception] = field(default_factory=list)
    concerns: tuple[Concern, ...] = ()
    binds_account: bool = False

    def trace(self, identifier: Identifier, challenge: Challenge) -> Trace:
        return Trace(solver=self.name, identifier=str(identifier), place=challenge.token)

    def present(self, trace: Trace, challenge: Challenge) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.responses[trace.place] = challenge.key_authorization

    def settle(self, presented: Sequence[tuple[Trace, Challenge]]) -> None:
        assert all(trace.place in self.responses for trace, _ in presented)

    def inspect(self, identifiers: Sequence[Identifier]) -> tuple[Concern, ...]:
        asked = {str(one) for one in identifiers}
        return tuple(one for one in self.concerns if one.identifier in asked)

    def remove(self, trace: Trace) -> None:
        self.responses.pop(trace.place, None)
