"""`everleaf rollback`: another version live by hand, and kept so."""

import click

from everleaf.cli import FAILING, Context, session
from everleaf.core.certificate import Version
from everleaf.core.job import Job
from everleaf.errors import OperatorError
from everleaf.orchestrator import Orchestrator
from everleaf.stages.by_hand import pin, release


@click.command("rollback")
@click.argument("name")
@click.option("--version", "version_id", help="Which one; the one before the live one otherwise.")
@click.option("--newest", is_flag=True, help="End it: the newest version is live again.")
@click.pass_obj
def command(context: Context, name: str, *, version_id: str | None, newest: bool) -> int:
    """Make an earlier version of NAME live, reload and confirm, and keep it so until --newest.

    Never one that has expired or was revoked; one that was refused or withdrawn only where it is
    named. Nothing is ordered. Renewals go on beside it, and stay back until it nears its end.
    """
    if newest and version_id:
        raise click.UsageError("--newest names a version already")
    settings = session.settings_of(context)
    (picked,) = session.chosen((name,), settings)
    wanted = settings.certificates[picked]
    tools = session.tools_for(context, settings, deadline=settings.deadline)
    with session.stoppable(tools), tools.lock.held():
        pipeline = session.pipeline_of(settings, tools, force=newest)
        job = pipeline.read(picked)
        version = newest_of(job) if newest else earlier(job, version_id)
        change = release if newest else pin
        change(wanted, version, tools)
        report = Orchestrator(pipeline, settings.batch_wait, settings.alert.days).deploy((picked,))
        live = tools.shelf.holding(wanted).live
    if live != version.id:
        click.echo(f"{name}: version {live} is live: see everleaf status {name}", err=True)
        return FAILING
    stays = "" if newest else f", and stays so until everleaf rollback {name} --newest"
    click.echo(f"{name}: version {version.id} is live{stays}")
    return FAILING if report.failing or report.stopped else 0


def newest_of(job: Job) -> Version:
    """The newest version, to be live again.

    Raises:
        OperatorError: it may not be served.
    """
    newest = job.holding.newest
    if newest is None or not newest.is_usable(job.now):
        raise _none(job, "newest")
    return newest


def earlier(job: Job, version_id: str | None) -> Version:
    """The version that was named, or the last one before the live one that was well.

    Raises:
        OperatorError: there is none that may be served.
    """
    versions, live = job.holding.versions, job.holding.live
    usable = [one for one in versions if one.is_usable(job.now)]
    if version_id is None:
        place = next((at for at, one in enumerate(versions) if one.id == live), len(versions))
        before = [one for one in versions[:place] if one in usable and not job.is_refused(one.id)]
    else:
        before = [one for one in usable if one.id == version_id]
    if not before:
        raise _none(job, "such" if version_id else "earlier")
    return before[-1]


def _none(job: Job, which: str) -> OperatorError:
    there = ", ".join(f"{one.id} ({_state(one, job)})" for one in job.holding.versions) or "none"
    return OperatorError(
        f"{job.name} has no {which} version that may be served",
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
    if one.earliest_end <= job.now:
        return "expired"
    return "kept back" if job.is_refused(one.id) else "usable"
