"""Directives of nginx's and Apache's configuration, each with its file and line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    """One directive. `body`: those within it; None: it has none."""

    name: str
    arguments: tuple[str, ...]
    file: str
    line: int
    body: "tuple[Directive, ...] | None" = None

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.file}:{self.line}"

    @property
    def first(self) -> str:
        """Its first argument; empty: there is none."""
        return self.arguments[0] if self.arguments else ""


Body: TypeAlias = Sequence[Directive]
Stack: TypeAlias = tuple[Body, ...]


def levels(body: Body, above: Stack = ()) -> Iterator[Stack]:
    """Every block within the ones around it, the outermost first."""
    stack = (*above, body)
    yield stack
    for one in body:
        if one.body is not None:
            yield from levels(one.body, stack)


def named(body: Body, *names: str) -> list[Directive]:
    """Those of these names, in their order."""
    return [one for one in body if one.name in names]


def effective(stack: Stack, *names: str) -> list[Directive]:
    """Those of the innermost level that has any: what is said there hides what is said outside."""
    return next((found for body in reversed(stack) if (found := named(body, *names))), [])


def value(stack: Stack, name: str, default: str = "") -> str:
    """The first argument of the last one that is in force."""
    found = effective(stack, name)
    return found[-1].first if found else default
