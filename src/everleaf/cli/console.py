"""Output for people: aligned lines anywhere, progress and colour where a terminal watches."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import click

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
    from threading import Lock

    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

    lines: dict[str, tuple[str, str]] = {}
    lock = Lock()

    def draw() -> Table:
        grid = Table.grid(padding=(0, 2))
        for name in names:
            if name in lines:
                stage, state = lines[name]
                style = _COLOURS.get(state, "")
                grid.add_row(name, stage, f"[{style}]{state}[/]" if style else state)
        return grid

    with Live(draw(), console=Console(stderr=True), refresh_per_second=8) as live:

        def listen(certificate: str, stage: str, state: str) -> None:
            with lock:
                lines[certificate] = (stage, state)
                live.update(draw())

        yield listen
