"""A rehearsal: the first stages at a staging authority, with an account and a state of its own."""

from collections.abc import Sequence

from everleaf.core.lifecycle import Stage
from everleaf.errors import EndOfTimeError
from everleaf.pipeline import Pipeline
from everleaf.report import Report


def rehearse(pipeline: Pipeline, names: Sequence[str]) -> Report:
    """Order, validate and verify for every name; what was issued is thrown away.

    A certificate fails where one of these stages did in this very run.
    """
    stopped = ""

    def walk(name: str) -> None:
        pipeline.walk(name, Stage.ORDER, Stage.INSTALL)

    try:
        for _ in pipeline.tools.executor.each(walk, names):
            pass
    except EndOfTimeError as error:
        stopped = error.fault.what
    failing = tuple(name for name in names if not _passed(pipeline, name))
    return Report(
        names=tuple(names),
        happenings=tuple(pipeline.happenings),
        failing=failing,
        stopped=stopped,
    )


def _passed(pipeline: Pipeline, name: str) -> bool:
    pending = pipeline.read(name).holding.pending
    passed = pending is not None and pending.verified
    if passed:
        pipeline.tools.shelf.give_up(name)
    return passed
