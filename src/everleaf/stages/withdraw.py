"""Withdrawing a version that could not be confirmed, where the policy says so."""

from dataclasses import replace

from everleaf.core.job import Job
from everleaf.core.lifecycle import Stage
from everleaf.core.standing import Rejection, Sight
from everleaf.core.wanted import Unconfirmed
from everleaf.errors import Fault
from everleaf.stages import verdicts
from everleaf.stages.contract import Tools

_WORSE = (Sight.UNREACHABLE, Sight.CHAIN, Sight.REFUSED)


def withdrawal(job: Job) -> Rejection | None:
    """Why the live version is to be taken back; None: it stays.

    Only in the run that switched to it, only once its edges were looked at for the whole grace, and
    only to a version that may still be served. What serves the old certificate still is not worse
    than before: a reload that was missed is tried again.
    """
    standing, live = job.standing, job.holding.live_version
    policy = job.wanted.on_unconfirmed
    if live is None or policy is Unconfirmed.KEEP or Stage.CONFIRM not in standing.troubles:
        return None
    previous = standing.previous
    before = job.holding.version(previous.version) if previous else None
    fresh = standing.switched_at is not None and standing.switched_at >= job.started
    if previous is None or before is None or not before.is_usable(job.now) or not fresh:
        return None
    bad = [
        one
        for one in standing.observations
        if one.version == live.id and one.sight.is_failing and not one.optional
    ]
    if policy is Unconfirmed.IF_WORSE:
        bad = [
            one
            for one in bad
            if one.sight in _WORSE and f"{one.endpoint} {one.address}" in previous.seen
        ]
    if not bad or standing.settled != live.id:
        return None
    return Rejection(
        version=live.id,
        terminator="",
        hook="",
        deployment=job.wanted.deployment,
        words=tuple(f"{one.endpoint} at {one.address or '-'}: {one.words}" for one in bad),
        at=job.now,
    )


def withdraw(job: Job, rejection: Rejection, tools: Tools) -> Fault:
    """Remember it: the version before is then the one to deploy, by the usual way."""
    known = [one for one in job.standing.rejections if one.version != rejection.version]
    tools.store.change(job.name, lambda standing: replace(standing, rejections=(*known, rejection)))
    before = job.standing.previous.version if job.standing.previous else ""
    return verdicts.withdrawn(rejection.version, before, rejection.words)
