"""Install: a new version on disk, whole, beside the live one."""

from datetime import datetime

from everleaf.core.backoff import Attempts
from everleaf.core.certificate import Version
from everleaf.core.identifiers import key_of
from everleaf.core.job import Job
from everleaf.core.outcome import Done, Due, Idle, Look, Outcome
from everleaf.ports import Material
from everleaf.stages.contract import Tools


def look(job: Job) -> Look:
    """Due while a verified chain waits in `pending`."""
    pending = job.holding.pending
    if pending is None or not pending.verified or pending.ask != job.wanted.ask:
        return Idle()
    return Due("a verified chain is not installed yet")


def act(job: Job, tools: Tools) -> Outcome:
    """Write the version, then forget the order; killed between the two, both are done again."""
    from everleaf.pki.certificates import split, to_pem

    ders = split(tools.shelf.verified(job.name))
    version = _version(job, ders, tools.clock.now())
    material = Material(
        leaf=to_pem(ders[0]),
        chain=b"".join(to_pem(der) for der in ders[1:]),
        key=tools.shelf.pending_key(job.name),
    )
    tools.shelf.install(job.wanted, version, material)
    tools.store.set_attempts(key_of(job.wanted.identifiers), Attempts())
    tools.shelf.give_up(job.name)
    kept = {one for one in (job.holding.live, job.standing.settled, version.id) if one}
    tools.shelf.prune(job.wanted, kept)
    return Done(f"version {version.id}, serial {version.serial}, ends {version.earliest_end:%F}")


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
        authority=job.wanted.authority,
        account=pending.account if pending else "",
        identifiers=leaf.identifiers,
        serial=leaf.serial,
        not_before=leaf.not_before,
        not_after=leaf.not_after,
        earliest_end=min(one.not_after for one in known),
        chain_sha256=hashes,
        cert_id=leaf.cert_id,
        installed_at=now,
    )
