"""`everleaf plan`: what a run would do, and why."""

from collections.abc import Mapping

import click

from everleaf.cli import FAILING, WRONG, Context, console, documents, session
from everleaf.cli.attempts import attempt
from everleaf.core.job import Job
from everleaf.core.lifecycle import Stage
from everleaf.core.outcome import Due, Held, Look
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
    jobs, unread = attempt(pipeline, picked, pipeline.read)
    in_order = by_urgency(list(jobs.values()))
    pipeline.allot(in_order)

    def tell(name: str) -> tuple[documents.Document, list[tuple[str, str, str]]]:
        job, looks = pipeline.read(name), pipeline.looks(name)
        return documents.plan(job, looks), _rows(job, looks)

    found, faults = attempt(pipeline, [job.name for job in in_order], tell)
    faults = unread | faults
    if as_json:
        plans = [document for document, _ in found.values()]
        plans += [documents.unplanned(name, why) for name, why in faults.items()]
        console.dump({"version": documents.VERSION, "certificates": plans})
    else:
        rows = [row for _, rows in found.values() for row in rows]
        console.table(rows + [(name, "unreadable", str(why)) for name, why in faults.items()])
    if settings.faults:
        return WRONG
    return FAILING if faults else 0


def _rows(job: Job, looks: Mapping[Stage, Look]) -> list[tuple[str, str, str]]:
    rows = [
        (job.name, stage.value, _words(one))
        for stage, one in looks.items()
        if isinstance(one, Due | Held)
    ]
    decision = job.decision()
    at = documents.moment(decision.at)
    return rows or [(job.name, "nothing", f"next order {at}: {decision.why}")]


def _words(one: Due | Held) -> str:
    if isinstance(one, Due):
        return one.why
    until = documents.moment(one.until)
    return f"{one.why}; not before {until}" if until else one.why
