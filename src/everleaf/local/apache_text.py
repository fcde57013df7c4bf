"""The grammar of Apache's configuration: directives, sections, continued lines, comments."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_WORD = re.compile(r"\"((?:\\.|[^\"\\])*)\"?|'((?:\\.|[^'\\])*)'?|(\S+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Statement:
    """One directive. `opens`: it begins a section; `closes`: it ends one."""

    name: str
    arguments: tuple[str, ...]
    line: int
    opens: bool = False
    closes: bool = False


def statements(text: str) -> Iterator[Statement]:
    """All of a text; names in lower case, as Apache compares them."""
    for number, line in _joined(text.removeprefix("\ufeff")):
        if line.startswith("</"):
            yield Statement(line[2:].rstrip("> \t").lower(), (), number, closes=True)
        elif line.startswith("<"):
            name, *arguments = words(line[1:].rstrip().removesuffix(">")) or [""]
            yield Statement(name.lower(), tuple(arguments), number, opens=True)
        elif line and not line.startswith("#"):
            name, *arguments = words(line)
            yield Statement(name.lower(), tuple(arguments), number)


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; one that ends in a backslash goes on in the next, a comment too."""
    begin, kept = 1, ""
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.removesuffix("\r")
        begin = begin if kept else number
        if line.endswith("\\"):
            kept += line[:-1] or " "
            continue
        yield begin, (kept + line).strip()
        kept = ""
    if kept:
        yield begin, kept.strip()


def words(line: str) -> list[str]:
    """The words of one line; in quotes a backslash stands before a quote or another."""
    found = []
    for one in _WORD.finditer(line):
        double, single, plain = one.groups()
        quoted = double if double is not None else single
        found.append(plain if quoted is None else re.sub(r"\\([\"'\\])", r"\1", quoted))
    return found
