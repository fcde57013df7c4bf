"""`everleaf status`: where each certificate stands."""

from collections.abc import Sequence

import click

from everleaf.bootstrap import Workshop
from everleaf.cli import FAILING, WRONG, Context, console, documents, session, states
from everleaf.cli.attempts import attempt
from everleaf.cli.confirm import look_now
from everleaf.config.settings import Settings
from everleaf.core.job import Job
from everleaf.core.lifecycle import Stage
from everleaf.core.outcome import Due, Held
from everleaf.errors import Fault
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
    unlooked = look_now(pipeline, picked, tools) if probe else {}
    orphaned = _orphaned(settings, tools) if not names else []

    def tell(name: str) -> tuple[documents.Document, list[str]]:
        job = pipeline.read(name)
        warned = states.warnings(job, tools.shelf)
        return states.status(job, warned), _lines(pipeline, job, warned)

    found, faults = attempt(pipeline, picked, tell)
    faults = unlooked | faults
    told = found | {name: _unknown(settings, name, why) for name, why in faults.items()}
    if as_json:
        certificates = [told[name][0] for name in picked]
        console.dump(
            {"version": documents.VERSION, "certificates": certificates, "orphaned": orphaned}
        )
    else:
        for name in picked:
            click.echo("\n".join(told[name][1]))
        for name in orphaned:
            click.echo(f"{name}: orphaned: on disk, not in the configuration (everleaf forget)")
    if settings.faults:
        return WRONG
    failing = any(document["state"] == "failing" for document, _ in told.values())
    return FAILING if failing or faults else 0


def _orphaned(settings: Settings, tools: Workshop) -> list[str]:
    """What is on disk and not configured; none while it is not known what is configured."""
    if settings.faults:
        return []
    known = set(tools.store.names()) | set(tools.shelf.names())
    return sorted(known - set(settings.certificates))


def _unknown(settings: Settings, name: str, why: Fault) -> tuple[documents.Document, list[str]]:
    document = states.unknown(settings.certificates[name], why)
    return document, [f"{name}: failing", f"  cannot be read: {why}"]


def _lines(pipeline: Pipeline, job: Job, warned: Sequence[str]) -> list[str]:
    live, holding = job.holding.live_version, job.holding
    lines = [
        f"{job.name}: {states.state(job)}",
        f"  names: {', '.join(str(one) for one in job.wanted.identifiers)}",
    ]
    if live:
        end = documents.moment(live.earliest_end)
        lines.append(f"  live: version {live.id}, serial {live.serial}, ends {end}")
    lacks = states.lacks(job)
    lines += [
        f"  missing: {one}" + (", of what is live" if one in lacks else "")
        for one in holding.damaged
    ]
    lines += [f"  warning: {one}" for one in warned]
    lines.append(f"  next order: {_next_order(pipeline, job)}")
    for stage, trouble in job.standing.troubles.items():
        since = documents.moment(trouble.since)
        lines.append(f"  {stage} failing since {since}: {trouble.fault}")
    for stage, until in job.standing.waiting.items():
        lines.append(f"  {stage} waits until {documents.moment(until)}")
    if not job.wanted.endpoints:
        lines.append("  not confirmed, by choice")
    for one in job.standing.observations:
        why = "".join(f": {each}" for each in (one.code, one.words) if each)
        at = documents.moment(one.at)
        lines.append(f"  {one.endpoint} at {one.address or '-'}: {one.sight}, {at}{why}")
    return lines


def _next_order(pipeline: Pipeline, job: Job) -> str:
    decision = job.decision()
    because = f"{decision.reason.value}: {decision.why}"
    match pipeline.stages[Stage.ORDER].look(job):
        case Held(None, why):
            return f"held: {why} ({because})"
        case Held(until, why):
            return f"held until {documents.moment(until)}: {why} ({because})"
        case Due(why):
            return f"now, {why}"
        case _ if job.holding.pending is not None:
            return "one is under way"
        case _:
            return f"{documents.moment(decision.at)}, {because}"
