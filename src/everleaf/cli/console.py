"""Output for people: aligned lines anywhere, progress and colour where a terminal watches."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

_COLOURS = {"done": "green", "failed": "red", "held": "yellow", "waiting": "cyan"}


class Listener(Protocol):
    """Takes what progress there is."""

    def __call__(self, certificate: str, stage: str, state: str) -> None:
        """One step of one certificate."""
        ...


def dump(document: object) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def table(rows: Sequence[Sequence[str]]) -> None:
    """Rows with their columns aligned; the last one as long as it is."""
    if not rows:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[-1]]).rstrip())


@contextmanager
def progress(names: Sequence[str], *, wanted: bool) -> Iterator[Listener | None]:
    """A line for each certificate that does something, while a terminal watches."""
    if not (wanted and sys.stderr.isatty()):
        yield None
        return
    board = _Board(names)
    try:
        yield board.listen
    finally:
        board.end()


class _Board:
    """The lines; drawn from the first step on, so that a run with nothing to do draws nothing."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._lines: dict[str, tuple[str, str]] = {}
        self._lock = Lock()
        self._live: Live | None = None

    def listen(self, certificate: str, stage: str, state: str) -> None:
        with self._lock:
            self._lines[certificate] = (stage, state)
            if self._live is None:
                self._live = self._begin()
            self._live.update(self._draw())

    def end(self) -> None:
        if self._live is not None:
            self._live.stop()

    @staticmethod
    def _begin() -> "Live":
        from rich.console import Console
        from rich.live import Live

        live = Live(console=Console(stderr=True), refresh_per_second=8)
        live.start()
        return live

    def _draw(self) -> "Table":
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        for name in self._names:
            if name in self._lines:
                stage, state = self._lines[name]
                grid.add_row(name, stage, Text(state, style=_COLOURS.get(state, "")))
        return grid
