"""Who is told of an emergency, and how often."""

from datetime import UTC, datetime, timedelta

from everleaf.core.alerting import Emergency, Kind, due
from everleaf.core.standing import Standing, Told

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FIRST = Emergency("v1", "4 days left of 90")


def kinds(told: Told, emergency: Emergency | None) -> list[Kind]:
    found = due(Standing(name="www", told=told), None, (), NOW, emergency)
    return [alert.kind for alert, _ in found]


def test_an_emergency_is_told_once_for_each_version() -> None:
    ((alert, told),) = due(Standing(name="www"), None, (), NOW, FIRST)
    assert (alert.kind, alert.what, told.emergency) == (Kind.EMERGENCY, FIRST.why, "v1")
    assert kinds(told, FIRST) == []
    assert kinds(told, Emergency("v2", "again")) == [Kind.EMERGENCY]
    assert kinds(told, None) == []
    later = due(Standing(name="www", told=told), None, (), NOW + timedelta(days=1), FIRST)
    assert later == ()
