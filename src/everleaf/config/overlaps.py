"""Copies that would overwrite each other, or what lies in the state directory."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from everleaf.config.certificates import Built
from everleaf.config.faults import Key
from everleaf.config.report import Report
from everleaf.core.wanted import Copy, CopyKind

_APART = "give each certificate a path of its own"


@dataclass(frozen=True, slots=True)
class _Placed:
    """One copy of one certificate, by the place where it truly is."""

    certificate: str
    place: Path
    kind: CopyKind
    key: Key
    report: Report

    def refuse(self, what: str, remedy: str) -> None:
        self.report.spoil((*self.key, "path"), what, remedy)


def refuse_overlaps(certificates: Iterable[Built], state_dir: Path) -> None:
    """Report every copy whose place is no place for it, or is another copy's."""
    state = Path(os.path.realpath(state_dir))
    true = cache(os.path.realpath)  # many copies stand in one folder
    taken: dict[Path, _Placed] = {}
    for one in (placed for built in certificates for placed in _placed(built, true)):
        if not one.place.name:
            one.refuse("a copy needs a path of its own", "name a file or a folder for it")
        elif one.place.is_relative_to(state):
            what = f"{one.place} is in the state directory"
            one.refuse(what, "put the copy elsewhere, or read it from live/")
        elif (other := taken.get(one.place)) is not None:
            one.refuse(_clash(one, other), _APART)
        else:
            taken[one.place] = one
    folders = {place: one for place, one in taken.items() if one.kind is CopyKind.DIRECTORY}
    for place, one in taken.items():
        around = next((folders[above] for above in place.parents if above in folders), None)
        if around is not None:
            what = f"{place} is in the copy {around.place} of certificate {around.certificate!r}"
            one.refuse(what, _APART)


def _clash(one: _Placed, other: _Placed) -> str:
    if one.certificate == other.certificate:
        return f"{one.place} stands twice"
    names = f"{other.certificate!r} and {one.certificate!r}"
    return f"certificates {names} would both be copied to {one.place}"


def _placed(built: Built, true: Callable[[Path], str]) -> Iterable[_Placed]:
    for at, copy in enumerate(built.wanted.copies):
        key = (*built.copies, at)
        place = _place(copy, true)
        yield _Placed(built.wanted.name, place, copy.kind, key, built.report)


def _place(copy: Copy, true: Callable[[Path], str]) -> Path:
    """The same for every spelling, and by way of links; a file replaces a link of its name."""
    if copy.kind is CopyKind.DIRECTORY or copy.path.name == "..":
        return Path(true(copy.path))
    return Path(true(copy.path.parent), copy.path.name)
