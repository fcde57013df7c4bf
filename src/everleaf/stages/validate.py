"""Validate: challenges answered, the order finalized, the chain downloaded as it came."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from everleaf.core.identifiers import Identifier, key_of
from everleaf.core.job import Job, Pending, Trace
from everleaf.core.lifecycle import Stage
from everleaf.core.limits import Claim, Kind
from everleaf.core.outcome import Back, Done, Due, Failed, Held, Idle, Look, Outcome, Waiting
from everleaf.errors import Actor, AuthorityError, Fault, UnreachableError
from everleaf.ports import Authority, Authorization, Challenge, Order, Solver, Status
from everleaf.stages.abandon import abandon, take_down
from everleaf.stages.contract import Tools
from everleaf.stages.patience import until

PATIENCE = timedelta(minutes=5)
LATER = timedelta(minutes=1)
LONGEST = timedelta(days=1)
_LOOKS = 5
_LOST_ANSWERS = 3
_GONE = (401, 403, 404, 410)


def look(job: Job) -> Look:
    """Due while an order is recorded and its chain is not here."""
    pending = job.holding.pending
    if pending is None or pending.order_url is None or pending.ask != job.wanted.ask:
        return Idle("no order is under way")
    if pending.downloaded:
        return Due("responses of a killed run are to be taken down") if pending.traces else Idle()
    wait = job.standing.waiting.get(Stage.VALIDATE)
    if wait and wait > job.now:
        return Held(wait, "the authority is still at work on the order")
    return Due("the order is to be brought to its certificate")


@dataclass(frozen=True, slots=True)
class _Work:
    job: Job
    tools: Tools
    authority: Authority
    solver: Solver
    pending: Pending


def act(job: Job, tools: Tools) -> Outcome:
    """Follow the order from whatever state it is in (RFC 8555, section 7.1.6)."""
    pending = job.holding.pending
    if pending is None or pending.order_url is None:
        return Done("no order is under way", news=False)
    url = pending.order_url
    interrupted = bool(pending.traces)
    if interrupted:
        take_down(job.name, pending, tools)
        pending = replace(pending, traces=())
        tools.shelf.update(job.name, pending)
    if pending.downloaded:
        return Done("responses of a killed run were taken down")
    authority = tools.authority(pending.authority)
    work = _Work(job, tools, authority, tools.solver(job.wanted.solver), pending)
    try:
        order = authority.order(url)
        if order.status is Status.INVALID and interrupted:
            _count(work, Kind.FAILURES, pending.identifiers)
            tools.shelf.give_up(job.name)
            return Back("the order became invalid while no run answered its challenges")
        return _follow(work, order)
    except UnreachableError as error:
        # The order stands; nothing is known to have failed but the line.
        return _failed(work, error.fault)
    except AuthorityError as error:
        if error.problem and error.problem.status in _GONE:
            tools.shelf.give_up(job.name)
            return Back(f"the authority no longer knows the order: {error.fault}")
        if error.limited:
            if error.retry_at and not error.narrow:
                tools.store.set_limited(tools.account(pending.authority), error.retry_at)
        else:
            abandon(job, pending, tools)
        return _failed(work, error.fault, error)


def _follow(work: _Work, order: Order) -> Outcome:
    lost = 0
    while True:
        match order.status:
            case Status.PENDING:
                fault = _authorize(work, order)
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
                order = _settled(work, order.url, Status.PROCESSING)
                if order.status is Status.PROCESSING:
                    return _waiting(work, order)
            case Status.VALID if order.certificate:
                chain = work.authority.certificate(order.certificate)
                work.tools.shelf.keep_download(work.job.name, chain)
                return Done(f"issued: {order.certificate}")
            case _:
                abandon(work.job, work.pending, work.tools)
                return _failed(work, _order_fault(order))


def _finalize(work: _Work, order: Order) -> Order:
    from everleaf.pki.csr import csr

    _count(work, Kind.CERTIFICATES, order.identifiers)
    key = work.tools.shelf.pending_key(work.job.name)
    # The CSR names what was ordered: exactly the order's identifiers (section 7.4).
    return work.authority.finalize(order, csr(key, order.identifiers))


def _settled(work: _Work, url: str, busy: Status) -> Order:
    return until(
        lambda: work.authority.order(url),
        ready=lambda order: order.status is not busy,
        retry_at=lambda order: order.retry_at,
        clock=work.tools.clock,
        patience=PATIENCE.total_seconds(),
    )


def _waiting(work: _Work, order: Order) -> Waiting | Failed:
    """The authority is still at work: no failure, until it was so for a day and several looks.

    How long nobody could ask counts for nothing: what was finalized may well be issued.
    """
    now, pending = work.tools.clock.now(), work.pending
    since = pending.waiting_since or now
    if now - since > LONGEST and pending.looks >= _LOOKS:
        abandon(work.job, pending, work.tools)
        return _failed(work, _order_fault(order))
    seen = replace(pending, waiting_since=since, looks=pending.looks + 1)
    work.tools.shelf.update(work.job.name, seen)
    return Waiting(order.retry_at or now + LATER, f"the order is still {order.status}")


def _authorize(work: _Work, order: Order) -> Fault | None:
    """Answer a challenge of every authorization that is pending; None: all are valid."""
    seen = [work.authority.authorization(url) for url in order.authorizations]
    lost = [one for one in seen if one.status not in (Status.PENDING, Status.VALID)]
    if lost:
        return _challenge_fault(lost, work)
    open_ones = [one for one in seen if one.status is Status.PENDING]
    chosen: list[tuple[Authorization, Challenge]] = []
    for one in open_ones:
        challenge = _choose(one, work.solver)
        if challenge is None:
            return _no_challenge(one, work)
        chosen.append((one, challenge))
    traces = [work.solver.trace(one.identifier, challenge) for one, challenge in chosen]
    # Written down before the first response stands anywhere.
    work.tools.shelf.update(work.job.name, replace(work.pending, traces=tuple(traces)))
    try:
        after = _answer(work, chosen, traces)
    finally:
        for trace in traces:
            work.solver.remove(trace)
        work.tools.shelf.update(work.job.name, work.pending)
    bad = [one for one in after if one.status is not Status.VALID]
    _count(work, Kind.FAILURES, [one.identifier for one in bad])
    return _challenge_fault(bad, work) if bad else None


def _count(work: _Work, kind: Kind, identifiers: Sequence[Identifier]) -> None:
    """What the authority counts, we count."""
    claim = Claim(
        name=work.job.name,
        identifiers=tuple(identifiers),
        exempt=work.pending.replaces is not None,
    )
    entries = claim.entries(kind, work.tools.clock.now())
    work.tools.store.count(work.pending.account, entries)


def _answer(
    work: _Work, chosen: Sequence[tuple[Authorization, Challenge]], traces: Sequence[Trace]
) -> list[Authorization]:
    for trace, (_, challenge) in zip(traces, chosen, strict=True):
        work.solver.present(trace, challenge)
    for _, challenge in chosen:
        if challenge.status is Status.PENDING:
            work.authority.answer(challenge.url)
    return [_decided(work, one.url) for one, _ in chosen]


def _decided(work: _Work, url: str) -> Authorization:
    return until(
        lambda: work.authority.authorization(url),
        ready=lambda one: one.status is not Status.PENDING,
        retry_at=lambda one: one.retry_at,
        clock=work.tools.clock,
        patience=PATIENCE.total_seconds(),
        resumable=True,
    )


def _choose(authorization: Authorization, solver: Solver) -> Challenge | None:
    for wanted in solver.types:
        for challenge in authorization.challenges:
            if challenge.type == wanted:
                return challenge
    return None


def _no_challenge(one: Authorization, work: _Work) -> Fault:
    offered = ", ".join(sorted(challenge.type for challenge in one.challenges)) or "none"
    return Fault(
        actor=Actor.OPERATOR,
        code="no-usable-challenge",
        what=f"{one.identifier}: the authority offers {offered}, the solver "
        f"{work.job.wanted.solver!r} answers {', '.join(work.solver.types)}",
        remedy="Choose a solver that answers one of them",
    )


def _challenge_fault(bad: Sequence[Authorization], work: _Work) -> Fault:
    words: list[str] = []
    for one in bad:
        problems = [challenge.problem for challenge in one.challenges if challenge.problem]
        lines = [line for problem in problems for line in problem.lines()]
        words += [f"{one.identifier}: {line}" for line in lines] or [
            f"{one.identifier}: the authorization is {one.status}"
        ]
    names = ", ".join(str(one.identifier) for one in bad)
    return Fault(
        actor=Actor.OPERATOR,
        code="challenge-failed",
        what=f"the authority could not validate {names}",
        words=tuple(words),
        remedy=f"See that the response of solver {work.job.wanted.solver!r} can be reached there",
    )


def _order_fault(order: Order) -> Fault:
    return Fault(
        actor=Actor.AUTHORITY,
        code="order-invalid",
        what=f"the order is {order.status}",
        where=order.url,
        words=order.problem.lines() if order.problem else (),
    )


def _failed(work: _Work, fault: Fault, error: AuthorityError | None = None) -> Failed:
    attempts = work.job.attempts.failed(work.tools.clock.now())
    work.tools.store.set_attempts(key_of(work.job.wanted.identifiers), attempts)
    return Failed(fault, error.retry_at if error else None)
