"""Web links in header fields: RFC 8288."""

import re
from collections.abc import Iterator, Sequence

_TARGET = re.compile(r"\s*<([^>]*)>")
_PARAMETER = re.compile(
    r"""\s*;\s*([!#$&+.^_`|~\w-]+)\*?\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?""", re.ASCII
)


def targets(fields: Sequence[str], relation: str) -> tuple[str, ...]:
    """Targets of the links of one relation, as they stand there, each once, in order.

    Args:
        fields: values of `Link`, each of which may hold several links (section 3).
        relation: its type, in lower case.
    """
    found = (
        target
        for value in fields
        for target, parameters in _links(value)
        # One with an anchor is about another resource (section 3.2).
        if relation in parameters.get("rel", "").lower().split() and "anchor" not in parameters
    )
    return tuple(dict.fromkeys(found))


def _links(value: str) -> Iterator[tuple[str, dict[str, str]]]:
    place = 0
    while place < len(value):
        if start := _TARGET.match(value, place):
            parameters: dict[str, str] = {}
            place = start.end()
            while match := _PARAMETER.match(value, place):
                place = match.end()
                name, quoted, plain = match.groups()
                text = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain or ""
                # The first of a name counts (section 3.3).
                parameters.setdefault(name.lower(), text)
            yield start[1], parameters
        end = value.find(",", place)
        place = len(value) if end < 0 else end + 1
