"""The renewal window that an authority suggests, and when to ask again: RFC 9773."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

SHORTEST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(days=1)
LONG_TERM_WAIT = timedelta(hours=6)
STALE_AFTER = timedelta(days=3)
TRIES = 8  # temporary failures in a row that are tried again sooner than long-term ones
_FIRST_RETRY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Start and end of the time in which the authority would like a renewal (section 4.2)."""

    start: datetime
    end: datetime

    @property
    def is_valid(self) -> bool:
        """An end that equals or precedes its start makes the answer invalid (section 4.2)."""
        return self.end > self.start

    def at(self, share: float) -> datetime:
        """The moment that lies `share` (0 to 1) into the window."""
        return self.start + (self.end - self.start) * share


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A good answer. `retry_at` is its `Retry-After` as a time, where it had one."""

    window: Window
    explanation_url: str = ""
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporaryFailure:
    """Connection, time-out, 5xx or 429 (section 4.3.3).

    Attributes:
        general: no answer came at all, or none for us: asking about others would be in vain.
        sent: False where for that reason nobody was asked.
    """

    why: str
    retry_at: datetime | None = None
    general: bool = False
    sent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LongTermFailure:
    """A malformed body or another refusal (section 4.3.3)."""

    why: str


def within_life(answer: "Answer", end: datetime) -> "Answer":
    """The answer with its window cut at the certificate's end: there is no renewal after that.

    Where nothing is left of the window it is as invalid as one that ends before it starts.
    """
    if not isinstance(answer, Suggestion) or answer.window.end <= end:
        return answer
    if answer.window.start < end:
        return replace(answer, window=Window(answer.window.start, end))
    first = answer.window.start.strftime("%Y-%m-%d %H:%M:%SZ")
    return LongTermFailure(why=f"the window begins after the certificate has ended, {first}")


@dataclass(frozen=True, slots=True)
class NotOffered:
    """The directory names no renewalInfo resource (section 3)."""


Answer = Suggestion | TemporaryFailure | LongTermFailure | NotOffered


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What the authority said about one certificate, and when to ask again; survives the process.

    Attributes:
        selected: the one random time in the window; chosen anew only when the window changes.
        told_at: when this window was told first.
        last_good: when the last valid answer came.
        failures: temporary failures in a row.
        asked_at: when it was last asked, whatever came of it; the first time, right after
            issuance, does not count.
    """

    cert_id: str
    next_poll: datetime
    window: Window | None = None
    selected: datetime | None = None
    told_at: datetime | None = None
    explanation_url: str = ""
    last_good: datetime | None = None
    failures: int = 0
    trouble: str = ""
    asked_at: datetime | None = None


def poll_due(
    known: Renewal | None, cert_id: str | None, now: datetime, *, by_hand: bool = False
) -> bool:
    """Whether to ask now; by hand it may be earlier, but never twice within a minute."""
    if cert_id is None:
        return False
    if known is None or known.cert_id != cert_id:
        return True
    if not now < known.next_poll <= now + LONGEST_WAIT:
        return True  # one that lies further ahead was written by a wrong clock
    last = known.asked_at
    return by_hand and (last is None or abs(now - last) >= SHORTEST_WAIT)


def after_poll(
    known: Renewal | None, cert_id: str, answer: Answer, now: datetime, share: float
) -> Renewal:
    """What is known after an answer.

    Args:
        known: what was known; of another certificate it counts for nothing.
        share: a random number from 0 to 1, used only where the window is new.
    """
    if known is None or known.cert_id != cert_id:
        known = Renewal(cert_id=cert_id, next_poll=now)
    elif not isinstance(answer, TemporaryFailure) or answer.sent:
        known = replace(known, asked_at=now)
    match answer:
        case Suggestion() if not answer.window.is_valid:
            return _long_term(known, now, "the window ends before it starts")
        case Suggestion():
            return _good(known, answer, now, share)
        case TemporaryFailure():
            return _temporary(known, answer, now)
        case LongTermFailure():
            return _long_term(known, now, answer.why)
        case NotOffered():
            return replace(known, next_poll=now + LONGEST_WAIT, failures=0, trouble="")


def _good(known: Renewal, answer: Suggestion, now: datetime, share: float) -> Renewal:
    same = known.window == answer.window and known.selected is not None
    return replace(
        known,
        window=answer.window,
        selected=known.selected if same else answer.window.at(share),
        told_at=(known.told_at or known.last_good) if same else now,
        explanation_url=answer.explanation_url,
        last_good=now,
        next_poll=_clamp(answer.retry_at, now) if answer.retry_at else now + LONG_TERM_WAIT,
        failures=0,
        trouble="",
    )


def _temporary(known: Renewal, answer: TemporaryFailure, now: datetime) -> Renewal:
    """Back-off takes priority over Retry-After (section 4.3.2); its tries are capped (4.3.3)."""
    wait = _FIRST_RETRY * 2**known.failures if known.failures < TRIES else LONG_TERM_WAIT
    at = now + wait
    if answer.retry_at:
        at = max(at, _clamp(answer.retry_at, now))
    failures = min(known.failures + 1, TRIES) if answer.sent else known.failures
    return replace(known, next_poll=at, failures=failures, trouble=answer.why)


def _long_term(known: Renewal, now: datetime, why: str) -> Renewal:
    return replace(known, next_poll=now + LONG_TERM_WAIT, failures=0, trouble=why)


def _clamp(at: datetime, now: datetime) -> datetime:
    return min(max(at, now + SHORTEST_WAIT), now + LONGEST_WAIT)
