"""Collects the faults of one file, each with its line."""

from dataclasses import dataclass, field
from pathlib import Path

from everleaf.config.faults import BadValueError, ConfigFault, Key, dotted
from everleaf.config.lines import line_of


@dataclass(slots=True)
class Report:
    """The faults of one file so far."""

    file: Path
    text: str = ""
    faults: list[ConfigFault] = field(default_factory=list)

    def add(self, key: Key, what: str, remedy: str, *, line: int | None = None) -> None:
        """One more; the line is looked up where it is not given."""
        found = line if line is not None else line_of(self.text, key)
        self.faults.append(
            ConfigFault(file=self.file, line=found, key=dotted(key), what=what, remedy=remedy)
        )

    def take(self, key: Key, error: BadValueError) -> None:
        """One more, from a value that was refused."""
        self.add(key, error.what, error.remedy)
