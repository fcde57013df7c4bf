"""Reload: new versions go live by one switch each, and the terminators take them, in a batch."""

from collections.abc import Sequence

from everleaf.core.certificate import Version
from everleaf.core.job import Job
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
        until = job.next_reload(terminator, candidate.id)
        if until is None or until <= job.now or job.force:
            return Due(f"{terminator}: {why}", "reload")
        held.append(Held(until, f"{terminator}: {why}"))
    if held:
        return min(held, key=lambda one: one.until or job.now)
    if job.holding.live != candidate.id:
        return Due(f"version {candidate.id} is not live", "switch")
    if job.holding.copies_behind:
        return Due(f"copies are behind: {', '.join(job.holding.copies_behind)}", "copies")
    kept_back = [one for one in job.refused() if _is_newer(one.version, candidate, job)]
    if kept_back:
        last = kept_back[-1]
        words = f"{last.terminator} refused version {last.version}: {' | '.join(last.words)}"
        return Held(None, f"kept back until the hook or the configuration changes: {words}")
    if job.standing.settled != candidate.id:
        return Due(f"version {candidate.id} is live and not settled", "settle")
    return Idle()


def _is_newer(version_id: str, candidate: Version, job: Job) -> bool:
    """Whether a refused version is still there, and would otherwise be the one to deploy."""
    one = job.holding.version(version_id)
    return one is not None and one.installed_at > candidate.installed_at


def behind(job: Job, version: str) -> tuple[tuple[str, str], ...]:
    """The terminators that have not taken `version`, or whose edges were seen without it."""
    found: list[tuple[str, str]] = []
    for terminator in job.wanted.terminators:
        if job.standing.took(terminator).version != version:
            found.append((terminator, f"version {version} is not taken"))
        elif stale := job.standing.stale(terminator):
            found.append((terminator, f"{', '.join(stale)} still serves another certificate"))
    return tuple(found)


def act(job: Job, tools: Tools) -> Outcome:
    """A batch of one."""
    return together([job], tools)[job.name]


def together(jobs: Sequence[Job], tools: Tools) -> dict[str, Outcome]:
    """Deploy all that arrived: switch, check every terminator, reload each once.

    Returns:
        An outcome for every job, by name.
    """
    outcomes = Batch(jobs, tools).deploy()
    return {job.name: outcomes.get(job.name, Done(news=False)) for job in jobs}
