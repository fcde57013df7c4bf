"""`everleaf run`: do what is due."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import click

from everleaf.cli import FAILING, WRONG, Context, console, documents, session
from everleaf.config.settings import Settings
from everleaf.errors import EndOfTimeError, LockedError
from everleaf.orchestrator import Orchestrator
from everleaf.rehearsal import Rehearsal
from everleaf.report import Report
from everleaf.system.clock import SystemClock

_SHORTEST, _LONGEST = 0.5, 60.0  # seconds between looks whether another run has let go
_SOON = timedelta(minutes=1)  # after which a pass that its deadline ended is gone on with


@click.command("run")
@click.argument("names", nargs=-1)
@click.option(
    "--dry-run", is_flag=True, help="Rehearse at the staging authority; nothing live is touched."
)
@click.option("--force", is_flag=True, help="Override being due and our own back-off.")
@click.option("--poll-now", is_flag=True, help="Ask for renewal information now; not for timers.")
@click.option(
    "--wait", type=session.Duration(), help="Stay this long, and renew exactly when it is time."
)
@click.option(
    "--deadline",
    type=session.Duration(timedelta(seconds=1)),
    help="End after this long; resumable.",
)
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
    wait: timedelta | None,
    deadline: timedelta | None,
    jobs: int | None,
    as_json: bool,
) -> int:
    """Do what is due for NAMES, or for every certificate. For cron and timers."""
    if wait and dry_run:
        raise click.UsageError("--wait has no use with --dry-run: nothing there has its time")
    asked = _Asked(context, names, dry_run, force, poll_now, deadline, jobs, as_json)
    settings, report = asked.once() if wait is None else asked.until(wait)
    status = FAILING if report.failing or report.stopped else 0
    if settings.faults:
        status = WRONG
    _tell(report, settings, status, asked)
    return status


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the command line asks for."""

    context: Context
    names: tuple[str, ...]
    dry_run: bool
    force: bool
    poll_now: bool
    deadline: timedelta | None
    jobs: int | None
    as_json: bool

    def once(self, waits_until: datetime | None = None) -> tuple[Settings, Report]:
        """One pass, with the configuration as it is now, under the lock.

        Raises:
            LockedError: another run holds it.
        """
        settings = session.settings_of(self.context)
        picked = session.chosen(self.names, settings)
        quiet = self.as_json or self.context.quiet
        with console.progress(picked, wanted=not quiet) as listener:
            tools = session.tools_for(
                self.context,
                settings,
                deadline=self.deadline or settings.deadline,
                jobs=self.jobs,
                listener=listener,
                rehearsing=self.dry_run,
            )
            with session.stoppable(tools), tools.lock.held():
                if self.dry_run:
                    pipeline = session.rehearsal_of(settings, tools, picked)
                    live = session.tools_for(self.context, settings, reading=True).shelf
                    return settings, Rehearsal(pipeline, live).run(picked)
                pipeline = session.pipeline_of(
                    settings, tools, force=self.force, waits_until=waits_until
                )
                days, wait = settings.alert.days, settings.batch_wait
                report = Orchestrator(pipeline, wait, days, self.poll_now).run(picked)
                return settings, report

    def until(self, wait: timedelta) -> tuple[Settings, Report]:
        """Passes until `wait` is over, each when it is time, the lock let go in between."""
        clock = SystemClock(wait)
        end = clock.now() + wait
        with session.stoppable_by(clock.stop):
            settings, report = self.once(end)
            later = replace(self, force=False, poll_now=False)
            while (at := _next_pass(report, clock.now())) is not None and at <= end:
                try:
                    clock.sleep(max(0.0, (at - clock.now()).total_seconds()))
                    settings, found = _unlocked(lambda: later.once(end), clock)
                except EndOfTimeError:
                    return settings, report
                report = report.followed_by(found)
        return settings, report


def _next_pass(report: Report, now: datetime) -> datetime | None:
    """When there is something to do again; what a pass was cut off at is soon gone on with."""
    times = [report.next_at] if report.next_at else []
    return min([*times, now + _SOON] if report.stopped else times, default=None)


def _unlocked(
    once: Callable[[], tuple[Settings, Report]], clock: SystemClock
) -> tuple[Settings, Report]:
    """The same as soon as no other run holds the lock.

    Raises:
        EndOfTimeError: the wait is over.
    """
    pause = _SHORTEST
    while True:
        try:
            return once()
        except LockedError:
            clock.sleep(pause)
            pause = min(2 * pause, _LONGEST)


def _tell(report: Report, settings: Settings, status: int, asked: _Asked) -> None:
    if asked.as_json:
        console.dump(documents.run(report, dict(settings.certificates), status))
        return
    if report.stopped:
        click.echo(f"everleaf: stopped: {report.stopped}; the next run goes on", err=True)
    if asked.context.quiet or not sys.stdout.isatty():
        return
    count = len(report.names)
    what = "seen to" if report.happenings else "nothing to do"
    what = "rehearsed" if asked.dry_run else what
    state = f"failing: {', '.join(report.failing)}" if report.failing else "all well"
    click.echo(f"{what}; {count} certificate{'' if count == 1 else 's'}, {state}")
