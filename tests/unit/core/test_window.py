"""Renewal information: what an answer comes to, and when to ask again (RFC 9773)."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everleaf.core.certificate import cert_id
from everleaf.core.window import (
    TRIES,
    LongTermFailure,
    NotOffered,
    Renewal,
    Suggestion,
    TemporaryFailure,
    Window,
    after_poll,
    poll_due,
    within_life,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WINDOW = Window(NOW + 60 * DAY, NOW + 62 * DAY)


def good(retry_after: timedelta | None = None, window: Window = WINDOW) -> Suggestion:
    at = NOW + retry_after if retry_after is not None else None
    return Suggestion(window=window, explanation_url="https://ca.example/why", retry_at=at)


def known() -> Renewal:
    return after_poll(None, "a.b", good(timedelta(hours=6)), NOW, 0.5)


@pytest.mark.rule("ARI-2")
def test_the_rfcs_worked_example_of_a_certid() -> None:
    key = bytes.fromhex("69885B6B87464041E1B37B847BA0AE2CDE01C8D4")
    assert cert_id(key, 0x87654321) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


@pytest.mark.rule("ARI-2")
@given(st.integers(min_value=1, max_value=2**159))
def test_a_serial_is_written_as_its_der_has_it(serial: int) -> None:
    text = cert_id(b"", serial).removeprefix(".")
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # DER: two's complement in as few bytes as possible (X.690, section 8.3).
    assert int.from_bytes(raw, "big", signed=True) == serial
    assert len(raw) == 1 or raw[0] != 0 or raw[1] & 0x80


@pytest.mark.rule("ARI-6")
def test_the_selected_time_lies_in_the_window_and_stays_while_the_window_does() -> None:
    first = known()
    assert first.selected == NOW + 61 * DAY
    again = after_poll(first, "a.b", good(timedelta(hours=6)), NOW + DAY, 0.9)
    assert again.selected == first.selected
    moved = Window(NOW + 10 * DAY, NOW + 20 * DAY)
    other = after_poll(again, "a.b", good(None, moved), NOW + DAY, 0.9)
    assert other.selected == NOW + 19 * DAY


@given(st.floats(min_value=0, max_value=1))
def test_every_share_selects_within_the_window(share: float) -> None:
    assert WINDOW.start <= WINDOW.at(share) <= WINDOW.end


@pytest.mark.rule("ARI-4")
@pytest.mark.parametrize("length", [timedelta(0), -DAY])
def test_a_window_that_ends_before_it_starts_is_no_answer(length: timedelta) -> None:
    bad = good(None, Window(NOW, NOW + length))
    after = after_poll(known(), "a.b", bad, NOW + DAY, 0.5)
    assert after.window == WINDOW
    assert after.last_good == NOW
    assert after.next_poll == NOW + DAY + timedelta(hours=6)


def test_when_a_window_was_told_first_stays_as_long_as_it_does() -> None:
    first = known()
    again = after_poll(first, "a.b", good(), NOW + DAY, 0.9)
    assert (first.told_at, again.told_at, again.last_good) == (NOW, NOW, NOW + DAY)
    old = replace(first, told_at=None)  # as an older everleaf wrote it
    assert after_poll(old, "a.b", good(), NOW + DAY, 0.9).told_at == NOW
    moved = good(None, Window(NOW + DAY, NOW + 2 * DAY))
    assert after_poll(again, "a.b", moved, NOW + 2 * DAY, 0.9).told_at == NOW + 2 * DAY


def test_a_window_that_outlives_the_certificate_is_cut_at_its_end() -> None:
    end = NOW + 61 * DAY
    cut = within_life(good(), end)
    assert isinstance(cut, Suggestion)
    assert (cut.window, cut.explanation_url) == (Window(WINDOW.start, end), good().explanation_url)
    assert within_life(good(), WINDOW.end) == good()
    temporary = TemporaryFailure(why="503")
    assert within_life(temporary, NOW) == temporary


@pytest.mark.rule("ARI-4")
@pytest.mark.parametrize("end", [WINDOW.start, WINDOW.start - DAY])
def test_of_a_window_after_the_certificates_end_nothing_is_left(end: datetime) -> None:
    assert isinstance(within_life(good(), end), LongTermFailure)


@pytest.mark.rule("ARI-5")
def test_the_explanation_is_kept() -> None:
    assert known().explanation_url == "https://ca.example/why"


@pytest.mark.rule("ARI-11")
@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        (timedelta(0), timedelta(minutes=1)),
        (timedelta(seconds=59), timedelta(minutes=1)),
        (timedelta(hours=6), timedelta(hours=6)),
        (timedelta(days=30), DAY),
        (-DAY, timedelta(minutes=1)),
        (None, timedelta(hours=6)),
    ],
)
def test_retry_after_is_held_between_a_minute_and_a_day(
    asked: timedelta | None, waited: timedelta
) -> None:
    assert after_poll(None, "a.b", good(asked), NOW, 0.5).next_poll == NOW + waited


@pytest.mark.rule("ARI-12")
def test_temporary_failures_are_tried_again_later_each_time_and_keep_the_window() -> None:
    state, minutes = known(), []
    for _ in range(12):
        state = after_poll(state, "a.b", TemporaryFailure(why="503"), NOW, 0.5)
        minutes.append((state.next_poll - NOW) / timedelta(minutes=1))
    assert minutes[:TRIES] == [1, 2, 4, 8, 16, 32, 64, 128]
    assert minutes[TRIES:] == [360] * 4, "its tries are exhausted: as a long-term failure"
    assert (state.window, state.selected, state.last_good) == (WINDOW, NOW + 61 * DAY, NOW)
    assert after_poll(state, "a.b", good(), NOW, 0.5).failures == 0


@pytest.mark.rule("ARI-12")
@pytest.mark.parametrize(
    ("failures", "asked", "minutes"), [(0, 10, 10), (5, 10, 32), (3, 0, 8), (0, 9999, 1440)]
)
def test_back_off_takes_priority_over_a_retry_after(
    failures: int, asked: int, minutes: int
) -> None:
    busy = TemporaryFailure(why="503", retry_at=NOW + timedelta(minutes=asked))
    after = after_poll(replace(known(), failures=failures), "a.b", busy, NOW, 0.5)
    assert after.next_poll == NOW + timedelta(minutes=minutes)


@pytest.mark.rule("ARI-12")
def test_who_was_not_asked_since_nobody_answers_waits_and_has_not_failed() -> None:
    before = replace(known(), failures=2)
    unsent = TemporaryFailure(why="silent", general=True, sent=False)
    after = after_poll(before, "a.b", unsent, NOW + DAY, 0.5)
    assert after == replace(before, next_poll=NOW + DAY + timedelta(minutes=4), trouble="silent")


@pytest.mark.rule("ARI-13")
def test_a_long_term_failure_is_tried_again_after_six_hours() -> None:
    after = after_poll(known(), "a.b", LongTermFailure(why="no JSON"), NOW, 0.5)
    assert after.next_poll == NOW + timedelta(hours=6)
    assert after.trouble == "no JSON"


@pytest.mark.rule("ARI-1")
def test_an_authority_without_ari_is_asked_once_a_day_and_is_no_trouble() -> None:
    after = after_poll(None, "a.b", NotOffered(), NOW, 0.5)
    assert (after.next_poll, after.trouble, after.window) == (NOW + DAY, "", None)


@pytest.mark.rule("ARI-10")
def test_it_is_asked_right_after_issuance_and_not_before_retry_after() -> None:
    assert poll_due(None, "a.b", NOW)
    assert poll_due(known(), "c.d", NOW), "another certificate"
    assert not poll_due(known(), "a.b", NOW + timedelta(hours=5))
    assert poll_due(known(), "a.b", NOW + timedelta(hours=6))
    assert not poll_due(known(), None, NOW), "no authority key identifier, no CertID"


def test_by_hand_it_is_asked_at_once_and_never_within_a_minute_of_another_time() -> None:
    assert poll_due(known(), "a.b", NOW, by_hand=True), "right after issuance"
    for answer in (good(), TemporaryFailure(why="x"), LongTermFailure(why="x"), NotOffered()):
        asked = after_poll(known(), "a.b", answer, NOW, 0.5)
        assert not poll_due(asked, "a.b", NOW + timedelta(seconds=59), by_hand=True)
        assert poll_due(asked, "a.b", NOW + timedelta(minutes=1), by_hand=True)


def test_what_was_said_of_another_certificate_counts_for_nothing() -> None:
    after = after_poll(known(), "c.d", TemporaryFailure(why="503"), NOW, 0.5)
    assert (after.cert_id, after.window, after.selected) == ("c.d", None, None)
