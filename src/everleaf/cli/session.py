"""What the commands share: settings, tools, names, and how a run is stopped."""

import difflib
import signal
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import click

from everleaf.bootstrap import Workshop, build
from everleaf.cli import Context
from everleaf.cli.faults import show
from everleaf.config.loading import load
from everleaf.config.settings import Settings
from everleaf.pipeline import Pipeline
from everleaf.rehearsal import staged
from everleaf.stages import REHEARSAL, STAGES
from everleaf.store.form import refuse_newer


def settings_of(context: Context) -> Settings:
    """The configuration, with the faults of included files shown already.

    Raises:
        ConfigError: the main file is wrong.
    """
    settings = load(context.config)
    show(settings.faults)
    return settings


def level(context: Context) -> str:
    """The least level that is logged: on a terminal progress stands for the rest."""
    if context.verbose:
        return "debug"
    if context.quiet:
        return "error"
    return "warning" if sys.stderr.isatty() else "info"


def tools_for(
    context: Context, settings: Settings, *, deadline: timedelta | None = None, **more: object
) -> Workshop:
    """The tools of a command.

    Raises:
        OperatorError: a newer everleaf wrote the state directory.
    """
    refuse_newer(settings.state_dir)
    return build(
        settings,
        deadline=deadline,
        level=level(context),
        log_format=context.log_format,
        **more,  # type: ignore[arg-type]
    )


def pipeline_of(
    settings: Settings,
    tools: Workshop,
    *,
    force: bool = False,
    waits_until: datetime | None = None,
) -> Pipeline:
    """A pipeline for all certificates of the configuration."""
    return Pipeline(
        wanted=settings.certificates,
        stages=STAGES,
        tools=tools,
        wake=tools.wake(),
        started=tools.clock.now(),
        most_skew=settings.max_clock_skew,
        force=force,
        waits_until=waits_until,
    )


def rehearsal_of(settings: Settings, tools: Workshop, names: Sequence[str]) -> Pipeline:
    """A pipeline of the rehearsal's stages, each certificate at its staging authority.

    Raises:
        OperatorError: an authority has none.
    """
    wanted = {
        name: staged(one, tools.staging_of(one.authorities[0]))
        for name in names
        for one in (settings.certificates[name],)
    }
    return Pipeline(
        wanted=wanted,
        stages=REHEARSAL,
        tools=tools,
        wake=tools.wake(),
        started=tools.clock.now(),
        most_skew=settings.max_clock_skew,
        force=True,
    )


def chosen(names: Sequence[str], settings: Settings) -> tuple[str, ...]:
    """The certificates that were named, or all.

    Raises:
        click.UsageError: one is not configured.
    """
    known = settings.certificates
    unknown = [name for name in names if name not in known]
    if unknown:
        lines = [f"no certificate {name!r} is configured; {_hint(name, known)}" for name in unknown]
        if settings.faults:
            lines.append("certificates of included files that are wrong are not counted here")
        raise click.UsageError("\n".join(lines))
    return tuple(dict.fromkeys(names)) or tuple(known)


def _hint(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there are: {', '.join(known)}" if known else "there is none"


@contextmanager
def stoppable(tools: Workshop) -> Iterator[None]:
    """SIGTERM and SIGINT end waiting and processes; the next run resumes what is under way."""
    with stoppable_by(tools.clock.stop):
        yield


@contextmanager
def stoppable_by(end: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT call `end`, in nested ones all of them; a second SIGINT kills."""
    before: dict[signal.Signals, Any] = {}

    def stop(number: int, frame: object) -> None:
        end()
        outer: Any = before.get(signal.Signals(number))
        if getattr(outer, "stops", False):
            outer(number, frame)
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    stop.stops = True  # type: ignore[attr-defined]  # so that an inner one knows it
    before |= {one: signal.signal(one, stop) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


class Duration(click.ParamType[timedelta]):
    """A duration such as 90s, 10m, 6h or 2d."""

    name = "duration"

    def __init__(self, least: timedelta = timedelta(0)) -> None:
        self._least = least

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read it.

        Raises:
            click.BadParameter: it is none, or too short.
        """
        from everleaf.config.faults import BadValueError
        from everleaf.config.values import duration, written

        if isinstance(value, timedelta):
            return value
        try:
            found = duration(str(value))
        except BadValueError as error:
            self.fail(f"{error.what}; {error.remedy}", param, ctx)
        if found < self._least:
            self.fail(f"{value} is too short; make it at least {written(self._least)}", param, ctx)
        return found
