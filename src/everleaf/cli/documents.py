"""The JSON documents of plan, status, run and history: stable fields, described in the README."""

from datetime import datetime

from everleaf.core.job import Job
from everleaf.core.lifecycle import Stage
from everleaf.core.outcome import Back, Done, Due, Failed, Held, Idle, Look, Outcome, Waiting
from everleaf.core.schedule import times
from everleaf.core.standing import Observation
from everleaf.core.venue import Venue
from everleaf.core.wanted import Wanted
from everleaf.errors import Cause, Fault
from everleaf.ports import AccountFacts, Event
from everleaf.report import Report

VERSION = 1
Document = dict[str, object]


def moment(at: datetime | None) -> str | None:
    """A time as RFC 3339 in UTC, to the second."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def fault(one: Fault) -> Document:
    """A fault."""
    return {
        "actor": one.actor.value,
        "code": one.code,
        "what": one.what,
        "where": one.where or None,
        "words": list(one.words),
        "remedy": one.remedy or None,
        "causes": [cause(each) for each in one.causes],
    }


def cause(one: Cause) -> Document:
    """What was found at one address."""
    return {
        "endpoint": one.endpoint,
        "address": one.address or None,
        "code": one.code or None,
        "words": one.words or None,
    }


def seen(one: Look | Outcome) -> Document:
    """A look or an outcome: `result` is one of eight words."""
    match one:
        case Idle(why):
            return {"result": "idle", "why": why}
        case Due(why, code):
            return {"result": "due", "why": why, "code": code}
        case Held(until, why, code):
            return {"result": "held", "why": why, "until": moment(until), "code": code or None}
        case Done(note):
            return {"result": "done", "why": note}
        case Back(why):
            return {"result": "back", "why": why}
        case Waiting(until, why):
            return {"result": "waiting", "why": why, "until": moment(until)}
        case Failed(one_fault, retry_at):
            return {
                "result": "failed",
                "why": one_fault.what,
                "until": moment(retry_at),
                "fault": fault(one_fault),
            }


def renewal(job: Job) -> Document:
    """When the next order is due, and why; the authority's window where it is known."""
    newest, decision = job.holding.newest, job.decision()
    known = job.standing.renewal
    if known and (newest is None or known.cert_id != newest.cert_id):
        known = None
    window = known.window if known else None
    life = times(newest, job.wanted, job.wake) if newest else None
    return {
        "due": decision.due,
        "at": moment(decision.at),
        "reason": decision.reason.value,
        "why": decision.why,
        "window": {"start": moment(window.start), "end": moment(window.end)} if window else None,
        "selected": moment(known.selected) if known else None,
        "explanation_url": (known.explanation_url or None) if known else None,
        "next_poll": moment(known.next_poll) if known else None,
        "last_answer": moment(known.last_good) if known else None,
        "trouble": (known.trouble or None) if known else None,
        "fallback": moment(life.fallback) if life else None,
        "emergency": moment(life.emergency) if life else None,
        "end": moment(life.end) if life else None,
        "wake_interval": int(job.wake.total_seconds()),
        **venue(job, job.venue_in_use()),
        "authorities": [{"name": one.authority, **venue(job, one)} for one in job.venues],
    }


def venue(job: Job, one: Venue) -> Document:
    """What holds an order at one authority."""
    held = job.hold(one)
    return {
        "backoff": {
            "failures": one.attempts.failures,
            "last": moment(one.attempts.last),
            "until": moment(job.backoff(one)),
        },
        "limited_until": moment(one.limited_until),
        "turn": moment(one.turn.at) if one.turn and one.turn.why else None,
        "held": held.why if held else None,
    }


def plan(job: Job, looks: dict[Stage, Look]) -> Document:
    """What a run would do for one certificate."""
    first = next(((stage, one) for stage, one in looks.items() if not isinstance(one, Idle)), None)
    due = next((one for one in looks.values() if isinstance(one, Due)), None)
    held = next((one for one in looks.values() if isinstance(one, Held) and one.code), None)
    waits = due or held
    return {
        "name": job.name,
        "due": due is not None,
        "code": waits.code if waits else None,
        "why": due.why if due else None,
        "held": held.why if held else None,
        "next_stage": first[0].value if first else None,
        "stages": {stage.value: seen(one) for stage, one in looks.items()},
        "renewal": renewal(job),
        "rehearsal": rehearsal(job),
        "unreadable": None,
    }


def unplanned(name: str, why: Fault) -> Document:
    """A certificate of which it cannot be said what a run would do."""
    return {
        "name": name,
        "due": False,
        "code": None,
        "why": None,
        "held": None,
        "next_stage": None,
        "stages": {},
        "renewal": None,
        "rehearsal": None,
        "unreadable": fault(why),
    }


def rehearsal(job: Job) -> Document:
    """Whether a rehearsal is a condition, and whether one has passed for what is wanted now."""
    return {
        "required": job.wanted.rehearse,
        "passed": job.wanted.rehearse and job.rehearsed == job.wanted.ask,
        "exempt": job.exempt or None,
    }


def address(one: Observation) -> Document:
    """The last look at one address."""
    return {
        "endpoint": one.endpoint,
        "address": one.address or None,
        "sight": one.sight.value,
        "at": moment(one.at),
        "serial": one.serial or None,
        "version": one.version,
        "code": one.code or None,
        "words": one.words or None,
        "optional": one.optional,
        "terminator": one.terminator or None,
    }


def run(report: Report, wanted: dict[str, Wanted], status_code: int) -> Document:
    """What a run came to."""
    return {
        "version": VERSION,
        "exit": status_code,
        "stopped": report.stopped or None,
        "certificates": [
            {
                "name": name,
                "names": [str(one) for one in wanted[name].identifiers],
                "failing": name in report.failing,
                "stages": [
                    {"stage": one.stage.value, **seen(one.seen)}
                    for one in report.happenings
                    if one.certificate == name
                ],
            }
            for name in report.names
        ],
    }


def event(one: Event) -> Document:
    """One line of the history."""
    return {
        "at": moment(one.at),
        "certificate": one.certificate,
        "stage": one.stage,
        "what": one.what,
        "detail": dict(one.detail),
    }


def account(name: str, facts: AccountFacts) -> Document:
    """Our account at one authority."""
    return {
        "authority": name,
        "url": facts.url,
        "status": facts.status,
        "contact": list(facts.contact),
        "thumbprint": facts.thumbprint,
        "terms_of_service": facts.terms or None,
        "terms_of_service_agreed": facts.agreed or None,
    }
