"""Apache's configuration as a tree of directives: includes, conditions and definitions followed."""

import glob
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from everleaf.local.apache_text import Statement, statements
from everleaf.local.included import DEEPEST, Including
from everleaf.local.text import Directive

_VARIABLE = re.compile(r"\$\{([^}]+)\}")
_BUILT_IN = frozenset({"core.c", "http_core.c", "mod_so.c", "mod_unixd.c", "prefork.c"})


@dataclass(slots=True)
class Tree(Including):
    """Reads a file with its includes.

    Attributes:
        root: the ServerRoot, to which all paths are relative.
        defined: by `-D` and `Define`.
        modules: that were loaded so far, by `NAME_module` and by their file's name.
        environment: looks a variable up.
    """

    root: str
    defined: dict[str, str]
    environment: Callable[[str], str]
    modules: set[str] = field(default_factory=set)

    def path(self, name: str) -> str:
        """Absolute."""
        return str(Path(self.root, name))

    def directives(
        self, text: str, file: str, around: tuple[str, ...], depth: int
    ) -> Iterator[Directive]:
        """Those of a file's text, included ones in their places."""
        return self._body(statements(text), file, around, depth)

    def _body(
        self, given: Iterator[Statement], file: str, around: tuple[str, ...], depth: int
    ) -> Iterator[Directive]:
        for one in given:
            if one.closes:
                return
            arguments = tuple(self._filled(word) for word in one.arguments)
            if one.opens:
                here = Directive(name=one.name, arguments=arguments, file=file, line=one.line)
                yield from self._section(here, given, around, depth)
            else:
                yield from self._simple(
                    Directive(name=one.name, arguments=arguments, file=file, line=one.line),
                    around,
                    depth,
                )

    def _section(
        self,
        one: Directive,
        given: Iterator[Statement],
        around: tuple[str, ...],
        depth: int,
    ) -> Iterator[Directive]:
        if depth > DEEPEST or not self._holds(one.name, one.arguments):
            _skip(given)
            return
        inner = self._body(given, one.file, around, depth + 1)
        if one.name in {"ifmodule", "ifdefine", "ifversion", "iffile"}:
            yield from inner  # it makes no level
        else:
            yield replace(one, body=tuple(inner))

    def _simple(self, one: Directive, around: tuple[str, ...], depth: int) -> Iterator[Directive]:
        if one.name in {"include", "includeoptional"} and one.first:
            for path in self._included(one):
                yield from self.read(path, one.place, around, depth)
            return
        if one.name == "define" and one.first:
            self.defined[one.first] = one.arguments[1] if one.arguments[1:] else ""
        elif one.name == "undefine":
            self.defined.pop(one.first, None)
        elif one.name == "serverroot" and one.first:
            self.root = one.first
        elif one.name == "loadmodule" and one.arguments[1:]:
            self.modules |= {one.first, os.path.basename(one.arguments[1])[:-3]}  # noqa: PTH119 - a string
        yield one

    def _included(self, one: Directive) -> list[str]:
        """A file, all of a folder and those below it, or what a pattern matches."""
        path = self.path(one.first)
        if os.path.isdir(path):  # noqa: PTH112 - never raises
            return sorted(
                str(Path(folder, name)) for folder, _, names in os.walk(path) for name in names
            )
        if glob.has_magic(path):
            return sorted(glob.glob(path))  # noqa: PTH207 - any pattern
        optional = one.name == "includeoptional" and not os.path.lexists(path)
        return [] if optional else [path]

    def _filled(self, word: str) -> str:
        return _VARIABLE.sub(
            lambda found: self.defined.get(found[1]) or self.environment(found[1]) or found[0],
            word,
        )

    def _holds(self, name: str, arguments: tuple[str, ...]) -> bool:
        """Whether a section is read when the server starts; `<If>` is one of each request."""
        asked = arguments[0].removeprefix("!") if arguments else ""
        if name == "ifdefine":
            holds = asked in self.defined
        elif name == "ifmodule":
            file = asked.removesuffix(".c")
            holds = asked in self.modules or file in self.modules or asked in _BUILT_IN
        elif name == "iffile":
            holds = os.path.exists(self.path(asked))  # noqa: PTH110 - never raises
        else:
            return True
        return holds != arguments[0].startswith("!") if arguments else False


def _skip(given: Iterator[Statement]) -> None:
    """Past the end of the section."""
    depth = 1
    for one in given:
        depth += one.opens - one.closes
        if not depth:
            return
