"""A wrong clock, noticed by an authority's answer: nothing is decided by it."""

from datetime import timedelta

from everleaf.core.job import Job
from everleaf.errors import Actor, EverleafError, Fault
from everleaf.ports import Authority
from everleaf.stages.contract import Tools

NOTICED = timedelta(minutes=1)


class WrongClockError(EverleafError):
    """Nothing is decided by this clock; no failure of the authority's, and not counted as one."""


def mind_clock(authority: Authority, job: Job, tools: Tools) -> None:
    """See that our clock will do, by an answer of this run.

    Raises:
        WrongClockError: it is off by more than the bound.
        AuthorityError: the authority does not answer.
    """
    authority.has_renewal_info()  # its answer tells the time, where none has come yet
    skew = authority.skew()
    if skew is None or abs(skew) <= job.most_skew:
        return
    ours = tools.clock.now()
    raise WrongClockError(
        Fault(
            actor=Actor.OPERATOR,
            code="wrong-clock",
            what=f"this machine's clock is {told(skew)}: it says {ours:%F %T}Z, "
            f"{authority.name} says {ours + skew:%F %T}Z",
            remedy="Set the clock (chrony, systemd-timesyncd), "
            "or raise max_clock_skew in [settings]",
        )
    )


def told(skew: timedelta) -> str:
    """How far our clock is off, in words; `skew` is theirs minus ours."""
    seconds = abs(skew).total_seconds()
    size, unit = next(
        (size, unit)
        for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))
        if seconds >= 2 * size or size == 1
    )
    return f"{seconds / size:.0f} {unit} {'slow' if skew > timedelta(0) else 'fast'}"
