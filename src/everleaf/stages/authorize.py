"""Answering an order's challenges: responses up, the authority's decision, responses down."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from everleaf.core.identifiers import Identifier
from everleaf.core.job import Job, Pending, Trace
from everleaf.core.limits import Claim, Kind
from everleaf.errors import Actor, Fault
from everleaf.ports import Authority, Authorization, Challenge, Order, Solver, Status
from everleaf.stages.contract import Tools
from everleaf.stages.patience import until

PATIENCE = timedelta(minutes=5)
LATER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Work:
    """One order under way, and whoever has to do with it."""

    job: Job
    tools: Tools
    authority: Authority
    solver: Solver
    pending: Pending


def authorize(work: Work, order: Order) -> Fault | datetime | None:
    """Answer a challenge of every authorization that is pending.

    Returns:
        None: all are valid; a time: some are not decided, and may be looked at again then.
    """
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
    open_book = replace(work.pending, traces=tuple(traces), answered=True)
    work.tools.shelf.update(work.job.name, open_book)
    try:
        after = _answer(work, chosen, traces)
    finally:
        for trace in traces:
            work.solver.remove(trace)
        work.tools.shelf.update(work.job.name, replace(open_book, traces=()))
    undecided = [one for one in after if one.status is Status.PENDING]
    if undecided:
        return max(one.retry_at or work.tools.clock.now() + LATER for one in undecided)
    work.tools.shelf.update(work.job.name, replace(work.pending, traces=(), answered=False))
    bad = [one for one in after if one.status is not Status.VALID]
    count(work, Kind.FAILURES, [one.identifier for one in bad])
    return _challenge_fault(bad, work) if bad else None


def _answer(
    work: Work, chosen: Sequence[tuple[Authorization, Challenge]], traces: Sequence[Trace]
) -> list[Authorization]:
    for trace, (_, challenge) in zip(traces, chosen, strict=True):
        work.solver.present(trace, challenge)
    for _, challenge in chosen:
        if challenge.status is Status.PENDING:
            work.authority.answer(challenge.url)
    return [_decided(work, one.url) for one, _ in chosen]


def _decided(work: Work, url: str) -> Authorization:
    return until(
        lambda: work.authority.authorization(url),
        ready=lambda one: one.status is not Status.PENDING,
        retry_at=lambda one: one.retry_at,
        clock=work.tools.clock,
        patience=PATIENCE.total_seconds(),
    )


def _choose(authorization: Authorization, solver: Solver) -> Challenge | None:
    for wanted in solver.types:
        for challenge in authorization.challenges:
            if challenge.type == wanted:
                return challenge
    return None


def _no_challenge(one: Authorization, work: Work) -> Fault:
    offered = ", ".join(sorted(challenge.type for challenge in one.challenges)) or "none"
    return Fault(
        actor=Actor.OPERATOR,
        code="no-usable-challenge",
        what=f"{one.identifier}: the authority offers {offered}, the solver "
        f"{work.job.wanted.solver!r} answers {', '.join(work.solver.types)}",
        remedy="Choose a solver that answers one of them",
    )


def _challenge_fault(bad: Sequence[Authorization], work: Work) -> Fault:
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


def count(work: Work, kind: Kind, identifiers: Sequence[Identifier]) -> None:
    """What the authority counts, we count."""
    claim = Claim(
        name=work.job.name,
        identifiers=tuple(identifiers),
        exempt=work.pending.replaces is not None,
    )
    entries = claim.entries(kind, work.tools.clock.now())
    work.tools.store.count(work.pending.account, entries)
