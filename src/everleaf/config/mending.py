"""What stands in for values of the wrong form, so that one fault does not hide the others."""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from everleaf.config.faults import Key

_PLAIN = {str: "stand-in", int: 1, bool: False}


def form_at(model: Any, path: Key) -> Any:
    """The form that a value below a table should have; None: nothing may stand there."""
    form = model
    for part in path:
        below = (_below(one, part) for one in members(form))
        form = next((one for one in below if one is not None), None)
    return form


def table_at(model: type[BaseModel], path: Key) -> type[BaseModel] | None:
    """The table that stands there."""
    return next((one for one in members(form_at(model, path)) if _is_table(one)), None)


def members(form: Any) -> Iterator[Any]:
    """What a value may be, without None."""
    origin = get_origin(form)
    if origin is Annotated:
        yield from members(get_args(form)[0])
    elif origin in (Union, UnionType):
        for one in get_args(form):
            yield from members(one)
    elif form not in (None, NoneType):
        yield form


def mended(
    value: Mapping[str, Any], paths: Iterable[Key], model: type[BaseModel]
) -> dict[str, Any]:
    """The same without the values at these places; where one is needed, another of its form."""
    copy = deepcopy(dict(value))
    for path in paths:
        *above, last = path
        parent: Any = copy
        for part in above:
            parent = parent[part]
        if isinstance(parent, list) or _is_needed(model, path):
            parent[last] = _stand_in(form_at(model, path))
        else:
            parent.pop(last, None)
    return copy


def _below(form: Any, part: str | int) -> Any:
    if _is_table(form):
        field = form.model_fields.get(part)
        return field.annotation if field else None
    origin = get_origin(form)
    if origin is (list if isinstance(part, int) else dict):
        return get_args(form)[-1]
    return None


def _is_table(form: Any) -> bool:
    return isinstance(form, type) and issubclass(form, BaseModel)


def _is_needed(model: type[BaseModel], path: Key) -> bool:
    table = table_at(model, path[:-1])
    field = table.model_fields.get(str(path[-1])) if table else None
    return field is not None and field.is_required()


def _stand_in(form: Any) -> object:
    first = next(members(form))
    origin = get_origin(first)
    if origin is Literal:
        return get_args(first)[0]
    if origin in (list, dict):
        return origin()
    if _is_table(first):
        fields = first.model_fields.items()
        return {name: _stand_in(one.annotation) for name, one in fields if one.is_required()}
    return _PLAIN[first]
