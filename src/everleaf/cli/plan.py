"""`everleaf plan`: what a run would do, and why."""

import click

from everleaf.cli import WRONG, Context, console, documents, session
from everleaf.core.outcome import Due, Held
from everleaf.orchestrator import by_urgency


@click.command("plan")
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="A JSON document on standard output.")
@click.pass_obj
def command(context: Context, names: tuple[str, ...], *, as_json: bool) -> int:
    """Say what run would do for NAMES, or for every certificate. Changes nothing, asks nobody."""
    settings = session.settings_of(context)
    picked = session.chosen(names, settings)
    tools = session.tools_for(context, settings, reading=True)
    pipeline = session.pipeline_of(settings, tools)
    jobs = by_urgency([pipeline.read(name) for name in picked])
    pipeline.allot(jobs)
    picked = tuple(job.name for job in jobs)
    status = WRONG if settings.faults else 0
    if as_json:
        plans = [documents.plan(pipeline.read(name), pipeline.looks(name)) for name in picked]
        console.dump({"version": documents.VERSION, "certificates": plans})
        return status
    rows: list[tuple[str, str, str]] = []
    for name in picked:
        found = [
            (name, stage.value, _words(one))
            for stage, one in pipeline.looks(name).items()
            if isinstance(one, Due | Held)
        ]
        renewal = documents.renewal(pipeline.read(name))
        rows += found or [(name, "nothing", f"next order {renewal['at']}: {renewal['why']}")]
    console.table(rows)
    return status


def _words(one: Due | Held) -> str:
    if isinstance(one, Due):
        return one.why
    until = documents.moment(one.until)
    return f"{one.why}; not before {until}" if until else one.why
