"""Order: a fresh key on disk, then an order at the authority, with `replaces`."""

from dataclasses import dataclass, replace
from datetime import datetime

from everleaf.core.backoff import holds, next_attempt
from everleaf.core.identifiers import key_of
from everleaf.core.job import Job, Pending
from everleaf.core.lifecycle import Stage
from everleaf.core.outcome import Done, Due, Failed, Held, Idle, Look, Outcome, Waiting
from everleaf.errors import AuthorityError, EndOfTimeError, EverleafError, UnreachableError
from everleaf.ports import Authority, Order
from everleaf.stages.abandon import abandon
from everleaf.stages.clockwork import wrong_clock
from everleaf.stages.contract import Tools

_SENDINGS = 3
_KEPT_FROM_RETRY = ("badNonce", "rateLimited")


def look(job: Job) -> Look:
    """Due by the schedule; held by the back-off of the identifiers or the authority's limit."""
    pending, why, code = job.holding.pending, "", "due"
    if pending and pending.ask != job.wanted.ask:
        return Due("the configuration changed while an order was under way", "changed")
    if pending and pending.order_url is not None:
        if not _chain_failed(job):
            return Idle("an order is under way")
        why, code = "the chain that was issued failed verification", "rejected"
    elif pending:
        why, code = "an order was begun and its answer did not arrive", "resumed"
    else:
        decision = job.decision()
        if not decision.due:
            return Idle(decision.why)
        why, code = decision.why, decision.reason.value
    held = _held(job)
    if held is None:
        return Due(why, code)
    # Until then the chain that failed is verified anew: the trust file may have been mended.
    return Idle(why) if code == "rejected" else held


def _chain_failed(job: Job) -> bool:
    """A chain was judged and refused; one that could not be judged never causes an order."""
    pending = job.holding.pending
    return pending is not None and pending.rejected and not pending.verified


def _held(job: Job) -> Held | None:
    if holds(job.limited_until, job.now):
        return Held(job.limited_until, f"{job.wanted.authority} limits us: its Retry-After is kept")
    if job.blocked_by:
        return Held(None, f"{job.blocked_by} has an order under way for the same identifiers")
    wait = job.standing.waiting.get(Stage.ORDER)
    if holds(wait, job.now) and not job.force:
        return Held(wait, "the authority's limits leave no room for an order before")
    trouble = job.standing.troubles.get(Stage.ORDER)
    if trouble and holds(trouble.retry_at, job.now):
        return Held(trouble.retry_at, "the authority's Retry-After")
    if job.force:
        return None
    until = job.backoff()
    if until and until > job.now:
        return Held(until, f"{job.attempts.failures} failures in a row for these identifiers")
    rushed = next_attempt(job.standing.rushed, job.name, job.now)
    if rushed and rushed > job.now:
        why = "the authority wants every new certificate replaced as soon as it is issued"
        return Held(rushed, why)
    if job.turn and job.turn.at > job.now:
        return Held(job.turn.at, job.turn.why)
    return None


def act(job: Job, tools: Tools) -> Outcome:
    """Give up what is void, then place an order."""
    pending, wanted = job.holding.pending, job.wanted
    if pending and (pending.ask != wanted.ask or _chain_failed(job)):
        changed = pending.ask != wanted.ask
        abandon(job, pending, tools)
        pending = None
        if changed and (not job.decision().due or _held(job)):
            return Done("what was under way was given up; no other order is due")
    authority = tools.authority(wanted.authority)
    try:
        account = authority.account()
        wrong = wrong_clock(authority, job, tools)
        if wrong is not None:
            return Failed(wrong)
        placing = _Placing(authority, job, account, tools)
        replaces = placing.predecessor()
        wait = placing.turn(exempt=replaces is not None)
        if wait is not None:
            return wait
        if pending is None:
            pending = _begin(job, tools, account)
        placed = placing.place(replaces)
    except EndOfTimeError:
        raise
    except EverleafError as error:
        return _failed(job, tools, error)
    if isinstance(placed, Waiting):
        return placed
    order, replaces = placed
    recorded = replace(pending, order_url=order.url, account=account, replaces=replaces)
    tools.shelf.update(job.name, recorded)
    return Done(f"order {order.url}" + (f" replaces {replaces}" if replaces else ""))


def _begin(job: Job, tools: Tools, account: str) -> Pending:
    pending = Pending(
        ask=job.wanted.ask,
        authority=job.wanted.authority,
        account=account,
        identifiers=job.wanted.identifiers,
        created_at=tools.clock.now(),
    )
    tools.shelf.begin(job.name, pending, tools.keys.generate(job.wanted.key_type))
    return pending


@dataclass(frozen=True, slots=True)
class _Placing:
    """One order about to be placed."""

    authority: Authority
    job: Job
    account: str
    tools: Tools

    def predecessor(self) -> str | None:
        """The CertID for `replaces` (RFC 9773, section 5): the same authority and account."""
        before = self.job.predecessor()
        if before is None or not self.authority.has_renewal_info():
            return None
        return before.cert_id if before.account == self.account else None

    def turn(self, *, exempt: bool) -> Waiting | None:
        """Count the order; where the authority's limits leave it no room, it waits for its turn."""
        job, now = self.job, self.tools.clock.now()
        limits = () if job.force else job.limits
        claim = replace(job.claim(), exempt=exempt)
        turn = self.tools.store.claim(self.account, claim, limits, now)
        return Waiting(turn.at, turn.why) if turn.at > now else None

    def place(self, replaces: str | None) -> tuple[Order, str | None] | Waiting:
        """An order, and the CertID that it carried.

        A refusal of `replaces` is tried once without it; a lost answer is sent for again, since a
        pending order without a URL costs nothing but its place in the count.
        """
        lost = 0
        while True:
            try:
                return self.authority.new_order(self.job.wanted.identifiers, replaces), replaces
            except UnreachableError as error:
                lost += 1
                if lost == _SENDINGS or error.retry_at is not None:
                    raise
                self.tools.clock.sleep(0.25 * 2**lost)
            except AuthorityError as error:
                if replaces is None or _keeps_replaces(error):
                    raise
                self._say_without(error)
                replaces = None
            wait = self.turn(exempt=replaces is not None)
            if wait is not None:
                return wait

    def _say_without(self, error: AuthorityError) -> None:
        self.tools.events.say(
            "warning",
            "order refused with replaces, placed without it",
            certificate=self.job.name,
            stage=Stage.ORDER.value,
            words=list(error.fault.words),
        )


def _keeps_replaces(error: AuthorityError) -> bool:
    problem = error.problem
    return problem is None or problem.kind in _KEPT_FROM_RETRY or problem.status in (429, 503)


def _failed(job: Job, tools: Tools, error: EverleafError) -> Failed:
    now: datetime = tools.clock.now()
    tools.store.set_attempts(key_of(job.wanted.identifiers), job.attempts.failed(now))
    if not isinstance(error, AuthorityError):
        return Failed(error.fault)
    if error.limited and error.retry_at and not error.narrow:
        tools.store.set_limited(tools.account(job.wanted.authority), error.retry_at)
    return Failed(error.fault, error.retry_at)
