"""Install: a new version on disk, whole, beside the live one."""

from datetime import datetime

from everleaf.core.backoff import Attempts
from everleaf.core.certificate import Version
from everleaf.core.job import Job, last_pinned
from everleaf.core.outcome import Done, Due, Idle, Look, Outcome
from everleaf.core.venue import attempts_key
from everleaf.ports import Material
from everleaf.stages.contract import Tools


def look(job: Job) -> Look:
    """Due while a verified chain waits in `pending`."""
    pending = job.holding.pending
    if pending is None or not pending.verified or pending.ask != job.wanted.ask:
        return Idle()
    return Due("a verified chain is not installed yet")


def act(job: Job, tools: Tools) -> Outcome:
    """Write the version; the order is forgotten last: killed before, all of it is done again."""
    version, chain = version_of(job, tools)
    tools.shelf.install(job.wanted, version, material_of(job, tools, chain))
    tools.store.set_attempts(attempts_key(job.wanted.identifiers, version.authority), Attempts())
    taken = [job.standing.took(one).version for one in job.wanted.terminators]
    previous = job.standing.previous
    # Once the settled one is judged, it is what one may go back to.
    before = job.holding.version(previous.version) if previous and previous.awaited else None
    ways = (last_pinned(job.holding.versions), before)
    back = [one.id for one in ways if one is not None and one.is_usable(job.now)]
    known = (job.holding.live, job.standing.settled, version.id, *taken, *back)
    tools.shelf.prune(job.wanted, {one for one in known if one})
    tools.shelf.give_up(job.name)
    return Done(f"version {version.id}, serial {version.serial}, ends {version.earliest_end:%F}")


def version_of(job: Job, tools: Tools) -> tuple[Version, tuple[bytes, ...]]:
    """What is to be installed, and its chain, DER."""
    from everleaf.pki.certificates import split

    chain = split(tools.shelf.verified(job.name))
    return _version(job, chain, tools.clock.now()), chain


def material_of(job: Job, tools: Tools, chain: tuple[bytes, ...]) -> Material:
    """The files' contents; the key of a request of the operator's own is not ours to have."""
    from everleaf.pki.certificates import to_pem

    return Material(
        leaf=to_pem(chain[0]),
        chain=b"".join(to_pem(der) for der in chain[1:]),
        key=None if job.wanted.csr is not None else tools.shelf.pending_key(job.name),
    )


def _version(job: Job, ders: tuple[bytes, ...], now: datetime) -> Version:
    from everleaf.pki.certificates import facts

    known = [facts(der) for der in ders]
    leaf = known[0]
    hashes = tuple(one.sha256 for one in known)
    for there in job.holding.versions:
        if there.chain_sha256 == hashes:
            return there
    pending = job.holding.pending
    return Version(
        id=f"{now:%Y%m%dT%H%M%SZ}-{leaf.sha256[:8]}",
        ask=job.wanted.ask,
        authority=pending.authority if pending else job.wanted.authorities[0],
        account=pending.account if pending else "",
        identifiers=leaf.identifiers,
        serial=leaf.serial,
        not_before=leaf.not_before,
        not_after=leaf.not_after,
        earliest_end=min(one.not_after for one in known),
        chain_sha256=hashes,
        cert_id=leaf.cert_id,
        installed_at=now,
        key_type="" if job.wanted.csr is not None else job.wanted.key_type.value,
        profile=job.wanted.profile,
    )
