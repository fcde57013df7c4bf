"""Collects the faults of one file, each with its line."""

from dataclasses import dataclass, field
from pathlib import Path

from everleaf.config.faults import BadValueError, ConfigFault, Key, dotted
from everleaf.config.lines import Lines


@dataclass(slots=True)
class Report:
    """The faults of one file so far."""

    file: Path
    text: str = ""
    faults: list[ConfigFault] = field(default_factory=list)
    _spoilt: set[Key] = field(default_factory=set)
    _lines: Lines | None = None

    def add(self, key: Key, what: str, remedy: str, *, line: int | None = None) -> None:
        """One more; the line is looked up where it is not given."""
        if any(key[:length] in self._spoilt for length in range(1, len(key) + 1)):
            return
        found = line if line is not None else self._line(key)
        self.faults.append(
            ConfigFault(file=self.file, line=found, key=dotted(key), what=what, remedy=remedy)
        )

    def _line(self, key: Key) -> int:
        if self._lines is None:
            self._lines = Lines(self.text)
        return self._lines.of(key)

    def spoil(self, key: Key, what: str, remedy: str) -> None:
        """One more, of a value that is of no use: nothing further is said of it, or below it."""
        self.add(key, what, remedy)
        self._spoilt.add(key)

    def take(self, key: Key, error: BadValueError) -> None:
        """One more, from a value that was refused."""
        self.add(key, error.what, error.remedy)
