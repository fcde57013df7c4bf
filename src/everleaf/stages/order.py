"""Order: a fresh key on disk, then an order at the authority, with `replaces`."""

from dataclasses import replace
from datetime import datetime

from everleaf.core.backoff import next_attempt
from everleaf.core.identifiers import key_of
from everleaf.core.job import Job, Pending
from everleaf.core.lifecycle import Stage
from everleaf.core.outcome import Done, Due, Failed, Held, Idle, Look, Outcome
from everleaf.core.schedule import Decision, decide
from everleaf.errors import AuthorityError, UnreachableError
from everleaf.ports import Authority, Order
from everleaf.stages.abandon import abandon
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
        decision = schedule(job)
        if not decision.due:
            return Idle(decision.why)
        why, code = decision.why, decision.reason.value
    held = _held(job)
    if held is None:
        return Due(why, code)
    # Until then the chain that failed is verified anew: the trust file may have been mended.
    return Idle(why) if code == "rejected" else held


def schedule(job: Job) -> Decision:
    """What the schedule says about this certificate."""
    return decide(
        job.holding.newest,
        job.wanted.ask,
        job.standing.renewal,
        job.now,
        wake=job.wake,
        renew_before=job.wanted.renew_before,
        force=job.force,
    )


def _chain_failed(job: Job) -> bool:
    """A chain was judged and refused; one that could not be judged never causes an order."""
    pending = job.holding.pending
    return pending is not None and pending.rejected and not pending.verified


def _held(job: Job) -> Held | None:
    if job.limited_until and job.limited_until > job.now:
        return Held(job.limited_until, f"{job.wanted.authority} limits us: its Retry-After is kept")
    if job.blocked_by:
        return Held(None, f"{job.blocked_by} has an order under way for the same identifiers")
    key = key_of(job.wanted.identifiers)
    until = next_attempt(job.attempts, key)
    trouble = job.standing.troubles.get(Stage.ORDER)
    if trouble and trouble.retry_at and trouble.retry_at > job.now:
        return Held(trouble.retry_at, "the authority's Retry-After")
    if until and until > job.now and not job.force:
        return Held(until, f"{job.attempts.failures} failures in a row for these identifiers")
    return None


def act(job: Job, tools: Tools) -> Outcome:
    """Give up what is void, then place an order."""
    pending, wanted = job.holding.pending, job.wanted
    if pending and (pending.ask != wanted.ask or _chain_failed(job)):
        abandon(job, pending, tools)
        pending = None
        if not _chain_failed(job) and (not schedule(job).due or _held(job)):
            return Done("what was under way was given up; no other order is due")
    authority = tools.authority(wanted.authority)
    try:
        account = authority.account()
        if pending is None:
            pending = _begin(job, tools, account)
        order, replaces = _place(authority, job, account, tools)
    except AuthorityError as error:
        return _failed(job, tools, error)
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


def _place(authority: Authority, job: Job, account: str, tools: Tools) -> tuple[Order, str | None]:
    """An order, and the CertID that it carried.

    A refusal of `replaces` is tried once without it; a lost answer is sent for again, since a
    pending order without a URL costs nothing.
    """
    replaces = _predecessor(authority, job, account)
    for sending in range(_SENDINGS):
        try:
            return authority.new_order(job.wanted.identifiers, replaces), replaces
        except UnreachableError as error:
            if sending == _SENDINGS - 1 or error.retry_at is not None:
                raise
            tools.clock.sleep(0.5 * 2**sending)
        except AuthorityError as error:
            if replaces is None or _keeps_replaces(error):
                raise
            tools.events.say(
                "warning",
                "order refused with replaces, placed without it",
                certificate=job.name,
                stage=Stage.ORDER.value,
                words=list(error.fault.words),
            )
            replaces = None
    raise AssertionError("unreachable")


def _keeps_replaces(error: AuthorityError) -> bool:
    problem = error.problem
    return problem is None or problem.kind in _KEPT_FROM_RETRY or problem.status in (429, 503)


def _predecessor(authority: Authority, job: Job, account: str) -> str | None:
    """The CertID for `replaces`: same authority and account, a shared identifier (section 5)."""
    newest = job.holding.newest
    if newest is None or newest.cert_id is None or not authority.has_renewal_info():
        return None
    same = newest.authority == job.wanted.authority and newest.account == account
    shares = bool(set(newest.identifiers) & set(job.wanted.identifiers))
    return newest.cert_id if same and shares else None


def _failed(job: Job, tools: Tools, error: AuthorityError) -> Failed:
    now: datetime = tools.clock.now()
    tools.store.set_attempts(key_of(job.wanted.identifiers), job.attempts.failed(now))
    if error.limited and error.retry_at:
        tools.store.set_limited(job.wanted.authority, error.retry_at)
    return Failed(error.fault, error.retry_at)
