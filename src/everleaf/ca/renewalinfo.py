"""Asking for the renewal window of a certificate: RFC 9773, section 4."""

import re
from datetime import UTC, datetime

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
from everleaf.errors import AuthorityError, EverleafError, UnreachableError
from everleaf.ports import Clock

_DOING = "suggest a renewal window"
_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def ask(session: Session, cert_id: str, clock: Clock) -> Answer:
    """The authority's answer about one certificate; never raises an `EverleafError`.

    Connections, time-outs, 5xx and 429 are temporary (section 4.3.2), whatever else is no window
    is long-term (section 4.3.3).
    """
    try:
        base = session.directory().renewal_info
        if base is None:
            return NotOffered()
        answer = session.get(f"{base.rstrip('/')}/{cert_id}", _DOING)
    except UnreachableError as error:
        return TemporaryFailure(why=str(error.fault), retry_at=error.retry_at)
    except AuthorityError as error:
        if error.limited:
            return TemporaryFailure(why=str(error.fault), retry_at=error.retry_at)
        return LongTermFailure(why=str(error.fault))
    except EverleafError as error:
        return TemporaryFailure(why=str(error.fault))
    return parse(answer, clock.now())


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
    explanation = body.get("explanationURL")
    return Suggestion(
        window=Window(start, end),
        explanation_url=explanation if isinstance(explanation, str) else "",
        retry_at=answer.retry_at(now),
    )


def timestamp(value: object) -> datetime | None:
    """A timestamp of RFC 3339 in UTC; None where it is none."""
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
