"""A solver whose responses stand in a dictionary that the fake authority reads."""

from dataclasses import dataclass, field

from everleaf.core.identifiers import Identifier
from everleaf.core.job import Trace
from everleaf.ports import Challenge


@dataclass(slots=True)
class MemorySolver:
    """The port `Solver`. `responses` is the world: it outlives the solver, as files do.

    `faults` are raised by the next `present`s.
    """

    name: str = "memory"
    responses: dict[str, str] = field(default_factory=dict, repr=False)
    types: tuple[str, ...] = ("http-01",)
    faults: list[Exception] = field(default_factory=list)

    def trace(self, identifier: Identifier, challenge: Challenge) -> Trace:
        return Trace(solver=self.name, identifier=str(identifier), place=challenge.token)

    def present(self, trace: Trace, challenge: Challenge) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.responses[trace.place] = challenge.key_authorization

    def remove(self, trace: Trace) -> None:
        self.responses.pop(trace.place, None)
