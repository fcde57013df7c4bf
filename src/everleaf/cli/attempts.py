"""One call for each certificate: what is damaged in one hides no other."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from everleaf.core.lifecycle import Stage
from everleaf.errors import EndOfTimeError, Fault
from everleaf.pipeline import Pipeline, failure

R = TypeVar("R")


def attempt(
    pipeline: Pipeline, names: Sequence[str], call: Callable[[str], R]
) -> tuple[dict[str, R], dict[str, Fault]]:
    """What `call` returned, and the faults of those for which it could not, both by name.

    Raises:
        EndOfTimeError: the command was told to stop.
    """
    found: dict[str, R] = {}
    faults: dict[str, Fault] = {}
    for name in names:
        try:
            found[name] = call(name)
        except EndOfTimeError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug in one certificate hides no other
            faults[name] = failure(error, pipeline.tools, name, Stage.ORDER).fault
    return found, faults
