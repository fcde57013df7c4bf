"""A look before an order, which saves failed validations at the authority."""

from collections.abc import Callable, Sequence

from everleaf.core.caa import refusal
from everleaf.core.identifiers import Identifier, Kind
from everleaf.core.job import Job
from everleaf.core.lifecycle import Stage
from everleaf.core.schedule import Reason
from everleaf.core.wanted import Preflight
from everleaf.errors import Actor, EverleafError, Fault
from everleaf.ports import Authority, Concern
from everleaf.stages.contract import Tools
from everleaf.stages.solving import Candidate, candidates, first_for


def preflight(job: Job, authority: Authority, account: str, tools: Tools) -> None:
    """Look, and warn or stop as the configuration has it.

    In an emergency it never stops: the authority may see what we do not.

    Raises:
        EverleafError: what was seen would fail, and is to stop the order.
    """
    if job.wanted.preflight is Preflight.OFF:
        return
    found = concerns(job, authority, account, tools)
    for one in found:
        tools.events.say(
            "warning", "validation is likely to fail", certificate=job.name,
            stage=Stage.ORDER.value, identifier=one.identifier, code=one.code, what=one.what,
            remedy=one.remedy,
        )  # fmt: skip
    urgent = job.decision().reason is Reason.EMERGENCY
    if found and job.wanted.preflight is Preflight.STOP and not urgent:
        raise EverleafError(_fault(found))


def _fault(found: Sequence[Concern]) -> Fault:
    names = ", ".join(dict.fromkeys(one.identifier for one in found))
    lines = (f"{one.identifier}: {one.what}. {one.remedy}".removesuffix(". ") for one in found)
    return Fault(
        actor=Actor.OPERATOR,
        code="preflight",
        what=f"nothing was ordered, since the validation of {names} is likely to fail",
        words=tuple(lines),
        remedy='Mend it, or set preflight = "warn"',
    )


def concerns(job: Job, authority: Authority, account: str, tools: Tools) -> tuple[Concern, ...]:
    """All that stands in the way, looked at side by side."""
    known = candidates(job.wanted, tools)
    groups: dict[str, list[Identifier]] = {}
    for one in job.wanted.identifiers:
        candidate = first_for(one, known)
        if candidate is not None:
            groups.setdefault(candidate.name, []).append(one)
    looks: list[Callable[[], Sequence[Concern]]] = [
        _inspection(candidate, groups[candidate.name])
        for candidate in known
        if candidate.name in groups
    ]
    looks += [
        _caa(one, candidate, authority, account, tools)
        for one in job.wanted.identifiers
        if one.kind is Kind.DNS and (candidate := first_for(one, known)) is not None
    ]
    seen = tools.executor.each(lambda look: look(), looks)
    return tuple(sorted((one for done in seen if done for one in done[1]), key=_order))


def _order(one: Concern) -> tuple[str, str, str]:
    return one.identifier, one.code, one.what


def _inspection(
    candidate: Candidate, identifiers: Sequence[Identifier]
) -> Callable[[], Sequence[Concern]]:
    return lambda: candidate.solver.inspect(identifiers)


def _caa(
    identifier: Identifier, candidate: Candidate, authority: Authority, account: str, tools: Tools
) -> Callable[[], Sequence[Concern]]:
    def look() -> Sequence[Concern]:
        name = str(identifier)
        try:
            found = tools.resolver.caa(name.removeprefix("*."))
        except EverleafError as error:
            what = f"its CAA records cannot be had: {error.fault}"
            remedy = "An authority takes that for a refusal (RFC 8659, section 6)"
            return [Concern(identifier=name, code="caa-unanswered", what=what, remedy=remedy)]
        why = refusal(
            found,
            identities=authority.identities(),
            wildcard=identifier.is_wildcard,
            account=account,
            methods=candidate.types_for(identifier),
        )
        if not why:
            return []
        remedy = f"Allow {authority.name} in the CAA records at {found.at}"
        return [Concern(identifier=name, code="caa", what=f"CAA forbids it: {why}", remedy=remedy)]

    return look
