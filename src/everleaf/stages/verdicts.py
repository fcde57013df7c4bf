"""The faults of a deployment, in words that say what stands now and what comes next."""

from collections.abc import Sequence

from everleaf.errors import Actor, Fault


def broken(terminator: str, words: tuple[str, ...]) -> Fault:
    """The configuration is broken for a reason that is not ours."""
    return Fault(
        actor=Actor.OPERATOR,
        code="configuration-broken",
        what=f"{terminator}: the server's own test fails, and not because of a new certificate "
        "alone; not reloaded",
        words=words,
        remedy="Mend the server's configuration; the next run reloads it",
    )


def refused(terminator: str, version: str, live: str | None, words: tuple[str, ...]) -> Fault:
    """A pair makes the test fail."""
    return Fault(
        actor=Actor.OPERATOR,
        code="pair-refused",
        what=f"{terminator}: version {version} makes the server's own test fail; "
        f"version {live} is live",
        words=words,
        remedy="It is tried again when the hook or the certificate's deployment changes, or by "
        "everleaf rollback NAME --newest",
    )


def reload_failed(terminator: str, words: tuple[str, ...], live: str | None) -> Fault:
    """A reload failed though every check had passed; `live`: what was switched back to."""
    state = f"version {live} is live again" if live else "the version stays installed"
    return Fault(
        actor=Actor.EDGE,
        code="reload-failed",
        what=f"{terminator}: the reload failed; {state}",
        words=words,
        remedy="It is tried again after 1, 10 and 100 minutes, then daily",
    )


def withdrawn(version: str, live: str | None, words: tuple[str, ...]) -> Fault:
    """A version that could not be confirmed was withdrawn; `live`: what came of that."""
    if live == version:
        state = f"version {version} is live all the same, since the one before cannot be"
    else:
        state = f"version {live} is live again"
    return Fault(
        actor=Actor.EDGE,
        code="rolled-back",
        what=f"version {version} could not be confirmed; {state}",
        words=words,
        remedy="It is tried again when the certificate's deployment, its endpoints or the policy "
        "change, or by everleaf rollback NAME --newest",
    )


def waits(behind: Sequence[str]) -> Fault:
    """A terminator waits for its back-off while the others went on."""
    return Fault(
        actor=Actor.EDGE, code="reload-waits", what=f"not reloaded yet: {', '.join(behind)}"
    )
