"""Checked tables become settings: references, files and names are looked at here."""

import os
import shutil
from datetime import timedelta
from pathlib import Path

from everleaf.config import hooks, schema
from everleaf.config.documents import Parsed
from everleaf.config.faults import BadValueError, Key, shown
from everleaf.config.report import Report
from everleaf.config.settings import AlertSettings, TerminatorSettings
from everleaf.config.values import LONGEST, address_port, duration, written

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def state_dir(table: schema.SettingsTable, report: Report) -> Path:
    """The state directory."""
    path = Path(table.state_dir)
    if not path.is_absolute():
        key = ("settings", "state_dir")
        report.add(key, f"{shown(table.state_dir)} is a relative path", "write it from / on")
    return path


def resolver(table: schema.SettingsTable, report: Report) -> tuple[str, ...]:
    """The name servers, as they were written."""
    for place, text in enumerate(table.resolver):
        try:
            address_port(text, 53)
        except BadValueError as error:
            report.take(("settings", "resolver", place), error)
    return tuple(table.resolver)


def span(
    text: str,
    key: Key,
    report: Report,
    *,
    least: timedelta = timedelta(0),
    most: timedelta = LONGEST,
) -> timedelta:
    """A duration within bounds; where it is none, the least."""
    try:
        value = duration(text, most)
    except BadValueError as error:
        report.take(key, error)
        return least
    if value < least:
        report.add(key, f"{text} is too short", f"make it at least {written(least)}")
    return value


def alert(table: schema.AlertTable, report: Report) -> AlertSettings:
    """Who is told, and when."""
    days = tuple(sorted(set(table.days), reverse=True))
    if not table.command:
        return AlertSettings(days=days)
    return AlertSettings(command=program(table.command, ("alert", "command"), report), days=days)


def program(command: list[str], key: Key, report: Report) -> tuple[str, ...]:
    """A program by its absolute path, wherever a run is started, and its arguments."""
    name, *arguments = command
    found = shutil.which(name)
    if "/" in name and not name.startswith("/"):
        report.add(key, f"{shown(name)} is a relative path", "write it from / on")
    elif found is None:
        remedy = "name an executable file, by its path or as found on PATH"
        report.add(key, f"{shown(name)} cannot be run", remedy)
    return (os.path.abspath(found or name), *arguments)  # noqa: PTH100 - links are kept


def all_terminators(parsed: Parsed) -> dict[str, TerminatorSettings]:
    """The terminators of the file."""
    found: dict[str, TerminatorSettings] = {}
    report = parsed.report
    for name, table in parsed.named["terminators"].items():
        if table is None:
            continue
        key: Key = ("terminators", name)
        try:
            hook = hooks.find(table.hook)
        except BadValueError as error:
            report.take((*key, "hook"), error)
            hook = Path(os.devnull)
        limit = span(table.timeout, (*key, "timeout"), report, least=SECOND, most=DAY)
        found[name] = TerminatorSettings(
            name=name,
            hook=hook,
            timeout=limit,
            per_certificate=table.per_certificate,
            settings={name: as_text(value) for name, value in table.settings.items()},
        )
    return found


def as_text(value: str | float | bool) -> str:
    """A setting of a hook as it stands in its environment."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
