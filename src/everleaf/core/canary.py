"""When a terminator waits: for one that goes first to be seen well, or for the quiet hours."""

from collections.abc import Iterable
from datetime import datetime

from everleaf.core.certificate import Version
from everleaf.core.job import Job, latest
from everleaf.core.standing import Sight


def awaits_canary(job: Job, terminator: str, version: str) -> bool:
    """Whether another terminator is to take `version`, and to be seen with it, first.

    Nobody waits for what it has taken already.
    """
    canary, standing = job.wanted.canary, job.standing
    if canary in ("", terminator) or standing.took(terminator).version == version:
        return False
    if not may_wait(job, terminator, version):
        return False
    return standing.took(canary).version != version or not is_confirmed(job, canary, version)


def waiting(terminator: str, lives: Iterable[tuple[Job, str | None]]) -> frozenset[str]:
    """The certificates of which a terminator is not to take what is live, for now."""
    return frozenset(
        job.name
        for job, live in lives
        if live is not None
        and terminator in job.wanted.terminators
        and awaits_canary(job, terminator, live)
    )


def may_wait_for_others(job: Job, terminator: str, version: str) -> bool:
    """Whether a terminator may wait with this certificate until another's canary is confirmed.

    Not its own canary, nor one that never had a version of it.
    """
    taken = job.standing.took(terminator).version
    return terminator != job.wanted.canary and taken != "" and may_wait(job, terminator, version)


def may_wait(job: Job, terminator: str, version: str) -> bool:
    """Whether a terminator does well for now with what it has: newer is to come, and no danger.

    Nobody waits on the way back.
    """
    if job.goes_back(terminator, version):
        return False
    has, new = _had(job, terminator, version), job.holding.version(version)
    if has is None or new is None:
        return True
    return has.came_at < new.came_at and not job.is_near_end(has)


def _had(job: Job, terminator: str, version: str) -> Version | None:
    """What it has taken; where that is not known, the last one that it may have."""
    known = job.holding.version(job.standing.took(terminator).version)
    if known is not None:
        return known
    return latest(one for one in job.holding.versions if one.id != version and not one.placeholder)


def quiet_until(job: Job, terminator: str, version: str) -> datetime | None:
    """The end of the quiet hours; None: it is not to wait for that.

    What is in danger, was never deployed, or goes back does not mind them.
    """
    until = job.wanted.quiet.until(job.now) if job.wanted.quiet else None
    if until is None or job.force or job.is_in_danger(terminator):
        return None
    return None if job.goes_back(terminator, version) else until


def is_confirmed(job: Job, terminator: str, version: str) -> bool:
    """Whether this terminator was seen with this version, and at no endpoint without it."""
    own = [one for one in job.wanted.endpoints if one.terminator == terminator]
    looks = [one for one in job.standing.observations if one.version == version]
    needed = [one for one in own if not one.optional]
    if not all(any(look.is_of(endpoint) for look in looks) for endpoint in needed):
        return False
    if any(look.sight.is_failing and look.is_of(one) for look in looks for one in needed):
        return False
    return any(look.sight is Sight.CONFIRMED and look.is_of(one) for look in looks for one in own)
