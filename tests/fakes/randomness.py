"""Dice that fall as they are told to."""

from dataclasses import dataclass, field
from random import Random


@dataclass(slots=True)
class Dice:
    """The port `Randomness`: always the same share, and tokens in a row."""

    value: float = 0.5
    thrown: int = 0

    def share(self) -> float:
        return self.value

    def token(self, size: int) -> str:
        self.thrown += 1
        return f"{self.thrown:0{2 * size}x}"[-2 * size :]


@dataclass(slots=True)
class SeededDice:
    """The port `Randomness`: random, and the same again from the same seed."""

    source: Random = field(default_factory=lambda: Random(0))  # noqa: S311 - no secret

    def share(self) -> float:
        return self.source.random()

    def token(self, size: int) -> str:
        return self.source.randbytes(size).hex()
