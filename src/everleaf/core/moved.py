"""A name that leads elsewhere now than where it was seen serving: judged by addresses alone."""

from collections.abc import Iterable

from everleaf.core.diagnosis import Finding
from everleaf.core.symptoms.names import WRONG_ADDRESS


def gone(known: Iterable[str], now: Iterable[str]) -> tuple[str, ...]:
    """The addresses that a name led to when it was well, and leads to no more."""
    there = set(now)
    return tuple(one for one in known if one not in there)


def wrong_address(host: str, bad: Iterable[str], well: Iterable[str]) -> Finding:
    """The name leads to `bad`, and to `well` no more, where what is expected is still served."""
    new, old = tuple(bad), tuple(well)
    what = (
        f"{host} leads to {', '.join(new)} now, which fails, and no more to {', '.join(old)}, "
        "where what is expected is still served"
    )
    return Finding(
        symptom=WRONG_ADDRESS, what=what, where=new, detail={"new": list(new), "old": list(old)}
    )
