"""Standing records as an authority judges them: draft-ietf-acme-dns-persist, section 4."""

from datetime import UTC, datetime, timedelta

import pytest

from everleaf.challenges.persist import record
from everleaf.challenges.persisted import Asked, MalformedError, complaints, parameters
from everleaf.core.identifiers import parse

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OURS = "https://ca.example/acct/1"
GOOD = f"ca.example; accounturi={OURS}"
WILD = f"{GOOD}; policy=wildcard"
ASKED = Asked(issuers=("ca.example", "ca.example.net"), account=OURS)
WILDCARD = Asked(issuers=("ca.example",), account=OURS, wildcard=True)


def until(when: datetime) -> str:
    return f"{GOOD}; persistUntil={int(when.timestamp())}"


def test_the_text_is_what_the_draft_has() -> None:
    assert (ASKED.text(), WILDCARD.text()) == (GOOD, WILD)


@pytest.mark.parametrize("asked", [ASKED, WILDCARD])
def test_what_is_written_suffices(asked: Asked) -> None:
    assert complaints([asked.text()], asked, NOW) == ()


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace(" ", ""),
        f" ca.example \t;\taccounturi = {OURS} ",
        GOOD.replace("ca.example;", "ca.example.net;"),
        GOOD.replace("accounturi", "AccountURI"),
        f"{GOOD}; unknown=x",
        f"{GOOD}; policy=something-else",
        until(NOW),
        until(NOW + timedelta(days=400)),
        WILD,
    ],
)
def test_other_forms_suffice_as_well(text: str) -> None:
    assert complaints([text], ASKED, NOW) == ()


@pytest.mark.parametrize("policy", ["wildcard", "WildCard"])
def test_the_policy_is_read_in_any_case(policy: str) -> None:
    assert complaints([f"{GOOD}; policy={policy}"], WILDCARD, NOW) == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"ca.example; accounturi={OURS}0", "allows the account https://ca.example/acct/10"),
        ("ca.example", "has no accounturi"),
        ("ca.example; accounturi=", "has no accounturi"),
        (f"{GOOD};", "semicolon at its end"),
        (f"{GOOD}; policy", "is not written tag=value"),
        (f"{GOOD}; =x", "is not written tag=value"),
        (f"{GOOD}; ACCOUNTURI={OURS}", "twice"),
        (f"{GOOD}; x=a b", "characters that are not allowed"),
        (f"{GOOD}; persistUntil=tomorrow", "persistUntil=tomorrow is no number"),
        (until(NOW - timedelta(seconds=1)), "it ended at 2026-02-28T23:59:59+00:00"),
        (f"{GOOD}; persistUntil=-999999999999999999", "it ended at -999999999999999999"),
        (GOOD.replace("ca.example;", "CA.Example.;"), "is to be written ca.example"),
    ],
)
def test_a_record_that_does_not_suffice_is_named_with_what_it_should_be(
    text: str, why: str
) -> None:
    (complaint,) = complaints([text], ASKED, NOW)
    assert complaint.startswith(f'"{text}": ')
    assert why in complaint
    assert complaint.endswith(f'it should be "{GOOD}"')


def test_a_wildcard_needs_the_policy() -> None:
    (complaint,) = complaints([GOOD], WILDCARD, NOW)
    assert "does not allow wildcards" in complaint
    assert complaint.endswith(f'it should be "{WILD}"')


def test_every_record_that_is_meant_for_the_authority_is_complained_of() -> None:
    found = complaints([f"{GOOD};", "other.example; accounturi=x", "ca.example"], ASKED, NOW)
    assert [one.split('"')[1] for one in found] == [f"{GOOD};", "ca.example"]


def test_one_record_that_suffices_is_enough() -> None:
    assert complaints([f"{GOOD};", GOOD], ASKED, NOW) == ()


@pytest.mark.parametrize(
    ("records", "there"),
    [
        ([], "no record names ca.example or ca.example.net"),
        (["v=spf1 -all", "other.example"], "none of the 2 records there names ca.example"),
    ],
)
def test_where_no_record_is_meant_for_the_authority_it_says_what_to_set(
    records: list[str], there: str
) -> None:
    (complaint,) = complaints(records, ASKED, NOW)
    assert complaint.startswith(there)
    assert complaint.endswith(f'set "{GOOD}"')


def test_what_is_not_known_is_not_judged() -> None:
    assert complaints([GOOD], Asked(), NOW) == ()
    (complaint,) = complaints([GOOD], Asked(wildcard=True), NOW)
    assert "wildcards" in complaint


def test_parameters_are_known_by_their_tags_in_lower_case() -> None:
    assert parameters("ca.example; A = 1 ;b=2=3") == {"a": "1", "b": "2=3"}
    with pytest.raises(MalformedError, match="empty parameter"):
        parameters("ca.example; ;a=1")


def test_one_line_stands_for_a_name_and_its_wildcard() -> None:
    names = [parse(one) for one in ("b.test", "*.a.test", "a.test", "192.0.2.1")]
    assert record(names, ["ca.example", "other"], OURS) == (
        f'_validation-persist.a.test. 3600 IN TXT "{WILD}"',
        f'_validation-persist.b.test. 3600 IN TXT "{GOOD}"',
    )
