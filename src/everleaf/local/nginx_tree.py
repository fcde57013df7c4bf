"""nginx's configuration as a tree of directives, with all files that it includes."""

import glob
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from everleaf.core.diagnosis import Finding
from everleaf.local.nginx_text import Token, tokens
from everleaf.local.reading import UnreadError, read
from everleaf.local.text import Body, Directive

DEEPEST = 100
MOST = 10_000  # files, each counted as often as it is included


@dataclass(slots=True)
class Tree:
    """Reads a file with its includes, which are relative to the folder of the first one.

    Attributes:
        findings: files that could not be read.
        files: all that were.
    """

    folder: str
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
        return tuple(self._body(tokens(text), path, (*around, path), depth + 1))

    def _body(
        self, words: Iterator[Token], file: str, around: tuple[str, ...], depth: int
    ) -> Iterator[Directive]:
        line: list[Token] = []
        for one in words:
            if not one.mark:
                line.append(one)
            elif one.text == "}":
                return
            elif one.text == "{":
                body = tuple(self._body(words, file, around, depth + 1)) if depth < DEEPEST else ()
                yield _directive(line or [one], file, body)
                line = []
            elif line:
                yield from self._simple(_directive(line, file), around, depth)
                line = []

    def _simple(self, one: Directive, around: tuple[str, ...], depth: int) -> Iterator[Directive]:
        if one.name != "include" or not one.first:
            yield one
            return
        path = str(Path(self.folder, one.first))
        found = sorted(glob.glob(path)) if glob.has_magic(path) else [path]  # noqa: PTH207 - any pattern
        for part in found:
            yield from self.read(part, one.place, around, depth)


def _directive(
    line: list[Token], file: str, body: tuple[Directive, ...] | None = None
) -> Directive:
    name, *arguments = (one.text for one in line)
    return Directive(name=name, arguments=tuple(arguments), file=file, line=line[0].line, body=body)
