"""Order: a fresh key on disk, then an order at the first authority that takes one."""

from collections.abc import Sequence
from dataclasses import replace

from everleaf.core.backoff import bounded, holds, next_attempt
from everleaf.core.job import Job, Pending
from everleaf.core.lifecycle import Stage
from everleaf.core.outcome import Done, Due, Failed, Held, Idle, Look, Outcome, Waiting
from everleaf.core.schedule import Reason
from everleaf.core.venue import Venue, attempts_key
from everleaf.errors import OWN_FILES, AuthorityError, EndOfTimeError, EverleafError, Fault
from everleaf.stages.abandon import abandon
from everleaf.stages.clockwork import WrongClockError
from everleaf.stages.contract import Tools
from everleaf.stages.placing import Placing


def look(job: Job) -> Look:
    """Due by the schedule; held by the back-off of the identifiers or the authority's limit."""
    pending, why, code = job.holding.pending, "", "due"
    if pending and pending.ask != job.wanted.ask:
        return Due("the configuration changed while an order was under way", "changed")
    if pending and pending.authority not in job.wanted.authorities:
        return Due(f"{pending.authority} is not to be ordered at any more", "changed")
    if pending and pending.order_url is not None:
        if not _chain_failed(job):
            return Idle("an order is under way")
        why, code = "the chain that was issued failed verification", "rejected"
    elif pending:
        why, code = _resumed(job, pending)
    else:
        decision = job.decision()
        if not decision.due:
            return Idle(decision.why)
        why, code = decision.why, decision.reason.value
        if decision.reason in (Reason.MISSING, Reason.CHANGED):
            unrehearsed = _unrehearsed(job)
            if unrehearsed is not None:
                return unrehearsed
            why += f" (no rehearsal: {job.exempt})" if job.wanted.rehearse and job.exempt else ""
    held = _held(job)
    if held is None:
        return Due(why, code)
    # Until then the chain that failed is verified anew: the trust file may have been mended.
    return Idle(why) if code == "rejected" else replace(held, code=code)


def _resumed(job: Job, pending: Pending) -> tuple[str, str]:
    """Why an order that stands nowhere is gone on with: as it is due now, or was when begun."""
    begun, decision = "one was begun, and none stands there", job.decision()
    if decision.due:
        return f"{decision.why}; {begun}", decision.reason.value
    was = f", since it was due: {pending.because}" if pending.because else ""
    return f"{begun}{was}", "resumed"


def _unrehearsed(job: Job) -> Held | None:
    """A new or changed certificate waits for a passed rehearsal, where that was asked for."""
    done = job.rehearsed == job.wanted.ask or job.exempt or job.force
    if done or not job.wanted.rehearse:
        return None
    why = f"a rehearsal has to pass first: everleaf run --dry-run {job.name}"
    return Held(None, why, job.decision().reason.value)


def _chain_failed(job: Job) -> bool:
    """A chain was judged and refused; one that could not be judged never causes an order."""
    pending = job.holding.pending
    return pending is not None and pending.rejected and not pending.verified


def _held(job: Job) -> Held | None:
    """Why no authority is asked for an order now."""
    wait = job.standing.waiting.get(Stage.ORDER)
    if holds(wait, job.now) and not job.force:
        return Held(wait, "the authority's limits leave no room for an order before")
    if not job.open_venues():
        held = [one for one in map(job.hold, job.venues) if one is not None]
        return min(held, key=lambda one: (one.until is None, one.until or job.now), default=None)
    newest = job.holding.newest
    end = newest.earliest_end if newest else None
    rushed = next_attempt(job.standing.rushed, job.name, job.now, end=end)
    if rushed and rushed > job.now and not job.force:
        why = "the authority wants every new certificate replaced as soon as it is issued"
        return Held(rushed, why)
    return None


def act(job: Job, tools: Tools) -> Outcome:
    """Give up what is void, then place an order, at the first authority that takes it."""
    pending, wanted = job.holding.pending, job.wanted
    known = pending is not None and pending.authority in wanted.authorities
    if pending and (pending.ask != wanted.ask or not known or _chain_failed(job)):
        changed = pending.ask != wanted.ask or not known
        abandon(job, pending, tools)
        pending = None
        if changed and (not job.decision().due or _held(job)):
            return Done("what was under way was given up; no other order is due")
    waits: list[Waiting] = []
    faults: list[tuple[Venue, Fault]] = []
    for venue in job.open_venues() or (job.venue_in_use(),):
        if pending is not None and pending.authority != venue.authority:
            # It was refused there, or its answer never came: such an order costs nothing.
            tools.shelf.give_up(job.name)
            pending = None
        try:
            seen = Placing(job, venue, tools).begin(pending)
        except EndOfTimeError:
            raise
        except WrongClockError as error:
            return Failed(error.fault)
        except EverleafError as error:
            faults.append((venue, _count(job, venue, tools, error)))
            pending = tools.shelf.holding(wanted).pending
            continue
        if isinstance(seen, Done):
            _tell(job, tools, faults)
            return seen
        waits.append(seen)
    if waits:
        return min(waits, key=lambda one: one.until)
    return Failed(_together([fault for _, fault in faults]))


def _count(job: Job, venue: Venue, tools: Tools, error: EverleafError) -> Fault:
    """One more failure there; what the authority asked for is kept.

    What failed on this machine is none, and holds nothing back once it is mended.
    """
    if error.fault.code in OWN_FILES:
        return error.fault
    retry_at = error.retry_at if isinstance(error, AuthorityError) else None
    key, now = attempts_key(job.wanted.identifiers, venue.authority), tools.clock.now()
    retry_at = bounded(retry_at, now) if retry_at else None
    tools.store.set_attempts(key, venue.attempts.failed(now, retry_at))
    if isinstance(error, AuthorityError) and error.limited and retry_at and not error.narrow:
        tools.store.set_limited(tools.account(venue.authority), retry_at)
    return error.fault


def _tell(job: Job, tools: Tools, faults: Sequence[tuple[Venue, Fault]]) -> None:
    for venue, fault in faults:
        tools.events.say(
            "warning", "authority passed over", certificate=job.name, stage=Stage.ORDER.value,
            authority=venue.authority, code=fault.code, words=str(fault),
        )  # fmt: skip


def _together(faults: Sequence[Fault]) -> Fault:
    """The preferred authority's fault; those of the others are told in its words."""
    first, *others = faults
    if not others:
        return first
    words = (*first.words, *(str(one) for one in others))
    return Fault(
        actor=first.actor, code=first.code, what=first.what, where=first.where, words=words,
        remedy=first.remedy,
    )  # fmt: skip
