"""Confirm: every address of every endpoint is seen, from outside, serving the live version."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from everleaf.core.backoff import HOURLY, Attempts, next_attempt
from everleaf.core.certificate import Version
from everleaf.core.job import Job
from everleaf.core.outcome import Done, Due, Failed, Held, Idle, Look, Outcome
from everleaf.core.standing import Observation, Sight, Standing
from everleaf.core.wanted import Endpoint
from everleaf.errors import Actor, Cause, Fault
from everleaf.stages.contract import Tools
from everleaf.stages.sight import Target, Watch, targets


def look(job: Job) -> Look:
    """Due where an address was not seen with the live version, or not for too long."""
    live = job.holding.live_version
    if not job.wanted.endpoints:
        return Idle("not confirmed, by choice")
    if live is None or live.placeholder:
        return Idle("nothing to look for")
    expected = expected_endpoints(job, live)
    if not expected:
        return Idle("no terminator has taken the live version yet")
    held: list[Held] = []
    for endpoint in expected:
        seen = observed(job.standing, endpoint, live)
        if not seen:
            return Due(f"{endpoint} was not seen with version {live.id}", "unconfirmed")
        for one in seen:
            at, why = _next_look(job, one)
            if at <= job.now or job.force:
                return Due(f"{endpoint} at {one.address or 'no address'} {why}", "unconfirmed")
            if one.sight.is_failing:
                why = ": ".join(each for each in (why, one.words) if each)
                held.append(Held(at, f"{endpoint} at {one.address or 'no address'} {why}"))
    return min(held, key=lambda one: one.until or job.now) if held else Idle()


def _next_look(job: Job, one: Observation) -> tuple[datetime, str]:
    if one.at > job.now:
        return job.now, "was seen by a clock that was wrong"
    if one.sight is Sight.CONFIRMED or one.sight is Sight.UNKNOWN:
        return one.at + job.wanted.confirm_every, f"was seen last at {one.at:%F %T}Z"
    # The first look after a failing one is at once, later ones back off to hourly.
    attempts = Attempts(one.misses - 1, one.at)
    until = next_attempt(attempts, f"{one.endpoint}:{one.address}", job.now, ceiling=HOURLY)
    return until or one.at, f"is {one.sight}"


def expected_endpoints(job: Job, live: Version) -> tuple[Endpoint, ...]:
    """Those whose terminators have taken the live version: the others cannot serve it yet."""

    def taken(endpoint: Endpoint) -> bool:
        own = (endpoint.terminator,) if endpoint.terminator else job.wanted.terminators
        return all(job.standing.took(one).version == live.id for one in own)

    return tuple(endpoint for endpoint in job.wanted.endpoints if taken(endpoint))


def observed(standing: Standing, endpoint: Endpoint, live: Version) -> tuple[Observation, ...]:
    """The last looks at this endpoint for this version."""
    return tuple(
        one for one in standing.observations if one.is_of(endpoint) and one.version == live.id
    )


def act(job: Job, tools: Tools) -> Outcome:
    """Look at all addresses at once, each until it is believed or its grace is over."""
    live = job.holding.live_version
    if live is None:
        return Done("nothing to look for", news=False)
    expected = expected_endpoints(job, live)
    found = [one for endpoint in expected for one in targets(endpoint, tools.resolver)]
    watch = Watch(job, live, tools)
    looks = [one for one in tools.executor.each(watch.look, found) if one is not None]
    explained = _explained(job, live, tools, looks)
    seen = [_remembered(job.standing, one) for one in explained]
    seen.sort(key=lambda one: (one.endpoint, one.address, one.key))
    tools.store.change(job.name, lambda known: _with(known, job, expected, seen))
    bad = [one for one in seen if one.sight.is_failing and not one.optional]
    if bad:
        return Failed(_fault(bad, live))
    same = {(one.key, one.address, one.sight, one.version) for one in seen} == {
        (one.key, one.address, one.sight, one.version) for one in job.standing.observations
    }
    places = ", ".join(f"{one.endpoint} at {one.address}" for one in seen)
    return Done(f"serial {live.serial} served by {places}", news=not same)


def _explained(
    job: Job, live: Version, tools: Tools, looks: Sequence[tuple[Target, Observation]]
) -> list[Observation]:
    """What was seen, where it is failing with the reason."""
    if not any(seen.sight.is_failing for _, seen in looks):
        return [seen for _, seen in looks]
    from everleaf.stages.explain import Explainer

    return Explainer(job, live, tools).explained(looks)


def _remembered(standing: Standing, one: Observation) -> Observation:
    """The same with the looks in a row that were failing, those before included."""
    if not one.sight.is_failing:
        return one
    before = next(
        (
            other.misses
            for other in standing.observations
            if other.is_at_place_of(one) and other.version == one.version
        ),
        0,
    )
    return replace(one, misses=before + 1)


def _with(
    known: Standing, job: Job, expected: Sequence[Endpoint], seen: Sequence[Observation]
) -> Standing:
    """The looks replaced where there are new ones, and dropped where nobody wants them."""
    unseen = [endpoint for endpoint in job.wanted.endpoints if endpoint not in expected]
    kept = [one for one in known.observations if any(map(one.is_of, unseen))]
    standing = replace(known, observations=(*kept, *seen), reached=_reached(known, job, seen))
    if any(one.sight in (Sight.STALE, Sight.CHAIN) for one in seen):
        return standing
    for terminator, taken in known.taken.items():
        if taken.tried == job.holding.live:
            standing = standing.with_taken(terminator, replace(taken, attempts=Attempts()))
    return standing


def _reached(
    known: Standing, job: Job, seen: Sequence[Observation]
) -> Mapping[str, tuple[str, ...]]:
    """By endpoint, where it was well at every address; what is not well now stays as it was."""
    wanted = {str(one) for one in job.wanted.endpoints}
    reached = {one: at for one, at in known.reached.items() if one in wanted}
    for endpoint in {one.endpoint for one in seen}:
        mine = [one for one in seen if one.endpoint == endpoint and one.sight is not Sight.UNKNOWN]
        if mine and all(one.sight is Sight.CONFIRMED for one in mine):
            reached[endpoint] = tuple(one.host for one in mine)
    return reached


def _fault(bad: Sequence[Observation], live: Version) -> Fault:
    causes = tuple(
        Cause(endpoint=one.endpoint, address=one.address, code=one.code, words=one.words)
        for one in bad
    )
    stale = any(one.sight in (Sight.STALE, Sight.CHAIN) for one in bad)
    return Fault(
        actor=Actor.EDGE,
        code="unconfirmed",
        what=f"{len(bad)} of the addresses do not serve the live certificate, serial {live.serial}",
        words=tuple(str(one) for one in causes),
        remedy="A later run reloads what is stale; nothing is ordered"
        if stale
        else "A later run looks again; an endpoint may be marked optional",
        causes=causes,
    )
