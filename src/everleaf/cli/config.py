"""`everleaf config`: check, describe or begin the configuration."""

import os
from pathlib import Path

import click

from everleaf.cli import WRONG, Context, console
from everleaf.config.faults import ConfigError, ConfigFault


@click.group("config")
def command() -> None:
    """Check, describe or begin the configuration."""


@command.command("check")
@click.option("--json", "as_json", is_flag=True, help="A JSON document on standard output.")
@click.pass_obj
def check(context: Context, *, as_json: bool) -> int:
    """Say everything that is wrong with the configuration, with file, line and remedy."""
    from everleaf.cli.faults import show
    from everleaf.config.loading import load

    try:
        settings = load(context.config)
        faults, names, files = settings.faults, list(settings.certificates), settings.files
    except ConfigError as error:
        faults, names, files = error.faults, [], (context.config,)
    if as_json:
        console.dump(
            {"version": 1, "certificates": names, "faults": [_document(one) for one in faults]}
        )
    elif faults:
        show(faults)
    else:
        click.echo(f"{len(names)} certificates in {len(files)} files, nothing wrong")
    return WRONG if faults else 0


def _document(one: ConfigFault) -> dict[str, object]:
    return {
        "file": str(one.file),
        "line": one.line or None,
        "key": one.key or None,
        "what": one.what,
        "remedy": one.remedy,
    }


@command.command("schema")
@click.option("--included", is_flag=True, help="That of an included file.")
def schema(*, included: bool) -> int:
    """Print the JSON Schema of the configuration."""
    from everleaf.config.json_schema import json_schema

    console.dump(json_schema(included=included))
    return 0


@command.command("init")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.pass_obj
def init(context: Context, path: Path | None) -> int:
    """Write a commented file to start from to PATH (default: --config); never over another."""
    from everleaf.config.starting import TEXT

    target = path or context.config
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        raise click.UsageError(f"{target} is there already; nothing was written") from None
    except OSError as error:
        raise click.UsageError(f"{target} cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(TEXT)
    click.echo(f"{target} is written; next: everleaf --config {target} config check")
    return 0
