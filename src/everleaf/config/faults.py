"""Faults of a configuration: file, line, key, what is wrong, what would be right."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from everleaf.errors import Actor, EverleafError, Fault

Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ConfigFault:
    """One fault. `line` counts from 1; 0 where the file as a whole is meant."""

    file: Path
    line: int
    key: str
    what: str
    remedy: str

    def __str__(self) -> str:
        """The one line that people read."""
        where = f"{self.file}:{self.line}" if self.line else str(self.file)
        key = f" {self.key}:" if self.key else ""
        return f"{where}:{key} {self.what}; {self.remedy}"


class ConfigError(EverleafError):
    """The configuration cannot be used; `faults` are all that were found."""

    def __init__(self, faults: Iterable[ConfigFault]) -> None:
        self.faults = tuple(faults)
        super().__init__(
            Fault(
                actor=Actor.OPERATOR,
                code="configuration",
                what="the configuration is wrong",
                words=tuple(str(one) for one in self.faults),
            )
        )


class BadValueError(ValueError):
    """A value is wrong; `remedy` says what would be right."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


def shown(value: object, longest: int = 60) -> str:
    """A value as it is quoted in a fault: no longer than a line of a terminal."""
    text = repr(value)
    return text if len(text) <= longest else text[: longest - 3] + "..."


def dotted(key: Key) -> str:
    """A key as it is written in TOML, list places in brackets."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = part.replace("-", "").replace("_", "").isalnum() and part.isascii()
            text += ("." if text else "") + (part if bare else f'"{part}"')
    return text


def meant(word: str, known: Iterable[str]) -> str:
    """What would be right in place of an unknown word."""
    words = sorted(known)
    near = difflib.get_close_matches(word, words, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known here: {', '.join(words)}" if words else "none is configured: add it first"
