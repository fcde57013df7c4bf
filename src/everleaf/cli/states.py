"""Where one certificate stands: in one word, and as a JSON document."""

from collections.abc import Sequence
from pathlib import PurePath

from everleaf.cli import documents
from everleaf.core.job import Job
from everleaf.core.standing import Sight
from everleaf.core.wanted import Wanted
from everleaf.errors import Fault
from everleaf.ports import Shelf


def state(job: Job) -> str:
    """One word: failing, missing, placeholder, waiting, unconfirmed or well."""
    live = job.holding.live_version
    if job.standing.is_failing or lacks(job):
        return "failing"
    if live is None:
        return "missing"
    if live.placeholder:
        return "placeholder"
    if job.standing.waiting or job.holding.pending:
        return "waiting"
    looks = [one for one in job.standing.observations if one.version == live.id]
    if not all(any(one.is_of(endpoint) for one in looks) for endpoint in job.wanted.endpoints):
        return "unconfirmed"
    return "well"


def lacks(job: Job) -> tuple[str, ...]:
    """Paths of the files that are missing in what is live."""
    live = job.holding.live
    return tuple(one for one in job.holding.damaged if PurePath(one).parent.name == live)


def confirmed(job: Job) -> bool | None:
    """Whether every endpoint was seen with what is live; None: there is none, by choice."""
    if not job.wanted.endpoints:
        return None
    seen = [one for one in job.standing.observations if one.version == job.holding.live]
    good = [one for one in seen if one.sight is Sight.CONFIRMED]
    needed = [endpoint for endpoint in job.wanted.endpoints if not endpoint.optional]
    if any(one.sight.is_failing and not one.optional for one in seen):
        return False
    return all(any(one.is_of(endpoint) for one in good) for endpoint in needed)


def warnings(job: Job, shelf: Shelf) -> list[str]:
    """What somebody should know of what is live, though nothing is wrong with it here."""
    live, pins = job.holding.live_version, job.wanted.pins
    if live is None or live.placeholder or not pins:
        return []
    from everleaf.pki.certificates import read, split
    from everleaf.pki.issuance import pinned

    material = shelf.material(job.name, live.id)
    chain, _ = read(split(material.leaf + material.chain))
    said = pinned(chain, pins)
    return [said] if said else []


def status(job: Job, warned: Sequence[str] = ()) -> documents.Document:
    """Where one certificate stands."""
    live = job.holding.live_version
    return {
        "name": job.name,
        "names": [str(one) for one in job.wanted.identifiers],
        "state": state(job),
        "live": None
        if live is None
        else {
            "version": live.id,
            "serial": live.serial,
            "authority": live.authority or None,
            "placeholder": live.placeholder,
            "profile": live.profile or None,
            "revoked_at": documents.moment(live.revoked_at),
            "not_before": documents.moment(live.not_before),
            "not_after": documents.moment(live.not_after),
            "earliest_end": documents.moment(live.earliest_end),
        },
        "versions": [one.id for one in job.holding.versions],
        "renewal": documents.renewal(job),
        "troubles": [
            {
                "stage": stage.value,
                "since": documents.moment(one.since),
                "failures": one.attempts.failures,
                "fault": documents.fault(one.fault),
            }
            for stage, one in job.standing.troubles.items()
        ],
        "waiting": {
            stage.value: documents.moment(at) for stage, at in job.standing.waiting.items()
        },
        "terminators": [
            {"name": one, "version": job.standing.took(one).version or None}
            for one in job.wanted.terminators
        ],
        "endpoints": [str(one) for one in job.wanted.endpoints],
        "confirmed": confirmed(job),
        "addresses": [documents.address(one) for one in job.standing.observations],
        "damaged": list(job.holding.damaged),
        "warnings": list(warned),
        "unreadable": None,
    }


def unknown(wanted: Wanted, why: Fault) -> documents.Document:
    """A certificate of which it cannot be said where it stands."""
    return {
        "name": wanted.name,
        "names": [str(one) for one in wanted.identifiers],
        "state": "failing",
        "live": None,
        "versions": [],
        "renewal": None,
        "troubles": [],
        "waiting": {},
        "terminators": [{"name": one, "version": None} for one in wanted.terminators],
        "endpoints": [str(one) for one in wanted.endpoints],
        "confirmed": None if not wanted.endpoints else False,
        "addresses": [],
        "damaged": [],
        "warnings": [],
        "unreadable": documents.fault(why),
    }
