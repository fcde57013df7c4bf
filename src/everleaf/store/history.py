"""What the history tells of an outcome."""

from collections.abc import Mapping
from datetime import datetime

from everleaf.core.lifecycle import Stage
from everleaf.core.outcome import Back, Done, Due, Failed, Outcome, Waiting
from everleaf.ports import Event


def event_of(
    name: str, stage: Stage, outcome: Outcome, now: datetime, due: Due | None = None
) -> Event:
    """One line of the history; with why it was due, where that is known."""
    what, detail = _told(outcome)
    if due is not None:
        detail = {**detail, "reason": due.code, "because": due.why}
    return Event(at=now, certificate=name, stage=stage.value, what=what, detail=detail)


def _told(outcome: Outcome) -> tuple[str, Mapping[str, str]]:
    match outcome:
        case Done(note):
            return "done", {"note": note} if note else {}
        case Back(why):
            return "begun again", {"why": why}
        case Waiting(until, why):
            return "waiting", {"why": why, "until": until.isoformat()}
        case Failed(fault):
            found = ", ".join(one.code for one in fault.causes if one.code)
            causes = {"causes": found} if found else {}
            return "failed", {"code": fault.code, "fault": str(fault), **causes}
