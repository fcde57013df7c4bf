"""Problem documents, and the errors that they become: RFC 7807; RFC 8555, section 6.7."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

from everleaf.ca.answer import Answer, parsed
from everleaf.ca.links import targets
from everleaf.ca.quirks import is_narrow
from everleaf.ca.wire import Again, LostError
from everleaf.errors import Actor, AuthorityError, Problem, Subproblem

PREFIX = "urn:ietf:params:acme:error:"
_BLANK = "about:blank"  # RFC 7807, section 4.2: nothing beyond the status
_USER_ACTION = "userActionRequired"

# Error types (RFC 8555, section 6.7) that are not the authority's to mend: who, and how.
_OTHERS: dict[str, tuple[Actor, str]] = {
    "accountDoesNotExist": (Actor.OPERATOR, "The authority does not know the account's key"),
    "badPublicKey": (Actor.OPERATOR, "Choose another key_type"),
    "badRevocationReason": (Actor.OPERATOR, "Give another reason"),
    "caa": (Actor.OPERATOR, "Allow this authority in the name's CAA records"),
    "externalAccountRequired": (
        Actor.OPERATOR,
        "Set `external_account` for this authority",
    ),
    "invalidContact": (Actor.OPERATOR, "Correct the authority's `contact`"),
    "rateLimited": (Actor.AUTHORITY, "It is tried again when the authority allows it"),
    "rejectedIdentifier": (
        Actor.OPERATOR,
        "Take the name out of the certificate, or choose another authority",
    ),
    "unsupportedContact": (Actor.OPERATOR, "Correct the authority's `contact`"),
    "unsupportedIdentifier": (
        Actor.OPERATOR,
        "Take the name out of the certificate, or choose another authority",
    ),
    _USER_ACTION: (Actor.OPERATOR, "Do what the authority asks for"),
}


def problem_of(answer: Answer) -> Problem:
    """The problem document of a refusal; one made of the status where the body is none.

    The status is the answer's own, whatever the document says.
    """
    body = parsed(answer.body)
    if isinstance(body, dict) and ("type" in body or "detail" in body):
        return parse(body, answer.status)
    detail = f"HTTP {answer.status} {_phrase(answer.status)}".strip()
    if excerpt := answer.excerpt():
        detail += f": {excerpt}"
    return Problem(type=_BLANK, detail=detail, status=answer.status)


def parse(body: Mapping[str, object], status: int = 0) -> Problem:
    """A problem document; what in it is no problem's part is left out."""
    own = body.get("status")
    return Problem(
        type=_text(body.get("type")) or _BLANK,
        detail=_text(body.get("detail")),
        status=status or (own if isinstance(own, int) else 0),
        subproblems=tuple(_subproblems(body.get("subproblems"))),
    )


def _subproblems(value: object) -> Iterator[Subproblem]:
    for one in value if isinstance(value, list) else []:
        if isinstance(one, dict):
            identifier = one.get("identifier")
            name = identifier.get("value") if isinstance(identifier, dict) else ""
            yield Subproblem(
                type=_text(one.get("type")) or _BLANK,
                detail=_text(one.get("detail")),
                identifier=_text(name),
            )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def has_document(answer: Answer) -> bool:
    """Whether the refusal comes with words of an ACME server, not of something in front of it."""
    return problem_of(answer).type != _BLANK


def refusal(answer: Answer, doing: str, now: datetime) -> AuthorityError:
    """The error for a refusal: the document whole, and `Retry-After` as a time."""
    problem = problem_of(answer)
    actor, remedy = _OTHERS.get(problem.kind, (Actor.AUTHORITY, ""))
    if problem.kind == _USER_ACTION and (page := _page(answer, doing)):
        remedy += f": {page}"
    error = AuthorityError(
        f"the authority refused to {doing}",
        code="authority-refused",
        where=answer.url,
        problem=problem,
        retry_at=answer.retry_at(now),
        remedy=remedy,
        actor=actor,
        narrow=is_narrow(answer.url, problem.detail),
    )
    if error.limited:
        _amend(error, code="rate-limited", what=f"the authority limits us: cannot {doing} now")
    return error


def _page(answer: Answer, doing: str) -> str:
    """Where a person is to go, or what to read: RFC 8555, section 7.3.3."""
    instance = _text(answer.document(doing).get("instance"))
    return instance or next(iter(targets(answer.links, "terms-of-service")), "")


def unavailable(answer: Answer, doing: str, now: datetime) -> LostError:
    """The error for a 5xx after which nobody knows whether the request was carried out."""
    error = LostError(
        f"the authority could not {doing}: HTTP {answer.status}",
        where=answer.url,
        again=Again.READS,
    )
    error.problem = problem_of(answer)
    error.retry_at = answer.retry_at(now)
    _amend(error, words=error.problem.lines())
    return error


def no_nonce(error: AuthorityError, doing: str) -> LostError:
    """The error where the authority takes no nonce at all: it says nothing about the request."""
    lost = LostError(
        f"the authority takes none of its own nonces, and so does not {doing}",
        where=error.fault.where,
        again=Again.NONE,
    )
    lost.problem = error.problem
    _amend(lost, words=error.fault.words)
    return lost


def _amend(error: AuthorityError, **changes: Any) -> None:
    error.fault = replace(error.fault, **changes)
    error.args = (str(error.fault),)


def is_kind(error: AuthorityError, kind: str) -> bool:
    """Whether it is a refusal of this ACME error type."""
    return error.problem is not None and error.problem.kind == kind
