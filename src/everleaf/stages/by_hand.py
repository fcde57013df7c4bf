"""What is said by hand about versions: which one is to be live, and that the newest may be."""

from dataclasses import replace

from everleaf.core.backoff import Attempts
from everleaf.core.certificate import Version
from everleaf.core.standing import Standing
from everleaf.core.wanted import Wanted
from everleaf.stages.contract import Tools


def pin(wanted: Wanted, version: Version, tools: Tools) -> None:
    """Keep this version live, whatever was held against it until now; it is written beside it."""
    pinned = replace(version, pinned_at=tools.clock.now(), rejection=None)
    tools.shelf.amend(wanted.name, pinned)
    _begin_anew(wanted, tools)


def unpin(wanted: Wanted, tools: Tools) -> None:
    """Let the versions that were pinned go."""
    for one in tools.shelf.holding(wanted).versions:
        if one.pinned_at is not None:
            tools.shelf.amend(wanted.name, replace(one, pinned_at=None))


def release(wanted: Wanted, newest: Version, tools: Tools) -> None:
    """Let the newest version be live again: no pin holds, and nothing is held against it."""
    unpin(wanted, tools)
    known = tools.shelf.holding(wanted).version(newest.id)
    if known is not None and known.rejection is not None:
        tools.shelf.amend(wanted.name, replace(known, rejection=None))
    _begin_anew(wanted, tools)


def _begin_anew(wanted: Wanted, tools: Tools) -> None:
    """Reloads that came to nothing hold back nothing that was asked for by hand."""

    def fresh(known: Standing) -> Standing:
        taken = {one: replace(was, attempts=Attempts()) for one, was in known.taken.items()}
        return replace(known, taken=taken)

    tools.store.change(wanted.name, fresh)
