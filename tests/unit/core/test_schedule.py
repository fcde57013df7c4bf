"""When a certificate is due, and the reason with its numbers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from everleaf.core.certificate import Version
from everleaf.core.identifiers import parse
from everleaf.core.schedule import Decision, Moment, Reason, decide, times, urgency
from everleaf.core.wanted import EMERGENCY, KeyType, RenewBefore, Usage, Wanted
from everleaf.core.window import Renewal, Window

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


WANTED = Wanted(name="www", identifiers=(parse("a.test"),), authorities=("ca",), solvers=("web",))


def version(life: timedelta = 90 * DAY) -> Version:
    return Version(
        id="v1", ask=WANTED.ask, authority="ca", account="me", identifiers=(parse("a.test"),),
        serial="01",
        not_before=START, not_after=START + life, earliest_end=START + life,
        chain_sha256=("00",), cert_id="a.b", installed_at=START,
    )  # fmt: skip


def window(selected: datetime, last_good: datetime, cert_id: str = "a.b") -> Renewal:
    return Renewal(
        cert_id=cert_id,
        next_poll=last_good,
        window=Window(selected - HOUR, selected + HOUR),
        selected=selected,
        last_good=last_good,
        explanation_url="https://ca.example/why",
    )


def at(
    now: datetime,
    *,
    renewal: Renewal | None = None,
    life: timedelta = 90 * DAY,
    before: RenewBefore | None = None,
    wake: timedelta = HOUR,
) -> Decision:
    wanted = replace(WANTED, renew_before=before)
    return decide(version(life), wanted, renewal, Moment(now=now, next_wake=now + wake))


MOMENT = Moment(now=START, next_wake=START + HOUR)


def test_nothing_issued_is_missing() -> None:
    found = decide(None, WANTED, None, MOMENT)
    assert (found.due, found.reason) == (True, Reason.MISSING)


def test_what_is_asked_for_by_hand_is_due() -> None:
    found = decide(version(), WANTED, None, replace(MOMENT, force=True))
    assert (found.due, found.reason) == (True, Reason.FORCED)


def test_another_ask_is_due_whatever_the_authority_suggests() -> None:
    late = window(START + 60 * DAY, START)
    found = decide(version(), replace(WANTED, authorities=("other",)), late, MOMENT)
    assert (found.due, found.reason) == (True, Reason.CHANGED)


@pytest.mark.parametrize(
    ("life", "left"),
    [(90 * DAY, 30 * DAY), (10 * DAY, 10 * DAY / 3), (6 * DAY, 3 * DAY), (HOUR, HOUR / 2)],
)
def test_the_fallback_is_a_third_and_a_half_under_ten_days(
    life: timedelta, left: timedelta
) -> None:
    due = START + life - left
    second = timedelta(seconds=1)
    assert not at(due - second, life=life).due
    found = at(due + second, life=life)
    assert (found.due, found.reason) == (True, Reason.FALLBACK)


@pytest.mark.parametrize(
    ("before", "left"),
    [
        (RenewBefore(share=0.5), 45 * DAY),
        (RenewBefore(span=20 * DAY), 20 * DAY),
        (RenewBefore(span=400 * DAY), 81 * DAY),
    ],
)
def test_the_operators_own_threshold_is_followed_within_reason(
    before: RenewBefore, left: timedelta
) -> None:
    due = START + 90 * DAY - left
    assert not at(due - HOUR, before=before).due
    assert at(due + HOUR, before=before).due


@pytest.mark.rule("ARI-7")
def test_a_selected_time_in_the_past_is_due_at_once() -> None:
    found = at(START + 5 * DAY, renewal=window(START + DAY, START))
    assert (found.due, found.reason) == (True, Reason.ARI)
    assert "https://ca.example/why" in found.why


@pytest.mark.rule("ARI-18")
@pytest.mark.rule("ARI-5")
def test_a_window_that_was_over_when_it_was_told_is_that_of_a_revoked_certificate() -> None:
    found = at(START + 5 * DAY, renewal=window(START + DAY, START + 5 * DAY))
    assert (found.due, found.reason) == (True, Reason.REVOKED_WINDOW)
    assert "https://ca.example/why" in found.why
    # A window around the fallback that passed while the machine was off is nothing unusual.
    late = START + 70 * DAY
    assert at(late, renewal=window(START + 61 * DAY, late)).reason is Reason.ARI


@pytest.mark.rule("ARI-8")
def test_a_selected_time_before_the_next_run_is_due_now() -> None:
    soon = window(START + 2 * HOUR, START)
    assert not at(START, renewal=soon, wake=HOUR).due
    assert at(START, renewal=soon, wake=3 * HOUR).due
    assert at(START, renewal=soon, wake=DAY).due


@pytest.mark.rule("ARI-8")
def test_a_run_that_can_wait_until_the_selected_time_waits() -> None:
    soon = window(START + 2 * HOUR, START)
    waiting = Moment(now=START, next_wake=START + DAY, waits_until=START + 3 * HOUR)
    found = decide(version(), WANTED, soon, waiting)
    assert (found.due, found.at) == (False, START + 2 * HOUR)
    assert decide(version(), WANTED, soon, replace(waiting, now=START + 2 * HOUR)).due
    # What lies beyond the wait and before the next run is due now.
    later = window(START + 4 * HOUR, START)
    assert decide(version(), WANTED, later, waiting).due


@pytest.mark.rule("ARI-12")
def test_a_window_after_the_fallback_holds_only_while_the_last_good_poll_is_young() -> None:
    now = START + 61 * DAY
    later = START + 80 * DAY
    assert not at(now, renewal=window(later, now - 2 * DAY)).due
    found = at(now, renewal=window(later, now - 3 * DAY))
    assert (found.due, found.reason) == (True, Reason.FALLBACK)


def test_a_window_before_the_fallback_holds_however_old_the_poll_is() -> None:
    found = at(START + 50 * DAY, renewal=window(START + 40 * DAY, START))
    assert (found.due, found.reason) == (True, Reason.ARI)


@pytest.mark.rule("ARI-17")
def test_below_a_twentieth_it_is_due_whatever_the_authority_says() -> None:
    now = START + 86 * DAY
    found = at(now, renewal=window(START + 89 * DAY, now))
    assert (found.due, found.reason) == (True, Reason.EMERGENCY)
    assert not at(START + 85 * DAY, renewal=window(START + 89 * DAY, START + 85 * DAY)).due


def test_a_window_of_another_certificate_counts_for_nothing() -> None:
    found = at(START + DAY, renewal=window(START, START, cert_id="c.d"))
    assert (found.due, found.reason) == (False, Reason.FALLBACK)


@pytest.mark.rule("ARI-17")
@pytest.mark.parametrize(
    ("emergency", "left"),
    [
        (EMERGENCY, 4.5 * DAY),
        (RenewBefore(share=0.2), 18 * DAY),
        (RenewBefore(span=2 * DAY), 2 * DAY),
        (RenewBefore(share=0.5), 30 * DAY),  # never before the fallback
    ],
)
def test_the_emergency_threshold_is_the_operators(emergency: RenewBefore, left: timedelta) -> None:
    wanted = replace(WANTED, emergency=emergency)
    due = START + 90 * DAY - left

    def found(now: datetime) -> Decision:
        suggested = window(START + 89 * DAY, now)
        return decide(version(), wanted, suggested, Moment(now=now, next_wake=now + HOUR))

    assert not found(due - HOUR).due
    assert (found(due).due, found(due).reason) == (True, Reason.EMERGENCY)
    assert times(version(), wanted, HOUR).emergency == due


@pytest.mark.rule("ARI-17")
def test_an_emergency_leaves_time_for_three_more_runs() -> None:
    short = version(6 * DAY)
    assert short.earliest_end - times(short, WANTED, 6 * HOUR).emergency == 18 * HOUR
    assert short.earliest_end - times(short, WANTED, DAY).emergency == 1.5 * DAY


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"authorities": ("other", "third")}, "from ca to other, third"),
        ({"identifiers": (parse("b.test"),)}, "new: b.test; gone: a.test"),
        ({"identifiers": (parse("a.test"), parse("b.test"))}, "new: b.test"),
        ({"key_type": KeyType.RSA_2048}, "key type"),
        ({"usages": (Usage.CLIENT,)}, "usages"),
        ({"profile": "short"}, "the profile was changed from the default to short"),
    ],
)
def test_what_was_changed_is_said(change: dict[str, object], words: str) -> None:
    found = decide(version(), replace(WANTED, **change), None, MOMENT)  # type: ignore[arg-type]
    assert (found.due, found.reason) == (True, Reason.CHANGED)
    assert words in found.why
    assert "gone" in found.why or "gone" not in words


def test_the_least_share_left_is_the_most_urgent() -> None:
    ninety, six = version(), version(6 * DAY)
    now = START + 5 * DAY
    order = sorted((ninety, six, None), key=lambda one: urgency(one, now))
    assert order == [None, six, ninety]
    almost = START + 5.9 * DAY
    assert urgency(six, almost) < urgency(None, almost) < urgency(ninety, almost)
