"""Asking for renewal information: whom, when, and what is kept of the answer (RFC 9773)."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from everleaf.core.backoff import Attempts
from everleaf.core.certificate import Version
from everleaf.core.job import Job
from everleaf.core.standing import Standing
from everleaf.core.window import (
    Answer,
    Renewal,
    Suggestion,
    TemporaryFailure,
    after_poll,
    poll_due,
    within_life,
)
from everleaf.ports import Authority
from everleaf.stages.clockwork import NOTICED, told
from everleaf.stages.contract import Tools


def to_ask(job: Job, *, by_hand: bool) -> Version | None:
    """The version to ask about now, if any (RFC 9773, section 4.3)."""
    newest, now = job.holding.newest, job.now
    if newest is None or newest.earliest_end <= now or newest.revoked_at is not None:
        return None
    if newest.authority not in job.wanted.authorities:
        return None
    due = poll_due(job.standing.renewal, newest.cert_id, now, by_hand=by_hand)
    return newest if due else None


def poll(
    name: str, newest: Version, tools: Tools, *, most_skew: timedelta, by_hand: bool = False
) -> None:
    """Ask the authority that issued `newest` for its renewal window, and keep what it says.

    Args:
        name: of the certificate.
        newest: its newest version.
        tools: of the run.
        most_skew: an answer of a clock that is further off ours decides nothing.
        by_hand: somebody asked for it now.
    """
    authority = tools.authority(newest.authority)
    cert_id = newest.cert_id or ""
    answer = _by_our_clock(
        within_life(authority.renewal_info(cert_id), newest.earliest_end), authority, most_skew
    )
    now, share = tools.clock.now(), tools.randomness.share()
    before = tools.store.standing(name).renewal
    troubled = before is not None and before.cert_id == cert_id and bool(before.trouble)

    def polled(known: Standing) -> Standing:
        first = known.renewal is None or known.renewal.cert_id != cert_id
        renewal = after_poll(known.renewal, cert_id, answer, now, share, by_hand=by_hand)
        rushed = known.rushed
        if renewal.last_good == now and renewal.window is not None:
            over = renewal.window.end <= now
            rushed = (rushed.failed(now) if first else rushed) if over else Attempts()
        return replace(known, renewal=renewal, rushed=rushed)

    renewal = tools.store.change(name, polled).renewal
    if renewal is not None:
        _tell(name, renewal, tools, news=bool(renewal.trouble) and not troubled)


def _by_our_clock(answer: Answer, authority: Authority, most_skew: timedelta) -> Answer:
    if abs(authority.skew() or timedelta(0)) <= most_skew:
        return answer
    again = answer.retry_at if isinstance(answer, Suggestion) else None
    return TemporaryFailure(why="the authority's clock and ours differ", retry_at=again)


def _tell(name: str, renewal: Renewal, tools: Tools, *, news: bool) -> None:
    tools.events.say(
        "warning" if news else "debug", "renewal information", certificate=name, stage="order",
        selected=str(renewal.selected), next_poll=str(renewal.next_poll),
        trouble=renewal.trouble, explanation_url=renewal.explanation_url,
    )  # fmt: skip


def look_at_clocks(authorities: Iterable[str], tools: Tools, most_skew: timedelta) -> None:
    """Say where an authority's clock and ours are apart, once for each."""
    for name in sorted(authorities):
        skew = tools.authority(name).skew()
        if skew is not None and abs(skew) > NOTICED:
            tools.events.say(
                "error" if abs(skew) > most_skew else "warning",
                "clocks differ", certificate="", stage="order", authority=name,
                ours=f"{told(skew)}", bound=str(most_skew),
            )  # fmt: skip
