"""Counting against what an authority publishes, and planning within it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from everleaf.core.identifiers import parse
from everleaf.core.limits import Claim, Entry, Kind, Limit, allot, room, spare_renewals, turn

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

ORDERS = Limit(kind=Kind.ORDERS, count=3, span=3 * HOUR)
CERTIFICATES = Limit(kind=Kind.CERTIFICATES, count=2, span=7 * DAY)
FAILURES = Limit(kind=Kind.FAILURES, count=2, span=HOUR)


def claim(name: str, *hosts: str, exempt: bool = False) -> Claim:
    hosts = hosts or (f"{name}.test",)
    return Claim(name=name, identifiers=tuple(parse(one) for one in hosts), exempt=exempt)


def orders(*hours: float) -> list[Entry]:
    return [Entry(kind=Kind.ORDERS, key="", at=NOW - hour * HOUR) for hour in hours]


@pytest.mark.parametrize(
    ("hours", "free"),
    [((), 0.0), ((1, 2), 0.0), ((1, 2, 3), 0.0), ((0, 1, 2), 1.0), ((0, 0, 0), 3.0),
     ((0, 0, 0, 2.5), 3.0), ((9, 1, 1, 1), 2.0)],
)  # fmt: skip
def test_one_more_fits_once_the_oldest_of_the_last_is_out_of_sight(
    hours: tuple[float, ...], free: float
) -> None:
    found = turn(claim("www"), orders(*hours), [ORDERS], NOW)
    assert found.at == NOW + free * HOUR
    assert ("3 new orders of this account in 3 h" in found.why) is (free > 0)


def test_an_order_with_replaces_is_counted_by_no_limit_but_that_of_failures() -> None:
    exempt = claim("www", exempt=True)
    assert turn(exempt, orders(0, 0, 0), [ORDERS, CERTIFICATES], NOW).at == NOW
    failed = [Entry(kind=Kind.FAILURES, key="www.test", at=NOW)] * 2
    found = turn(exempt, failed, [FAILURES], NOW)
    assert (found.at, "of www.test in 1 h" in found.why) == (NOW + HOUR, True)


def test_only_the_same_set_of_identifiers_counts_for_its_certificates() -> None:
    one = claim("one", "a.test", "b.test")
    made = [one.entries(Kind.CERTIFICATES, NOW - DAY)[0]] * 2
    same = claim("two", "b.test", "a.test")
    assert turn(same, made, [CERTIFICATES], NOW).at == NOW + 6 * DAY
    assert turn(claim("three", "a.test"), made, [CERTIFICATES], NOW).at == NOW


def test_the_latest_of_several_limits_decides_and_is_named() -> None:
    failed = [Entry(kind=Kind.FAILURES, key="www.test", at=NOW)] * 2
    found = turn(claim("www"), [*failed, *orders(0, 1, 2)], [FAILURES, ORDERS], NOW)
    assert found.at == NOW + HOUR
    assert found.why.startswith("the authority's limit: ")


def test_whoever_asks_first_goes_first_and_the_rest_are_spread() -> None:
    claims = [claim(f"c{number}") for number in range(8)]
    turns = allot(claims, orders(1), [ORDERS], NOW)
    assert [(turns[one.name].at - NOW) / HOUR for one in claims] == [0, 0, 2, 3, 3, 5, 6, 6]
    assert [one.name for one in claims if not turns[one.name].why] == ["c0", "c1"]


def test_exempt_ones_take_no_place() -> None:
    claims = [claim(f"c{number}", exempt=number % 2 == 0) for number in range(8)]
    turns = allot(claims, (), [ORDERS], NOW)
    assert [turns[one.name].at == NOW for one in claims] == [True] * 6 + [True, False]


@pytest.mark.parametrize("seed", range(20))
def test_no_span_ever_holds_more_than_the_limit_nor_is_a_bucket_ever_empty(seed: int) -> None:
    dice = Random(seed)  # noqa: S311 - no secret
    times: list[datetime] = []
    now = NOW
    for _ in range(300):
        now += dice.random() * HOUR * dice.choice((0, 0, 1, 3))
        now = max(now, room(sorted(times), ORDERS, now))
        times.append(now)
    level, before = float(ORDERS.count), times[0]
    for place, at in enumerate(times):
        within = [one for one in times[: place + 1] if one > at - ORDERS.span]
        assert len(within) <= ORDERS.count
        refilled = level + (at - before) / ORDERS.span * ORDERS.count
        level, before = min(ORDERS.count, refilled) - 1, at
        assert level > -1e-6


def test_renewals_are_spared_unless_one_of_the_limits_says_otherwise() -> None:
    assert spare_renewals([])
    assert spare_renewals([ORDERS, FAILURES])
    assert not spare_renewals([ORDERS, replace(CERTIFICATES, renewals=True)])
