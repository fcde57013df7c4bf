"""`run --wait`: passes until the wait is over, each when there is something to do."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everleaf.cli import run
from everleaf.errors import LockedError
from everleaf.report import Report

WAIT = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Passes(run._Asked):
    """Passes that come to what the test says; then there is nothing more to wait for."""

    script: Iterator[Report | Exception] = field(default_factory=lambda: iter(()))
    seen: list[tuple[bool, bool]] = field(default_factory=list)

    def once(self, waits_until: datetime | None = None) -> tuple[Any, Report]:
        assert waits_until is not None
        self.seen.append((self.force, self.poll_now))
        what = next(self.script, Report(names=("a",), happenings=(), failing=()))
        if isinstance(what, Exception):
            raise what
        return None, what


def passes(*script: Report | Exception) -> Passes:
    nobody: Any = None
    return Passes(nobody, (), False, True, True, None, None, True, script=iter(script))


def came_to(seconds: float | None = None, *, stopped: str = "", failing: str = "") -> Report:
    at = datetime.now(UTC) + timedelta(seconds=seconds) if seconds is not None else None
    return Report(names=("a",), happenings=(), failing=tuple(failing), stopped=stopped, next_at=at)


@pytest.mark.rule("ARI-8")
def test_a_pass_follows_whenever_there_is_something_to_do_again() -> None:
    waiting = passes(came_to(0.05), came_to(0.1), came_to())
    _, report = waiting.until(WAIT)
    assert report.failing == ()
    assert waiting.seen == [(True, True), (False, False), (False, False)], "by hand it was once"


def test_what_lies_behind_the_wait_is_not_waited_for() -> None:
    waiting = passes(came_to(60))
    waiting.until(WAIT)
    assert len(waiting.seen) == 1


def test_a_pass_that_its_deadline_ended_does_not_end_the_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "_SOON", timedelta(seconds=0.05))
    waiting = passes(came_to(stopped="the run's deadline passed"), came_to(failing="a"))
    _, report = waiting.until(WAIT)
    assert len(waiting.seen) == 2
    assert (report.stopped, report.failing) == ("", ("a",))


def test_another_run_that_holds_the_lock_is_waited_for() -> None:
    waiting = passes(came_to(0.01), LockedError("another run", where="here"), came_to(failing="a"))
    _, report = waiting.until(WAIT)
    assert (len(waiting.seen), report.failing) == (3, ("a",))
