"""A configuration file with those that it includes: what nginx and Apache have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field

from everleaf.core.diagnosis import Finding
from everleaf.local.reading import UnreadError, read
from everleaf.local.text import Body, Directive

DEEPEST = 100
MOST = 10_000  # files, each counted as often as it is included


@dataclass(slots=True, kw_only=True)
class Including(ABC):
    """Reads a file with its includes.

    Attributes:
        findings: files that could not be read.
        files: all that were.
    """

    findings: list[Finding] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def read(self, path: str, place: str, around: tuple[str, ...] = (), depth: int = 0) -> Body:
        """The directives of a file; one that includes itself is read once."""
        if path in around or depth > DEEPEST or len(self.files) >= MOST:
            return ()
        try:
            text = read(path, "configuration file", place).decode("utf-8", "replace")
        except UnreadError as error:
            self.findings.append(error.finding)
            return ()
        self.files.append(path)
        return tuple(self.directives(text, path, (*around, path), depth + 1))

    @abstractmethod
    def directives(
        self, text: str, file: str, around: tuple[str, ...], depth: int
    ) -> Iterator[Directive]:
        """Those of a file's text, included ones in their places."""
