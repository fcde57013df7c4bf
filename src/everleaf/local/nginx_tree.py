"""nginx's configuration as a tree of directives, with all files that it includes."""

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from everleaf.local.included import DEEPEST, Including
from everleaf.local.nginx_text import Token, tokens
from everleaf.local.text import Directive


@dataclass(slots=True)
class Tree(Including):
    """Reads a file with its includes, which are relative to the folder of the first one."""

    folder: str

    def directives(
        self, text: str, file: str, around: tuple[str, ...], depth: int
    ) -> Iterator[Directive]:
        """Those of a file's text, included ones in their places."""
        return self._body(tokens(text), file, around, depth)

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
