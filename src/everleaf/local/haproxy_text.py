"""The grammar of haproxy's configuration: sections of lines, words, quotes, comments."""

from collections.abc import Iterator
from dataclasses import dataclass

SECTIONS = frozenset(
    {
        *("global", "defaults", "frontend", "backend", "listen", "peers", "mailers", "resolvers"),
        *("userlist", "cache", "program", "ring", "http-errors", "fcgi-app", "log-forward"),
        *("crt-store", "traces", "acme"),
    }
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its section's keyword, and its words."""

    section: str
    words: tuple[str, ...]
    file: str
    number: int

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.file}:{self.number}"

    def after(self, word: str) -> list[str]:
        """What follows each occurrence of a word."""
        return [self.words[at + 1] for at, one in enumerate(self.words[:-1]) if one == word]

    def option(self, word: str) -> str:
        """What follows its last occurrence; empty: it is not there."""
        return next(reversed(self.after(word)), "")


def lines(text: str, file: str) -> Iterator[Line]:
    """All lines that say something; of conditions (`.if`) both branches."""
    section = ""
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        words = split(raw)
        if not words or words[0].startswith("."):
            continue
        if words[0] in SECTIONS:
            section = words[0]
        yield Line(section, tuple(words), file, number)


def split(line: str) -> list[str]:
    """The words of one line (haproxy's manual, section 2.2): quotes join, `#` ends it."""
    found: list[str] = []
    word: list[str] | None = None
    quote = ""
    at = 0
    while at < len(line):
        one = line[at]
        at += 1
        if one == "\\" and quote != "'" and at < len(line):
            word = [*(word or ()), line[at]]
            at += 1
        elif quote:
            if one == quote:
                quote = ""
            else:
                word = [*(word or ()), one]
        elif one in "\"'":
            quote, word = one, word or []
        elif one in " \t\r":
            found += ["".join(word)] if word is not None else []
            word = None
        elif one == "#":
            break
        else:
            word = [*(word or ()), one]
    return [*found, "".join(word)] if word is not None else found
