"""Faults for the operator, in the words of whoever refused."""

from collections.abc import Iterable

from everleaf.errors import Actor, EverleafError, Fault, OperatorError


class ToldError(OperatorError):
    """Something that only the operator can mend, as a server or a program put it."""

    def __init__(
        self,
        what: str,
        *,
        code: str,
        where: str = "",
        words: Iterable[str] = (),
        remedy: str = "",
    ) -> None:
        EverleafError.__init__(
            self,
            Fault(
                actor=Actor.OPERATOR,
                code=code,
                what=what,
                where=where,
                words=tuple(word for word in words if word),
                remedy=remedy,
            ),
        )
