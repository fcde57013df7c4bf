"""Back-off, blame, alerts, standing, lifecycle: the small pure rules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everleaf.core import alerting
from everleaf.core.blame import guilty
from everleaf.core.certificate import Rejection, Version
from everleaf.core.identifiers import parse
from everleaf.core.job import Holding, Job
from everleaf.core.lifecycle import TABLE, End, Stage, Step, follows, picture
from everleaf.core.outcome import Back, Done, Due, Failed, Held, Idle, Waiting
from everleaf.core.standing import Standing, Told, after, cleared
from everleaf.core.wanted import Copy, CopyKind, KeyType, Usage, Wanted
from everleaf.errors import Actor, Fault

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FAULT = Fault(actor=Actor.EDGE, code="x", what="it does not work")
WANTED = Wanted(
    name="www", identifiers=(parse("www.example.org"),), authorities=("ca",), solvers=("web",)
)  # fmt: skip


def version(name: str, *, life: timedelta = 90 * DAY, placeholder: bool = False) -> Version:
    return Version(
        id=name, ask="", authority="ca", account="", identifiers=(), serial="01",
        not_before=NOW, not_after=NOW + life, earliest_end=NOW + life, chain_sha256=(),
        cert_id=None, installed_at=NOW, placeholder=placeholder,
    )  # fmt: skip


@given(st.sets(st.sampled_from("abcdefgh"), min_size=1), st.integers(1, 8))
def test_whoever_fails_alone_is_found_and_the_others_go_forward(bad: set[str], size: int) -> None:
    suspects = tuple("abcdefgh"[: max(size, ord(max(bad)) - 96)])
    asked: list[frozenset[str]] = []

    def passes(forward: frozenset[str]) -> bool:
        asked.append(forward)
        return not forward & bad

    assert guilty(suspects, passes) == bad & set(suspects)
    assert len(asked) <= 2 * len(suspects)


def test_pairs_that_fail_only_together_leave_a_set_that_passes() -> None:
    def passes(forward: frozenset[str]) -> bool:
        return not {"a", "c"} <= forward

    blamed = guilty(("a", "b", "c", "d"), passes)
    assert len(blamed) == 1
    assert passes(frozenset("abcd") - blamed)


def failing() -> Standing:
    return after(Standing(name="www"), Stage.RELOAD, Failed(FAULT), NOW)


def test_an_alert_is_due_once_when_it_fails_and_once_when_it_is_well() -> None:
    ((alert, told),) = alerting.due(failing(), None, (), NOW)
    assert (alert.kind, told.failing) == (alerting.Kind.FAILING, True)
    informed = replace(failing(), told=told)
    assert alerting.due(informed, None, (), NOW) == ()
    ((well, told),) = alerting.due(cleared(informed, Stage.RELOAD), None, (), NOW)
    assert (well.kind, told.failing) == (alerting.Kind.RECOVERED, False)


def test_marks_are_told_once_each_and_again_for_another_version() -> None:
    standing, seen = Standing(name="www"), []
    for day in range(90):
        for alert, told in alerting.due(standing, version("v1"), (14, 7, 3), NOW + day * DAY):
            seen.append((day, alert.days))
            standing = replace(standing, told=told)
    assert seen == [(76, 14), (83, 7), (87, 3)]
    ((alert, _),) = alerting.due(standing, version("v2"), (14, 7, 3), NOW + 84 * DAY)
    assert alert.days == 7, "two marks passed at once are one alert"


def test_a_mark_longer_than_the_lifetime_and_a_placeholder_are_told_to_nobody() -> None:
    standing = Standing(name="www", told=Told())
    assert alerting.due(standing, version("v", life=6 * DAY), (14,), NOW + DAY) == ()
    holder = version("p", placeholder=True)
    assert alerting.due(standing, holder, (14,), NOW + 89 * DAY) == ()


def test_a_failure_counts_and_keeps_its_beginning_and_done_ends_it() -> None:
    once = failing()
    twice = after(once, Stage.RELOAD, Failed(FAULT), NOW + DAY)
    trouble = twice.troubles[Stage.RELOAD]
    assert (trouble.since, trouble.attempts.failures) == (NOW, 2)
    assert twice.is_failing
    assert after(twice, Stage.RELOAD, Done(), NOW).is_clear


def test_waiting_is_no_failure_and_keeps_one_that_was_there() -> None:
    waiting = after(Standing(name="www"), Stage.VALIDATE, Waiting(NOW + DAY), NOW)
    assert not waiting.is_failing
    assert not waiting.is_clear
    both = after(failing(), Stage.RELOAD, Waiting(NOW + DAY), NOW)
    assert both.is_failing


@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_has_a_way_on_and_a_way_off(stage: Stage) -> None:
    assert {Step.ON, Step.OFF} <= set(TABLE[stage])
    assert follows(stage, Idle()) == follows(stage, Done())
    assert follows(stage, Failed(FAULT)) == follows(stage, Held(None, ""))
    with pytest.raises(ValueError, match="due"):
        follows(stage, Due("due"))
    assert stage.value in picture()


def test_whatever_fails_before_it_the_live_version_is_still_deployed_and_confirmed() -> None:
    for stage in (Stage.ORDER, Stage.VALIDATE, Stage.VERIFY, Stage.INSTALL):
        assert follows(stage, Failed(FAULT)) is Stage.RELOAD
    assert follows(Stage.RELOAD, Failed(FAULT)) is Stage.CONFIRM
    assert follows(Stage.CONFIRM, Done()) is End.STOP


def test_an_order_that_is_void_is_begun_again() -> None:
    assert follows(Stage.VALIDATE, Back("void")) is Stage.ORDER


def test_only_what_a_certificate_is_for_asks_for_another_one() -> None:
    others = [
        replace(WANTED, identifiers=(parse("a.example.org"),)),
        replace(WANTED, key_type=KeyType.RSA_2048),
        replace(WANTED, usages=(Usage.CLIENT,)),
        replace(WANTED, profile="short"),
        replace(WANTED, csr=b"request"),
    ]
    assert len({one.ask for one in [WANTED, *others]}) == 6
    same = [
        # Another authority is due by itself: see the schedule.
        replace(WANTED, authorities=("other",)),
        replace(WANTED, solvers=("dns",)),
        replace(WANTED, reuse_key=True),
        replace(WANTED, terminators=("x",)),
        replace(WANTED, grace=DAY),
        replace(WANTED, identifiers=WANTED.identifiers * 2),
        replace(WANTED, copies=(Copy(path=Path("/x"), kind=CopyKind.COMBINED),)),
    ]
    assert {one.ask for one in same} == {WANTED.ask}


def job(*versions: Version, live: str, **more: object) -> Job:
    holding = Holding(versions=versions, live=live)
    return Job(
        wanted=WANTED, standing=Standing(name="www"), holding=holding, now=NOW + 10 * DAY,
        started=NOW, hooks=(("edge", "1"),), **more,  # type: ignore[arg-type]
    )  # fmt: skip


def rejection(
    hook: str = "1", deployment: str = WANTED.deployment, at: datetime = NOW
) -> Rejection:
    return Rejection(
        version="v2", terminator="edge", hook=hook, deployment=deployment, words=(), at=at
    )


def test_the_newest_valid_version_should_be_live() -> None:
    found = job(version("v1"), version("v2"), live="v1").candidate()
    assert found is not None
    assert found.id == "v2"


@pytest.mark.parametrize(
    ("other", "by_hand"),
    [
        (replace(version("v2"), rejection=rejection()), False),
        (replace(version("v2"), rejection=rejection()), True),
        (version("v2", life=DAY), False),
        (version("p", placeholder=True), False),
    ],
    ids=["kept back", "kept back by this very run", "expired", "placeholder"],
)
def test_a_version_that_may_not_go_live_is_passed_over(other: Version, by_hand: bool) -> None:
    found = job(version("v1"), other, live="v1", force=by_hand).candidate()
    assert found is not None
    assert found.id == "v1"


@pytest.mark.parametrize(
    ("held", "by_hand"),
    [
        (rejection(hook="2"), False),
        (rejection(deployment="other"), False),
        (rejection(at=NOW - DAY), True),
    ],
    ids=["another hook", "another deployment", "by hand"],
)
def test_a_rejection_ends_when_what_it_was_about_changes(held: Rejection, by_hand: bool) -> None:
    refused = replace(version("v2"), rejection=held)
    found = job(version("v1"), refused, live="v1", force=by_hand).candidate()
    assert found is not None
    assert found.id == "v2"
