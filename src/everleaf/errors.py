"""Faults, sorted by who must act: the operator, the authority, an edge, the machine or we.

A fault is a value that can be stored, shown and sent; an error carries one to the stage that
turns it into an outcome. Errors are translated once, where the foreign exception is caught.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

# Codes of faults of the files here, which no authority has to do with.
OWN_FILES = frozenset(
    {"disk", "disk-full", "no-such-file", "no-such-owner", "not-permitted", "state", "wrong-place"}
)


class Actor(StrEnum):
    """Who must act so that the fault goes away."""

    OPERATOR = "operator"
    AUTHORITY = "authority"
    EDGE = "edge"
    MACHINE = "machine"
    EVERLEAF = "everleaf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What is wrong at one address: the code of a symptom, and what to check first, in words.

    Attributes:
        endpoint: `host:port` as configured; `address`: empty where the name did not resolve.
        code: of `everleaf.core.symptoms`; empty: it is none that is known.
    """

    endpoint: str
    address: str
    code: str = ""
    words: str = ""

    def __str__(self) -> str:
        """On one line."""
        text = f"{self.code}: {self.words}" if self.code else self.words
        return f"{self.endpoint} at {self.address or '-'}: {text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What went wrong, where, in whose words, and what helps.

    Attributes:
        actor: who must act.
        code: a stable word for programs, such as `challenge-failed`.
        what: one sentence for people, without a full stop.
        where: a URL, path, address or name, where there is one.
        words: the foreign words as they came (problem documents, a server's output), a line each.
        remedy: what to do, where we know it.
        causes: what was found at each address, where there are several to tell apart.
    """

    actor: Actor
    code: str
    what: str
    where: str = ""
    words: tuple[str, ...] = ()
    remedy: str = ""
    causes: tuple[Cause, ...] = ()

    def __str__(self) -> str:
        """The whole fault on one line."""
        text = self.what if not self.where else f"{self.what} ({self.where})"
        if self.words:
            text += ": " + " | ".join(self.words)
        return text if not self.remedy else f"{text}. {self.remedy}"


class EverleafError(Exception):
    """Carries a fault to where it becomes an outcome."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class OperatorError(EverleafError):
    """Something that only the operator can mend: configuration, permissions, files."""

    def __init__(self, what: str, *, code: str, where: str = "", remedy: str = "") -> None:
        super().__init__(
            Fault(actor=Actor.OPERATOR, code=code, what=what, where=where, remedy=remedy)
        )


class MachineError(EverleafError):
    """The disk, the network or the operating system of this machine failed."""

    def __init__(self, what: str, *, code: str, where: str = "", remedy: str = "") -> None:
        super().__init__(
            Fault(actor=Actor.MACHINE, code=code, what=what, where=where, remedy=remedy)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Subproblem:
    """One identifier's part of a problem document (RFC 8555, section 6.7.1)."""

    type: str
    detail: str
    identifier: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem document as the authority sent it (RFC 7807; RFC 8555, section 6.7)."""

    type: str
    detail: str
    status: int = 0
    subproblems: tuple[Subproblem, ...] = field(default=())

    @property
    def kind(self) -> str:
        """The last part of the type: `rateLimited` of `urn:ietf:params:acme:error:rateLimited`."""
        return self.type.rpartition(":")[2]

    def lines(self) -> tuple[str, ...]:
        """The whole document, a line for itself and one for each subproblem."""
        first = f"{self.type}: {self.detail}" if self.detail else self.type
        rest = (
            f"{sub.identifier or 'subproblem'}: {sub.type}: {sub.detail}"
            for sub in self.subproblems
        )
        return (first, *rest)


class AuthorityError(EverleafError):
    """The authority refused, or said something that no ACME server may say.

    `retry_at` is its `Retry-After` as a time, where it sent one. `narrow`: a limit that is that
    of these identifiers alone, and says nothing of the account's other orders.
    """

    def __init__(
        self,
        what: str,
        *,
        code: str,
        where: str = "",
        problem: Problem | None = None,
        retry_at: datetime | None = None,
        remedy: str = "",
        actor: Actor = Actor.AUTHORITY,
        narrow: bool = False,
    ) -> None:
        words = problem.lines() if problem else ()
        super().__init__(
            Fault(actor=actor, code=code, what=what, where=where, words=words, remedy=remedy)
        )
        self.problem = problem
        self.retry_at = retry_at
        self.narrow = narrow

    @property
    def limited(self) -> bool:
        """Whether the authority limits us (RFC 8555, section 6.6)."""
        return self.problem is not None and (
            self.problem.kind == "rateLimited" or self.problem.status == 429  # noqa: PLR2004 - the status of RFC 6585
        )


class UnreachableError(AuthorityError):
    """The authority gave no answer: connection, TLS, time-out or a 5xx without a problem.

    The request may have been carried out all the same.
    """

    def __init__(self, what: str, *, where: str, remedy: str = "") -> None:
        super().__init__(what, code="authority-unreachable", where=where, remedy=remedy)


class EndOfTimeError(EverleafError):
    """The run's deadline passed, or it was told to stop; what was under way is resumable."""

    def __init__(self, what: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(Fault(actor=Actor.EVERLEAF, code="stopped", what=what))
        self.retry_after = retry_after


class LockedError(EverleafError):
    """Another run holds the lock of the state directory."""

    def __init__(self, holder: str, *, where: str) -> None:
        super().__init__(
            Fault(
                actor=Actor.OPERATOR,
                code="locked",
                what=f"another run holds the lock: {holder}",
                where=where,
                remedy="It ends by itself; nothing was changed here",
            )
        )
