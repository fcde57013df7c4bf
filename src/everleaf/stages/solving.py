"""Which solver answers for an identifier, and by which kind of challenge."""

from collections.abc import Sequence
from dataclasses import dataclass

from everleaf.core.challenges import can
from everleaf.core.identifiers import Identifier
from everleaf.core.wanted import Wanted
from everleaf.ports import Authorization, Challenge, Solver
from everleaf.stages.contract import Tools


@dataclass(frozen=True, slots=True)
class Candidate:
    """A solver of the certificate's, by its name."""

    name: str
    solver: Solver

    def types_for(self, identifier: Identifier) -> tuple[str, ...]:
        """The kinds of challenge by which it can answer for this identifier."""
        return tuple(one for one in self.solver.types if can(one, identifier))


def candidates(wanted: Wanted, tools: Tools) -> tuple[Candidate, ...]:
    """The certificate's solvers, the preferred one first."""
    return tuple(Candidate(name, tools.solver(name)) for name in wanted.solvers)


def first_for(identifier: Identifier, known: Sequence[Candidate]) -> Candidate | None:
    """The solver that would answer, as far as that is known before an order."""
    return next((one for one in known if one.types_for(identifier)), None)


def choose(
    authorization: Authorization, known: Sequence[Candidate]
) -> tuple[Candidate, Challenge] | None:
    """The first solver that answers a challenge which is offered, and that challenge."""
    one, wildcard = authorization.identifier, authorization.wildcard
    for candidate in known:
        for wanted in candidate.solver.types:
            for challenge in authorization.challenges:
                if challenge.type == wanted and can(wanted, one, wildcard=wildcard):
                    return candidate, challenge
    return None
