"""HTTP answers: Retry-After as a time, documents, excerpts."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everleaf.ca.answer import Answer, clean, parsed
from everleaf.core.backoff import LONGEST_HOLD
from everleaf.errors import AuthorityError

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
URL = "https://ca.test/acme/thing"


def answer(body: bytes = b"", /, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(url=URL, status=200, headers=named, body=body)


@pytest.mark.rule("ARI-11")
@pytest.mark.rule("ACME-2")
@pytest.mark.parametrize(("text", "span"), [("0", 0), ("7", 7), (" 120 ", 120)])
def test_retry_after_in_seconds_is_a_time_from_now(text: str, span: int) -> None:
    assert answer(retry_after=text).retry_at(NOW) == NOW + timedelta(seconds=span)


@pytest.mark.rule("ARI-11")
def test_retry_after_as_a_date_is_that_date() -> None:
    at = NOW + timedelta(minutes=3)
    assert answer(retry_after=format_datetime(at, usegmt=True)).retry_at(NOW) == at


@pytest.mark.rule("ARI-11")
def test_a_date_is_measured_against_the_servers_own_clock() -> None:
    theirs = NOW - timedelta(hours=5)
    headers = {
        "date": format_datetime(theirs, usegmt=True),
        "retry_after": format_datetime(theirs + timedelta(seconds=30), usegmt=True),
    }
    assert answer(**headers).retry_at(NOW) == NOW + timedelta(seconds=30)


def test_a_date_in_the_past_is_now() -> None:
    past = format_datetime(NOW - timedelta(days=1), usegmt=True)
    assert answer(retry_after=past).retry_at(NOW) == NOW


@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5", "Tue, 99 Nov 2026 12:00:00 GMT", "²"])
def test_a_retry_after_that_cannot_be_read_counts_as_absent(text: str) -> None:
    assert answer(retry_after=text).retry_at(NOW) is None


def test_a_retry_after_of_ages_is_as_long_as_anybody_is_waited_for() -> None:
    assert answer(retry_after="999999999999").retry_at(NOW) == NOW + LONGEST_HOLD


def test_no_retry_after_is_none() -> None:
    assert answer().retry_at(NOW) is None


@given(st.text())
def test_any_retry_after_is_a_time_from_now_on_that_can_be_waited_for_or_nothing(
    text: str,
) -> None:
    at = answer(retry_after=text, date=text).retry_at(NOW)
    assert at is None or NOW <= at <= NOW + LONGEST_HOLD


def test_a_location_may_be_relative() -> None:
    assert answer(location="order/1").location("x") == "https://ca.test/acme/order/1"


def test_a_missing_location_is_the_authoritys_fault() -> None:
    with pytest.raises(AuthorityError, match="no Location"):
        answer().location("place an order")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'"text"', b"\xff\xfe{}", b"[" * 100])
def test_a_body_that_is_no_object_is_the_authoritys_fault_with_an_excerpt(body: bytes) -> None:
    with pytest.raises(AuthorityError) as caught:
        answer(body).document("place an order")
    assert caught.value.fault.code == "authority-malformed"
    assert caught.value.fault.where == URL
    assert "place an order" in caught.value.fault.what


@given(st.binary(max_size=5000))
def test_an_excerpt_is_short_and_printable(body: bytes) -> None:
    excerpt = answer(body).excerpt()
    assert len(excerpt) <= 201
    assert excerpt.isprintable()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"date": "soon"}, None),
        ({"date": ""}, None),
        ({"date": format_datetime(NOW, usegmt=True)}, NOW),
        ({"date": format_datetime(NOW, usegmt=True), "age": "90"}, NOW + timedelta(seconds=90)),
        ({"date": format_datetime(NOW, usegmt=True), "age": "old"}, NOW),
        ({"date": "Fri, 31 Dec 99999 23:59:59 GMT"}, None),
        ({"date": "Fri, 31 Dec 9999 23:59:59 GMT"}, None),
        ({"date": "Fri, 31 Dec 9999 23:59:59 GMT", "age": "90"}, None),
        ({"date": "Fri, 31 Dec 9999 23:59:59 -1200", "age": "999999999999"}, None),
    ],
)
def test_the_servers_time_is_its_date_and_the_age_of_a_cached_answer(
    headers: dict[str, str], expected: datetime | None
) -> None:
    assert answer(**headers).date() == expected


@given(st.text() | st.text(st.characters(categories=["Cs", "Cc", "Cf", "Zl", "Zp"])))
def test_an_authoritys_words_become_one_line_that_can_be_written_and_shown(text: str) -> None:
    shown = clean(text)
    shown.encode("utf-8")
    assert shown.isprintable()
    assert not text.isprintable() or shown == text


def test_words_without_end_are_cut() -> None:
    assert len(clean("x" * 1_000_000)) < 10_000


def test_every_text_of_a_document_is_cleaned_the_names_too() -> None:
    body = b'{"a\\u001b": ["\\ud800", {"b": "one\\ntwo", "c": 7}]}'
    assert parsed(body) == {"a\ufffd": ["\ufffd", {"b": "one two", "c": 7}]}


@pytest.mark.parametrize("url", ["https://ca.test/\x1b[2J", "https://ca.test/\ud800", "/or der\n"])
def test_a_url_that_steers_a_terminal_or_is_no_text_is_none(url: str) -> None:
    with pytest.raises(AuthorityError, match="is no URL") as caught:
        answer(location=url).location("place an order")
    assert caught.value.fault.what.isprintable()
