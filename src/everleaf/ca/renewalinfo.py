"""Asking for the renewal window of a certificate: RFC 9773, section 4."""

import re
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from everleaf.ca.answer import Answer as HttpAnswer
from everleaf.ca.session import Session
from everleaf.core.window import (
    Answer,
    LongTermFailure,
    NotOffered,
    Suggestion,
    TemporaryFailure,
    Window,
)
from everleaf.errors import AuthorityError, EndOfTimeError, EverleafError, UnreachableError
from everleaf.ports import Clock

_DOING = "suggest a renewal window"
_LONGEST_URL = 1000
_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def ask(session: Session, cert_id: str, clock: Clock) -> Answer:
    """The authority's answer about one certificate; never raises an `EverleafError`.

    Time-outs and 5xx are temporary, and whatever else is no window is long-term (section 4.3.3).
    So would be a connection that is refused, a name that is not found, and 429; they pass as
    quickly as a time-out does, and count as temporary: the tries of those are capped.
    """
    try:
        base = session.directory().renewal_info
        if base is None:
            return NotOffered()
        answer = session.get(f"{base.rstrip('/')}/{cert_id}", _DOING)
    except AuthorityError as error:
        if isinstance(error, UnreachableError) or error.limited:
            return TemporaryFailure(
                why=str(error.fault), retry_at=error.retry_at, general=_is_general(error)
            )
        return LongTermFailure(why=str(error.fault))
    except EverleafError as error:
        return TemporaryFailure(why=str(error.fault), general=isinstance(error, EndOfTimeError))
    return parse(answer, clock.now())


def _is_general(error: AuthorityError) -> bool:
    """Whether others would fare no better: nobody answers, or nobody who asks from here is heard.

    Another 5xx may be about this certificate alone.
    """
    problem = error.problem
    return problem is None or error.limited or problem.status == HTTPStatus.SERVICE_UNAVAILABLE


def parse(answer: HttpAnswer, now: datetime) -> Answer:
    """Read a RenewalInfo object (section 4.2)."""
    try:
        body = answer.document(_DOING)
    except AuthorityError as error:
        return LongTermFailure(why=str(error.fault))
    window = body.get("suggestedWindow")
    start, end = (
        (timestamp(window.get("start")), timestamp(window.get("end")))
        if isinstance(window, dict)
        else (None, None)
    )
    if start is None or end is None:
        return LongTermFailure(why=f"no window in the authority's answer: {answer.excerpt()!r}")
    return Suggestion(
        window=Window(start, end),
        explanation_url=_page(body.get("explanationURL")),
        retry_at=answer.retry_at(now),
    )


def _page(value: object) -> str:
    """A URL that people can open; empty: it is none, and the window holds all the same."""
    if not isinstance(value, str) or not value.isascii() or len(value) > _LONGEST_URL:
        return ""
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    return value if parts.scheme in ("https", "http") and parts.netloc else ""


def timestamp(value: object) -> datetime | None:
    """A timestamp of RFC 3339 in UTC; None where it is none."""
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
