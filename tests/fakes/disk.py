"""What every write of the fakes passes: where a disk fills, fails, or a run dies."""

from collections.abc import Callable
from dataclasses import dataclass, field


class KilledError(BaseException):
    """The run is over at once, as by SIGKILL: nothing of ours catches it."""


@dataclass(slots=True)
class Disk:
    """Counts effects; `fault` may raise before one of them."""

    fault: Callable[[str], None] = field(default=lambda _: None)
    effects: int = 0

    def write(self, what: str) -> None:
        """An effect is about to happen."""
        self.effects += 1
        self.fault(what)
