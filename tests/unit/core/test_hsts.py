"""The Strict-Transport-Security header, and the steps of its roll-out (RFC 6797)."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everleaf.core.hsts import (
    DAY,
    MONTH,
    WEEK,
    YEAR,
    Malformed,
    Policy,
    Step,
    following,
    parse,
    step,
)
from everleaf.core.hsts import age as age_of

WORDS = st.text(alphabet="!#$%&'*+-.^_`|~abcXYZ019", min_size=1, max_size=8)
NAMES = WORDS.map(str.lower).filter(lambda one: one not in {"max-age", "preload"})
POLICIES = st.builds(
    Policy,
    max_age=st.integers(min_value=0, max_value=10**11),
    include_subdomains=st.booleans(),
    preload=st.booleans(),
    unknown=st.just(()),
)


def policy(value: str) -> Policy:
    found = parse(value)
    assert isinstance(found, Policy), found
    return found


def why(value: str) -> str:
    found = parse(value)
    assert isinstance(found, Malformed), found
    return "; ".join(found.why)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("max-age=31536000", Policy(max_age=31536000)),
        ("max-age=15768000 ; includeSubDomains", Policy(max_age=15768000, include_subdomains=True)),
        ('max-age="31536000"', Policy(max_age=31536000)),
        ("max-age=0; includeSubDomains", Policy(max_age=0, include_subdomains=True)),
        ('max-age="0"; includeSubDomains', Policy(max_age=0, include_subdomains=True)),
    ],
)
def test_the_examples_of_the_rfc_are_read(value: str, expected: Policy) -> None:
    assert parse(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "includesubdomains; MAX-AGE=7;PreLoad",
        " ; max-age = 7 ;; preload ; includeSubDomains ;",
        'max-age="\\7";includeSubDomains;preload',
        "\tmax-age=007;\tincludeSubDomains;\tpreload",
    ],
)
def test_order_case_space_and_empty_directives_do_not_matter(value: str) -> None:
    assert policy(value) == Policy(max_age=7, include_subdomains=True, preload=True)


def test_what_is_not_known_is_ignored_and_told() -> None:
    found = policy('max-age=7; report="a; b, \\"c\\""; x-y; preload=1')
    assert found == Policy(max_age=7, unknown=("report", "x-y"))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "no max-age"),
        ("includeSubDomains; preload", "no max-age"),
        ("max-age", "max-age has no value"),
        ('max-age=""', "no number of seconds"),
        ("max-age=-1", "no number of seconds: '-1'"),
        ("max-age=1y", "no number of seconds: '1y'"),
        ("max-age=\N{SUPERSCRIPT TWO}", "no directive at"),
        ("max-age=", "no directive at 'max-age='"),
        ("max-age 7", "no directive at"),
        ("=7; max-age=7", "no directive at"),
        ('max-age="7', "no directive at"),
        ('max-age="7"x', "no directive at"),
        ("max-age=7, max-age=8", "a comma stands in it"),
        ("max-age=7; max-age=7", "'max-age' stands there twice"),
        ("max-age=7; includeSubDomains; INCLUDESUBDOMAINS", "'includesubdomains' stands there"),
        ("max-age=7; other; other", "'other' stands there twice"),
        ("max-age=7; includeSubDomains=true", "includeSubDomains has a value"),
    ],
)
def test_what_does_not_follow_the_grammar_is_told_in_words(value: str, words: str) -> None:
    assert words in why(value)


def test_every_objection_is_told() -> None:
    assert why("max-age=soon; includeSubDomains=1; a; a").count(";") == 2


def test_a_hostile_header_costs_no_time() -> None:
    for hostile in (" " * 60_000 + "x y", "a" * 60_000 + '"', 'a="' + "\\" * 60_000, "; " * 30_000):
        assert isinstance(parse(hostile), Malformed)
    assert policy("max-age=" + "9" * 60_000).max_age >= YEAR


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_reason(value: str) -> None:
    found = parse(value)
    assert found.max_age >= 0 if isinstance(found, Policy) else found.why


@given(
    one=POLICIES,
    unknown=st.dictionaries(NAMES, st.none() | WORDS, max_size=3),
    quoted=st.booleans(),
    order=st.randoms(use_true_random=False),
)
def test_whatever_follows_the_grammar_is_taken(
    one: Policy, unknown: dict[str, str | None], quoted: bool, order: Random
) -> None:
    parts = [f'max-age="{one.max_age}"' if quoted else f"max-age={one.max_age}"]
    parts += ["includeSubDomains"] * one.include_subdomains + ["preload"] * one.preload
    parts += [name if value is None else f"{name}={value}" for name, value in unknown.items()]
    order.shuffle(parts)
    found = policy(" ; ".join(parts))
    assert replace(found, unknown=()) == one
    assert set(found.unknown) == set(unknown)


@given(one=POLICIES)
def test_a_policy_is_written_as_it_is_read(one: Policy) -> None:
    assert parse(str(one)) == one


@pytest.mark.parametrize(
    ("value", "where", "after"),
    [
        ("max-age=0; includeSubDomains", Step.NONE, "max-age=300; includeSubDomains"),
        ("max-age=300", Step.MINUTES, "max-age=604800"),
        ("max-age=604800", Step.DAYS, "max-age=2592000"),
        ("max-age=86400; includeSubDomains", Step.DAYS, "max-age=2592000; includeSubDomains"),
        ("max-age=2592000", Step.MONTH, "max-age=31536000"),
        ("max-age=31535999; preload", Step.MONTH, "max-age=31536000; preload"),
        ("max-age=31536000", Step.YEAR, "max-age=31536000; includeSubDomains"),
        ("max-age=63072000; preload", Step.YEAR, "max-age=63072000; includeSubDomains; preload"),
        (
            "max-age=63072000; includeSubDomains",
            Step.SUBDOMAINS,
            "max-age=63072000; includeSubDomains; preload",
        ),
        ("max-age=31536000; includeSubDomains; preload", Step.PRELOAD, ""),
    ],
)
def test_each_step_is_recognized_and_the_next_one_named(
    value: str, where: Step, after: str
) -> None:
    coming = following(policy(value))
    assert step(policy(value)) is where
    assert (str(coming) if coming else "") == after


def test_a_host_without_a_header_begins_with_minutes() -> None:
    assert step(None) is Step.NONE
    assert following(None) == Policy(max_age=300)


@given(one=POLICIES)
def test_the_steps_lead_to_the_last_one_and_take_nothing_back(one: Policy) -> None:
    order, seen = list(Step), [step(one)]
    while (coming := following(one)) is not None:
        assert coming.max_age >= one.max_age
        assert coming.include_subdomains >= one.include_subdomains
        assert coming.preload >= one.preload
        one = coming
        seen.append(step(one))
    assert seen[-1] is Step.PRELOAD
    assert [order.index(one) for one in seen] == sorted({order.index(one) for one in seen})


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (300, "5 minutes"),
        (90, "90 seconds"),
        (DAY, "1 day"),
        (WEEK, "7 days"),
        (MONTH, "30 days"),
        (15768000, "about 182 days"),
        (YEAR, "1 year"),
        (2 * YEAR, "2 years"),
    ],
)
def test_an_age_is_told_in_words(seconds: int, words: str) -> None:
    assert age_of(seconds) == words
