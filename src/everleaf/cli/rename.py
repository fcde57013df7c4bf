"""`everleaf rename`: a certificate under another name, its lineage kept."""

import click

from everleaf.cli import Context, session


@click.command("rename")
@click.argument("old")
@click.argument("new")
@click.pass_obj
def command(context: Context, old: str, new: str) -> int:
    """Let versions, state and history of OLD be those of NEW, which is in the configuration.

    Nothing is ordered for it; an order of NEW's own that is under way is given up. Rename the
    certificate in the configuration first; whoever reads the old live folder is to be told of the
    new one, which is printed.
    """
    settings = session.settings_of(context)
    if settings.faults:
        raise click.UsageError(
            "included files are wrong: nothing is renamed before they are mended"
        )
    session.chosen((new,), settings)
    if old in settings.certificates:
        raise click.UsageError(f"{old!r} is still configured; rename it in the configuration first")
    tools = session.tools_for(context, settings)
    with tools.lock.held():
        shelf, store = tools.shelf.names(), tools.store.names()
        if old not in {*shelf, *store}:
            raise click.UsageError(f"nothing is known of {old!r}")
        if tools.shelf.holding(settings.certificates[new]).versions and old in shelf:
            raise click.UsageError(f"{new!r} has versions of its own already")
        tools.shelf.rename(old, new)
        tools.store.rename(old, new)
    click.echo(f"{old} is {new} now; its live folder is {tools.shelf.live_path(new)}")
    return 0
