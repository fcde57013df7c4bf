"""Diagnoses for people and for programs."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from everleaf.cli import console, documents
from everleaf.core.diagnosis import Diagnosis, Finding
from everleaf.core.printable import printable

_SHOWN = 3
_COLUMNS = ("WHERE", "TLS", "CIPHER", "CERTIFICATE", "ISSUER", "END")


def show(diagnosis: Diagnosis) -> None:
    """For people: the sentence, what else was found, and what was seen at each address."""
    colour = "green" if diagnosis.is_healthy else "red"
    click.echo(click.style(_wrapped(diagnosis.sentence), fg=colour, bold=True))
    first = diagnosis.faults[:1]
    rest = [one for one in diagnosis.findings if one not in first]
    if rest:
        click.echo()
    for one in rest:
        _show_finding(one, diagnosis.apart(one))
    rows = [row for at, facts in diagnosis.facts.items() for row in _rows(at, facts)]
    if rows:
        click.echo()
        console.table(_filled([_COLUMNS, *rows]))
    for left in _left_out(diagnosis.facts.get("process")):
        click.echo(f"not looked at: {printable(left)}")


def _left_out(process: object) -> Sequence[str]:
    """What a configuration names by way of variables, say."""
    return process.get("not_looked_at", ()) if isinstance(process, Mapping) else ()


def _filled(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Without the columns of which nothing is known: a file has no version of TLS."""
    known = [any(row[place] != "-" for row in rows[1:]) for place in range(len(rows[0]))]
    return [[cell for cell, kept in zip(row, known, strict=True) if kept] for row in rows]


def show_all(found: Sequence[Diagnosis]) -> None:
    """Several for people, one below the other."""
    if not found:
        click.echo("no nginx, haproxy or Apache is seen to run here")
    for place, one in enumerate(found):
        if place:
            click.echo()
        show(one)


def _show_finding(one: Finding, where: Sequence[str]) -> None:
    kind, colour = ("also", "red") if one.is_fault else ("note", "yellow")
    at = f" at {', '.join(where)}" if where else ""
    text = _wrapped(f"{kind}: {one.code}{at}: {one.what}. {one.symptom.check}")
    click.echo(click.style(kind, fg=colour) + text.removeprefix(kind))


def _wrapped(text: str) -> str:
    """In lines between words where a terminal watches; else in one, for grep."""
    if not sys.stdout.isatty():
        return text
    import shutil
    import textwrap

    return textwrap.fill(
        text,
        width=shutil.get_terminal_size().columns,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _rows(at: str, facts: object) -> Iterator[tuple[str, ...]]:
    """One for each certificate that an address sends; what is no address has none."""
    if not isinstance(facts, Mapping) or "chain" not in facts:
        return
    seen = at, str(facts.get("version") or "-"), str(facts.get("cipher") or "-")
    chain, other = facts.get("chain"), facts.get("other_chain")
    if chain:
        yield *seen, *_told(chain[0])
    else:
        words = facts.get("words")
        yield *seen, f"none: {printable(str(words))}" if words else "-", "-", "-"
    if other:
        yield at, "-", "-", *_told(other[0])


def _told(leaf: Mapping[str, Any]) -> tuple[str, str, str]:
    return printable(_named(leaf)), printable(leaf.get("issuer", "-")), leaf.get("not_after", "-")


def _named(leaf: Mapping[str, Any]) -> str:
    """Its names, as many as a line has room for."""
    names = leaf.get("names") or [leaf.get("subject", "unreadable")]
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def document(one: Diagnosis) -> documents.Document:
    """One diagnosis; its fields are described in the documentation."""
    return {
        "place": one.place,
        "healthy": one.is_healthy,
        "sentence": one.sentence,
        "findings": [_finding(found) for found in one.findings],
        "facts": dict(one.facts),
    }


def _finding(one: Finding) -> documents.Document:
    return {
        "code": one.code,
        "weight": one.symptom.weight.value,
        "what": one.what,
        "check": one.symptom.check,
        "where": list(one.where),
        "detail": dict(one.detail),
    }


def dump(one: Diagnosis) -> None:
    """One diagnosis as a JSON document."""
    console.dump({"version": documents.VERSION, **document(one)})


def dump_all(found: Sequence[Diagnosis]) -> None:
    """Several, as a JSON document."""
    console.dump(
        {
            "version": documents.VERSION,
            "healthy": all(one.is_healthy for one in found),
            "diagnoses": [document(one) for one in found],
        }
    )
