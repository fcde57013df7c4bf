"""Withdrawing a version that could not be confirmed, where the policy says so."""

from collections.abc import Sequence
from dataclasses import replace

from everleaf.core.certificate import Rejection, Version
from everleaf.core.job import Job
from everleaf.core.lifecycle import Stage
from everleaf.core.standing import Observation, Previous, Sight
from everleaf.core.wanted import Unconfirmed
from everleaf.stages.contract import Tools

_WORSE = (Sight.UNREACHABLE, Sight.CHAIN, Sight.REFUSED)


def withdrawal(job: Job) -> tuple[Rejection, ...]:
    """Why the live version is to be taken back; none: it stays.

    Only where it is not judged yet, which is once its edges were looked at for the whole grace;
    never what was made live by hand; and only to a version that was not given up itself, and may be
    served for a while. What came between the two is kept back as well.
    """
    standing, live = job.standing, job.holding.live_version
    policy, before = job.wanted.on_unconfirmed, _before(job)
    if live is None or before is None or policy is Unconfirmed.KEEP or job.pinned() == live:
        return ()
    if standing.settled != live.id or Stage.CONFIRM not in standing.troubles:
        return ()
    bad = _unconfirmed(job, live)
    previous = standing.previous
    if policy is Unconfirmed.IF_WORSE and previous is not None:
        bad = [one for one in bad if _is_worse(one, previous, before)]
    if not bad:
        return ()
    between = [
        one.id
        for one in job.holding.versions
        if before.came_at < one.came_at <= live.came_at and one.id not in (before.id, live.id)
    ]
    return tuple(_rejection(job, version, bad) for version in (*between, live.id))


def _before(job: Job) -> Version | None:
    """What to go back to."""
    previous = job.standing.previous
    before = job.holding.version(previous.version) if previous else None
    if before is None or job.is_near_end(before) or job.is_refused(before.id):
        return None
    return before


def _unconfirmed(job: Job, live: Version) -> list[Observation]:
    awaited = job.standing.previous.awaited if job.standing.previous else ()
    endpoints = [one for one in job.wanted.endpoints if one.key in awaited]
    return [
        one
        for one in job.standing.observations
        if one.version == live.id
        and one.sight.is_failing
        and not one.optional
        and any(map(one.is_of, endpoints))
    ]


def _is_worse(one: Observation, previous: Previous, before: Version) -> bool:
    """Whether an address was confirmed before, and neither old nor new is served there now.

    What serves the old certificate still is not worse: a reload that was missed is tried again.
    """
    other = one.sight is Sight.STALE and one.serial != before.serial
    return f"{one.endpoint} {one.address}" in previous.seen and (other or one.sight in _WORSE)


def _rejection(job: Job, version: str, bad: Sequence[Observation]) -> Rejection:
    return Rejection(
        version=version,
        terminator="",
        hook="",
        deployment=job.wanted.confirmation,
        words=tuple(f"{one.endpoint} at {one.address or '-'}: {one.words}" for one in bad),
        at=job.now,
    )


def withdraw(job: Job, rejections: Sequence[Rejection], tools: Tools) -> None:
    """Remember it: the version before is then the one to deploy, by the usual way."""
    for one in rejections:
        version = job.holding.version(one.version)
        if version is not None:
            tools.shelf.amend(job.name, replace(version, rejection=one))


def judge(job: Job, tools: Tools) -> None:
    """The live version is judged at every endpoint at which it was looked for."""
    previous, seen = job.standing.previous, unjudged(job)
    if previous is None or not seen:
        return
    left = tuple(one for one in previous.awaited if one not in seen)
    judged = replace(previous, awaited=left)
    tools.store.change(job.name, lambda standing: replace(standing, previous=judged))


def unjudged(job: Job) -> frozenset[str]:
    """Keys of the endpoints at which the live version was looked for, and not judged yet.

    Between two runs there are some where the first was killed in between.
    """
    previous, live = job.standing.previous, job.holding.live
    if previous is None or not previous.awaited or job.standing.settled != live:
        return frozenset()
    looks = [one for one in job.standing.observations if one.version == live]
    seen = (one.key for one in job.wanted.endpoints if any(look.is_of(one) for look in looks))
    return frozenset(seen) & frozenset(previous.awaited)
