"""Diagnoses as a test tells them, by address."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from everleaf.core.diagnosis import Diagnosis, Finding, Question, ranked

_KEPT = 100  # questions: a simulated life has many


@dataclass(slots=True)
class MemoryDoctor:
    """The port `Diagnostician`. `faults` are raised by the next looks.

    Attributes:
        findings: what is wrong at an address; where nothing is told of it, it is healthy.
        asked: the questions, in their order.
    """

    findings: dict[str, Sequence[Finding]] = field(default_factory=dict)
    asked: list[Question] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)

    def look(self, question: Question) -> Diagnosis:
        self.asked = [*self.asked[-_KEPT:], question]
        if self.faults:
            raise self.faults.pop(0)
        found = [one for at in question.addresses for one in self.findings.get(at, ())]
        return Diagnosis(place=question.place, findings=ranked(found))
