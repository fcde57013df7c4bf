"""Validate: challenges answered, the order finalized, the chain downloaded as it came."""

from dataclasses import replace
from datetime import datetime, timedelta

from everleaf.core.backoff import Attempts, begun_again, holds
from everleaf.core.job import Job
from everleaf.core.lifecycle import Stage
from everleaf.core.limits import Kind
from everleaf.core.outcome import Back, Done, Due, Failed, Held, Idle, Look, Outcome, Waiting
from everleaf.core.venue import attempts_key
from everleaf.errors import Actor, AuthorityError, Fault, UnreachableError
from everleaf.ports import Order, Status
from everleaf.stages.abandon import abandon, take_down
from everleaf.stages.authorize import LATER, PATIENCE, Work, authorize, count
from everleaf.stages.contract import Tools
from everleaf.stages.patience import until

LONGEST = timedelta(days=1)
_LOOKS = 5
_LOST_ANSWERS = 3
_GONE = (404, 410)


def look(job: Job) -> Look:
    """Due while an order is recorded and its chain is not here."""
    pending = job.holding.pending
    if pending is None or pending.order_url is None or pending.ask != job.wanted.ask:
        return Idle("no order is under way")
    if pending.downloaded:
        return Due("responses of a killed run are to be taken down") if pending.traces else Idle()
    wait = job.standing.waiting.get(Stage.VALIDATE)
    if wait and job.now < wait <= job.now + LONGEST:
        return Held(wait, "the authority is still at work on the order")
    return _held(job) or Due("the order is to be brought to its certificate")


def _held(job: Job) -> Held | None:
    """What the authority asked for, and our own back-off, hold here too (RFC 8555, section 6.6)."""
    trouble = job.standing.troubles.get(Stage.VALIDATE)
    venue = job.venue_in_use()
    if holds(venue.limited_until, job.now):
        why = f"{venue.authority} limits us: its Retry-After is kept"
        return Held(venue.limited_until, why)
    if trouble is None:
        return None
    if holds(trouble.retry_at, job.now):
        return Held(trouble.retry_at, "the authority's Retry-After")
    until = job.backoff(venue)
    if until and until > job.now and not job.force:
        return Held(until, f"{venue.attempts.failures} failures in a row for these identifiers")
    return None


def act(job: Job, tools: Tools) -> Outcome:
    """Follow the order from whatever state it is in (RFC 8555, section 7.1.6)."""
    pending = job.holding.pending
    if pending is None or pending.order_url is None:
        return Done("no order is under way", news=False)
    url = pending.order_url
    interrupted = bool(pending.traces) or pending.answered
    if pending.traces:
        take_down(job.name, pending, tools)
        pending = replace(pending, traces=())
        tools.shelf.update(job.name, pending)
    if pending.downloaded:
        return Done("responses of a killed run were taken down")
    authority = tools.authority(pending.authority)
    work = Work(job, tools, authority, pending)
    try:
        try:
            order = authority.order(url)
        except AuthorityError as error:
            if error.problem is None or error.problem.status not in _GONE:
                raise
            return _again(work, f"the authority no longer knows the order: {error.fault}")
        if order.status is Status.INVALID and interrupted and not pending.finalized:
            count(work, Kind.FAILURES, pending.identifiers)
            return _again(work, "the order became invalid while nobody answered its challenges")
        return _follow(work, order)
    except UnreachableError as error:
        # The order stands; nothing is known to have failed but the line.
        return _elsewhere(work, error) or _failed(work, error.fault, error)
    except AuthorityError as error:
        return _refused(work, error)


def _again(work: Work, why: str) -> Back:
    """The order is void, and nobody refused anything: begin again, at once the first time."""
    work.tools.shelf.give_up(work.job.name)
    known = _attempts(work)
    work.tools.store.set_attempts(_key(work), begun_again(known, work.tools.clock.now()))
    return Back(why)


def _elsewhere(work: Work, error: AuthorityError) -> Back | None:
    """The authority is down or limits us, and another is at hand: the order is given up.

    What was finalized may be issued at any moment, and is waited for.
    """
    job, tools = work.job, work.tools
    known = tools.shelf.holding(job.wanted).pending
    mine = work.pending.authority
    others = [one for one in job.open_venues() if one.authority != mine]
    if not others or (known and known.finalized):
        return None
    _failed(work, error.fault, error)
    if known is not None:
        take_down(job.name, known, tools)
    tools.shelf.give_up(job.name)
    return Back(f"{mine} is passed over: {error.fault}")


def _key(work: Work) -> str:
    return attempts_key(work.job.wanted.identifiers, work.pending.authority)


def _attempts(work: Work) -> Attempts:
    return work.tools.store.attempts(_key(work))


def _refused(work: Work, error: AuthorityError) -> Back | Failed:
    """Once the certificate was asked for, only the order itself says that there will be none.

    Or the same refusal again and again, for a day and more.
    """
    pending = work.job.holding.pending
    trouble = work.job.standing.troubles.get(Stage.VALIDATE)
    now = work.tools.clock.now()
    for_ever = (
        trouble is not None
        and now - trouble.since > LONGEST
        and trouble.attempts.failures >= _LOOKS
    )
    known = work.tools.shelf.holding(work.job.wanted).pending
    if error.limited:
        if error.retry_at and not error.narrow:
            work.tools.store.set_limited(work.tools.account(work.pending.authority), error.retry_at)
        passed_over = _elsewhere(work, error)
        if passed_over is not None:
            return passed_over
    elif pending is not None and (for_ever or not (known and known.finalized)):
        abandon(work.job, pending, work.tools)
    return _failed(work, error.fault, error)


def _follow(work: Work, order: Order) -> Outcome:
    lost = 0
    while True:
        match order.status:
            case Status.PENDING:
                fault = authorize(work, order)
                if isinstance(fault, datetime):
                    return _waiting(work, order, fault)
                if fault is not None:
                    abandon(work.job, work.pending, work.tools)
                    return _failed(work, fault)
                order = _settled(work, order.url, Status.PENDING)
                if order.status is Status.PENDING:
                    return _waiting(work, order)
            case Status.READY:
                try:
                    order = _finalize(work, order)
                except UnreachableError:
                    # Whether it arrived is for the order itself to say.
                    lost += 1
                    if lost == _LOST_ANSWERS:
                        raise
                    order = work.authority.order(order.url)
            case Status.PROCESSING:
                _mark_finalized(work)
                order = _settled(work, order.url, Status.PROCESSING)
                if order.status is Status.PROCESSING:
                    return _waiting(work, order)
            case Status.VALID if order.certificate:
                return _fetch(work, order.certificate)
            case _:
                abandon(work.job, work.pending, work.tools)
                return _failed(work, _order_fault(order))


def _fetch(work: Work, url: str) -> Outcome:
    _mark_finalized(work)
    chain = _download(work, url)
    if isinstance(chain, Fault):
        return _failed(work, chain)
    work.tools.shelf.keep_download(work.job.name, chain)
    return Done(f"issued: {url}")


def _download(work: Work, url: str) -> bytes | Fault:
    """The chain that is wanted, of those that the authority offers (section 7.4.2)."""
    chain, wanted = work.authority.certificate(url), work.job.wanted.preferred_chain
    if wanted is None:
        return chain
    from everleaf.pki.preferred import leads_to, topmost

    chains = (chain, *work.authority.alternates(url))
    roots = work.tools.roots(work.pending.authority)
    for one in chains:
        if leads_to(one, wanted.issuer, roots):
            return one
    offered = ", ".join(dict.fromkeys(repr(topmost(one)) for one in chains))
    fault = Fault(
        actor=Actor.OPERATOR,
        code="no-preferred-chain",
        what=f"none of the {len(chains)} chains leads to {wanted.issuer!r}; they lead to {offered}",
        where=url,
        remedy="Name one of these as preferred_chain, or take the default where none matches",
    )
    if wanted.required:
        return fault
    work.tools.events.say(
        "warning", "preferred chain not offered", certificate=work.job.name,
        stage=Stage.VALIDATE.value, words=fault.what,
    )  # fmt: skip
    return chain


def _finalize(work: Work, order: Order) -> Order:
    from everleaf.pki.csr import csr

    if _mark_finalized(work):
        count(work, Kind.CERTIFICATES, order.identifiers)
    wanted = work.job.wanted
    if wanted.csr is not None:
        return work.authority.finalize(order, wanted.csr)
    key = work.tools.shelf.pending_key(work.job.name)
    # The CSR names what was ordered: exactly the order's identifiers (section 7.4).
    return work.authority.finalize(order, csr(key, order.identifiers, wanted.usages))


def _mark_finalized(work: Work) -> bool:
    """Write down, before it is sent, that the certificate is asked for; whether that is new.

    How long the authority took over the validation is not held against its issuing.
    """
    known = work.tools.shelf.holding(work.job.wanted).pending or work.pending
    if known.finalized:
        return False
    fresh = replace(known, finalized=True, waiting_since=None, looks=0)
    work.tools.shelf.update(work.job.name, fresh)
    return True


def _settled(work: Work, url: str, busy: Status) -> Order:
    return until(
        lambda: work.authority.order(url),
        ready=lambda order: order.status is not busy,
        retry_at=lambda order: order.retry_at,
        clock=work.tools.clock,
        patience=PATIENCE.total_seconds(),
    )


def _waiting(work: Work, order: Order, retry_at: datetime | None = None) -> Waiting | Failed:
    """The authority is still at work: no failure, until it was so for a day and several looks.

    How long nobody could ask counts for nothing: what was finalized may well be issued.
    """
    now = work.tools.clock.now()
    pending = work.tools.shelf.holding(work.job.wanted).pending or work.pending
    since = pending.waiting_since or now
    if now - since > LONGEST and pending.looks >= _LOOKS:
        abandon(work.job, pending, work.tools)
        return _failed(work, _order_fault(order))
    seen = replace(pending, waiting_since=since, looks=pending.looks + 1)
    work.tools.shelf.update(work.job.name, seen)
    until = min(retry_at or order.retry_at or now + LATER, now + LONGEST)
    return Waiting(until, f"the order is still {order.status}")


def _order_fault(order: Order) -> Fault:
    return Fault(
        actor=Actor.AUTHORITY,
        code="order-invalid",
        what=f"the order is {order.status}",
        where=order.url,
        words=order.problem.lines() if order.problem else (),
    )


def _failed(work: Work, fault: Fault, error: AuthorityError | None = None) -> Failed:
    attempts = _attempts(work).failed(work.tools.clock.now(), error.retry_at if error else None)
    work.tools.store.set_attempts(_key(work), attempts)
    return Failed(fault, error.retry_at if error else None)
