"""Answering an order's challenges: responses up, the authority's decision, responses down."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from everleaf.core.identifiers import Identifier, Kind
from everleaf.core.job import Job, Pending, Trace
from everleaf.core.limits import Kind as Counted
from everleaf.errors import Actor, EndOfTimeError, EverleafError, Fault
from everleaf.ports import Authority, Authorization, Challenge, Order, Solver, Status
from everleaf.stages.contract import Tools
from everleaf.stages.patience import until
from everleaf.stages.solving import Candidate, candidates, choose

PATIENCE = timedelta(minutes=5)
LATER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Work:
    """One order under way, and whoever has to do with it."""

    job: Job
    tools: Tools
    authority: Authority
    pending: Pending


@dataclass(frozen=True, slots=True)
class _Answer:
    """One challenge, and where its response stands."""

    authorization: Authorization
    challenge: Challenge
    solver: Solver
    trace: Trace


def authorize(work: Work, order: Order) -> Fault | datetime | None:
    """Answer a challenge of every authorization that is pending.

    Returns:
        None: all are valid; a time: some are not decided, and may be looked at again then.
    """
    seen = [work.authority.authorization(url) for url in order.authorizations]
    lost = [one for one in seen if one.status not in (Status.PENDING, Status.VALID)]
    if lost:
        return _challenge_fault(lost, work)
    # In this order, whoever else asks for them too: two that wait for each other never meet.
    open_ones = sorted(
        (one for one in seen if one.status is Status.PENDING), key=lambda one: one.identifier
    )
    known = candidates(work.job.wanted, work.tools)
    answers: list[_Answer] = []
    for one in open_ones:
        chosen = choose(one, known)
        if chosen is None:
            return _no_challenge(one, work, known)
        candidate, challenge = chosen
        trace = candidate.solver.trace(_named(one), challenge)
        answers.append(_Answer(one, challenge, candidate.solver, trace))
    # Written down before the first response stands anywhere.
    traces = tuple(one.trace for one in answers)
    open_book = replace(work.pending, traces=traces, answered=True)
    work.tools.shelf.update(work.job.name, open_book)
    presented: list[_Answer] = []
    try:
        after = _answer(work, answers, presented)
    finally:
        left = _remove(work, presented)
        work.tools.shelf.update(work.job.name, replace(open_book, traces=left))
    undecided = [one for one in after if one.status is Status.PENDING]
    if undecided:
        return max(one.retry_at or work.tools.clock.now() + LATER for one in undecided)
    work.tools.shelf.update(work.job.name, replace(work.pending, traces=left, answered=False))
    bad = [one for one in after if one.status is not Status.VALID]
    count(work, Counted.FAILURES, [one.identifier for one in bad])
    return _challenge_fault(bad, work) if bad else None


def _named(one: Authorization) -> Identifier:
    """What it is for: a wildcard is told apart beside its bare name (RFC 8555, section 7.1.4)."""
    if one.wildcard and not one.identifier.is_wildcard:
        return Identifier(Kind.DNS, f"*.{one.identifier}")
    return one.identifier


def _answer(
    work: Work, answers: Sequence[_Answer], presented: list[_Answer]
) -> list[Authorization]:
    """Present all, in `presented` as soon as one may stand; answer all; wait for all."""
    for one in answers:
        presented.append(one)
        one.solver.present(one.trace, one.challenge)
    by_solver: dict[int, list[_Answer]] = {}
    for one in answers:
        by_solver.setdefault(id(one.solver), []).append(one)
    for mine in by_solver.values():
        mine[0].solver.settle([(one.trace, one.challenge) for one in mine])
    for one in answers:
        if one.challenge.status is Status.PENDING:
            work.authority.answer(one.challenge.url)
    return [_decided(work, one.authorization.url) for one in answers]


def _remove(work: Work, answers: Sequence[_Answer]) -> tuple[Trace, ...]:
    """Take all responses down; those that could not be are returned, for the next run."""
    left: list[Trace] = []
    for one in answers:
        try:
            one.solver.remove(one.trace)
        except EndOfTimeError:
            left.append(one.trace)
        except EverleafError as error:
            left.append(one.trace)
            work.tools.events.say(
                "warning", "response could not be taken down", certificate=work.job.name,
                stage="validate", place=one.trace.place, words=str(error.fault),
            )  # fmt: skip
    return tuple(left)


def _decided(work: Work, url: str) -> Authorization:
    return until(
        lambda: work.authority.authorization(url),
        ready=lambda one: one.status is not Status.PENDING,
        retry_at=lambda one: one.retry_at,
        clock=work.tools.clock,
        patience=PATIENCE.total_seconds(),
    )


def _no_challenge(one: Authorization, work: Work, known: Sequence[Candidate]) -> Fault:
    offered = ", ".join(sorted(challenge.type for challenge in one.challenges)) or "none"
    answered = "; ".join(f"{each.name}: {', '.join(each.solver.types)}" for each in known)
    return Fault(
        actor=Actor.OPERATOR,
        code="no-usable-challenge",
        what=f"{one.identifier}: {work.authority.name} offers {offered}, "
        f"and the solvers answer {answered}",
        remedy="Add a solver that answers one of them; a wildcard needs a DNS challenge, "
        "an address http-01 or tls-alpn-01",
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
        remedy="See that the response of solver "
        f"{' or '.join(map(repr, work.job.wanted.solvers))} can be reached there",
    )


def count(work: Work, kind: Counted, identifiers: Sequence[Identifier]) -> None:
    """What the authority counts, we count."""
    mine = work.job.claim_of(work.pending.authority, replaces=work.pending.replaces is not None)
    claim = replace(mine, identifiers=tuple(identifiers))
    entries = claim.entries(kind, work.tools.clock.now())
    work.tools.store.count(work.pending.account, entries)
