"""`everleaf forget`: remove what is left of a certificate that is no longer configured."""

import click

from everleaf.cli import Context, session


@click.command("forget")
@click.argument("name")
@click.pass_obj
def command(context: Context, name: str) -> int:
    """Remove keys, versions, state and history of NAME. Copies outside stay where they are."""
    settings = session.settings_of(context)
    if settings.faults:
        raise click.UsageError(
            "an included file is wrong: whether a certificate is still configured is not known; "
            "mend the file first, nothing was removed"
        )
    if name in settings.certificates:
        raise click.UsageError(
            f"{name!r} is still configured; take it out of the configuration first"
        )
    tools = session.tools_for(context, settings)
    with tools.lock.held():
        if name not in {*tools.store.names(), *tools.shelf.names()}:
            raise click.UsageError(f"nothing is known of {name!r}")
        tools.shelf.forget(name)
        tools.store.forget(name)
    click.echo(f"{name} is forgotten; copies outside the state directory were left alone")
    return 0
