"""`everleaf status`: where each certificate stands."""

import click

from everleaf.cli import FAILING, WRONG, Context, console, documents, session
from everleaf.cli.confirm import look_now
from everleaf.pipeline import Pipeline


@click.command("status")
@click.argument("names", nargs=-1)
@click.option("--probe", is_flag=True, help="Look from outside first.")
@click.option("--json", "as_json", is_flag=True, help="A JSON document on standard output.")
@click.pass_obj
def command(context: Context, names: tuple[str, ...], *, probe: bool, as_json: bool) -> int:
    """Say where NAMES stand, or every certificate: state, next order, who serves what."""
    settings = session.settings_of(context)
    picked = session.chosen(names, settings)
    tools = session.tools_for(context, settings, reading=not probe)
    pipeline = session.pipeline_of(settings, tools, force=probe)
    if probe:
        look_now(pipeline, picked, tools)
    known = set(tools.store.names()) | set(tools.shelf.names())
    orphaned = sorted(known - set(settings.certificates)) if not names else []
    found = [documents.status(pipeline.read(name)) for name in picked]
    if as_json:
        document = {"version": documents.VERSION, "certificates": found, "orphaned": orphaned}
        console.dump(document)
    else:
        for name in picked:
            _show(pipeline, name)
        for name in orphaned:
            click.echo(f"{name}: orphaned: on disk, not in the configuration (everleaf forget)")
    if settings.faults:
        return WRONG
    return FAILING if any(one["state"] == "failing" for one in found) else 0


def _show(pipeline: Pipeline, name: str) -> None:
    job = pipeline.read(name)
    live = job.holding.live_version
    end = documents.moment(live.earliest_end) if live else None
    click.echo(f"{name}: {documents.state(job)}")
    click.echo(f"  names: {', '.join(str(one) for one in job.wanted.identifiers)}")
    if live:
        click.echo(f"  live: version {live.id}, serial {live.serial}, ends {end}")
    renewal = documents.renewal(job)
    click.echo(f"  next order: {renewal['at']}, {renewal['reason']}: {renewal['why']}")
    for stage, trouble in job.standing.troubles.items():
        since = documents.moment(trouble.since)
        click.echo(f"  {stage} failing since {since}: {trouble.fault}")
    for stage, until in job.standing.waiting.items():
        click.echo(f"  {stage} waits until {documents.moment(until)}")
    if not job.wanted.endpoints:
        click.echo("  not confirmed, by choice")
    for one in job.standing.observations:
        words = f": {one.words}" if one.words else ""
        at = documents.moment(one.at)
        click.echo(f"  {one.endpoint} at {one.address or '-'}: {one.sight}, {at}{words}")
