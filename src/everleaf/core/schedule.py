"""Whether a certificate is to be renewed, when, and why: one pure decision."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from everleaf.core.certificate import Version
from everleaf.core.identifiers import Identifier
from everleaf.core.wanted import EMERGENCY, RenewBefore, Wanted
from everleaf.core.window import STALE_AFTER, Renewal

SHORT_LIFETIME = timedelta(days=10)
_RUNS_LEFT = 3
# A threshold longer than the lifetime would order at every run.
_LARGEST_SHARE = 0.9


class Reason(StrEnum):
    """Stable codes of a decision."""

    MISSING = "missing"
    CHANGED = "changed"
    EMERGENCY = "emergency"
    ARI = "ari"
    REVOKED_WINDOW = "revoked-window"
    FALLBACK = "fallback"
    FORCED = "forced"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """The moments of one certificate's life that do not depend on the authority's answer."""

    fallback: datetime
    rule: str
    emergency: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """`at` is when renewal is due; `why` says it with the numbers that led to it."""

    due: bool
    at: datetime
    reason: Reason
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The run that decides.

    Attributes:
        now: the time.
        next_wake: when the next run is expected (RFC 9773, section 4.2).
        waits_until: until then this run can wait for a selected time, and renew exactly then.
        force: asked for by hand.
    """

    now: datetime
    next_wake: datetime
    waits_until: datetime | None = None
    force: bool = False


def decide(
    newest: Version | None, wanted: Wanted, renewal: Renewal | None, moment: Moment
) -> Decision:
    """Decide about the newest version that was ever issued.

    Args:
        newest: None: nothing was issued yet.
        renewal: what the authority said; counts only where it is about `newest`.
    """
    now = moment.now
    if newest is None:
        return Decision(True, now, Reason.MISSING, "no certificate has been issued yet")
    if moment.force:
        return Decision(True, now, Reason.FORCED, "asked for by hand")
    if newest.revoked_at is not None:
        why = f"it was revoked by us on {_day(newest.revoked_at)}"
        return Decision(True, now, Reason.REVOKED, why)
    if newest.ask != wanted.ask or newest.authority not in wanted.authorities:
        return Decision(True, now, Reason.CHANGED, changes(newest, wanted))
    life = times(newest, wanted, moment.next_wake - now)
    known = renewal if renewal and renewal.cert_id == newest.cert_id else None
    holds = known and known.selected and known.window and _holds(known, life.fallback, now)
    if known and known.selected and holds and now < life.emergency:
        return _by_window(known, known.selected, life, moment)
    left = f"{_span(life.end - now)} left of {_span(newest.lifetime)}"
    if now >= life.emergency:
        why = f"{left}: nothing overrides renewal since {_day(life.emergency)}"
        return Decision(True, now, Reason.EMERGENCY, why)
    due = now >= life.fallback
    why = f"{left}; due {life.rule}, on {_day(life.fallback)}"
    return Decision(due, life.fallback, Reason.FALLBACK, why)


def times(newest: Version, wanted: Wanted, wake: timedelta) -> Times:
    """Fallback and emergency of a version.

    An emergency leaves time for a few more runs, as far as that leaves the authority half of the
    time after the usual fallback. The operator's own fallback never lies after it.
    """
    before, rule = _before(newest, wanted.renew_before)
    emergency, _ = _before(newest, wanted.emergency)
    usual, _ = _before(newest, None)
    emergency = max(emergency, min(_RUNS_LEFT * wake, usual / 2))
    if before < emergency:
        before, rule = emergency, f"where the emergency begins, {_span(emergency)} before the end"
    end = newest.earliest_end
    return Times(fallback=end - before, rule=rule, emergency=end - emergency, end=end)


def urgency(newest: Version | None, now: datetime) -> float:
    """The share of its lifetime that a certificate has left: the least is the most urgent.

    One that was never issued comes after those that are about to expire, and before all others.
    """
    if newest is None:
        return EMERGENCY.share or 0.0
    return newest.remaining(now) / newest.lifetime


def changes(newest: Version, wanted: Wanted) -> str:
    """What was changed in the configuration since this version was ordered."""
    if newest.authority not in wanted.authorities:
        now_at = ", ".join(wanted.authorities)
        return f"the authority was changed from {newest.authority} to {now_at}"
    before, after = set(newest.identifiers), set(wanted.identifiers)
    if before != after:
        parts = {"new": after - before, "gone": before - after}
        told = "; ".join(f"{word}: {_listed(found)}" for word, found in parts.items() if found)
        return f"the names were changed: {told}"
    if newest.profile != wanted.profile:
        words = (newest.profile or "the default", wanted.profile or "the default")
        return f"the profile was changed from {words[0]} to {words[1]}"
    if wanted.csr is None and newest.key_type not in ("", wanted.key_type):
        return f"the key type was changed from {newest.key_type} to {wanted.key_type}"
    return "key type, request or usages were changed in the configuration"


def _listed(found: set[Identifier]) -> str:
    return ", ".join(sorted(str(one) for one in found))


def _before(newest: Version, wanted: RenewBefore | None) -> tuple[timedelta, str]:
    """How long before the end a threshold lies, and by which rule."""
    life = newest.lifetime
    if wanted and wanted.span is not None:
        span = min(wanted.span, life * _LARGEST_SHARE)
        return span, f"{_span(span)} before the end"
    if wanted and wanted.share is not None:
        share = min(wanted.share, _LARGEST_SHARE)
    else:
        share = 1 / 2 if life < SHORT_LIFETIME else 1 / 3
    return life * share, f"at {share:.0%} of the lifetime"


def _holds(known: Renewal, fallback: datetime, now: datetime) -> bool:
    """A time later than the fallback needs a good poll within three days (our rule)."""
    if known.selected is None or known.last_good is None:
        return False
    return known.selected <= fallback or now - known.last_good < STALE_AFTER


def _by_window(known: Renewal, selected: datetime, life: Times, moment: Moment) -> Decision:
    now = moment.now
    waits = moment.waits_until is not None and selected <= moment.waits_until
    due = selected <= now or (selected < moment.next_wake and not waits)
    why = f"the authority's window, selected {_day(selected)}"
    if due and selected > now:
        why += f", before the next run, expected by {_day(moment.next_wake)}"
    reason = Reason.ARI
    told_at = known.told_at or known.last_good
    if known.window and told_at and known.window.end <= min(told_at, life.fallback):
        # It was over when we were told of it: nobody plans so for a certificate that may live.
        reason = Reason.REVOKED_WINDOW
        why = f"the authority wants it replaced at once: its window ended {_day(known.window.end)}"
    if known.explanation_url:
        why += f" (see {known.explanation_url})"
    return Decision(due, selected, reason, why)


def _day(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%SZ")


def _span(span: timedelta) -> str:
    """A duration in its largest sensible unit."""
    seconds = span.total_seconds()
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.0f} seconds"
