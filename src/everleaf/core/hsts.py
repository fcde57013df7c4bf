"""The Strict-Transport-Security header, and the steps of its safe roll-out: RFC 6797."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

MINUTE, HOUR, DAY = 60, 3600, 86400
WEEK, MONTH, YEAR = 7 * DAY, 30 * DAY, 365 * DAY

_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_QUOTED = r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\x00-\x7f])*"'
_DIRECTIVE = re.compile(
    rf"[ \t]*+(?:(?P<name>{_WORD})[ \t]*+(?P<value>=[ \t]*+(?:{_WORD}|{_QUOTED}))?)?"
    r"[ \t]*+(?=;|\Z)"
)
_UNITS = ((YEAR, "year"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1, "second"))
_SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A header that browsers take.

    Attributes:
        max_age: seconds for which they remember it; 0: they forget it.
        preload: not of the RFC: its owner consents to the list that browsers ship.
        unknown: names of directives that are ignored.
    """

    max_age: int
    include_subdomains: bool = False
    preload: bool = False
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As the header has it."""
        parts = [f"max-age={self.max_age}"]
        parts += ["includeSubDomains"] if self.include_subdomains else []
        parts += ["preload"] if self.preload else []
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Malformed:
    """A header that browsers ignore as a whole (section 6.1); `why` has each objection."""

    why: tuple[str, ...]


def parse(value: str) -> Policy | Malformed:
    """Read one header's value by the grammar of section 6.1; directives may stand in any order."""
    directives, objections = _directives(value)
    known: dict[str, str | None] = {}
    for name, given in directives:
        if name in known:
            objections.append(f"the directive {name[:_SHOWN]!r} stands there twice")
        known.setdefault(name, given)
    objections += _objections(known, whole=not objections)
    if objections:
        return Malformed(tuple(dict.fromkeys(objections)))
    return Policy(
        max_age=_number(known["max-age"] or ""),
        include_subdomains="includesubdomains" in known,
        preload="preload" in known and known["preload"] is None,
        unknown=tuple(one for one in known if one not in _KNOWN),
    )


_KNOWN = ("max-age", "includesubdomains", "preload")
_MOST_DIGITS = 12  # about thirty thousand years: what is longer is as good as that


def _number(digits: str) -> int:
    return int(digits) if len(digits.lstrip("0")) <= _MOST_DIGITS else 10**_MOST_DIGITS


def _directives(value: str) -> tuple[list[tuple[str, str | None]], list[str]]:
    """Names in lower case with their values, and what does not follow the grammar."""
    found: list[tuple[str, str | None]] = []
    at = 0
    while at <= len(value):
        match = _DIRECTIVE.match(value, at)
        if match is None:
            return found, [_no_directive(value[at:])]
        if match["name"]:
            found.append((match["name"].lower(), _unquoted(match["value"])))
        at = match.end() + 1
    return found, []


def _no_directive(rest: str) -> str:
    if "," in rest.split(";", 1)[0]:
        return "a comma stands in it: two headers that were joined into one, perhaps"
    return f"it has no directive at {rest.strip()[:_SHOWN]!r}"


def _unquoted(value: str | None) -> str | None:
    if value is None:
        return None
    text = value[1:].lstrip(" \t")
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL) if text[:1] == '"' else text


def _objections(known: dict[str, str | None], *, whole: bool) -> Iterator[str]:
    if "max-age" in known:
        age = known["max-age"]
        if age is None:
            yield "max-age has no value"
        elif not re.fullmatch(r"[0-9]+", age):
            yield f"max-age is no number of seconds: {age[:_SHOWN]!r}"
    elif whole:
        yield "it has no max-age"
    if known.get("includesubdomains") is not None:
        yield "includeSubDomains has a value, and must have none"


class Step(StrEnum):
    """Where a host stands; each step is held until nothing breaks, then the next is taken."""

    NONE = "none"
    MINUTES = "minutes"
    DAYS = "days"
    MONTH = "month"
    YEAR = "year"
    SUBDOMAINS = "subdomains"
    PRELOAD = "preload"


WORDS = {
    Step.NONE: "not begun",
    Step.MINUTES: "less than a day",
    Step.DAYS: "days",
    Step.MONTH: "a month or more",
    Step.YEAR: "a year or more, without the subdomains",
    Step.SUBDOMAINS: "a year or more, with the subdomains",
    Step.PRELOAD: "a year or more, with the subdomains, consenting to preloading",
}

_AGES = {Step.NONE: 5 * MINUTE, Step.MINUTES: WEEK, Step.DAYS: MONTH, Step.MONTH: YEAR}


def step(policy: Policy | None) -> Step:
    """At which step of the roll-out a host stands; None: it has no header that counts."""
    if policy is None or not policy.max_age:
        return Step.NONE
    for limit, below in ((DAY, Step.MINUTES), (MONTH, Step.DAYS), (YEAR, Step.MONTH)):
        if policy.max_age < limit:
            return below
    if not policy.include_subdomains:
        return Step.YEAR
    return Step.PRELOAD if policy.preload else Step.SUBDOMAINS


def following(policy: Policy | None) -> Policy | None:
    """The header of the next step, with what the present one promises kept; None: it is the last.

    The ages are those that hstspreload.org recommends for a roll-out, then a year.
    """
    now = step(policy)
    present = policy or Policy(max_age=0)
    if now is Step.PRELOAD:
        return None
    return Policy(
        max_age=_AGES.get(now, max(present.max_age, YEAR)),
        include_subdomains=present.include_subdomains or now in {Step.YEAR, Step.SUBDOMAINS},
        preload=present.preload or now is Step.SUBDOMAINS,
    )


def age(seconds: int) -> str:
    """In words: `1 year`, `30 days`; what is no whole number of a unit is rounded down."""
    unit, name = next(
        (one for one in _UNITS if seconds >= 2 * one[0] or seconds == one[0]), _UNITS[-1]
    )
    count = seconds // unit
    about = "" if count * unit == seconds else "about "
    return f"{about}{count} {name}{'' if count == 1 else 's'}"
