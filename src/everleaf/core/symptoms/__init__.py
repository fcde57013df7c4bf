"""What can be wrong with a TLS server: one row for each thing that is told apart.

The rows stand in modules by where they are found; `ALL` in `everleaf.core.symptoms.table` has all
of them, the one that is told first at its head.
"""

from dataclasses import dataclass
from enum import StrEnum


class Weight(StrEnum):
    """Whether somebody must act."""

    FAULT = "fault"  # some client fails, or will soon
    NOTICE = "notice"  # worth knowing; the server is healthy all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """One row.

    Attributes:
        code: stable, for programs.
        rank: of several, the one with the lowest rank is told first: what hides others, and
            what keeps more clients away, comes before.
        meaning: what it is and why it matters, a sentence for the documentation.
        check: what to check first, an imperative without a full stop.
    """

    code: str
    rank: int
    meaning: str
    check: str
    weight: Weight = Weight.FAULT
