"""Asking for renewal information: whom, when, and what is kept of the answer (RFC 9773)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

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

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Question:
    """A certificate's newest version, about which its authority is to be asked."""

    name: str
    newest: Version
    known: Renewal | None = None

    @property
    def rank(self) -> tuple[int, datetime]:
        """The fewest failures first, then the longest waiting, so that nobody starves."""
        if self.known is None or self.known.cert_id != self.newest.cert_id:
            return 0, _NEVER
        return self.known.failures, self.known.next_poll


def subject(job: Job) -> Version | None:
    """The version that is asked about at all, if any (RFC 9773, section 4.3)."""
    newest = job.holding.newest
    if newest is None or newest.earliest_end <= job.now or newest.revoked_at is not None:
        return None
    if newest.cert_id is None or newest.authority not in job.wanted.authorities:
        return None
    return newest


def questions(jobs: Iterable[Job], *, by_hand: bool) -> list[Question]:
    """What is to be asked now, in the order in which it should be."""
    found = []
    for job in jobs:
        newest, known = subject(job), job.standing.renewal
        if newest and poll_due(known, newest.cert_id, job.now, by_hand=by_hand):
            found.append(Question(job.name, newest, known))
    return sorted(found, key=lambda one: (*one.rank, one.name))


def next_question(job: Job) -> datetime | None:
    """When its authority is to be asked again; None: never."""
    newest, known = subject(job), job.standing.renewal
    if newest is None or known is None or known.cert_id != newest.cert_id:
        return None
    return known.next_poll


@dataclass(slots=True)
class Polls:
    """The questions of one run. An authority that was silent once is not asked again in it.

    Attributes:
        tools: of the run.
        most_skew: an answer of a clock that is further off ours decides nothing.
        closed: the authorities that are not asked any more, and what came of it.
    """

    tools: Tools
    most_skew: timedelta
    closed: dict[str, TemporaryFailure] = field(default_factory=dict)

    def ask(self, one: Question) -> None:
        """Ask the authority that issued the version, and keep what it says."""
        if self.tools.clock.remaining() <= timedelta(0):
            return  # the next run asks
        newest, cert_id = one.newest, one.newest.cert_id or ""
        answer = within_life(self._answer(newest.authority, cert_id), newest.earliest_end)
        now, share = self.tools.clock.now(), self.tools.randomness.share()
        before = self.tools.store.standing(one.name).renewal

        def polled(known: Standing) -> Standing:
            first = known.renewal is None or known.renewal.cert_id != cert_id
            renewal = after_poll(known.renewal, cert_id, answer, now, share)
            rushed = known.rushed
            if renewal.last_good == now and renewal.window is not None:
                over = renewal.window.end <= now
                rushed = (rushed.failed(now) if first else rushed) if over else Attempts()
            return replace(known, renewal=renewal, rushed=rushed)

        renewal = self.tools.store.change(one.name, polled).renewal
        if renewal is not None:
            same = before if before and before.cert_id == cert_id else None
            _tell(one.name, renewal, same, self.tools)

    def _answer(self, name: str, cert_id: str) -> Answer:
        if name in self.closed:
            return replace(self.closed[name], sent=False)
        authority = self.tools.authority(name)
        answer = authority.renewal_info(cert_id)
        if isinstance(answer, TemporaryFailure) and answer.general:
            self.closed[name] = answer
        return _by_our_clock(answer, authority, self.most_skew)


def _by_our_clock(answer: Answer, authority: Authority, most_skew: timedelta) -> Answer:
    if abs(authority.skew() or timedelta(0)) <= most_skew:
        return answer
    again = answer.retry_at if isinstance(answer, Suggestion) else None
    return TemporaryFailure(why="the authority's clock and ours differ", retry_at=again)


def _tell(name: str, renewal: Renewal, before: Renewal | None, tools: Tools) -> None:
    """News at their level: trouble that begins, an explanation that was not known."""
    level = "debug"
    if renewal.explanation_url and (
        before is None or before.explanation_url != renewal.explanation_url
    ):
        level = "info"
    if renewal.trouble and not (before and before.trouble):
        level = "warning"
    tools.events.say(
        level, "renewal information", certificate=name, stage="order",
        selected=str(renewal.selected), next_poll=str(renewal.next_poll),
        trouble=renewal.trouble, explanation_url=renewal.explanation_url,
    )  # fmt: skip


def look_at_clocks(authorities: Sequence[str], tools: Tools, most_skew: timedelta) -> None:
    """Say where an authority's clock and ours are apart, once for each."""
    for name in authorities:
        skew = tools.authority(name).skew()
        if skew is not None and abs(skew) > NOTICED:
            tools.events.say(
                "error" if abs(skew) > most_skew else "warning",
                "clocks differ", certificate="", stage="order", authority=name,
                ours=f"{told(skew)}", bound=str(most_skew),
            )  # fmt: skip
