"""Peculiarities of single authorities."""

from datetime import UTC, datetime, timedelta

from everleaf.ca.quirks import ROWS, look_again

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY, MINUTE = NOW + timedelta(days=1), NOW + timedelta(minutes=1)


def test_a_day_is_not_what_zerossl_means() -> None:
    url = "https://acme.zerossl.com/v2/DV90"
    assert look_again(url, DAY, NOW) is None
    assert look_again(url, MINUTE, NOW) == MINUTE


def test_every_other_authority_is_taken_at_its_word() -> None:
    assert look_again("https://ca.test/dir", DAY, NOW) == DAY
    assert look_again("https://ca.test/dir", None, NOW) is None


def test_every_row_says_where_it_can_be_read() -> None:
    assert all("https://" in row.source for row in ROWS)
