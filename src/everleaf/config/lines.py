"""Which line a key of a TOML text stands on; asked only when something is wrong with it."""

import re
from bisect import bisect_right
from contextlib import suppress
from functools import cached_property

from everleaf.config.faults import Key

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_SCALAR = re.compile(r"[^,\]}\n#]*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|' r"'''.*?'{3,5}|" r'"(?:[^"\\\n]|\\.)*"|' r"'[^'\n]*'", re.DOTALL
)


class Lines:
    """The lines of the keys of one text, which is read once, when it is first asked about.

    Args:
        text: valid TOML.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def of(self, key: Key) -> int:
        """The line (from 1) of a key, or of the closest table around it; 1 where there is none.

        Args:
            key: tables and keys by name, places in lists by number.
        """
        for length in range(len(key), 0, -1):
            if key[:length] in self._known:
                return bisect_right(self._ends, self._known[key[:length]] - 1) + 1
        return 1

    @cached_property
    def _known(self) -> dict[Key, int]:
        return _Reader(self._text).read()

    @cached_property
    def _ends(self) -> list[int]:
        return [found.start() for found in re.finditer("\n", self._text)]


class _Reader:
    """Reads valid TOML just far enough to know where every key begins."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._known: dict[Key, int] = {}
        self._counts: dict[Key, int] = {}

    def read(self) -> dict[Key, int]:
        # Nothing of ours is nested deeply: of a text that is, the outer keys are enough.
        with suppress(RecursionError):
            self._document()
        return self._known

    def _document(self) -> None:
        table: Key = ()
        self._skip(_SPACE)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_SPACE)

    def _skip(self, pattern: "re.Pattern[str]") -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found.group()

    def _header(self) -> Key:
        start = self._at
        double = self._text.startswith("[[", start)
        self._at += 2 if double else 1
        key = self._placed(self._key())
        self._at += 2 if double else 1
        if double:
            count = self._counts.get(key, 0)
            self._counts[key] = count + 1
            self._note(key, start)
            key = (*key, count)
        self._note(key, start)
        return key

    def _placed(self, key: Key) -> Key:
        """Below an array of tables, the last one of it is meant."""
        placed: Key = ()
        for part in key:
            placed = (*placed, part)
            if placed in self._counts and len(placed) < len(key):
                placed = (*placed, self._counts[placed] - 1)
        return placed

    def _pair(self, table: Key) -> None:
        start = self._at
        key = (*table, *self._key())
        self._note(key, start)
        self._at += 1  # the equals sign
        self._skip(_BLANK)
        self._value(key)

    def _key(self) -> Key:
        parts: list[str] = []
        while True:
            self._skip(_BLANK)
            quoted = self._skip(_STRING)
            parts.append(_unquote(quoted) if quoted else self._skip(_BARE))
            self._skip(_BLANK)
            if not self._text.startswith(".", self._at):
                return tuple(parts)
            self._at += 1

    def _value(self, key: Key) -> None:
        match self._text[self._at : self._at + 1]:
            case "[":
                self._items(key, "]")
            case "{":
                self._items(key, "}")
            case '"' | "'":
                self._skip(_STRING)
            case _:
                self._skip(_SCALAR)

    def _items(self, key: Key, end: str) -> None:
        self._at += 1
        place = 0
        while True:
            self._skip(_SPACE)
            if self._text[self._at : self._at + 1] in (end, ""):
                self._at += 1
                return
            if end == "]":
                self._note((*key, place), self._at)
                self._value((*key, place))
                place += 1
            else:
                self._pair(key)
            self._skip(_SPACE)
            if self._text.startswith(",", self._at):
                self._at += 1

    def _note(self, key: Key, at: int) -> None:
        for length in range(1, len(key) + 1):
            self._known.setdefault(key[:length], at)


def _unquote(text: str) -> str:
    import tomllib

    value: str = tomllib.loads(f"x = {text}")["x"]
    return value
