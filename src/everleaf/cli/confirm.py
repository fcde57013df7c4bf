"""`everleaf confirm`: look from outside, and do nothing else."""

from collections.abc import Sequence

import click

from everleaf.bootstrap import Workshop
from everleaf.cli import FAILING, WRONG, Context, console, documents, session
from everleaf.cli.attempts import attempt
from everleaf.core.job import Job
from everleaf.core.lifecycle import Stage
from everleaf.errors import Fault
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
    unlooked = look_now(pipeline, picked, tools)
    jobs, unread = attempt(pipeline, picked, pipeline.read)
    faults = unlooked | unread
    seen = {name: job.standing.observations for name, job in jobs.items()}
    bad = any(one.sight.is_failing and not one.optional for found in seen.values() for one in found)
    if as_json:
        certificates = [
            {
                "name": name,
                "addresses": [documents.address(one) for one in seen.get(name, ())],
                "unreadable": documents.fault(faults[name]) if name in faults else None,
            }
            for name in picked
        ]
        console.dump({"version": documents.VERSION, "certificates": certificates})
    else:
        console.table(
            [
                (name, one.endpoint, one.address or "-", one.code or one.sight.value, one.words)
                for name, found in seen.items()
                for one in found
            ]
        )
        for name in picked:
            if name in faults:
                click.echo(f"{name}: {faults[name]}")
            elif not seen[name]:
                click.echo(f"{name}: {_why_not(jobs[name])}")
    if settings.faults:
        return WRONG
    return FAILING if bad or faults else 0


def look_now(pipeline: Pipeline, names: Sequence[str], tools: Workshop) -> dict[str, Fault]:
    """Let the confirming stage look, whatever was seen before; why it could not, by name."""

    def walk(name: str) -> dict[str, Fault]:
        _, faults = attempt(
            pipeline, (name,), lambda one: pipeline.walk(one, Stage.CONFIRM, Stage.ORDER)
        )
        return faults

    found: dict[str, Fault] = {}
    with session.stoppable(tools), tools.lock.held():
        for done in tools.executor.each(walk, names):
            found |= done[1] if done is not None else {}
    return found


def _why_not(job: Job) -> str:
    if not job.wanted.endpoints:
        return "not confirmed, by choice"
    return (
        "nothing to look for: no version is live" if job.holding.live is None else "not looked at"
    )
