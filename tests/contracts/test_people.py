"""What every `Alerts` and every `Events` keeps: a command, standard error, and the fakes."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from everleaf.alerts.command import CommandAlerts
from everleaf.alerts.nobody import Nobody
from everleaf.core.alerting import Alert, Kind
from everleaf.errors import EverleafError, OperatorError
from everleaf.ports import Alerts
from everleaf.system.clock import SystemClock
from everleaf.system.events import LogEvents
from fakes.people import Letters

FIRST = Alert(kind=Kind.FAILING, certificate="www", what="reload: it is down — ü")
SECOND = Alert(kind=Kind.EXPIRING, certificate="www", what="ends in 6.9 days", days=7)
CONTEXT = {"names": ["a.test"], "serial": None}


@dataclass(slots=True)
class Office:
    """Alerts, what was delivered, and a way to let the next one fail."""

    alerts: Alerts
    delivered: Callable[[], list[tuple[str, str, int | None, object]]]
    fail: Callable[[], None]


def command(folder: Path) -> Office:
    box, broken = folder / "box", folder / "broken"
    program = folder / "program"
    program.write_text(
        f'#!/bin/sh\n[ ! -e {broken} ] || {{ rm {broken}; echo "no mail today" >&2; exit 4; }}\n'
        f"cat >>{box}\n"
    )
    program.chmod(0o755)

    def delivered() -> list[tuple[str, str, int | None, object]]:
        lines = box.read_text("utf-8").splitlines() if box.exists() else []
        found = [json.loads(line) for line in lines]
        assert all(one["version"] == 1 and one["host"] and one["at"] for one in found)
        return [(one["kind"], one["what"], one["days"], one["names"]) for one in found]

    return Office(CommandAlerts([str(program)], SystemClock()), delivered, broken.touch)


def memory(_: Path) -> Office:
    letters = Letters()

    def delivered() -> list[tuple[str, str, int | None, object]]:
        both = zip(letters.sent, letters.contexts, strict=True)
        return [(one.kind.value, one.what, one.days, about["names"]) for one, about in both]

    def fail() -> None:
        letters.faults.append(OperatorError("exited with 4: no mail today", code="alert"))

    return Office(letters, delivered, fail)


@pytest.fixture(params=[command, memory])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Office:
    made: Office = request.param(tmp_path)
    return made


def test_every_alert_is_delivered_with_its_context(office: Office) -> None:
    office.alerts.send(FIRST, CONTEXT)
    office.alerts.send(SECOND, CONTEXT)
    assert office.delivered() == [
        ("failing", FIRST.what, None, ["a.test"]),
        ("expiring", SECOND.what, 7, ["a.test"]),
    ]


def test_one_that_is_not_delivered_is_told_and_the_next_is(office: Office) -> None:
    office.fail()
    with pytest.raises(EverleafError, match="exited with 4: no mail today"):
        office.alerts.send(FIRST, CONTEXT)
    office.alerts.send(FIRST, CONTEXT)
    assert len(office.delivered()) == 1


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "mail")
    with pytest.raises(OperatorError, match="cannot be run") as caught:
        CommandAlerts([missing], SystemClock()).send(FIRST, CONTEXT)
    assert caught.value.fault.where == missing


def test_a_command_that_never_reads_is_no_trouble() -> None:
    CommandAlerts(["true"], SystemClock()).send(FIRST, {"names": ["x" * 1_000_000]})


def test_where_nobody_is_to_be_told_nothing_happens() -> None:
    Nobody().send(FIRST, CONTEXT)


# -- events --------------------------------------------------------------------------------------


def test_events_are_lines_of_json_with_level_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    LogEvents(form="json").say("warning", "held", certificate="www", stage="order", why="wäit")
    captured = capsys.readouterr()
    assert captured.out == ""
    line = json.loads(captured.err)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "warning", "event": "held", "certificate": "www", "stage": "order", "why": "wäit",
    }  # fmt: skip
    assert "wäit" in captured.err


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("error", 1)])
def test_what_is_below_the_level_is_not_said(
    capsys: pytest.CaptureFixture[str], level: str, count: int
) -> None:
    events = LogEvents(level=level)
    for one in ("debug", "info", "warning", "error"):
        events.say(one, "it", certificate="www", stage="order")
    assert len(capsys.readouterr().err.splitlines()) == count


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("words", "-----BEGIN PRIVATE KEY-----\nMIG"),
        ("words", ["x", "-----BEGIN EC PRIVATE KEY-----"]),
        ("token", "abc-secret"),
        ("key_authorization", "abc-secret.thumb"),
    ],
)
def test_what_looks_like_a_secret_does_not_pass(
    capsys: pytest.CaptureFixture[str], form: str, field: str, value: object
) -> None:
    LogEvents(form=form).say("error", "it", **{"certificate": "www", field: value})
    said = capsys.readouterr().err
    assert "[redacted]" in said
    assert "PRIVATE" not in said
    assert "abc-secret" not in said


def test_progress_goes_to_whoever_listens() -> None:
    steps: list[tuple[str, str, str]] = []
    LogEvents(listener=lambda *step: steps.append(step)).progress("www", "order", "done")
    LogEvents().progress("www", "order", "done")
    assert steps == [("www", "order", "done")]
