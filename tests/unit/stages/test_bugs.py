"""A bug of ours, or a value that no calendar holds, stops no other certificate."""

from dataclasses import replace
from datetime import timedelta

from support.bench import Bench


def test_a_time_that_no_calendar_holds_is_a_fault_of_its_own_certificate(bench: Bench) -> None:
    bench.want("a", "edge", confirm_every=timedelta.max)
    bench.want("b", "edge")
    bench.run()
    bench.clock.turn(hours=1)
    report = bench.run()
    assert (bench.versions("a"), bench.versions("b")) == (1, 1)
    assert report.failing == ("a",)
    (seen,) = [str(one.seen) for one in report.happenings if one.certificate == "a"]
    assert "OverflowError" in seen


def test_what_cannot_even_be_looked_at_is_failing_and_told(bench: Bench) -> None:
    bench.want("a")
    bench.want("b")
    bench.run()
    bench.wanted["a"] = replace(bench.wanted["a"], copies=(None,))  # type: ignore[arg-type]
    report = bench.run()
    assert report.failing == ("a",)
    (seen,) = [str(one.seen) for one in report.happenings if one.certificate == "a"]
    assert "AttributeError" in seen
    assert [one.certificate for one in bench.alerts.sent] == ["a"]
