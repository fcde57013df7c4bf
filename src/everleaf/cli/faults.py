"""Faults of the configuration for people: a line each, on standard error."""

from collections.abc import Iterable

import click

from everleaf.config.faults import ConfigFault


def show(faults: Iterable[ConfigFault]) -> None:
    """Print them."""
    for one in faults:
        click.echo(str(one), err=True)
