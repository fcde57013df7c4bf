"""The grammar of nginx's configuration: words, quotes, blocks, comments, blocks of Lua."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SPACE = " \t\r\n"
_LONG = re.compile(r"\[(=*)\[")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, or one of `{`, `}` and `;` (`mark`)."""

    text: str
    line: int
    mark: bool = False


@dataclass(slots=True)
class _Text:
    text: str
    at: int = 0
    line: int = 1

    @property
    def here(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, count: int = 1) -> str:
        taken = self.text[self.at : self.at + count]
        self.at += len(taken)
        self.line += taken.count("\n")
        return taken

    def skip_to(self, end: str) -> None:
        """Past the next `end`, or to the end of the text."""
        found = self.text.find(end, self.at)
        self.take((found + len(end) if found >= 0 else len(self.text)) - self.at)


def tokens(text: str) -> Iterator[Token]:
    """All of a text; a body of Lua is left out, and what is cut off ends where the text ends."""
    source = _Text(text.removeprefix("\ufeff"))
    lua = False
    while source.here:
        line = source.line
        if source.here in _SPACE:
            source.take()
        elif source.here == "#":
            source.skip_to("\n")
        elif source.here in "{};":
            mark = source.take()
            yield Token(mark, line, mark=True)
            if mark == "{" and lua:
                _skip_lua(source)
                yield Token("}", source.line, mark=True)
            lua = False
        else:
            word = _word(source)
            lua = lua or word.endswith("_by_lua_block")
            yield Token(word, line)


def _word(source: _Text) -> str:
    """One word, its quotes taken away; `${name}` belongs to it."""
    if source.here in "\"'":
        return _quoted(source, source.take())
    found: list[str] = []
    while source.here and source.here not in _SPACE + ";{":
        if source.here == "\\":
            found.append(source.take(2))
        elif source.text.startswith("${", source.at):
            begin = source.at
            source.skip_to("}")
            found.append(source.text[begin : source.at])
        elif source.here == "}" and not found:
            break
        else:
            found.append(source.take())
    return "".join(found)


def _quoted(source: _Text, quote: str) -> str:
    found: list[str] = []
    while source.here and source.here != quote:
        one = source.take()
        if one == "\\" and source.here and source.here in quote + "\\":
            one = source.take()
        found.append(one)
    source.take()
    return "".join(found)


def _skip_lua(source: _Text) -> None:
    """Past the brace that closes the block; those in Lua's strings and comments do not count."""
    depth = 1
    while source.here and depth:
        long = _LONG.match(source.text, source.at)
        if source.text.startswith("--", source.at):
            source.take(2)
            long = _LONG.match(source.text, source.at)
            source.skip_to(f"]{long[1]}]" if long else "\n")
        elif long:
            source.skip_to(f"]{long[1]}]")
        elif source.here in "\"'":
            _quoted(source, source.take())
        else:
            depth += {"{": 1, "}": -1}.get(source.take(), 0)
