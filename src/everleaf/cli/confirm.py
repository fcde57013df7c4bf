"""`everleaf confirm`: look from outside, and do nothing else."""

from collections.abc import Sequence

import click

from everleaf.bootstrap import Workshop
from everleaf.cli import FAILING, WRONG, Context, console, documents, session
from everleaf.core.lifecycle import Stage
from everleaf.pipeline import Pipeline


@click.command("confirm")
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="A JSON document on standard output.")
@click.pass_obj
def command(context: Context, names: tuple[str, ...], *, as_json: bool) -> int:
    """Look at every address of NAMES, or of every certificate, now. Reloads and orders nothing."""
    settings = session.settings_of(context)
    picked = session.chosen(names, settings)
    tools = session.tools_for(context, settings, deadline=settings.deadline)
    pipeline = session.pipeline_of(settings, tools, force=True)
    look_now(pipeline, picked, tools)
    seen = {name: pipeline.read(name).standing.observations for name in picked}
    bad = any(one.sight.is_failing and not one.optional for found in seen.values() for one in found)
    if as_json:
        certificates = [
            {"name": name, "addresses": [documents.address(one) for one in found]}
            for name, found in seen.items()
        ]
        console.dump({"version": documents.VERSION, "certificates": certificates})
    else:
        console.table(
            [
                (name, one.endpoint, one.address or "-", one.sight.value, one.words)
                for name, found in seen.items()
                for one in found
            ]
        )
        for name, found in seen.items():
            if not found:
                click.echo(f"{name}: {_why_not(pipeline, name)}")
    if settings.faults:
        return WRONG
    return FAILING if bad else 0


def look_now(pipeline: Pipeline, names: Sequence[str], tools: Workshop) -> None:
    """Let the confirming stage look, whatever was seen before."""
    with session.stoppable(tools), tools.lock.held():
        for _ in tools.executor.each(
            lambda name: pipeline.walk(name, Stage.CONFIRM, Stage.ORDER), names
        ):
            pass


def _why_not(pipeline: Pipeline, name: str) -> str:
    job = pipeline.read(name)
    if not job.wanted.endpoints:
        return "not confirmed, by choice"
    return (
        "nothing to look for: no version is live" if job.holding.live is None else "not looked at"
    )
