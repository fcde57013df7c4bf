"""`everleaf rollback`: an earlier version live again, by hand, and kept so."""

from dataclasses import replace

import click

from everleaf.bootstrap import Workshop
from everleaf.cli import FAILING, Context, session
from everleaf.core.certificate import Version
from everleaf.core.job import Job
from everleaf.core.standing import Pin
from everleaf.errors import OperatorError
from everleaf.orchestrator import Orchestrator


@click.command("rollback")
@click.argument("name")
@click.option("--version", "version_id", help="Which one; the one before the live one otherwise.")
@click.pass_obj
def command(context: Context, name: str, *, version_id: str | None) -> int:
    """Make an earlier version of NAME live, reload and confirm, and keep it so until --force.

    Never one that has expired or was revoked. Renewals go on beside it, and stay back.
    """
    settings = session.settings_of(context)
    (picked,) = session.chosen((name,), settings)
    tools = session.tools_for(context, settings, deadline=settings.deadline)
    with session.stoppable(tools), tools.lock.held():
        pipeline = session.pipeline_of(settings, tools)
        version = _earlier(pipeline.read(picked), version_id)
        _pin(picked, version, tools)
        report = Orchestrator(pipeline, settings.batch_wait, settings.alert.days).run((picked,))
        live = tools.shelf.holding(settings.certificates[picked]).live
    if live != version.id:
        click.echo(
            f"{name}: version {version.id} is not live: see everleaf status {name}", err=True
        )
        return FAILING
    click.echo(f"{name}: version {version.id} is live, and stays so until run --force")
    return FAILING if report.failing else 0


def _earlier(job: Job, version_id: str | None) -> Version:
    versions, live = job.holding.versions, job.holding.live
    usable = [one for one in versions if one.is_usable(job.now) and one.id != live]
    if version_id is None:
        place = next((at for at, one in enumerate(versions) if one.id == live), len(versions))
        before = [one for one in usable if one in versions[:place]]
    else:
        before = [one for one in usable if one.id == version_id]
    if before:
        return before[-1]
    there = ", ".join(f"{one.id} ({_state(one, job)})" for one in versions) or "none"
    raise OperatorError(
        f"{job.name} has no {'such' if version_id else 'earlier'} version that may be served",
        code="no-version",
        remedy=f"There are: {there}",
    )


def _state(one: Version, job: Job) -> str:
    if one.id == job.holding.live:
        return "live"
    if one.placeholder:
        return "a placeholder"
    if one.revoked_at is not None:
        return "revoked"
    return "expired" if one.earliest_end <= job.now else "usable"


def _pin(name: str, version: Version, tools: Workshop) -> None:
    pin = Pin(version=version.id, at=tools.clock.now())
    tools.store.change(name, lambda known: replace(known, pin=pin))
