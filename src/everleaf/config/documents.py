"""One file's text becomes checked tables; what is wrong is reported, and the rest goes on."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from everleaf.config import schema
from everleaf.config.faults import BadValueError, Key, meant
from everleaf.config.forms import SecretTable
from everleaf.config.report import Report
from everleaf.config.solver_schema import MODELS

Model = TypeVar("Model", bound=BaseModel)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
# A solver's model is that of its type.
_NAMED: dict[str, type[BaseModel] | None] = {
    "authorities": schema.AuthorityTable,
    "solvers": None,
    "terminators": schema.TerminatorTable,
    "certificates": schema.CertificateTable,
}


@dataclass(slots=True)
class Parsed:
    """One file: its tables by kind and name; None stands for one that is wrong."""

    report: Report
    include: list[str] = field(default_factory=list)
    settings: schema.SettingsTable | None = None
    alert: schema.AlertTable | None = None
    defaults: schema.CertificateDefaults | None = None
    named: dict[str, dict[str, Any]] = field(default_factory=dict)


def read(file: Path, *, included: bool) -> Parsed:
    """Read one file; every fault is in the report."""
    report = Report(file)
    parsed = Parsed(report, named={kind: {} for kind in _NAMED})
    document = _load(file, report)
    if document is None:
        return parsed
    allowed = {"certificates"} if included else set(schema.Document.model_fields)
    for key in document:
        if key not in allowed:
            _unknown_section(key, allowed, report, included=included)
    for kind, model in _NAMED.items():
        if kind in allowed:
            parsed.named[kind] = _tables(document.get(kind, {}), (kind,), model, report)
    if not included:
        parsed.settings = _table(
            document.get("settings", {}), ("settings",), schema.SettingsTable, report
        )
        parsed.alert = _table(document.get("alert", {}), ("alert",), schema.AlertTable, report)
        parsed.defaults = _table(
            document.get("defaults", {}), ("defaults",), schema.CertificateDefaults, report
        )
        parsed.include = _include(document.get("include", []), report)
    return parsed


def _load(file: Path, report: Report) -> dict[str, Any] | None:
    try:
        report.text = file.read_bytes().decode("utf-8")
        return tomllib.loads(report.text)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        report.add((), "the file is not UTF-8", "save it as UTF-8", line=line)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        line = int(found[1]) if found else report.text.count("\n") + 1
        what = re.sub(r" \(at .*\)$", "", str(error))
        report.add((), f"this is not TOML: {what}", "mend the syntax (toml.io)", line=line)
    except FileNotFoundError:
        remedy = "create it with 'everleaf config init PATH', or name another with --config"
        report.add((), "there is no such file", remedy, line=0)
    except IsADirectoryError:
        report.add((), "this is a directory", "name a file in it", line=0)
    except OSError as error:
        remedy = "let everleaf's user read it"
        report.add((), f"the file cannot be read: {error.strerror}", remedy, line=0)
    return None


def _unknown_section(key: str, allowed: set[str], report: Report, *, included: bool) -> None:
    if included and key in schema.Document.model_fields:
        remedy = "move it into the main file: included files hold certificates only"
        report.add((key,), "this does not belong into an included file", remedy)
    else:
        report.add((key,), "unknown key", meant(key, allowed))


def _include(value: object, report: Report) -> list[str]:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return value
    report.add(("include",), "this is no list of strings", 'write include = ["conf.d/*.toml"]')
    return []


def _tables(
    value: object, key: Key, model: type[BaseModel] | None, report: Report
) -> dict[str, BaseModel | None]:
    if not isinstance(value, Mapping):
        report.add(key, "this is no table", f"write [{key[0]}.NAME]")
        return {}
    found: dict[str, BaseModel | None] = {}
    for name, item in value.items():
        if not _NAME.fullmatch(name):
            remedy = "use up to 64 letters, digits, points, hyphens; a letter or digit first"
            report.add((*key, name), f"{name!r} cannot be a name", remedy)
            continue
        known = model or _solver_model(item, (*key, name), report)
        found[name] = _table(item, (*key, name), known, report) if known else None
    return found


def _solver_model(value: object, key: Key, report: Report) -> type[BaseModel] | None:
    kind = value.get("type") if isinstance(value, Mapping) else None
    if isinstance(kind, str) and kind in MODELS:
        return MODELS[kind]
    known = ", ".join(MODELS)
    if not isinstance(value, Mapping):
        report.add(key, "this is no table", f"write [{'.'.join(map(str, key))}]")
    elif kind is None:
        report.add((*key, "type"), "this is missing", f"name one of: {known}")
    else:
        remedy = meant(kind, MODELS) if isinstance(kind, str) else f"name one of: {known}"
        report.add((*key, "type"), f"{_shown(kind)} is not known here", remedy)
    return None


def _table(value: object, key: Key, model: type[Model], report: Report) -> Model | None:
    if not isinstance(value, Mapping):
        report.add(key, "this is no table", f"write [{'.'.join(map(str, key))}]")
        return None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        for one in faults:
            _explain(one, key, model, report)
        return _rest(value, {one["loc"][0] for one in faults if one["loc"]}, model)


def _rest(value: Mapping[str, Any], wrong: set[str | int], model: type[Model]) -> Model | None:
    """What is left without the wrong keys, so that the first fault does not hide the others."""
    try:
        return model.model_validate({key: one for key, one in value.items() if key not in wrong})
    except ValidationError:
        return None


def _explain(one: Any, key: Key, model: type[BaseModel], report: Report) -> None:
    """One of pydantic's errors in our words."""
    place = tuple(part for part in one["loc"] if part != "[key]")
    where = (*key, *place)
    inner = one.get("ctx", {}).get("error")
    if isinstance(inner, BadValueError):
        report.take(where, inner)
        return
    match one["type"]:
        case "extra_forbidden":
            owner = _model_at(model, place[:-1])
            if owner is schema.CopyTable and place[-1] in ("key", "cert", "privkey", "fullchain"):
                report.add(where, "key and certificate cannot have paths of their own", _AS_ONE)
            else:
                report.add(where, "unknown key", meant(place[-1], owner.model_fields))
        case "missing":
            owner = _model_at(model, place[:-1])
            about = owner.model_fields[str(place[-1])].description or "give it a value"
            report.add(where, "this is missing", about.rstrip("."))
        case "literal_error":
            report.add(
                where, f"{one['input']!r} is not known here", f"write {one['ctx']['expected']}"
            )
        case "string_pattern_mismatch":
            remedy = "write a number and s, m, h or d, as in 30s"
            if "settings" in place:
                remedy = "use letters, digits and underscores"
            report.add(where, f"{one['input']!r} is not of the right form", remedy)
        case kind:
            what = one["msg"][:1].lower() + one["msg"][1:]
            report.add(where, f"{_shown(one['input'])}: {what}", _expected(kind))


_AS_ONE = (
    'they could not change as one: use kind = "combined" (one file) or kind = "directory" '
    "(PATH/live/privkey.pem and PATH/live/fullchain.pem)"
)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - a line of a terminal


def _expected(kind: str) -> str:
    table = {
        "string_type": 'write a string, as in "text"',
        "int_type": "write a whole number, without quotes",
        "bool_type": "write true or false, without quotes",
        "list_type": 'write a list, as in ["one", "two"]',
        "dict_type": 'write a table, as in { key = "value" }',
        "model_type": 'write a table, as in { key = "value" }',
        "too_short": "name at least one",
        "too_long": "split it over several",
    }
    return table.get(kind, "see 'everleaf config schema'")


def _model_at(model: type[BaseModel], place: tuple[str | int, ...]) -> type[BaseModel]:
    """The model that stands at a place below another."""
    if place and place[0] == "endpoints":
        return schema.EndpointTable
    if place and place[0] == "copies":
        return schema.CopyTable
    if (place and place[-1] == "hmac_key") or place[:1] in (("key",), ("secrets",)):
        return SecretTable
    if place and place[0] == "external_account":
        return schema.BindingTable
    if place and place[0] == "limits":
        return schema.LimitsTable
    return model
