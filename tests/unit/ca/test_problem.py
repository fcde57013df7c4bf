"""Problem documents become errors that keep every word."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from everleaf.ca.answer import Answer
from everleaf.ca.problem import is_kind, problem_of, refusal, unavailable
from everleaf.errors import Actor, Subproblem, UnreachableError

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
URN = "urn:ietf:params:acme:error:"


def answer(body: object, status: int = 400, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(url="https://ca.test/x", status=status, headers=named, body=raw)


@pytest.mark.rule("ACME-6")
def test_a_problem_is_kept_whole_with_every_subproblem_and_its_identifier() -> None:
    body = {
        "type": URN + "malformed",
        "detail": "Some of the identifiers requested were rejected",
        "subproblems": [
            {
                "type": URN + "malformed",
                "detail": 'Invalid underscore in DNS name "_example.org"',
                "identifier": {"type": "dns", "value": "_example.org"},
            },
            {
                "type": URN + "rejectedIdentifier",
                "detail": "This CA will not issue for it",
                "identifier": {"type": "dns", "value": "example.net"},
            },
            {"type": URN + "compound", "detail": "no identifier"},
        ],
    }
    error = refusal(answer(body), "place an order", NOW)
    assert error.problem is not None
    assert error.problem.subproblems[1] == Subproblem(
        type=URN + "rejectedIdentifier",
        detail="This CA will not issue for it",
        identifier="example.net",
    )
    text = str(error)
    for word in ("rejected", "_example.org", "Invalid underscore", "example.net", "no identifier"):
        assert word in text
    assert error.fault.words == error.problem.lines()


@pytest.mark.rule("ACME-5")
def test_a_limit_keeps_its_retry_after() -> None:
    body = {"type": URN + "rateLimited", "detail": "too many"}
    error = refusal(answer(body, 429, retry_after="3600"), "place an order", NOW)
    assert error.limited
    assert error.retry_at == NOW + timedelta(hours=1)
    assert error.fault.code == "rate-limited"


@pytest.mark.rule("ACME-5")
def test_a_429_without_a_document_is_a_limit_too() -> None:
    error = refusal(answer(b"slow down", 429, retry_after="60"), "place an order", NOW)
    assert error.limited
    assert error.retry_at == NOW + timedelta(minutes=1)
    assert "slow down" in str(error)


def test_the_status_is_the_answers_own() -> None:
    assert problem_of(answer({"type": URN + "malformed", "status": 200}, 409)).status == 409


@pytest.mark.parametrize("body", [b"", b"<html><h1>Forbidden</h1>", [1], "text", {"other": 1}])
def test_a_refusal_without_a_document_shows_its_status_and_an_excerpt(body: object) -> None:
    problem = problem_of(answer(body, 403))
    assert problem.status == 403
    assert "HTTP 403 Forbidden" in problem.detail
    assert problem.kind == "about:blank" or problem.type == "about:blank"


@pytest.mark.parametrize(
    "body",
    [
        {"type": 7, "detail": ["x"], "subproblems": "no"},
        {"type": URN + "dns", "subproblems": [1, None, {"identifier": "x"}, {"identifier": {}}]},
    ],
)
def test_what_is_no_part_of_a_problem_is_left_out(body: object) -> None:
    assert refusal(answer(body), "do it", NOW).problem is not None


@pytest.mark.parametrize("kind", ["caa", "rejectedIdentifier", "userActionRequired"])
def test_what_the_operator_must_mend_says_so(kind: str) -> None:
    fault = refusal(answer({"type": URN + kind}), "place an order", NOW).fault
    assert fault.actor is Actor.OPERATOR
    assert fault.remedy


def test_a_5xx_leaves_open_what_happened_and_keeps_words_and_retry_after() -> None:
    body = {"type": URN + "serverInternal", "detail": "down for maintenance"}
    error = unavailable(answer(body, 503, retry_after="90"), "show an order", NOW)
    assert isinstance(error, UnreachableError)
    assert is_kind(error, "serverInternal")
    assert error.retry_at == NOW + timedelta(seconds=90)
    assert "down for maintenance" in str(error.fault)


@pytest.mark.rule("ACME-8")
@pytest.mark.parametrize(
    ("instance", "links", "page"),
    [
        ("https://ca.test/agree", ("<https://ca.test/t>;rel=terms-of-service",), "/agree"),
        (None, ("<https://ca.test/t>;rel=terms-of-service",), "/t"),
    ],
)
def test_where_a_person_must_act_the_page_is_named(
    instance: object, links: tuple[str, ...], page: str
) -> None:
    body = {"type": URN + "userActionRequired", "detail": "new terms", "instance": instance}
    one = replace(answer(body, 403), links=links)
    error = refusal(one, "place an order", NOW)
    assert error.fault.actor is Actor.OPERATOR
    assert error.fault.remedy.endswith(f": https://ca.test{page}")
    plain = refusal(replace(one, links=(), body=b'{"type": "x:userActionRequired"}'), "x", NOW)
    assert plain.fault.remedy == "Do what the authority asks for"
