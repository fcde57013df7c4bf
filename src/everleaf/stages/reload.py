"""Reload: new versions go live by one switch each, and the terminators take them, in a batch."""

from collections.abc import Sequence
from dataclasses import replace

from everleaf.core.canary import awaits_canary, quiet_until
from everleaf.core.certificate import Version
from everleaf.core.job import Job
from everleaf.core.lifecycle import Stage
from everleaf.core.outcome import Done, Due, Held, Idle, Look, Outcome
from everleaf.stages.batch import Batch
from everleaf.stages.contract import Tools


def look(job: Job) -> Look:
    """Due while the live version, a copy or a terminator is behind, or an edge serves another."""
    candidate = job.candidate()
    if candidate is None or candidate.placeholder:
        return Idle("nothing to deploy")
    held: list[Held] = []
    for terminator, why in behind(job, candidate.id):
        hold = _hold(job, terminator, candidate)
        if hold is None:
            return Due(f"{terminator}: {why}", "reload")
        held.append(replace(hold, why=f"{terminator}: {why}: {hold.why}"))
    if held:
        return min(held, key=lambda one: one.until or job.now)
    if job.holding.live != candidate.id:
        return Due(f"version {candidate.id} is not live", "switch")
    if job.holding.copies_behind:
        return Due(f"copies are behind: {', '.join(job.holding.copies_behind)}", "copies")
    kept = _kept_back(job, candidate)
    if kept is not None:
        return kept
    if job.standing.settled != candidate.id:
        return Due(f"version {candidate.id} is live and not settled", "settle")
    return Idle()


def _hold(job: Job, terminator: str, candidate: Version) -> Held | None:
    """Why a terminator is not given it now: the quiet hours, or reloads that came to nothing."""
    quiet = quiet_until(job, terminator, candidate.id)
    if quiet is not None:
        return Held(quiet, f"nothing is reloaded within the quiet hours, {job.wanted.quiet}")
    until = job.next_reload(terminator, candidate.id)
    if until is None or until <= job.now or job.force:
        return None
    trouble = job.standing.troubles.get(Stage.RELOAD)
    return Held(until, str(trouble.fault) if trouble else "the reload before came to nothing")


def _kept_back(job: Job, candidate: Version) -> Held | None:
    """Why the candidate, or a newer version, goes no further for now."""
    if any(awaits_canary(job, one, candidate.id) for one in job.wanted.terminators):
        why = f"the others wait until {job.wanted.canary} is confirmed with {candidate.id}"
        return Held(None, why)
    pinned, newest = job.pinned(), job.holding.newest
    if pinned and pinned.pinned_at and newest and newest.id != pinned.id == candidate.id:
        why = f"version {pinned.id} was made live by hand at {pinned.pinned_at:%F %T}Z"
        return Held(None, f"{why}; everleaf rollback {job.name} --newest ends that")
    refused = [one for one in job.refused() if _is_newer(one.version, candidate, job)]
    if not refused:
        return None
    last = refused[-1]
    who = f"{last.terminator} refused" if last.terminator else "no edge confirmed"
    words = f"{who} version {last.version} at {last.at:%F %T}Z: {' | '.join(last.words)}"
    return Held(None, f"kept back until the hook or the configuration changes: {words}")


def _is_newer(version_id: str, candidate: Version, job: Job) -> bool:
    """Whether a refused version is still there, and would otherwise be the one to deploy."""
    one = job.holding.version(version_id)
    return one is not None and one.came_at > candidate.came_at


def behind(job: Job, version: str) -> tuple[tuple[str, str], ...]:
    """The terminators that have not taken `version`, or whose edges were seen without it."""
    found: list[tuple[str, str]] = []
    for terminator in job.wanted.terminators:
        if awaits_canary(job, terminator, version):
            continue
        if job.standing.took(terminator).version != version:
            found.append((terminator, f"version {version} is not taken"))
        elif stale := job.standing.stale(terminator):
            found.append((terminator, f"{', '.join(stale)} still serves another certificate"))
    return tuple(found)


def act(job: Job, tools: Tools) -> Outcome:
    """A batch of one."""
    return together([job], tools)[job.name]


def together(jobs: Sequence[Job], tools: Tools, beside: Sequence[Job] = ()) -> dict[str, Outcome]:
    """Deploy all that arrived: switch, check every terminator, reload each once.

    Args:
        jobs: what has arrived.
        tools: the run's.
        beside: others that may wait for a canary at the same terminators.

    Returns:
        An outcome for every job, by name.
    """
    outcomes = Batch(jobs, tools, beside).deploy()
    return {job.name: outcomes.get(job.name, Done(news=False)) for job in jobs}
