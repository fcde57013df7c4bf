"""Which version came last, whatever our clock said when it was installed."""

from datetime import UTC, datetime, timedelta

import pytest

from everleaf.core.certificate import Version
from everleaf.core.identifiers import parse
from everleaf.core.job import Holding

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def version(
    name: str,
    issued: timedelta,
    installed: timedelta,
    life: timedelta = 90 * DAY,
    placeholder: bool = False,
) -> Version:
    start = NOW + issued
    return Version(
        id=name, ask="", authority="ca", account="me", identifiers=(parse("a.test"),), serial="01",
        not_before=start, not_after=start + life, earliest_end=start + life, chain_sha256=(),
        cert_id=name, installed_at=NOW + installed, placeholder=placeholder,
    )  # fmt: skip


def newest(*versions: Version) -> str:
    in_order = sorted(versions, key=lambda one: (one.installed_at, one.id))
    found = Holding(versions=tuple(in_order)).newest
    assert found is not None
    return found.id


@pytest.mark.parametrize("life", [90 * DAY, 6 * DAY, DAY])
@pytest.mark.parametrize("off", [400 * DAY, 30 * DAY, -400 * DAY])
def test_what_a_wrong_clock_installed_is_the_newest_until_the_next_one_comes(
    off: timedelta, life: timedelta
) -> None:
    before = version("before", -life / 2, -life / 2, life)
    wrong = version("wrong", timedelta(0), off, life)
    after = version("after", life / 2, life / 2, life)
    assert newest(before, wrong) == "wrong"
    assert newest(before, wrong, after) == "after"


@pytest.mark.parametrize("back", [HOUR, DAY])
def test_an_authority_that_dates_back_is_no_hindrance(back: timedelta) -> None:
    first = version("first", timedelta(0), HOUR / 60)
    second = version("second", HOUR - back, HOUR)
    assert newest(first, second) == "second"


def test_a_placeholder_is_never_the_newest() -> None:
    one = version("one", timedelta(0), timedelta(0))
    assert newest(one, version("stand-in", DAY, DAY, placeholder=True)) == "one"
    assert Holding().newest is None
