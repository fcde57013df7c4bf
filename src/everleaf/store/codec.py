"""Core values to JSON and back, each with a version of its own form."""

from typing import Any, TypeVar

from everleaf.errors import MachineError

T = TypeVar("T")


_ADAPTERS: dict[type, Any] = {}


def _adapter(kind: type) -> Any:
    if kind not in _ADAPTERS:
        from pydantic import TypeAdapter

        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def encode(value: object) -> bytes:
    """A frozen core value as JSON."""
    encoded: bytes = _adapter(type(value)).dump_json(value)
    return encoded


def decode(kind: type[T], text: bytes | str, where: str) -> T:
    """The value again.

    Raises:
        MachineError: it is damaged, or of a form that this everleaf does not know.
    """
    try:
        value: T = _adapter(kind).validate_json(text)
    except ValueError as error:
        raise MachineError(
            f"this is not what everleaf wrote: {str(error).splitlines()[0]}",
            code="damaged-state",
            where=where,
            remedy="Restore it from a backup, or move it away: what can be had again is ordered",
        ) from error
    return value
