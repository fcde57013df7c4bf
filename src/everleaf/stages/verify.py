"""Verify: the issued chain is what was asked for, whole, and trusted; else it goes no further."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from everleaf.core.job import Job, Pending
from everleaf.core.lifecycle import Stage
from everleaf.core.outcome import Done, Due, Failed, Idle, Look, Outcome
from everleaf.core.venue import attempts_key
from everleaf.errors import Actor, Fault
from everleaf.stages.clockwork import mind_clock
from everleaf.stages.contract import Tools

if TYPE_CHECKING:
    from everleaf.pki.chain import Beside


def look(job: Job) -> Look:
    """Due while a downloaded chain has not passed; again at every run until it does."""
    pending = job.holding.pending
    if pending is None or not pending.downloaded or pending.verified:
        return Idle()
    if pending.ask != job.wanted.ask:
        return Idle("issued for a configuration that has changed since")
    return Due("a chain was issued and has not been vouched for")


def act(job: Job, tools: Tools) -> Outcome:
    """Judge the chain; mend its order; keep it for a look where it fails."""
    from everleaf.pki.certificates import split, to_pem
    from everleaf.pki.chain import judge

    download = tools.shelf.download(job.name)
    ders = split(download)
    pending, wanted = job.holding.pending, job.wanted
    venue = job.venue_in_use()
    verdict = judge(
        ders,
        public_key=public_key_of(job, tools),
        identifiers=wanted.identifiers,
        usages=wanted.usages,
        roots=tools.roots(venue.authority),
        now=tools.clock.now(),
        beside=_beside(job, venue.authority, tools),
    )
    for warning in verdict.warnings:
        tools.events.say(
            "warning", "a pinned key is missing", certificate=job.name,
            stage=Stage.VERIFY.value, words=warning,
        )  # fmt: skip
    objections = (*_by_profile(pending, wanted.profile), *verdict.objections)
    if not objections:
        tools.shelf.keep_verified(job.name, b"".join(to_pem(der) for der in verdict.mended))
        return Done(f"{len(verdict.mended)} certificates, all as asked")
    # By a wrong clock a good chain has expired, or does not hold yet.
    mind_clock(tools.authority(venue.authority), job, tools)
    rejected_id = sha256(download).hexdigest()[:12]
    where = tools.shelf.keep_rejected(job.name, rejected_id, download, "\n".join(objections))
    if pending is not None and not pending.rejected:
        # Counted once: looking again at the same chain is no further failure.
        tools.shelf.update(job.name, replace(pending, rejected=True))
        key = attempts_key(wanted.identifiers, venue.authority)
        tools.store.set_attempts(key, venue.attempts.failed(tools.clock.now()))
    return Failed(
        Fault(
            actor=Actor.AUTHORITY,
            code="chain-rejected",
            what="the issued chain is not what was asked for, and is not installed",
            where=where,
            words=objections,
            remedy="Where only the trust is missing, name the root in trust_file: "
            "it is verified anew at every run",
        )
    )


def _by_profile(pending: Pending | None, asked: str) -> Iterator[str]:
    """What the authority said that it issues by is what was asked for, where something was."""
    said = pending.profile if pending else ""
    if asked and said and said != asked:
        yield f"the authority issued it by the profile {said!r}, and {asked!r} was asked for"


def _beside(job: Job, authority: str, tools: Tools) -> "Beside":
    """The predecessor, and who has to take the new one."""
    from everleaf.pki.certificates import split
    from everleaf.pki.chain import Beside

    wanted, newest = job.wanted, job.holding.newest
    before = split(tools.shelf.material(job.name, newest.id).leaf) if newest else ()
    chain = wanted.preferred_chain
    return Beside(
        before=before[0] if before else None,
        reuse_key=wanted.reuse_key or wanted.csr is not None,
        public=tools.is_public(authority),
        root=chain.issuer if chain and chain.required else "",
        pins=wanted.pins,
    )


def public_key_of(job: Job, tools: Tools) -> bytes:
    """The key that it was ordered for, SubjectPublicKeyInfo, DER."""
    from everleaf.pki.csr import requested
    from everleaf.pki.keys import public

    if job.wanted.csr is not None:
        return requested(job.wanted.csr).public_key
    return public(tools.shelf.pending_key(job.name))
