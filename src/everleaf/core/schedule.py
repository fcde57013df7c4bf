"""Whether a certificate is to be renewed, when, and why: one pure decision."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from everleaf.core.certificate import Version
from everleaf.core.wanted import RenewBefore
from everleaf.core.window import STALE_AFTER, Renewal

SHORT_LIFETIME = timedelta(days=10)
EMERGENCY_SHARE = 1 / 20


class Reason(StrEnum):
    """Stable codes of a decision."""

    MISSING = "missing"
    CHANGED = "changed"
    EMERGENCY = "emergency"
    ARI = "ari"
    FALLBACK = "fallback"
    FORCED = "forced"


@dataclass(frozen=True, slots=True)
class Decision:
    """`at` is when renewal is due; `why` says it with the numbers that led to it."""

    due: bool
    at: datetime
    reason: Reason
    why: str


def decide(
    newest: Version | None,
    ask: str,
    renewal: Renewal | None,
    now: datetime,
    *,
    wake: timedelta,
    renew_before: RenewBefore | None = None,
    force: bool = False,
) -> Decision:
    """Decide about the newest version that was ever issued.

    Args:
        newest: None: nothing was issued yet.
        ask: fingerprint of what is wanted now.
        renewal: what the authority said; counts only where it is about `newest`.
        wake: time until the next run, for RFC 9773, section 4.2.
    """
    if newest is None:
        return Decision(True, now, Reason.MISSING, "no certificate has been issued yet")
    if force:
        return Decision(True, now, Reason.FORCED, "asked for by hand")
    if newest.ask != ask:
        why = "names, key type or authority were changed in the configuration"
        return Decision(True, now, Reason.CHANGED, why)
    left = newest.remaining(now)
    emergency = newest.earliest_end - newest.lifetime * EMERGENCY_SHARE
    if now >= emergency:
        why = f"{_span(left)} left of {_span(newest.lifetime)}: under a twentieth"
        return Decision(True, now, Reason.EMERGENCY, why)
    fallback, rule = fallback_time(newest, renew_before)
    known = renewal if renewal and renewal.cert_id == newest.cert_id else None
    if known and known.selected and known.window and _holds(known, fallback, now):
        return _by_window(known, known.selected, now, wake)
    due = now >= fallback
    why = f"{_span(left)} left of {_span(newest.lifetime)}; due {rule}, on {_day(fallback)}"
    return Decision(due, fallback, Reason.FALLBACK, why)


def fallback_time(newest: Version, renew_before: RenewBefore | None) -> tuple[datetime, str]:
    """When renewal is due without renewal information, and by which rule."""
    end, life = newest.earliest_end, newest.lifetime
    if renew_before and renew_before.span is not None:
        # A threshold longer than the lifetime would order at every run.
        span = min(renew_before.span, life * 0.9)
        return end - span, f"{_span(span)} before the end"
    share = renew_before.share if renew_before and renew_before.share is not None else None
    if share is None:
        share = 1 / 2 if life < SHORT_LIFETIME else 1 / 3
    return end - life * share, f"at {share:.0%} of the lifetime"


def _holds(known: Renewal, fallback: datetime, now: datetime) -> bool:
    """A time later than the fallback needs a good poll within three days (our rule)."""
    if known.selected is None or known.last_good is None:
        return False
    return known.selected <= fallback or now - known.last_good < STALE_AFTER


def _by_window(known: Renewal, selected: datetime, now: datetime, wake: timedelta) -> Decision:
    due = selected < now + wake
    why = f"the authority's window, selected {_day(selected)}"
    if due and selected > now:
        why += f", before the next run in {_span(wake)}"
    if known.explanation_url:
        why += f" (see {known.explanation_url})"
    return Decision(due, selected, Reason.ARI, why)


def _day(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%SZ")


def _span(span: timedelta) -> str:
    """A duration in its largest sensible unit."""
    seconds = span.total_seconds()
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.0f} seconds"
