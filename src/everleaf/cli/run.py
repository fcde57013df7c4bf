"""`everleaf run`: do what is due."""

import sys
from datetime import timedelta

import click

from everleaf.cli import FAILING, WRONG, Context, console, documents, session
from everleaf.config.settings import Settings
from everleaf.orchestrator import Orchestrator, Report


@click.command("run")
@click.argument("names", nargs=-1)
@click.option(
    "--dry-run", is_flag=True, help="Order, validate and verify at the staging authority."
)
@click.option("--force", is_flag=True, help="Override being due and our own back-off.")
@click.option("--poll-now", is_flag=True, help="Ask for renewal information now; not for timers.")
@click.option("--deadline", type=session.Duration(), help="End after this long; resumable.")
@click.option("--jobs", type=click.IntRange(1, 64), help="Certificates side by side.")
@click.option("--json", "as_json", is_flag=True, help="A JSON document on standard output.")
@click.pass_obj
def command(
    context: Context,
    names: tuple[str, ...],
    *,
    dry_run: bool,
    force: bool,
    poll_now: bool,
    deadline: timedelta | None,
    jobs: int | None,
    as_json: bool,
) -> int:
    """Do what is due for NAMES, or for every certificate. For cron and timers."""
    settings = session.settings_of(context)
    picked = session.chosen(names, settings)
    with console.progress(picked, wanted=not (as_json or context.quiet)) as listener:
        tools = session.tools_for(
            context,
            settings,
            deadline=deadline or settings.deadline,
            jobs=jobs,
            listener=listener,
            rehearsal=dry_run,
        )
        with session.stoppable(tools), tools.lock.held():
            if dry_run:
                pipeline = session.rehearsal_of(settings, tools, picked)
                report = Orchestrator(pipeline).rehearse(picked)
            else:
                pipeline = session.pipeline_of(settings, tools, force=force)
                days, wait = settings.alert.days, settings.batch_wait
                report = Orchestrator(pipeline, wait, days, poll_now).run(picked)
    status = FAILING if report.failing or report.stopped else 0
    if settings.faults:
        status = WRONG
    _tell(report, settings, status, context, as_json=as_json, dry_run=dry_run)
    return status


def _tell(
    report: Report,
    settings: Settings,
    status: int,
    context: Context,
    *,
    as_json: bool,
    dry_run: bool,
) -> None:
    if as_json:
        console.dump(documents.run(report, dict(settings.certificates), status))
        return
    if report.stopped:
        click.echo(f"everleaf: stopped: {report.stopped}; the next run goes on", err=True)
    if context.quiet or not _watched():
        return
    count = len(report.names)
    what = "rehearsed" if dry_run else ("seen to" if report.happenings else "nothing to do")
    state = f"failing: {', '.join(report.failing)}" if report.failing else "all well"
    click.echo(f"{what}; {count} certificate{'' if count == 1 else 's'}, {state}")


def _watched() -> bool:

    return sys.stdout.isatty()
