"""One file's document becomes checked tables; what is wrong is reported, and the rest goes on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from everleaf.config import schema
from everleaf.config.explaining import explain
from everleaf.config.faults import Key, meant, shown
from everleaf.config.mending import mended
from everleaf.config.report import Report
from everleaf.config.solver_schema import MODELS
from everleaf.config.texts import document

Model = TypeVar("Model", bound=BaseModel)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
# A solver's model is that of its type.
_NAMED: dict[str, type[BaseModel] | None] = {
    "authorities": schema.AuthorityTable,
    "solvers": None,
    "terminators": schema.TerminatorTable,
    "vantages": schema.VantageTable,
    "certificates": schema.CertificateTable,
}


@dataclass(slots=True)
class Parsed:
    """One file: its tables by kind and name; None stands for one that is wrong."""

    report: Report
    include: list[str] = field(default_factory=list)
    settings: schema.SettingsTable = field(default_factory=schema.SettingsTable)
    alert: schema.AlertTable = field(default_factory=schema.AlertTable)
    defaults: schema.CertificateDefaults = field(default_factory=schema.CertificateDefaults)
    named: dict[str, dict[str, Any]] = field(default_factory=dict)


def read(file: Path, *, included: bool) -> Parsed:
    """Read one file; every fault is in the report."""
    report = Report(file)
    parsed = Parsed(report, named={kind: {} for kind in _NAMED})
    found = document(report, included=included)
    if found is None:
        return parsed
    form = schema.IncludedDocument if included else schema.Document
    allowed = set(form.model_fields)
    for key in found:
        if key not in allowed:
            _unknown_section(key, allowed, report, included=included)
    for kind, model in _NAMED.items():
        if kind in allowed:
            parsed.named[kind] = _tables(found.get(kind, {}), (kind,), model, report)
    if not included:
        parsed.settings = _section(found, "settings", parsed.settings, report)
        parsed.alert = _section(found, "alert", parsed.alert, report)
        parsed.defaults = _section(found, "defaults", parsed.defaults, report)
        parsed.include = _include(found.get("include", []), report)
    return parsed


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


def _section(found: Mapping[str, Any], key: str, nothing_said: Model, report: Report) -> Model:
    return _table(found.get(key, {}), (key,), type(nothing_said), report) or nothing_said


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
            report.add((*key, name), f"{shown(name)} cannot be a name", remedy)
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
        report.add((*key, "type"), f"{shown(kind)} is not known here", remedy)
    return None


def _table(value: object, key: Key, model: type[Model], report: Report) -> Model | None:
    """The table; where it is wrong, what is left of it, so that no fault hides the others."""
    if not isinstance(value, Mapping):
        report.add(key, "this is no table", f"write [{'.'.join(map(str, key))}]")
        return None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        wrong = explain(error.errors(include_url=False), value, key, model, report)
    try:
        return model.model_validate(mended(value, wrong, model))
    except ValidationError:
        return None
