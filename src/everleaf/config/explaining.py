"""What pydantic finds wrong with a table, in our words, each value once."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from everleaf.config.faults import BadValueError, Key, meant, shown
from everleaf.config.forms import REMEDIES
from everleaf.config.mending import table_at
from everleaf.config.report import Report
from everleaf.config.schema import CopyTable

_AS_ONE = (
    'they could not change as one: use kind = "combined" (one file) or kind = "directory" '
    "(PATH/live/privkey.pem and PATH/live/fullchain.pem)"
)
_FILES = ("key", "cert", "privkey", "fullchain")
_SCHEMA = "see 'everleaf config schema'"
_EXPECTED = {
    "string_type": 'a string, as in "text"',
    "int_type": "a whole number, without quotes",
    "bool_type": "true or false, without quotes",
    "list_type": 'a list, as in ["one", "two"]',
    "dict_type": 'a table, as in { key = "value" }',
    "model_type": 'a table, as in { key = "value" }',
}


def explain(
    errors: list[Any], value: Mapping[str, Any], key: Key, model: type[BaseModel], report: Report
) -> tuple[Key, ...]:
    """Report the errors of one table; returns the places that are wrong.

    Where a value may be of several forms pydantic tells of each; of one that may be a list, what
    is wrong in the list says more than that it is no string.
    """
    found: dict[Key, list[Any]] = {}
    for one in errors:
        found.setdefault(_place(one, value), []).append(one)
    places = [
        place
        for place in found
        if not any(len(other) > len(place) and other[: len(place)] == place for other in found)
    ]
    for place in places:
        what, remedy = _words(found[place], place, model)
        report.spoil((*key, *place), what, remedy)
    return tuple(places)


def _place(error: Any, value: Any) -> Key:
    """Where in the document: pydantic also names the forms that it tried."""
    place: list[str | int] = []
    for part in error["loc"]:
        is_item = isinstance(value, list) and isinstance(part, int)
        if is_item or (isinstance(value, Mapping) and part in value):
            value = value[part]
        elif error["type"] == "missing" and part == error["loc"][-1]:
            value = None
        else:
            continue
        place.append(part)
    return tuple(place)


def _words(errors: list[Any], place: Key, model: type[BaseModel]) -> tuple[str, str]:
    if len(errors) > 1:
        right = [_EXPECTED[one["type"]] for one in errors if one["type"] in _EXPECTED]
        what = f"{shown(errors[0]['input'])} is of no form that is known here"
        return what, f"write {', or '.join(dict.fromkeys(right))}"
    (error,) = errors
    context = error.get("ctx", {})
    inner = context.get("error")
    if isinstance(inner, BadValueError):
        return inner.what, inner.remedy
    table = table_at(model, place[:-1])
    match error["type"]:
        case "extra_forbidden" if table is CopyTable and place[-1] in _FILES:
            return "key and certificate cannot have paths of their own", _AS_ONE
        case "extra_forbidden":
            return "unknown key", meant(str(place[-1]), table.model_fields if table else ())
        case "missing":
            about = table.model_fields[str(place[-1])].description if table else None
            return "this is missing", (about or "give it a value").rstrip(".")
        case "literal_error":
            return f"{shown(error['input'])} is not known here", f"write {context['expected']}"
        case "string_pattern_mismatch":
            remedy = REMEDIES.get(context["pattern"], _SCHEMA)
            return f"{shown(error['input'])} is not of the right form", remedy
        case kind:
            what = f"{shown(error['input'])}: {error['msg'][:1].lower()}{error['msg'][1:]}"
            return what, _remedy(kind, context)


def _remedy(kind: str, context: Mapping[str, Any]) -> str:
    match kind:
        case "greater_than_equal":
            return f"write {context['ge']} or more"
        case "less_than_equal":
            return f"write {context['le']} or less"
        case "too_short" | "string_too_short":
            return "name at least one" if kind == "too_short" else "write what belongs there"
        case "too_long":
            return "split it over several"
        case _ if kind in _EXPECTED:
            return f"write {_EXPECTED[kind]}"
        case _:
            return _SCHEMA
