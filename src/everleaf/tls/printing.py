"""Addresses that a program of the operator's prints, one a line."""

import ipaddress
import os
from collections.abc import Sequence

from everleaf.errors import Actor, EverleafError, Fault
from everleaf.ports import Clock
from everleaf.system import process

LIMIT = 10.0
_MOST = process.KEPT - 64  # bytes; of more than is kept, the beginning would be missing
_KEPT = ("PATH", "HOME", "TZ")
_SHOWN = 80
_LINES = 5


def printed(command: Sequence[str], clock: Clock, limit: float = LIMIT) -> tuple[str, ...]:
    """The addresses, sorted, each once. What the program prints as errors counts as well.

    Args:
        command: program and arguments.
        clock: of the run.
        limit: in seconds; then the program is ended.

    Raises:
        EverleafError: it fails, takes too long, or prints something else, or nothing.
        EndOfTimeError: the run was told to stop, or its deadline passed.
    """
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment = {"PATH": os.defpath, **environment, "LANG": "C.UTF-8"}
    try:
        ended = process.run(command, environment=environment, limit=limit, clock=clock)
    except OSError as error:
        why = f"cannot be executed: {error.strerror or error}"
        raise _fault(command, why) from error
    lines = [line.strip() for line in ended.output.splitlines() if line.strip()]
    if ended.status is None:
        raise _fault(command, f"was ended after {limit:g} s", lines)
    if ended.status != 0:
        raise _fault(command, f"failed with status {ended.status}", lines)
    if len(ended.output.encode()) > _MOST:
        raise _fault(command, f"prints more than {_MOST} bytes")
    if not lines:
        raise _fault(command, "prints no address")
    return tuple(sorted({_address(line, command) for line in lines}))


def _address(line: str, command: Sequence[str]) -> str:
    try:
        return str(ipaddress.ip_address(line))
    except ValueError:
        raise _fault(command, f"prints {line[:_SHOWN]!r}, which is no address") from None


def _fault(command: Sequence[str], why: str, lines: Sequence[str] = ()) -> EverleafError:
    return EverleafError(
        Fault(
            actor=Actor.OPERATOR,
            code="unresolved",
            what=f"the program that should print addresses {why}",
            where=command[0],
            words=tuple(lines[-_LINES:]),
            remedy="Let it print one IP address a line, and end with status 0, or list them",
        )
    )
