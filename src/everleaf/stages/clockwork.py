"""A wrong clock, noticed by an authority's answer: nothing is decided by it."""

from datetime import timedelta

from everleaf.core.job import Job
from everleaf.errors import Actor, Fault
from everleaf.ports import Authority
from everleaf.stages.contract import Tools

NOTICED = timedelta(minutes=1)


def wrong_clock(authority: Authority, job: Job, tools: Tools) -> Fault | None:
    """The fault of a clock that is off by more than the bound; None: it will do."""
    skew = authority.skew()
    if skew is None or abs(skew) <= job.most_skew:
        return None
    ours = tools.clock.now()
    return Fault(
        actor=Actor.OPERATOR,
        code="wrong-clock",
        what=f"this machine's clock is {told(skew)}: it says {ours:%F %T}Z, "
        f"{authority.name} says {ours + skew:%F %T}Z",
        remedy="Set the clock (chrony, systemd-timesyncd), or raise max_clock_skew in [settings]",
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
